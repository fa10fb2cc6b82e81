"""Who may do what in a project: members, visibility, owners. The gate decides at once; what lies behind it follows."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime

from jupyter_modama.core.errors import Conflict, Invalid, LastOwner, NotAllowed, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.layout import project_place
from jupyter_modama.core.model import Actor, Area, Person, PersonKind, Progress, Project, Role, Visibility
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import members_from, show_project_at
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.spreading import spread

ROLES = {"reader": Role.READER, "member": Role.MEMBER, "owner": Role.OWNER}
NOBODY = 65534
SHORTEST_SEARCH = 2
MOST_FOUND = 20


@frozen
class SetMembers:
    """`add`: `login:role:last-day` each, of which only the login is needed; `remove`: logins; a uid will do for one."""

    project: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    if_version: str = ""
    path_b64: str = ""


@frozen
class SetVisibility:
    project: str
    visibility: Visibility
    if_version: str = ""
    path_b64: str = ""


@frozen
class TransferProject:
    """`stay`: what those who own it now are afterwards: member, reader, or nothing."""

    project: str
    to: str
    stay: str = "member"
    if_version: str = ""
    path_b64: str = ""


@frozen
class AdoptProject:
    """`owner`: whose project it is to be; without one, of whoever owns the folder."""

    project: str
    owner: str = ""
    path_b64: str = ""


@frozen
class FindPeople:
    text: str
    limit: int = 10


@frozen
class People:
    items: tuple[Person, ...]


@frozen
class _Change:
    """One gate as it is and as it is to be."""

    path: TreePath
    area: Area
    old: Gate
    new: Gate


# people --------------------------------------------------------------------------------------------------------------


def find_people(store: Store, actor: Actor, wanted: FindPeople) -> People:
    """Find people by the beginning of their login or of a word of their name."""
    text = wanted.text.strip()
    if len(text) < SHORTEST_SEARCH:
        raise Invalid(what=f"please type at least {SHORTEST_SEARCH} letters of the login or of the name")
    return People(store.find_people(text, min(max(wanted.limit, 1), MOST_FOUND)))


def named_person(store: Store, text: str) -> Person:
    """The person of a login or a uid.

    Raises: Invalid where there is none, or where it is an account of the system.
    """
    found = store.person_named(text)
    if found is None:
        raise Invalid(what=f"nobody has the login “{printable(text)}”; please look it up by typing its first letters")
    of_system = found.uid < store.site.minimum_uid or found.uid == NOBODY
    if of_system and not (found.uid == 0 and store.me().uid == 0):
        raise Invalid(what=f"“{found.login}” is an account of the system and no person")
    return found


# what is asked for ---------------------------------------------------------------------------------------------------


def _with_members(store: Store, path: TreePath, gate: Gate, wanted: SetMembers) -> Gate:
    if not wanted.add and not wanted.remove:
        raise Invalid(what="nobody is named: add or remove at least one person")
    people, until = dict(gate.people), dict(gate.until)
    named: set[int] = set()
    for text in wanted.remove:
        uid = _named_once(_leaving(store, gate, text), named)
        if uid not in people and not _is_spreading(store, path):  # where a change was cut off they can be out already
            raise Invalid(what=f"{store.person(uid).login} is no member of this project")
        people.pop(uid, None)
        until.pop(uid, None)
    for text in wanted.add:
        login, role, day = _asked(text)
        uid = _named_once(named_person(store, login).uid, named)
        people[uid] = role
        until.pop(uid, None)
        if day is not None:
            until[uid] = day
    return replace(gate, people=people, until=until)


def _leaving(store: Store, gate: Gate, text: str) -> int:
    """The uid of somebody to be removed, whose account may be gone already."""
    if text.isdigit() and int(text) in gate.people:
        return int(text)
    return named_person(store, text).uid


def _named_once(uid: int, named: set[int]) -> int:
    if uid in named:
        raise Invalid(what=f"the person with the number {uid} is named twice; please say only one thing of each")
    named.add(uid)
    return uid


def _asked(text: str) -> tuple[str, Role, date | None]:
    login, _, rest = text.strip().partition(":")
    role, _, day = rest.partition(":")
    if role and role not in ROLES:
        raise Invalid(what=f"“{printable(role)}” is no role; possible are {', '.join(ROLES)}")
    kind = ROLES[role or "member"]
    if not day:
        return login, kind, None
    try:
        last = date.fromisoformat(day)
    except ValueError:
        raise Invalid(what=f"“{printable(day)}” is no day; please write it as 2027-01-31") from None
    if last < datetime.now(UTC).date():
        raise Invalid(what=f"{last} is over; the last day of a membership is to come")
    if kind is Role.OWNER:
        raise Invalid(what="an owner has no last day; make them a member until that day instead")
    return login, kind, last


def _transferred(store: Store, gate: Gate, wanted: TransferProject) -> Gate:
    if wanted.stay not in {"", "none", "member", "reader"}:
        raise Invalid(what=f"stay={printable(wanted.stay)!r} is not known; possible are member, reader and none")
    to = named_person(store, wanted.to)
    left = ROLES.get(wanted.stay)
    people: dict[int, Role] = {uid: role for uid, role in gate.people.items() if role is not Role.OWNER}
    if left:
        people.update({uid: left for uid in gate.owners})
    until = {uid: day for uid, day in gate.until.items() if uid != to.uid}
    return replace(gate, people={**people, to.uid: Role.OWNER}, until=until)


def _wanted_gate(
    store: Store, path: TreePath, gate: Gate, wanted: SetMembers | SetVisibility | TransferProject
) -> Gate:
    if isinstance(wanted, SetMembers):
        return _with_members(store, path, gate, wanted)
    if isinstance(wanted, SetVisibility):
        return replace(gate, is_open=wanted.visibility == Visibility.OPEN)
    return _transferred(store, gate, wanted)


# changing ------------------------------------------------------------------------------------------------------------


def _change(store: Store, wanted: SetMembers | SetVisibility | TransferProject) -> _Change:
    """The change that is asked for, judged against the gate as it is now.

    Raises: Invalid, NotAllowed, Conflict, LastOwner.
    """
    path = TreePath.parse(wanted.project, wanted.path_b64)
    area = project_place(store.site, path).layout
    if area.members == "group" and not isinstance(wanted, SetVisibility):
        raise NotAllowed(what=members_from(store, store.stat(path), area))
    old = store.gates.read(path)
    new = _wanted_gate(store, path, old, wanted)
    if wanted.if_version and wanted.if_version != old.version and not _was_begun(store, path, new):
        raise Conflict(
            what="somebody else changed the members of this project meanwhile; please look at them again, then decide"
        )
    if not new.owners:
        raise LastOwner(person=", ".join(store.person(uid).login for uid in old.owners), project=path.shown)
    _need_system(store, path, old, new)
    if not store.gates.fits(path, new):
        raise Invalid(
            what=f"the file system cannot keep {len(new.people)} people by name at one project; nothing was changed. "
            "Please ask an administrator for a group of people, which counts as one name"
        )
    return _Change(path, area, old, new)


def _need_system(store: Store, path: TreePath, old: Gate, new: Gate) -> None:
    """Owners can be written down only where nobody but the system could have done so."""
    if store.trusted_uid(store.stat(path).uid) or new.owners == old.owners:
        return
    raise NotAllowed(
        what=f"the folder of “{path.shown}” belongs to {store.person(store.stat(path).uid).login}, and so does the "
        "project; an administrator can adopt it, and then it can have other owners"
    )


def _is_spreading(store: Store, path: TreePath) -> bool:
    """Whether a change of the gate has not reached all that lies behind it."""
    return bool(record_or_warning(store, path, "members")[0].get("spreading"))


def _was_begun(store: Store, path: TreePath, new: Gate) -> bool:
    """Whether this very change was begun before, and cut off."""
    return record_or_warning(store, path, "members")[0].get("wanted") == new.version


def _apply(store: Store, actor: Actor, change: _Change) -> Generator[Progress, None, Project]:
    """Change the gate, then all that lies behind it; a change that was cut off is finished by the next pass."""
    path, new = change.path, change.new
    yield Progress("gate", 0, 1, "gates")
    store.write_record(path, "members", {"wanted": new.version, "spreading": True})
    keep_days(store, path, new)
    store.gates.write(path, change.old, new)
    yield from spread(store, path, new)
    store.write_record(path, "members", {"wanted": new.version, "spreading": False})
    return show_project_at(store, actor, path)


def keep_days(store: Store, path: TreePath, gate: Gate) -> None:
    """Write down what an access list cannot say: the last days of memberships."""
    record, _ = record_or_warning(store, path, "project")
    until = {str(uid): day.isoformat() for uid, day in sorted(gate.until.items())}
    owners = list(gate.owners)
    if record.get("until", {}) != until or record.get("owners", owners) != owners:
        store.write_record(path, "project", {**record, "until": until, "owners": owners})


def check_members(store: Store, actor: Actor, wanted: SetMembers) -> None:
    _change(store, wanted)


def set_members(store: Store, actor: Actor, wanted: SetMembers) -> Generator[Progress, None, Project]:
    """Add and remove members of a project, all or none of them; effective at once."""
    return (yield from _locked(store, actor, wanted))


def check_visibility(store: Store, actor: Actor, wanted: SetVisibility) -> None:
    _change(store, wanted)


def set_visibility(store: Store, actor: Actor, wanted: SetVisibility) -> Generator[Progress, None, Project]:
    """Let everybody with an account look into a project, or its members only."""
    return (yield from _locked(store, actor, wanted))


def check_transfer(store: Store, actor: Actor, wanted: TransferProject) -> None:
    _change(store, wanted)


def transfer_project(store: Store, actor: Actor, wanted: TransferProject) -> Generator[Progress, None, Project]:
    """Give a project to another owner."""
    return (yield from _locked(store, actor, wanted))


def _locked(
    store: Store, actor: Actor, wanted: SetMembers | SetVisibility | TransferProject
) -> Generator[Progress, None, Project]:
    path = TreePath.parse(wanted.project, wanted.path_b64)
    with store.members_locked(path):
        return (yield from _apply(store, actor, _change(store, wanted)))


# adopting ------------------------------------------------------------------------------------------------------------


def check_adopt(store: Store, actor: Actor, wanted: AdoptProject) -> None:
    _adoption(store, actor, wanted)


def adopt_project(store: Store, actor: Actor, wanted: AdoptProject) -> Generator[Progress, None, Project]:
    """Give a project that people made by hand the owner, members and protection that projects have here."""
    path = TreePath.parse(wanted.project, wanted.path_b64)
    with store.members_locked(path):
        change = _adoption(store, actor, wanted)
        store.gates.adopt(path)
        return (yield from _apply(store, actor, change))


def _adoption(store: Store, actor: Actor, wanted: AdoptProject) -> _Change:
    path = TreePath.parse(wanted.project, wanted.path_b64)
    area = project_place(store.site, path).layout
    if not store.trusted_uid(store.me().uid):
        raise NotAllowed(what="adopting a project needs the system's rights; please ask an administrator")
    if area.members == "group":
        raise NotAllowed(what=f"projects in “{area.name}” come from the facility's own system, with their owners")
    old = store.gates.read(path)
    if wanted.owner:
        owners: Iterable[int] = (named_person(store, wanted.owner).uid,)
    else:
        owners = store.owner_uids(path) or (store.stat(path).uid,)
    if any(store.person(uid).kind is PersonKind.UNKNOWN for uid in owners):
        raise Invalid(what="the account that owns this folder is gone; please name the owner that it is to have")
    people = {uid: min(role, Role.MEMBER) for uid, role in old.people.items() if not store.trusted_uid(uid)}
    new = replace(old, people={**people, **dict.fromkeys(owners, Role.OWNER)})
    return _Change(path, area, old, new)
