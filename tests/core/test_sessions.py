"""Sessions: made whole, found again, removed only while nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import AlreadyExists, Invalid, NotAllowed, NotEmpty, NotFound, SealingInProgress
from jupyter_modama.core.model import Actor, Area, SessionState, Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import changes
from jupyter_modama.store.disk import DiskStore

TODAY = datetime.now().astimezone().strftime("%Y-%m-%d")


@pytest.fixture(autouse=True)
def project(do: Any) -> str:
    do("project.create", name="p")
    return "adhoc/p"


def test_session_on_the_disk(do: Any, root: Path) -> None:
    """raw, the layout's folder for results, a page of notes, and a record of what was said."""
    session = do("session.create", project="adhoc/p", name="s", sample="gold", operator="Anna", title="First")
    assert sorted(os.listdir(root / "adhoc/p/s")) == [".modama", "analysis", "notes.md", "raw"]
    notes = (root / "adhoc/p/s/notes.md").read_text()
    assert notes.startswith("# First\n")
    assert "- Sample: gold\n" in notes
    assert "- Operator: Anna\n" in notes
    assert (session.fields, session.state, session.role) == (
        {"sample": "gold", "operator": "Anna"},
        SessionState.WRITABLE,
        "administrator",
    )
    assert os.listdir(root / "adhoc/p") == ["s", ".modama"] or sorted(os.listdir(root / "adhoc/p")) == [".modama", "s"]


def test_name_that_is_left_out_begins_with_the_date(do: Any) -> None:
    """And goes on with a number where the date is taken; a beginning is completed too."""
    names = [do("session.create", project="adhoc/p").name for _ in range(3)]
    assert names == [TODAY, f"{TODAY}-2", f"{TODAY}-3"]
    assert do("session.create", project="adhoc/p", name="run-").name == "run"
    assert do("session.create", project="adhoc/p", name="run-").name == "run-2"
    assert do("session.create", project="adhoc/p", name="---").name == f"{TODAY}-4"
    assert do("session.list", project="adhoc/p").proposed_name == f"{TODAY}-"


@pytest.mark.parametrize("taken", ["folder", "file"])
def test_name_that_is_taken_is_refused(do: Any, root: Path, taken: str) -> None:
    """By a session, by any folder, by a file."""
    place = root / "adhoc/p/S"
    place.mkdir() if taken == "folder" else place.write_text("")
    with pytest.raises(AlreadyExists, match="spelling"):
        do("session.create", project="adhoc/p", name="s")
    assert sorted(os.listdir(root / "adhoc/p")) == [".modama", "S"]


def test_session_in_the_layout_of_a_facility(root: Path, actor: Actor) -> None:
    """Deeper, with another name for the folder of results."""
    area = Area("visitors", layout="{beamline}/{proposal}/{visit}/raw", derived="process", session_name="visit-")
    store = DiskStore(Site(root=str(root), areas=(area,), any_area=False))
    (root / "visitors/b/p").mkdir(parents=True)

    def does(operation: str, **wanted: Any) -> Any:
        return perform(OPERATIONS[operation], OPERATIONS[operation].wanted(**wanted), actor=actor, store=store)

    made = does("session.create", project="visitors/b/p")
    assert (made.path, made.raw, made.derived) == (
        "visitors/b/p/visit",
        "visitors/b/p/visit/raw",
        "visitors/b/p/visit/process",
    )
    assert [p.path for p in does("project.list").items] == ["visitors/b/p"]
    does("session.remove", project="visitors/b/p", session="visit")
    assert os.listdir(root / "visitors/b/p") == []
    store.close()


