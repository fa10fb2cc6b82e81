"""What microscopes write becomes the session owner's once it is closed and quiet: people can then delete a bad image.

A microscope writes with an account of its own. As long as a file is that account's, nobody but the account and whoever
owns the folder could remove it. The contents, the lists and the times of the files stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

from jupyter_modama.core.audit import NOT_KNOWN
from jupyter_modama.core.errors import ModamaError, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import session_place
from jupyter_modama.core.model import PersonKind, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.seal_state import read_state

NAMED_AT_ONCE = 200  # files in one line of the audit
OPERATION = "session.own_ingest"


@frozen
class Arrival:
    """One file or folder of an instrument's account: as it was found, before it gets another owner."""

    path: TreePath
    uid: int
    size_bytes: int
    arrived: datetime  # by the server's clock
    is_folder: bool = False
    addresses: tuple[str, ...] = ()  # from where the account was connected then; more than one: from one of them


def heir(store: Store, session: TreePath, instruments: frozenset[int]) -> int | None:
    """Whose the files of instruments in a session become: who created it, else an owner of the project.

    None where nobody is left, where the session is no longer open to changes, or where people made the project by hand.
    """
    place = session_place(store.site, session)
    if not store.trusted_uid(store.stat(place.project).uid) or not _is_writable(store, session):
        return None
    gate = store.gates.read(place.project)
    candidates = [_creator(store, session), store.stat(session).uid, *gate.owners]
    for uid in candidates:
        if uid is None or uid < store.site.minimum_uid or uid in instruments or store.trusted_uid(uid):
            continue
        if store.person(uid).kind is not PersonKind.UNKNOWN and store.access(place.project, uid).enter:
            return uid
    return None


def _is_writable(store: Store, session: TreePath) -> bool:
    with suppress(ModamaError):
        return read_state(store, session)[0] is SessionState.WRITABLE
    return False


def _creator(store: Store, session: TreePath) -> int | None:
    """Who created the session, as the record says, which only the system could have written where that matters."""
    record, _ = record_or_warning(store, session, "session")
    login = record.get("created_by")
    person = store.person_named(login) if isinstance(login, str) else None
    return person.uid if person and not str(login).isdigit() else None


def own_arrivals(
    store: Store, session: TreePath, arrivals: Iterable[Arrival], to: int, own: Callable[[Arrival, int], bool]
) -> int:
    """Give files of instruments to somebody, and write down where they came from; answers how many were given.

    `own(arrival, uid)` looks again and answers whether it did. Each line of the audit names the account, from where
    it was connected, when the files arrived, and every file: on the disk that is gone afterwards.
    Raises: DiskFull, NotAllowed, StorageError where the audit cannot be written; then nothing is given.
    """
    given = 0
    waiting: dict[tuple[int, tuple[str, ...]], list[Arrival]] = {}
    for arrival in arrivals:
        source = arrival.uid, arrival.addresses
        some = waiting.setdefault(source, [])
        some.append(arrival)
        if len(some) == NAMED_AT_ONCE:
            given += _own_some(store, session, waiting.pop(source), to, own)
    return given + sum(_own_some(store, session, some, to, own) for some in waiting.values())


def _own_some(
    store: Store, session: TreePath, some: list[Arrival], to: int, own: Callable[[Arrival, int], bool]
) -> int:
    """The same for some files of one account, from one place."""
    some.sort(key=lambda arrival: (arrival.arrived, arrival.path))
    account = store.person(some[0].uid).login
    below = len(session) + 1
    facts = {
        "account": account,
        "address": " or ".join(some[0].addresses) or NOT_KNOWN,
        "to": store.person(to).login,
        "arrived": [some[0].arrived.isoformat(), some[-1].arrived.isoformat()],
        "bytes": sum(arrival.size_bytes for arrival in some),
        "paths": [printable(arrival.path[below:]) for arrival in some],
    }
    line = store.audit.begin(OPERATION, f"{account} via instrument (owner of the files)", session.shown, facts)
    left: list[str] = []
    given = 0
    try:
        for arrival in some:
            if own(arrival, to):
                given += 1
            else:
                left.append(printable(arrival.path[below:]))
    except BaseException as error:
        store.audit.end(line, "failed", printable(str(error))[:500])
        raise
    store.audit.end(line, "done", f"{given} given" + (f"; not given: {', '.join(left)}" if left else ""))
    return given
