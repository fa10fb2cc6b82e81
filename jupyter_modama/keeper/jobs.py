"""The keeper's long work: jobs that do not end with whoever asked for them, and go on when the keeper starts again."""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from jupyter_modama.core.errors import Busy, ModamaError, NotAllowed
from jupyter_modama.core.model import Actor, Job, JobState, Via
from jupyter_modama.core.operations import OPERATIONS, Operation
from jupyter_modama.core.telling import tell_of_seal
from jupyter_modama.keeper import verbs
from jupyter_modama.runner import Runner, plain
from jupyter_modama.store.disk import DiskStore

Follower = Callable[[Job], None]
Key = tuple[str, str, int]
KEPT_ENDS = 256
_LOG = logging.getLogger(__name__)


class Jobs:
    """Begins long work and tells those who follow it; who asks for what is being done already follows that."""

    def __init__(self, store: DiskStore, peer_uid: int, *, most: int, a_person: int) -> None:
        self.store, self.peer_uid, self.most, self.a_person = store, peer_uid, most, a_person
        self.runner = Runner(store, threads=most)
        self.runner.listen(self._told)
        self._guard = threading.Lock()
        self._begun: list[int] = []  # uids for whom a check is being made
        self._open: dict[str, Key] = {}
        self._followers: dict[str, list[Follower]] = {}
        self._ended: OrderedDict[str, Job] = OrderedDict()

    def begin(self, operation: Operation, wanted: Any, actor: Actor, follower: Follower) -> str:
        """Begin a job, or find the one that does the same for the same person; answers its id.

        Raises: Busy, what the check raises.
        """
        key = _key(operation.name, asdict(wanted), actor.person.uid)
        with self._guard:
            for job_id, known in self._open.items():
                if known == key:
                    self._followers.setdefault(job_id, []).append(follower)
                    return job_id
            theirs = [*self._begun, *(uid for _, _, uid in self._open.values())]
            if len(theirs) >= self.most or theirs.count(actor.person.uid) >= self.a_person:
                raise Busy(what="the keeper")
            self._begun.append(actor.person.uid)
        try:
            job = self.runner.start(operation, wanted, actor, verbs.said_of(actor))
        finally:
            with self._guard:
                self._begun.remove(actor.person.uid)
        self._follow(job.id, key, follower)
        return job.id

    def leave(self, follower: Follower) -> None:
        """Somebody follows no more; the work goes on."""
        with self._guard:
            for followers in self._followers.values():
                with suppress(ValueError):
                    followers.remove(follower)

    def follow_all(self, follower: Follower) -> None:
        """Tell somebody of every job from now on, and first how those stand that run or have ended not long ago."""
        with self._guard:  # kept, so that nothing newer is told before this
            self._followers.setdefault("", []).append(follower)
            for job in [*self._ended.values(), *filter(None, map(self.store.jobs.written, self._open))]:
                follower(job)

    def cancel(self, job_id: str) -> None:
        with suppress(ModamaError):
            self.store.jobs.ask_cancel(job_id)

    def close(self) -> None:
        """Stop at the next step of each; they go on when a keeper starts again."""
        self.runner.close()

    def _follow(self, job_id: str, key: Key, follower: Follower | None) -> None:
        with self._guard:
            ended = self._ended.get(job_id)
            if ended is None:
                self._open[job_id] = key
                if follower is not None:
                    self._followers.setdefault(job_id, []).append(follower)
                return
        if follower is not None:
            follower(ended)

    def _told(self, job: Job) -> None:
        """From the thread that runs it."""
        with self._guard:
            followers = [*self._followers.get(job.id, ()), *self._followers.get("", ())]
            if job.state.ended:
                self._followers.pop(job.id, None)
                self._open.pop(job.id, None)
                self._ended[job.id] = job
                while len(self._ended) > KEPT_ENDS:
                    self._ended.popitem(last=False)
        if job.state.ended:
            self._tell(job)
            self.store.jobs.forget_actor(job.id)
        for follower in followers:
            follower(job)

    def _tell(self, job: Job) -> None:
        """Have whoever sealed told by mail how that ended; before it is forgotten who that was."""
        try:
            tell_of_seal(self.store, job, int(self.store.jobs.noted_actor(job.id)["uid"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nobody asked for it, or it is not known who
        except ModamaError as error:
            _LOG.error("How the job %s ended is told nobody: %s", job.id, error)

    def begin_nightly(self) -> None:
        """Begin the nightly pass for nobody but the keeper itself, unless it is running."""
        operation = OPERATIONS["site.nightly"]
        me = Actor(self.store.me(), Via.CLI, "keeper")
        try:
            job_id = self.begin(operation, operation.wanted(), me, _nobody)
        except ModamaError as error:
            _LOG.error("The nightly pass did not begin: %s", error)
        else:
            _LOG.info("The nightly pass is the job %s", job_id)

    # after a restart -----------------------------------------------------------------------------------------------

    def resume(self) -> int:
        """Go on with what a keeper before this one began; answers how much that is."""
        with suppress(ModamaError):
            self.store.audit.close_interrupted()
        self.store.jobs.forget_old()
        found = []
        for job in self.store.jobs.list():
            if job.state is JobState.INTERRUPTED:
                found.append(job)
            elif job.state.ended:  # who asked is known still only where a keeper was killed before it told them
                self._tell(job)
                self.store.jobs.forget_actor(job.id)
        return sum(self._resume(job) for job in found)

    def _resume(self, job: Job) -> bool:
        try:
            actor = self._actor_of(job)
        except (ModamaError, OSError, ValueError) as error:
            _LOG.warning("The job %s (%s of %s) does not go on: %s", job.id, job.op, job.project, error)
            self._tell(job)
            self.cancel(job.id)
            return False
        begun = self.runner.resume(job, actor)
        if begun is not None:
            self._follow(job.id, _key(job.op, job.wanted, actor.person.uid), None)
        return begun is not None

    def _actor_of(self, job: Job) -> Actor:
        """Raises: ModamaError, OSError, ValueError."""
        if job.op not in verbs.VERBS:
            raise NotAllowed(what=f"{job.op} is nothing that the keeper does")
        return verbs.actor_of(self.store, self.peer_uid, self.store.jobs.noted_actor(job.id), job.op)


def _nobody(job: Job) -> None:
    """Nobody waits for this one."""


def _key(name: str, wanted: dict[str, Any], uid: int) -> Key:
    return name, json.dumps(plain(wanted), sort_keys=True), uid