def test_sessions_made_by_hand(do: Any, root: Path) -> None:
    """Any folder with raw is one; it can be described, renamed and removed like one of ours."""
    (root / "adhoc/p/old/raw").mkdir(parents=True)
    (root / "adhoc/p/no session").mkdir()
    (root / "adhoc/p/file/").mkdir()
    (root / "adhoc/p/file/raw").write_text("")
    (root / "adhoc/p/link").symlink_to("old")
    found = do("session.list", project="adhoc/p").items
    assert [(s.name, s.uuid, s.derived, s.notes, s.state) for s in found] == [("old", "", "", "", "writable")]
    assert found[0].created is not None
    for name in ("no session", "file", "link"):
        with pytest.raises(NotFound, match="a session is a folder with “raw” in it"):
            do("session.show", project="adhoc/p", session=name)
    assert do("session.update", project="adhoc/p", session="old", title="T").uuid
    assert do("session.rename", project="adhoc/p", session="old", name="new").title == "T"
    do("session.remove", project="adhoc/p", session="new")
    assert not (root / "adhoc/p/new").exists()


@pytest.mark.parametrize(
    "wanted", [("adhoc/p", "s/raw"), ("adhoc/p", "../q"), ("adhoc", "p"), ("", "p"), ("adhoc/p/s", "raw")]
)
def test_what_is_no_session_is_not_one(do: Any, wanted: tuple[str, str]) -> None:
    do("session.create", project="adhoc/p", name="s")
    with pytest.raises((NotFound, Invalid)):
        do("session.show", project=wanted[0], session=wanted[1])


def test_lists_are_searched_sorted_and_paged(do: Any, root: Path) -> None:
    """By name backwards unless one asks otherwise."""
    for number, name in enumerate(("a", "B", "c")):
        do("session.create", project="adhoc/p", name=name)
        os.utime(root / f"adhoc/p/{name}", (0, 100 - number))
    assert [s.name for s in do("session.list", project="adhoc/p").items] == ["c", "B", "a"]
    assert [s.name for s in do("session.list", project="adhoc/p", sort="modified").items] == ["c", "B", "a"]
    assert [s.name for s in do("session.list", project="adhoc/p", sort="-modified").items] == ["a", "B", "c"]
    assert [s.name for s in do("session.list", project="adhoc/p", search="b").items] == ["B"]
    page = do("session.list", project="adhoc/p", sort="name", limit=2)
    assert [s.name for s in do("session.list", project="adhoc/p", sort="name", cursor=page.cursor).items] == ["c"]
    with pytest.raises(NotFound):
        do("session.list", project="adhoc/none")


def test_session_that_vanishes_while_they_are_listed_is_left_out(do: Any, store: DiskStore, monkeypatch: Any) -> None:
    """Between its name and the look at it, in every order."""
    plain = DiskStore.stat
    for sort in ("name", "modified"):
        for name in ("a", "b"):
            do("session.create", project="adhoc/p", name=name)

        looks = 0

        def vanishing(self: DiskStore, path: TreePath) -> Any:
            nonlocal looks
            looks += path.name == "a" or path.parent.name == "a"
            if looks == 2 and Path(self.disk_path(TreePath("adhoc/p/a"))).exists():
                shutil.rmtree(self.disk_path(TreePath("adhoc/p/a")))
            return plain(self, path)

        monkeypatch.setattr(DiskStore, "stat", vanishing)
        assert [s.name for s in do("session.list", project="adhoc/p", sort=sort).items] == ["b"]
        monkeypatch.setattr(DiskStore, "stat", plain)
        do("session.remove", project="adhoc/p", session="b")


def test_summary_goes_by_arrival_here(do: Any, root: Path) -> None:
    """First and last file by when they came to this disk, whatever the microscope's clock wrote into their times."""
    do("session.create", project="adhoc/p", name="s")
    raw = root / "adhoc/p/s/raw"
    (raw / "first.dm4").write_bytes(b"123")
    (raw / "deep").mkdir()
    (raw / "deep/last.dm4").write_bytes(b"12345")
    os.utime(raw / "deep/last.dm4", (0, 0))
    found = do("session.show", project="adhoc/p", session="s")
    assert (found.files, found.size_bytes) == (2, 8)
    assert (found.summary.first_file, found.summary.last_file) == ("first.dm4", "deep/last.dm4")
    assert found.summary.last_arrival > datetime.now(UTC) - timedelta(minutes=5)
    assert found.summary.duration_s >= 0


