"""A seal, an undo and an unseal killed before every single change on the disk, one after the other."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sealing_child import in_child

from jupyter_modama.core.model import JobState, SessionState, Site, Via
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.runner import Runner, local_actor
from jupyter_modama.store import flags
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

ALICE = 61001
NAMED = {"project": PROJECT, "session": SESSION}
FS_IOC_SETFLAGS = 0x40086602
CHANGES = ("fchmod", "chmod", "fchown", "rename", "write", "pwrite", "unlink", "mkdir", "rmdir", "fsync", "ftruncate")
CHANGES = (*CHANGES, "utime", "setxattr", "sendfile", "link")
S = SessionState


class Countdown:
    """Kills this process right before its n-th change on the disk."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.guard = threading.Lock()

    def tick(self) -> None:
        with self.guard:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)

    def before(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def ticking(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            return change(*args, **kwargs)

        return ticking

    def begin(self) -> None:
        for name in CHANGES:
            setattr(os, name, self.before(getattr(os, name)))
        plain_open, plain_ioctl = os.open, fcntl.ioctl

        def opening(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_CREAT:
                self.tick()
            return plain_open(path, flags, *args, **kwargs)

        def ioctl(fd: Any, request: int, *args: Any) -> Any:
            if request == FS_IOC_SETFLAGS:
                self.tick()
            return plain_ioctl(fd, request, *args)

        os.open = opening  # type: ignore[assignment]
        fcntl.ioctl = ioctl  # type: ignore[assignment]


class Tree:
    """One session below a root of its own, with the state folder of whoever works on it."""

    def __init__(self, root: Path, uid: int) -> None:
        self.root, self.uid = root, uid
        root.mkdir()
        self.session = trees.make_session(root)
        if not uid:
            os.link(self.session / "raw" / "a.dat", self.session / "analysis" / "same.dat")
        (root / ".state").mkdir()
        for path, _ in trees.entries(root):
            os.chown(path, uid, uid)
        self.contents = trees.contents(self.session / "raw")

    def store(self) -> DiskStore:
        return DiskStore(Site(root=str(self.root)), state=self.root / ".state", cache=self.root / ".state")

    def does(self, operation: str, killed_at: int = 0, **wanted: Any) -> int:
        """Perform as a job in a process of its own; answers its exit code."""

        def work() -> None:
            runner = Runner(self.store())
            row = OPERATIONS[operation]
            Countdown(killed_at).begin()
            runner.run(row, row.wanted(**NAMED, **wanted), local_actor(Via.CLI))

        return in_child(work, self.uid)

    def goes_on(self) -> None:
        """What a server does when it starts again: go on with what was interrupted."""

        def work() -> None:
            store = self.store()
            runner = Runner(store)
            runner.resume_interrupted(local_actor(Via.LAB))
            runner._pool.shutdown(wait=True)
            left = [job for job in store.jobs.list() if not job.state.ended]
            problems = [
                job.problem["type"] for job in store.jobs.list() if job.state is JobState.FAILED and job.problem
            ]
            assert not left, left
            assert set(problems) <= {"urn:modama:already-sealed", "urn:modama:not-sealed"}, problems  # it was done

        assert in_child(work, self.uid) == 0

    def state(self) -> SessionState:
        store = self.store()
        try:
            return read_state(store, TreePath(f"{PROJECT}/{SESSION}"))[0]
        finally:
            store.close()

    def strays(self) -> list[str]:
        """What lies in the session that neither people nor a finished seal have put there."""
        fine = {"raw", "analysis", "manifest-sha256.txt", ".modama", "old"}
        fine |= {"seal.json", "session.lock", "session.locked", "manifest.jsonl", "metadata.jsonl"}
        names = [*os.listdir(self.session), *os.listdir(self.session / ".modama")]
        raw = set(trees.contents(self.session / "raw")) ^ set(self.contents)
        return [name for name in names if name not in fine] + [os.fsdecode(name) for name in raw]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that other users can reach; in memory where the flag works there, since thousands of syncs take time."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if has_flags("/dev/shm") else "/var/tmp"))
    folder.chmod(0o755)
    yield folder
    trees.clear(folder)
    shutil.rmtree(folder)


def has_flags(folder: str) -> bool:
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return flags.can_set(fd)
    finally:
        os.close(fd)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
class TestKilled:
    @staticmethod
    def is_whole_and_sealed(tree: Tree) -> None:
        assert tree.state() is S.SEALED
        assert trees.contents(tree.session / "raw") == tree.contents
        said = trees.checked(tree.session)
        assert said.returncode == 0, said
        assert tree.strays() == []
        if not tree.uid:
            assert trees.changeable(tree.session / "raw") == []
            assert trees.changeable(tree.session / "manifest-sha256.txt") == []
            assert trees.changeable(tree.session / ".modama" / "seal.json") == []
            assert (tree.session / "analysis" / "same.dat").read_bytes() == b"first"
            assert "same.dat" in trees.changeable(tree.session / "analysis")

    @pytest.mark.slow
    @pytest.mark.parametrize("uid", [0, ALICE], ids=["root", "user"])
    def test_seal_killed_at_every_step_goes_on(self, place: Path, uid: int) -> None:
        """Nothing is lost, the state is an honest one, and the next start of a runner ends the seal."""
        for count in range(1, 1000):
            tree = Tree(place / str(count), uid)
            code = tree.does("session.seal", count)
            assert code in {0, -signal.SIGKILL}
            assert trees.contents(tree.session / "raw") == tree.contents
            assert tree.state() in {S.WRITABLE, S.INTERRUPTED, S.SEALED}, count
            if code == 0:
                break
            tree.goes_on()
            if tree.state() is S.WRITABLE:  # killed before there was a job
                assert tree.does("session.seal") == 0
            self.is_whole_and_sealed(tree)
        self.is_whole_and_sealed(tree)
        assert count > 30

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("operation", "uid"),
        [("session.undo_seal", 0), ("session.unseal", ALICE)],
        ids=["undo by root", "unseal by a user"],  # both do the same once they have begun
    )
    def test_unseal_killed_at_every_step_goes_on(self, place: Path, uid: int, operation: str) -> None:
        """Taking a seal back goes on as well, or can be asked for again, and keeps the old manifest."""
        wanted = {"reason": "a frame is missing"} if operation == "session.unseal" else {}
        for count in range(1, 1000):
            tree = Tree(place / str(count), uid)
            assert tree.does("session.seal") == 0
            manifest = (tree.session / "manifest-sha256.txt").read_bytes()
            code = tree.does(operation, count, **wanted)
            assert code in {0, -signal.SIGKILL}
            assert trees.contents(tree.session / "raw") == tree.contents
            assert tree.state() in {S.WRITABLE, S.INTERRUPTED, S.SEALED}, count
            if code:
                tree.goes_on()
            if tree.state() is S.SEALED:  # killed before there was a job
                assert tree.does(operation, **wanted) == 0
            self.is_whole_and_writable(tree)
            kept = [path for path in (tree.session / ".modama" / "old").rglob("manifest-sha256.txt")]
            assert [path.read_bytes() for path in kept] == [manifest], count
            if code == 0:
                break
        assert count > 20

    @staticmethod
    def is_whole_and_writable(tree: Tree) -> None:
        assert tree.state() is S.WRITABLE
        assert trees.contents(tree.session / "raw") == tree.contents
        assert not (tree.session / "manifest-sha256.txt").exists()
        assert tree.strays() == []
        assert in_child(partial(change_all, tree.session / "raw"), tree.uid) == 0


def change_all(raw: Path) -> None:
    """Write into every file, and make one in every folder."""
    for folder, _, names in os.walk(raw):
        (Path(folder) / "new.dat").write_text("new")
        for name in names:
            with open(os.path.join(folder, name), "ab") as file:
                file.write(b"more")
