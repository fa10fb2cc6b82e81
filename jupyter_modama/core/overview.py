"""The site as a whole, for those who administer it: what was counted last, and what wants a look.

Nothing is walked here: all of it stands in a small file that `site.count` fills every night, and has its age.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Actor, Person
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import page_bounds

SORTS = ("project", "size", "files", "growth", "sessions", "unsealed", "quiet", "requests", "gone")
MOST_QUIET = 100


class Only(StrEnum):
    """Which projects are wanted."""

    ALL = "all"
    GONE = "gone"  # an owner's account is gone
    UNSEALED = "unsealed"
    QUIET = "quiet"
    REQUESTS = "requests"


@frozen
class ShowOverview:
    """`search`: a part of a project's path or of an owner's login; `sort`: one of SORTS, with - before it downwards."""

    search: str = ""
    only: Only = Only.ALL
    sort: str = "project"
    limit: int = 100
    cursor: str = ""


@frozen
class DiskState:
    """-1: the file system does not say, or it was not watched for long enough."""

    total_bytes: int = -1
    free_bytes: int = -1
    free_files: int = -1
    growth_a_day: int | None = None  # in bytes, over the last days that were counted
    days_until_full: int | None = None


@frozen
class SiteTotals:
    """Of all projects that were counted."""

    projects: int = 0
    size_bytes: int = 0
    files: int = 0
    sessions: int = 0
    unsealed: int = 0
    quiet: int = 0
    requests: int = 0
    gone: int = 0  # projects one of whose owners is gone


@frozen
class ProjectSize:
    """One project, as it was when it was counted; `grown_bytes` in the last `grown_days`, None where not known."""

    project: str
    owners: tuple[Person, ...]
    owners_gone: int
    size_bytes: int
    files: int
    counted_at: datetime
    grown_bytes: int | None
    grown_days: int
    sessions: int
    unsealed: int
    quiet: int
    requests: int
    path_b64: str = ""


@frozen
class QuietSession:
    """A session that is not sealed, and in which nothing has changed since some time."""

    project: str
    session: str
    since: datetime
    size_bytes: int
    files: int
    path_b64: str = ""


@frozen
class SiteOverview:
    """`counted_at`: when the oldest of the counts was made, None where nothing was counted yet."""

    disk: DiskState
    totals: SiteTotals
    items: tuple[ProjectSize, ...]
    total: int
    quiet: tuple[QuietSession, ...] = ()
    quiet_days: int = 0
    counted_at: datetime | None = None
    cursor: str = ""


def show_overview(store: Store, actor: Actor, wanted: ShowOverview) -> SiteOverview:
    """Show how large the site and its projects are, how they grow, and what wants an administrator's look."""
    by = wanted.sort.removeprefix("-")
    if by not in SORTS:
        raise Invalid(what=f"projects cannot be sorted by {wanted.sort!r}; possible are {', '.join(SORTS)}")
    start, end = page_bounds(wanted.cursor, wanted.limit)
    rows, total = store.sizes.page(
        wanted.search, wanted.only.value, by, wanted.sort.startswith("-"), start, end - start
    )
    totals, counted_at = store.sizes.totals()
    return SiteOverview(
        disk=_disk(store),
        totals=SiteTotals(**totals),
        items=tuple(_project(store, row) for row in rows),
        total=total,
        quiet=tuple(_quiet(row) for row in store.sizes.quiet(MOST_QUIET)),
        quiet_days=store.site.mail.quiet_days,
        counted_at=counted_at,
        cursor=str(end) if end < total else "",
    )


def _project(store: Store, row: dict[str, Any]) -> ProjectSize:
    path: TreePath = row.pop("path")
    owners = tuple(store.person(uid) for uid in row.pop("owners"))
    return ProjectSize(path.shown, owners, path_b64=path.b64, **row)


def _quiet(row: dict[str, Any]) -> QuietSession:
    path: TreePath = row.pop("path")
    return QuietSession(path.parent.shown, TreePath(path.name).shown, path_b64=path.b64, **row)


# The disk ------------------------------------------------------------------------------------------------------------


def _disk(store: Store) -> DiskState:
    """The disk as it is now, and how it filled in the days that were counted."""
    free, files = store.free_bytes(TreePath(""))
    growth = slope(store.sizes.disk_days())
    days = None
    if free >= 0 and growth is not None and growth > 0:
        days = int(free / growth)
    return DiskState(store.total_bytes(TreePath("")), free, files, None if growth is None else round(growth), days)


def slope(days: list[tuple[int, int]]) -> float | None:
    """Bytes a day, by the straight line that fits (day, bytes used) best; None for less than two days."""
    if len(days) < 2:
        return None
    middle = sum(day for day, _ in days) / len(days), sum(used for _, used in days) / len(days)
    spread = sum((day - middle[0]) ** 2 for day, _ in days)
    return sum((day - middle[0]) * (used - middle[1]) for day, used in days) / spread
