"""Selections that wait to be fetched."""

from __future__ import annotations

import secrets
import time

from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.paths import TreePath

TICKET_S = 3600.0
MOST_TICKETS = 100


class Tickets:
    """Selections that were counted and wait to be fetched: an address would be too short for many paths."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, tuple[TreePath, ...]]] = {}

    def keep(self, paths: tuple[TreePath, ...]) -> str:
        now = time.monotonic()
        self._kept = {k: v for k, v in self._kept.items() if now - v[0] < TICKET_S}
        while len(self._kept) >= MOST_TICKETS:
            self._kept.pop(next(iter(self._kept)))
        ticket = secrets.token_urlsafe(12)
        self._kept[ticket] = now, paths
        return ticket

    def paths(self, ticket: str) -> tuple[TreePath, ...]:
        """Raises: NotFound."""
        found = self._kept.get(ticket)
        if found is None or time.monotonic() - found[0] > TICKET_S:
            raise NotFound(what="selection of that kind any more; please ask for the download again")
        return found[1]
