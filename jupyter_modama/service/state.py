"""How the parts are that the service needs; looked at not more often than every few seconds, whoever asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tornado.httpclient import AsyncHTTPClient

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.model import Person

BELIEVED_S = 3.0
PATIENCE_S = 5.0
HERE, AWAY = "here", "away"


@dataclass(frozen=True, slots=True)
class Health:
    """What everybody may know."""

    status: str  # fine | impaired
    hub: str  # here | away
    keeper: str


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What the service is and can do, for whom, and what their token may be used for."""

    version: str
    contract: str
    mode: str
    site: str
    person: Person
    areas: list[str]
    administrator: bool
    capabilities: list[str]
    hub: str
    keeper: str


class Looks:
    """Asks hub and keeper whether they are there."""

    def __init__(self, hub_api: str, check_keeper: Callable[[], Awaitable[None]]) -> None:
        self.hub_api, self._check_keeper = hub_api, check_keeper
        self._found = Health("impaired", AWAY, AWAY)
        self._until = 0.0
        self._guard = asyncio.Lock()

    async def health(self) -> Health:
        """As it was a few seconds ago at most."""
        async with self._guard:
            if time.monotonic() >= self._until:
                hub, keeper = await asyncio.gather(self._hub(), self._keeper())
                self._found = Health("fine" if hub == keeper == HERE else "impaired", hub, keeper)
                self._until = time.monotonic() + BELIEVED_S
        return self._found

    async def _hub(self) -> str:
        try:
            answer = await AsyncHTTPClient().fetch(self.hub_api + "/", request_timeout=PATIENCE_S, raise_error=False)
        except OSError:
            return AWAY
        return HERE if answer.code == 200 else AWAY

    async def _keeper(self) -> str:
        try:
            await asyncio.wait_for(self._check_keeper(), PATIENCE_S)
        except (ModamaError, TimeoutError):
            return AWAY
        return HERE
