"""Counts: right, remembered, and never in the way, whatever happens to the file that remembers them."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotAllowed, NotFound
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import counting, index
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person

RAW = TreePath("adhoc/p/s/raw")


@pytest.fixture
def raw(root: Path) -> Path:
    folder = root / RAW
    (folder / "deep").mkdir(parents=True)
    for name, size in (("a.dm4", 3), ("deep/b.DM4", 5), ("deep/c", 7), (".hidden", 1), ("x.averyveryverylong", 2)):
        (folder / name).write_bytes(b"x" * size)
    (folder / "link").symlink_to("a.dm4")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture
def always_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FRESH_S", -1.0)
    monkeypatch.setattr(index, "FRESH_FACTOR", 0.0)


def test_counts_are_right(store: DiskStore, raw: Path) -> None:
    """Files with their bytes, by format; links and pipes are no files."""
    found = store.summary(RAW, 10)
    assert (found.files, found.bytes, found.folders, found.complete) == (5, 18, 1, True)
    assert [(f.format, f.files, f.bytes) for f in found.formats] == [("", 3, 10), ("dm4", 2, 8)]
    assert found.first_file
    assert found.first_arrival is not None
    assert found.last_arrival is not None
    assert found.first_arrival <= found.last_arrival


def test_counts_are_believed_for_a_moment_only(store: DiskStore, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then counted again; for a folder that took long to count they are believed longer."""
    assert store.summary(RAW, 10).files == 5
    (raw / "new").touch()
    assert store.summary(RAW, 10).files == 5
    monkeypatch.setattr(index, "FRESH_S", 0.0)
    monkeypatch.setattr(index, "FRESH_FACTOR", 0.0)
    assert store.summary(RAW, 10).files == 6


def test_another_folder_of_the_same_name_is_counted_anew(store: DiskStore, raw: Path) -> None:
    store.summary(RAW, 10)
    raw.rename(raw.with_name("old"))
    raw.mkdir()
    assert store.summary(RAW, 10).files == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"garbage " * 1000),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:100] + os.urandom(4000) + file.read_bytes()[4100:]),
        lambda file: run(file, "UPDATE summary SET body = '{'"),
        lambda file: run(file, "UPDATE summary SET body = '[]'"),
        lambda file: run(file, """UPDATE summary SET body = '{"files": 1}'"""),
        lambda file: run(file, "UPDATE summary SET took = 'x'"),
        lambda file: run(file, "DROP TABLE summary", "CREATE TABLE summary (other TEXT)"),
        lambda file: file.with_name(file.name + "-journal").write_bytes(b"garbage" * 100),
    ],
    ids=[
        "garbage",
        "half",
        "empty",
        "holes",
        "no json",
        "a list",
        "half a summary",
        "no number",
        "old table",
        "journal",
    ],
)
def test_damaged_file_is_made_anew(store: DiskStore, raw: Path, damage: Callable[[Path], None]) -> None:
    """The counts are right, and remembered again."""
    store.summary(RAW, 10)
    damage(store.index.file)
    (raw / "new").touch()
    other = DiskStore(store.site)
    found = other.summary(RAW, 10)
    assert found.files in {5, 6}, "as it is, or as it was a moment ago where that could still be read"
    assert other.summary(RAW, 10).complete
    with sqlite3.connect(store.index.file) as base:
        assert json.loads(base.execute("SELECT body FROM summary").fetchone()[0])["files"] == found.files
    base.close()
    other.close()


def run(file: Path, *statements: str) -> None:
    with sqlite3.connect(file) as base:
        for statement in statements:
            base.execute(statement)
    base.close()


def test_file_that_is_a_folder_does_not_matter(store: DiskStore, raw: Path, always_anew: None) -> None:
    store.index.file.mkdir(parents=True)
    for _ in range(2):
        assert store.summary(RAW, 10).files == 5


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_folder_that_cannot_be_written_does_not_matter(root: Path, raw: Path, tmp_path: Path, mode: int) -> None:
    """Everything is counted, nothing remembered."""
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(mode)
    trees.readable_by_all(tmp_path)
    root.chmod(0o755)

    def count() -> list[int]:
        store = DiskStore(Site(root=str(root)), state=tmp_path / "state", cache=cache)
        return [store.summary(RAW, 10).files for _ in range(2)]

    assert as_person(4711, count) == [5, 5]
    assert os.listdir(cache) == []


