"""Asking administrators to unseal a session: a record of the session, which goes with the seal.

Members of the project and administrators see it. It is answered by an unseal, or declined with a reason, which stands
there until somebody asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import Conflict, ModamaError, NotSealed, ReasonMissing, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import area_of, place, project_place
from jupyter_modama.core.model import Actor, Role, SessionState, UnsealRequest
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Noted, Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import read_state, session_asked_for
from jupyter_modama.core.telling import tell

RECORD = "unseal_request"
LONGEST_REASON = 2000
MOST_LISTED = 1000


@frozen
class RequestUnseal:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


@frozen
class DeclineUnseal:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


@frozen
class ListRequests:
    """Of an area, of a `project`, or of one `session` in it; otherwise of all projects that one is a member of."""

    area: str = ""
    project: str = ""
    session: str = ""
    path_b64: str = ""


@frozen
class UnsealRequests:
    """`more`: there are further ones; these are then not the oldest."""

    items: tuple[UnsealRequest, ...]
    more: bool = False


def request_unseal(store: Store, actor: Actor, wanted: RequestUnseal) -> UnsealRequest:
    """Ask the administrators to unseal a session, with a reason; asked again, the new reason counts."""
    session = _sealed(store, wanted)
    record = {"by": actor.person.uid, "at": _now(), "reason": _reason(wanted, "asking for an unseal")}
    with store.requests.noting(session):
        store.write_record(session, RECORD, record)
    return _request(store, session, record)


def decline_unseal(store: Store, actor: Actor, wanted: DeclineUnseal) -> UnsealRequest:
    """Answer a request to unseal with no, and a reason, which the members of the project see."""
    session = _sealed(store, wanted)
    reason = _reason(wanted, "declining an unseal")
    request = request_of(store, session)
    if request is None or request.declined_by is not None:
        raise Conflict(what=f"nobody asks to have {session.shown} unsealed any more; please look at it again")
    record, _ = record_or_warning(store, session, RECORD)
    record = {**record, "declined": {"by": actor.person.uid, "at": _now(), "reason": reason}}
    store.write_record(session, RECORD, record)
    _tell_declined(store, actor, request, reason)
    return _request(store, session, record)


def _tell_declined(store: Store, actor: Actor, request: UnsealRequest, reason: str) -> None:
    facts = {
        "project": request.project,
        "session": request.session,
        "path_b64": request.path_b64,
        "by": actor.person.display or actor.person.login,
        "reason": printable(reason),
    }
    session = request.path_b64 or f"{request.project}/{request.session}"
    tell(store, f"declined {session} {request.at.isoformat()}", request.by.uid, "declined", facts)


def list_requests(store: Store, actor: Actor, wanted: ListRequests) -> UnsealRequests:
    """List which sessions people ask to have unsealed, those who ask longest first; members see their projects'."""
    found: list[UnsealRequest] = []
    for request in _requests(store, actor, wanted):
        if len(found) == MOST_LISTED:
            return UnsealRequests(_oldest_first(found), more=True)
        found.append(request)
    return UnsealRequests(_oldest_first(found))


def _oldest_first(found: list[UnsealRequest]) -> tuple[UnsealRequest, ...]:
    return tuple(sorted(found, key=lambda request: request.at))


def request_of(store: Store, session: TreePath) -> UnsealRequest | None:
    """The request of a session's present seal, declined or not; None where there is none that can be read."""
    with suppress(ModamaError, KeyError, TypeError, ValueError, OverflowError):
        record, _ = record_or_warning(store, session, RECORD)
        if record:
            request = _request(store, session, record)
            state, _, seal = read_state(store, session)
            if state is not SessionState.WRITABLE and (seal is None or request.at >= seal.at):
                return request
    return None


def _requests(store: Store, actor: Actor, wanted: ListRequests) -> Iterator[UnsealRequest]:
    for session in _sessions(store, actor, wanted):
        request = request_of(store, session)
        if request is not None and request.declined_by is None:
            yield request


def _sessions(store: Store, actor: Actor, wanted: ListRequests) -> Iterator[TreePath]:
    """The sessions that are asked about, in projects where the actor is at least a member.

    Raises: NotFound where a project is named that is none.
    """
    if wanted.session:
        if _is_member(store, actor, TreePath.parse(f"{wanted.project}/{wanted.session}", wanted.path_b64).parent):
            yield session_asked_for(store, wanted).session
        return
    sees_all = role_at(store, actor, TreePath("")) >= Role.ADMINISTRATOR
    if wanted.project or wanted.path_b64:
        project = project_place(store.site, TreePath.parse(wanted.project, wanted.path_b64)).project
        if sees_all or _is_member(store, actor, project):
            yield from _sessions_in(store, project)
    elif (noted := _noted(store, sees_all)) is not None:
        for session in noted:
            where = place(store.site, session)
            is_asked_for = where.area is not None and wanted.area in {"", where.area.name}
            if is_asked_for and (sees_all or _is_member(store, actor, where.project)):
                yield session
    else:
        for project in project_paths(store, wanted.area):
            if sees_all or _is_member(store, actor, project):
                yield from _sessions_in(store, project)


def _sessions_in(store: Store, project: TreePath) -> Iterator[TreePath]:
    area = area_of(store.site, project)
    if area is not None:
        yield from session_names(store, project, area)


def _noted(store: Store, sees_all: bool) -> tuple[TreePath, ...] | None:
    """The sessions that the list has, None where there is none."""
    if sees_all and store.keeps_tree and store.requests.paths() is None:
        for _ in renew_requests(store):
            pass
    return store.requests.paths()


def renew_requests(store: Store) -> Iterator[None]:
    """Make the list of sessions with requests anew, of all records; a step for each project."""

    def asked() -> Iterator[Noted | None]:
        for project in project_paths(store, ""):
            yield None
            with suppress(ModamaError):
                yield from (("", session) for session in _sessions_in(store, project) if request_of(store, session))

    return store.requests.renew(asked())


def _is_member(store: Store, actor: Actor, path: TreePath) -> bool:
    with suppress(ModamaError):
        return role_at(store, actor, path) >= Role.MEMBER
    return False


def _sealed(store: Store, wanted: RequestUnseal | DeclineUnseal) -> TreePath:
    """The session that is asked for. Raises: NotFound, NotSealed."""
    session = session_asked_for(store, wanted).session
    state, _, _ = read_state(store, session)
    if state is SessionState.WRITABLE:
        raise NotSealed(session=session.shown, state=state, consequence="there is nothing to unseal")
    return session


def _reason(wanted: RequestUnseal | DeclineUnseal, what: str) -> str:
    if not wanted.reason.strip():
        raise ReasonMissing(what=what)
    return wanted.reason.strip()[:LONGEST_REASON]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _request(store: Store, session: TreePath, record: dict[str, Any]) -> UnsealRequest:
    """Raises: KeyError, TypeError, ValueError where the record is none of ours."""
    declined = record.get("declined") or {}
    return UnsealRequest(
        project=session.parent.shown,
        session=TreePath(session.name).shown,
        by=store.person(int(record["by"])),
        at=_moment(record["at"]),
        reason=printable(str(record["reason"])),
        path_b64=session.b64,
        declined_by=store.person(int(declined["by"])) if declined else None,
        declined_at=_moment(declined["at"]) if declined else None,
        declined_because=printable(str(declined["reason"])) if declined else "",
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
