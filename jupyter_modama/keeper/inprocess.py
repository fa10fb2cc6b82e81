"""The keys where this process has the system's rights itself: the same verbs, done here."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from jupyter_modama.core.model import Actor, Progress
from jupyter_modama.core.operations import Kind, perform
from jupyter_modama.core.ports import Store
from jupyter_modama.keeper.verbs import operation_of
from jupyter_modama.runner import plain


class DirectKeys:
    """The keys of a store that this process holds open with the system's rights."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def do(self, operation: str, wanted: Any, actor: Actor) -> Generator[Progress, None, dict[str, Any]]:
        """As core.ports.Keys says."""
        row = operation_of(operation)
        answer = perform(row, wanted, actor=actor, store=self.store)
        return plain((yield from answer) if row.kind is Kind.LONG else answer)
