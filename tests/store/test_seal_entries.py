"""What a seal keeps of entries that have no checksum: symbolic links, folders, and the list of entries itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
LIST = ".modama/manifest.jsonl"
Verify = Callable[..., Any]


@pytest.fixture
def session(root: Path, store: DiskStore, actor: Actor) -> Iterator[Path]:
    """A sealed session with a link and with folders that hold no file, open to changes by hand."""
    root.chmod(0o755)
    session = trees.make_session(root)
    raw = session / "raw"
    (raw / "link").symlink_to("../analysis")
    (raw / "empty" / "deeper").mkdir(parents=True)
    trees.driven(begun(store, actor, "session.seal"))
    assert trees.checked(session).returncode == 0
    opened(session)
    yield session
    trees.clear(root)


def begun(store: DiskStore, actor: Actor, operation: str, **wanted: Any) -> Any:
    row = OPERATIONS[operation]
    return perform(row, row.wanted(**NAMED, **wanted), actor=actor, store=store)


def opened(session: Path) -> None:
    """Take all protection away, as somebody with power could."""
    trees.clear(session)
    for path, _ in trees.entries(session):
        Path(path).chmod(0o755)


@pytest.fixture
def verify(store: DiskStore, actor: Actor) -> Verify:
    return lambda **wanted: trees.driven(begun(store, actor, "session.verify", **wanted))


def differs(verify: Verify, **wanted: Any) -> dict[str, list[str]]:
    """The differences that verifying names."""
    with pytest.raises(errors.ManifestMismatch) as found:
        verify(**wanted)
    facts = found.value.facts
    return {kind: facts[kind] for kind in ("missing", "changed", "new", "unreadable") if facts[kind]}


def older(session: Path, *fields: str) -> None:
    """Make the seal's record one of a time that did not know some fields yet."""
    record = session / ".modama" / "seal.json"
    facts = json.loads(record.read_text())
    for name in fields:
        del facts[name]
    record.write_text(json.dumps(facts))


# links ---------------------------------------------------------------------------------------------------------------


def test_link_that_leads_elsewhere_is_found(session: Path, verify: Verify) -> None:
    """Missing, changed and new links are named like files."""
    link = session / "raw" / "link"
    link.unlink()
    assert differs(verify) == {"missing": ["raw/link"]}
    link.symlink_to("../notes.md")
    (session / "raw" / "other").symlink_to("a.dat")
    assert differs(verify) == {"changed": ["raw/link"], "new": ["raw/other"]}


# folders -------------------------------------------------------------------------------------------------------------


def test_empty_folder_that_came_or_went_is_found(session: Path, verify: Verify) -> None:
    """Of folders in each other the lowest is named, with a slash at its end."""
    (session / "raw" / "empty" / "deeper").rmdir()
    (session / "raw" / "new" / "inner").mkdir(parents=True)
    assert differs(verify) == {"missing": ["raw/empty/deeper/"], "new": ["raw/new/inner/"]}
    assert differs(verify, folder="empty") == {"missing": ["raw/empty/deeper/"]}
    assert verify(folder="deep").files == 2
    (session / "raw" / "empty").rmdir()
    (session / "raw" / "new" / "inner").rmdir()
    assert differs(verify) == {"missing": ["raw/empty/deeper/"], "new": ["raw/new/"]}
    (session / "raw" / "new").rename(session / "raw" / "empty")
    assert differs(verify) == {"missing": ["raw/empty/deeper/"]}
    (session / "raw" / "empty" / "deeper").mkdir()
    assert verify().files == 3


def test_folder_is_not_named_beside_its_files(session: Path, verify: Verify) -> None:
    """Where a file that is missing or new says it all, its folder is not counted once more."""
    (session / "raw" / "deep").rename(session / "raw" / "other")
    assert differs(verify) == {
        "missing": ["raw/deep/b.dat", "raw/deep/er/c.dat"],
        "new": ["raw/other/b.dat", "raw/other/er/c.dat"],
    }


def test_folder_that_lost_its_files_is_no_missing_folder(session: Path, verify: Verify) -> None:
    """It is there still, and its files are named."""
    (session / "raw" / "deep" / "er" / "c.dat").unlink()
    assert differs(verify) == {"missing": ["raw/deep/er/c.dat"]}


def test_folder_that_became_a_link_is_found(session: Path, verify: Verify) -> None:
    (session / "raw" / "empty" / "deeper").rmdir()
    (session / "raw" / "empty" / "deeper").symlink_to(".")
    assert differs(verify) == {"missing": ["raw/empty/deeper/"], "new": ["raw/empty/deeper"]}


def test_folders_of_a_seal_that_did_not_keep_them_are_not_judged(session: Path, verify: Verify) -> None:
    """An older list says nothing of folders, so an empty one is neither missing nor new."""
    older(session, "entries_sha256")
    entries = session / LIST
    rows = [row for row in entries.read_text().splitlines(keepends=True) if "folder" not in json.loads(row)]
    entries.write_text("".join(rows))
    (session / "raw" / "empty" / "deeper").rmdir()
    (session / "raw" / "new").mkdir()
    assert verify().files == 3


# the list of entries -------------------------------------------------------------------------------------------------


def test_link_that_was_changed_with_its_line_is_found(session: Path, verify: Verify) -> None:
    """Who changes a link and what is written about it alike is found by the seal's checksum of the list."""
    link, entries = session / "raw" / "link", session / LIST
    link.unlink()
    link.symlink_to("../notes.md")
    entries.write_text(entries.read_text().replace("../analysis", "../notes.md"))
    assert differs(verify) == {"changed": [LIST]}


@pytest.mark.parametrize("change", ["removed", "emptied", "grown"])
def test_list_that_is_not_the_sealed_one_is_named(session: Path, verify: Verify, change: str) -> None:
    """Also where a part of raw is verified; and nothing else is said by what proves nothing."""
    entries = session / LIST
    if change == "removed":
        entries.unlink()
    else:
        entries.write_text("" if change == "emptied" else entries.read_text() + "\n")
    assert differs(verify) == {"changed": [LIST]}
    assert differs(verify, folder="deep") == {"changed": [LIST]}


def test_seal_that_is_older_than_the_checksum_is_verified_as_before(session: Path, verify: Verify) -> None:
    """Its list is believed as it is."""
    older(session, "entries_sha256")
    entries = session / LIST
    entries.write_text(entries.read_text() + "\n")
    assert verify().files == 3
    (session / "raw" / "link").unlink()
    assert differs(verify) == {"missing": ["raw/link"]}


def test_lost_seal_with_another_list_is_not_renewed(session: Path, store: DiskStore, actor: Actor) -> None:
    """What cannot be proved is not protected as if it were what was sealed."""
    (session / LIST).write_text("")
    with pytest.raises(errors.ManifestMismatch):
        trees.driven(begun(store, actor, "session.seal"))
