"""Who somebody is at a place: the tree decides, as the kernel answers for whoever runs this."""

from __future__ import annotations

from jupyter_modama.core.errors import NotAllowed, NotFound
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Actor, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Access, Store


def role_at(store: Store, actor: Actor, path: TreePath) -> Role:
    """The actor's role at a path: of the project that it lies in, or of the site above projects.

    The running person is administrator of an unmanaged tree whose root is theirs; in a managed one those are whom the
    site's group of administrators holds. A path that does not exist has the
    role of its project, so that the answer "not found" comes from the one who looks.
    """
    where = place(store.site, path)
    if store.site.managed_by and _administrates(store, actor):
        return Role.ADMINISTRATOR
    if not store.site.managed_by and _owns(store, actor, TreePath("")):
        return Role.ADMINISTRATOR
    if not where.project:
        return Role.SIGNED_IN if not path else _by_access(store, actor, path)
    if not store.site.managed_by and _owns(store, actor, where.project):
        return Role.ADMINISTRATOR
    try:
        owners = store.owner_uids(where.project)
    except (NotFound, NotAllowed):
        return Role.SIGNED_IN
    if actor.person.uid in owners:
        return Role.OWNER
    return _by_access(store, actor, where.project)


def _administrates(store: Store, actor: Actor) -> bool:
    """Whether somebody administrates a managed tree: also its keeper, where nobody but itself asks it to act."""
    if store.keeps_tree and actor.person.uid == store.me().uid:
        return True
    return store.in_group(actor.person.uid, store.site.administrators)


def _owns(store: Store, actor: Actor, path: TreePath) -> bool:
    if actor.person.uid == 0:
        return True
    try:
        return store.stat(path).uid == actor.person.uid
    except (NotFound, NotAllowed):
        return False


def acts_for(store: Store, actor: Actor) -> bool:
    """Whether this process is the system and does something for a person: what it makes is the system's then."""
    return store.trusted_uid(store.me().uid) and not store.trusted_uid(actor.person.uid)


def access_of(store: Store, actor: Actor, path: TreePath) -> Access:
    """What the kernel lets the actor do at a path, whoever runs this.

    Raises: NotFound, NotAllowed.
    """
    return store.access(path, None if actor.person.uid == store.me().uid else actor.person.uid)


def _by_access(store: Store, actor: Actor, path: TreePath) -> Role:
    try:
        found = access_of(store, actor, path)
    except (NotFound, NotAllowed):
        return Role.SIGNED_IN
    if found.write and found.enter:
        return Role.MEMBER
    return Role.READER if found.read and found.enter else Role.SIGNED_IN
