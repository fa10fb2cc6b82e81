"""Invitations by e-mail address: who may invite, what waits, who is let in by them; on a tree in memory."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import invitations
from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed
from jupyter_modama.core.model import Actor, Person, Role, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.projects import project_paths
from jupyter_modama.core.site_file import site_from
from jupyter_modama.store.path_book import DiskPathBook
from jupyter_modama.testing.memory import MemoryStore
from jupyter_modama.testing.trees import driven

ROOT = Person(0, "root")
ANNA, BERT, CARL = (Person(1000 + n, name) for n, name in enumerate(("anna", "bert", "carl")))
P, Q = "adhoc/p", "adhoc/q"
MAIL = "Carl.New@Example.org"


class Tree:
    """A tree of the system with two projects of anna's."""

    def __init__(self) -> None:
        self.store = MemoryStore(Site(root="/x"), me=ROOT)
        self.store.people = [ROOT, ANNA, BERT, CARL]
        self.store.put("adhoc", None)
        for name in ("p", "q"):
            self("project.create", name=name)

    def __call__(self, operation: str, /, by: Person = ANNA, **wanted: Any) -> Any:
        return self.asked(operation, Actor(by), **wanted)

    def asked(self, operation: str, actor: Actor, /, **wanted: Any) -> Any:
        row = OPERATIONS[operation]
        answer = perform(row, row.wanted(**wanted), actor=actor, store=self.store)
        return driven(answer) if row.kind.value == "long" else answer

    def invite(self, email: str = MAIL, project: str = P, by: Person = ANNA, **more: Any) -> Any:
        return self("project.invite", by, project=project, email=email, **more)

    def signs_in(self, person: Person, email: str) -> tuple[str, ...]:
        """What the hub tells the service at a sign-in."""
        actor = Actor(person, Via.PAGES, "delegate", "sign-in")
        joined: tuple[str, ...] = self.asked("invitation.accept", actor, email=email).projects
        return joined

    def role(self, person: Person, project: str = P) -> Role | None:
        return self.store.gates.read(TreePath(project)).people.get(person.uid)

    def waiting(self, project: str = P) -> list[str]:
        return [row.email for row in self("project.invitations", project=project).items]


@pytest.fixture
def tree() -> Tree:
    return Tree()


def test_who_signs_in_with_an_invited_address_is_a_member(tree: Tree) -> None:
    tree.invite()
    tree.invite(project=Q, role="reader")
    assert tree.waiting() == ["carl.new@example.org"]
    assert tree.role(CARL) is None
    assert tree.signs_in(CARL, "carl.NEW@example.org") == (P, Q)
    assert (tree.role(CARL), tree.role(CARL, Q)) == (Role.MEMBER, Role.READER)
    assert tree.waiting() == []


def test_another_address_joins_nothing(tree: Tree) -> None:
    tree.invite()
    assert tree.signs_in(BERT, "bert@example.org") == ()
    assert tree.role(BERT) is None
    assert tree.waiting() == ["carl.new@example.org"]


def test_an_invitation_is_good_once(tree: Tree) -> None:
    tree.invite()
    tree.signs_in(CARL, MAIL)
    tree("project.set_members", project=P, remove=("carl",))
    assert tree.signs_in(CARL, MAIL) == ()
    assert tree.role(CARL) is None


@pytest.mark.parametrize(
    "actor",
    [
        Actor(CARL, Via.LAB, "hub-token"),
        Actor(CARL, Via.CLI, "local-uid"),
        Actor(CARL, Via.NEXTCLOUD, "delegate", "nextcloud"),
        Actor(CARL, Via.PAGES, "hub-token", "sign-in"),
    ],
)
def test_nobody_says_of_themselves_which_address_is_theirs(tree: Tree, actor: Actor) -> None:
    tree.invite()
    with pytest.raises(NotAllowed, match="accepted by signing in"):
        tree.asked("invitation.accept", actor, email=MAIL)
    assert tree.role(CARL) is None


def test_only_owners_invite(tree: Tree) -> None:
    tree("project.set_members", project=P, add=("bert",))
    with pytest.raises(NotAllowed, match="needs the role owner"):
        tree.invite(by=BERT)
    with pytest.raises(ModamaError, match=r"adhoc/p"):
        tree.invite(by=CARL)


def test_an_invitation_of_somebody_who_owns_the_project_no_more_lets_nobody_in(tree: Tree) -> None:
    """Else an owner who is taken out would come back by an address of their own."""
    tree("project.set_members", project=P, add=("bert:owner",))
    tree.invite(by=BERT)
    tree("project.set_members", project=P, remove=("bert",))
    assert tree.signs_in(CARL, MAIL) == ()
    assert tree.role(CARL) is None
    assert tree.waiting() == []


def test_an_invitation_takes_nothing_away(tree: Tree) -> None:
    tree("project.set_members", project=P, add=("carl:owner",))
    tree.invite(role="reader")
    assert tree.signs_in(CARL, MAIL) == ()
    assert tree.role(CARL) is Role.OWNER


def test_the_last_day_comes_along(tree: Tree) -> None:
    tree.invite(until="2999-01-31")
    tree.signs_in(CARL, MAIL)
    assert tree.store.gates.read(TreePath(P)).until == {CARL.uid: date(2999, 1, 31)}


def test_taken_back_is_taken_back(tree: Tree) -> None:
    tree.invite()
    tree("project.uninvite", project=P, email="CARL.new@example.org")
    assert tree.signs_in(CARL, MAIL) == ()
    with pytest.raises(Invalid, match="is not invited"):
        tree("project.uninvite", project=P, email=MAIL)


