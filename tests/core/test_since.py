"""A seal after an unseal says what changed in between, and keeps saying it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.model import Seal, Session, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import recorded_seal
from jupyter_modama.shell.tables import details
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
LIST = ".modama/changes.jsonl"


@pytest.fixture
def session(root: Path) -> Iterator[Path]:
    root.chmod(0o755)
    yield trees.make_session(root)
    trees.clear(root)


def sealed(do: Does) -> Seal:
    found: Session = do("session.seal", **NAMED)
    assert found.state is SessionState.SEALED
    assert found.seal is not None
    return found.seal


def unsealed(do: Does) -> None:
    do("session.unseal", **NAMED, reason="a frame is missing")


def listed(session: Path) -> set[tuple[str, str]]:
    rows = map(json.loads, (session / LIST).read_text().splitlines())
    return {(row["what"], row["path"]) for row in rows}


def change(session: Path) -> None:
    """One file more, one other content, one less; and a link that points elsewhere."""
    trees.write(session / "raw", "new ä&%.dat", b"new")
    (session / "raw" / "a.dat").write_bytes(b"other")
    (session / "raw" / "deep" / "b.dat").unlink()
    (session / "raw" / "link").unlink(missing_ok=True)
    (session / "raw" / "link").symlink_to("deep")


def test_first_seal_says_nothing_of_another(do: Does, session: Path) -> None:
    """There is nothing to compare with."""
    assert sealed(do).since is None
    assert not (session / LIST).exists()


def test_second_seal_says_what_changed(do: Does, session: Path, store: DiskStore) -> None:
    """In its answer, in its record, and all of it in a list that is as unchangeable as the seal."""
    (session / "raw" / "link").symlink_to("a.dat")
    first = sealed(do)
    unsealed(do)
    change(session)
    since = sealed(do).since
    assert since is not None
    assert since.sealed_at == first.at
    assert (since.new, since.changed, since.missing) == (1, 2, 1)
    assert since.first_new == ("raw/new ä&%.dat",)
    assert since.first_changed == ("raw/a.dat", "raw/link")
    assert since.first_missing == ("raw/deep/b.dat",)
    assert since.full_list == f"{PATH}/{LIST}"
    assert since.sentence.endswith("UTC: 1 new file, 2 changed files, 1 missing file")
    assert listed(session) == {
        ("new", "raw/new ä&%.dat"),
        ("changed", "raw/a.dat"),
        ("changed", "raw/link"),
        ("missing", "raw/deep/b.dat"),
    }
    seal = recorded_seal(store, PATH)
    assert seal is not None
    assert seal.since == since
    assert do("session.show", **NAMED).seal.since == since
    assert not [path for path in trees.changeable(session / ".modama") if path.endswith("changes.jsonl")]
    assert any(since.sentence in line for line in details(do("session.show", **NAMED)))


def test_seal_after_an_undo_says_that_nothing_changed(do: Does, session: Path) -> None:
    """Undone by mistake, and sealed again."""
    sealed(do)
    do("session.undo_seal", **NAMED)
    since = sealed(do).since
    assert since is not None
    assert since.sentence.endswith("no file is new, changed or missing")
    assert (session / LIST).read_bytes() == b""


def test_third_seal_is_held_against_the_second(do: Does, session: Path) -> None:
    """And the list of the second is kept with it."""
    sealed(do)
    unsealed(do)
    trees.write(session / "raw", "second", b"2")
    second = sealed(do)
    unsealed(do)
    trees.write(session / "raw", "third", b"3")
    since = sealed(do).since
    assert since is not None
    assert (since.sealed_at, since.first_new) == (second.at, ("raw/third",))
    kept = list(session.glob(".modama/old/*/changes.jsonl"))
    assert [json.loads(path.read_text())["path"] for path in kept] == ["raw/second"]


@pytest.mark.parametrize("name", ["manifest.jsonl", "seal.json"])
def test_old_list_that_is_gone_stops_no_seal(do: Does, session: Path, name: str) -> None:
    """It says that what changed is not known, or nothing of a seal of which nothing is left."""
    sealed(do)
    unsealed(do)
    [old] = session.glob(f".modama/old/*/{name}")
    old.unlink()
    since = sealed(do).since
    if name == "seal.json":
        assert since is None
    else:
        assert since is not None
        assert "is not known" in since.sentence
        assert (since.first_new, since.full_list) == ((), "")
    assert not (session / LIST).exists()


def test_old_list_that_was_changed_is_not_believed(do: Does, session: Path) -> None:
    """The old seal has its checksum."""
    sealed(do)
    unsealed(do)
    [old] = session.glob(".modama/old/*/manifest.jsonl")
    old.chmod(0o644)
    old.write_text(old.read_text().replace("a.dat", "b.dat"))
    since = sealed(do).since
    assert since is not None
    assert "is not known" in since.sentence
    assert "not the one that was written then" in since.sentence
    assert not (session / LIST).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files to somebody")
def test_old_list_of_somebody_else_is_not_read(do: Does, session: Path) -> None:
    """Nobody but who may write records can plant one."""
    sealed(do)
    unsealed(do)
    [old] = session.glob(".modama/old/*/manifest.jsonl")
    os.chown(old, 61001, 61001)
    since = sealed(do).since
    assert since is not None
    assert "is not known" in since.sentence


@pytest.mark.parametrize("said", ["no", {}, {"sealed_at": "no"}, {"sealed_at": "2026-11-20", "new": "many"}, 7])
def test_odd_record_takes_nothing_of_the_seal(do: Does, session: Path, store: DiskStore, said: object) -> None:
    """The seal is read, without the part that says nothing."""
    sealed(do)
    trees.clear(session)
    record = session / ".modama" / "seal.json"
    record.chmod(0o644)
    record.write_text(json.dumps({**json.loads(record.read_text()), "since": said}))
    seal = recorded_seal(store, PATH)
    assert seal is not None
    assert seal.since is None


def test_seal_that_was_killed_compares_again(do: Does, session: Path, store: DiskStore) -> None:
    """What a crash left of the list is written anew."""
    sealed(do)
    unsealed(do)
    change(session)
    sealed(do)
    unsealed(do)
    left = session / ".modama" / ".changes.jsonl.0123abcd"
    left.write_text("half")
    (session / LIST).write_text("of a seal that was not finished")
    since = sealed(do).since
    assert since is not None
    assert since.sentence.endswith("no file is new, changed or missing")
    assert (session / LIST).read_bytes() == b""
    assert not left.exists()
