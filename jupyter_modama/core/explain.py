"""Why something can, or cannot, be written."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, Explanation
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ExplainEntry:
    path: str = ""
    path_b64: str = ""


def explain_entry(store: Store, actor: Actor, wanted: ExplainEntry) -> Explanation:
    """Say in one sentence why one can or cannot write at a path."""
    raise NotImplementedError
