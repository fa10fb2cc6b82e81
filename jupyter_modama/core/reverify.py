"""Reading sealed sessions again now and then: what nobody looks at can rot, and backups of it rot with it.

Every night those that were not read for the longest time, as long as there is time, with a part of what the disks can
do. What was found stands in the session's record `verified`, what is wrong also in the project's record `mismatches`,
which its page shows to the owners; the audit has a line for each.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_modama.core.audit import facts_of
from jupyter_modama.core.errors import ModamaError, printable
from jupyter_modama.core.layout import Place, area_of, session_place
from jupyter_modama.core.model import Actor, Finding, Progress, Seal, SessionState, Severity
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import ListProjects, list_projects, project_paths, session_names
from jupyter_modama.core.records import MISMATCHES, mismatches_of, record_or_warning, recorded_text
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.verifying import compared, mismatch

VERIFIED = "verified"
SAME, DIFFERS, BARE, FAILED = "same", "differs", "not-protected", "failed"
HOURS = 4.0  # of a night; a session that was begun is read to its end
SHARE = 0.25  # of the time the disks are read, the rest is left to people
LOOKED_AT = 200
SHOWN = 100


@dataclass(frozen=True, slots=True)
class _Due:
    """A sealed session, and when it was read last: when it was sealed, or verified at night."""

    read_at: datetime
    where: Place
    seal: Seal


def reverify_sealed(
    store: Store, actor: Actor, area: str = "", *, hours: float = HOURS, share: float = SHARE
) -> Generator[Progress, None, tuple[str, ...]]:
    """Verify sealed sessions that nobody read for the days of the site; answers what is not right."""
    days = store.site.seal.reverify_days
    if not days:
        return ()
    end = time.monotonic() + hours * 3600
    projects = list(project_paths(store, area))
    sealed = [due for project in projects for due in _sealed(store, project)]
    limit = datetime.now(UTC) - timedelta(days=days)
    wrong: list[str] = []
    for due in sorted((due for due in sealed if due.read_at < limit), key=lambda due: (due.read_at, due.where.session)):
        if time.monotonic() > end:
            break
        with suppress(ModamaError):  # what went wrong stands in the audit; the others go on
            sentence = yield from _verified(store, actor, due, share)
            wrong += [sentence] if sentence else []
    for project in projects:
        with suppress(ModamaError):
            _note_mismatches(store, project)
    return tuple(wrong)


def _sealed(store: Store, project: TreePath) -> Iterator[_Due]:
    area = area_of(store.site, project)
    for session in session_names(store, project, area) if area else ():
        with suppress(ModamaError):
            state, _, seal = read_state(store, session)
            if state is SessionState.SEALED and seal is not None:
                yield _Due(max(seal.at, _read_at(store, session) or seal.at), session_place(store.site, session), seal)


def _read_at(store: Store, session: TreePath) -> datetime | None:
    record, _ = record_or_warning(store, session, VERIFIED)
    try:
        found = datetime.fromisoformat(str(record.get("at")))
    except ValueError:
        return None
    return min(found, datetime.now(UTC)) if found.tzinfo else None


def _verified(store: Store, actor: Actor, due: _Due, share: float) -> Generator[Progress, None, str]:
    """Verify one session and write down what was found; answers a sentence where that is not as it should be.

    Raises: ModamaError where it cannot be written down.
    """
    session = due.where.session
    who = f"{actor.person.login} via {actor.via} (scheduled)"
    line = store.audit.begin("session.verify", who, session.shown, {}, facts_of(store, actor, session))
    try:
        outcome, sentence, facts = yield from _found(store, due, share)
        state, _, seal = read_state(store, session)
        if state is not SessionState.SEALED or seal is None or seal.at != due.seal.at:
            store.audit.end(line, "cancelled", "the seal was taken away meanwhile")
            return ""
        record = {"at": datetime.now(UTC).isoformat(), "outcome": outcome, "sentence": sentence, **facts}
        store.write_record(session, VERIFIED, record)
    except BaseException as error:
        store.audit.end(line, "failed" if isinstance(error, ModamaError) else "interrupted", printable(str(error)))
        raise
    store.audit.end(line, "done" if outcome == SAME else "failed", sentence and f"{outcome}: {sentence}")
    return sentence


def _found(store: Store, due: _Due, share: float) -> Generator[Progress, None, tuple[str, str, dict[str, Any]]]:
    """What a verification finds: how it ended, a sentence where that is not right, and facts for the record."""
    session = due.where.session
    try:
        report, _, _ = yield from compared(store, due.where, due.where.raw, due.seal, share=share)
    except ModamaError as error:
        return FAILED, f"{session.shown} could not be verified: {printable(str(error))}", {}
    facts = {"files": report.files, "bytes": report.bytes}
    if report.differs:
        differs = mismatch(session.shown, report)
        named = {kind: paths[:SHOWN] for kind, paths in differs.facts.items() if isinstance(paths, list)}
        return DIFFERS, printable(str(differs)), {**facts, "found": named}
    if report.bare:
        what = f"nothing in {session.shown} has changed, but “{report.bare[0].shown}” is not protected any more"
        return BARE, what, facts
    return SAME, "", facts


# Telling -------------------------------------------------------------------------------------------------------------


def _note_mismatches(store: Store, project: TreePath) -> None:
    """Write down for a project which of its sealed sessions are not right, where that has changed."""
    wrong: dict[str, dict[str, str]] = {}
    for due in _sealed(store, project):
        record, _ = record_or_warning(store, due.where.session, VERIFIED)
        read_at = _read_at(store, due.where.session)
        if record.get("outcome") not in {SAME, None} and read_at is not None and read_at >= due.seal.at:
            sentence = recorded_text(record, "sentence")
            wrong[TreePath(due.where.session.name).shown] = {"at": read_at.isoformat(), "sentence": sentence}
    record, _ = record_or_warning(store, project, MISMATCHES)
    if record.get("sessions", {}) != wrong:
        store.write_record(project, MISMATCHES, {"sessions": wrong})


def check_verified(store: Store, actor: Actor) -> Iterator[Finding]:
    """Whether sealed sessions are still what they were."""
    wrong, projects = 0, list_projects(store, actor, ListProjects(limit=LOOKED_AT)).items
    for project in projects:
        for sentence in mismatches_of(store, TreePath.parse(project.path, project.path_b64)):
            wrong += 1
            yield Finding(
                "sealed data",
                Severity.FAILURE,
                f"{project.path}, {sentence}",
                "verify the session again, get what differs from a backup, and look for the cause",
            )
    if not wrong and projects:
        yield Finding("sealed data", Severity.OK, "no sealed session was found to differ from its checksums")
