"""Errors: one tree, sentences for people, and the same class again on the other side of a wire."""

from __future__ import annotations

import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core import errors
from jupyter_modama.core.errors import ModamaError, from_os, from_problem, printable, tree


@pytest.mark.parametrize("code", sorted(tree()))
def test_error_comes_back_from_its_problem(code: str) -> None:
    """Of the same class, with the same sentence, and with an exit code and a status of its own."""
    kind = tree()[code]
    error = kind(what="x", path="a/b", session="s", count=3, writers=[{"pid": 1}])
    problem = json.loads(json.dumps(error.problem("request-1")))
    assert problem["type"] == f"urn:modama:{code}"
    assert problem["status"] == kind.status
    assert problem["instance"] == "request-1"
    again = from_problem(problem)
    assert type(again) is kind
    assert str(again) == str(error)
    assert 400 <= kind.status < 600
    assert kind.exit > 0


def test_unknown_problem_is_an_error_with_its_sentence() -> None:
    again = from_problem({"type": "urn:modama:of-the-future", "detail": "something new", "status": 499})
    assert type(again) is ModamaError
    assert str(again) == "something new"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.DiskFull),
        (errno.EDQUOT, errors.DiskFull),
        (errno.ENOENT, errors.NotFound),
        (errno.EACCES, errors.NotAllowed),
        (errno.EPERM, errors.NotAllowed),
        (errno.EROFS, errors.NotAllowed),
        (errno.EEXIST, errors.AlreadyExists),
        (errno.ENAMETOOLONG, errors.NameRefused),
        (errno.EIO, errors.StorageError),
        (errno.ESTALE, errors.StorageError),
    ],
)
def test_what_the_system_says_becomes_a_sentence(number: int, kind: type[ModamaError]) -> None:
    """Without a path on the disk."""
    said = from_os(OSError(number, os.strerror(number), "/secret/place/file"), "saving notes")
    assert type(said) is kind
    assert "/secret" not in str(said)


@given(st.text(st.characters()))
def test_printable_is_always_text(text: str) -> None:
    """Whatever halves of characters JSON or a disk hold."""
    printable(text).encode()


@given(st.binary())
def test_printable_of_file_names(raw: bytes) -> None:
    """Names that are text stay as they are."""
    name = os.fsdecode(raw)
    try:
        assert printable(name) == raw.decode()
    except UnicodeDecodeError:
        assert "\\x" in printable(name)
