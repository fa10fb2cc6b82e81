"""Asking administrators to unseal a session: a record of the session, which they see, and which goes with the seal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import ModamaError, NotFound, NotSealed, ReasonMissing, printable
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Actor, Person, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.seal_state import read_state, session_asked_for
from jupyter_modama.core.telling import tell

RECORD = "unseal_request"
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class RequestUnseal:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class ListRequests:
    area: str = ""


@dataclass(frozen=True, slots=True)
class UnsealRequest:
    """Who asks for which session to be unsealed, and why."""

    project: str
    session: str
    by: Person
    at: datetime
    reason: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class DeclineUnseal:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class UnsealRequests:
    items: tuple[UnsealRequest, ...]


def request_unseal(store: Store, actor: Actor, wanted: RequestUnseal) -> UnsealRequest:
    """Ask the administrators to unseal a session, with a reason; asked again, the new reason counts."""
    where = session_asked_for(store, wanted)
    reason = wanted.reason.strip()
    if not reason:
        raise ReasonMissing(what="asking for an unseal")
    state, _, _ = read_state(store, where.session)
    if state is SessionState.WRITABLE:
        raise NotSealed(session=where.session.shown, state=state, consequence="there is nothing to unseal")
    record = {"by": actor.person.uid, "at": datetime.now(UTC).isoformat(), "reason": reason[:LONGEST_REASON]}
    store.write_record(where.session, RECORD, record)
    return _request(store, where.session, record)


def decline_unseal(store: Store, actor: Actor, wanted: DeclineUnseal) -> UnsealRequest:
    """Decline a request to unseal a session, with a reason, which whoever asked is told; the session stays sealed."""
    where = session_asked_for(store, wanted)
    reason = wanted.reason.strip()
    if not reason:
        raise ReasonMissing(what="declining a request")
    record, _ = record_or_warning(store, where.session, RECORD)
    try:
        declined = _request(store, where.session, record)
    except (KeyError, TypeError, ValueError):
        raise NotFound(what=f"a request to unseal “{where.session.shown}”") from None
    store.write_record(where.session, RECORD, {})
    facts = {
        "project": declined.project,
        "session": declined.session,
        "path_b64": declined.path_b64,
        "by": actor.person.display or actor.person.login,
        "reason": printable(reason[:LONGEST_REASON]),
    }
    key = f"declined {declined.path_b64 or where.session.shown} {declined.at.isoformat()}"
    tell(store, key, declined.by.uid, "declined", facts)
    return declined


def list_requests(store: Store, actor: Actor, wanted: ListRequests) -> UnsealRequests:
    """List which sessions people ask to have unsealed, those who ask longest first."""
    return UnsealRequests(tuple(sorted(_requests(store, wanted.area), key=lambda request: request.at)))


def _requests(store: Store, area: str) -> Iterator[UnsealRequest]:
    for project in project_paths(store, area):
        for session in session_names(store, project, place(store.site, project).layout):
            with suppress(ModamaError, KeyError, TypeError, ValueError):
                record, _ = record_or_warning(store, session, RECORD)
                if record and read_state(store, session)[0] is not SessionState.WRITABLE:
                    yield _request(store, session, record)


def _request(store: Store, session: TreePath, record: dict[str, Any]) -> UnsealRequest:
    return UnsealRequest(
        project=session.parent.shown,
        session=TreePath(session.name).shown,
        by=store.person(int(record["by"])),
        at=datetime.fromisoformat(record["at"]),
        reason=printable(str(record["reason"])),
        path_b64=session.b64,
    )
