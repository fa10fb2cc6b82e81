"""Locks die with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sealing_child import Child, in_child

from jupyter_modama.core.errors import Conflict, SealingInProgress
from jupyter_modama.core.model import Actor, SessionState
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import locks
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees

SESSION = TreePath("adhoc/p/s")
READER = 61001


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.fixture
def other(tmp_path: Path, file: int) -> Iterator[int]:
    """The same file, opened by itself as another thread does."""
    fd = os.open(tmp_path / "lock", os.O_RDWR)
    yield fd
    os.close(fd)


def test_lock_is_held_by_one_opening_of_the_file(file: int, other: int) -> None:
    """Also within one process; the holder does not see itself."""
    with locks.held(file, "sealing by anna"):
        assert locks.holder(other) == "sealing by anna"
        assert locks.holder(file) == ""
        with pytest.raises(BlockingIOError), locks.held(other, "mine"):
            pass
    assert locks.holder(other) == ""
    with locks.held(other, "mine"):
        pass


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"purpose": ""}', b"\xff"])
def test_lock_without_a_readable_purpose_is_held_all_the_same(file: int, other: int, text: bytes) -> None:
    with locks.held(file, "x"):
        os.ftruncate(file, 0)
        os.pwrite(file, text, 0)
        assert locks.holder(other) == "another program"


def test_full_disk_does_not_hinder_locking(file: int, other: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only nobody can read what it is held for."""

    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(locks.os, "pwrite", full)
    with locks.held(file, "sealing"):
        assert locks.holder(other) == "another program"
    assert locks.holder(other) == ""


def test_lock_ends_with_its_process(store: DiskStore, root: Path) -> None:
    """Killed without a chance to tidy up."""
    (root / SESSION / "raw").mkdir(parents=True)
    code = f"""
import sys
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
with DiskStore(Site(root={str(root)!r})).lock(TreePath("adhoc/p/s"), "sealing by anna"):
    print("held", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert store.lock_holder(SESSION) == "sealing by anna"
    with pytest.raises(SealingInProgress, match="sealing by anna"), store.lock(SESSION, "mine"):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert store.lock_holder(SESSION) == ""
    with store.lock(SESSION, "mine"):
        pass


def test_error_in_the_block_is_not_taken_for_a_lock(store: DiskStore, root: Path) -> None:
    """A block that would have to wait for something else says that itself."""
    (root / SESSION / "raw").mkdir(parents=True)
    with pytest.raises(BlockingIOError), store.lock(SESSION, "mine"):
        raise BlockingIOError
    assert store.lock_holder(SESSION) == ""


def test_names_are_created_by_one_at_a_time(tmp_path: Path) -> None:
    """Looking and creating of several threads do not mix."""
    fd, inside, most = os.open(tmp_path, os.O_RDONLY), [], []

    def create() -> None:
        file = locks.private_file(tmp_path / "state" / "names.lock")
        with locks.names_locked(file, fd, patience_s=60):
            inside.append(1)
            time.sleep(0.01)
            most.append(len(inside))
            inside.pop()
        os.close(file)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(fd)
    assert most == [1] * 8


def test_folder_that_stays_busy_is_said(store: DiskStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some patience, and the lock is free again afterwards; other folders are free all the time."""
    (root / "other").mkdir()
    with store.names_locked(TreePath("")):
        monkeypatch.setattr(locks.names_locked.__wrapped__, "__defaults__", (0.05,))
        with pytest.raises(Conflict, match="busy"), store.names_locked(TreePath("")):
            pass
        with store.names_locked(TreePath("other")):
            pass
    with store.names_locked(TreePath("")):
        pass