# Removing ------------------------------------------------------------------------------------------------------------


def test_empty_session_is_removed_whole(do: Any, root: Path) -> None:
    """With its folders, empty or nested, and its untouched notes."""
    do("session.create", project="adhoc/p", name="s")
    (root / "adhoc/p/s/raw/a/b/c").mkdir(parents=True)
    (root / "adhoc/p/s/analysis/x").mkdir()
    do("session.update", project="adhoc/p", session="s", title="T")
    assert do("session.remove", project="adhoc/p", session="s").path == "adhoc/p/s"
    assert os.listdir(root / "adhoc/p") == [".modama"]


def save_anew(notes: Path) -> None:
    """As editors do: a new file in place of the old one, right after it was made."""
    (notes.parent / "temporary").write_text("my observations")
    (notes.parent / "temporary").rename(notes)


@pytest.mark.parametrize(
    "write",
    [
        lambda notes: notes.write_text("my observations"),
        save_anew,
        lambda notes: os.utime(notes, (0, 0)),
    ],
    ids=["written", "saved anew", "restored"],
)
def test_notes_that_somebody_touched_are_not_removed(do: Any, root: Path, write: Any) -> None:
    do("session.create", project="adhoc/p", name="s")
    write(root / "adhoc/p/s/notes.md")
    before = (root / "adhoc/p/s/notes.md").read_text()
    with pytest.raises(NotEmpty, match=r"notes\.md"):
        do("session.remove", project="adhoc/p", session="s")
    assert (root / "adhoc/p/s/notes.md").read_text() == before
    assert do("session.show", project="adhoc/p", session="s").state == "writable"


def test_copied_session_keeps_its_notes(do: Any, root: Path) -> None:
    """The copy's record knows the original's notes only."""
    do("session.create", project="adhoc/p", name="s")
    shutil.copytree(root / "adhoc/p/s", root / "adhoc/p/t")
    with pytest.raises(NotEmpty, match=r"notes\.md"):
        do("session.remove", project="adhoc/p", session="t")


@pytest.mark.parametrize("what", ["link", "fifo", "hidden"])
def test_everything_that_is_no_folder_counts(do: Any, root: Path, what: str) -> None:
    do("session.create", project="adhoc/p", name="s")
    place = root / "adhoc/p/s/raw" / ".x"
    {"link": lambda: place.symlink_to("/nowhere"), "fifo": lambda: os.mkfifo(place), "hidden": place.touch}[what]()
    with pytest.raises(NotEmpty):
        do("session.remove", project="adhoc/p", session="s")
    assert os.path.lexists(place)


def test_session_under_work_is_not_removed(do: Any, store: DiskStore) -> None:
    do("session.create", project="adhoc/p", name="s")
    with store.lock(TreePath("adhoc/p/s"), "sealing by anna"):
        for operation, more in (("session.remove", {}), ("session.rename", {"name": "t"})):
            with pytest.raises(SealingInProgress):
                do(operation, project="adhoc/p", session="s", **more)


