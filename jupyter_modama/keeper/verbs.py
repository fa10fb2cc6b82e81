"""What the keeper does for its caller, and what it makes by itself of what the caller says.

Believed is only what must be (docs/keeper.md): which person asks. Login, groups, role and whether that is enough come
from the keeper's own look at the system and at the tree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from types import UnionType
from typing import Any, Union, get_args, get_origin

from jupyter_modama.core.errors import Invalid, NotAllowed
from jupyter_modama.core.model import Actor, PersonKind, Site, Via
from jupyter_modama.core.operations import OPERATIONS, Operation
from jupyter_modama.core.ports import Store

# Whole verbs, each of which changes the tree; what only reads is done by a worker with the person's own rights.
VERBS = (
    "project.create",
    "project.update",
    "project.rename",
    "project.set_members",
    "project.set_visibility",
    "project.transfer",
    "project.invite",
    "project.uninvite",
    "invitation.accept",
    "project.adopt",
    "project.repair",
    "session.create",
    "session.make",
    "session.update",
    "session.rename",
    "session.remove",
    "session.seal",
    "session.undo_seal",
    "session.unseal",
    "session.request_unseal",
    "session.decline_unseal",
    "entry.move",
    "entry.rename",
    "entry.remove",
    "path.seal",
    "path.unseal",
    "site.nightly",
    "site.count",
    # what a seal would do, since the keeper does it
    "session.survey",
    # of what the keeper alone has
    "audit.list",
    "session.requests",
    "person.mails",
    "person.set_mails",
    "person.export",
    "person.forget",
    "site.overview",
    # its own long work
    "job.list",
    "job.show",
    "job.cancel",
)
READ_AS = "keeper.read_as"  # a worker for a person
REACH = "keeper.reach"  # asked of a worker: which projects its person reaches, for the mounts of their server
FOLLOW = "keeper.follow"  # what becomes of all long work, for the service, which tells each person of their own
# for the service itself, which sends mail: what waits to be told, and that it was told
NOTICES, TOLD = "keeper.notices", "keeper.told"
KNOWN_BY = ("hub-token", "delegate")
NEVER_DELEGATED = ("session.unseal", "session.decline_unseal", "path.unseal", "person.export", "person.forget")
LONGEST_NAME = 200


def operation_of(verb: Any) -> Operation:
    """The operation of a verb that the keeper does.

    Raises: NotAllowed.
    """
    if not isinstance(verb, str) or verb not in VERBS or verb not in OPERATIONS:
        shown = verb[:60] if isinstance(verb, str) else type(verb).__name__
        raise NotAllowed(what=f"“{shown}” is nothing that the keeper does")
    return OPERATIONS[verb]


# Who asks ------------------------------------------------------------------------------------------------------------


def actor_of(store: Store, peer_uid: int, said: Any, verb: str | None) -> Actor:
    """The actor whom the caller names by a uid; whatever else it says of them is looked up here.

    Raises: Invalid, NotAllowed.
    """
    if not isinstance(said, Mapping):
        raise Invalid(what="the request does not say who asks")
    uid = said.get("uid")
    if type(uid) is not int or not 0 <= uid < 1 << 32:
        raise Invalid(what="the request does not name a person by their number")
    if uid < store.site.minimum_uid or uid == peer_uid or store.trusted_uid(uid):
        raise NotAllowed(what=f"the number {uid} is an account of the system, for which nothing is done here")
    person = store.person(uid)
    if person.kind is PersonKind.UNKNOWN:
        raise NotAllowed(what=f"nobody has the number {uid}; the account may be gone")
    known_by = said.get("known_by")
    if known_by not in KNOWN_BY:
        raise Invalid(what=f"how the person is known is to be one of {', '.join(KNOWN_BY)}")
    try:
        via = Via(str(said.get("via")))
    except ValueError:
        raise Invalid(what=f"where the person asks is to be one of {', '.join(Via)}") from None
    actor = Actor(person, via, str(known_by), _name(said.get("on_behalf_of", "")))
    if known_by == "delegate" and verb != READ_AS:  # of what is read the worker judges each
        check_delegate(store, actor, verb)
    return actor


def check_delegate(store: Store, actor: Actor, verb: str | None) -> None:
    """What another program may ask for people stands in the site file, and nowhere else.

    Raises: NotAllowed.
    """
    if not is_listed(store.site, actor.on_behalf_of, str(verb)):
        raise NotAllowed(what=f"{verb} is not to be done on behalf of others at this site")


def said_of(actor: Actor) -> dict[str, Any]:
    """What a caller says of an actor."""
    return {
        "uid": actor.person.uid,
        "via": actor.via.value,
        "known_by": actor.known_by,
        "on_behalf_of": actor.on_behalf_of,
    }


def is_listed(site: Site, delegate: str, operation: str) -> bool:
    """Whether the site file lets a delegate do an operation for people."""
    rows = site.delegates.get(delegate, {}).get("operations", ())
    return operation not in NEVER_DELEGATED and any(fnmatchcase(operation, row) for row in rows)


def _name(text: Any) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_NAME or (text and not text.isprintable()):
        raise Invalid(what="on whose behalf this is asked is to be a name on one line")
    return text


# What is asked for ---------------------------------------------------------------------------------------------------


def wanted_of(operation: Operation, said: Any) -> Any:
    """What is asked for, each field of exactly its type.

    Raises: Invalid.
    """
    if not isinstance(said, Mapping):
        raise Invalid(what=f"{operation.name} is asked for without saying what")
    hints = operation.wanted_types
    for name in said:
        if name not in hints:
            raise Invalid(what=f"{operation.name} has no field “{str(name)[:60]}”")
    for row in dataclasses.fields(operation.wanted):
        if row.default is dataclasses.MISSING and row.name not in said:
            raise Invalid(what=f"{operation.name} needs the field “{row.name}”")
    return operation.wanted(**{name: _typed(value, hints[name], name) for name, value in said.items()})


def _typed(value: Any, hint: Any, name: str) -> Any:
    """Raises: Invalid."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        kinds = [kind for kind in inner if kind is not type(None)]
        return None if value is None and len(kinds) < len(inner) else _typed(value, kinds[0], name)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(item, inner[0], name) for item in value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            raise Invalid(what=f"the field “{name}” cannot be that; please take one of its values") from None
    if hint is str and isinstance(value, str):
        return _text(value, name)
    if hint in {int, bool} and type(value) is hint:
        return value
    raise Invalid(what=f"the field “{name}” is of another type than it is to be")


def _text(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Invalid(what=f"the field “{name}” holds half of a character") from None
    if "\0" in value:
        raise Invalid(what=f"the field “{name}” holds a NUL character")
    return value
