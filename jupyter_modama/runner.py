"""Runs long operations as jobs that outlive a page, are seen by every program of the person, and go on after a crash.

A job is begun by `start`, which returns at once (its check has been made by then), or by `run`, which waits. Whoever
runs a job holds its lock; `resume_interrupted` goes on with jobs whose runner died.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from jupyter_modama.core.errors import Cancelled, ModamaError, StorageError, from_os, printable
from jupyter_modama.core.model import Actor, Job, JobState, Person, PersonKind, Progress, Via
from jupyter_modama.core.operations import OPERATIONS, Operation, perform
from jupyter_modama.store.disk import DiskStore

Listener = Callable[[Job], None]
WRITTEN_EVERY_S = 0.5
TOLD_EVERY_S = 0.1


class Runner:
    """Runs the long operations of one store in threads."""

    def __init__(self, store: DiskStore, *, threads: int = 4) -> None:
        self.store = store
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="modama-job")
        self._listeners: list[Listener] = []
        self._stopping = threading.Event()

    def listen(self, listener: Listener) -> None:
        """Have every change of a job told, from the thread that runs it."""
        self._listeners.append(listener)

    def start(self, operation: Operation, wanted: Any, actor: Actor) -> Job:
        """Begin a long operation and return its job.

        Raises: what its check raises; then there is no job.
        """
        job, steps = self._begin(operation, wanted, actor)
        self._pool.submit(self._drive, job, steps)
        return job

    def run(self, operation: Operation, wanted: Any, actor: Actor, on_progress: Listener | None = None) -> Any:
        """Do a long operation as a job here and now, and return its answer.

        Raises: what the operation raises; Cancelled when another program asked for it, or on Ctrl-C.
        """
        job, steps = self._begin(operation, wanted, actor)
        answer: Future[Any] = Future()
        self._drive(job, steps, on_progress, answer)
        return answer.result()

    def _begin(self, operation: Operation, wanted: Any, actor: Actor) -> tuple[Job, Generator[Progress, None, Any]]:
        steps = perform(operation, wanted, actor=actor, store=self.store)
        target = operation.target(wanted)
        now = datetime.now(UTC)
        job = Job(
            id=self.store.jobs.new_id(),
            op=operation.name,
            wanted=asdict(wanted),
            actor=actor.person.login,
            state=JobState.QUEUED,
            project=printable(getattr(wanted, "project", "")),
            session=printable(getattr(wanted, "session", "")) or target.shown,
            started=now,
            changed=now,
        )
        try:
            self.store.jobs.write(job)
        except OSError as error:
            steps.close()
            raise from_os(error, "writing down that this job begins") from error
        return job, steps

    # one job -------------------------------------------------------------------------------------------------------

    def _drive(
        self,
        job: Job,
        steps: Generator[Progress, None, Any],
        on_progress: Listener | None = None,
        answer: Future[Any] | None = None,
    ) -> None:
        try:
            with self.store.jobs.running(job.id):
                job = self._tell(replace(job, state=JobState.RUNNING), on_progress, write=True)
                try:
                    result = self._steps(job, steps, on_progress)
                except BaseException as error:
                    self._failed(job, error, on_progress)
                    raise
                last = self._last
                ended = replace(
                    last, state=JobState.DONE, done=last.total, result=plain(result), ended=datetime.now(UTC)
                )
                self._tell(ended, on_progress, write=True)
        except BaseException as error:
            if answer is not None:
                answer.set_exception(error)
            return
        if answer is not None:
            answer.set_result(result)

    @property
    def _last(self) -> Job:
        job: Job = self._local.job
        return job

    _local = threading.local()

    def _steps(self, job: Job, steps: Generator[Progress, None, Any], on_progress: Listener | None) -> Any:
        self._local.job = job
        told = written = 0.0
        try:
            step = next(steps)
            while True:
                now = time.monotonic()
                self._local.job = replace(self._last, **asdict(step), changed=datetime.now(UTC))
                if now - told >= TOLD_EVERY_S:
                    told = now
                    keep = now - written >= WRITTEN_EVERY_S
                    written = now if keep else written
                    self._tell(self._last, on_progress, write=keep)
                if self._stopping.is_set():
                    steps.close()
                    raise _Stopped
                if self.store.jobs.cancel_asked(job.id):
                    self.store.jobs.forget_cancel(job.id)
                    step = steps.throw(Cancelled(consequence="stopped when asked to"))
                else:
                    step = next(steps)
        except StopIteration as end:
            return end.value

    def _failed(self, job: Job, error: BaseException, on_progress: Listener | None) -> None:
        if isinstance(error, _Stopped):
            return  # the file says that it runs, and nobody holds its lock any more: interrupted
        if isinstance(error, OSError):
            error = from_os(error, f"{job.op} of {job.project}/{job.session}")
        if isinstance(error, KeyboardInterrupt):
            error = Cancelled(consequence="stopped with Ctrl-C")
        if not isinstance(error, ModamaError):
            error = StorageError(
                what=f"{job.op} of {job.project}/{job.session}", why=f"an unexpected {type(error).__name__}"
            )
        state = JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED
        ended = replace(self._last, state=state, problem=error.problem(job.id), ended=datetime.now(UTC))
        self._tell(ended, on_progress, write=True)

    def _tell(self, job: Job, on_progress: Listener | None, *, write: bool) -> Job:
        job = replace(job, changed=datetime.now(UTC))
        if write:
            with suppress(OSError):  # a full disk under the state folder must not stop the work itself
                self.store.jobs.write(job)
        for listener in (*self._listeners, *([on_progress] if on_progress else [])):
            listener(job)
        return job

    # after a crash -------------------------------------------------------------------------------------------------

    def resume_interrupted(self, actor: Actor) -> list[Job]:
        """Begin again the jobs of this person whose runner died; each operation goes on where it was."""
        self.store.audit.close_interrupted()
        begun = []
        for old in self.store.jobs.list():
            if old.state is not JobState.INTERRUPTED or old.actor != actor.person.login:
                continue
            operation = OPERATIONS.get(old.op)
            if operation is None:
                continue
            try:
                begun.append(self.start(operation, wanted_from(operation, old.wanted), actor))
                self._supersede(old, f"went on as job {begun[-1].id}")
            except ModamaError as error:
                self._supersede(old, str(error))
        return begun

    def _supersede(self, old: Job, message: str) -> None:
        now = datetime.now(UTC)
        with suppress(OSError):
            self.store.jobs.write(replace(old, state=JobState.CANCELLED, message=message, ended=now, changed=now))

    def close(self) -> None:
        """Stop: running jobs end at their next step as interrupted, and go on when a runner starts again."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Stopped(Exception):
    """The runner is being closed."""


def wanted_from(operation: Operation, record: dict[str, Any]) -> Any:
    """What was asked for, from its JSON form."""
    known = {f.name: f for f in dataclasses.fields(operation.wanted)}
    hints = operation.wanted_types
    chosen = {}
    for name, value in record.items():
        if name in known:
            kind = hints[name]
            chosen[name] = kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value
    return operation.wanted(**chosen)


def plain(value: Any) -> dict[str, Any]:
    """An answer as JSON-able values: times in ISO 8601."""

    def inner(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return {f.name: inner(getattr(item, f.name)) for f in dataclasses.fields(item)}
        if isinstance(item, datetime):
            return item.isoformat()
        if isinstance(item, Enum):
            return item.value
        if isinstance(item, (list, tuple)):
            return [inner(i) for i in item]
        if isinstance(item, dict):
            return {str(k): inner(v) for k, v in item.items()}
        return printable(item) if isinstance(item, str) else item

    found = inner(value)
    return found if isinstance(found, dict) else {"value": found}


def local_actor(via: Via) -> Actor:
    """The person whose rights this process has."""
    from jupyter_modama.store import people

    found = people.me()
    return Actor(Person(found.uid, found.login, found.display, PersonKind.INTERNAL), via, "local-uid")
