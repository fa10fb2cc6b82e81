"""Permalinks: web addresses of paths that outlive a rename, by the id in the nearest record.

    <base>/at/<id>/<rest of the path>       of a project or session that has a record
    <base>/path/<path>                      of anything else; ends when something on the way is renamed

The base is `permalink` of the site's services, else the address of the service of a managed tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from jupyter_modama.core.errors import ModamaError, PathRefused, printable
from jupyter_modama.core.layout import Place
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.templates import for_url_of_bytes

_WEB = re.compile(r"https?://", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AT = re.compile(r"https?://[^?#]*?/at/([^/?#]+)/?([^?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Permalink:
    """What an address names: the `rest` of a path from the folder of an id on, or without an id the whole path."""

    uuid: str
    rest: TreePath


def base_of(site: Site) -> str:
    """The address that the site's permalinks begin with; nothing where it has none."""
    base = str(site.services.get("permalink") or "") or site.managed_by
    return base.rstrip("/") if _WEB.match(base) else ""


def by_id(base: str, uuid: str, rest: str) -> str:
    """The address of what lies at `rest` below the folder of an id."""
    return f"{base}/at/{uuid}" + (f"/{for_url_of_bytes(rest)}" if rest else "")


def by_path(base: str, path: str) -> str:
    """The address of a path that has no record on the way."""
    return f"{base}/path/{for_url_of_bytes(path)}"


def is_link(text: str) -> bool:
    """Whether a text is a web address, which no path is."""
    return bool(_WEB.match(text))


def is_id(text: str) -> bool:
    """Whether a text is an id as records have them."""
    return bool(_ID.fullmatch(text))


def parse(text: str, base: str) -> Permalink:
    """What a permalink names. An id means the same at every site; a path only at one's own, which begins with `base`.

    Raises: PathRefused for every other address.
    """
    text = text.strip()
    found = _AT.match(text)
    if found and is_id(found[1].lower()):
        return Permalink(found[1].lower(), _path(found[2]))
    own = f"{base}/path/"
    if base and text.startswith(own):
        return Permalink("", _path(re.split("[?#]", text[len(own) :])[0]))
    example = base or "https://hub.example.org/services/modama"
    rule = f"it is a web address, and no permalink of this site, which begins with {example}/at/ or /path/"
    raise PathRefused(path=printable(text)[:300], rule=rule)


def _path(quoted: str) -> TreePath:
    return TreePath.parse(unquote_to_bytes(quoted).decode("utf-8", "surrogateescape"))


def permalink_of(store: Store, where: Place) -> str:
    """The permalink of a path, by the id of the nearest record; nothing where the site has no address for them."""
    base = base_of(store.site)
    if not base:
        return ""
    for folder in (where.session, where.project):
        uuid = uuid_of(store, folder, where) if folder and where.path.below(folder) else ""
        if uuid:
            return by_id(base, uuid, where.path[len(folder) :].lstrip("/"))
    return by_path(base, where.path)


def uuid_of(store: Store, folder: TreePath, where: Place) -> str:
    """The id in the record of a project or session; nothing where there is none that can be believed."""
    try:
        record = store.read_record(folder, "session" if folder == where.session else "project") or {}
    except ModamaError:
        return ""
    found = str(record.get("uuid", "")).lower()
    return found if is_id(found) else ""
