"""Permalinks: addresses of paths that outlive a rename, since they name the record of a project or session.

<base>/at/<uuid>/<rest>     what lies below the project or session with that record
<base>/path/<path>          where there is no record; it breaks with the first rename above it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound
from jupyter_modama.core.layout import Place, area_of
from jupyter_modama.core.model import Actor, Located, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.templates import for_url_of_bytes

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
KINDS = ("project", "session")


@dataclass(frozen=True, slots=True)
class LocateEntry:
    """`rest` is the path below the project or session; `hint` is where that lay when somebody looked last."""

    uuid: str
    rest: str = ""
    rest_b64: str = ""
    hint: str = ""
    hint_b64: str = ""


@dataclass(frozen=True, slots=True)
class Permalink:
    """What an address of ours names: a record and a path below it, or a path alone."""

    uuid: str
    rest: TreePath


def base_of(site: Site) -> str:
    """The address that all permalinks of a site begin with, without a slash at the end; empty where there is none."""
    said = str(site.services.get("permalink") or "").rstrip("/")
    managed = site.managed_by if site.managed_by.startswith(("http://", "https://")) else ""
    return said or managed.rstrip("/")


def permalink(store: Store, where: Place) -> str:
    """The permalink of a path, by the nearest record above it; empty where the site has no pages."""
    base = base_of(store.site)
    if not base:
        return ""
    for folder, kind in ((where.session, "session"), (where.project, "project")):
        uuid = uuid_of(store, folder, kind) if folder and where.path.below(folder) else ""
        if uuid:
            rest = where.path[len(folder) :].lstrip("/")
            return f"{base}/at/{quote(uuid, safe='')}" + (f"/{for_url_of_bytes(rest)}" if rest else "")
    return f"{base}/path/{for_url_of_bytes(where.path)}"


def parse(site: Site, text: str) -> Permalink | None:
    """What a text names that somebody gives in the place of a path; None where it is no permalink of this site.

    Raises: Invalid for an address of another site, PathRefused.
    """
    if not text.startswith(("http://", "https://")):
        return None
    base = base_of(site)
    address = text.split("#")[0].split("?")[0]
    if not (base and address.startswith((f"{base}/at/", f"{base}/path/"))):
        said = f"permalinks here begin with {base}/" if base else "this site has none"
        raise Invalid(what=f"“{urlsplit(text).netloc[:80]}” is no address of data at this site; {said}")
    kind, _, rest = address[len(base) + 1 :].partition("/")
    uuid = ""
    if kind == "at":
        uuid, _, rest = rest.partition("/")
        check_uuid(uuid)
    return Permalink(uuid, TreePath.parse(unquote_to_bytes(rest.strip("/")).decode("utf-8", "surrogateescape")))


def check_uuid(text: str) -> None:
    """Raises: Invalid."""
    if not UUID.fullmatch(text):
        raise Invalid(what="this permalink is not whole: behind /at/ there is to be an id of 36 signs; copy it again")


# Finding what one names ----------------------------------------------------------------------------------------------


def locate_entry(store: Store, actor: Actor, wanted: LocateEntry) -> Located:
    """Find where what a permalink names lies now."""
    check_uuid(wanted.uuid)
    uuid, rest = wanted.uuid.lower(), TreePath.parse(wanted.rest, wanted.rest_b64)
    folder = _at(store, uuid, TreePath.parse(wanted.hint, wanted.hint_b64)) or _searched(store, uuid)
    if folder is None:
        raise NotFound(what="project or session with the id of this permalink")
    path = TreePath(f"{folder}/{rest}") if rest else folder
    store.stat(path)
    return Located(path.shown, path.b64, folder.shown, folder.b64)


def _at(store: Store, uuid: str, folder: TreePath) -> TreePath | None:
    """A folder if it is the one, by its record."""
    return folder if folder and any(uuid_of(store, folder, kind) == uuid for kind in KINDS) else None


def _searched(store: Store, uuid: str) -> TreePath | None:
    """All projects are looked at before the first session is: their records are few."""
    for project in project_paths(store):
        if uuid_of(store, project, "project") == uuid:
            return project
    for session in _sessions(store):
        if uuid_of(store, session, "session") == uuid:
            return session
    return None


def _sessions(store: Store) -> Iterator[TreePath]:
    for project in project_paths(store):
        area = area_of(store.site, project)
        yield from session_names(store, project, area) if area else ()


def uuid_of(store: Store, folder: TreePath, kind: str) -> str:
    """The id in the record of a project or session, nothing where there is none that can be read."""
    try:
        return str(record_or_warning(store, folder, kind)[0].get("uuid") or "").lower()
    except (NotFound, NotAllowed):
        return ""
