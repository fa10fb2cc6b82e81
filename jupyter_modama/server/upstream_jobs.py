"""Long work of a person in a managed tree: what reads runs in this server, what changes at the service, seen as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from jupyter_modama.core.errors import ModamaError, NotFound
from jupyter_modama.core.operations import OPERATIONS, Operation
from jupyter_modama.runner import plain
from jupyter_modama.server.upstream import Upstream

OF_JOBS = frozenset(name for name in OPERATIONS if name.startswith("job."))
Here = Callable[[Operation, Any], Awaitable[Any]]


async def jobs_of(operation: Operation, wanted: Any, here: Here, upstream: Upstream) -> Any:
    """The answer of an operation on jobs: one job is looked for here first, lists are of both.

    Raises: what the operation raises; Unreachable for a job that is not here while the service is away.
    """
    if operation.name != "job.list":
        try:
            return await here(operation, wanted)
        except NotFound:
            return await upstream.ask(operation, wanted)
    found = plain(await here(operation, wanted))["items"]
    with suppress(ModamaError):  # how the service stands is in the status; what runs here is seen all the same
        found += (await upstream.ask(operation, wanted)).get("items", [])
    found.sort(key=lambda job: str(job.get("id", "")), reverse=True)
    return {"items": found[: max(1, min(wanted.limit, 1000))]}
