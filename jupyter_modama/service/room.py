"""What the handlers share: the hub, the keeper, workers, jobs and news; everything that blocks runs on threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jupyter_modama
from jupyter_modama.core.errors import ModamaError, NotAllowed
from jupyter_modama.core.jobs import ShowJob
from jupyter_modama.core.model import Actor, Located
from jupyter_modama.core.operations import Kind, Operation
from jupyter_modama.core.permalinks import LocateEntry, holds_link, with_paths
from jupyter_modama.core.projects import ShowProject
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.keeper.verbs import VERBS, is_listed
from jupyter_modama.server.openapi import contract
from jupyter_modama.service.auth import Caller, Hub, actor_of, admit
from jupyter_modama.service.events import Follower, News
from jupyter_modama.service.jobs import JOB_OPERATIONS, AllJobs, ReadingJobs
from jupyter_modama.service.letters import Letters
from jupyter_modama.service.limits import AtOnce, Limit
from jupyter_modama.service.mail import Post
from jupyter_modama.service.observing import Numbers
from jupyter_modama.service.reading import Reading
from jupyter_modama.service.scopes import CAPABILITIES
from jupyter_modama.service.settings import Settings
from jupyter_modama.service.state import HERE, Health, Looks, ServiceStatus
from jupyter_modama.store.judge import is_in_group

Of = TypeVar("Of")
THREADS = 64  # they wait for the keeper and its workers, and compute nothing
AT_ONCE = 12  # of them for one person
SEEING = 8  # of them, for the question who is to hear of a change
TIDY_S = 30.0
LETTERS_S = 15.0


class Room:
    """One service while it runs; to be made on its event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.site = settings, settings.site
        rules = self.site.service
        self.hub = Hub(settings.hub_api, settings.hub_token, rules.token_cache_s)
        self.keys = KeeperKeys(rules.keeper)
        self.post = Post(self.site)
        self.reading = Reading(self.keys)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modama-call")
        self._seeing = ThreadPoolExecutor(SEEING, thread_name_prefix="modama-sees")
        self.reading_jobs = ReadingJobs(self.site, settings.state / "jobs", self.reading)
        self.jobs = AllJobs(self.reading_jobs, self._kept)
        self.news = News(asyncio.get_running_loop(), self.site, self.may_see)
        self.reading_jobs.runner.listen(self.news.job_changed)
        self.follower = Follower(self.keys, self.news.job_changed)
        self.limit = Limit(
            rules.requests_a_minute, f"you have asked more than {rules.requests_a_minute} times a minute"
        )
        self.at_once = AtOnce(AT_ONCE, f"more than {AT_ONCE} things are being done for you at this moment")
        self.numbers = Numbers(lambda: self.news.count, lambda: self.reading.counts)
        self.looks = Looks(settings.hub_api, lambda: self.call(self.keys.check))
        self.closing = asyncio.Event()
        self.letters = Letters(self.site, self.keys, settings.state / "letters.sqlite")
        self._tidying: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to hear from the keeper, and go on with what was interrupted."""
        self.follower.start()
        self.threads.submit(self.reading_jobs.resume)
        self._tidying.append(asyncio.create_task(self._tidy()))
        if self.post.is_there:
            self._tidying.append(asyncio.create_task(self._send_letters()))

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            await self.call(self.reading.tidy)

    async def _send_letters(self) -> None:
        while True:
            await self.call(self.letters.send)
            await asyncio.sleep(LETTERS_S)

    async def call(self, function: Callable[..., Of], *args: Any) -> Of:
        """Run what may block on a thread, never on the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *args)

    # who -----------------------------------------------------------------------------------------------------------

    async def actor(self, caller: Caller, via: str, on_behalf_of: str) -> Actor:
        """The person for whom a caller asks.

        Raises: NotAllowed, TooManyRequests.
        """
        actor = await self.call(actor_of, self.site, caller, via, on_behalf_of, os.geteuid())
        self.limit.count(f"{caller.kind} {caller.name} {actor.person.uid}")
        return actor

    def admit(self, caller: Caller, actor: Actor, operation: Operation) -> None:
        """Raises: NotAllowed where the token, or the delegate, may not do this."""
        admit(caller, actor, operation, lambda name: self._check_listed(actor, name))

    def _check_listed(self, actor: Actor, name: str) -> None:
        if not is_listed(self.site, actor.on_behalf_of, name):
            raise NotAllowed(what=f"{name} is not to be done on behalf of others at this site")

    # what ----------------------------------------------------------------------------------------------------------

    async def perform(self, operation: Operation, wanted: Any, actor: Actor) -> tuple[int, Any]:
        """Have an operation done: the status of the answer, and the answer; of a long one its job.

        Raises: TooManyRequests, what the operation raises.
        """
        with self.at_once.of(actor.person.uid):
            return await self._performed(operation, await self.with_paths(wanted, actor), actor)

    async def with_paths(self, wanted: Any, actor: Actor) -> Any:
        """What is asked for, with the paths that permalinks in it lead this person to.

        Raises: Invalid, NotFound for what they may not see, as for what is not there.
        """

        def located(asked: LocateEntry) -> Located:
            return Located(**self.reading.read("entry.locate", asked, actor))

        return await self.call(with_paths, self.site, located, wanted) if holds_link(wanted) else wanted

    async def _performed(self, operation: Operation, wanted: Any, actor: Actor) -> tuple[int, Any]:
        if operation.kind is Kind.LONG:
            return 202, {"job": await self.call(self._begun, operation, wanted, actor)}
        answer = await self.call(self._answered, operation.name, wanted, actor)
        if operation.changes:
            self._tell(operation, wanted, answer)
        if operation.name == "project.invite":
            self.threads.submit(self.post.invited, answer, actor)
        return 200, answer

    def _answered(self, name: str, wanted: Any, actor: Actor) -> dict[str, Any]:
        if name in JOB_OPERATIONS:
            return self.jobs.answer(name, wanted, actor)
        return self._kept(name, wanted, actor) if name in VERBS else self.reading.read(name, wanted, actor)

    def _kept(self, name: str, wanted: Any, actor: Actor) -> dict[str, Any]:
        """What the keeper answers."""
        steps = self.keys.do(name, wanted, actor)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: dict[str, Any] = end.value
                return answer

    def _begun(self, operation: Operation, wanted: Any, actor: Actor) -> dict[str, Any]:
        if operation.name not in VERBS:
            return self.reading_jobs.begin(operation, wanted, actor)
        return self._kept("job.show", ShowJob(self.keys.begin(operation.name, wanted, actor)), actor)

    def _tell(self, operation: Operation, wanted: Any, answer: dict[str, Any]) -> None:
        """Tell of a change that is no job."""
        noun = operation.name.split(".")[0]
        said = answer if noun != "project" else {"project": answer.get("path")}
        project = said.get("project") or getattr(wanted, "project", "")
        session = answer.get("name") if noun == "session" else ""
        self.news.changed(operation.name, str(project or ""), str(session or getattr(wanted, "session", "")))

    async def may_see(self, actor: Actor, project: str) -> bool:
        """Whether somebody sees a project, as the kernel answers now."""
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._seeing, self.reading.read, "project.show", ShowProject(project=project), actor
            )
        except (ModamaError, RuntimeError):
            return False
        return True

    # how it is -----------------------------------------------------------------------------------------------------

    async def health(self) -> Health:
        """What everybody may know."""
        found = await self.looks.health()
        self.numbers.hub.set(found.hub == HERE)
        self.numbers.keeper.set(found.keeper == HERE)
        return found

    async def status(self, caller: Caller, actor: Actor) -> ServiceStatus:
        """What this service is, and what it can do for somebody."""
        found = await self.health()
        return ServiceStatus(
            version=jupyter_modama.__version__,
            contract=contract(),
            mode="service",
            site=self.site.name,
            person=actor.person,
            areas=[area.name for area in self.site.areas],
            administrator=await self.call(is_in_group, actor.person.uid, self.site.administrators),
            capabilities=[row.scope for row in CAPABILITIES if caller.has(row.scope)],
            hub=found.hub,
            keeper=found.keeper,
        )

    async def close(self) -> None:
        """End what is kept; what was begun goes on at the keeper, or when a service starts again."""
        self.closing.set()
        for task in self._tidying:
            task.cancel()
        await asyncio.to_thread(self.follower.close)
        self.reading.close()
        await asyncio.to_thread(self.reading_jobs.close)
        for pool in (self._seeing, self.threads):
            pool.shutdown(wait=False, cancel_futures=True)
