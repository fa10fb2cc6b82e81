"""Who administrates a managed tree, and whose hand alone changes it."""

from __future__ import annotations

import os

import pytest

from jupyter_modama.core.errors import ManagedTree, NotAllowed
from jupyter_modama.core.model import Actor, Person, Role, Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.roles import role_at
from jupyter_modama.store.judge import is_in_group
from jupyter_modama.testing.accounts import account, group
from jupyter_modama.testing.memory import MemoryStore

DORA = Actor(Person(4711, "dora"))
PATHS = [TreePath(path) for path in ("", "adhoc", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw/a", "adhoc/none")]


def managed(group: str = "admins", service: str = "the service") -> MemoryStore:
    store = MemoryStore(Site(root="/memory", administrators=group, managed_by=service))
    store.put("adhoc/p/s/raw/a", b"x", mode=0o600)
    store.in_groups = {(4711, "admins"), (4711, "")}
    return store


@pytest.mark.parametrize("path", PATHS)
def test_group_of_administrators_administrates_a_managed_tree(path: TreePath) -> None:
    """Everywhere in it, and nobody else does: not root, not an owner."""
    store = managed()
    assert role_at(store, DORA, path) is Role.ADMINISTRATOR
    for uid in (0, 4712):
        assert role_at(store, Actor(Person(uid, "somebody")), path) < Role.ADMINISTRATOR


@pytest.mark.parametrize("store", [managed("others"), managed(service=""), managed(service="", group="admins")])
def test_group_counts_only_where_the_site_says_so(store: MemoryStore) -> None:
    """Another group, or a tree of one's own, makes nobody an administrator."""
    assert role_at(store, DORA, TreePath("adhoc/p")) < Role.ADMINISTRATOR


def test_no_group_has_everybody() -> None:
    """A site that names none has no administrators, whatever a directory answers to an empty name."""
    assert not is_in_group(os.getuid(), "")
    assert not is_in_group(os.getuid(), "there is no such group")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")
def test_membership_is_as_the_directory_knows_it() -> None:
    """As the first group or a further one."""
    import grp

    with account("dora") as dora, account("emil") as emil, group("admins", dora) as gid:
        name = grp.getgrgid(gid).gr_name
        assert is_in_group(dora.uid, name)
        assert is_in_group(dora.uid, dora.login)
        assert not is_in_group(emil.uid, name)
        assert not is_in_group(61_234, name)


def test_only_the_keepers_hand_changes_a_managed_tree() -> None:
    """Whoever asks; role and audit stay as they are."""
    store = managed()
    row = OPERATIONS["project.update"]
    with pytest.raises(ManagedTree, match="the service"):
        perform(row, row.wanted(project="adhoc/p", title="x"), actor=DORA, store=store)
    store.keeps_tree = True
    assert perform(row, row.wanted(project="adhoc/p", title="x"), actor=DORA, store=store).title == "x"
    with pytest.raises(NotAllowed):
        perform(row, row.wanted(project="adhoc/p"), actor=Actor(Person(4712, "bob")), store=store)
