"""Taking a seal back: by the sealer within a while, by administrators with a reason."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime

from jupyter_modama.core.errors import Conflict, NotAllowed, NotSealed, ReasonMissing, UndoExpired
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place
from jupyter_modama.core.model import Actor, Progress, Protection, Role, Seal, Session, SessionState
from jupyter_modama.core.ports import Store
from jupyter_modama.core.requests import RECORD as UNSEAL_REQUEST
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import (
    JOURNAL,
    LOCKED_FOR_SEAL,
    disk_state,
    is_unsealing,
    read_state,
    recorded_seal,
    session_asked_for,
)
from jupyter_modama.core.sessions import session_at
from jupyter_modama.core.spreading import mend_part

S = SessionState
Facts = tuple[SessionState, Protection, Seal | None]


@frozen
class UndoSeal:
    project: str
    session: str
    path_b64: str = ""


@frozen
class UnsealSession:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


@frozen
class Judged:
    """The seal that a check has judged; nothing where there was none that is whole."""

    at: str = ""
    manifest_sha256: str = ""

    @classmethod
    def of(cls, seal: Seal | None) -> Judged:
        return cls(seal.at.isoformat(), seal.manifest_sha256) if seal else cls()


# undo ----------------------------------------------------------------------------------------------------------------


def check_undo(store: Store, actor: Actor, wanted: UndoSeal) -> Judged:
    """Whether the seal can be undone by this person now; answers which seal that is."""
    where = session_asked_for(store, wanted)
    _judge_undo(store, actor, where, read_state(store, where.session))
    return Judged.of(recorded_seal(store, where.session))


def _judge_undo(store: Store, actor: Actor, where: Place, facts: Facts) -> None:
    state, _, seal = facts
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


def undo_seal(store: Store, actor: Actor, wanted: UndoSeal, judged: Judged) -> Generator[Progress, None, Session]:
    """Take back a seal that one made by mistake, within the time that the site allows."""
    where = session_asked_for(store, wanted)

    def judge(facts: Facts) -> None:
        _check_role(store, actor, where, Role.MEMBER)
        _judge_undo(store, actor, where, facts)

    return (yield from _unseal(store, actor, where, judged, judge))


# unseal --------------------------------------------------------------------------------------------------------------


def check_unseal(store: Store, actor: Actor, wanted: UnsealSession) -> Judged:
    """Whether there is something to unseal, and a reason; answers which seal that is."""
    where = session_asked_for(store, wanted)
    if not wanted.reason.strip():
        raise ReasonMissing(what="unsealing")
    _judge_unseal(store, where, read_state(store, where.session))
    return Judged.of(recorded_seal(store, where.session))


def _judge_unseal(store: Store, where: Place, facts: Facts) -> None:
    if facts[0] is S.WRITABLE:
        raise NotSealed(session=where.session.shown, state=facts[0], consequence="there is nothing to unseal")
    _check_power(store, where)


def unseal_session(
    store: Store, actor: Actor, wanted: UnsealSession, judged: Judged
) -> Generator[Progress, None, Session]:
    """Make the raw files of a sealed session changeable again; the manifest is kept."""
    where = session_asked_for(store, wanted)

    def judge(facts: Facts) -> None:
        _check_role(store, actor, where, Role.ADMINISTRATOR)
        _judge_unseal(store, where, facts)

    return (yield from _unseal(store, actor, where, judged, judge))


# both ----------------------------------------------------------------------------------------------------------------


def _check_power(store: Store, where: Place) -> None:
    """Raise where the flag was set by a mightier process than this, before anything is changed."""
    raw = store.stat(where.raw)
    if raw.immutable and store.sealing.strongest(where.session) is not Protection.IMMUTABLE:
        raise NotAllowed(
            what=f"raw of {where.session.shown} is immutable, and you may not take that away here; ask an administrator"
        )


def _check_role(store: Store, actor: Actor, where: Place, least: Role) -> None:
    """Raise where the role, with which this was begun, is no more."""
    if role_at(store, actor, where.session) < least:
        raise NotAllowed(
            what=f"your role in {where.project.shown} changed meanwhile, so the seal stays; ask an administrator"
        )


def _check_same(where: Place, seal: Seal | None, judged: Judged) -> None:
    """Raise where another seal than the one that was judged is on the session now."""
    if Judged.of(seal) != judged:
        what = f"sealed again by {seal.by.login} at {seal.at:%Y-%m-%d %H:%M} UTC" if seal else "unsealed"
        raise Conflict(
            what=f"{where.session.shown} was {what} since you asked, and nothing has been changed now; "
            "look at the session, and ask again if that is still meant"
        )


def _unseal(
    store: Store, actor: Actor, where: Place, judged: Judged, judge: Callable[[Facts], None]
) -> Generator[Progress, None, Session]:
    """Unseal; under the lock it is judged again, since a job can have waited for long."""
    with store.lock(where.session, f"{LOCKED_FOR_SEAL} (unsealing by {actor.person.login})"):
        facts = disk_state(store, where.session)
        judge(facts)
        _, protection, seal = facts
        if not is_unsealing(store, where.session):  # then the old seal says nothing any more
            _check_same(where, seal, judged)
        store.proof.tidy(where.session)
        # The journal first: a crash in between leaves an interrupted session, which can be sealed or unsealed again.
        journal = {"by": actor.person.uid, "at": datetime.now(UTC).isoformat(), "protection": protection.value}
        store.write_record(where.session, JOURNAL, {**journal, "unsealing": True})
        store.proof.retire(where.session)
        for done in store.sealing.unprotect(where.session, where.raw):
            yield Progress("unsealing", done, seal.files if seal else 0)
        yield from mend_part(store, where.project, where.raw)  # members can have changed since the seal
        store.proof.forget(where.session, JOURNAL)
        store.proof.forget(where.session, UNSEAL_REQUEST)
    return session_at(store, actor, where.session, role_at(store, actor, where.session))
