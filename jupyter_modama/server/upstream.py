"""The service of a managed tree, as this server sees it: whether it is there, its news, and what is asked of it.

One thread holds the one connection over which news come, and looks again by itself while the service is away, after a
second at first and half a minute at last. What people ask of it has threads of its own, so that a service that hangs
holds up nothing else.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from jupyter_modama.client import ServiceClient, asked
from jupyter_modama.core.errors import (
    ManagedTree,
    ModamaError,
    NotAllowed,
    NotSignedIn,
    StorageError,
    Unreachable,
    VersionMismatch,
)
from jupyter_modama.core.model import Event
from jupyter_modama.core.operations import Operation
from jupyter_modama.server.following import wait_for_mounts
from jupyter_modama.server.openapi import ServiceStatus

THREADS = 8
NOTICED_S = 10.0  # the service looks after its other half every few seconds
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
KEEPER_AWAY = "the service is there, but its keeper, which makes the changes in the data, is not running"
NO_SERVICE = ServiceStatus("", "none", "")
_STATES: tuple[tuple[type[ModamaError], str], ...] = (
    (VersionMismatch, "other-version"),
    (ManagedTree, "refused"),
    (NotSignedIn, "refused"),
    (NotAllowed, "refused"),
)


class Upstream:
    """The service; made once per server. `client` answers a caller or raises why there is none."""

    def __init__(
        self,
        address: str,
        client: Callable[[], ServiceClient],
        news: Callable[[Event], None],
        changed: Callable[[ServiceStatus], None],
    ) -> None:
        self._client, self._news, self._changed = client, news, changed
        self.status = ServiceStatus(address, "away", "the service is being asked for the first time")
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modama-service")
        self._closed, self._look, self._looked = threading.Event(), threading.Event(), threading.Event()
        self._again = threading.Timer(NOTICED_S, self._wake)
        self._connection: socket.socket | None = None
        # A daemon: a server that ends does not wait for a service that does not answer.
        self._watch = threading.Thread(target=self._watched, name="modama-service-news", daemon=True)
        self._watch.start()

    async def ask(self, operation: Operation, wanted: Any) -> dict[str, Any]:
        """What the service answers to an operation, as JSON values.

        Raises: what the operation raises; Unreachable, NotSignedIn, VersionMismatch, ManagedTree.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, self._asked, operation, wanted)

    def _asked(self, operation: Operation, wanted: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client().call(operation.name, asked(operation, wanted))
        except (Unreachable, NotSignedIn):
            self._doubt()
            raise
        if self.status.state != "here":
            self._look.set()
        return answer

    def _doubt(self) -> None:
        """Have the watch find out how it stands, and once more when the service itself has noticed."""
        self._wake()
        if not self._again.is_alive():
            self._again = threading.Timer(NOTICED_S, self._wake)
            self._again.daemon = True
            with suppress(RuntimeError):  # begun by another thread at this moment
                self._again.start()

    def _wake(self) -> None:
        """Have the watch look, also while it listens to a service whose other half is gone."""
        self._look.set()
        if self._connection is not None:
            _shut(self._connection)

    def looked_at(self, patience_s: float) -> ServiceStatus:
        """How it stands; looked at now, where it was not there."""
        if self.status.state != "here":
            self._looked.clear()
            self._look.set()
            self._looked.wait(patience_s)
        return self.status

    # the watch -----------------------------------------------------------------------------------------------------

    def _watched(self) -> None:
        wait, after = FIRST_WAIT_S, None
        while not self._closed.is_set():
            self._look.clear()
            client = self._met()
            self._looked.set()
            begun = time.monotonic()
            if client is not None:
                after = self._listened(client, after)
            stood = time.monotonic() - begun > LONGEST_WAIT_S
            wait = FIRST_WAIT_S if stood else wait
            self._look.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT_S)

    def _met(self) -> ServiceClient | None:
        """A caller of the service, where it is there and takes us."""
        try:
            client = self._client()
            told = client.status()
        except ModamaError as error:
            self._is(_state_of(error), str(error))
            return None
        except Exception as error:  # whatever it is, the watch goes on
            self._is("away", str(StorageError(what="asking the service", why=type(error).__name__)))
            return None
        if told.keeper == "away":
            self._is("away", KEEPER_AWAY)
            return None
        self._is("here", "")
        return client

    def _listened(self, client: ServiceClient, after: int | None) -> int | None:
        """Hand news on until they end; answers the id of the last."""
        with suppress(ModamaError):  # how it stands is asked anew
            for event in client.events(after, self._opened):
                after = event.id
                wait_for_mounts(event)
                self._news(event)
        self._connection = None
        return after

    def _opened(self, connection: socket.socket) -> None:
        self._connection = connection
        if self._closed.is_set():
            _shut(connection)

    def _is(self, state: str, says: str) -> None:
        new = ServiceStatus(self.status.address, state, says)
        if new != self.status and not self._closed.is_set():
            self.status = new
            self._changed(new)

    def close(self) -> None:
        """Stop; what was begun at the service goes on there."""
        self._closed.set()
        self._wake()
        self.threads.shutdown(wait=False, cancel_futures=True)
        self._watch.join(2.0)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _state_of(error: ModamaError) -> str:
    return next((state for kind, state in _STATES if isinstance(error, kind)), "away")
