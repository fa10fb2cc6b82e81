"""Where a session stands, read off the disk alone (and the session's lock)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from jupyter_modama.core.errors import NotAllowed, NotFound, RecordCorrupt
from jupyter_modama.core.layout import Place, session_place
from jupyter_modama.core.model import Protection, Seal, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.since import changes_since

SEAL, JOURNAL = "seal", "sealing"
WRITE_BITS = 0o222
LOCKED_FOR_SEAL = "sealing"
S = SessionState


def read_state(store: Store, session: TreePath) -> tuple[SessionState, Protection, Seal | None]:
    """The state of a session, how it is protected, and its seal.

    Cheap: three looks at the disk, never a walk. Raises: NotFound, NotAllowed.
    """
    if store.lock_holder(session).startswith(LOCKED_FOR_SEAL):
        return S.SEALING, protection_of(store.stat(session_place(store.site, session).raw)), None
    return disk_state(store, session)


def disk_state(store: Store, session: TreePath) -> tuple[SessionState, Protection, Seal | None]:
    """The same for whoever holds the session's lock."""
    protection = protection_of(store.stat(session_place(store.site, session).raw))
    seal = recorded_seal(store, session)
    journal = journal_of(store, session)
    if journal is not None:
        if journal.get("partial"):
            return S.PARTIAL, protection, seal
        begun = any(journal.get(key) for key in ("unsealing", "begun"))
        begun = begun or seal is not None or protection is not Protection.NONE
        return (S.INTERRUPTED if begun else S.WRITABLE), protection, seal
    if seal is not None:
        held = protection is Protection.IMMUTABLE or protection is seal_protection(store, session)
        return (S.SEALED if held else S.SEAL_LOST), protection, seal
    bare = protection is Protection.IMMUTABLE or (
        protection is Protection.READ_ONLY and bool(seal_warning(store, session))
    )
    return (S.SEALED_BARE if bare else S.WRITABLE), protection, None


def journal_of(store: Store, session: TreePath) -> dict[str, Any] | None:
    """What is written down about a seal, or an unseal, under way; of one that is damaged nothing is known."""
    try:
        return store.read_record(session, JOURNAL)
    except RecordCorrupt:
        return {}
    except (NotFound, NotAllowed):
        return None


def seal_warning(store: Store, session: TreePath) -> str:
    """A sentence where there is a record of a seal that cannot be read, otherwise nothing."""
    try:
        record = store.read_record(session, SEAL)
    except RecordCorrupt as error:
        return str(error)
    except (NotFound, NotAllowed):
        return ""
    if record is not None and _seal(store, record, session) is None:
        return str(RecordCorrupt(path=f"{session.shown}/.modama/seal.json", why="it does not say who sealed what"))
    return ""


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


def entries_checksum(store: Store, session: TreePath) -> str:
    """The SHA-256 that the seal has for the list of entries, nothing where it is older than that."""
    return str((_record(store, session, SEAL) or {}).get("entries_sha256") or "")


def recorded_seal(store: Store, session: TreePath) -> Seal | None:
    """The seal in the record of a session, None where there is none that can be believed."""
    record = _record(store, session, SEAL)
    return _seal(store, record, session) if record is not None else None


def _seal(store: Store, record: dict[str, Any], session: TreePath) -> Seal | None:
    try:
        return Seal(
            by=store.person(int(record["by"])),
            at=_moment(record["at"]),
            files=int(record["files"]),
            bytes=int(record["bytes"]),
            note=str(record.get("note", "")),
            undo_until=_moment(record["undo_until"]) if record.get("undo_until") else None,
            writers=str(record.get("writers", "none")),
            manifest_sha256=str(record.get("manifest_sha256", "")),
            since=changes_since(record, session),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _record(store: Store, session: TreePath, name: str) -> dict[str, Any] | None:
    try:
        return store.read_record(session, name)
    except (RecordCorrupt, NotFound, NotAllowed):
        return None


def is_unsealing(store: Store, session: TreePath) -> bool:
    """Whether an unseal was interrupted: then the old seal says nothing any more."""
    return bool((journal_of(store, session) or {}).get("unsealing"))


class Named(Protocol):
    """What asks for one session."""

    @property
    def project(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def path_b64(self) -> str: ...


def session_asked_for(store: Store, wanted: Named) -> Place:
    """The place of the session that is asked for.

    Raises: NotFound where it has no raw folder.
    """
    path = TreePath.parse(f"{wanted.project}/{wanted.session}", wanted.path_b64)
    where = session_place(store.site, path)
    if not is_folder(store, where.raw):
        raise NotFound(what=f"session “{path.shown}” (a session is a folder with “{where.raw.name}” in it)")
    return where
