"""Operations by name, as tests ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_modama.core.model import Actor, Area, Site
from jupyter_modama.core.operations import OPERATIONS, Kind, perform
from jupyter_modama.core.ports import Store
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.trees import driven


class Does:
    """Performs operations by name for somebody, driving long ones to their end."""

    def __init__(self, store: Store, actor: Actor) -> None:
        self.store, self.actor = store, actor

    def __call__(self, operation: str, /, **wanted: Any) -> Any:
        answer = self.begun(operation, **wanted)
        return driven(answer) if OPERATIONS[operation].kind is Kind.LONG else answer

    def begun(self, operation: str, /, **wanted: Any) -> Any:
        """The answer, or the steps of a long operation."""
        row = OPERATIONS[operation]
        return perform(row, row.wanted(**wanted), actor=self.actor, store=self.store)


@contextmanager
def opened_store(root: Path, *areas: Area, **more: Any) -> Iterator[DiskStore]:
    """A store on the disk with these areas, or with any; closed at the end."""
    store = DiskStore(Site(root=str(root), areas=areas, any_area=not areas, **more))
    try:
        yield store
    finally:
        store.close()