def test_asked_again_the_new_words_count(tree: Tree) -> None:
    tree.invite()
    tree.invite(role="reader")
    assert len(tree.waiting()) == 1
    tree.signs_in(CARL, MAIL)
    assert tree.role(CARL) is Role.READER


@pytest.mark.parametrize(
    "email",
    [
        "",
        "carl",
        "a@b",
        "a b@example.org",
        "a@example.org\nBcc: x@y.org",
        '"<x>"@example.org',
        "ä@example.org",
        "a@b..org",
    ],
)
def test_what_is_no_address_is_refused(tree: Tree, email: str) -> None:
    with pytest.raises(Invalid, match="is no e-mail address"):
        tree.invite(email)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"role": "owner"}, "no role to invite for"),
        ({"until": "soon"}, "is no day"),
        ({"until": "2001-01-01"}, "is over"),
    ],
)
def test_what_cannot_be_kept_is_refused(tree: Tree, more: dict[str, str], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        tree.invite(**more)


@pytest.mark.parametrize(
    "row",
    [
        {"role": "owner", "by": ANNA.uid, "at": "{now}"},
        {"role": "member", "by": "root", "at": "{now}"},
        {"role": "member", "by": ANNA.uid, "at": "2020-01-01T00:00:00+00:00"},
        {"role": "member", "by": ANNA.uid, "at": "{now}", "until": "2020-01-01"},
        {"role": "member", "by": ANNA.uid},
        ["member"],
        None,
    ],
)
def test_rows_that_are_too_old_or_no_rows_let_nobody_in(tree: Tree, row: Any) -> None:
    if isinstance(row, dict) and "at" in row:
        row = {**row, "at": row["at"].format(now=datetime.now(UTC).isoformat())}
    tree.store.write_record(TreePath(P), invitations.RECORD, {"pending": {MAIL.lower(): row}})
    assert tree.signs_in(CARL, MAIL) == ()
    assert tree.waiting() == []


def test_too_many_that_nobody_takes_are_refused(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST", 2)
    for name in ("a", "b"):
        tree.invite(f"{name}@example.org")
    with pytest.raises(ModamaError, match="take some back first"):
        tree.invite("c@example.org")
    tree.invite("a@example.org", role="reader")


def test_a_record_that_cannot_be_read_keeps_out_of_no_other_project(tree: Tree) -> None:
    tree.invite(project=Q)
    tree.store.write_record(TreePath(P), invitations.RECORD, {"pending": "nonsense"})
    assert tree.signs_in(CARL, MAIL) == (Q,)


def test_an_invitation_lapses(tree: Tree) -> None:
    tree.invite()
    record = tree.store.read_record(TreePath(P), invitations.RECORD)
    assert record is not None
    old = datetime.now(UTC) - timedelta(days=invitations.DAYS + 1)
    record["pending"][MAIL.lower()]["at"] = old.isoformat()
    tree.store.write_record(TreePath(P), invitations.RECORD, record)
    assert tree.signs_in(CARL, MAIL) == ()


@pytest.fixture
def looks(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often all projects are looked through, of a tree whose keeper has a list of invitations."""
    tree.store.invitations = DiskPathBook(tmp_path / "invitations.json")
    looks: list[int] = []

    def counted(store: Any) -> Any:
        looks.append(1)
        return project_paths(store)

    monkeypatch.setattr(invitations, "project_paths", counted)
    return looks


def test_a_sign_in_looks_through_all_projects_once(tree: Tree, looks: list[int]) -> None:
    """Then a list says where an address is invited; it is right at once, whoever is invited and however it is named."""
    assert tree.signs_in(BERT, "bert@example.org") == ()
    tree.invite()
    tree.invite(project=Q)
    renamed = tree("project.rename", project=Q, name="new").path
    assert tree.signs_in(CARL, MAIL) == (renamed, P)
    assert tree.signs_in(CARL, MAIL) == ()
    assert len(looks) == 1


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_list_of_invitations_that_is_lost_is_made_anew(
    tree: Tree, looks: list[int], tmp_path: Path, text: str | None
) -> None:
    """By the next sign-in; one that lacks something, as after a restored backup, by the next night."""
    tree.signs_in(BERT, "bert@example.org")
    tree.invite()
    file = tmp_path / "invitations.json"
    file.unlink()
    if text is not None:
        file.write_text(text)
    if text == "[]":
        assert tree.signs_in(CARL, MAIL) == ()
        tree("site.nightly", by=ROOT)
    assert tree.signs_in(CARL, MAIL) == (P,)


def test_the_list_of_invitations_holds_no_address(tree: Tree, looks: list[int], tmp_path: Path) -> None:
    tree.invite()
    tree.signs_in(BERT, "bert@example.org")
    written = (tmp_path / "invitations.json").read_text()
    assert "carl" not in written.lower()
    assert "@" not in written


def test_no_program_of_the_site_can_tell_of_sign_ins() -> None:
    """The hub's own row is always there, and nobody else gets its operation."""
    assert site_from({"site": {"root": "/x"}}, "f").delegates == {"sign-in": {"operations": ("invitation.accept",)}}
    for name, operations in (("sign-in", ["project.create"]), ("cloud", ["invitation.*"])):
        with pytest.raises(Invalid, match="the hub's own"):
            site_from({"site": {"root": "/x"}, "delegates": {name: {"operations": operations}}}, "f")
