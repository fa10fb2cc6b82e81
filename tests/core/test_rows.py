"""Long lists in the order of their paths, in memory and in a file without a name."""

from __future__ import annotations

import gc
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jupyter_modama.core import errors, rows
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows, below, joined, path_of
from jupyter_modama.store.nameless import nameless

PATHS = some.binary(min_size=1, max_size=8).filter(lambda path: b"\0" not in path)
SAID = some.binary(max_size=8)


def long_rows(folder: Path) -> Rows:
    return Rows(lambda: nameless(folder))


@pytest.fixture
def short_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few rows are put down."""
    monkeypatch.setattr(rows, "HELD_BYTES", 200)
    monkeypatch.setattr(rows, "PIECE", 7)


@given(found=some.lists(some.tuples(PATHS, SAID), max_size=40))
def test_rows_come_back_in_the_order_of_their_bytes(
    found: list[tuple[bytes, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As often as they are asked for, whatever bytes they hold, put down or not; and more can be added afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "HELD_BYTES", 200)
        patch.setattr(rows, "PIECE", 7)
        held = long_rows(tmp_path_factory.getbasetemp())
        for path, said in found:
            held.put(path + b"\0" + said)
        expected = sorted(path + b"\0" + said for path, said in found)
        assert list(held) == list(held) == expected
        assert [one for pair in zip(held, held, strict=True) for one in pair] == [x for x in expected for _ in "ab"]
        held.add("last", b"one")
        assert list(held) == sorted([*expected, b"last\0one"])
        assert len(held) == len(found) + 1


@given(some.dictionaries(PATHS, SAID), some.dictionaries(PATHS, SAID))
def test_two_lists_are_read_side_by_side(then: dict[bytes, bytes], now: dict[bytes, bytes]) -> None:
    """Each path once, with what either says of it."""
    lists = [Rows(), Rows()]
    for held, found in zip(lists, (then, now), strict=True):
        for path, said in found.items():
            held.put(path + b"\0" + said)
    assert list(joined(*lists)) == [(path, then.get(path), now.get(path)) for path in sorted(then | now)]


def test_rows_below_a_folder_have_their_paths_from_there() -> None:
    """What only begins with the same letters is not below it; a part of the folder can be asked for."""
    held = Rows()
    for path in ("raw", "raw/a", "raw/a/b", "raw/a-b", "raw-2/c", "x"):
        held.add(path)
    assert [path_of(row) for row in below(held, TreePath("raw"))] == ["", "a", "a-b", "a/b"]
    assert [path_of(row) for row in below(held, TreePath("raw"), TreePath("raw/a"))] == ["a", "a/b"]
    assert len(list(below(held, TreePath("")))) == 6


def test_many_rows_take_little_memory(tmp_path: Path) -> None:
    """Of a hundred thousand rows that have 14 MB less than ten are held."""
    tracemalloc.start()
    try:
        held = long_rows(tmp_path)
        for number in range(100_000):
            held.add(f"raw/block/frame_{number * 7919 % 100_000:06}.dm4", b"0" * 64)
        assert sum(1 for _ in held) == 100_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20
    assert [path_of(row)[-10:] for row, _ in zip(held, "ab", strict=False)] == ["000000.dm4", "000001.dm4"]


@pytest.mark.usefixtures("short_of_memory")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """The file has no name from the beginning, so that no crash can leave it, and is closed with its list."""
    gc.collect()  # what other tests have left must not go meanwhile
    before = len(os.listdir("/proc/self/fd"))
    held = long_rows(tmp_path / "cache")
    for number in range(100):
        held.add(f"{number}")
    assert len(os.listdir("/proc/self/fd")) == before + 1
    assert list((tmp_path / "cache").iterdir()) == []
    del held
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("short_of_memory")
def test_full_disk_is_said() -> None:
    """Where the lists find no room the disk is said to be full."""
    held = Rows(lambda: os.open("/dev/full", os.O_RDWR))
    with pytest.raises(errors.DiskFull, match="long list of files"):
        held.put(b"x" * 300)


@pytest.mark.usefixtures("short_of_memory")
def test_damaged_list_is_said(tmp_path: Path) -> None:
    """A disk that has lost what was written down is no list without files."""
    held, taken = Rows(lambda: taken[0]), [nameless(tmp_path)]
    for number in range(100):
        held.add(f"{number}")
    os.ftruncate(taken[0], 3)
    with pytest.raises(errors.StorageError, match="ends too early"):
        list(held)


def test_file_lies_elsewhere_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    """A cache that is no folder costs nothing."""
    (tmp_path / "cache").write_text("no folder")
    fd = nameless(tmp_path / "cache")
    try:
        assert os.fstat(fd).st_nlink == 0
        assert os.pwrite(fd, b"x", 0) == 1
    finally:
        os.close(fd)
