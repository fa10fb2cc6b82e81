"""Long operations, running and ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from jupyter_modama.core.errors import Invalid, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Actor, Job, JobPage, JobState, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.roles import role_at


@frozen
class ListJobs:
    """`since` (ISO 8601) leaves out what has not changed after that time."""

    project: str = ""
    session: str = ""
    state: str = ""
    since: str = ""
    limit: int = 100


@frozen
class ShowJob:
    id: str


@frozen
class CancelJob:
    id: str


def list_jobs(store: Store, actor: Actor, wanted: ListJobs) -> JobPage:
    """List long operations, the newest first: one's own, and all of them for administrators."""
    is_seen = _seen_by(store, actor)
    return JobPage(chosen([job for job in store.jobs.list() if is_seen(job)], wanted))


def chosen(jobs: list[Job], wanted: ListJobs) -> tuple[Job, ...]:
    """Those that are asked for, in their order.

    Raises: Invalid.
    """
    if wanted.state and wanted.state not in set(JobState):
        raise Invalid(what=f"there is no job state {wanted.state!r}; possible are {', '.join(JobState)}")
    since = _time(wanted.since)
    found = [
        job
        for job in jobs
        if (not wanted.project or job.project == wanted.project)
        and (not wanted.session or job.session == wanted.session)
        and (not wanted.state or job.state == wanted.state)
        and (since is None or (job.changed or job.started or since) > since)
    ]
    return tuple(found[: max(1, min(wanted.limit, 1000))])


def _seen_by(store: Store, actor: Actor) -> Callable[[Job], bool]:
    """Which jobs somebody hears of; in a book of one's own there are no others."""
    if not store.keeps_tree or role_at(store, actor, TreePath("")) >= Role.ADMINISTRATOR:
        return lambda job: True
    return lambda job: job.actor == actor.person.login


def _seen(store: Store, actor: Actor, job_id: str) -> Job:
    """Raises: NotFound."""
    job = store.jobs.get(job_id)
    if not _seen_by(store, actor)(job):
        raise NotFound(what=f"job “{job_id[:40]}”")
    return job


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
    return _seen(store, actor, wanted.id)


def cancel_job(store: Store, actor: Actor, wanted: CancelJob) -> Job:
    """Ask a long operation to stop."""
    return store.jobs.ask_cancel(_seen(store, actor, wanted.id).id)
