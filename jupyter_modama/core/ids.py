"""The ids of projects and sessions: where the folder of one lies, and one that two folders have.

Ids are looked up in a disposable index and believed only if the record there says the same. For one that it does not
hold it is brought up to date, as whoever runs this sees the tree: the projects that changed since are read again,
known by the times of their folders. Everything is read again only now and then, so that asking for ids that there are
not costs little: what changes an id inside a folder and leaves its times alone is found by that.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound
from jupyter_modama.core.layout import RECORDS, area_of, place
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import ProjectIds, Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.records import record_or_warning

EVERYWHERE = TreePath("")
SETTLED = timedelta(minutes=1)  # coarse clocks, caches of network file systems: a second change can have the same time


def uuid_of(store: Store, folder: TreePath, kind: str) -> str:
    """The id in the record of a project or session, nothing where there is none that can be read."""
    try:
        return str(record_or_warning(store, folder, kind)[0].get("uuid") or "").lower()
    except (NotFound, NotAllowed):
        return ""


def kind_of(store: Store, folder: TreePath) -> str:
    """Whether the layout has a session or a project at a path."""
    return "session" if place(store.site, folder).session == folder else "project"


def places_of(store: Store, uuid: str) -> tuple[TreePath, ...]:
    """The folders whose record has an id: one, or none, or the oldest of several first."""
    found = _believed(store, uuid)
    if not found:
        with store.ids.turn() as somebody_looked:
            if not somebody_looked:
                _look(store)
        found = _believed(store, uuid)
    return tuple(sorted(found, key=lambda path: _age(store, path))) if len(found) > 1 else found


def _believed(store: Store, uuid: str) -> tuple[TreePath, ...]:
    return tuple(path for path in store.ids.recall(uuid) if uuid_of(store, path, kind_of(store, path)) == uuid)


def _age(store: Store, path: TreePath) -> Any:
    stat = store.stat(path)
    return stat.born or stat.changed


def _look(store: Store) -> None:
    """Bring the index up to date: all of it where that is due, else what has changed."""
    known = store.ids.stamps()
    seen: set[TreePath] = set()

    def read() -> Iterator[ProjectIds]:
        for project in project_paths(store):
            seen.add(project)
            if not _is_as_it_was(store, known.get(project, {})):
                yield _read(store, project)

    store.ids.remember(read(), seen, whole=not known)


def _is_as_it_was(store: Store, stamps: Mapping[TreePath, str]) -> bool:
    return bool(stamps) and all(stamp and _stamp(store, path) == stamp for path, stamp in stamps.items())


def _read(store: Store, project: TreePath) -> ProjectIds:
    """The ids in a project, and the times of the folders that would change before there were others.

    These are the project's own, and those of what has no id yet, with its folder of records.
    """
    area, found = area_of(store.site, project), []
    stamps = {project: _stamp(store, project)}  # before it is read: what changes meanwhile is read again
    with suppress(NotFound, NotAllowed):  # closed or removed meanwhile
        for folder in (project, *(session_names(store, project, area) if area else ())):
            if uuid := uuid_of(store, folder, kind_of(store, folder)):
                found.append((uuid, folder))
            else:
                stamps |= {path: _stamp(store, path) for path in (folder, folder / RECORDS)}
    return ProjectIds(project, tuple(found), stamps)


def _stamp(store: Store, path: TreePath) -> str:
    """When a folder was changed last; nothing where that was a moment ago, and it may change again unseen."""
    try:
        stat = store.stat(path)
    except (NotFound, NotAllowed):
        return "not there"
    return "" if datetime.now(UTC) - stat.changed < SETTLED else f"{stat.inode} {stat.changed.isoformat()}"


def _rows(store: Store) -> Iterator[tuple[str, TreePath]]:
    """The ids of all projects and sessions that the running person can see, with their paths."""
    for project in project_paths(store):
        yield from _read(store, project).found


def renew_doubles(store: Store, below: TreePath = EVERYWHERE) -> tuple[TreePath, ...]:
    """Give copies of projects and sessions ids of their own, as `cp -a` makes copies; answers which.

    The oldest folder keeps the id, since links were made of that. `below`: only there ids are changed.
    """
    by_id: dict[str, list[TreePath]] = {}
    for found, folder in _rows(store):
        by_id.setdefault(found, []).append(folder)
    renewed = []
    for paths in by_id.values():
        for copy in sorted(paths, key=lambda path: _age(store, path))[1:]:
            if copy.below(below):
                with suppress(ModamaError):  # of somebody else, or sealed by other means: it is found the next time
                    _renew(store, copy)
                    renewed.append(copy)
    return tuple(renewed)


def _renew(store: Store, folder: TreePath) -> None:
    kind = kind_of(store, folder)
    with store.names_locked(folder):
        record = store.read_record(folder, kind) or {}
        store.write_record(folder, kind, {**record, "uuid": str(uuid.uuid4())})
