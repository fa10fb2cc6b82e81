"""Long operations, running and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import Actor, Job, JobPage, JobState
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ListJobs:
    """`since` (ISO 8601) leaves out what has not changed after that time."""

    project: str = ""
    session: str = ""
    state: str = ""
    since: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ShowJob:
    id: str


@dataclass(frozen=True, slots=True)
class CancelJob:
    id: str


def list_jobs(store: Store, actor: Actor, wanted: ListJobs) -> JobPage:
    """List long operations, the newest first."""
    if wanted.state and wanted.state not in set(JobState):
        raise Invalid(what=f"there is no job state {wanted.state!r}; possible are {', '.join(JobState)}")
    since = _time(wanted.since)
    found = [
        job
        for job in store.jobs.list()
        if (not wanted.project or job.project == wanted.project)
        and (not wanted.session or job.session == wanted.session)
        and (not wanted.state or job.state == wanted.state)
        and (since is None or (job.changed or job.started or since) > since)
    ]
    return JobPage(tuple(found[: max(1, min(wanted.limit, 1000))]))


def target_of(job: Job) -> str:
    """The path that a job is about: the folder of a session, a project, or any other path."""
    is_whole = not job.session or job.session.startswith(job.project)
    return (job.session or job.project) if is_whole else f"{job.project}/{job.session}"


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(what=f"“{text}” is no time such as 2026-11-21T08:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def show_job(store: Store, actor: Actor, wanted: ShowJob) -> Job:
    """Show one long operation: how far it is, or how it ended."""
    return store.jobs.get(wanted.id)


def cancel_job(store: Store, actor: Actor, wanted: CancelJob) -> Job:
    """Ask a long operation to stop."""
    return store.jobs.ask_cancel(wanted.id)