@pytest.mark.parametrize("where", ["raw/new.dm4", "raw/deep/new.dm4", "analysis/new.txt", "new.txt", ".modama/new.txt"])
@pytest.mark.parametrize("step", ["_empty_folder", "_remove_notes", "rename", "_remove_records"])
def test_file_that_appears_meanwhile_is_never_lost(
    do: Any, root: Path, monkeypatch: Any, where: str, step: str
) -> None:
    """Right before any step of the removal, through a folder that a program has open: it stays in the session."""
    do("session.create", project="adhoc/p", name="s")
    session = root / "adhoc/p/s"
    (session / "raw/deep").mkdir()
    held = os.open(session / Path(where).parent, os.O_RDONLY | os.O_DIRECTORY)
    plain, done = getattr(changes, step), []

    def appearing(*args: Any) -> Any:
        if not done:
            done.append(True)
            try:
                os.close(os.open(Path(where).name, os.O_CREAT | os.O_WRONLY, dir_fd=held))
            except FileNotFoundError:
                done.append(False)  # the folder itself was gone already: the program is told so
        return plain(*args)

    monkeypatch.setattr(changes, step, appearing)
    try:
        if step == "_remove_records" and where.startswith("raw"):
            do("session.remove", project="adhoc/p", session="s")
            assert done == [True, False]
            return
        answer = None
        try:
            do("session.remove", project="adhoc/p", session="s")
        except NotEmpty as error:
            answer = error
        if done == [True]:
            assert answer is not None
            assert (session / where).exists()
            assert (session / "raw").is_dir()
            assert do("session.show", project="adhoc/p", session="s").name == "s"
        else:
            assert not session.exists()
    finally:
        os.close(held)


def test_session_put_back_finds_its_name_taken(do: Any, root: Path, monkeypatch: Any) -> None:
    """By a program of somebody else; then it is there under a name beside that, and nothing is lost."""
    do("session.create", project="adhoc/p", name="s")
    plain = changes._remove_records

    def interfering(folder: int) -> None:
        (root / "adhoc/p/s").mkdir()
        os.close(os.open("new.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        plain(folder)

    monkeypatch.setattr(changes, "_remove_records", interfering)
    with pytest.raises(NotEmpty):
        do("session.remove", project="adhoc/p", session="s")
    kept = [p for p in (root / "adhoc/p").iterdir() if p.name.startswith("s-")]
    assert [(p / "new.txt").exists() for p in kept] == [True]


def test_leftovers_of_a_crash_are_cleared_away_later(do: Any, root: Path) -> None:
    """Ours only, an hour old, and never with a file of somebody else in it."""
    made = {
        name: root / "adhoc/p" / name
        for name in (
            ".modama-new-00000000",
            ".modama-removed-00000000",
            ".modama-new-11111111",
            ".modama-new-22222222",
            ".modama-x",
        )
    }
    for folder in made.values():
        (folder / "raw").mkdir(parents=True)
        (folder / ".modama").mkdir()
        (folder / ".modama/session.json").write_text("{}")
        os.utime(folder, (0, 0))
    (made[".modama-new-11111111"] / "raw/a.dm4").write_text("data")
    os.utime(made[".modama-new-22222222"])
    do("session.create", project="adhoc/p", name="s")
    left = sorted(p.name for p in (root / "adhoc/p").iterdir() if p.name.startswith(".modama-"))
    assert left == [".modama-new-11111111", ".modama-new-22222222", ".modama-x"]
    assert (made[".modama-new-11111111"] / "raw/a.dm4").read_text() == "data"


def test_hidden_folders_are_no_sessions(do: Any, root: Path) -> None:
    """What is being made is neither listed nor counted."""
    (root / "adhoc/p/.modama-new-00000000/raw").mkdir(parents=True)
    assert do("session.list", project="adhoc/p").total == 0
    assert do("project.show", project="adhoc/p").sessions == 0


def test_record_says_nothing_false_about_notes(do: Any, root: Path) -> None:
    """The mark of the untouched notes survives a change of the record."""
    do("session.create", project="adhoc/p", name="s")
    do("session.update", project="adhoc/p", session="s", title="T")
    record = json.loads((root / "adhoc/p/s/.modama/session.json").read_text())
    assert record["notes_made"][0] == (root / "adhoc/p/s/notes.md").stat().st_ino
    do("session.rename", project="adhoc/p", session="s", name="t")
    do("session.remove", project="adhoc/p", session="t")


def test_session_is_not_created_where_one_may_not_write(do: Any, root: Path) -> None:
    """On the disk of somebody else the kernel refuses, and nothing is left behind."""
    with pytest.raises((NotFound, NotAllowed)):
        do("session.create", project="adhoc/none", name="s")
    assert not (root / "adhoc/none").exists()
