"""Every operation by every role: who may, who hears that it is not allowed, and who hears that there is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_modama.core.errors import ManagedTree, ModamaError, NotAllowed, NotFound
from jupyter_modama.core.model import Actor, Person, Role, Site, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, Scope, Where, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.roles import role_at
from jupyter_modama.testing.memory import MemoryStore

ANNA, BERT, CARL, EVE, ROOT = (
    Person(uid, name) for uid, name in ((1, "anna"), (2, "bert"), (3, "carl"), (5, "eve"), (0, "root"))
)
PEOPLE = {
    Role.SIGNED_IN: EVE,
    Role.READER: CARL,
    Role.MEMBER: BERT,
    Role.OWNER: ANNA,
    Role.ADMINISTRATOR: ROOT,
}
HOMES = {Role.SIGNED_IN: "closed", Role.READER: "open", Role.MEMBER: "shared"}
NAMED: dict[str, Any] = {
    "name": "new",
    "id": "nothing-here",
    "path": "adhoc/{home}/s/raw",
    "reason": "because",
    "visibility": "open",
    "to": "bert",
    "text": "be",
    "person": "bert",
    "email": "carla@example.org",
    "uuid": "12345678-1234-1234-1234-1234567890ab",
}


class Tree:
    """One tree with projects of the system: a closed one, one open to read and one to write; anna owns all."""

    def __init__(self, site: Site | None = None) -> None:
        self.store = MemoryStore(site or Site(root="/x"), me=ROOT)
        modes = {"closed": 0o3700, "open": 0o3755, "shared": 0o3777}
        for name, mode in modes.items():
            self.store.put(f"adhoc/{name}/s/raw/a.dat", b"data")
            self.store.put(f"adhoc/{name}/s/analysis", None)
            project = self.store._node(TreePath(f"adhoc/{name}"))
            project.mode, project.owners = mode, (ANNA.uid,)

    def asked(self, operation: Operation, role: Role) -> tuple[MemoryStore, Actor, Any]:
        """The operation as this role would ask for it, in the project where somebody has that role."""
        home = HOMES.get(role, "shared")
        values = {
            "project": f"adhoc/{home}",
            "session": "s",
            **{k: v.format(home=home) if isinstance(v, str) else v for k, v in NAMED.items()},
        }
        if operation.scope is Scope.SITE:
            values.pop("project")
        fields = operation.wanted.__dataclass_fields__  # type: ignore[attr-defined]
        wanted = operation.wanted(**{name: value for name, value in values.items() if name in fields})
        person = PEOPLE[role]
        return self.store.seen_by(person), Actor(person, Via.CLI), wanted


def answered(operation: Operation, wanted: Any, actor: Actor, store: MemoryStore) -> Any:
    """The answer of an operation or its error; there are no seals in memory, and no answer to what needs one."""
    try:
        return perform(operation, wanted, actor=actor, store=store)
    except NotImplementedError:
        return None
    except ModamaError as error:
        return error


@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role.name.lower())
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_by_every_role(name: str, role: Role) -> None:
    """Who has not the role is refused before anything happens, and a line of the audit says so."""
    operation, tree = OPERATIONS[name], Tree()
    store, actor, wanted = tree.asked(operation, role)
    assert role_at(store, actor, operation.target(wanted)) == (
        role if operation.scope is not Scope.SITE or role is Role.ADMINISTRATOR else Role.SIGNED_IN
    )
    if role >= operation.least:
        said = answered(operation, wanted, actor, store)
        assert "needs the role" not in str(said)
        assert "is for administrators of the site" not in str(said)
        return
    refused = NotFound if role <= Role.SIGNED_IN and operation.least < Role.ADMINISTRATOR else NotAllowed
    with pytest.raises(refused) as error:
        perform(operation, wanted, actor=actor, store=store)
    assert type(error.value) is refused
    assert store.audit.lines == [(name, operation.target(wanted).shown, "refused")]


@pytest.mark.parametrize("name", [n for n, row in OPERATIONS.items() if row.scope is not Scope.SITE])
def test_hidden_names_answer_as_names_that_do_not_exist(name: str) -> None:
    """Who may not see a project cannot find out whether it exists."""
    operation, tree = OPERATIONS[name], Tree()
    if operation.least <= Role.SIGNED_IN:
        pytest.skip("explains why to everybody, with what the disk shows anyway")
    fields = operation.wanted.__dataclass_fields__  # type: ignore[attr-defined]
    said = []
    for home in ("closed", "absent"):
        values = {**NAMED, "project": f"adhoc/{home}", "session": "s", "path": f"adhoc/{home}/s"}
        wanted = operation.wanted(**{key: value for key, value in values.items() if key in fields})
        with pytest.raises((NotFound, NotAllowed)) as error:
            perform(operation, wanted, actor=Actor(EVE), store=tree.store.seen_by(EVE))
        said.append((type(error.value), str(error.value).replace(home, "…")))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", OPERATIONS)
def test_managed_tree_is_changed_by_its_service_only(name: str) -> None:
    """Whoever it is, root as well; looking goes on."""
    operation, tree = OPERATIONS[name], Tree(Site(root="/x", managed_by="https://hub.example.org"))
    store, actor, wanted = tree.asked(operation, Role.ADMINISTRATOR)
    reads = operation.kind is Kind.READ or name in {"session.verify", "path.verify", "folder.sort", "project.check"}
    changes = not reads and operation.where is Where.TREE
    said = answered(operation, wanted, actor, store)
    assert isinstance(said, ManagedTree) is changes
    assert not changes or "hub.example.org" in str(said)
    assert not changes or store.audit.lines[0][2] == "refused"


def test_nobody_but_root_is_administrator_of_a_managed_tree() -> None:
    """The folder's owner is an ordinary person there."""
    store = MemoryStore(Site(root="/x", managed_by="https://hub.example.org"), me=ANNA)
    store.put("adhoc/p", None, uid=ANNA.uid)
    assert role_at(store, Actor(ANNA), TreePath("adhoc/p")) is Role.MEMBER


