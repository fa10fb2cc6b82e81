"""News for people, as they come: of their own jobs, and of what was changed in projects that they see.

One stream of the keeper tells of all its jobs. Each is handed on only to whom it concerns: a job to the person who
began it and to administrators, a change to those for whom the kernel answers at that moment that they see the project.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import ModamaError, TooManyRequests
from jupyter_modama.core.model import Actor, Event, Job, JobState
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.keeper.protocol import Channel
from jupyter_modama.runner import plain
from jupyter_modama.service.jobs import sees_jobs

KEPT = 1000
QUEUED = 600
A_PERSON = 16  # streams; a browser has one for all tabs, a server of theirs one
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
SEALS = {"session.seal", "session.undo_seal", "session.unseal", "path.seal", "path.unseal"}
MEMBERS = {"project.set_members", "project.set_visibility", "project.transfer", "project.adopt", "project.repair"}
_LOG = logging.getLogger(__name__)
MaySee = Callable[[Actor, str], Awaitable[bool]]


@dataclass(slots=True, eq=False)
class Listener:
    """One stream: of whom, and what waits to be sent."""

    actor: Actor
    hears: Callable[[str], bool]  # of the jobs of a login
    queue: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(QUEUED))

    def tell(self, event: Event) -> None:
        if self.queue.full():
            self.queue.get_nowait()  # a slow reader loses the oldest; it sees the gap in the ids and asks anew
        self.queue.put_nowait(event)


class News:
    """The events of one service; on its event loop, except for `job_changed`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, site: Any, may_see: MaySee) -> None:
        self._loop, self._site, self._may_see = loop, site, may_see
        self._next = int(time.time() * 1000)  # later than all ids of a service before this one
        self._kept: deque[tuple[Event, str]] = deque(maxlen=KEPT)  # with the login that it is for, nothing for changes
        self._listeners: set[Listener] = set()
        self._ended: deque[str] = deque(maxlen=KEPT)  # jobs whose end was told: the keeper tells it again
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def latest(self) -> int:
        return self._next - 1

    @property
    def count(self) -> int:
        """How many streams there are."""
        return len(self._listeners)

    # listening -----------------------------------------------------------------------------------------------------

    def subscribe(self, actor: Actor, after: int | None, hears: Callable[[str], bool]) -> Listener:
        """What comes from now on, or came after an event, as far as that is kept.

        Raises: TooManyRequests.
        """
        uid = actor.person.uid
        if sum(listener.actor.person.uid == uid for listener in self._listeners) >= A_PERSON:
            raise TooManyRequests(what=f"you have {A_PERSON} streams of events open already", retry_after_s=30)
        listener = Listener(actor, hears)
        if after is not None:
            for event, login in self._kept:
                if event.id > after:
                    self._hand(listener, event, login)
        self._listeners.add(listener)
        return listener

    def unsubscribe(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def _hand(self, listener: Listener, event: Event, login: str) -> None:
        """Give an event to a listener whom it concerns."""
        if login:
            if listener.hears(login):
                listener.tell(event)
            return
        task = self._loop.create_task(self._tell_if_seen(listener, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_if_seen(self, listener: Listener, event: Event) -> None:
        if await self._may_see(listener.actor, event.project):
            listener.tell(event)

    # telling -------------------------------------------------------------------------------------------------------

    def job_changed(self, job: Job | dict[str, Any]) -> None:
        """Tell of a job's change; may be called from any thread."""
        told = plain(job) if isinstance(job, Job) else job
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._publish_job, told)

    def _publish_job(self, job: dict[str, Any]) -> None:
        state, job_id = JobState(job["state"]), str(job["id"])
        if state.ended:
            if job_id in self._ended:
                return
            self._ended.append(job_id)
        self._publish("job", job, str(job["actor"]))
        if state is JobState.DONE:
            self.changed(str(job["op"]), str(job["project"]), str(job["session"]))

    def changed(self, operation: str, project: str, session: str) -> None:
        """Tell those who see the project that something was changed in it."""
        kind = "seal" if operation in SEALS else "members" if operation in MEMBERS else "change"
        if project:
            self._publish(kind, {"project": project, "session": session, "op": operation}, "")

    def _publish(self, kind: str, data: dict[str, Any], login: str) -> None:
        event = Event(self._next, kind, str(data["project"]), str(data["session"]), datetime.now(UTC), data)
        self._next = max(self._next + 1, int(time.time() * 1000))
        self._kept.append((event, login))
        for listener in self._listeners:
            self._hand(listener, event, login)

    def hears(self, actor: Actor) -> Callable[[str], bool]:
        """Of whose jobs somebody hears. Asks the system, so not on the event loop."""
        return sees_jobs(self._site, actor.person)


class Follower:
    """A thread that hears from the keeper of all its jobs, and finds it again when it was away."""

    def __init__(self, keys: KeeperKeys, told: Callable[[dict[str, Any]], None]) -> None:
        self.keys, self.told = keys, told
        self.hears = False  # whether the keeper is there
        self._stop = threading.Event()
        self._channel: Channel | None = None
        self._thread = threading.Thread(target=self._run, name="modama-news", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End, also in the middle of waiting."""
        self._stop.set()
        if self._channel is not None:
            self._channel.close()
        if self._thread.is_alive():
            self._thread.join(LONGEST_WAIT_S)

    def _run(self) -> None:
        wait = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                for job in self.keys.follow(self._opened):
                    wait = FIRST_WAIT_S
                    self.told(job)
            except ModamaError as error:
                if self.hears and not self._stop.is_set():
                    _LOG.warning("The keeper is away: %s", error)
            except Exception:  # whatever is told, the next news are to be heard
                _LOG.exception("Following the keeper's jobs broke")
            self.hears = False
            self._stop.wait(wait)
            wait = min(LONGEST_WAIT_S, wait * 2)

    def _opened(self, channel: Channel) -> None:
        self._channel, self.hears = channel, True
        if self._stop.is_set():
            channel.close()
