"""Who may be made a member, by whom, until when: what the core decides, on a tree in memory."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from jupyter_modama.core.errors import Conflict, Invalid, LastOwner, NotAllowed, NotFound
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Actor, Person, PersonKind, Project, Role, Site, Visibility
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.testing.memory import MemoryStore
from jupyter_modama.testing.trees import driven

ROOT = Person(0, "root")
ANNA, BERT, CARL = (Person(1000 + n, name) for n, name in enumerate(("anna", "bert", "carl")))
MAIL = Person(8, "mail")
P = "adhoc/p"


class Tree:
    """A tree of the system with a project of anna's."""

    def __init__(self) -> None:
        self.store = MemoryStore(Site(root="/x"), me=ROOT)
        self.store.people = [ROOT, ANNA, BERT, CARL, MAIL]
        self.store.put("adhoc", None)
        self.made: Project = self("project.create", name="p")

    def __call__(self, operation: str, /, by: Person = ANNA, **wanted: Any) -> Any:
        row = OPERATIONS[operation]
        answer = perform(row, row.wanted(**wanted), actor=Actor(by), store=self.store)
        return driven(answer) if row.kind.value == "long" else answer

    def set_members(self, *add: str, remove: tuple[str, ...] = (), by: Person = ANNA, version: str = "") -> Project:
        changed: Project = self("project.set_members", by, project=P, add=add, remove=remove, if_version=version)
        return changed

    @property
    def gate(self) -> Gate:
        return self.store.gates.read(TreePath(P))

    @property
    def roles(self) -> dict[str, str]:
        names = {person.uid: person.login for person in self.store.people}
        return {names[uid]: role.name.lower() for uid, role in self.gate.people.items()}


@pytest.fixture
def tree() -> Tree:
    return Tree()


def test_creator_is_the_only_owner(tree: Tree) -> None:
    assert tree.roles == {"anna": "owner"}
    assert (tree.made.role, tree.made.members, tree.made.visibility) == ("owner", (), Visibility.PRIVATE)


def test_members_are_added_with_role_and_last_day(tree: Tree) -> None:
    """A login alone is a member without end; a number does for a login."""
    changed = tree.set_members("bert", f"{CARL.uid}:reader:2999-01-31")
    assert [(m.person.login, m.role, m.until) for m in changed.members] == [
        ("bert", "member", None),
        ("carl", "reader", date(2999, 1, 31)),
    ]
    assert tree.roles == {"anna": "owner", "bert": "member", "carl": "reader"}
    again = tree.set_members("carl:member")
    assert [(m.person.login, m.role, m.until) for m in again.members][1] == ("carl", "member", None)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("zoe", "nobody has the login “zoe”"),
        ("99999999", "nobody has the login"),
        ("", "nobody has the login"),
        ("mail", "account of the system"),
        ("8", "account of the system"),
        ("carl:king", "“king” is no role; possible are reader, member, owner"),
        ("carl:reader:tomorrow", "write it as 2027-01-31"),
        ("carl:reader:2020-01-31", "2020-01-31 is over"),
        ("carl:owner:2999-01-31", "an owner has no last day"),
        ("bert:reader", "named twice"),
    ],
)
def test_one_that_cannot_be_is_none_for_all(tree: Tree, wrong: str, says: str) -> None:
    """All or nothing: with one wrong name the others are not added either."""
    before = tree.gate
    with pytest.raises(Invalid, match=says):
        tree.set_members("bert", wrong)
    assert tree.gate == before


def test_who_is_removed_has_to_be_there(tree: Tree) -> None:
    """Also when somebody else is to be added at the same time."""
    for add, remove, says in (
        (("bert",), ("carl",), "carl is no member of this project"),
        (("bert",), ("bert",), "bert is no member|named twice"),
        ((), (), "add or remove at least one"),
        ((), ("anna", "anna"), "named twice"),
    ):
        with pytest.raises(Invalid, match=says):
            tree.set_members(*add, remove=remove)
    assert tree.roles == {"anna": "owner"}


