"""Where a session stands, read off the disk alone."""

from __future__ import annotations

from jupyter_modama.core.model import Protection, Seal, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store


def read_state(store: Store, session: TreePath) -> tuple[SessionState, Protection, Seal | None]:
    """The state of a session, how it is protected, and its seal."""
    return SessionState.WRITABLE, Protection.NONE, None
