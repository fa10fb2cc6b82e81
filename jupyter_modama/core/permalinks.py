"""Permalinks: addresses of paths that outlive a rename, since they name the record of a project or session.

<base>/at/<uuid>/<rest>     what lies below the project or session with that record
<base>/path/<path>          where there is no record; it breaks with the first rename above it
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from jupyter_modama.core.errors import Invalid, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.ids import kind_of, places_of, uuid_of
from jupyter_modama.core.layout import Place, place
from jupyter_modama.core.model import Actor, Located, Role, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.templates import for_url_of_bytes

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
WEB = ("http://", "https://")
PLACES = {"path", "project", "to"}  # fields that hold a path


@frozen
class LocateEntry:
    """`rest` is the path below the project or session; `hint` is where that lay when somebody looked last."""

    uuid: str
    rest: str = ""
    rest_b64: str = ""
    hint: str = ""
    hint_b64: str = ""


@frozen
class Permalink:
    """What an address of ours names: a record and a path below it, or a path alone."""

    uuid: str
    rest: TreePath


def base_of(site: Site) -> str:
    """The address that all permalinks of a site begin with, without a slash at the end; empty where there is none."""
    said = str(site.services.get("permalink") or "").rstrip("/")
    managed = site.managed_by if site.managed_by.startswith(WEB) else ""
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
    if not is_link(text):
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
    hint = TreePath.parse(wanted.hint, wanted.hint_b64)
    at_hint = hint and uuid_of(store, hint, kind_of(store, hint)) == uuid
    folder = next(
        (path for path in ((hint,) if at_hint else places_of(store, uuid)) if _seen(store, actor, path)), None
    )
    if folder is None:
        raise NotFound(what="project or session with the id of this permalink")
    path = TreePath(f"{folder}/{rest}") if rest else folder
    store.stat(path)
    return Located(path.shown, path.b64, folder.shown, folder.b64)


def _seen(store: Store, actor: Actor, folder: TreePath) -> bool:
    """Whether the actor may know of a folder, also where the system looks for a person."""
    return role_at(store, actor, folder) >= Role.READER


# In the place of paths -----------------------------------------------------------------------------------------------


def is_link(text: object) -> bool:
    """Whether somebody gives a web address in the place of a path."""
    return isinstance(text, str) and text.startswith(WEB)


def holds_link(wanted: Any) -> bool:
    """Whether a permalink stands where a path is expected."""
    names = PLACES & {field.name for field in dataclasses.fields(wanted)}
    return any(is_link(getattr(wanted, name)) for name in names)


def with_paths(site: Site, locate: Callable[[LocateEntry], Located], wanted: Any) -> Any:
    """What is asked for, with the paths that permalinks in it lead to; that of a project may lead into the project.

    Raises: Invalid, PathRefused, and what `locate` raises.
    """
    changed: dict[str, Any] = {}
    for name in PLACES & {field.name for field in dataclasses.fields(wanted)}:
        link = parse(site, getattr(wanted, name))
        if link is None:
            continue
        path = link.rest
        if link.uuid:
            found = locate(LocateEntry(link.uuid, link.rest.shown, link.rest.b64))
            path = TreePath.parse(found.path, found.path_b64)
        changed[name] = (place(site, path).project or path) if name == "project" else path
        changed["to_b64" if name == "to" else "path_b64"] = ""
    return dataclasses.replace(wanted, **changed) if changed else wanted
