"""Projects and sessions that the system makes for people: whose the folders are, and what real people may in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotAllowed, NotFound
from jupyter_modama.core.gate import AccessList
from jupyter_modama.core.model import Area
from jupyter_modama.store import acl
from jupyter_modama.testing.accounts import Accounts, account
from jupyter_modama.testing.doing import Does, opened_store

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)[2:]


@pytest.fixture
def project(by: Any, people: Accounts, root: Path) -> Path:
    """A project of alice's with bob as a member, and a session."""
    by(people.alice)("project.create", name="p")
    by(people.alice)("project.set_members", project="adhoc/p", add=(people.bob.login,))
    by(people.alice)("session.create", project="adhoc/p", name="s")
    return root / "adhoc/p"


@pytest.mark.parametrize(("visibility", "expected"), [("private", "3770"), ("open", "3775")])
def test_project_is_the_systems(by: Any, people: Accounts, root: Path, visibility: str, expected: str) -> None:
    """Sticky and setgid, with its creator by name, who is the owner although the folder is not theirs."""
    made = by(people.alice)("project.create", name="p", visibility=visibility)
    folder = root / "adhoc/p"
    assert (mode(folder), folder.stat().st_uid, mode(root / "adhoc")) == (expected, 0, "755")
    assert (made.role, [owner.uid for owner in made.owners], made.members) == ("owner", [people.alice.uid], ())
    assert people.alice.makes(folder / "mine")
    assert not people.bob.makes(folder / "not mine")
    assert people.bob.reads(folder) is (visibility == "open")


def test_records_are_closed_to_people(project: Path, people: Accounts) -> None:
    """They read them, and nobody but the system writes; no name is passed on to them."""
    for box in (project / ".modama", project / "s/.modama"):
        assert (mode(box) in {"755", "2755"}, box.stat().st_uid) == (True, 0)
        assert acl.ACCESS not in os.listxattr(box)
        assert acl.DEFAULT not in os.listxattr(box)
    assert people.bob.reads(project / ".modama/project.json")
    assert not people.alice.appends(project / ".modama/project.json")
    assert not people.alice.makes(project / "s/.modama/x")
    assert not people.alice.can("mv", project / ".modama", project / "x")


def test_session_is_the_systems(project: Path, people: Accounts) -> None:
    """With raw and the folder for results, in which members make files; they cannot move or remove the folders."""
    alice, bob, carol = people
    for folder in (project / "s", project / "s/raw", project / "s/analysis"):
        assert (mode(folder), folder.stat().st_uid) == ("3770", 0)
        assert lists(folder).users == {alice.uid: 7, bob.uid: 7}
        assert bob.makes(folder / "of-bob")
        assert alice.appends(folder / "of-bob")
        assert not alice.removes(folder / "of-bob")
        assert not carol.reads(folder)
    for who in (alice, bob):
        assert not who.can("mv", project / "s/raw", project / "s/other")
        assert not who.can("mv", project / "s", project / "t")
        assert not who.can("rmdir", project / "s/analysis")


def lists(folder: Path) -> AccessList:
    return acl.decode(os.getxattr(folder, acl.ACCESS))


def test_notes_belong_to_who_made_the_session(project: Path, people: Accounts) -> None:
    """Others write in them too, and only who made them removes them; untouched they go with the session."""
    notes = project / "s/notes.md"
    assert notes.stat().st_uid == people.alice.uid
    assert people.bob.appends(notes)
    assert not people.bob.removes(notes)
    assert people.alice.removes(notes)


def test_empty_session_is_removed_by_the_system(project: Path, people: Accounts, by: Any) -> None:
    by(people.bob)("session.rename", project="adhoc/p", session="s", name="t")
    by(people.bob)("session.remove", project="adhoc/p", session="t")
    assert not (project / "t").exists()
    with pytest.raises(NotFound):
        by(people.carol)("session.create", project="adhoc/p", name="u")


def test_role_is_the_persons_and_not_the_processes(project: Path, people: Accounts, by: Any) -> None:
    """Root asks the kernel for the person that it acts for; who is not let in does not see the project in a list."""
    alice, bob, carol = (by(who) for who in people)
    assert [who("project.list").total for who in (alice, bob, carol)] == [1, 1, 0]
    assert bob("project.show", project="adhoc/p").role == "member"
    with pytest.raises(NotFound):
        carol("project.show", project="adhoc/p")
    with pytest.raises(NotAllowed, match="role owner"):
        bob("project.set_members", project="adhoc/p", add=(people.carol.login,))


def test_areas_are_not_made_for_people(by: Any, people: Accounts, root: Path) -> None:
    """Beside the one that every tree begins with."""
    with pytest.raises(NotAllowed, match="ask an administrator"):
        by(people.alice)("project.create", name="p", area="everything")
    assert not (root / "everything").exists()


def test_accounts_folders_belong_to_it(root: Path, people: Accounts) -> None:
    """Where the site names an account, what the system makes is its; its records are believed."""
    with account("modama") as system, opened_store(root, Area("adhoc"), account=system.login) as store:
        does = Does(store, people.alice.actor)
        does("project.create", name="p")
        does("session.create", project="adhoc/p")
        shown = does("project.show", project="adhoc/p")
        assert [owner.uid for owner in shown.owners] == [people.alice.uid]
        session = next(folder for folder in (root / "adhoc/p").iterdir() if folder.name[0] != ".")
        for folder in (root / "adhoc", root / "adhoc/p", session, session / "raw", session / "analysis"):
            assert folder.stat().st_uid == system.uid


def test_own_tree_of_root_stays_roots(do: Any, root: Path) -> None:
    """Who works for oneself gets folders of one's own, without lists."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    assert (mode(root / "adhoc/p"), mode(root / "adhoc/p/s")) == ("3700", "2700")
    assert acl.DEFAULT not in os.listxattr(root / "adhoc/p")


@pytest.mark.parametrize("write", ["members", "own-files"])
def test_write_rule_of_an_area(root: Path, people: Accounts, write: str) -> None:
    """`own-files`: all read, each writes in files of their own; everybody makes files in the system's folders."""
    with opened_store(root, Area("adhoc", write=write)) as store:
        does = Does(store, people.alice.actor)
        does("project.create", name="p")
        does("project.set_members", project="adhoc/p", add=(people.bob.login,))
        does("session.create", project="adhoc/p", name="s")
    raw = root / "adhoc/p/s/raw"
    assert people.bob.makes(raw / "a")
    assert people.alice.reads(raw / "a")
    assert people.alice.appends(raw / "a") is (write == "members")
    assert people.bob.appends(raw / "a")
    assert people.alice.makes(raw / "b")
