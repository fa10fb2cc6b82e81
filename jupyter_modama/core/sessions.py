"""Sessions: folders in a project with a `raw`, mostly one sitting at a microscope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime

from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, project_place, session_place
from jupyter_modama.core.model import Actor, Area, EntryKind, Role, Seal, Session, SessionPage, SessionState, Summary
from jupyter_modama.core.names import checked_name, fold, windows_warning
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.projects import is_folder, page_bounds, session_names, there
from jupyter_modama.core.records import FIELDS, changed_record, record_or_warning, recorded_text, shown_fields
from jupyter_modama.core.requests import request_of
from jupyter_modama.core.roles import acts_for, role_at
from jupyter_modama.core.seal_state import read_state, seal_warning

NOTES = "notes.md"
NOTES_MADE = "notes_made"
MADE_OF = "made_of"  # in the record of a session: the name of the folder that became its raw
PATIENCE_S = 1.5
SORTS = ("name", "-name", "modified", "-modified")
S = SessionState


@frozen
class ListSessions:
    project: str
    search: str = ""
    sort: str = "-name"
    limit: int = 200
    cursor: str = ""
    path_b64: str = ""


@frozen
class ShowSession:
    project: str
    session: str
    path_b64: str = ""


@frozen
class CreateSession:
    """An empty name, or one that ends in `-`, is completed to one that is free."""

    project: str
    name: str = ""
    title: str = ""
    description: str = ""
    instrument: str = ""
    operator: str = ""
    sample: str = ""
    technique: str = ""
    path_b64: str = ""


@frozen
class UpdateSession:
    """Fields left out (None) stay as they are; an empty text clears one."""

    project: str
    session: str
    title: str | None = None
    description: str | None = None
    instrument: str | None = None
    operator: str | None = None
    sample: str | None = None
    technique: str | None = None
    proposal: str | None = None
    licence: str | None = None
    embargo: str | None = None
    retain_until: str | None = None
    proprietary: str | None = None
    related: str | None = None
    path_b64: str = ""


@frozen
class RenameSession:
    project: str
    session: str
    name: str
    path_b64: str = ""


@frozen
class RemoveSession:
    project: str
    session: str
    path_b64: str = ""


def list_sessions(store: Store, actor: Actor, wanted: ListSessions) -> SessionPage:
    """List the sessions of a project with their states."""
    where = project_place(store.site, TreePath.parse(wanted.project, wanted.path_b64))
    store.access(where.project)
    if wanted.sort not in SORTS:
        raise Invalid(what=f"sessions cannot be sorted by {wanted.sort!r}; possible are {', '.join(SORTS)}")
    found = _sorted(store, wanted, session_names(store, where.project, where.layout))
    start, end = page_bounds(wanted.cursor, wanted.limit)
    role = role_at(store, actor, where.project)
    items = tuple(there(lambda path: session_at(store, actor, path, role), found[start:end]))
    proposed = proposed_name(where.layout, datetime.now().astimezone())
    return SessionPage(items, len(found), str(end) if end < len(found) else "", proposed)


def _sorted(store: Store, wanted: ListSessions, paths: Iterable[TreePath]) -> list[TreePath]:
    """The sessions that a search finds, in the order that is asked for."""
    found = [path for path in paths if fold(wanted.search) in fold(TreePath(path.name).shown)]
    backwards = wanted.sort.startswith("-")
    if wanted.sort.lstrip("-") == "name":
        return sorted(found, key=lambda path: fold(path.name), reverse=backwards)
    stats = sorted(there(store.stat, found), key=lambda stat: (stat.modified, stat.path), reverse=backwards)
    return [stat.path for stat in stats]


def proposed_name(area: Area, today: datetime) -> str:
    """What a new session's name begins with: mostly the local date."""
    return area.session_name.format(date=today)


