"""Invitations by e-mail address: pending in the project's record, until somebody signs in with that address.

Which projects have one for an address is looked up in a list, which may be lost at any time, and believed only with
the record.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from jupyter_modama.core.errors import Conflict, Invalid, ModamaError, NotAllowed, NotFound, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import project_place
from jupyter_modama.core.members import SetMembers, set_members
from jupyter_modama.core.model import Actor, Person, Progress, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Noted, Store
from jupyter_modama.core.projects import project_paths
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.roles import role_at

RECORD = "invitations"
DAYS = 90  # after which an invitation that nobody took lapses
MOST = 200
SHORT = {"reader": Role.READER, "member": Role.MEMBER}
# What mail servers everywhere take; no quotes, no line ends, so that nothing else can be written in a header.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}")
BY_SIGN_IN = "delegate"  # how the actor is known when the hub tells of a sign-in
DELEGATE = "sign-in"


@frozen
class InviteToProject:
    """`role`: member or reader; `until`: the last day of the membership."""

    project: str
    email: str
    role: str = "member"
    until: str = ""
    path_b64: str = ""


@frozen
class UninviteFromProject:
    project: str
    email: str
    path_b64: str = ""


@frozen
class ListInvitations:
    project: str
    path_b64: str = ""


@frozen
class AcceptInvitations:
    """`email`: an address that the sign-in service has verified."""

    email: str


@frozen
class Invitation:
    project: str
    email: str
    role: str
    by: Person
    at: datetime
    until: date | None = None
    path_b64: str = ""


@frozen
class Invitations:
    items: tuple[Invitation, ...]


@frozen
class Accepted:
    """The projects that somebody is a member of now, and was not before."""

    projects: tuple[str, ...]


# asking ---------------------------------------------------------------------------------------------------------------


def invite_to_project(store: Store, actor: Actor, wanted: InviteToProject) -> Invitation:
    """Invite somebody by e-mail address, who becomes a member at the first sign-in with it."""
    path = _path(store, wanted.project, wanted.path_b64)
    email = address_of(wanted.email)
    if wanted.role not in SHORT:
        raise Invalid(what=f"“{printable(wanted.role)}” is no role to invite for; possible are {', '.join(SHORT)}")
    row: dict[str, Any] = {
        "role": wanted.role,
        "by": actor.person.uid,
        "at": datetime.now(UTC).isoformat(),
        "until": _last_day(wanted.until),
    }
    with store.members_locked(path):
        rows = _rows(store, path)
        if email not in rows and len(rows) >= MOST:
            raise Conflict(
                what=f"{MOST} people are invited to this project and have not come yet; take some back first"
            )
        with store.invitations.noting(path, _key(email)):
            _write(store, path, {**rows, email: row})
    return _invitation(store, path, email, row)


def uninvite_from_project(store: Store, actor: Actor, wanted: UninviteFromProject) -> Invitations:
    """Take an invitation back; answers those that are left."""
    path = _path(store, wanted.project, wanted.path_b64)
    email = address_of(wanted.email)
    with store.members_locked(path):
        rows = _rows(store, path)
        if rows.pop(email, None) is None:
            raise Invalid(what=f"{email} is not invited to this project; they may have come already")
        _write(store, path, rows)
    return _listed(store, path, rows)


def list_invitations(store: Store, actor: Actor, wanted: ListInvitations) -> Invitations:
    """List who is invited to a project and has not come yet."""
    path = _path(store, wanted.project, wanted.path_b64)
    return _listed(store, path, _rows(store, path))


def address_of(text: str) -> str:
    """An e-mail address in small letters, as invitations know it.

    Raises: Invalid.
    """
    found = text.strip()
    if len(found) > 254 or not ADDRESS.fullmatch(found):
        raise Invalid(what=f"“{printable(found[:100])}” is no e-mail address; one looks like name@example.org")
    return found.lower()


def _path(store: Store, project: str, b64: str) -> TreePath:
    path = TreePath.parse(project, b64)
    area = project_place(store.site, path).layout
    if area.members == "group":
        raise NotAllowed(what=f"who is let into projects of “{area.name}” is decided elsewhere, by a group of accounts")
    return path


def _last_day(text: str) -> str:
    if not text:
        return ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(what=f"“{printable(text)}” is no day; please write it as 2027-01-31") from None
    if day < datetime.now(UTC).date():
        raise Invalid(what=f"{day} is over; the last day of a membership is to come")
    return day.isoformat()


# the record -----------------------------------------------------------------------------------------------------------


def _rows(store: Store, path: TreePath) -> dict[str, dict[str, Any]]:
    """The invitations that still hold, by address; what somebody wrote there that is none is left out."""
    found = record_or_warning(store, path, RECORD)[0].get("pending")
    rows = found.items() if isinstance(found, dict) else ()
    return {email: row for email, row in rows if isinstance(row, dict) and _holds(row)}


def _holds(row: dict[str, Any]) -> bool:
    try:
        at, until, by = datetime.fromisoformat(row["at"]), row.get("until") or "", row["by"]
        last = date.fromisoformat(until) if until else None
    except (KeyError, TypeError, ValueError):
        return False
    now = datetime.now(UTC)
    fresh = at.tzinfo is not None and now - at < timedelta(days=DAYS)
    return fresh and row.get("role") in SHORT and type(by) is int and (last is None or last >= now.date())


def _write(store: Store, path: TreePath, rows: dict[str, dict[str, Any]]) -> None:
    store.write_record(path, RECORD, {"pending": rows})


def _invitation(store: Store, path: TreePath, email: str, row: dict[str, Any]) -> Invitation:
    return Invitation(
        project=path.shown,
        email=email,
        role=row["role"],
        by=store.person(row["by"]),
        at=datetime.fromisoformat(row["at"]),
        until=date.fromisoformat(row["until"]) if row.get("until") else None,
        path_b64=path.b64,
    )


def _listed(store: Store, path: TreePath, rows: dict[str, dict[str, Any]]) -> Invitations:
    return Invitations(tuple(_invitation(store, path, email, row) for email, row in sorted(rows.items())))


# coming ---------------------------------------------------------------------------------------------------------------


def check_accept(store: Store, actor: Actor, wanted: AcceptInvitations) -> None:
    """Raises: NotAllowed unless the hub tells of a sign-in: nobody says of themselves which address is theirs."""
    if actor.known_by != BY_SIGN_IN or actor.on_behalf_of != DELEGATE:
        raise NotAllowed(what="an invitation is accepted by signing in at the hub with the address that was invited")
    address_of(wanted.email)


def accept_invitations(store: Store, actor: Actor, wanted: AcceptInvitations) -> Generator[Progress, None, Accepted]:
    """Make somebody who has signed in a member of the projects that their verified address is invited to."""
    email, joined = address_of(wanted.email), []
    noted = store.invitations.paths(_key(email))
    for path in (yield from _looked_for(store, email)) if noted is None else noted:
        with suppress(ModamaError):  # one project that cannot be joined now does not keep out of the others
            if (yield from _join(store, actor, path, email)):
                joined.append(path.shown)
    return Accepted(tuple(joined))


def _looked_for(store: Store, email: str) -> Generator[Progress, None, tuple[TreePath, ...]]:
    """The projects that an address is invited to, by a look through all; the list is made anew by the way."""
    found: list[TreePath] = []
    for number, _ in enumerate(renew_invitations(store, email, found), 1):
        if number % 1000 == 0:
            yield Progress("projects", number, 0, "projects")
    return tuple(found)


def renew_invitations(store: Store, email: str = "", found: list[TreePath] | None = None) -> Iterator[None]:
    """Make the list of invitations anew, of all records; a step for each project. `found` gets those of `email`."""

    def rows() -> Iterator[Noted | None]:
        for path in project_paths(store):
            yield None
            for invited in _invited(store, path):
                if invited == email and found is not None:
                    found.append(path)
                yield _key(invited), path

    return store.invitations.renew(rows())


def _invited(store: Store, path: TreePath) -> tuple[str, ...]:
    with suppress(ModamaError):  # closed or removed meanwhile
        return tuple(_rows(store, path))
    return ()


def _key(email: str) -> str:
    """Of an address in the list, which needs to hold none."""
    return hashlib.sha256(email.encode()).hexdigest()[:32]


def _join(store: Store, actor: Actor, path: TreePath, email: str) -> Generator[Progress, None, bool]:
    """The invitation is gone only when the membership stands: cut off, it is taken at the next sign-in."""
    row = _rows(store, path).get(email)
    if row is None:
        return False
    welcome = _may_still_invite(store, path, row["by"])
    more = welcome and store.gates.read(path).people.get(actor.person.uid, Role.ANYONE) < SHORT[row["role"]]
    if more:
        member = f"{actor.person.uid}:{row['role']}:{row.get('until') or ''}"
        yield from set_members(store, actor, SetMembers(path.shown, add=(member,), path_b64=path.b64))
    with store.members_locked(path):
        rows = _rows(store, path)
        if rows.get(email) == row:
            rows.pop(email)
            _write(store, path, rows)
    return more


def _may_still_invite(store: Store, path: TreePath, uid: int) -> bool:
    """Whether whoever invited could do so today."""
    with suppress(NotFound, NotAllowed):
        return role_at(store, Actor(store.person(uid)), path) >= Role.OWNER
    return False
