"""Writers and seals on file systems of several kinds, each made for the test: they differ in what a flag does."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealing_child import Child

from jupyter_modama.core import errors
from jupyter_modama.core.model import Protection, SessionState, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.sealing import Writers
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
S = SessionState
KINDS = {"ext4": 24, "xfs": 320, "btrfs": 128, "tmpfs": 16}
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount file systems and to set the immutable flag"),
]


@pytest.fixture(scope="module", params=list(KINDS))
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of its own."""
    kind = request.param
    if kind != "tmpfs" and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed (Debian packages e2fsprogs, xfsprogs, btrfs-progs)")
    with trees.mounted(tmp_path_factory.mktemp("disk"), kind, KINDS[kind]) as place:
        yield place


@pytest.fixture
def session(disk: Path) -> Iterator[Path]:
    folder = trees.make_session(disk)
    yield folder
    trees.clear(disk)
    shutil.rmtree(disk / "adhoc")


@pytest.fixture
def do(disk: Path, session: Path) -> Iterator[Any]:
    store = DiskStore(Site(root=str(disk)))

    def does(operation: str, **wanted: Any) -> Any:
        row = OPERATIONS[operation]
        answer = perform(row, row.wanted(**NAMED, **wanted), actor=local_actor(Via.CLI), store=store)
        return trees.driven(answer) if row.kind.value == "long" else answer

    does.state = lambda: read_state(store, TreePath(f"{PROJECT}/{SESSION}"))[0]  # type: ignore[attr-defined]
    yield does
    store.close()


def tree_state(top: Path) -> dict[str, tuple[int, ...]]:
    """Everything that a seal could change of every entry, read times left out."""
    found = {}
    for path, fd in trees.entries(top):
        status = os.fstat(fd)
        flags = trees.flags.is_immutable(fd)
        found[path] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_ctime_ns, int(flags))
    return found


def test_seal_is_whole(do: Any, session: Path) -> None:
    """All is immutable, and GNU sha256sum agrees with what is written down."""
    answer = do("session.seal")
    assert (answer.state, answer.protection) == (S.SEALED, Protection.IMMUTABLE)
    assert answer.seal.writers == "none"
    assert trees.changeable(session / "raw") == []
    assert trees.checked(session).returncode == 0
    assert do("session.verify").warnings == ()


def test_writer_stops_a_seal_before_anything_is_changed(do: Any, session: Path) -> None:
    """A program that holds one file open for writing: nothing of raw is touched."""
    with Child(lambda: (session / "raw" / "deep" / "b.dat").open("ab")) as program:
        before = tree_state(session / "raw")
        with pytest.raises(errors.OpenWriters) as refusal:
            do("session.seal")
        assert refusal.value.facts["writers"][0]["pid"] == program.pid
        assert refusal.value.facts["writers"][0]["path"] == "deep/b.dat"
        assert tree_state(session / "raw") == before
        assert do.state() is S.WRITABLE
    assert do("session.seal").state is S.SEALED


def mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def test_writer_through_memory_is_noticed_and_named(do: Any, session: Path) -> None:
    """A program that has closed the file and still has it mapped writes on."""
    with Child(lambda: mapped(session / "raw" / "a.dat")) as program:
        with pytest.raises(errors.OpenWriters) as refusal:
            do("session.seal")
        assert refusal.value.facts["writers"] == [{"path": "a.dat", "program": program.name, "pid": program.pid}]
    assert do("session.seal").state is S.SEALED


def test_reader_through_memory_is_no_writer(do: Any, session: Path) -> None:
    """Who maps a file to read it does not keep it from being sealed."""
    with (session / "raw" / "a.dat").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        assert do("session.seal").state is S.SEALED


def test_writer_that_appears_between_the_looks_is_found(do: Any, session: Path) -> None:
    """Whoever opens a file after the first look is found by the second, and the seal goes on later."""
    row, store = OPERATIONS["session.seal"], DiskStore(Site(root=str(session.parents[2])))
    steps = perform(row, row.wanted(**NAMED), actor=local_actor(Via.CLI), store=store)
    try:
        for step in steps:
            if step.phase == "preparing":
                break
        with Child(lambda: (session / "raw" / "deep" / "b.dat").open("ab")):
            with pytest.raises(errors.OpenWriters, match="Protection stays"):
                trees.driven(steps)
            assert do.state() is S.INTERRUPTED
        assert do("session.seal").state is S.SEALED
        assert trees.checked(session).returncode == 0
    finally:
        store.close()


