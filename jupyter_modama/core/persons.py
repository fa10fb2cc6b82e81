"""What is stored about a person, and having their name forgotten.

Access lists, owners and seals hold numbers; names stand where people are to read them later: in the audit, and in a
few fields of records. Forgetting puts the number in their place. Manifests hold no names and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from jupyter_modama.core.audit import AuditLine, ListAudit, is_by, page_of, said_actor
from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed, ReasonMissing, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import area_of
from jupyter_modama.core.model import Actor, Job, Person, PersonKind, Progress, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import SEAL, seal_protection
from jupyter_modama.core.sealed_paths import RECORD as SEALED_PATHS

LINES = 1000
PROJECT_RECORDS, SESSION_RECORDS = ("project",), ("session", SEAL)
# Fields whose text is no free text: names of things, and what programs look up.
KEPT = {
    *("at", "line", "op", "target", "outcome", "host", "life", "pid", "uid", "project_uuid", "rewritten", "uuid"),
    *("project", "session", "path", "folder", "area", "name", "manifest_sha256", "entries_sha256", "undo_until"),
}


@frozen
class ExportPerson:
    """`person` is a login or a number, nothing for oneself; with a `cursor` further lines of the audit, and no more."""

    person: str = ""
    cursor: str = ""


@frozen
class Membership:
    """What somebody is in a project, until which day; with what that day or role is known by: a group of theirs."""

    project: str
    role: str
    until: date | None = None


@frozen
class Mention:
    """A record that names somebody: of which project, session or path, in which part, since when."""

    path: str
    record: str
    part: str
    at: str = ""


@frozen
class MailNotice:
    """That somebody is to be told something by mail, of which kind; `told`: when that was."""

    kind: str
    at: datetime
    told: datetime | None = None


@frozen
class PersonExport:
    """All that is stored here about a person; `elsewhere` says what others keep, `mails_off` what they switched off."""

    person: Person
    memberships: tuple[Membership, ...] = ()
    records: tuple[Mention, ...] = ()
    jobs: tuple[Job, ...] = ()
    audit: tuple[AuditLine, ...] = ()
    cursor: str = ""
    elsewhere: tuple[str, ...] = ()
    mails: tuple[MailNotice, ...] = ()
    mails_off: tuple[str, ...] = ()


@frozen
class ForgetPerson:
    """`number`: of an account that is gone, where the audit does not know it."""

    person: str
    reason: str = ""
    number: int = 0


@frozen
class Forgotten:
    """What stands in the place of the name, in how many records and files of the audit, and what is left."""

    number: int
    records: int
    audit_files: int
    left: tuple[str, ...] = ()


ELSEWHERE = (
    "files and folders carry the number of their owner, in the file system",
    "login and full name come from the directory of the site and are kept there",
    "jobs that have ended are kept for 30 days",
)

# Export --------------------------------------------------------------------------------------------------------------


def export_person(store: Store, actor: Actor, wanted: ExportPerson) -> PersonExport:
    """Tell all that is stored about oneself; administrators ask about others."""
    who = _asked_for(store, actor, wanted.person)
    more = ListAudit(limit=LINES, cursor=wanted.cursor)
    page = page_of(store, more, lambda entry, at: concerns(entry, who))
    told = tuple(_about(line, who) for line in page.items)
    if wanted.cursor:
        return PersonExport(who, audit=told, cursor=page.cursor)
    jobs = tuple(job for job in store.jobs.list() if job.actor == who.login)
    memberships, records = _stored(store, actor, who)
    off = tuple(sorted(store.notices.off(who.uid)))
    return PersonExport(who, memberships, records, jobs, told, page.cursor, ELSEWHERE, tuple(_mails(store, who)), off)


def _mails(store: Store, who: Person) -> Iterator[MailNotice]:
    for kind, made, told in store.notices.about(who.uid):
        at = datetime.fromtimestamp(made, UTC)
        yield MailNotice(kind, at, None if told is None else datetime.fromtimestamp(told, UTC))


def _about(line: AuditLine, who: Person) -> AuditLine:
    """A line as it concerns somebody: of what others did, not whom else they named."""
    if who.login in {line.person, line.on_behalf_of}:
        return line
    values = line.wanted.items()
    return replace(
        line,
        wanted={
            k: [one for one in v if _names({k: one}, who)] if isinstance(v, (list, tuple)) else v for k, v in values
        },
    )


def _asked_for(store: Store, actor: Actor, text: str) -> Person:
    """Raises: NotAllowed, Invalid."""
    if not text or text in {actor.person.login, str(actor.person.uid)}:
        return actor.person
    if role_at(store, actor, TreePath("")) < Role.ADMINISTRATOR:
        raise NotAllowed(what="you are told what is stored about yourself; please ask an administrator about others")
    return _known(store, text, 0)


def _known(store: Store, text: str, number: int) -> Person:
    """A person who has an account, or of whom the audit knows the number. Raises: Invalid."""
    found = store.person_named(text)
    if found is not None:
        return found
    if text.isdecimal() and len(text) < 11:
        return store.person(int(text))
    number = number or _number_in_audit(store, text)
    if not number:
        raise Invalid(what=f"nobody has the login “{printable(text)}”, nor does the audit know a number for it; say it")
    return Person(number, text, "", PersonKind.UNKNOWN)


def _number_in_audit(store: Store, login: str) -> int:
    """The number of the last person who had a login, 0 where no line says it."""
    for _, entry, _ in store.audit.newest_first():
        if "op" in entry and said_actor(entry)[0] == login and type(entry.get("uid")) is int:
            return int(entry["uid"])
    return 0


def _stored(store: Store, actor: Actor, who: Person) -> tuple[tuple[Membership, ...], tuple[Mention, ...]]:
    memberships, records = [], []
    for project in project_paths(store):
        with suppress(ModamaError):
            gate = store.gates.read(project)
            if who.uid in gate.people:
                role = gate.people[who.uid].name.lower()
                memberships.append(Membership(project.shown, role, gate.until.get(who.uid)))
            # Others can have the same full name, and who can choose it could look for any word in what is private.
            known = who if _may_read(store, actor, project) else replace(who, display="")
            for folder, names in _records(store, project):
                for name in (*names, SEALED_PATHS, "unseal_request"):
                    record = _record(store, folder, name)
                    records += [Mention(folder.shown, name, *found) for found in _mentions(record, known)]
    return tuple(memberships), tuple(records)


def _may_read(store: Store, actor: Actor, project: TreePath) -> bool:
    with suppress(ModamaError):
        return role_at(store, actor, project) >= Role.READER
    return False


def _records(store: Store, project: TreePath) -> Iterator[tuple[TreePath, tuple[str, ...]]]:
    """The folders of a project that have records, and the names of those in which names of people stand."""
    yield project, PROJECT_RECORDS
    area = area_of(store.site, project)
    for session in session_names(store, project, area) if area else ():
        yield session, SESSION_RECORDS


def _record(store: Store, folder: TreePath, name: str) -> dict[str, Any]:
    try:
        return store.read_record(folder, name) or {}
    except ModamaError:
        return {}


def _mentions(found: Any, who: Person, part: str = "", at: str = "") -> Iterator[tuple[str, str]]:
    """In which parts of a record somebody stands, with the time that is said there."""
    if isinstance(found, dict):
        at = str(found.get("at") or at)
        for key, value in found.items():
            yield from _mentions(value, who, f"{part}.{key}" if part else str(key), at)
    elif isinstance(found, list):
        for value in found:
            yield from _mentions(value, who, part, at)
    else:
        number = type(found) is int and found == who.uid and part.rpartition(".")[2] in {"by", "owners"}
        if number or (isinstance(found, str) and _is_named(found, who)):
            yield part, at


def _is_named(text: str, who: Person) -> bool:
    return text == who.login or (bool(who.display) and text == who.display)


def concerns(entry: Mapping[str, Any], who: Person) -> bool:
    """Whether a line of the audit tells what somebody did, or what was done about them."""
    if type(entry.get("uid")) is int and said_actor(entry)[0] == who.login and entry["uid"] != who.uid:
        return False  # somebody who had the same login before, or has it now
    return is_by(entry, who.login) or entry.get("uid") == who.uid or _names(entry.get("wanted"), who)


def _names(wanted: Any, who: Person) -> bool:
    """Whether somebody is named in what was asked for, as in `alice:member`."""
    values = wanted.values() if isinstance(wanted, dict) else ()
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    return any(isinstance(text, str) and text.partition(":")[0] in {who.login, str(who.uid)} for text in texts)


# Forget --------------------------------------------------------------------------------------------------------------


def check_forget(store: Store, actor: Actor, wanted: ForgetPerson) -> None:
    """Whether it is known whom, and why."""
    if not wanted.reason.strip():
        raise ReasonMissing(what="having somebody forgotten")
    who = _known(store, wanted.person, wanted.number)
    if who.uid == actor.person.uid:
        raise Invalid(
            what="nobody can have themselves forgotten, since that is written down; ask another administrator"
        )
    if who.uid < store.site.minimum_uid:
        raise Invalid(what=f"“{who.login}” is an account of the system and no person")


def forget_person(store: Store, actor: Actor, wanted: ForgetPerson) -> Generator[Progress, None, Forgotten]:
    """Have a number stand wherever a person is named: in records and in the audit."""
    who = _known(store, wanted.person, wanted.number)
    words, left, count = _Words(who, _logins_of(store, who)), [], 0
    projects = list(project_paths(store))
    for number, project in enumerate(projects):
        yield Progress("records", number, len(projects), "projects", project.shown)
        for folder, names in _records(store, project):
            for name in names:
                try:
                    count += _forget_in(store, folder, name, words)
                except ModamaError as error:
                    left.append(f"{folder.shown}/{name}: {printable(str(error))}")
    store.notices.forget(who.uid)
    yield Progress("audit", len(projects), len(projects), "projects")
    files = store.audit.rewrite(words.in_entry)
    if store.person(who.uid).kind is not PersonKind.UNKNOWN:
        left.append(
            f"the account {who.uid} exists, so that its name is shown and written down again as long as it does"
        )
    return Forgotten(who.uid, count, files, tuple(left))


def _forget_in(store: Store, folder: TreePath, name: str, words: _Words) -> bool:
    """Rewrite a record that names the person; that of a seal is opened for this, and protected as it was."""
    record = _record(store, folder, name)
    new = words.in_record(record)
    if new == record:
        return False
    if name != SEAL:
        store.write_record(folder, name, new)
        return True
    by = seal_protection(store, folder)
    with store.lock(folder, "forgetting a name"):
        store.proof.thaw(folder, SEAL)
        try:
            store.write_record(folder, name, new)
        finally:
            store.proof.freeze(folder, by)
    return True


def _logins_of(store: Store, who: Person) -> set[str]:
    """Under which logins the audit knows a number: of an account that is gone it may be asked by that."""
    lines = (entry for _, entry, _ in store.audit.newest_first() if entry.get("uid") == who.uid)
    return {said_actor(entry)[0] for entry in lines} - {"", str(who.uid)}


class _Words:
    """Puts a number in the place of login and full name."""

    def __init__(self, who: Person, logins: set[str]) -> None:
        self.who, self.number = who, str(who.uid)
        self.names = logins | {who.login, who.display} - {"", self.number}
        names = sorted(self.names, key=len, reverse=True)
        one = "|".join(re.escape(name) for name in names)
        self.pattern = re.compile(rf"(?<![\w./@-])(?:{one})(?![\w/@-]|\.\w)") if names else None

    def in_text(self, text: str) -> str:
        return self.pattern.sub(self.number, text) if self.pattern else text

    def in_entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        """A line of the audit, without the name: words of free text, and whoever did it."""
        if type(entry.get("uid")) is int and entry["uid"] != self.who.uid and said_actor(entry)[0] in self.names:
            return entry  # of somebody else with the same login
        return {key: value if key in KEPT else self._in_value(value) for key, value in entry.items()}

    def _in_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, list):
            return [self._in_value(each) for each in value]
        if isinstance(value, dict):
            return {key: each if key in KEPT else self._in_value(each) for key, each in value.items()}
        return value

    def in_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record, with the number where a field is the name and nothing else: texts of people are theirs."""
        return {
            key: self.number if key not in KEPT and isinstance(value, str) and value in self.names else value
            for key, value in record.items()
        }
