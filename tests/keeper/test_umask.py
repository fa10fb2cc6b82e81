"""The keeper's umask closes its own files, and nothing in the tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_modama.keeper.inprocess import DirectKeys
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import NAMED, PROJECT, SESSION, done, make_project
from jupyter_modama.testing.running_keeper import Facility

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start the keeper")]


def modes(root: Path) -> dict[str, str]:
    """Of all that lies there; the times in names do not matter."""
    found = {}
    for path in root.rglob("*"):
        found["".join("#" if letter.isdigit() else letter for letter in str(path.relative_to(root)))] = oct(
            os.lstat(path).st_mode
        )
    return found


def test_modes_do_not_depend_on_the_umask(facility: Facility, people: Accounts) -> None:
    """What the keeper makes in the tree is as open as what another program of the system makes."""
    told = []
    for with_umask in (0o077, 0o022):
        store = DiskStore(facility.site, state=facility.folder / "state", keeps_tree=True)
        before = os.umask(with_umask)
        try:
            keys = DirectKeys(store)
            make_project(keys, people.alice)
            raw = facility.root / PROJECT / SESSION / "raw"
            people.alice.shell(f"echo 1 > {raw}/a")
            done(keys, people.alice, "session.seal", **NAMED)
            done(keys, people.alice, "session.undo_seal", **NAMED)
            done(keys, people.alice, "session.seal", **NAMED)
            done(keys, people.alice, "project.set_members", project=PROJECT, add=(people.bob.login,))
            told.append(modes(facility.root / PROJECT))
        finally:
            os.umask(before)
            store.close()
        trees.clear(facility.root)
        os.rename(facility.root / "adhoc", facility.folder / f"done-{with_umask}")
    assert told[0] == told[1]
