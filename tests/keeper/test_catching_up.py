"""What people make while no keeper runs is mended when one runs again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from jupyter_modama.keeper.__main__ import MARGIN, WATCHED
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import PROJECT, SESSION, done, make_project
from jupyter_modama.testing.running_keeper import Facility

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start the keeper")]


def test_folder_made_while_the_keeper_was_killed_is_mended(facility: Facility, people: Accounts) -> None:
    """Also where the next keeper is killed before it came to that; what was there before is not gone through."""
    folder = facility.root / PROJECT / SESSION
    with facility.keeper() as keeper:
        make_project(keeper.keys, people.alice)
        done(keeper.keys, people.alice, "project.set_members", project=PROJECT, add=(people.bob.login,))
        people.alice.does("mkdir", folder / "raw/before")
        eventually((keeper.state / WATCHED).exists)
        eventually(lambda: is_sticky(folder / "raw/before"))
        keeper.end(signal.SIGKILL)
    (folder / "raw/before").chmod(0o2750)
    time.sleep(0.5)
    until = time.time() + MARGIN.total_seconds() - 0.1
    os.utime(facility.folder / "state" / WATCHED, (until, until))
    people.alice.does("mkdir", "-p", folder / "raw/between/deep", folder / "analysis/too")
    assert not is_sticky(folder / "raw/between")
    facility.start().end(signal.SIGKILL)
    with facility.keeper():
        for name in ("raw/between", "raw/between/deep", "analysis/too"):
            eventually(lambda name=name: is_sticky(folder / name))  # type: ignore[misc]
    assert not is_sticky(folder / "raw/before")


def is_sticky(folder: os.PathLike[str]) -> bool:
    return bool(os.stat(folder).st_mode & 0o1000)


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