def test_index_that_others_write_is_not_thrown_away(
    store: DiskStore, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program holds it, it is counted; afterwards what was in it is still there."""
    store.summary(RAW, 10)
    monkeypatch.setattr(index.sqlite3, "connect", lambda file, timeout: plain(file, timeout=0.05))
    inode = store.index.file.stat().st_ino
    other = plain(store.index.file)
    other.execute("BEGIN EXCLUSIVE")
    assert store.summary(RAW, 10).files == 5
    other.rollback()
    other.close()
    assert store.index.file.stat().st_ino == inode
    assert store.index._recall(RAW, os.stat(raw).st_ino)[0] is not None


plain = sqlite3.connect


def test_inodes_of_64_bits_fit(store: DiskStore, raw: Path) -> None:
    """Some file systems use all of them."""
    found = store.summary(RAW, 10)
    for inode in (0, 2**63 - 1, 2**63, 2**64 - 1):
        store.index._remember(RAW, inode, found, 1.0)
        assert store.index._recall(RAW, inode)[0] == found


class Slow:
    """Lets counting wait at its second folder until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.waits = threading.Event(), threading.Event()
        self.calls = 0
        plain = counting._count_folder

        def slow(*args: Any) -> Any:
            self.calls += 1
            if self.calls == 2:
                self.waits.set()
                self.go_on.wait(20)
            return plain(*args)

        monkeypatch.setattr(counting, "_count_folder", slow)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow(monkeypatch)
    yield made
    made.go_on.set()


def test_counting_goes_on_when_patience_ends(store: DiskStore, raw: Path, slow: Slow) -> None:
    """What is counted so far is answered at once, and all of it to whoever asks later; it is counted once."""
    begun = time.monotonic()
    early = store.summary(RAW, 0.05)
    assert time.monotonic() - begun < 15
    slow.waits.wait(20)
    early = store.summary(RAW, 0.0)
    assert (early.complete, early.files, early.bytes, early.counted_at) == (False, 3, 6, None)
    slow.go_on.set()
    late = store.summary(RAW, 20)
    assert (late.complete, late.files) == (True, 5)
    assert slow.calls == 2


def test_impatience_gets_what_was_known(store: DiskStore, raw: Path, slow: Slow, always_anew: None) -> None:
    """The counts of last time are better than those so far, and are marked as no longer sure."""
    slow.go_on.set()
    store.summary(RAW, 20)
    slow.go_on.clear()
    slow.calls = 0
    found = store.summary(RAW, 0.05)
    assert (found.files, found.complete) == (5, False)


def test_closing_stops_counting(root: Path, raw: Path, slow: Slow) -> None:
    """And nothing half is remembered."""
    store = DiskStore(Site(root=str(root)))
    assert not store.summary(RAW, 0.05).complete
    slow.waits.wait(20)
    store.close()
    slow.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "modama-count":
            thread.join(20)
    again = DiskStore(Site(root=str(root)))
    assert again.index._recall(RAW, os.stat(raw).st_ino)[0] is None
    again.close()


def test_program_does_not_wait_for_counting_at_its_end(root: Path, raw: Path) -> None:
    """A command that has its answer ends, although a count still runs."""
    code = f"""
import time
from jupyter_modama.store import counting
counting._count_folder = lambda *args: time.sleep(3600)
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
print(DiskStore(Site(root={str(root)!r})).summary(TreePath("adhoc"), 0.05).complete)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15, check=True)
    assert done.stdout == "False\n"


def test_deep_folders_cost_neither_stack_nor_descriptors(store: DiskStore, root: Path) -> None:
    """1,100 levels, deeper than any path that the kernel takes in one call."""
    (root / RAW).mkdir(parents=True)
    fd = os.open(root / RAW, os.O_RDONLY)
    top = fd
    try:
        for _ in range(1100):
            os.mkdir("deep", dir_fd=fd)
            inner = os.open("deep", os.O_RDONLY, dir_fd=fd)
            if fd != top:
                os.close(fd)
            fd = inner
        os.close(os.open("file", os.O_CREAT, dir_fd=fd))
        found = store.summary(RAW, 60)
        assert (found.folders, found.files) == (1100, 1)
        assert found.first_file.count("/") == 1100
    finally:
        os.close(fd)
        os.close(top)
        subprocess.run(["rm", "-rf", str(root / RAW)], check=True)


def test_folder_that_vanishes_meanwhile_is_left_out(
    store: DiskStore, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = counting._count_folder

    def vanishing(fd: int, folder: TreePath, *args: Any) -> Any:
        found = plain(fd, folder, *args)
        if folder == "":
            (raw / "deep").rename(raw.parent / "gone")
        return found

    monkeypatch.setattr(counting, "_count_folder", vanishing)
    assert store.summary(RAW, 10).files == 3


def test_what_is_not_there_is_said(store: DiskStore, raw: Path) -> None:
    for path in (RAW / "none", RAW / "a.dm4", RAW / "link"):
        with pytest.raises(NotFound):
            store.summary(path, 10)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_closed_folders_are_said_or_left_out(root: Path, raw: Path, tmp_path: Path) -> None:
    """The folder itself cannot be counted; one in it is not counted."""
    trees.readable_by_all(tmp_path)
    root.chmod(0o755)
    (raw / "deep").chmod(0o700)

    def count(path: TreePath) -> object:
        store = DiskStore(Site(root=str(root)), state=Path("/nonexistent"), cache=Path("/nonexistent"))
        try:
            return store.summary(path, 10).files
        except NotAllowed as error:
            return error.code

    assert as_person(4711, lambda: count(RAW)) == 3
    assert as_person(4711, lambda: count(RAW / "deep")) == "not-allowed"


def counted(root: str, state: str, times: int) -> None:
    store = DiskStore(Site(root=root), state=Path(state), cache=Path(state))
    for _ in range(times):
        assert store.summary(RAW, 30).files == 5
    store.close()


def test_two_processes_at_once(root: Path, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both count and remember in the same file, which stays whole."""
    monkeypatch.setattr(index, "FRESH_S", -1.0)
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=counted, args=(str(root), str(tmp_path), 40)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    base = sqlite3.connect(next(tmp_path.glob("index-*.sqlite")))
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    base.close()
