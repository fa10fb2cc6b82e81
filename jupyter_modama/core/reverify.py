"""Reading sealed sessions again now and then: what nobody looks at can rot, and backups of it rot with it.

Every night those that were not read for the longest time, as long as there is time, with a part of what the disks can
do. What was found is written down (`core/verified.py`), as is every seal that does not hold; the audit has a line for
each session that was read.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_modama.core.audit import facts_of
from jupyter_modama.core.batches import TOLD_EACH, in_order
from jupyter_modama.core.errors import ModamaError, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, area_of, session_place
from jupyter_modama.core.model import Actor, Finding, Progress, Seal, SessionState, Severity
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import ListProjects, list_projects, project_paths, session_names
from jupyter_modama.core.records import mismatches_of
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.verified import BARE, DIFFERS, FAILED, SAME, note_mismatches, note_verified, read_at
from jupyter_modama.core.verifying import compared, mismatch

HOURS = 4.0  # of a night; a session that was begun is read to its end
SHARE = 0.25  # of the time the disks are read, the rest is left to people
LOOKED_AT = 200
MOST_SAID = 100
SHOWN = 100


@frozen
class _Due:
    """A sealed session, and when it was read last: when it was sealed, or verified at night."""

    read_at: datetime
    where: Place
    seal: Seal


def reverify_sealed(
    store: Store, actor: Actor, area: str = "", *, hours: float = HOURS, share: float = SHARE
) -> Generator[Progress, None, tuple[str, ...]]:
    """Verify sealed sessions that nobody read for the days of the site, and tell owners what is wrong with seals.

    Answers what is not right, as far as a report has room.
    """
    wrong: list[str] = []
    if store.site.seal.reverify_days:
        wrong += yield from _read_again(store, actor, area, hours, share)
    for number, project in enumerate(project_paths(store, area)):
        if number % TOLD_EACH == 0:
            yield Progress("sealed data", number, 0, "projects", project.shown)
        with suppress(ModamaError):
            said = note_mismatches(store, project)
            wrong += [sentence for sentence in said if sentence not in wrong and len(wrong) < MOST_SAID]
    return tuple(wrong[:MOST_SAID])


def _read_again(
    store: Store, actor: Actor, area: str, hours: float, share: float
) -> Generator[Progress, None, list[str]]:
    """Verify those that are due, as long as there is time; answers what was found wrong."""
    end = time.monotonic() + hours * 3600
    limit = datetime.now(UTC) - timedelta(days=store.site.seal.reverify_days)
    wrong: list[str] = []

    def due() -> Iterator[_Due]:
        sealed = (one for project in project_paths(store, area) for one in _sealed(store, project))
        return (one for one in sealed if one.read_at < limit)

    for one in in_order(due, lambda one: (one.read_at, one.where.session)):
        if one is None:
            yield Progress("sealed data", unit="projects", message="looking for what was not read for long")
            continue
        if time.monotonic() > end:
            break
        with suppress(ModamaError):  # what went wrong stands in the audit; the others go on
            sentence = yield from _verified(store, actor, one, share)
            wrong += [sentence] if sentence else []
    return wrong


def _sealed(store: Store, project: TreePath) -> Iterator[_Due]:
    area = area_of(store.site, project)
    for session in session_names(store, project, area) if area else ():
        with suppress(ModamaError):
            state, _, seal = read_state(store, session)
            if state is SessionState.SEALED and seal is not None:
                yield _Due(max(seal.at, read_at(store, session) or seal.at), session_place(store.site, session), seal)


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
        note_verified(store, session, outcome, sentence, facts)
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
                "do what it says; where files differ, get them from a backup, and look for the cause",
            )
    if not wrong and projects:
        yield Finding("sealed data", Severity.OK, "no sealed session was found to differ from its checksums")
