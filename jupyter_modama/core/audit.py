"""What was done, by whom, as the audit tells it: to administrators all, to the people of a project what is theirs.

A line belongs to a project by the project's uuid, which a rename does not change. Lines without one belong by the path,
and only since the folder is there: a name can have been another project's before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from jupyter_modama.core.errors import Invalid, ModamaError, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Actor, Role, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import FIRST_AREA
from jupyter_modama.core.roles import role_at

LARGEST_PAGE = 1000
PATIENCE_BYTES = 16 << 20  # of lines that are looked at for one page
MOST_UNDER_WAY = 200
NOT_KNOWN = "not known"
_ACTOR = re.compile(r"^(.*?) via (\S+) \((.*?)\)(?: for (.*))?$", re.DOTALL)


@frozen
class ListAudit:
    """`since` is a time (ISO 8601), `person` a login or a number, `op` an operation or all of a noun (`session.*`)."""

    project: str = ""
    since: str = ""
    person: str = ""
    op: str = ""
    limit: int = 100
    cursor: str = ""
    path_b64: str = ""


@frozen
class AuditLine:
    """One thing that was done or tried. `outcome`: done, failed, refused, cancelled, interrupted; empty: not ended."""

    at: str
    op: str
    person: str
    via: str
    target: str
    sentence: str
    outcome: str = ""
    ended: str = ""
    detail: str = ""
    on_behalf_of: str = ""
    wanted: dict[str, Any] = field(default_factory=dict)


@frozen
class AuditPage:
    """The newest first. With a `cursor` there may be more, also where this page is not full."""

    items: tuple[AuditLine, ...]
    cursor: str = ""


def list_audit(store: Store, actor: Actor, wanted: ListAudit) -> AuditPage:
    """List what was done: all for administrators, for members what concerns their projects."""
    sees = _Sees(store, actor, wanted)
    if sees.nothing:
        return AuditPage(())
    return page_of(store, wanted, sees)


def page_of(store: Store, wanted: ListAudit, sees: Callable[[Mapping[str, Any], datetime | None], bool]) -> AuditPage:
    """A page of what was asked for and may be seen, by the entry and its time. Raises: Invalid."""
    since = _moment(wanted.since)
    items: list[AuditLine] = []
    before, under_way = _Ends.read(store, wanted.cursor)
    most, looked = max(1, min(wanted.limit, LARGEST_PAGE)), 0
    for at, entry, size in store.audit.newest_first(before):
        looked += size
        if "outcome" in entry:
            under_way.note(at, entry)
        elif "op" in entry:
            end = under_way.take(entry)
            moment = _moment_of(entry)
            if since is not None and moment is not None and moment < since:
                return AuditPage(tuple(items))
            # A project's folder is not there yet when it is begun to be made.
            since_when = _moment_of(end) if entry["op"] == "project.create" and end else moment
            if _asked(entry, wanted) and sees(entry, since_when):
                items.append(line_of(store.site, entry, end))
        if len(items) >= most or looked > PATIENCE_BYTES:
            return AuditPage(tuple(items), under_way.cursor(at))
    return AuditPage(tuple(items))


class _Ends:
    """The ends of what began further back; a cursor holds where they stand, so that the next page has them, too."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, dict[str, Any]]] = {}

    @classmethod
    def read(cls, store: Store, cursor: str) -> tuple[str, _Ends]:
        """From where a cursor goes on, and the ends that it knows. Raises: Invalid."""
        ends = cls()
        before, *positions = cursor.split(".")
        if len(cursor) > MOST_UNDER_WAY * 40 or not all(
            p.replace("-", "").isdecimal() for p in (before, *positions) if cursor
        ):
            raise Invalid(what="that is no place in the audit to go on from; please load the list again")
        for position, entry in zip(positions, store.audit.entries_at(positions), strict=False):
            ends.note(position, entry)
        return before, ends

    def note(self, at: str, entry: dict[str, Any]) -> None:
        if len(self.found) >= MOST_UNDER_WAY:  # what never began, since that line is damaged, must not add up
            self.found.pop(next(iter(self.found)))
        self.found[str(entry.get("line"))] = at, entry

    def take(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return self.found.pop(str(entry.get("line")), ("", {}))[1]

    def cursor(self, at: str) -> str:
        return ".".join((at, *(position for position, _ in self.found.values())))


# Whose lines ---------------------------------------------------------------------------------------------------------


@frozen
class _Known:
    """A project that somebody may hear of."""

    path: TreePath
    uuid: str
    since: datetime | None


class _Sees:
    """What somebody may see of the audit, as the tree says now."""

    def __init__(self, store: Store, actor: Actor, wanted: ListAudit) -> None:
        self.store, self.actor = store, actor
        self.all = role_at(store, actor, TreePath("")) >= Role.ADMINISTRATOR
        self.one: _Known | None = None
        self.nothing = False
        self._projects: dict[str, _Known | None] = {}
        if wanted.project or wanted.path_b64:
            self.one = self._known(TreePath.parse(wanted.project, wanted.path_b64))
            self.nothing = self.one is None

    def __call__(self, entry: Mapping[str, Any], at: datetime | None) -> bool:
        if self.one is not None:
            return _is_of(entry, at, self.one, self.store.site)
        if self.all:
            return True
        project = project_of(self.store, entry)
        if project not in self._projects:
            self._projects[project] = self._known(TreePath(project)) if project else None
        known = self._projects[project]
        return known is not None and _is_of(entry, at, known, self.store.site)

    def _known(self, path: TreePath) -> _Known | None:
        """A project in which the actor is at least a member."""
        try:
            if not self.all and role_at(self.store, self.actor, path) < Role.MEMBER:
                return None
            stat = self.store.stat(path)
        except ModamaError:
            return _Known(path, "", None) if self.all else None
        return _Known(path, project_uuid(self.store, path), stat.born or stat.changed)


def _is_of(entry: Mapping[str, Any], at: datetime | None, project: _Known, site: Site) -> bool:
    """Whether a line is about a project, or about something in it."""
    uuid = str(entry.get("project_uuid") or "")
    if uuid and project.uuid:
        return uuid == project.uuid
    target, shown = _target(entry, site), project.path.shown
    if target != shown and not target.startswith(shown + "/"):
        return False
    return project.since is None or (at is not None and at >= project.since)


def project_of(store: Store, entry: Mapping[str, Any]) -> TreePath:
    """The project that a line is about, by the path that it had then; empty where it is about none."""
    try:
        return place(store.site, TreePath.parse(_target(entry, store.site))).project
    except ModamaError:
        return TreePath("")


def project_uuid(store: Store, path: TreePath) -> str:
    """The uuid in the record of the project that a path lies in, nothing where there is none."""
    try:
        project = place(store.site, path).project
        record = store.read_record(project, "project") if project else None
    except ModamaError:
        return ""
    return str((record or {}).get("uuid") or "")


def facts_of(store: Store, actor: Actor, target: TreePath) -> dict[str, Any]:
    """What a line of the audit says beside what is asked for, so that it can be told later whom it concerns."""
    uuid = project_uuid(store, target)
    return {"uid": actor.person.uid, **({"project_uuid": uuid} if uuid else {})}


def _target(entry: Mapping[str, Any], site: Site) -> str:
    """What a line is about; a project that was made is so, too."""
    target, wanted = str(entry.get("target") or ""), entry.get("wanted")
    if not target and entry.get("op") == "project.create" and isinstance(wanted, dict):
        open_to_all = (area.name for area in site.areas if area.create == "everyone")
        return f"{wanted.get('area') or next(open_to_all, FIRST_AREA)}/{wanted.get('name', '')}"
    return target


# What was asked for --------------------------------------------------------------------------------------------------


def _asked(entry: Mapping[str, Any], wanted: ListAudit) -> bool:
    if wanted.op and not fnmatchcase(str(entry.get("op")), wanted.op):
        return False
    return not wanted.person or is_by(entry, wanted.person)


def is_by(entry: Mapping[str, Any], person: str) -> bool:
    """Whether somebody, by login or number, did what a line tells."""
    who, _, _, behalf = said_actor(entry)
    return person in {who, behalf} or (person.isdecimal() and str(entry.get("uid")) == person)


def said_actor(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Login, from where, how that was known, and on whose behalf."""
    text = str(entry.get("actor") or "")
    match = _ACTOR.match(text)
    return (match[1], match[2], match[3], match[4] or "") if match else (text, "", "", "")


def _moment(text: str) -> datetime | None:
    """Raises: Invalid."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(what=f"“{printable(text[:40])}” is no time such as 2026-11-21T08:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moment_of(entry: Mapping[str, Any]) -> datetime | None:
    try:
        return _moment(str(entry.get("at") or ""))
    except Invalid:
        return None


# In words ------------------------------------------------------------------------------------------------------------

# What is done to the target; where there is none here, verb and noun of the operation say it.
PHRASES = {
    "project.set_members": ("change the members of", "changed the members of"),
    "project.set_visibility": ("change who can see", "changed who can see"),
    "project.transfer": ("give away", "gave away"),
    "project.adopt": ("take into the system's care", "took into the system's care"),
    "project.check": ("look at the rights in", "looked at the rights in"),
    "project.repair": ("mend the rights in", "mended the rights in"),
    "session.undo_seal": ("undo the seal of session", "undid the seal of session"),
    "session.verify": ("verify session", "verified session"),
    "session.own_ingest": ("bring files into", "brought files into"),
    "session.request_unseal": ("ask for unsealing session", "asked for unsealing session"),
    "session.decline_unseal": ("decline unsealing session", "declined unsealing session"),
    "path.seal": ("seal", "sealed"),
    "path.unseal": ("unseal", "unsealed"),
    "path.verify": ("verify", "verified"),
    "site.nightly": ("do the nightly work in", "did the nightly work in"),
    "site.count": ("count", "counted"),
    "person.forget": ("have a person forgotten in", "had a person forgotten in"),
}
ENDINGS = {
    "refused": "and was refused",
    "failed": "and that failed",
    "cancelled": "and stopped that",
    "interrupted": "and was interrupted",
}


def line_of(site: Site, entry: Mapping[str, Any], end: Mapping[str, Any]) -> AuditLine:
    """A begun line and its end, as facts and as a sentence."""
    who, via, _, behalf = said_actor(entry)
    wanted = entry.get("wanted")
    outcome = str(end.get("outcome") or "")
    found = AuditLine(
        at=str(entry.get("at") or ""),
        op=str(entry.get("op")),
        person=printable(who),
        via=printable(via),
        target=printable(_target(entry, site)),
        sentence="",
        outcome=outcome,
        ended=str(end.get("at") or ""),
        detail=printable(str(end.get("detail") or "")),
        on_behalf_of=printable(behalf),
        wanted=wanted if isinstance(wanted, dict) else {},
    )
    return replace(found, sentence=sentence_of(found))


def sentence_of(line: AuditLine) -> str:
    """What happened, in one sentence."""
    to_do, did = phrase_of(line.op)
    who = line.person + (f" (for {line.on_behalf_of})" if line.on_behalf_of else "")
    if address := line.op == "session.own_ingest" and line.wanted.get("address"):
        who += f" (from {printable(str(address))})" if address != NOT_KNOWN else " (from an address that is not known)"
    what = f" {line.target}" if line.target else " the tree"
    reason = str(line.wanted.get("reason") or line.wanted.get("note") or "")
    why = f" (“{printable(reason)[:200]}”)" if reason else ""
    if line.outcome == "done":
        return f"{who} {did}{what}{why}."
    if not line.outcome:
        return f"{who} began to {to_do}{what}{why}, and that has not ended."
    ending = ENDINGS.get(line.outcome, f"and that ended as “{line.outcome}”")
    detail = line.detail.partition(": ")[2] or line.detail
    return f"{who} wanted to {to_do}{what}{why}, {ending}" + (f": {detail.rstrip('.')}." if detail else ".")


def phrase_of(op: str) -> tuple[str, str]:
    """What an operation does, as after “to” and as what somebody did: "seal session", "sealed session"."""
    if op in PHRASES:
        return PHRASES[op]
    noun, _, verb = op.partition(".")
    verb, noun = verb.replace("_", " "), noun.replace("_", " ")
    past = verb + ("d" if verb.endswith("e") else "ed")
    return f"{verb} {noun}", f"{past} {noun}"
