"""The list of folders in which something waits, by a key: never too few, and disposable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Noted
from jupyter_modama.store.path_book import DiskPathBook

P, Q = TreePath("adhoc/p/s"), TreePath(os.fsdecode(b"adhoc/q &\xff/s"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "requests.json"


@pytest.fixture
def book(file: Path) -> DiskPathBook:
    """One that was made anew of a tree without requests."""
    made = DiskPathBook(file)
    list(made.renew(iter(())))
    return made


def test_nothing_is_known_before_it_was_made(file: Path) -> None:
    """A first request is no list of all."""
    book = DiskPathBook(file)
    with book.noting(P):
        pass
    assert book.paths() is None
    assert not file.exists()


def test_sessions_stay_for_the_next_process(book: DiskPathBook, file: Path) -> None:
    """Whatever their names are; nobody else can read them."""
    with book.noting(Q):
        assert Q.name in TreePath("/".join(DiskPathBook(file).paths() or ())).parts, "before it is so"
    with book.noting(P):
        pass
    assert DiskPathBook(file).paths() == tuple(sorted((P, Q)))
    assert file.stat().st_mode & 0o077 == 0


def test_what_comes_while_it_is_made_anew_is_in_it(book: DiskPathBook) -> None:
    """The look through the tree may have passed there already."""

    def tree() -> Iterator[Noted | None]:
        yield None
        yield "", Q

    steps = book.renew(tree())
    next(steps)
    with book.noting(P):
        pass
    assert list(steps) == []
    assert book.paths() == tuple(sorted((P, Q)))
    list(book.renew(iter(())))
    assert book.paths() == ()


def test_two_who_make_it_anew_forget_nothing_of_each_other(book: DiskPathBook) -> None:
    """What came while the first looked is in what that writes, though a second began after it."""
    first, second = (book.renew(iter((None,))) for _ in range(2))
    next(first)
    with book.noting(P):
        pass
    next(second)
    assert list(first) == []
    assert book.paths() == (P,)
    assert list(second) == []


def test_each_key_has_its_own(book: DiskPathBook, file: Path) -> None:
    """A path can stand under several; a rename counts for all."""
    for key in ("a", "b"):
        with book.noting(P, key):
            pass
    with book.noting(Q, "b"):
        pass
    book.follow(P, TreePath("adhoc/new"))
    again = DiskPathBook(file)
    assert again.paths("a") == ("adhoc/new", P)
    assert again.paths("b") == tuple(sorted(("adhoc/new", P, Q)))
    assert again.paths() == ()


def test_renamed_folder_is_followed(book: DiskPathBook) -> None:
    """Below it alone; the old path does no harm."""
    for session in (P, TreePath("adhoc/p2/s")):
        with book.noting(session):
            pass
    book.follow(TreePath("adhoc/p"), TreePath("adhoc/new"))
    assert book.paths() == ("adhoc/new/s", "adhoc/p/s", "adhoc/p2/s")


@pytest.mark.parametrize("text", ["", "{", "[7]", '["no"]', "7", "[" * 100_000, "null"])
def test_damaged_list_is_none(book: DiskPathBook, file: Path, text: str) -> None:
    file.write_text(text)
    assert book.paths() is None
    with book.noting(P):
        pass
    assert book.paths() is None, "a list of this one alone would lack others"


def test_list_that_cannot_be_written_is_none(book: DiskPathBook, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk keeps nobody from asking, and nothing is lacking afterwards."""

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_modama.store.records.os.write", full)
        with book.noting(P):
            pass
    assert book.paths() is None
    assert os.listdir(file.parent) == []
