"""Two lists of entries held against each other, as they are read."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows
from jupyter_modama.store import differences, manifest
from jupyter_modama.store.hashing import Hashed, Hashes

AT = "2026-11-20T10:00:00+00:00"
NAMES = some.text(some.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=3)
PATHS = some.lists(NAMES, min_size=1, max_size=2).map("/".join)
FILES = some.dictionaries(PATHS, some.sampled_from("ab"), max_size=6)
Names = dict[str, str]


def text(files: Names, links: Names | None = None) -> bytes:
    """A list of entries as a seal writes it; the contents of files are one letter."""
    hashed, targets, folders = Hashes(), Rows(), Rows()
    for path, letter in files.items():
        hashed.add(Hashed(TreePath(path), letter * 64, 1, 0, 0, 0))
    for path, target in (links or {}).items():
        targets.add(path, target.encode())
    folders.add("")
    return b"".join(manifest.entries_written(TreePath("raw"), hashed, targets, folders))


def lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def told(old: bytes, new: bytes) -> tuple[differences.Differences, bytes]:
    found = differences.Differences(AT)
    seal = {"entries_sha256": hashlib.sha256(old).hexdigest()}
    return found, b"".join(differences.told(seal, lines(old), lines(new), found))


@given(FILES, FILES, FILES, FILES)
def test_every_difference_is_told_once(old: Names, new: Names, old_links: Names, new_links: Names) -> None:
    """As the sets of paths say it, whatever the names are."""
    found, _ = told(text(old, old_links), text(new, new_links))
    pairs = ((old, new), (old_links, new_links))
    assert found.counts == {
        "new": sum(len(now.keys() - then.keys()) for then, now in pairs),
        "missing": sum(len(then.keys() - now.keys()) for then, now in pairs),
        "changed": sum(then[path] != now[path] for then, now in pairs for path in then.keys() & now.keys()),
    }


def test_list_names_what_is_no_text() -> None:
    """A name that is not UTF-8 comes back as it was."""
    odd = os.fsdecode(b"raw\xff")
    found, listed = told(text({}), text({odd: "a"}))
    assert found.first["new"] == [TreePath(f"raw/{odd}")]
    assert listed == b'{"what": "new", "path": "raw/raw\\udcff"}\n'


def test_only_the_first_are_kept_and_all_are_listed() -> None:
    """The record of a seal stays small."""
    many = {f"{number:04}": "a" for number in range(100)}
    found, listed = told(text(many), text({}))
    assert found.counts["missing"] == len(lines(listed)) == 100
    assert [path.name for path in found.first["missing"]] == [f"{number:04}" for number in range(10)]


@pytest.mark.parametrize(
    "old",
    [
        b"{}\n",
        b"no list\n",
        b"\xff\n",
        b"[1]\n",
        b"7\n",
        b"[" * 100_000 + b"\n",
        text({"b": "a"}) + text({"a": "a"}),
        text({"a": "a"}) * 2,
    ],
)
def test_list_that_is_none_is_said(old: bytes) -> None:
    """A list that is damaged or not in its order compares with nothing."""
    with pytest.raises(ValueError, match=r"list|order|JSON|Expecting|decode|recursion"):
        told(old, text({"a": "a"}))


def test_list_that_is_not_the_one_of_the_seal_is_said() -> None:
    """Its own seal has its checksum."""
    found = differences.Differences(AT)
    with pytest.raises(ValueError, match="not the one"):
        list(differences.told({"entries_sha256": "0" * 64}, lines(text({"a": "a"})), [], found))


def test_memory_does_not_grow_with_the_number_of_files() -> None:
    """The lists are read side by side."""

    def many(letter: str) -> Iterator[bytes]:
        for number in range(20_000):
            yield b'{"path": "raw/%08d", "bytes": 1, "sha256": "%s"}\n' % (number, letter.encode() * 64)

    def size(rows: Iterable[bytes]) -> int:
        return sum(map(len, rows))

    checksum = hashlib.sha256(b"".join(many("a"))).hexdigest()
    found = differences.Differences(AT)
    tracemalloc.start()
    try:
        assert size(differences.told({"entries_sha256": checksum}, many("a"), many("b"), found)) > 800_000
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
    assert found.counts["changed"] == 20_000
