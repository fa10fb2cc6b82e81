"""What is known of sealed sessions beyond their seal: when they were read again, and what is wrong with them.

The outcome stands in the session's record `verified`; what is wrong also in the project's record `mismatches`, which
its page shows to members and owners.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.layout import area_of
from jupyter_modama.core.model import Seal, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import session_names
from jupyter_modama.core.records import MISMATCHES, record_or_warning, recorded_text
from jupyter_modama.core.seal_state import is_unsealing, read_state

VERIFIED = "verified"
SAME, DIFFERS, BARE, FAILED = "same", "differs", "not-protected", "failed"


def read_at(store: Store, session: TreePath) -> datetime | None:
    """When a session was read again last, None where nobody wrote that down."""
    record, _ = record_or_warning(store, session, VERIFIED)
    try:
        found = datetime.fromisoformat(str(record.get("at")))
    except ValueError:
        return None
    return min(found, datetime.now(UTC)) if found.tzinfo else None


def note_verified(store: Store, session: TreePath, outcome: str, sentence: str, facts: dict[str, Any]) -> None:
    """Write down how a verification ended. Raises: ModamaError where this process may not."""
    record = {"at": datetime.now(UTC).isoformat(), "outcome": outcome, "sentence": sentence, **facts}
    store.write_record(session, VERIFIED, record)


def note_mismatches(store: Store, project: TreePath) -> tuple[str, ...]:
    """Write down for a project which of its sealed sessions are not right, where that has changed; answers them."""
    record, _ = record_or_warning(store, project, MISMATCHES)
    known = record.get("sessions")
    known = known if isinstance(known, dict) else {}
    wrong: dict[str, dict[str, str]] = {}
    for name, at, sentence in _wrong(store, project):
        before = known.get(name)
        if not isinstance(before, dict) or before.get("sentence") != sentence:
            before = {"at": at.isoformat()}
        since = str(before.get("at"))
        wrong[name] = {"at": since, "sentence": sentence}
    if known != wrong:
        store.write_record(project, MISMATCHES, {"sessions": wrong})
    return tuple(row["sentence"] for row in wrong.values())


def _wrong(store: Store, project: TreePath) -> Iterator[tuple[str, datetime, str]]:
    """The sessions of a project whose seal is not what it should be: name, since when that is known, a sentence."""
    area = area_of(store.site, project)
    for session in session_names(store, project, area) if area else ():
        with suppress(ModamaError):
            state, _, seal = read_state(store, session)
            name = TreePath(session.name).shown
            if sentence := _unfinished(store, session, state):
                yield name, datetime.now(UTC), sentence
            elif state is SessionState.SEALED and seal is not None:
                at, sentence = _found_wrong(store, session, seal)
                if at is not None:
                    yield name, at, sentence


def _unfinished(store: Store, session: TreePath, state: SessionState) -> str:
    """A sentence about a seal that does not hold, or not all of it; empty where that is not so."""
    if state is SessionState.SEAL_LOST:
        return f"{session.shown} was sealed and has lost its protection; verify it, then seal it again"
    if state is SessionState.PARTIAL:
        return f"{session.shown} is sealed in part (files that were still written are not); seal it again for the rest"
    if state is SessionState.INTERRUPTED and is_unsealing(store, session):
        return f"unsealing {session.shown} was interrupted; ask an administrator to unseal it again, or seal it"
    if state is SessionState.INTERRUPTED:
        return f"sealing {session.shown} was interrupted; seal it again, and it goes on from there"
    return ""


def _found_wrong(store: Store, session: TreePath, seal: Seal) -> tuple[datetime | None, str]:
    record, _ = record_or_warning(store, session, VERIFIED)
    at = read_at(store, session)
    if record.get("outcome") in {SAME, None} or at is None or at < seal.at:
        return None, ""
    return at, recorded_text(record, "sentence")
