"""Long operations, running and ended."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, Job, JobPage
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ListJobs:
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
    raise NotImplementedError


def show_job(store: Store, actor: Actor, wanted: ShowJob) -> Job:
    """Show one long operation: how far it is, or how it ended."""
    raise NotImplementedError


def cancel_job(store: Store, actor: Actor, wanted: CancelJob) -> Job:
    """Ask a long operation to stop."""
    raise NotImplementedError
