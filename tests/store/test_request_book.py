"""The list of sessions in which somebody may ask for an unseal: never too few, and disposable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.request_book import DiskRequestBook

P, Q = TreePath("adhoc/p/s"), TreePath(os.fsdecode(b"adhoc/q &\xff/s"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "requests.json"


@pytest.fixture
def book(file: Path) -> DiskRequestBook:
    """One that was made anew of a tree without requests."""
    made = DiskRequestBook(file)
    list(made.renew(iter(())))
    return made


def test_nothing_is_known_before_it_was_made(file: Path) -> None:
    """A first request is no list of all."""
    book = DiskRequestBook(file)
    with book.noting(P):
        pass
    assert book.sessions() is None
    assert not file.exists()


def test_sessions_stay_for_the_next_process(book: DiskRequestBook, file: Path) -> None:
    """Whatever their names are; nobody else can read them."""
    with book.noting(Q):
        assert Q.name in TreePath("/".join(DiskRequestBook(file).sessions() or ())).parts, "before it is so"
    with book.noting(P):
        pass
    assert DiskRequestBook(file).sessions() == tuple(sorted((P, Q)))
    assert file.stat().st_mode & 0o077 == 0


def test_what_comes_while_it_is_made_anew_is_in_it(book: DiskRequestBook) -> None:
    """The look through the tree may have passed there already."""

    def tree() -> Iterator[TreePath | None]:
        yield None
        yield Q

    steps = book.renew(tree())
    next(steps)
    with book.noting(P):
        pass
    assert list(steps) == []
    assert book.sessions() == tuple(sorted((P, Q)))
    list(book.renew(iter(())))
    assert book.sessions() == ()


def test_renamed_folder_is_followed(book: DiskRequestBook) -> None:
    """Below it alone; the old path does no harm."""
    for session in (P, TreePath("adhoc/p2/s")):
        with book.noting(session):
            pass
    book.follow(TreePath("adhoc/p"), TreePath("adhoc/new"))
    assert book.sessions() == ("adhoc/new/s", "adhoc/p/s", "adhoc/p2/s")


@pytest.mark.parametrize("text", ["", "{", "[7]", '["no"]', "7", "[" * 100_000, "null"])
def test_damaged_list_is_none(book: DiskRequestBook, file: Path, text: str) -> None:
    file.write_text(text)
    assert book.sessions() is None
    with book.noting(P):
        pass
    assert book.sessions() is None, "a list of this one alone would lack others"


def test_list_that_cannot_be_written_is_none(
    book: DiskRequestBook, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk keeps nobody from asking, and nothing is lacking afterwards."""

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_modama.store.records.os.write", full)
        with book.noting(P):
            pass
    assert book.sessions() is None
    assert os.listdir(file.parent) == []
