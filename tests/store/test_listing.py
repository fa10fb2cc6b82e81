"""Folders of any size, page by page."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.errors import CursorExpired, Invalid
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import disk, listing
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.listing import Asked, Snapshots, matcher, names_of, natural

FOLDER = TreePath("adhoc/p/s/raw")


class Tree:
    """A store with one folder to fill."""

    def __init__(self, root: Path) -> None:
        self.root, self.raw = root, root / FOLDER
        self.raw.mkdir(parents=True)
        self.store = DiskStore(Site(root=str(root)))

    def fill(self, count: int) -> None:
        """Empty files, made as fast as the kernel can."""
        fd = os.open(self.raw, os.O_RDONLY | os.O_DIRECTORY)
        for number in range(count):
            os.mknod(f"frame-{number:07}.dm4", dir_fd=fd)
        os.close(fd)

    def page(self, **asked: Any) -> Any:
        return self.store.listing(
            FOLDER, **{"start": 0, "limit": 200, "cursor": "", "sort": "name", "filter": "", **asked}
        )

    def names(self, **asked: Any) -> list[str]:
        return [(s[0] if isinstance(s, tuple) else s.path).name for s in self.page(**asked).stats]


@pytest.fixture
def tree(root: Path) -> Iterator[Tree]:
    made = Tree(root)
    yield made
    made.store.close()


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder in memory, where a million files are made in seconds."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no /dev/shm to write in")
    folder = tempfile.mkdtemp(dir="/dev/shm")
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Undone before the other fixtures of a test end, which look at files themselves."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


class Looks:
    """Counts the looks at entries and the readings of folders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stats = self.readings = 0
        plain_stat, plain_scan = disk.stat_at, os.scandir

        def stat(*args: Any) -> Any:
            self.stats += 1
            return plain_stat(*args)

        def scan(*args: Any) -> Any:
            self.readings += 1
            return plain_scan(*args)

        monkeypatch.setattr(disk, "stat_at", stat)
        monkeypatch.setattr(listing.os, "scandir", scan)
        monkeypatch.setattr(listing.os, "stat", self.refuse)

    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a page looks at an entry that it does not show")


def test_a_page_of_100_000_looks_at_its_own_entries_only(tree: Tree, patched: pytest.MonkeyPatch) -> None:
    """Names are read once, and each page stats what it shows."""
    tree.fill(100_000)
    looks = Looks(patched)
    first = tree.page(limit=200)
    assert (first.total, len(first.stats), looks.stats, looks.readings) == (100_000, 200, 200, 1)
    last = tree.page(start=99_950, limit=200, cursor=first.cursor)
    assert (len(last.stats), looks.stats, looks.readings) == (50, 250, 1)
    assert [s.path.name for s in last.stats][-1] == "frame-0099999.dm4"
    assert tree.page(start=100_000, cursor=first.cursor).stats == ()


@pytest.mark.slow
@pytest.mark.timeout(100)
def test_a_page_of_a_million_looks_at_its_own_entries_only(in_memory: Path, patched: pytest.MonkeyPatch) -> None:
    """In the middle, while the folder goes on growing."""
    tree = Tree(in_memory / "root")
    tree.fill(1_000_000)
    looks = Looks(patched)
    first = tree.page()
    (tree.raw / "new").touch()
    page = tree.page(start=500_000, cursor=first.cursor)
    assert (page.total, page.changed, looks.stats, looks.readings) == (1_000_000, True, 400, 1)
    assert page.stats[0].path.name == "frame-0500000.dm4"
    assert tree.store._snapshots.bytes < listing.KEPT_BYTES
    tree.store.close()


def test_cursor_pins_the_names_while_files_arrive_and_vanish(tree: Tree) -> None:
    """Nothing is shown twice or left out between pages; `changed` says that the folder moved on."""
    tree.fill(10)
    first = tree.page(limit=4)
    (tree.raw / "aaa").touch()
    (tree.raw / "frame-0000005.dm4").unlink()
    pages = [tree.page(start=start, limit=4, cursor=first.cursor) for start in (0, 4, 8)]
    assert [page.changed for page in pages] == [True, True, True]
    rows = [row for page in pages for row in page.stats]
    assert len(rows) == 10
    assert rows[5] == (FOLDER / "frame-0000005.dm4", "it is gone")
    anew = tree.page()
    assert (anew.changed, anew.total, anew.cursor != first.cursor) == (False, 10, True)


