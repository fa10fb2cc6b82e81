"""Taking a seal back: by the sealer within a while, by administrators with a reason."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

from jupyter_modama.core.errors import NotAllowed, NotSealed, ReasonMissing, UndoExpired
from jupyter_modama.core.layout import Place
from jupyter_modama.core.model import Actor, Progress, Protection, Session, SessionState
from jupyter_modama.core.ports import Store
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import (
    JOURNAL,
    LOCKED_FOR_SEAL,
    disk_state,
    is_unsealing,
    read_state,
    session_asked_for,
)
from jupyter_modama.core.sessions import session_at

S = SessionState


@dataclass(frozen=True, slots=True)
class UndoSeal:
    project: str
    session: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class UnsealSession:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


def check_undo(store: Store, actor: Actor, wanted: UndoSeal) -> None:
    """Whether the seal can be undone by this person now."""
    where = session_asked_for(store, wanted)
    state, _, seal = read_state(store, where.session)
    shown = where.session.shown
    if is_unsealing(store, where.session):
        if (store.read_record(where.session, JOURNAL) or {}).get("by") != actor.person.uid:
            raise NotAllowed(what=f"somebody else has begun to unseal {shown}; an administrator can finish it")
        return _check_power(store, where)  # it goes on
    if seal is None or state is not S.SEALED:
        raise NotSealed(session=shown, state=state, consequence="there is nothing to undo")
    if seal.by.uid != actor.person.uid:
        raise UndoExpired(session=shown, why=f"it was {seal.by.login} who sealed it")
    if seal.undo_until is None:
        raise UndoExpired(session=shown, why="this site does not allow it")
    if datetime.now(UTC) >= seal.undo_until:
        raise UndoExpired(session=shown, why=f"that was possible until {seal.undo_until:%Y-%m-%d %H:%M} UTC")
    _check_power(store, where)


def undo_seal(store: Store, actor: Actor, wanted: UndoSeal) -> Generator[Progress, None, Session]:
    """Take back a seal that one made by mistake, within the time that the site allows."""
    return (yield from _unseal(store, actor, session_asked_for(store, wanted)))


def check_unseal(store: Store, actor: Actor, wanted: UnsealSession) -> None:
    """Whether there is something to unseal, and a reason."""
    where = session_asked_for(store, wanted)
    if not wanted.reason.strip():
        raise ReasonMissing(what="unsealing")
    state, _, _ = read_state(store, where.session)
    if state is S.WRITABLE:
        raise NotSealed(session=where.session.shown, state=state, consequence="there is nothing to unseal")
    _check_power(store, where)


def _check_power(store: Store, where: Place) -> None:
    """Raise where the flag was set by a mightier process than this, before anything is changed."""
    raw = store.stat(where.raw)
    if raw.immutable and store.sealing.strongest(where.session) is not Protection.IMMUTABLE:
        raise NotAllowed(
            what=f"raw of {where.session.shown} is immutable, and you may not take that away here; ask an administrator"
        )


def unseal_session(store: Store, actor: Actor, wanted: UnsealSession) -> Generator[Progress, None, Session]:
    """Make the raw files of a sealed session changeable again; the manifest is kept."""
    return (yield from _unseal(store, actor, session_asked_for(store, wanted)))


def _unseal(store: Store, actor: Actor, where: Place) -> Generator[Progress, None, Session]:
    with store.lock(where.session, f"{LOCKED_FOR_SEAL} (unsealing by {actor.person.login})"):
        _, protection, seal = disk_state(store, where.session)
        store.sealing.tidy(where.session)
        # The journal first: a crash in between leaves an interrupted session, which can be sealed or unsealed again.
        journal = {"by": actor.person.uid, "at": datetime.now(UTC).isoformat(), "protection": protection.value}
        store.write_record(where.session, JOURNAL, {**journal, "unsealing": True})
        store.sealing.retire_records(where.session)
        for done in store.sealing.unprotect(where.session, where.raw):
            yield Progress("unsealing", done, seal.files if seal else 0)
        store.sealing.forget_record(where.session, JOURNAL)
    return session_at(store, actor, where.session, role_at(store, actor, where.session))
