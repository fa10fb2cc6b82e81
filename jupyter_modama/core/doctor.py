"""What is wrong with this installation, this tree, this machine, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from jupyter_modama.core.errors import ModamaError, RecordCorrupt
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import area_of
from jupyter_modama.core.model import Actor, DoctorReport, Finding, JobState, Severity
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Check, Store
from jupyter_modama.core.projects import ListProjects, list_projects, session_names
from jupyter_modama.core.reverify import check_verified

ORDER = tuple(Severity)
LOOKED_AT = 200  # projects whose records are read
LISTED = 10


@frozen
class RunDoctor:
    pass


def run_doctor(store: Store, actor: Actor, wanted: RunDoctor) -> DoctorReport:
    """Look at everything that a working installation needs, and say what to do about what is missing."""
    own: list[Check] = [
        ("records", lambda: check_records(store, actor)),
        ("sealed data", lambda: check_verified(store, actor)),
        ("jobs", lambda: check_jobs(store)),
        ("managed tree", lambda: check_managed(store)),
    ]
    return report([*store.checks, *own])


def report(checks: Iterable[Check]) -> DoctorReport:
    """What all checks find; one that breaks costs only itself."""
    found = tuple(finding for name, check in checks for finding in _tried(name, check))
    worst = max((finding.severity for finding in found), key=ORDER.index, default=Severity.OK)
    return DoctorReport(found, worst)


def _tried(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except ModamaError as error:
        yield Finding(name, Severity.FAILURE, str(error))
    except Exception as error:  # a check must not keep the others from being made
        yield Finding(
            name, Severity.WARNING, f"this could not be checked: {type(error).__name__}: {error}", "please report this"
        )


def check_records(store: Store, actor: Actor) -> Iterator[Finding]:
    """Whether our records of projects and sessions can be read."""
    damaged, folders = [], 0
    for project in list_projects(store, actor, ListProjects(limit=LOOKED_AT)).items:
        path = TreePath.parse(project.path, project.path_b64)
        area = area_of(store.site, path)
        sessions = session_names(store, path, area) if area else ()
        for folder, name in ((path, "project"), *((session, "session") for session in sessions)):
            folders += 1
            damaged += _damaged(store, folder, name)
    for sentence in damaged[:LISTED]:
        yield Finding(
            "records", Severity.WARNING, sentence, "the file can be removed or mended; the data is not touched by it"
        )
    if len(damaged) > LISTED:
        yield Finding("records", Severity.WARNING, f"{len(damaged) - LISTED} further records cannot be read")
    if not damaged:
        yield Finding("records", Severity.OK, f"the records of {folders:,} projects and sessions can be read")


def _damaged(store: Store, folder: TreePath, name: str) -> list[str]:
    try:
        store.read_record(folder, name)
    except RecordCorrupt as error:
        return [str(error)]
    except ModamaError:
        return []
    return []


def check_jobs(store: Store) -> Iterator[Finding]:
    """Whether long work was left unfinished, and whether the clock can be believed."""
    jobs = store.jobs.list()
    left = [job for job in jobs if job.state is JobState.INTERRUPTED]
    for job in left[:LISTED]:
        what = " of ".join(part for part in (job.op, job.session or job.project) if part)
        yield Finding(
            "jobs",
            Severity.WARNING,
            f"{what} was interrupted ({job.id})",
            "it goes on when JupyterLab starts, or when the same is asked for again; `modama job cancel` forgets it",
        )
    if not left:
        yield Finding("jobs", Severity.OK, "no long work was left unfinished")
    now = datetime.now(UTC)
    ahead = [job for job in jobs if job.started and (job.started - now).total_seconds() > 60]
    if ahead:
        yield Finding(
            "clock",
            Severity.WARNING,
            f"the clock of this machine stands before the beginning of a job of {ahead[0].started:%Y-%m-%d %H:%M} UTC",
            "please have the time set; sessions and seals carry it",
        )


def check_managed(store: Store) -> Iterator[Finding]:
    """Who makes changes in this tree."""
    if store.site.managed_by:
        yield Finding("managed tree", Severity.NOTE, f"changes in this tree are made by {store.site.managed_by}")