def show_session(store: Store, actor: Actor, wanted: ShowSession) -> Session:
    """Show one session: its state, its seal, and a summary of what lies in raw."""
    path = session_path(wanted)
    role = role_at(store, actor, path)
    session = session_at(store, actor, path, role)
    if role >= Role.MEMBER:
        session = replace(session, request=request_of(store, path))
    try:
        summary = store.summary(existing_place(store, path).raw, PATIENCE_S)
    except NotAllowed:
        return session
    about = _about(store, session, summary)
    summary = replace(summary, instrument=about["instrument"], technique=about["technique"], sample=about["sample"])
    if session.seal:
        return replace(session, summary=summary)  # how much it is stands in the seal
    return replace(session, summary=summary, files=summary.files, size_bytes=summary.bytes)


_SAID_BY_FILES = {"instrument": "microscope", "technique": "acquisition mode", "sample": "sample"}


def _about(store: Store, session: Session, summary: Summary) -> dict[str, str]:
    """Instrument, technique and sample: what people wrote down counts, else what the first file says of them."""
    known = {name: session.fields.get(name, "") for name in _SAID_BY_FILES}
    if all(known.values()) or not summary.first_file:
        return known
    try:
        found = store.readers.metadata(TreePath.parse(f"{session.raw}/{summary.first_file}"))
    except ModamaError:
        return known
    said = {f.name: f.value for f in found.fields}
    return {name: text or said.get(_SAID_BY_FILES[name], "") for name, text in known.items()}


def session_path(wanted: ShowSession | UpdateSession | RenameSession | RemoveSession) -> TreePath:
    """The path that a request for a session means."""
    return TreePath.parse(f"{wanted.project}/{wanted.session}", wanted.path_b64)


def existing_place(store: Store, path: TreePath) -> Place:
    """The place of a session that is there: a folder with a raw folder in it.

    Raises: NotFound.
    """
    where = session_place(store.site, path)
    if not is_folder(store, where.raw):
        raise NotFound(what=f"session “{path.shown}” (a session is a folder with “{where.raw.name}” in it)")
    return where


def session_at(store: Store, actor: Actor, path: TreePath, role: Role) -> Session:
    """One session as a list shows it: without counting, unless its seal says how much it is."""
    where = existing_place(store, path)
    stat, raw = store.stat(path), store.stat(where.raw)
    record, warning = record_or_warning(store, path, "session")
    state, protection, seal = read_state(store, path)
    derived = path / where.layout.derived
    notes = path / NOTES
    return Session(
        project=where.project.shown,
        name=TreePath(path.name).shown,
        path=path.shown,
        raw=where.raw.shown,
        derived=derived.shown if is_folder(store, derived) else "",
        uuid=recorded_text(record, "uuid"),
        title=recorded_text(record, "title"),
        description=recorded_text(record, "description"),
        created=stat.born or stat.changed,
        modified=max(stat.modified, raw.modified),
        state=state,
        protection=protection,
        seal=seal,
        size_bytes=seal.bytes if seal else None,
        files=seal.files if seal else None,
        fields=shown_fields(record),
        notes=notes.shown if _is_file(store, notes) else "",
        role=role.name.lower(),
        actions=actions(store, actor, role, state, seal),
        path_b64=path.b64,
        warning=warning or ("" if seal else seal_warning(store, path)) or windows_warning(store.site, where.raw),
    )


def actions(store: Store, actor: Actor, role: Role, state: SessionState, seal: Seal | None) -> tuple[str, ...]:
    """What this actor can do with a session in this state, by the names of the operations."""
    if role < Role.MEMBER:
        return ("verify",) if seal else ()
    possible = []
    if state in {S.WRITABLE, S.INTERRUPTED, S.PARTIAL, S.SEALED_BARE, S.SEAL_LOST}:
        possible.append("seal")
    if seal and state in {S.SEALED, S.SEAL_LOST, S.PARTIAL}:
        possible.append("verify")
    if state is S.SEALED and seal and seal.undo_until and seal.by.uid == actor.person.uid:
        possible += ["undo_seal"] if datetime.now(UTC) < seal.undo_until else []
    if role >= Role.ADMINISTRATOR and state in {S.SEALED, S.SEALED_BARE, S.PARTIAL, S.INTERRUPTED}:
        possible.append("unseal")
    if state in {S.WRITABLE}:
        possible += ["rename", "remove"]
    elif state in {S.SEALED}:
        possible.append("rename")
    return (*possible, "update")