def test_folder_whose_time_was_set_back_has_changed(tree: Tree) -> None:
    """As rsync does with folders after it has copied into them."""
    tree.fill(2)
    os.utime(tree.raw, (0, 0))
    first = tree.page()
    (tree.raw / "new").touch()
    os.utime(tree.raw, (0, 0))
    assert tree.page(cursor=first.cursor).changed
    assert tree.page().total == 3


def test_changes_within_a_tick_of_the_clock_are_seen(tree: Tree) -> None:
    """Without a cursor the folder is looked at anew, however fast files arrive."""
    for number in range(100):
        (tree.raw / str(number)).touch()
        assert tree.page().total == number + 1


def test_same_folder_unchanged_is_read_once(tree: Tree, patched: pytest.MonkeyPatch) -> None:
    tree.fill(5)
    patched.setattr(listing, "_SETTLED_NS", -1)
    looks = Looks(patched)
    assert tree.page().cursor == tree.page().cursor
    assert looks.readings == 1


def test_snapshot_of_a_folder_that_has_just_changed_is_not_used_again(tree: Tree) -> None:
    """It may change again within the clock's tick, which no time of the folder would tell."""
    fd, asked = os.open(tree.raw, os.O_RDONLY), Asked(FOLDER)
    now = time.time_ns()
    for changed, used_again in ((now, False), (now + 10**12, False), (now - 10**9, True)):
        snapshots, stamp = Snapshots(), (*listing.stamp_of(fd)[:2], changed, changed)
        kept = snapshots.keep(asked, stamp, [])
        assert (snapshots._same(asked, stamp) is kept) is used_again
    os.close(fd)


