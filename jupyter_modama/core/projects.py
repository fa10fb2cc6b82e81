"""Projects: people with shared data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any, TypeVar

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound, SealingInProgress, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.layout import area_of, depth, project_place
from jupyter_modama.core.model import (
    Actor,
    Area,
    EntryKind,
    Member,
    Project,
    ProjectPage,
    Role,
    Visibility,
)
from jupyter_modama.core.names import checked_name, fold
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.records import (
    FIELDS,
    changed_record,
    mismatches_of,
    record_or_warning,
    recorded_text,
    shown_fields,
)
from jupyter_modama.core.roles import access_of, acts_for, role_at
from jupyter_modama.core.totals import totals_of

FIRST_AREA = "adhoc"
SORTS = ("name", "-name", "modified", "-modified", "created", "-created")
LARGEST_PAGE = 1000
Of = TypeVar("Of")
Thing = TypeVar("Thing")


@frozen
class ListProjects:
    area: str = ""
    search: str = ""
    sort: str = "-modified"
    limit: int = 200
    cursor: str = ""


@frozen
class ShowProject:
    project: str
    path_b64: str = ""


@frozen
class CreateProject:
    name: str
    area: str = ""
    title: str = ""
    description: str = ""
    visibility: Visibility = Visibility.PRIVATE


@frozen
class UpdateProject:
    """Fields left out (None) stay as they are; an empty text clears one."""

    project: str
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
class RenameProject:
    project: str
    name: str
    path_b64: str = ""


def list_projects(store: Store, actor: Actor, wanted: ListProjects) -> ProjectPage:
    """List the projects that one can see."""
    if wanted.sort not in SORTS:
        raise Invalid(what=f"projects cannot be sorted by {wanted.sort!r}; possible are {', '.join(SORTS)}")
    found = [stat for stat in _project_stats(store, actor, wanted.area) if _matches(stat, wanted.search)]
    found.sort(key=lambda s: _sort_key(s, wanted.sort.lstrip("-")), reverse=wanted.sort.startswith("-"))
    start, end = page_bounds(wanted.cursor, wanted.limit)
    items = tuple(there(lambda stat: _project(store, actor, stat), found[start:end]))
    return ProjectPage(items, len(found), str(end) if end < len(found) else "")


def page_bounds(cursor: str, limit: int) -> tuple[int, int]:
    """First and last index of a page of a list.

    Raises: Invalid for a cursor that is none.
    """
    if cursor and not (cursor.isdecimal() and len(cursor) < 10):
        raise Invalid(what=f"“{printable(cursor[:40])}” is no place to go on from; please load the list again")
    start = int(cursor or 0)
    return start, start + max(1, min(limit, LARGEST_PAGE))


def there(look: Callable[[Of], Thing], places: Iterable[Of]) -> Iterator[Thing]:
    """What can be seen at places; those that vanished or were closed since they were listed are left out."""
    for at in places:
        try:
            yield look(at)
        except (NotFound, NotAllowed):
            continue


def _matches(stat: Stat, search: str) -> bool:
    return fold(search) in fold(stat.path.shown)


def _sort_key(stat: Stat, by: str) -> Any:
    if by == "name":
        return fold(stat.path.name)
    return (stat.born or stat.changed) if by == "created" else stat.modified


def project_paths(store: Store, area: str = "") -> Iterator[TreePath]:
    """All projects that the running person may enter, of one area or of all."""
    return (stat.path for stat in _project_stats(store, Actor(store.me()), area))


def _project_stats(store: Store, actor: Actor, area: str) -> Iterator[Stat]:
    """The folders at the depth of projects that the actor may enter."""
    for top in store.children(TreePath("")):
        known = area_of(store.site, top.path)
        if known and top.kind is EntryKind.FOLDER and area in {"", known.name}:
            yield from _below(store, actor, top.path, depth(known))


def _below(store: Store, actor: Actor, path: TreePath, levels: int) -> Iterator[Stat]:
    try:
        for stat in store.children(path):
            if stat.kind is not EntryKind.FOLDER or stat.path.name.startswith("."):
                continue
            if levels > 1:
                yield from _below(store, actor, stat.path, levels - 1)
            elif _enters(store, actor, stat.path):
                yield stat
    except (NotAllowed, NotFound):
        return


def _enters(store: Store, actor: Actor, path: TreePath) -> bool:
    try:
        return access_of(store, actor, path).enter
    except (NotAllowed, NotFound):
        return False


def show_project(store: Store, actor: Actor, wanted: ShowProject) -> Project:
    """Show one project: owners, members, size, what it is about."""
    path = TreePath.parse(wanted.project, wanted.path_b64)
    project_place(store.site, path)
    return _project(store, actor, _folder(store, path), counted=True)


def _folder(store: Store, path: TreePath) -> Stat:
    stat = store.stat(path)
    if stat.kind is not EntryKind.FOLDER:
        raise NotFound(what=f"project “{path.shown}”")
    return stat


def _project(store: Store, actor: Actor, stat: Stat, counted: bool = False) -> Project:
    path = stat.path
    record, warning = record_or_warning(store, path, "project")
    recorded = store.owner_uids(path)
    owners = tuple(store.person(uid) for uid in recorded or (stat.uid,))
    gate = store.gates.read(path)
    area = area_of(store.site, path)
    totals = totals_of(store, path) if counted else None
    sessions = session_names(store, path, area) if area else ()
    return Project(
        path=path.shown,
        name=TreePath(path.name).shown,
        area=area.name if area else "",
        title=recorded_text(record, "title"),
        description=recorded_text(record, "description"),
        uuid=recorded_text(record, "uuid"),
        owners=owners,
        members=_members(store, gate),
        members_version=gate.version,
        members_from=members_from(store, stat, area) if area else "",
        groups=_groups(store, gate) if area and area.members != "group" else (),
        rules=rules(area) if area and (len(gate.people) + len(gate.groups) > 1) else (),
        visibility=Visibility.OPEN if stat.mode & 0o005 == 0o005 else Visibility.PRIVATE,
        created=stat.born or stat.changed,
        modified=stat.modified,
        size_bytes=totals.bytes if totals else None,
        files=totals.files if totals else None,
        counted_at=totals.counted_at if totals else None,
        **(_room(store, path) if counted else {}),
        sessions=len(sessions),
        role=role_at(store, actor, path).name.lower(),
        adopted=bool(recorded) or bool(record),
        fields=shown_fields(record),
        path_b64=path.b64,
        warning=warning,
        mismatches=mismatches_of(store, path) if counted else (),
    )


def _room(store: Store, path: TreePath) -> dict[str, Any]:
    """How much can still be written in a project, and when all was last saved elsewhere."""
    rooms = (store.free_bytes(path)[0], store.folder_quota(path), store.quota_left(path)[0])
    free, quota, left = (number if number >= 0 else None for number in rooms)
    return {"free_bytes": free, "quota_bytes": quota, "quota_left_bytes": left, "backed_up": store.last_backup()}


def members_from(store: Store, stat: Stat, area: Area) -> str:
    """Where the members of a project come from, empty where they are set here."""
    if area.members != "group":
        return ""
    return (
        f"the members of “{stat.path.shown}” are those of the group {store.group(stat.gid)}, which is filled "
        "elsewhere, such as by the user office; please ask there"
    )


def rules(area: Area) -> tuple[str, ...]:
    """What members may do in the projects of an area, in the words of a dialog."""
    write = {
        "members": "All members may change all files that are not sealed.",
        "own-files": "Each member may change own files only, and read those of the others.",
    }
    delete = {
        "folder-owner": "In a folder that you made, you may delete; elsewhere only your own files.",
        "strict": "You may delete your own files only, also in folders that you made.",
    }
    return tuple(said for said in (write.get(area.write, ""), delete.get(area.delete, "")) if said)


def _groups(store: Store, gate: Gate) -> tuple[str, ...]:
    """Who comes in as one of a group that was let in by hand."""
    may = {Role.MEMBER: "read and change files here", Role.READER: "read the files here"}
    named = sorted((store.group(gid), role) for gid, role in gate.groups.items())
    return tuple(f"Everybody in the group {printable(name)} can {may[role]}, too." for name, role in named)


def _members(store: Store, gate: Gate) -> tuple[Member, ...]:
    """Who is let in beside the owners, by login."""
    found = [
        Member(store.person(uid), role.name.lower(), gate.until.get(uid))
        for uid, role in gate.people.items()
        if role is not Role.OWNER
    ]
    return tuple(sorted(found, key=lambda member: member.person.login))


def show_project_at(store: Store, actor: Actor, path: TreePath) -> Project:
    """A project that was looked for already, as `show_project` answers it."""
    return _project(store, actor, store.stat(path))


def session_names(store: Store, project: TreePath, area: Area) -> tuple[TreePath, ...]:
    """The paths of the folders in a project that have a raw folder."""
    raw = area.layout.rsplit("/", 1)[-1]
    found = []
    try:
        for stat in store.children(project):
            if (
                stat.kind is EntryKind.FOLDER
                and not stat.path.name.startswith(".")
                and is_folder(store, stat.path / raw)
            ):
                found.append(stat.path)
    except (NotAllowed, NotFound):
        return ()
    return tuple(found)


def is_folder(store: Store, path: TreePath) -> bool:
    """Whether there is a folder at a path that one may see."""
    try:
        return store.stat(path).kind is EntryKind.FOLDER
    except (NotFound, NotAllowed):
        return False


def create_project(store: Store, actor: Actor, wanted: CreateProject) -> Project:
    """Create a project: a folder that its owner and members share."""
    area = _area_to_create_in(store, actor, wanted.area)
    about = changed_record({}, {"title": wanted.title or None, "description": wanted.description or None})
    checked_name(wanted.name, (), "a project")
    top = _made_area(store, area)
    with store.names_locked(top):
        siblings = (stat.path.name for stat in store.children(top))
        path = top / checked_name(wanted.name, siblings, "a project")
        with store.new_folder(path, like="project", visibility=wanted.visibility) as building:
            if acts_for(store, actor):
                is_open = wanted.visibility == Visibility.OPEN
                store.gates.establish(building, Gate({actor.person.uid: Role.OWNER}, is_open=is_open))
            else:
                store.set_owners(building, (actor.person.uid,))
            made_by = {"owners": [actor.person.uid], "created_by": actor.person.login}
            store.write_record(building, "project", {**about, **made_by})
    return _project(store, actor, store.stat(path))


def _made_area(store: Store, area: Area) -> TreePath:
    """The folder of an area, made where it is missing."""
    top = TreePath(area.name)
    if is_folder(store, top):
        return top
    root = TreePath("")
    with store.names_locked(root):
        if not is_folder(store, top):  # nobody else made it meanwhile
            top = TreePath(checked_name(top, (stat.path.name for stat in store.children(root)), "an area"))
            store.make_folder(top, like="area")
    return top


def _area_to_create_in(store: Store, actor: Actor, name: str) -> Area:
    named = [area for area in store.site.areas if area.create == "everyone"]
    wanted = name or (named[0].name if named else FIRST_AREA)
    area = area_of(store.site, TreePath.parse(wanted))
    if area is None or "/" in wanted:
        areas = ", ".join(a.name for a in store.site.areas) or "the folders at the top of the tree"
        raise Invalid(what=f"there is no area called “{printable(wanted)}”; areas are {areas}")
    if area.create != "everyone" and role_at(store, actor, TreePath(area.name)) < Role.ADMINISTRATOR:
        raise NotAllowed(what=f"in “{area.name}” projects are created by administrators only; please ask one")
    named_by_site = area.name in {FIRST_AREA, *(known.name for known in store.site.areas)}
    if acts_for(store, actor) and not named_by_site and not is_folder(store, TreePath(area.name)):
        raise NotAllowed(what=f"there is no area “{area.name}” yet; please ask an administrator to make it")
    if depth(area) > 1:
        raise NotAllowed(what=f"projects in “{area.name}” come from the facility's own system, not from here")
    return area


def update_project(store: Store, actor: Actor, wanted: UpdateProject) -> Project:
    """Change what a project says about itself."""
    path = TreePath.parse(wanted.project, wanted.path_b64)
    project_place(store.site, path)
    stat = _folder(store, path)
    chosen = {f.name: getattr(wanted, f.name) for f in fields(wanted) if f.name in FIELDS}
    with store.names_locked(path):  # two updates at once do not lose each other's fields
        record, _ = record_or_warning(store, path, "project")
        store.write_record(path, "project", changed_record(record, chosen))
    return _project(store, actor, stat)


def rename_project(store: Store, actor: Actor, wanted: RenameProject) -> Project:
    """Give a project another name; links to its old path end, links by its id go on."""
    path = TreePath.parse(wanted.project, wanted.path_b64)
    where = project_place(store.site, path)
    _folder(store, path)
    if depth(where.layout) > 1:
        raise NotAllowed(what=f"projects in “{where.layout.name}” are named by the facility's own system")
    with store.names_locked(path.parent):
        for session in session_names(store, path, where.layout):
            by = store.lock_holder(session)
            if by:
                raise SealingInProgress(session=session.shown, by=by)
        siblings = (s.path.name for s in store.children(path.parent) if s.path != path)
        new = path.parent / checked_name(wanted.name, siblings, "a project")
        if new != path:
            store.requests.follow(path, new)
            store.invitations.follow(path, new)
            store.rename(path, new)
    return _project(store, actor, store.stat(new))
