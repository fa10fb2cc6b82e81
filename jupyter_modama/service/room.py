"""What the handlers share: the hub, the keeper, the workers, the jobs; everything that blocks runs on threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from jupyter_modama.core.errors import NotAllowed
from jupyter_modama.core.model import Actor, Job
from jupyter_modama.core.operations import Kind, Operation
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.keeper.verbs import VERBS, is_listed
from jupyter_modama.service.auth import Caller, Hub, actor_of, admit
from jupyter_modama.service.reading import Reading
from jupyter_modama.service.settings import Settings

Of = TypeVar("Of")
THREADS = 64  # they wait for the keeper and its workers, and compute nothing


class Room:
    """One service while it runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.site = settings, settings.site
        self.hub = Hub(settings.hub_api, settings.hub_token, self.site.service.token_cache_s)
        self.keys = KeeperKeys(self.site.service.keeper)
        self.reading = Reading(self.keys)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modama-call")

    async def call(self, function: Callable[..., Of], *args: Any) -> Of:
        """Run what may block on a thread, never on the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *args)

    async def actor(self, caller: Caller, via: str, on_behalf_of: str) -> Actor:
        """The person for whom a caller asks. Raises: NotAllowed."""
        return await self.call(actor_of, self.site, caller, via, on_behalf_of, os.geteuid())

    def admit(self, caller: Caller, actor: Actor, operation: Operation) -> None:
        """Raises: NotAllowed where the token, or the delegate, may not do this."""
        admit(caller, actor, operation, lambda name: self._check_listed(actor, name))

    def _check_listed(self, actor: Actor, name: str) -> None:
        if not is_listed(self.site, actor.on_behalf_of, name):
            raise NotAllowed(what=f"{name} is not to be done on behalf of others at this site")

    async def perform(self, operation: Operation, wanted: Any, actor: Actor) -> tuple[int, Any]:
        """Have an operation done: the status of the answer, and the answer; of a long one its job."""
        if operation.kind is Kind.LONG:
            return 202, {"job": await self.call(self._begun, operation, wanted, actor)}
        return 200, await self.call(self._answered, operation, wanted, actor)

    def _answered(self, operation: Operation, wanted: Any, actor: Actor) -> dict[str, Any]:
        if operation.name not in VERBS:
            return self.reading.read(operation.name, wanted, actor)
        steps = self.keys.do(operation.name, wanted, actor)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: dict[str, Any] = end.value
                return answer

    def _begun(self, operation: Operation, wanted: Any, actor: Actor) -> Job | dict[str, Any]:
        from jupyter_modama.core.jobs import ShowJob
        from jupyter_modama.core.operations import OPERATIONS

        job_id = self.keys.begin(operation.name, wanted, actor)
        return self._answered(OPERATIONS["job.show"], ShowJob(job_id), actor)

    async def close(self) -> None:
        """End what is kept; what was begun goes on at the keeper."""
        self.reading.close()
        self.threads.shutdown(wait=False, cancel_futures=True)
