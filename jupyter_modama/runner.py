"""Runs long operations as jobs that outlive a page, are seen by every program of the person, and go on after a crash.

A job is begun by `start`, which returns at once (its check has been made by then), or by `run`, which waits. Whoever
runs a job holds its lock; `resume_interrupted` goes on with jobs whose runner died, under the same id.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, get_origin

from jupyter_modama.core.errors import Cancelled, ModamaError, StorageError, from_os, printable
from jupyter_modama.core.jobs import target_of
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Actor, Job, JobState, Person, PersonKind, Progress, Site, Via
from jupyter_modama.core.operations import OPERATIONS, Operation, Scope, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.jobs import Claim, JobFolder

Listener = Callable[[Job], None]
Steps = Generator[Progress, None, Any]
WRITTEN_EVERY_S = 0.5
TOLD_EVERY_S = 0.1
MOST_TRIES = 5  # what has brought down its runner so often is not begun again
_LOG = logging.getLogger(__name__)


class JobRunner:
    """Runs long operations in threads, whoever takes their steps, and keeps a book of them."""

    def __init__(self, site: Site, jobs: JobFolder, *, threads: int = 4) -> None:
        self.site, self.jobs = site, jobs
        self.stopping = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="modama-job")
        self._listeners: list[Listener] = []
        self._waiting: set[_Run] = set()

    def steps_of(self, operation: Operation, wanted: Any, actor: Actor) -> Steps:
        """The steps of an operation. Raises: what its check raises."""
        raise NotImplementedError

    def listen(self, listener: Listener) -> None:
        """Have every change of a job told, from the thread that runs it."""
        self._listeners.append(listener)

    def start(self, operation: Operation, wanted: Any, actor: Actor, said: dict[str, Any] | None = None) -> Job:
        """Begin a long operation and return its job; `said` of who asked is kept beside it, from its beginning.

        Raises: what its check raises; then there is no job.
        """
        return self._submit(self._begin(operation, wanted, actor, said=said))

    def run(self, operation: Operation, wanted: Any, actor: Actor, on_progress: Listener | None = None) -> Any:
        """Do a long operation as a job here and now, and return its answer.

        Raises: what the operation raises; Cancelled when another program asked for it, or on Ctrl-C.
        """
        run = self._begin(operation, wanted, actor, unwritten=not operation.changes)
        if on_progress is not None:
            run.listeners.append(on_progress)
        return run.drive()

    def _begin(
        self,
        operation: Operation,
        wanted: Any,
        actor: Actor,
        *,
        unwritten: bool = False,
        said: dict[str, Any] | None = None,
    ) -> _Run:
        """A job that is written down; or, where that cannot be, as well `unwritten`, seen by nobody else.

        Raises: what the check raises, DiskFull and its kind.
        """
        steps = self.steps_of(operation, wanted, actor)
        job = self._new_job(operation, wanted, actor)
        try:
            claim = self.jobs.claim(job.id)
            try:
                if said is not None:
                    self.jobs.note_actor(job.id, said)
                self.jobs.write(job)
            except BaseException:
                claim.release()
                raise
        except OSError as error:
            if unwritten:
                return _Run(self, job, steps, Claim(-1), list(self._listeners))
            steps.close()
            doing = "writing down that this job begins"
            raise from_os(OSError(error.errno, error.strerror, job.id), doing) from error
        return _Run(self, job, steps, claim, list(self._listeners))

    def _new_job(self, operation: Operation, wanted: Any, actor: Actor) -> Job:
        target = operation.target(wanted)
        where = place(self.site, target)
        is_session = operation.scope is Scope.SESSION
        now = datetime.now(UTC)
        return Job(
            id=self.jobs.new_id(),
            op=operation.name,
            wanted=asdict(wanted),
            actor=actor.person.login,
            state=JobState.QUEUED,
            project=where.project.shown,
            session=TreePath(where.session.name).shown if is_session else target.shown,
            started=now,
            changed=now,
        )

    def _submit(self, run: _Run) -> Job:
        self._waiting.add(run)
        job = run.job
        try:
            self._pool.submit(self._in_background, run)
        except RuntimeError as error:  # closed: whoever opens next goes on with it
            self._let_go(run)
            raise StorageError(what=f"beginning {job.op}", why="this program is being stopped") from error
        return job

    def _in_background(self, run: _Run) -> None:
        self._waiting.discard(run)
        with suppress(ModamaError, _Stopped):  # it stands in the job
            run.drive()

    def _let_go(self, run: _Run) -> None:
        self._waiting.discard(run)
        run.claim.release()

    # after a crash -------------------------------------------------------------------------------------------------

    def resume(self, old: Job, actor: Actor) -> Job | None:
        """Go on with one job whose runner died; None where that is over, or somebody else's by now."""
        try:
            claim = self.jobs.claim(old.id)
        except OSError:
            return None  # another runner goes on with it
        job = self.jobs.written(old.id)
        if job is None or job.state.ended:
            claim.release()
            return None
        run = _Run(self, replace(job, state=JobState.QUEUED), _nothing(), claim, list(self._listeners))
        try:
            if self.jobs.count_try(job.id) > MOST_TRIES:
                raise StorageError(what=f"going on with {job.op}", why=f"it was interrupted {MOST_TRIES} times")
            run.steps = self._steps_again(job, actor)
        except ModamaError as error:
            run.ended(JobState.FAILED, message="it could not go on", problem=error.problem(job.id))
            claim.release()
            return None
        return self._submit(run)

    def _steps_again(self, job: Job, actor: Actor) -> Steps:
        why = "this version cannot do it"
        operation = OPERATIONS.get(job.op)
        if operation is None:
            raise StorageError(what=f"going on with {job.op}", why=why)
        try:
            wanted = wanted_from(operation, job.wanted)
            return self.steps_of(operation, wanted, actor)
        except (TypeError, ValueError, AttributeError) as error:
            raise StorageError(what=f"going on with {job.op}", why=why) from error

    def close(self) -> None:
        """Stop: running jobs end at their next step as interrupted, and go on when a runner starts again."""
        self.stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for run in list(self._waiting):
            self._let_go(run)


