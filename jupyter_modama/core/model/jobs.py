"""Long operations, and what is told of them."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from jupyter_modama.core.frozen import frozen


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@frozen
class Progress:
    """How far a long operation is; `total` is 0 while it is not known."""

    phase: str
    done: int = 0
    total: int = 0
    unit: str = "files"
    message: str = ""


@frozen
class Job:
    """A long operation, running or ended; `result` and `problem` are the JSON forms of its answer or error."""

    id: str
    op: str
    wanted: dict[str, Any]
    actor: str
    state: JobState
    project: str = ""
    session: str = ""
    phase: str = ""
    done: int = 0
    total: int = 0
    unit: str = "files"
    message: str = ""
    result: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    started: datetime | None = None
    ended: datetime | None = None
    changed: datetime | None = None
    cancellable: bool = True


@frozen
class Event:
    id: int
    type: str  # job | seal | arrival | members | service
    project: str
    path: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


@frozen
class JobPage:
    items: tuple[Job, ...]
