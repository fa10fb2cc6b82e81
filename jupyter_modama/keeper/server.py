"""The keeper: takes connections of one uid, and does the verbs of `verbs.VERBS` for the people whom that names."""

from __future__ import annotations

import logging
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from jupyter_modama.core.errors import Busy, Invalid, ModamaError, StorageError, from_os
from jupyter_modama.core.model import Actor, Job, JobState
from jupyter_modama.core.operations import Kind, Operation, perform
from jupyter_modama.keeper import verbs
from jupyter_modama.keeper.jobs import Jobs
from jupyter_modama.keeper.protocol import LARGEST_REQUEST, Channel
from jupyter_modama.keeper.talk import Limits, Message, Talk
from jupyter_modama.keeper.workers import Workers
from jupyter_modama.runner import plain
from jupyter_modama.store.disk import DiskStore

STOP, NIGHT = b"x", b"n"
NOTICES_AT_ONCE = 200
_LOG = logging.getLogger(__name__)
_CREDENTIALS = struct.Struct("=iII")
PROGRESS = ("phase", "done", "total", "unit", "message")


class Keeper:
    """Serves one listening socket until it is stopped."""

    def __init__(
        self, store: DiskStore, listener: socket.socket, peer_uid: int, workers: Workers, limits: Limits | None = None
    ) -> None:
        self.store, self.listener, self.peer_uid, self.workers = store, listener, peer_uid, workers
        self.limits = limits or Limits()
        self.jobs = Jobs(store, peer_uid, most=self.limits.jobs, a_person=self.limits.jobs_a_person)
        self._pool = ThreadPoolExecutor(self.limits.threads, thread_name_prefix="modama-keeper")
        self._guard = threading.Lock()
        self._requests = 0
        self._served: Counter[int] = Counter()  # requests that are being done, by uid
        self._talks: set[Talk] = set()
        self._wake, self._woken = socket.socketpair()

    def serve(self) -> None:
        """Take connections until `stop`; then all jobs end at their next step, and go on when a keeper starts again."""
        begun = self.jobs.resume()
        _LOG.info("%d interrupted job(s) go on", begun)
        waiting = select.poll()
        waiting.register(self.listener, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        self.listener.setblocking(False)
        while True:
            ready = {fd for fd, _ in waiting.poll()}
            if self._woken.fileno() in ready:
                told = self._woken.recv(64)
                if STOP in told:
                    break
                self.jobs.begin_nightly()
            if self.listener.fileno() in ready:
                self._accept()
        self._close()

    def stop(self) -> None:
        """From any thread, or from a handler of a signal."""
        with suppress(OSError):
            self._wake.send(STOP)

    def nightly(self) -> None:
        """Begin the nightly pass; from where `stop` may be called."""
        with suppress(OSError):
            self._wake.send(NIGHT)

    def _close(self) -> None:
        self.listener.close()
        self.jobs.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.workers.close()
        with self._guard:
            talks = list(self._talks)
        for talk in talks:
            talk.close()
        self._wake.close()
        self._woken.close()

    def _accept(self) -> None:
        try:
            end = self.listener.accept()[0]
        except OSError:  # gone already; or no descriptor is left, and it waits until there is one
            time.sleep(0.02)
            return
        with suppress(OSError):
            self._admit(end)

    # connections -----------------------------------------------------------------------------------------------------

    def _admit(self, end: socket.socket) -> None:
        channel = Channel(end, LARGEST_REQUEST)
        pid, uid, _ = _CREDENTIALS.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid != self.peer_uid:
            _LOG.warning("A connection of uid %d (process %d) was refused", uid, pid)
            channel.close()
            return
        talk = Talk(channel, self.limits, self._asked)
        with self._guard:
            full = len(self._talks) >= self.limits.connections
            if not full:
                self._talks.add(talk)
        if full:
            with suppress(ModamaError):
                channel.send({"problem": Busy(what="the keeper").problem()}, 0.0)
            channel.close()
            return
        threading.Thread(target=self._talk, args=(talk,), name="modama-keeper-hears", daemon=True).start()

    def _talk(self, talk: Talk) -> None:
        try:
            talk.run()
        except Exception:  # one connection must not take the keeper along
            _LOG.exception("A connection broke")
        finally:
            with self._guard:
                self._talks.discard(talk)
            with talk.guard:
                followers = [each for each in talk.open_requests.values() if each is not None]
            for follower in followers:
                self.jobs.leave(follower)

    # requests --------------------------------------------------------------------------------------------------------

    def _asked(self, talk: Talk, message: Message) -> None:
        """From the thread that reads the connection.

        Raises: Invalid where the connection cannot go on.
        """
        if message.get("cancel") is True:
            self._cancel(talk, message.get("id"))
            return
        request_id = talk.opened(message)
        with self._guard:
            full = self._requests >= self.limits.requests
            self._requests += not full
        if full:
            talk.end(request_id, {"problem": Busy(what="the keeper").problem()})
            return
        try:
            self._pool.submit(self._do, talk, request_id, message)
        except RuntimeError:
            stopped = StorageError(what="this request", why="the keeper is being stopped")
            talk.end(request_id, {"problem": stopped.problem()})

    def _cancel(self, talk: Talk, request_id: Any) -> None:
        if type(request_id) is not int:
            raise Invalid(what="what is to be cancelled has no id")
        with talk.guard:
            follower = talk.open_requests.get(request_id)
        if follower is not None:
            follower.cancel()

    def _do(self, talk: Talk, request_id: int, message: Message) -> None:
        """From a thread of the pool: nothing that a request does may end it."""
        try:
            self._done(talk, request_id, message)
        except ModamaError as error:
            talk.end(request_id, {"problem": error.problem()})
        except OSError as error:
            talk.end(request_id, {"problem": from_os(error, "this request").problem()})
        except Exception as error:  # whatever it is, the caller hears of it, and the log says where
            _LOG.exception("A request failed")
            failed = StorageError(what="this request", why=f"an unexpected {type(error).__name__}")
            talk.end(request_id, {"problem": failed.problem()})
        finally:
            with self._guard:
                self._requests -= 1

    def _done(self, talk: Talk, request_id: int, message: Message) -> None:
        verb = message.get("verb")
        if verb == verbs.FOLLOW:
            self._follow(talk, request_id)
            return
        if verb in (verbs.NOTICES, verbs.TOLD):  # a set would want to hash whatever a caller sends
            talk.end(request_id, {"result": self._notices(verb, message.get("keys"))})
            return
        if verb != verbs.READ_AS:
            verbs.operation_of(verb)
        actor = verbs.actor_of(self.store, self.peer_uid, message.get("actor"), verb)
        with self._counted(actor.person.uid):
            if verb == verbs.READ_AS:
                talk.end(request_id, {"result": {"uid": actor.person.uid}}, fd=self.workers.start(actor))
            else:
                self._perform(talk, request_id, verbs.operation_of(verb), message.get("wanted"), actor)

    @contextmanager
    def _counted(self, uid: int) -> Iterator[None]:
        """Raises: Busy, so that one person's requests do not keep all threads."""
        with self._guard:
            if self._served[uid] >= self.limits.requests_a_person:
                raise Busy(what="the keeper")
            self._served[uid] += 1
        try:
            yield
        finally:
            with self._guard:
                self._served[uid] -= 1
                if not self._served[uid]:
                    del self._served[uid]

    def _perform(self, talk: Talk, request_id: int, operation: Operation, said: Any, actor: Actor) -> None:
        wanted = verbs.wanted_of(operation, said)
        if operation.kind is Kind.LONG:
            self._begin(talk, request_id, partial(self.jobs.begin, operation, wanted, actor))
            return
        answer = perform(operation, wanted, actor=actor, store=self.store)
        talk.end(request_id, {"result": plain(answer)})

    def _follow(self, talk: Talk, request_id: int) -> None:
        """Tell a connection of all long work, from what is known now on; nothing in it says what people may see."""
        follower = _FollowerOfAll(talk, request_id, self.jobs)
        with talk.guard:
            if request_id not in talk.open_requests:
                return
            talk.open_requests[request_id] = follower
        self.jobs.follow_all(follower)
        if talk.is_over:  # before this was begun
            self.jobs.leave(follower)

    def _notices(self, verb: str, keys: Any) -> dict[str, Any]:
        """What waits to be told by mail; or that some of it was. Raises: Invalid, StorageError."""
        if verb == verbs.NOTICES:
            return {"items": self.store.notices.waiting(NOTICES_AT_ONCE)}
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise Invalid(what="which notices were told is to be a list of their keys")
        self.store.notices.told(keys)
        return {}

    def _begin(self, talk: Talk, request_id: int, begin: Callable[[_Follower], str]) -> None:
        follower = _Follower(talk, request_id, self.jobs)
        with talk.guard:
            if request_id in talk.open_requests:
                talk.open_requests[request_id] = follower
        follower.began(begin(follower))


class _Follower:
    """Tells one connection of one job."""

    def __init__(self, talk: Talk, request_id: int, jobs: Jobs) -> None:
        self.talk, self.request_id, self.jobs = talk, request_id, jobs
        self.job_id = ""
        self._is_cancelled = False

    def began(self, job_id: str) -> None:
        self.job_id = job_id
        if self._is_cancelled:
            self.jobs.cancel(job_id)
        with self.talk.guard:
            is_open = self.request_id in self.talk.open_requests
        if is_open:
            self.talk.say({"id": self.request_id, "job": job_id}, instead=("began", self.request_id))

    def cancel(self) -> None:
        self._is_cancelled = True
        if self.job_id:
            self.jobs.cancel(self.job_id)

    def __call__(self, job: Job) -> None:
        """From the thread that runs the job."""
        if not job.state.ended:
            facts = {name: getattr(job, name) for name in PROGRESS}
            told = {"id": self.request_id, "progress": facts}
            self.talk.say(told, instead=("progress", self.request_id))
        elif job.state is JobState.DONE:
            self.talk.end(self.request_id, {"job": job.id, "result": job.result})
        else:
            self.talk.end(self.request_id, {"job": job.id, "problem": job.problem})


class _FollowerOfAll:
    """Tells one connection of every job; of one that changes faster than it is read, only the newest."""

    def __init__(self, talk: Talk, request_id: int, jobs: Jobs) -> None:
        self.talk, self.request_id, self.jobs = talk, request_id, jobs

    def cancel(self) -> None:
        """It is not wanted any more."""
        self.jobs.leave(self)
        self.talk.end(self.request_id, {"result": {}})

    def __call__(self, job: Job) -> None:
        """From the thread that runs the job."""
        self.talk.say({"id": self.request_id, "changed": plain(job)}, instead=("changed", job.id))
