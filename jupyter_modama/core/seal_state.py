"""Where a session stands, read off the disk alone (and the session's lock)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jupyter_modama.core.errors import NotAllowed, NotFound, RecordCorrupt
from jupyter_modama.core.layout import session_place
from jupyter_modama.core.model import Protection, Seal, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store

SEAL, JOURNAL = "seal", "sealing"
WRITE_BITS = 0o222
LOCKED_FOR_SEAL = "sealing"


def read_state(store: Store, session: TreePath) -> tuple[SessionState, Protection, Seal | None]:
    """The state of a session, how it is protected, and its seal.

    Cheap: three looks at the disk, never a walk. Raises: NotFound, NotAllowed.
    """
    if store.lock_holder(session).startswith(LOCKED_FOR_SEAL):
        return SessionState.SEALING, protection_of(store.stat(session_place(store.site, session).raw)), None
    return disk_state(store, session)


def disk_state(store: Store, session: TreePath) -> tuple[SessionState, Protection, Seal | None]:
    """The same for whoever holds the session's lock."""
    protection = protection_of(store.stat(session_place(store.site, session).raw))
    seal = recorded_seal(store, session)
    journal = _record(store, session, JOURNAL)
    if journal is not None and seal is None:
        if journal.get("partial"):
            return SessionState.PARTIAL, protection, None
        return (
            (SessionState.INTERRUPTED if protection is not Protection.NONE else SessionState.WRITABLE),
            protection,
            None,
        )
    if seal is not None:
        held = protection is Protection.IMMUTABLE or protection is seal_protection(store, session)
        return (SessionState.SEALED if held else SessionState.SEAL_LOST), protection, seal
    return (SessionState.SEALED_BARE if protection is Protection.IMMUTABLE else SessionState.WRITABLE), protection, None


def protection_of(raw: Stat) -> Protection:
    """How a raw folder itself is protected."""
    if raw.immutable:
        return Protection.IMMUTABLE
    return Protection.NONE if raw.mode & WRITE_BITS else Protection.READ_ONLY


def seal_protection(store: Store, session: TreePath) -> Protection:
    """How the seal says that raw was protected."""
    record = _record(store, session, SEAL) or {}
    try:
        return Protection(record.get("protection", Protection.IMMUTABLE))
    except ValueError:
        return Protection.IMMUTABLE


def recorded_seal(store: Store, session: TreePath) -> Seal | None:
    """The seal in the record of a session, None where there is none that can be believed."""
    record = _record(store, session, SEAL)
    if record is None:
        return None
    try:
        return Seal(
            by=store.person(int(record["by"])),
            at=datetime.fromisoformat(record["at"]),
            files=int(record["files"]),
            bytes=int(record["bytes"]),
            note=str(record.get("note", "")),
            undo_until=datetime.fromisoformat(record["undo_until"]) if record.get("undo_until") else None,
            writers=str(record.get("writers", "none")),
            manifest_sha256=str(record.get("manifest_sha256", "")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _record(store: Store, session: TreePath, name: str) -> dict[str, Any] | None:
    try:
        return store.read_record(session, name)
    except (RecordCorrupt, NotFound, NotAllowed):
        return None
