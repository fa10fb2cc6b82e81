"""Events for the browser: one stream per page, resumed by the id of the last event seen.

Jobs that run in this server tell their changes; jobs of other programs (shell, notebook) are seen in the book of jobs,
which is looked at only while somebody listens.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.model import Event, Job
from jupyter_modama.runner import plain
from jupyter_modama.store.jobs import JobFolder

KEPT = 500
LOOKED_AT_EVERY_S = 2.0


class Events:
    """The events of one server; made and used on its event loop, except for `job_changed`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, jobs: JobFolder) -> None:
        self._loop = loop
        self._jobs = jobs
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._next = 1
        self._listeners: set[asyncio.Queue[Event]] = set()
        self._seen: dict[str, str] = {}
        self._watch: asyncio.Task[None] | None = None

    def job_changed(self, job: Job) -> None:
        """Tell of a job's change; may be called from any thread."""
        self._from_thread(self._publish_job, job)

    def _publish_job(self, job: Job) -> None:
        self._seen[job.id] = _stamp(job)
        self._publish("job", job.project, job.session, plain(job))

    def relay(self, event: Event) -> None:
        """Tell of what somebody else has heard, under an id of our own; may be called from any thread."""
        self._from_thread(self._publish, event.type, event.project, event.path, event.data)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Tell of something that lies at no path; may be called from any thread."""
        self._from_thread(self._publish, kind, "", "", data)

    def _from_thread(self, function: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *args)

    def _publish(self, kind: str, project: str, path: str, data: dict[str, Any]) -> None:
        event = Event(self._next, kind, project, path, datetime.now(UTC), data)
        self._next += 1
        self._kept.append(event)
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()  # a slow reader loses the oldest; it sees the gap in the ids and asks anew
            queue.put_nowait(event)

    def subscribe(self, after: int | None) -> asyncio.Queue[Event]:
        """A queue of events from now on, or of those after an id as far as they are kept."""
        queue: asyncio.Queue[Event] = asyncio.Queue(maxsize=KEPT + 100)
        if after is not None:
            for event in self._kept:
                if event.id > after:
                    queue.put_nowait(event)
        self._listeners.add(queue)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look_at_jobs())
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        self._listeners.discard(queue)

    @property
    def latest(self) -> int:
        return self._next - 1

    async def _look_at_jobs(self) -> None:
        """While somebody listens, find the changes of jobs that other programs run."""
        last = None
        while self._listeners:
            folder = self._jobs.folder
            stamp = await asyncio.to_thread(_newest, folder)
            if stamp != last:
                first, last = last is None, stamp
                for job in reversed(await asyncio.to_thread(self._jobs.list)):
                    if self._seen.get(job.id) != _stamp(job):
                        self._seen[job.id] = _stamp(job)
                        if not first or not job.state.ended:
                            self._publish("job", job.project, job.session, plain(job))
            await asyncio.sleep(LOOKED_AT_EVERY_S)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()


def _stamp(job: Job) -> str:
    return f"{job.state}/{job.phase}/{job.done}/{job.changed}"


def _newest(folder: os.PathLike[str]) -> int:
    try:
        return max((entry.stat().st_mtime_ns for entry in os.scandir(folder)), default=0)
    except OSError:
        return 0