def test_cursor_expires_after_ten_minutes_unasked(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each use keeps it for another ten."""
    clock = [1000.0]
    monkeypatch.setattr(listing.time, "monotonic", lambda: clock[0])
    tree.fill(3)
    cursor = tree.page().cursor
    tree.store._snapshots._kept[cursor].used = clock[0]
    for _ in range(3):
        clock[0] += listing.KEPT_S - 1
        assert tree.page(cursor=cursor).total == 3
    clock[0] += listing.KEPT_S + 1
    with pytest.raises(CursorExpired, match="load the folder again"):
        tree.page(cursor=cursor)
    assert tree.store._snapshots.bytes == 0


def test_memory_of_snapshots_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ones that nobody asked for longest go first; what they take is not guessed too low."""
    monkeypatch.setattr(listing, "KEPT_BYTES", 1_000_000)
    snapshots, stamp = Snapshots(), (1, 2, 3, 4)
    tokens = []
    for number in range(20):
        names = [f"ü{number}-{index:06}" for index in range(1999)]
        kept = snapshots.keep(Asked(FOLDER, filter=str(number)), stamp, names)
        tokens.append(kept.token)
        assert kept.bytes > sum(len(name.encode()) + 8 for name in names)
        assert snapshots.bytes <= 1_000_000
    assert tokens[-1] in snapshots._kept
    assert tokens[0] not in snapshots._kept
    huge = snapshots.keep(Asked(FOLDER), stamp, ["x" * 100 + str(n) for n in range(20_000)])
    assert list(snapshots._kept) == [huge.token], "the one that is being looked at stays"


# Order ---------------------------------------------------------------------------------------------------------------


def test_folders_first_then_numbers_as_people_count(tree: Tree) -> None:
    for name in ("frame-10", "frame-2", "Frame-1", "a"):
        (tree.raw / name).touch()
    for name in ("z10", "z9"):
        (tree.raw / name).mkdir()
    assert tree.names() == ["z9", "z10", "a", "Frame-1", "frame-2", "frame-10"]
    assert tree.names(sort="-name") == ["z10", "z9", "frame-10", "frame-2", "Frame-1", "a"]


@given(st.lists(st.text(), min_size=2, max_size=6))
def test_natural_order_is_an_order(names: list[str]) -> None:
    """Any names can be compared, and none is equal to another one."""
    keys = sorted(map(natural, names))
    assert all((natural(a) == natural(b)) is (a == b) for a in names for b in names)
    assert len(keys) == len(names)


def test_by_type_then_name(tree: Tree) -> None:
    for name in ("b.dm4", "a.tif", "c.DM4", "none"):
        (tree.raw / name).touch()
    assert tree.names(sort="type") == ["none", "b.dm4", "c.DM4", "a.tif"]


def test_by_size_and_time(tree: Tree) -> None:
    """Up to 20,000 at once."""
    for number, name in enumerate("abc"):
        (tree.raw / name).write_bytes(b"x" * number)
        os.utime(tree.raw / name, (0, 100 - number))
    (tree.raw / "folder").mkdir()
    assert tree.names(sort="-size") == ["folder", "c", "b", "a"]
    assert tree.names(sort="modified") == ["folder", "c", "b", "a"]


def test_above_20_000_by_size_is_a_job(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused with the way out; the job tells how far it is, and its cursor shows the result."""
    monkeypatch.setattr(listing, "SORTED_BY_STAT", 50)
    monkeypatch.setattr(listing, "TOLD_EVERY", 20)
    tree.fill(51)
    (tree.raw / "frame-0000003.dm4").write_bytes(b"large")
    with pytest.raises(Invalid, match=r"51 entries.*folder\.sort") as refused:
        tree.page(sort="-size")
    assert refused.value.facts["entries"] == 51
    *steps, cursor = tree.store.sort_listing(FOLDER, "-size", "")
    assert steps == [(20, 51), (40, 51)]
    assert tree.names(sort="-size", cursor=cursor)[0] == "frame-0000003.dm4"
    assert tree.page(sort="-size", filter="0000003.").total == 1


def test_vanished_files_do_not_stop_sorting(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.fill(4)
    plain = listing._stat_key

    def vanishing(fd: int, name: str, what: str) -> int:
        if (tree.raw / "frame-0000002.dm4").exists():
            (tree.raw / "frame-0000002.dm4").unlink()
        return plain(fd, name, what)

    monkeypatch.setattr(listing, "_stat_key", vanishing)
    assert len(tree.names(sort="size")) == 4


# Filters -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("scan", ["Scan_1.dm4", "scan(2).dm4", "a.scan"]),
        ("SCAN_", ["Scan_1.dm4"]),
        ("*.dm4", ["Scan_1.dm4", "scan(2).dm4"]),
        ("scan*", ["Scan_1.dm4", "scan(2).dm4"]),
        ("?.scan", ["a.scan"]),
        ("[ab].*", ["a.scan"]),
        ("(2)", ["scan(2).dm4"]),
        (".*", []),
        (".dm4$", []),
        ("^scan", []),
        ("scan|a", []),
        ("\\", []),
        ("[", []),
        ("+", []),
        ("grün", ["gru\u0308n.txt", "grün.tif"]),
        ("gru\u0308n*", ["gru\u0308n.txt", "grün.tif"]),
    ],
)
def test_filter_is_part_of_a_name_or_a_pattern_for_all_of_it(tree: Tree, text: str, found: list[str]) -> None:
    """In any case and spelling; what looks like a regular expression is plain text."""
    for name in ("Scan_1.dm4", "scan(2).dm4", "a.scan", "other.tif", "gru\u0308n.txt", "grün.tif"):
        (tree.raw / name).touch()
    assert sorted(tree.names(filter=text)) == sorted(found)


@given(st.text(), st.text(max_size=255))
def test_every_filter_can_be_tried_on_every_name(text: str, name: str) -> None:
    pattern = matcher(text)
    if pattern is None:
        assert text == ""
    elif set(text) & set("*?["):
        pattern.search(name)
    else:
        assert pattern.search(name + text)


def test_hostile_pattern_ends_in_time() -> None:
    """A pattern of many stars against a long name that nearly fits."""
    pattern = matcher("*a" * 60 + "*b")
    assert pattern is not None
    assert pattern.search("a" * 255) is None


def test_names_come_complete_in_any_order(tree: Tree) -> None:
    """Whatever the order, the same names."""
    rng = random.Random(1)  # noqa: S311
    for _ in range(50):
        (tree.raw / f"{rng.random()}.{rng.choice(['a', 'b'])}").touch()
    fd = os.open(tree.raw, os.O_RDONLY)
    wanted = sorted(os.listdir(fd))
    for sort in ("name", "-name", "type", "-type", "size", "-size", "modified", "-modified"):
        assert sorted(names_of(fd, Asked(FOLDER, sort))) == wanted
    os.close(fd)
