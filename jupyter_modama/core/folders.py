"""Folders, page by page."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound
from jupyter_modama.core.explain import ExplainEntry, explain_entry
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, place
from jupyter_modama.core.links import addresses_of
from jupyter_modama.core.model import Actor, Entry, EntryKind, FolderPage, Progress, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import FOLDER_SORTS, Listing, Stat, Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.tools import opens_with

LARGEST_PAGE = 2000
SEALED = {SessionState.SEALED, SessionState.SEALED_BARE}


@frozen
class ListFolder:
    """`start` is the index in the listing that `cursor` pins; without a cursor the folder is looked at anew.

    With `addresses` each entry has the tools that open it in a browser.
    """

    path: str = ""
    limit: int = 200
    cursor: str = ""
    start: int = 0
    sort: str = "name"
    filter: str = ""
    path_b64: str = ""
    addresses: bool = False


@frozen
class SortFolder:
    path: str = ""
    sort: str = "-modified"
    filter: str = ""
    limit: int = 200
    path_b64: str = ""


def list_folder(store: Store, actor: Actor, wanted: ListFolder) -> FolderPage:
    """Show one page of a folder, however large it is."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    _check_sort(wanted.sort)
    limit = max(1, min(wanted.limit, LARGEST_PAGE))
    listing = store.listing(
        path, start=wanted.start, limit=limit, cursor=wanted.cursor, sort=wanted.sort, filter=wanted.filter
    )
    page = _page(store, actor, path, listing, wanted.sort)
    return _with_addresses(store, actor, page, listing) if wanted.addresses else page


def _with_addresses(store: Store, actor: Actor, page: FolderPage, listing: Listing) -> FolderPage:
    pairs = zip(page.items, listing.stats, strict=True)
    return replace(
        page,
        items=tuple(
            entry if isinstance(item, tuple) else replace(entry, addresses=addresses_of(store, actor, item))
            for entry, item in pairs
        ),
    )


def _check_sort(sort: str) -> None:
    if sort not in FOLDER_SORTS:
        raise Invalid(what=f"a folder cannot be sorted by {sort!r}; possible are {', '.join(FOLDER_SORTS)}")


def check_sort(store: Store, actor: Actor, wanted: SortFolder) -> None:
    """Raises: Invalid, NotFound, NotAllowed."""
    _check_sort(wanted.sort)
    store.access(TreePath.parse(wanted.path, wanted.path_b64))


def sort_folder(store: Store, actor: Actor, wanted: SortFolder) -> Generator[Progress, None, FolderPage]:
    """Sort a very large folder by size or time, which needs a look at every entry."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    cursor = ""
    for step in store.sort_listing(path, wanted.sort, wanted.filter):
        if isinstance(step, str):
            cursor = step
        else:
            yield Progress("sorting", *step, unit="entries")
    limit = max(1, min(wanted.limit, LARGEST_PAGE))
    listing = store.listing(path, start=0, limit=limit, cursor=cursor, sort=wanted.sort, filter=wanted.filter)
    return _page(store, actor, path, listing, wanted.sort)


def _page(store: Store, actor: Actor, path: TreePath, listing: Listing, sort: str) -> FolderPage:
    where = place(store.site, path)
    sealed = where.in_raw and _is_sealed(store, where)
    writable = store.access(path).write
    reason = "" if writable else explain_entry(store, actor, ExplainEntry(path)).sentence
    return FolderPage(
        path=path.shown,
        items=tuple(_entry(store, item, sealed) for item in listing.stats),
        total=listing.total,
        start=listing.start,
        cursor=listing.cursor,
        changed=listing.changed,
        writable=writable,
        sealed=sealed,
        reason=reason,
        path_b64=path.b64,
        project=where.project.shown,
        session=TreePath(where.session.name).shown if where.session and is_folder(store, where.raw) else "",
        sort=sort,
    )


def _is_sealed(store: Store, where: Place) -> bool:
    try:
        return read_state(store, where.session)[0] in SEALED
    except (NotFound, NotAllowed):
        return False


def _entry(store: Store, item: Stat | tuple[TreePath, str], sealed: bool) -> Entry:
    if isinstance(item, tuple):
        path, problem = item
        return Entry(path.shown, TreePath(path.name).shown, EntryKind.OTHER, path_b64=path.b64, problem=problem)
    return entry_of(store, item, sealed)


def entry_of(store: Store, stat: Stat, sealed: bool) -> Entry:
    """A stat as people see it."""
    path = stat.path
    named = TreePath(path.name).shown
    role_in_tree = place(store.site, path).role_in_tree if stat.kind is EntryKind.FOLDER else ""
    if role_in_tree == "session" and not is_folder(store, place(store.site, path).raw):
        role_in_tree = ""
    return Entry(
        path=path.shown,
        name=named,
        kind=stat.kind,
        size_bytes=stat.size_bytes if stat.kind is EntryKind.FILE else None,
        modified=stat.modified,
        owner=store.person(stat.uid).login,
        mode=mode_text(stat),
        writable=stat.kind is not EntryKind.LINK  # of a link nothing can be written
        and (store.access(path).write if stat.writable is None else stat.writable),
        sealed=sealed or stat.immutable,
        tools=opens_with(store.site, named, stat.kind),
        target=TreePath(stat.target).shown,
        path_b64=path.b64,
        role_in_tree=role_in_tree,
    )


_LETTER = {EntryKind.FOLDER: "d", EntryKind.LINK: "l", EntryKind.FILE: "-", EntryKind.OTHER: "?"}


def mode_text(stat: Stat) -> str:
    """The mode as `ls -l` writes it."""
    bits = ["rwx"[i % 3] if stat.mode & (0o400 >> i) else "-" for i in range(9)]
    for at, flag, letter in ((2, 0o4000, "s"), (5, 0o2000, "s"), (8, 0o1000, "t")):
        if stat.mode & flag:
            bits[at] = letter if bits[at] == "x" else letter.upper()
    return _LETTER[stat.kind] + "".join(bits)