def test_who_owns_the_folder_is_administrator_of_an_own_tree() -> None:
    store = MemoryStore(me=ANNA)
    store.put("adhoc/p/s/raw", None)
    store.put("adhoc/other", None, uid=BERT.uid)
    assert role_at(store, Actor(ANNA), TreePath("adhoc/p/s")) is Role.ADMINISTRATOR
    assert role_at(store, Actor(BERT), TreePath("adhoc/other")) is Role.ADMINISTRATOR


def test_owners_that_users_wrote_down_are_none() -> None:
    """Only the system's own folders say who owns a project."""
    store = MemoryStore(me=ROOT)
    store.put("adhoc/p", None, uid=BERT.uid)
    node = store._node(TreePath("adhoc/p"))
    node.owners, node.mode = (EVE.uid,), 0o3755
    assert role_at(store.seen_by(EVE), Actor(EVE), TreePath("adhoc/p")) is Role.READER
    node.uid = 0
    assert role_at(store.seen_by(EVE), Actor(EVE), TreePath("adhoc/p")) is Role.OWNER
    node.mode = 0o2755
    assert role_at(store.seen_by(EVE), Actor(EVE), TreePath("adhoc/p")) is Role.READER


def test_role_of_what_does_not_exist_is_that_of_its_project() -> None:
    """So that who may look hears that it is not there."""
    tree = Tree()
    assert role_at(tree.store.seen_by(CARL), Actor(CARL), TreePath("adhoc/open/no/such")) is Role.READER
    assert role_at(tree.store.seen_by(CARL), Actor(CARL), TreePath("adhoc/none")) is Role.SIGNED_IN


def test_who_may_write_but_not_enter_is_no_member() -> None:
    tree = Tree()
    tree.store._node(TreePath("adhoc/open")).mode = 0o3756
    assert role_at(tree.store.seen_by(CARL), Actor(CARL), TreePath("adhoc/open")) is Role.SIGNED_IN
