"""Long work of people: what changes something is the keeper's, what only reads runs in a worker, and its job is ours.

Both are told as one list, to each person their own, and all of them to administrators. Both survive a restart.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Busy, ModamaError, NotFound
from jupyter_modama.core.jobs import CancelJob, ListJobs, ShowJob, chosen
from jupyter_modama.core.model import Actor, Job, JobState, Person, PersonKind, Site, Via
from jupyter_modama.core.operations import Operation
from jupyter_modama.keeper.verbs import said_of
from jupyter_modama.runner import JobRunner, Steps, plain
from jupyter_modama.service.reading import Reading, begun
from jupyter_modama.store import people
from jupyter_modama.store.jobs import JobFolder
from jupyter_modama.store.judge import is_in_group

MOST, A_PERSON = 16, 2  # two of a person's three workers, so that one is left for pages
_LOG = logging.getLogger(__name__)


class ReadingRunner(JobRunner):
    """Runs long work that only reads, in workers with the rights of the person who asked."""

    def __init__(self, site: Site, jobs: JobFolder, reading: Reading) -> None:
        super().__init__(site, jobs, threads=MOST)
        self.reading = reading

    def steps_of(self, operation: Operation, wanted: Any, actor: Actor) -> Steps:
        """As of every runner."""
        return begun(self.reading.steps(operation.name, wanted, actor))


class ReadingJobs:
    """The jobs that only read, of all people."""

    def __init__(self, site: Site, folder: Path, reading: Reading) -> None:
        self.site, self.book = site, JobFolder(folder)
        self.runner = ReadingRunner(site, self.book, reading)
        self._guard = threading.Lock()
        self._running: dict[str, str] = {}  # login by job
        self._starting: list[str] = []
        self.runner.listen(self._told)

    def begin(self, operation: Operation, wanted: Any, actor: Actor) -> dict[str, Any]:
        """Begin a job. Raises: Busy, what its check raises."""
        login = actor.person.login
        with self._guard:
            theirs = [*self._starting, *self._running.values()]
            if len(theirs) >= MOST or theirs.count(login) >= A_PERSON:
                raise Busy(what="reading whole sessions")
            self._starting.append(login)
        try:
            job = self.runner.start(operation, wanted, actor, said_of(actor))
        finally:
            with self._guard:
                self._starting.remove(login)
        return plain(job)

    def _told(self, job: Job) -> None:
        with self._guard:
            if job.state.ended:
                self._running.pop(job.id, None)
            else:
                self._running[job.id] = job.actor
        if job.state.ended:
            self.book.forget_actor(job.id)

    def resume(self) -> None:
        """Go on with what a service before this one began."""
        self.book.forget_old()
        for job in self.book.list():
            if job.state is JobState.INTERRUPTED:
                try:
                    self.runner.resume(job, _actor(self.site, self.book.noted_actor(job.id)))
                except (ModamaError, OSError, ValueError, TypeError, KeyError) as error:
                    _LOG.warning("The job %s (%s) does not go on: %s", job.id, job.op, error)
                    self.book.ask_cancel(job.id)

    def close(self) -> None:
        """Stop at the next step of each; they go on when a service starts again."""
        self.runner.close()

    # seen by people ------------------------------------------------------------------------------------------------

    def seen(self, actor: Actor) -> list[Job]:
        """Those that somebody may hear of."""
        is_seen = sees_jobs(self.site, actor.person)
        return [job for job in self.book.list() if is_seen(job.actor)]

    def find(self, job_id: str, actor: Actor) -> Job | None:
        """One of them, None where it is not there or nobody's business."""
        try:
            job = self.book.get(job_id)
        except NotFound:
            return None
        return job if sees_jobs(self.site, actor.person)(job.actor) else None


def sees_jobs(site: Site, person: Person) -> Callable[[str], bool]:
    """Whose jobs a person may hear of: their own, and everybody's for administrators. By login."""
    if is_in_group(person.uid, site.administrators):
        return lambda login: True
    return lambda login: login == person.login


def _actor(site: Site, said: dict[str, Any]) -> Actor:
    """Raises: ValueError, KeyError, TypeError."""
    person = people.person(int(said["uid"]))
    if person.kind is PersonKind.UNKNOWN or person.uid < site.minimum_uid:
        raise ValueError(f"nobody has the number {person.uid} any more")
    return Actor(person, Via(said["via"]), str(said["known_by"]), str(said["on_behalf_of"]))


class AllJobs:
    """What `job.list`, `job.show` and `job.cancel` answer: of the keeper's jobs and of those that only read."""

    def __init__(self, reading: ReadingJobs, of_keeper: Callable[[str, Any, Actor], dict[str, Any]]) -> None:
        self.reading, self.of_keeper = reading, of_keeper

    def answer(self, operation: str, wanted: Any, actor: Actor) -> dict[str, Any]:
        """Raises: NotFound, Invalid, Unreachable."""
        if isinstance(wanted, ListJobs):
            own = [plain(job) for job in chosen(self.reading.seen(actor), wanted)]
            rows = [*own, *self.of_keeper(operation, wanted, actor)["items"]]
            rows.sort(key=lambda row: str(row["id"]), reverse=True)
            return {"items": rows[: max(1, min(wanted.limit, 1000))]}
        job = self.reading.find(wanted.id, actor)
        if job is None:
            return self.of_keeper(operation, wanted, actor)
        if isinstance(wanted, CancelJob):
            job = self.reading.book.ask_cancel(job.id)
        return plain(job)


JOB_OPERATIONS = {"job.list": ListJobs, "job.show": ShowJob, "job.cancel": CancelJob}