def _is_file(store: Store, path: TreePath) -> bool:
    try:
        return store.stat(path).kind is EntryKind.FILE
    except (NotFound, NotAllowed):
        return False


def create_session(store: Store, actor: Actor, wanted: CreateSession) -> Session:
    """Create a session with its raw folder, the folder for results and a page of notes."""
    where = project_place(store.site, TreePath.parse(wanted.project, wanted.path_b64))
    now = datetime.now().astimezone()
    chosen: dict[str, str | None] = {f: getattr(wanted, f) or None for f in FIELDS if hasattr(wanted, f)}
    about = {**changed_record({}, chosen), "created_by": actor.person.login}
    with store.names_locked(where.project):
        siblings = [stat.path.name for stat in store.children(where.project)]
        name = checked_name(_completed(wanted.name, where.layout, now, siblings), siblings, "a folder")
        path = where.project / name
        # The lock's file is made with the session, so that this can be given up on a full disk, too.
        with (
            store.new_folder(path, like="session") as building,
            store.lock(building, f"creating by {actor.person.login}"),
        ):
            owner = actor.person.uid if acts_for(store, actor) else None
            notes = store.make_file(building / NOTES, notes_text(name, wanted, actor, now), owner=owner)
            store.write_record(building, "session", {**about, NOTES_MADE: mark_of(notes)})
            store.make_folder(building / where.layout.derived, like="derived")
            store.make_folder(session_place(store.site, building).raw, like="raw")
    return session_at(store, actor, path, role_at(store, actor, path))


def mark_of(stat: Stat) -> list[str | int]:
    """By what a file is known again that nobody has touched; a copy, or a file saved anew, is another one."""
    return [stat.inode, stat.size_bytes, stat.modified.isoformat()]


def _completed(name: str, area: Area, now: datetime, siblings: list[str]) -> str:
    """The name as given, or one that is free where it is empty or a beginning only."""
    if name and not name.endswith("-"):
        return name
    base = (name or proposed_name(area, now)).rstrip("-") or now.strftime("%Y-%m-%d")
    taken = {fold(s) for s in siblings}
    if fold(base) not in taken:
        return base
    return next(n for i in range(2, len(siblings) + 3) if fold(n := f"{base}-{i}") not in taken)


def notes_text(name: str, wanted: CreateSession, actor: Actor, now: datetime) -> str:
    """The page of notes that a new session begins with."""
    rows = [
        ("Date", f"{now:%Y-%m-%d %H:%M}"),
        ("Operator", wanted.operator or actor.person.display or actor.person.login),
    ]
    rows += [(n.capitalize(), getattr(wanted, n)) for n in ("instrument", "technique", "sample") if getattr(wanted, n)]
    facts = "\n".join(f"- {label}: {text}" for label, text in rows)
    return f"# {wanted.title or name}\n\n{facts}\n\n{wanted.description}".rstrip() + "\n"


def update_session(store: Store, actor: Actor, wanted: UpdateSession) -> Session:
    """Change what a session says about itself; possible after the seal, too."""
    path = session_path(wanted)
    existing_place(store, path)
    chosen = {f.name: getattr(wanted, f.name) for f in fields(wanted) if f.name in FIELDS}
    with store.names_locked(path):  # two updates at once do not lose each other's fields
        record, _ = record_or_warning(store, path, "session")
        store.write_record(path, "session", changed_record(record, chosen))
    return session_at(store, actor, path, role_at(store, actor, path))


def rename_session(store: Store, actor: Actor, wanted: RenameSession) -> Session:
    """Give a session another name; its seal and its manifest stay valid."""
    path = session_path(wanted)
    existing_place(store, path)
    checked_name(wanted.name, (), "a folder")
    with store.lock(path, f"renaming by {actor.person.login}"), store.names_locked(path.parent):
        siblings = (s.path.name for s in store.children(path.parent) if s.path != path)
        new = path.parent / checked_name(wanted.name, siblings, "a folder")
        if new != path:
            store.requests.follow(path, new)
            store.rename(path, new)
    return session_at(store, actor, new, role_at(store, actor, new))
