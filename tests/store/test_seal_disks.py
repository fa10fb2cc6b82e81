"""Seals on file systems of their own: those that behave differently while a file is open, and one that is full."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, Protection, SessionState, Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.sealing import Writers
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
SIZES = {"ext4": 32, "xfs": 320, "btrfs": 128, "tmpfs": 32}
S = SessionState
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount file systems"),
]


@pytest.fixture(params=SIZES)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A new file system of each kind."""
    if request.param != "tmpfs" and not shutil.which(f"mkfs.{request.param}"):
        pytest.skip(f"mkfs.{request.param} is not installed")
    with trees.mounted(tmp_path, request.param, SIZES[request.param]) as place:
        yield place


@pytest.fixture
def tree(disk: Path) -> Iterator[DiskStore]:
    store = DiskStore(Site(root=str(disk)))
    yield store
    store.close()


def does(store: DiskStore, actor: Actor, operation: str, **wanted: Any) -> Any:
    row = OPERATIONS[operation]
    answer = perform(row, row.wanted(**NAMED, **wanted), actor=actor, store=store)
    return trees.driven(answer) if row.kind.value == "long" else answer


def test_seal_verify_and_undo(tree: DiskStore, disk: Path, actor: Actor) -> None:
    """The whole way on each file system, with the immutable flag."""
    session = trees.make_session(disk)
    os.link(session / "raw" / "a.dat", session / "analysis" / "link.dat")
    answer = does(tree, actor, "session.seal")
    assert (answer.state, answer.protection) == (S.SEALED, Protection.IMMUTABLE)
    assert trees.changeable(session / "raw") == []
    (session / "analysis" / "link.dat").write_text("changed")
    assert trees.checked(session).returncode == 0
    assert does(tree, actor, "session.verify").files == 3
    assert does(tree, actor, "session.undo_seal").state is S.WRITABLE
    (session / "raw" / "a.dat").write_text("changed")


def test_open_writer_is_found(tree: DiskStore, disk: Path, actor: Actor) -> None:
    """A writer is found before anything is changed, wherever the file lies."""
    session = trees.make_session(disk)
    with (session / "raw" / "a.dat").open("r+b"), pytest.raises(errors.OpenWriters):
        does(tree, actor, "session.seal")
    assert read_state(tree, PATH)[0] is S.WRITABLE


def test_what_an_overridden_writer_changes_shows(tree: DiskStore, disk: Path, actor: Actor) -> None:
    """Where a flag does not stop a program that has the file open already, verifying tells what it did."""
    session = trees.make_session(disk)
    with (session / "raw" / "a.dat").open("r+b", buffering=0) as writer:
        does(tree, actor, "session.seal", writers=Writers.OVERRIDE)
        with suppress(PermissionError):  # ext4 refuses, the others write on
            writer.write(b"CHANGED")
    if (session / "raw" / "a.dat").read_bytes().startswith(b"CHANGED"):
        with pytest.raises(errors.ManifestMismatch) as found:
            does(tree, actor, "session.verify")
        assert found.value.facts["changed"] == ["raw/a.dat"]
    else:
        assert does(tree, actor, "session.verify").files == 3


class TestFull:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Path]:
        with trees.mounted(tmp_path, "ext4", 16) as place:
            yield place

    @staticmethod
    def fill(place: Path, leave: int) -> Path:
        """Take all room but some blocks."""
        filler = place / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
        with filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 512)
        os.truncate(filler, filler.stat().st_size - leave)
        return filler

    @pytest.mark.parametrize("leave", [0, 4096, 8192, 16384, 32768, 65536])
    def test_full_disk_loses_nothing(self, small: Path, actor: Actor, leave: int, tmp_path: Path) -> None:
        """Wherever the room ends: the answer is that the disk is full, nothing is lost, and the seal goes on later."""
        session = trees.make_session(small)
        for number in range(400):
            trees.write(session / "raw", f"{'a-long-name-' * 12}{number}", b"x")
        before = trees.contents(session / "raw")
        store = DiskStore(Site(root=str(small)), state=tmp_path / "state", cache=tmp_path / "cache")
        try:
            filler = self.fill(small, leave)
            if leave <= 32768:
                with pytest.raises(errors.DiskFull, match="space"):
                    does(store, actor, "session.seal")
            else:
                with suppress(errors.DiskFull):
                    does(store, actor, "session.seal")
            assert trees.contents(session / "raw") == before
            assert read_state(store, PATH)[0] in ({S.WRITABLE, S.INTERRUPTED} if leave <= 32768 else {*S})
            filler.unlink()
            if read_state(store, PATH)[0] is not S.SEALED:
                assert does(store, actor, "session.seal").state is S.SEALED
            assert trees.contents(session / "raw") == before
            assert trees.checked(session).returncode == 0
            assert not [p for p in session.rglob("*") if p.name.endswith(".part") or p.name.startswith(".manifest")]
        finally:
            store.close()
