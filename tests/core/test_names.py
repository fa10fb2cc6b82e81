"""Names that we create work on every computer; each refusal says which rule."""

from __future__ import annotations

import threading
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.errors import AlreadyExists, ModamaError, NameRefused
from jupyter_modama.core.model import Actor, Site
from jupyter_modama.core.names import FORBIDDEN, broken_rule, checked_name, fold, windows_path, windows_warning
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore

REFUSED = {
    "": "empty",
    "  ": "empty",
    "a/b": "the name alone",
    "a\\b": "character \\",
    "a:b": "character :",
    "what?": "character ?",
    "a*": "character *",
    "<a>": "character <",
    'say "a"': 'character "',
    "a|b": "character |",
    "a\nb": "invisible character (U+000A)",
    "a\x00b": "invisible character (U+0000)",
    "a\u200bb": "invisible character (U+200B)",
    "\u202egnp": "invisible character (U+202E)",
    "\ufeffa": "invisible character (U+FEFF)",
    "a\x7f": "invisible character (U+007F)",
    ".hidden": "begins with a dot",
    "..": "begins with a dot",
    " a": "begins with a space",
    "\u00a0a": "begins with a space",
    "a.": "ends in a dot",
    "a ": "ends in a dot or a space",
    "a\u3000": "ends in a dot or a space",
    "CON": "device",
    "nul.txt": "device",
    "Com1": "device",
    "lpt9.tar.gz": "device",
    "COM²": "device",
    "aux .txt": "device",
    "conin$": "device",
    "x" * 201: "longer than 200 bytes",
    "ü" * 101: "longer than 200 bytes",
    "\udcff": "not UTF-8",
}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_refusal_says_which_rule(name: str) -> None:
    """And names the name."""
    with pytest.raises(NameRefused) as refused:
        checked_name(name, (), "a project")
    assert REFUSED[name] in str(refused.value)
    assert refused.value.problem()["type"] == "urn:modama:name-refused"
    str(refused.value).encode()


@pytest.mark.parametrize(
    "name",
    ["a", "2026-11-21-holograms", "Grüße", "a b", "x" * 200, "CONTACT", "com10", "a.b.c", "日本", "𝄞", "-x", "#1 & 2%"],
)
def test_ordinary_names_are_taken(name: str) -> None:
    assert checked_name(name, (), "a project") == name


@given(st.text())
def test_what_is_accepted_breaks_no_rule(name: str) -> None:
    """Whatever is asked for: a name in NFC that needs no quoting on any system, or a refusal in words."""
    try:
        found = checked_name(name, (), "a project")
    except NameRefused:
        assert broken_rule(unicodedata.normalize("NFC", name)) or not name.isprintable()
        return
    assert unicodedata.is_normalized("NFC", found)
    assert not set(found) & set(FORBIDDEN)
    assert found[0] not in ". "
    assert found[-1] not in ". "
    assert all(ord(sign) > 31 for sign in found)
    assert len(found.encode()) <= 200
    assert broken_rule(found) == ""
    assert checked_name(found, (), "a project") == found


@given(st.text(st.characters(codec="utf-8")))
def test_spellings_of_one_name_fold_alike(name: str) -> None:
    """Composed, decomposed or in capitals: computers that cannot tell them apart see one name."""
    assert fold(unicodedata.normalize("NFD", name)) == fold(unicodedata.normalize("NFC", name)) == fold(name)
    assert fold(name.casefold()) == fold(name)


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("a", "a"),
        ("A", "a"),
        ("GRÜSSE", "grüße"),
        ("Gru\u0308n", "Grün"),
        ("Straße", "STRASSE"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_clash_in_another_spelling(there: str, wanted: str) -> None:
    """It is refused, and where only the spelling differs that is said."""
    with pytest.raises(AlreadyExists) as refused:
        checked_name(wanted, ["other", there], "a project")
    assert there in str(refused.value)
    assert ("spelling" in str(refused.value)) == (there != wanted)


def test_siblings_that_are_no_text_do_not_hurt() -> None:
    assert checked_name("a", ["\udcff", "b\n"], "a project") == "a"


def test_a_name_becomes_nfc(do: Any, root: Path) -> None:
    """What a Mac types decomposed is stored composed."""
    assert do("project.create", name="Gru\u0308n").path == "adhoc/Grün"
    assert (root / "adhoc/Grün").is_dir()


@pytest.mark.parametrize("operation", ["project.create", "session.create", "project.rename", "session.rename"])
def test_every_way_to_a_name_holds_the_rules(operation: str, do: Any, root: Path) -> None:
    """Nothing is made or renamed by a refused name."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    before = sorted(root.rglob("*"))
    wanted = {"project.create": {}, "session.create": {"project": "adhoc/p"}, "project.rename": {"project": "adhoc/p"}}
    for name in ("a:b", "NUL", "../x", "a/b", ".x", "x" * 300, "\udcff"):
        with pytest.raises(NameRefused):
            do(operation, name=name, **wanted.get(operation, {"project": "adhoc/p", "session": "s"}))
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("spellings", [("p", "p"), ("Grün", "GRÜN")])
def test_of_two_who_create_a_name_at_once_one_wins(store: DiskStore, actor: Actor, spellings: tuple[str, str]) -> None:
    """The other one is told that it is taken, also in another spelling."""
    DiskStore.make_folder(store, TreePath("adhoc"), like="area")
    row = OPERATIONS["project.create"]
    for turn in range(8):
        barrier, answers = threading.Barrier(2), []

        def create(
            name: str, barrier: threading.Barrier = barrier, answers: list[Any] = answers, turn: int = turn
        ) -> None:
            barrier.wait()
            try:
                answers.append(perform(row, row.wanted(name=f"{name}{turn}"), actor=actor, store=store).name)
            except ModamaError as error:
                answers.append(error.code)

        threads = [threading.Thread(target=create, args=(name,)) for name in spellings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers)[0] != "already-exists" or sorted(answers)[1] != "already-exists"
        assert answers.count("already-exists") == 1, answers
    assert len(list(store.children(TreePath("adhoc")))) == 8


def test_windows_path_is_that_of_the_share() -> None:
    site = Site(root="/x", services={"smb": {"host": "smb.example.org", "share": "data"}})
    assert windows_path(site, TreePath("adhoc/p/s/raw")) == r"\\smb.example.org\data\adhoc\p\s\raw"
    assert windows_path(Site(root="/x"), TreePath("adhoc/p")) == r"Z:\adhoc\p"


@pytest.mark.parametrize(("length", "warned"), [(10, False), (128, False), (129, True), (200, True)])
def test_little_room_for_windows_is_warned_of(length: int, warned: bool) -> None:
    """`Z:\\a\\p\\<name>\\raw\\` leaves 120 of 260 characters, or it is said how many."""
    raw = TreePath("a/p/" + "x" * length + "/raw")
    said = windows_warning(Site(root="/x"), raw)
    assert bool(said) is warned
    if warned:
        left = 260 - len(rf"Z:\a\p\{'x' * length}\raw") - 1
        assert f"leaves {max(left, 0)} of 260" in said


def test_session_carries_the_windows_warning(do: Any) -> None:
    do("project.create", name="p" * 100)
    session = do("session.create", project="adhoc/" + "p" * 100, name="s" * 60)
    assert "On Windows" in session.warning
    assert do("session.create", project="adhoc/" + "p" * 100, name="s").warning == ""
