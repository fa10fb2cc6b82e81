"""What is done for all projects every night: memberships end, changes that were cut off are finished, drift is mended.

All that it knows stands in the tree, so that it can be stopped and begun again at any time: projects that were looked
at longest ago come first, and of very many only some are held in memory at a time. A project that
cannot be worked on is named, and the others go on.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain

from jupyter_modama.core.batches import in_order
from jupyter_modama.core.doubted import learn_records, renew_records
from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.ids import renew_doubles
from jupyter_modama.core.invitations import renew_invitations
from jupyter_modama.core.layout import project_place
from jupyter_modama.core.members import keep_days
from jupyter_modama.core.model import Actor, Progress
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.requests import renew_requests
from jupyter_modama.core.reverify import reverify_sealed
from jupyter_modama.core.sealed_path_moves import mend_sealed_paths
from jupyter_modama.core.sizing import CountSite, count_site
from jupyter_modama.core.spreading import is_kept, reported

MOST_NAMED = 100
MEMBERS = "members"


@frozen
class RunNightly:
    """`area`: only that one; `look_only`: nothing is changed, and it is said what would be."""

    area: str = ""
    look_only: bool = False


@frozen
class NightlyReport:
    """`ended` memberships, `finished` changes that had been cut off, entries `mended` or that differ; what failed."""

    projects: int = 0
    ended: int = 0
    finished: int = 0
    mended: int = 0
    differing: int = 0
    problems: tuple[str, ...] = ()
    sentence: str = ""


@dataclass(slots=True)
class _Night:
    projects: int = 0
    ended: int = 0
    finished: int = 0
    mended: int = 0
    differing: int = 0
    owned: int = 0
    renewed: int = 0
    failed: int = 0


def check_nightly(store: Store, actor: Actor, wanted: RunNightly) -> None:
    """Nothing can be said beforehand."""


def run_nightly(store: Store, actor: Actor, wanted: RunNightly) -> Generator[Progress, None, NightlyReport]:
    """End memberships whose last day is over, finish cut-off changes, and mend what grants too much or too little."""
    night = _Night()
    problems: list[str] = []
    began = datetime.now(UTC).isoformat()
    for found in in_order(lambda: _kept(store, wanted.area, began), lambda found: found):
        if found is None:
            yield Progress("looking", night.projects, 0, "projects")
            continue
        path = found[1]
        yield Progress("projects", night.projects, 0, "projects", path.shown)
        night.projects += 1
        try:
            yield from _one(store, path, wanted, night)
        except ModamaError as error:
            night.failed += 1
            if len(problems) < MOST_NAMED:
                problems.append(f"{path.shown}: {printable(str(error))}")
    named = (
        *problems,
        *([f"and {night.failed - MOST_NAMED} more"] if night.failed > MOST_NAMED else []),
    )
    if not wanted.look_only:
        night.renewed = len(renew_doubles(store, TreePath(wanted.area)))
        for _ in chain(renew_requests(store), renew_invitations(store)):
            yield Progress("requests", 0, 0, "projects")
        named += yield from _left_behind(store, wanted.area)
        named += (yield from count_site(store, actor, CountSite(wanted.area))).problems
        named += yield from reverify_sealed(store, actor, wanted.area)
    return NightlyReport(
        night.projects, night.ended, night.finished, night.mended, night.differing, named, _sentence(night)
    )


def _left_behind(store: Store, area: str) -> Generator[Progress, None, tuple[str, ...]]:
    """Find again what was sealed by its path where folders above it were renamed; answers what is to be known of it.

    What a crash left behind goes on the way.
    """
    said: list[str] = []
    for path in project_paths(store, area):
        yield Progress("projects", 0, 0, "projects", path.shown)
        try:
            _tidy(store, path)
            said += mend_sealed_paths(store, path)
        except ModamaError as error:
            said.append(f"{path.shown}: {printable(str(error))}")
    return tuple(said[:MOST_NAMED])


def _tidy(store: Store, path: TreePath) -> None:
    """Clear away what a crash left in a project, in its sessions, and beside it."""
    where = project_place(store.site, path)
    for folder in (path.parent, path, *session_names(store, path, where.layout)):
        with suppress(NotAllowed, NotFound):  # a tree that others made is theirs
            store.clear_leftovers(folder)


def _kept(store: Store, area: str, before: str) -> Iterator[tuple[str, TreePath]]:
    """The projects that have members here, each with when it was looked at last, which was before this night began."""
    for path in project_paths(store, area):
        with suppress(ModamaError):
            record, _ = record_or_warning(store, path, MEMBERS)
            if record or is_kept(store, path, store.gates.read(path)):
                looked_at = str(record.get("looked_at", ""))
                if looked_at < before or looked_at > datetime.now(UTC).isoformat():  # a clock can have been wrong
                    yield looked_at, path


def _one(store: Store, path: TreePath, wanted: RunNightly, night: _Night) -> Generator[Progress, None, None]:
    if wanted.look_only:
        report = yield from reported(store, path, mend=False)
        night.differing += sum(row.count for row in report.found if row.mendable)
        night.ended += len(store.gates.read(path).ended(_today()))
        return
    renew_records(store, path, aside=False)
    with store.members_locked(path):
        record, _ = record_or_warning(store, path, MEMBERS)
        was_cut_off = bool(record.get("spreading"))
        ended = end_memberships(store, path)
        report = yield from reported(store, path, mend=True, even_alone=was_cut_off or bool(ended))
        facts = {"wanted": store.gates.read(path).version, "spreading": False}
        store.write_record(path, MEMBERS, {**record, **facts, "looked_at": datetime.now(UTC).isoformat()})
    learn_records(store, path)
    area = project_place(store.site, path).layout
    night.owned += sum(store.own_ingest(session) for session in session_names(store, path, area))
    night.ended += len(ended)
    night.finished += was_cut_off
    night.mended += report.mended
    night.differing += sum(row.left for row in report.found)


def end_memberships(store: Store, path: TreePath) -> tuple[int, ...]:
    """End the memberships of a project whose last day is over, at its gate; answers whose. What lies behind follows.

    The lock of the members has to be held.
    """
    gate = store.gates.read(path)
    ended = gate.ended(_today())
    if ended:
        left = gate.without(ended)
        store.write_record(path, MEMBERS, {"wanted": left.version, "spreading": True})
        store.gates.write(path, gate, left)
        keep_days(store, path, left)
    return ended


def _today() -> date:
    return datetime.now(UTC).date()


def _sentence(night: _Night) -> str:
    told = (
        (night.ended, "membership ended", "memberships ended"),
        (night.finished, "change that had been cut off was finished", "changes that had been cut off were finished"),
        (night.owned, "file of a microscope was given to people", "files of microscopes were given to people"),
        (night.mended, "entry was mended", "entries were mended"),
        (night.renewed, "copy got an id of its own", "copies got ids of their own"),
        (night.differing, "entry differs", "entries differ"),
        (night.failed, "project could not be worked on", "projects could not be worked on"),
    )
    said = "; ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in told if count)
    return f"{said}." if said else "Everything grants what the projects say."