class Runner(JobRunner):
    """Runs the long operations of one store."""

    def __init__(self, store: DiskStore, *, threads: int = 4) -> None:
        super().__init__(store.site, store.jobs, threads=threads)
        self.store = store

    def steps_of(self, operation: Operation, wanted: Any, actor: Actor) -> Steps:
        """As of every runner."""
        steps: Steps = perform(operation, wanted, actor=actor, store=self.store)
        return steps

    def resume_interrupted(self, actor: Actor) -> list[Job]:
        """Go on with the jobs of this person whose runner died; each operation knows where it was."""
        with suppress(ModamaError):
            self.store.audit.close_interrupted()
        self.jobs.forget_old()
        mine = (job for job in self.jobs.list() if job.actor == actor.person.login)
        begun = (self.resume(job, actor) for job in mine if job.state is JobState.INTERRUPTED)
        return [job for job in begun if job is not None]


class _Run:
    """One job while it is run, by one thread."""

    def __init__(self, runner: JobRunner, job: Job, steps: Steps, claim: Claim, listeners: list[Listener]) -> None:
        self.runner, self.job, self.steps, self.claim, self.listeners = runner, job, steps, claim, listeners
        self._jobs = runner.jobs
        self._told = self._written = 0.0

    def drive(self) -> Any:
        """Take all steps and answer as the operation does.

        Raises: ModamaError, _Stopped.
        """
        try:
            try:
                self._tell(write=True, state=JobState.RUNNING)
                answer = self._take_steps()
            except BaseException as error:
                raise self._failed(error) from error
            self.ended(JobState.DONE, done=self.job.total, result=plain(answer))
            return answer
        finally:
            self._jobs.forget_cancel(self.job.id)
            self.claim.release()

    def _take_steps(self) -> Any:
        stop: Exception | None = None
        try:
            while True:
                step = next(self.steps) if stop is None else self.steps.throw(stop)
                stop = None
                try:
                    stop = self._made(step)
                except KeyboardInterrupt:
                    stop = Cancelled(consequence="stopped with Ctrl-C")
        except StopIteration as end:
            return end.value

    def _made(self, step: Progress) -> Exception | None:
        """Tell of a step, and answer why there should be no further one."""
        self.job = replace(self.job, **asdict(step), changed=datetime.now(UTC))
        if self.runner.stopping.is_set():
            self.steps.close()
            raise _Stopped
        now = time.monotonic()
        if now - self._told < TOLD_EVERY_S:
            return None
        self._told = now
        write = now - self._written >= WRITTEN_EVERY_S
        self._written = now if write else self._written
        self._tell(write=write)
        if not self._jobs.cancel_asked(self.job.id):
            return None
        self._jobs.forget_cancel(self.job.id)
        return Cancelled(consequence="stopped when asked to")

    def _failed(self, error: BaseException) -> BaseException:
        """Write down how the job failed, and answer the error that people see."""
        if isinstance(error, _Stopped):
            return error  # the file says that it runs, and nobody holds its lock any more: interrupted
        doing = f"{self.job.op} of {target_of(self.job)}"
        if isinstance(error, KeyboardInterrupt):
            error = Cancelled(consequence="stopped with Ctrl-C")
        elif isinstance(error, OSError):
            error = from_os(OSError(error.errno, error.strerror, doing), doing)
        elif not isinstance(error, ModamaError):
            _LOG.error("%s failed", doing, exc_info=error)
            error = StorageError(what=doing, why=f"an unexpected {type(error).__name__}")
        state = JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED
        self.ended(state, problem=error.problem(self.job.id))
        return error

    def ended(self, state: JobState, **facts: Any) -> None:
        self._tell(write=True, state=state, ended=datetime.now(UTC), **facts)

    def _tell(self, *, write: bool, **facts: Any) -> None:
        self.job = replace(self.job, changed=datetime.now(UTC), **facts)
        if write:
            try:
                self._jobs.write(self.job)
            except OSError as error:  # a full disk under the state folder must not stop the work itself
                _LOG.warning("The job %s could not be written down: %s", self.job.id, error.strerror)
        for listener in self.listeners:
            try:
                listener(self.job)
            except Exception:
                _LOG.exception("Telling of the job %s failed", self.job.id)


class _Stopped(Exception):
    """The runner is being closed."""


def _nothing() -> Steps:
    """The steps of a job that cannot go on."""
    yield from ()


def wanted_from(operation: Operation, record: dict[str, Any]) -> Any:
    """What was asked for, from its JSON form."""
    known = {f.name: f for f in dataclasses.fields(operation.wanted)}
    hints = operation.wanted_types
    chosen: dict[str, Any] = {}
    for name, value in record.items():
        if name in known:
            kind = hints[name]
            if get_origin(kind) is tuple:
                chosen[name] = tuple(value)
            else:
                chosen[name] = kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value
    return operation.wanted(**chosen)


def plain(value: Any) -> dict[str, Any]:
    """An answer as JSON-able values: times in ISO 8601."""

    def inner(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return {f.name: inner(getattr(item, f.name)) for f in dataclasses.fields(item)}
        if isinstance(item, date):  # datetime too
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
