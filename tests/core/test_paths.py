"""Paths below the root never lead out of it."""

from __future__ import annotations

import os
import posixpath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_modama.core.errors import PathRefused
from jupyter_modama.core.paths import TreePath, encoded


@given(st.text())
@example("..")
@example("a/../../b")
@example("/etc/passwd")
@example("a//b")
@example("\ud800")
@example("a/\0")
@example("/")
def test_parsed_path_never_leaves_the_root(text: str) -> None:
    """It is refused in words, or it is a normal path below the root that the system can take."""
    try:
        path = TreePath.parse(text)
    except PathRefused as error:
        error.problem()
        str(error).encode()
        return
    full = posixpath.normpath("/root/" + path)
    assert full == "/root" or full.startswith("/root/")
    assert full == ("/root/" + path).rstrip("/")
    assert not path.startswith("/")
    assert b"\0" not in os.fsencode(path)
    assert TreePath.parse(path) == path


@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw))
def test_every_name_of_the_disk_travels(raw: bytes) -> None:
    """Any bytes that the disk holds come back the same, as text or beside it in base64; what is shown is text."""
    name = os.fsdecode(raw)
    if "/" in name or name in {".", ".."}:
        return
    path = TreePath("folder") / name
    assert TreePath.parse(path.shown, path.b64) == path
    path.shown.encode()
    assert os.fsencode(path) == b"folder/" + raw


def test_bytes_that_are_text_after_all_are_one_path() -> None:
    """Escapes that spell UTF-8 name the same file as the letter does, and are the same path."""
    assert TreePath.parse("\udcc3\udca4") == TreePath.parse("ä")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("/a", "without a leading /"),
        ("a//b", "''"),
        ("a/./b", "'.'"),
        ("../a", "'..'"),
        ("a/..", "'..'"),
        ("a\0b", "NUL"),
        ("a/" + "x" * 256, "longer than 255 bytes"),
        ("ü" * 128, "longer than 255 bytes"),
        ("\ud800", "half of a character"),
    ],
)
def test_refusal_says_which_rule(text: str, rule: str) -> None:
    with pytest.raises(PathRefused) as refused:
        TreePath.parse(text)
    assert rule in str(refused.value)


@pytest.mark.parametrize("b64", ["a", "a!==", "ü", "Li4vYQ==", "L2V0Yw==", "YQBi"])
def test_base64_that_means_no_path_is_refused(b64: str) -> None:
    """Rubbish, and `../a`, `/etc` and a NUL in disguise."""
    with pytest.raises(PathRefused):
        TreePath.parse("fine", b64)


def test_base64_counts_and_not_the_text() -> None:
    assert TreePath.parse("shown", encoded("\udcff/b")) == "\udcff/b"


def test_root_and_slashes_at_the_end() -> None:
    assert TreePath.parse("") == TreePath.parse("/") == ""
    assert TreePath.parse("a/b/") == "a/b"


def test_parts_of_a_path() -> None:
    path = TreePath("a/b/c")
    assert (path.name, path.parent, path.parts) == ("c", "a/b", ("a", "b", "c"))
    assert (TreePath("").parts, TreePath("a").parent) == ((), "")
    assert TreePath("") / "a" == "a"


@pytest.mark.parametrize(
    ("path", "other", "is_below"),
    [
        ("a/b", "a", True),
        ("a", "a", True),
        ("ab", "a", False),
        ("a", "a/b", False),
        ("a", "", True),
    ],
)
def test_below(path: str, other: str, is_below: bool) -> None:
    assert TreePath(path).below(TreePath(other)) is is_below
