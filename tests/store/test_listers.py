"""Large folders are listed by processes of their own, and answer as small ones do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import lister, listers, listing
from jupyter_modama.store.listers import Listers
from jupyter_modama.store.listing import Asked, names_of

AWKWARD = ["ä b", "Zeile\nzwei", os.fsdecode(b"\xff\xfe"), "#&%'\"", "z.DM4", "y.dm4", ".hidden", "10", "9", "x.tif"]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listers]:
    """Processes of the test's own, which list every folder."""
    own = Listers()
    monkeypatch.setattr(listers, "shared", own)
    monkeypatch.setattr(listing, "READ_HERE", 2)
    yield own
    own.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files and folders of awkward names, and our own records."""
    for name in AWKWARD:
        (tmp_path / name).touch()
    for name in ("sub ä", ".modama", "10.dm4"):
        (tmp_path / name).mkdir()
    return tmp_path


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def names(folder: Path, **asked: str) -> list[str]:
    with opened(folder) as fd:
        return names_of(fd, Asked(TreePath("p"), **asked))


@pytest.mark.parametrize("sort", ["name", "-name", "type", "-type", "size", "-modified"])
@pytest.mark.parametrize("pattern", ["", "dm4", "*.DM4", "ä", "Zeile\n*", "nothing"])
@pytest.mark.parametrize("natural", [0, 1000])
def test_both_ways_answer_alike(
    folder: Path, apart: Listers, monkeypatch: pytest.MonkeyPatch, sort: str, pattern: str, natural: int
) -> None:
    """Order, filter, hidden records, folders first: the process makes no difference."""
    monkeypatch.setattr(listing, "SORTED_NATURALLY", natural)
    there = names(folder, sort=sort, filter=pattern, hidden=".modama")
    assert apart._idle
    monkeypatch.setattr(listing, "READ_HERE", 1000)
    assert there == names(folder, sort=sort, filter=pattern, hidden=".modama")


def test_names_of_folders_only_and_of_files_only(tmp_path: Path, apart: Listers) -> None:
    """An empty half stays an empty list."""
    for kind in ("folders", "files"):
        for number in range(5):
            (tmp_path / kind / str(number)).mkdir(parents=True)
    for number in range(5):
        (tmp_path / "files" / str(number)).rmdir()
        (tmp_path / "files" / str(number)).touch()
    assert names(tmp_path / "folders") == names(tmp_path / "files") == ["0", "1", "2", "3", "4"]


def test_a_name_is_never_taken_for_an_error(tmp_path: Path, apart: Listers) -> None:
    """The answer says apart from the names whether it is one."""
    for name in ("!2", "!x", "+", "a"):
        (tmp_path / name).mkdir()
    assert names(tmp_path) == ["!2", "!x", "+", "a"]


def test_a_process_that_was_killed_is_replaced(folder: Path, apart: Listers) -> None:
    """Nobody notices."""
    before = names(folder)
    [kept] = apart._idle
    os.kill(kept.process.pid, signal.SIGKILL)
    time.sleep(0.05)
    assert names(folder) == before
    assert apart._idle[0].process.pid != kept.process.pid


def test_without_processes_the_folder_is_listed_all_the_same(
    folder: Path, apart: Listers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that starts no more processes costs time, not the answer."""
    before = names(folder)
    apart.close()
    monkeypatch.setattr(listers.sys, "executable", "/nonexistent")
    assert names(folder) == before
    assert not apart._idle


def test_what_reading_says_is_raised_here(tmp_path: Path, apart: Listers) -> None:
    """The number of the error comes through."""
    (tmp_path / "file").touch()
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        with pytest.raises(NotADirectoryError):
            apart.names(fd, "name", "", "")
    finally:
        os.close(fd)
    assert apart._idle, "the process goes on"


def test_many_threads_share_a_few_processes(folder: Path, apart: Listers) -> None:
    """No answer goes to another thread's question."""

    def ask(number: int) -> bool:
        pattern = AWKWARD[number % len(AWKWARD)].replace("*", "")
        return pattern in names(folder, filter=pattern)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(200)))
    assert 1 <= len(apart._idle) <= listers.CORES


def test_a_forked_child_does_not_use_its_parents_process(folder: Path, apart: Listers) -> None:
    """Two who talk through one socket would get each other's answers."""
    names(folder)
    parents = apart._idle[0].process.pid
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            same = names(folder) and apart._idle[0].process.pid != parents
            apart.close()
            os.write(writing, b"own" if same else b"parent's")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"own"
    os.waitpid(child, 0)
    assert apart._idle[0].process.poll() is None


def test_the_process_ends_with_its_parents_socket(folder: Path, apart: Listers) -> None:
    """A parent that is killed leaves none behind."""
    names(folder)
    kept = apart._idle.pop()
    kept.channel.close()
    assert kept.process.wait(10) == 0


def test_the_loop_is_a_program_of_its_own() -> None:
    """It imports nothing of the package, or starting it would take as long as starting the package."""
    assert "jupyter_modama" not in Path(lister.__file__).read_text()