def test_somebody_whose_account_is_gone_is_removed_by_number(tree: Tree) -> None:
    """And is shown as that number meanwhile."""
    tree.set_members("bert")
    tree.store.people.remove(BERT)
    assert tree("project.show", project=P).members[0].person.login == str(BERT.uid)
    tree.set_members(remove=(str(BERT.uid),))
    assert tree.roles == {"anna": "owner"}


def test_last_owner_stays(tree: Tree) -> None:
    """Removed or made a member, in one go with others as well; another owner has to come first, or at once."""
    for add, remove in (((), ("anna",)), (("anna:member",), ()), (("bert", "anna:reader"), ())):
        with pytest.raises(LastOwner, match="anna"):
            tree.set_members(*add, remove=remove)
    assert tree.roles == {"anna": "owner"}
    tree.set_members("bert:owner", remove=("anna",))
    assert tree.roles == {"bert": "owner"}


def test_two_editors_at_once(tree: Tree) -> None:
    """The one who saw an older state is told, and nothing is changed; who looked again can go on."""
    seen = tree("project.show", project=P).members_version
    tree.set_members("bert:owner", version=seen)
    with pytest.raises(Conflict, match="somebody else changed the members"):
        tree.set_members("carl", version=seen)
    with pytest.raises(Conflict):
        tree("project.set_visibility", project=P, visibility=Visibility.OPEN, if_version=seen)
    with pytest.raises(Conflict):
        tree("project.transfer", project=P, to="carl", if_version=seen)
    assert tree.roles == {"anna": "owner", "bert": "owner"}
    tree.set_members("carl", version=tree("project.show", project=P).members_version)
    assert tree.roles["carl"] == "member"


def test_version_differs_with_every_part(tree: Tree) -> None:
    versions = [tree.gate.version]
    for add in ("bert:reader", "bert:member", "bert:member:2999-01-01", "bert:member:2999-01-02", "bert:owner"):
        versions.append(tree.set_members(add).members_version)
    versions.append(tree("project.set_visibility", project=P, visibility=Visibility.OPEN).members_version)
    assert len(set(versions)) == len(versions)


def test_change_that_was_cut_off_goes_on_with_its_old_version(tree: Tree) -> None:
    """A job that is begun again asks with the version that was true before its own first effect."""
    seen = tree.gate.version
    row = OPERATIONS["project.set_members"]
    wanted = row.wanted(project=P, add=("bert",), if_version=seen)
    steps = perform(row, wanted, actor=Actor(ANNA), store=tree.store)
    driven(steps, 2)
    steps.close()
    assert tree.gate.version != seen
    assert tree.store.read_record(TreePath(P), "members")["spreading"] is True
    assert driven(perform(row, wanted, actor=Actor(ANNA), store=tree.store)).members[0].person == BERT
    assert tree.store.read_record(TreePath(P), "members")["spreading"] is False


def test_members_are_set_by_owners_only(tree: Tree) -> None:
    tree.set_members("bert:member")
    with pytest.raises(NotAllowed, match="needs the role owner"):
        tree.set_members("carl", by=BERT)
    with pytest.raises(NotFound):
        tree.set_members("carl", by=CARL)
    assert tree.roles == {"anna": "owner", "bert": "member"}


def test_who_is_removed_is_out_at_once(tree: Tree) -> None:
    tree.set_members("bert")
    assert tree("project.show", BERT, project=P).role == "member"
    tree.set_members("bert:reader")
    assert tree("project.show", BERT, project=P).role == "reader"
    tree.set_members(remove=("bert",))
    with pytest.raises(NotFound):
        tree("project.show", BERT, project=P)