def test_quiet_part_leaves_the_busy_way_open(do: Any, session: Path) -> None:
    """The busy file and the folders above it carry no flag, all else does, and a later seal takes the rest."""
    with Child(lambda: (session / "raw" / "deep" / "b.dat").open("ab")):
        assert do("session.seal", writers=Writers.QUIET).state is S.PARTIAL
        assert set(trees.changeable(session / "raw")) == {".", "deep", "deep/b.dat"}
        assert not (session / "manifest-sha256.txt").exists()
    assert do("session.seal").state is S.SEALED
    assert trees.changeable(session / "raw") == []


def test_change_while_overridden_is_found(do: Any, session: Path, disk: Path) -> None:
    """An open file still takes bytes after the flag on some file systems: then the seal fails rather than lie."""
    row, store = OPERATIONS["session.seal"], DiskStore(Site(root=str(disk)))
    steps = perform(row, row.wanted(**NAMED, writers=Writers.OVERRIDE), actor=local_actor(Via.CLI), store=store)
    try:
        with (session / "raw" / "a.dat").open("ab", buffering=0) as file:
            for step in steps:
                if step.phase == "checking":
                    break
            try:
                file.write(b" and more")
            except PermissionError:  # ext4: the flag holds for open files, too
                assert trees.driven(steps).seal.writers == "overridden"
            else:
                with pytest.raises(errors.StorageError, match="changed while"):
                    trees.driven(steps)
                assert do.state() is S.INTERRUPTED
    finally:
        store.close()
    if do.state() is not S.SEALED:
        assert do("session.seal").state is S.SEALED
    assert trees.checked(session).returncode == 0


def test_linked_file_is_copied_and_its_other_name_stays_free(do: Any, session: Path) -> None:
    """A seal is of the inode, so a name outside raw gets one of its own, with the same content and times."""
    outside = session / "analysis" / "same.dat"
    os.link(session / "raw" / "deep" / "b.dat", outside)
    before = outside.stat()
    do("session.seal")
    inside = (session / "raw" / "deep" / "b.dat").stat()
    assert inside.st_ino != before.st_ino
    assert inside.st_mtime_ns == before.st_mtime_ns
    assert outside.stat().st_ino == before.st_ino
    outside.write_bytes(b"changed")
    assert do("session.verify").files == 3


def test_seal_on_a_full_disk_goes_on_when_there_is_room(do: Any, session: Path, disk: Path) -> None:
    """No half manifest and no weaker protection: the seal stops in words, loses nothing, and goes on later."""
    if disk.name in {"mnt-ext4", "mnt-tmpfs"}:
        pytest.skip("that is tried in test_seal_disks for each amount of room left")
    before = trees.contents(session / "raw")
    for number in range(200):
        trees.write(session / "raw", f"frames/a-name-that-takes-room-in-the-manifest-{number:04}.dat", b"")
    filler = disk / "filler"
    fill(filler)
    try:
        answer = do("session.seal")
    except errors.DiskFull:
        assert do.state() in {S.WRITABLE, S.INTERRUPTED}
        assert not (session / "manifest-sha256.txt").exists() or trees.checked(session).returncode == 0
        shutil.rmtree(filler)
        answer = do("session.seal")
    else:
        shutil.rmtree(filler)  # what the file system keeps back was enough
    assert (answer.state, answer.protection, answer.seal.files) == (S.SEALED, Protection.IMMUTABLE, 203)
    assert before.items() <= trees.contents(session / "raw").items()
    assert trees.checked(session).returncode == 0


def fill(folder: Path) -> None:
    """Take all the room of a disk, to the last small file."""
    folder.mkdir()
    number = 0
    for size in (1 << 20, 1 << 16, 1 << 12, 1 << 12, 100, 1, 1):
        failed = 0
        while failed < 2:
            number += 1
            try:
                fd = os.open(folder / f"filler-{number}", os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    os.write(fd, b"x" * size)
                    os.fsync(fd)
                finally:
                    os.close(fd)
            except OSError:
                failed += 1
            if number > 20000:
                return