def test_file_systems_without_locks(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Creating goes on; that a name is taken the kernel says anyway."""

    def unable(*args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "fcntl", unable)
    with store.names_locked(TreePath("")), store.names_locked(TreePath("")):
        pass


def test_names_are_free_when_a_program_was_killed(store: DiskStore, root: Path, tmp_path: Path) -> None:
    """Without a chance to tidy up, while it was making names."""
    code = f"""
import sys
from pathlib import Path
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
with DiskStore(Site(root={str(root)!r}), state=Path({str(store._names_file.parent)!r})).names_locked(TreePath("")):
    print("held", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    fd, file = os.open(root, os.O_RDONLY), locks.private_file(store._names_file)
    with pytest.raises(BlockingIOError), locks.names_locked(file, fd, patience_s=0):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    with locks.names_locked(file, fd, patience_s=0):
        pass
    os.close(file)
    os.close(fd)


# other users ---------------------------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
class TestOfOthers:
    @pytest.fixture
    def session(self, root: Path) -> Path:
        session = root / SESSION
        (session / "raw").mkdir(parents=True)
        (session / "raw" / "a.dat").write_text("first")
        trees.readable_by_all(root)
        return session

    @staticmethod
    def holds_all(session: Path) -> list[int]:
        """Shared locks of both kinds on everything of a session that a reader can open."""
        os.setgid(READER)
        os.setuid(READER)
        held = []
        for path in session.rglob("*"):
            with suppress(PermissionError):
                fd = os.open(path, os.O_RDONLY)
                fcntl.fcntl(fd, fcntl.F_OFD_SETLK, locks._asked(fcntl.F_RDLCK))
                fcntl.flock(fd, fcntl.LOCK_SH)
                held.append(fd)
        assert held
        return held

    @pytest.mark.parametrize("mode", [0o600, 0o644], ids=["ours", "of an older version"])
    def test_reader_cannot_keep_a_session_locked(
        self, store: DiskStore, session: Path, actor: Actor, mode: int
    ) -> None:
        """Whoever may only look holds what locks they can: the session is free, is shown as free, and is sealed."""
        (session / ".modama").mkdir()
        (session / ".modama" / "session.lock").touch(mode=mode)
        with store.lock(SESSION, "sealing by anna"):
            pass
        with Child(lambda: self.holds_all(session)):
            assert store.lock_holder(SESSION) == ""
            assert in_child(lambda: shows(store, ""), READER) == 0
            with store.lock(SESSION, "mine"):
                assert store.lock_holder(SESSION) == "mine"
            row = OPERATIONS["session.seal"]
            steps = perform(row, row.wanted(project="adhoc/p", session="s"), actor=actor, store=store)
            assert trees.driven(steps).state is SessionState.SEALED
        trees.clear(session)

    def test_reader_cannot_keep_names_from_being_made(self, store: DiskStore, session: Path, actor: Actor) -> None:
        """Whoever may look at a folder holds what locks they can on it, and on the file of locks: nobody waits."""
        with store.names_locked(TreePath("adhoc/p")):
            pass

        def holds() -> list[int]:
            os.setgid(READER)
            os.setuid(READER)
            held = []
            for path in (session.parent.parent, session.parent, session):
                held.append(os.open(path, os.O_RDONLY))
                fcntl.flock(held[-1], fcntl.LOCK_EX)
            with pytest.raises(PermissionError):
                os.open(store._names_file, os.O_RDONLY)
            return held

        with Child(holds), pytest.MonkeyPatch.context() as patch:
            patch.setattr(locks.names_locked.__wrapped__, "__defaults__", (0.0,))
            row = OPERATIONS["session.create"]
            made = perform(row, row.wanted(project="adhoc/p", name="t"), actor=actor, store=store)
        assert made.name == "t"

    def test_reader_sees_that_a_session_is_locked(self, store: DiskStore, session: Path) -> None:
        """And for what, though the lock itself is not for them; and not any more when it is free."""
        with store.lock(SESSION, "sealing by anna"):
            assert in_child(lambda: shows(store, "sealing by anna"), READER) == 0
        assert in_child(lambda: shows(store, ""), READER) == 0

    def test_lock_that_ended_with_its_process_is_not_shown(self, store: DiskStore, session: Path) -> None:
        """The sign of it lies there still."""

        def dies() -> None:
            with store.lock(SESSION, "sealing by anna"):
                os.kill(os.getpid(), signal.SIGKILL)

        assert in_child(dies, 0) == -signal.SIGKILL
        assert "anna" in (session / ".modama" / "session.locked").read_text()
        assert in_child(lambda: shows(store, ""), READER) == 0


def shows(store: DiskStore, purpose: str) -> None:
    assert store.lock_holder(SESSION) == purpose