def test_too_many_names(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed, and the sentence says what to do instead."""
    monkeypatch.setattr(tree.store.gates, "most", 2)
    with pytest.raises(Invalid, match=r"cannot keep 3 people .* nothing was changed.* group of people"):
        tree.set_members("bert", "carl")
    assert tree.roles == {"anna": "owner"}


def test_visibility(tree: Tree) -> None:
    """Open: everybody reads; private again: members only; who owns it and who writes in it stays the same."""
    tree.set_members("bert")
    assert tree("project.set_visibility", project=P, visibility=Visibility.OPEN).visibility is Visibility.OPEN
    assert tree("project.show", CARL, project=P).role == "reader"
    assert tree("project.show", BERT, project=P).role == "member"
    tree("project.set_visibility", project=P, visibility=Visibility.PRIVATE)
    with pytest.raises(NotFound):
        tree("project.show", CARL, project=P)
    assert tree.roles == {"anna": "owner", "bert": "member"}


@pytest.mark.parametrize(
    ("stay", "expected"),
    [
        ("member", {"bert": "owner", "anna": "member"}),
        ("reader", {"bert": "owner", "anna": "reader"}),
        ("none", {"bert": "owner"}),
        ("", {"bert": "owner"}),
    ],
)
def test_transfer(tree: Tree, stay: str, expected: dict[str, str]) -> None:
    """The new owner can be a member already, whose last day is gone then."""
    tree.set_members("bert:reader:2999-01-01")
    tree("project.transfer", project=P, to="bert", stay=stay)
    assert (tree.roles, dict(tree.gate.until)) == (expected, {})


def test_transfer_that_cannot_be_meant(tree: Tree) -> None:
    for wanted, says in (
        ({"to": "zoe"}, "nobody has the login"),
        ({"to": "mail"}, "account of the system"),
        ({"to": "bert", "stay": "king"}, "possible are member, reader and none"),
    ):
        with pytest.raises(Invalid, match=says):
            tree("project.transfer", project=P, **wanted)
    assert tree.roles == {"anna": "owner"}


def test_owner_of_a_folder_made_by_hand_cannot_be_written_down(tree: Tree) -> None:
    """Members can be set by its owner; other owners need an administrator, who adopts it."""
    tree.store.put("adhoc/own", None, uid=ANNA.uid, mode=0o700)
    with pytest.raises(NotAllowed, match="an administrator can adopt it"):
        tree("project.transfer", project="adhoc/own", to="bert")
    with pytest.raises(NotAllowed, match="an administrator can adopt it"):
        tree("project.set_members", project="adhoc/own", add=("bert:owner",))
    tree("project.adopt", ROOT, project="adhoc/own")
    tree("project.transfer", project="adhoc/own", to="bert")
    assert tree.store.owner_uids(TreePath("adhoc/own")) == (BERT.uid,)


def test_adoption_names_the_owner_who_is_there(tree: Tree) -> None:
    """Whoever owned the folder, or who is named; an account that is gone is asked after."""
    tree.store.put("adhoc/own", None, uid=4242, mode=0o700)
    tree.store.people.append(Person(4242, "4242", "", PersonKind.UNKNOWN))
    with pytest.raises(Invalid, match="the account that owns this folder is gone"):
        tree("project.adopt", ROOT, project="adhoc/own")
    with pytest.raises(Invalid, match="nobody has the login"):
        tree("project.adopt", ROOT, project="adhoc/own", owner="zoe")
    adopted = tree("project.adopt", ROOT, project="adhoc/own", owner="carl")
    assert [owner.login for owner in adopted.owners] == ["carl"]
    assert tree("project.show", CARL, project="adhoc/own").role == "owner"


class TestFinding:
    """`person.find` completes what one types; it is no list of everybody."""

    @pytest.mark.parametrize("text", ["", "a", " a ", " "])
    def test_one_letter_finds_nobody(self, tree: Tree, text: str) -> None:
        with pytest.raises(Invalid, match="at least 2 letters"):
            tree("person.find", text=text)

    def test_accounts_of_the_system_are_not_found(self, tree: Tree) -> None:
        assert tree("person.find", text="an").items == (ANNA,)
        assert tree("person.find", text="mail").items == ()
        assert tree("person.find", text="ro").items == ()

    @pytest.mark.parametrize(("limit", "most"), [(3, 3), (0, 1), (-5, 1), (10_000, 20)])
    def test_few_are_found_at_once(self, tree: Tree, limit: int, most: int) -> None:
        tree.store.people += [Person(5000 + n, f"zz{n}") for n in range(100)]
        assert len(tree("person.find", text="zz", limit=limit).items) == most


def test_role_names_are_those_of_the_model() -> None:
    """What is typed is what is shown."""
    from jupyter_modama.core.members import ROLES

    assert {name: role.name.lower() for name, role in ROLES.items()} == {name: name for name in ROLES}
    assert max(ROLES.values()) < Role.ADMINISTRATOR
