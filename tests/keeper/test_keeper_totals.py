"""What projects hold, as people see it who ask a worker of a keeper that watches their tree."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.model import Actor
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import done
from jupyter_modama.testing.running_keeper import Facility, Running

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start the keeper")]
PATIENCE_S = 60.0
P = "adhoc/p"


@pytest.fixture
def root() -> Iterator[Path]:
    """A tree on a file system of its own, so that the keeper hears of nothing else."""
    with trees.reachable_folder() as folder, trees.mounted(folder, "ext4", 256) as place:
        yield place


@pytest.fixture
def raw(keeper: Running, people: Accounts, root: Path) -> Path:
    """An empty raw folder of Alice's."""
    done(keeper.keys, people.alice, "project.create", name="p")
    done(keeper.keys, people.alice, "session.create", project=P, name="s")
    return root / P / "s/raw"


Shown = Callable[[], tuple[int | None, int | None]]


def asker(keeper: Running, actor: Actor) -> Shown:
    """Asks a worker how many files and bytes the project holds."""
    reader, row = keeper.read_as(actor), OPERATIONS["project.show"]

    def shown() -> tuple[int | None, int | None]:
        found = trees.driven(reader.do(row.name, row.wanted(project=P)))
        return found["files"], found["size_bytes"]

    return shown


def becomes(found: Callable[[], object], wanted: object) -> bool:
    end = time.monotonic() + PATIENCE_S
    while found() != wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def test_new_files_are_in_the_totals_without_a_walk(keeper: Running, people: Accounts, raw: Path) -> None:
    """Written, moved in and removed, in folders that come with them; a day before the next count."""
    alice = people.alice
    before = sum(path.is_file() and ".modama" not in path.parts for path in raw.parent.rglob("*"))
    shown = asker(keeper, alice.actor)
    assert becomes(lambda: shown()[0], before)
    alice.shell("mkdir -p a/b; printf 12345 > a/b/c; printf 1 > d", cwd=raw)
    assert becomes(lambda: shown()[0], before + 2)
    alice.shell("printf 6789 >> a/b/c; mv d a/e", cwd=raw)
    grown = sum(path.stat().st_size for path in raw.parent.rglob("*") if path.is_file() and ".modama" not in path.parts)
    assert becomes(shown, (before + 2, grown))
    alice.shell("rm -r a", cwd=raw)
    assert becomes(lambda: shown()[0], before)


def test_what_was_missed_is_counted_at_the_next_start(facility: Facility, people: Accounts, root: Path) -> None:
    """Files that came while no keeper ran; also where its index is gone."""
    alice = people.alice
    with facility.keeper() as keeper:
        done(keeper.keys, alice, "project.create", name="p")
        done(keeper.keys, alice, "session.create", project=P, name="s")
        shown = asker(keeper, alice.actor)
        assert becomes(lambda: shown()[0] is not None, True)
        first = shown()[0] or 0
    alice.shell("mkdir a; printf 1 > a/b", cwd=root / P / "s/raw")
    index = facility.folder / "state/cache/totals.sqlite"
    with facility.keeper() as keeper:
        shown = asker(keeper, alice.actor)
        assert becomes(lambda: shown()[0], first + 1)
        index.unlink()
        alice.shell("printf 1 > a/c", cwd=root / P / "s/raw")
        assert becomes(lambda: shown()[0], first + 2)
        assert becomes(index.exists, True)
