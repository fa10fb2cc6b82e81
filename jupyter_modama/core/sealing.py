"""Sealing a session.

The steps, each of which may be the last before a crash; the next `session.seal` goes on from there:

0. nothing is changed: who writes, what stands in the way, is the session in the system's care
1. a journal says that a seal is under way; raw is protected, top down
2. writers are looked for again; every file is hashed; the manifest is written
3. everything is looked at once more; `seal.json` is written and made unchangeable; the journal goes
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice, zip_longest
from typing import Any

from jupyter_modama.core.errors import (
    AlreadySealed,
    Cancelled,
    Invalid,
    ModamaError,
    NotAllowed,
    NotFound,
    NothingToSeal,
    RecordCorrupt,
    StorageError,
)
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS, Place
from jupyter_modama.core.model import Actor, Progress, Protection, Seal, Session, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.rows import below, path_of
from jupyter_modama.core.seal_state import (
    JOURNAL,
    LOCKED_FOR_SEAL,
    SEAL,
    disk_state,
    entries_checksum,
    is_unsealing,
    journal_of,
    read_state,
    recorded_seal,
    seal_protection,
    seal_warning,
    session_asked_for,
)
from jupyter_modama.core.sessions import session_at
from jupyter_modama.core.since import since_record
from jupyter_modama.core.surveying import check_way, open_writers
from jupyter_modama.core.verifying import compared, first_changed, hashed_files, mismatch

S = SessionState
WAIT_STEP_S = 2.0
PATIENCE_S = 2.0  # what a check may take before the job is begun
METADATA_FILES = 200
METADATA_S = 20.0


class Writers(StrEnum):
    """What to do about files that programs still hold open for writing."""

    REFUSE = "refuse"
    WAIT = "wait"
    QUIET = "quiet"
    OVERRIDE = "override"


@frozen
class SealSession:
    project: str
    session: str
    note: str = ""
    writers: Writers = Writers.REFUSE
    wait_s: int = 600
    path_b64: str = ""


def check_seal(store: Store, actor: Actor, wanted: SealSession) -> None:
    """What can be said at once about a seal; raises what speaks against it."""
    where = session_asked_for(store, wanted)
    state, _, _ = read_state(store, where.session)
    if state is S.SEALED:
        raise AlreadySealed(session=where.session.shown)
    if wanted.wait_s < 0 or wanted.wait_s > 7 * 86400:
        raise Invalid(what=f"waiting {wanted.wait_s} s is not possible; choose between 0 and a week")
    with store.lock(where.session, f"{LOCKED_FOR_SEAL} (a check by {actor.person.login})"):
        found = store.sealing.survey(where.raw, PATIENCE_S)
    if found.complete and not found.files:
        raise NothingToSeal(session=where.session.shown)
    check_way(found, store.sealing.strongest(where.session), where)
    store.sealing.adopt(where.raw, change=False)
    if found.written and wanted.writers is Writers.REFUSE:
        raise open_writers(where, found, "Nothing has been changed")


def seal_session(store: Store, actor: Actor, wanted: SealSession) -> Generator[Progress, None, Session]:
    """Make the raw files of a session immutable and record their checksums."""
    where = session_asked_for(store, wanted)
    with suppress(ModamaError):  # whose the images are is of no weight for the seal
        store.own_ingest(where.session)
    with store.lock(where.session, f"{LOCKED_FOR_SEAL} by {actor.person.login}"):
        state, protection, seal = disk_state(store, where.session)
        if state is S.SEALED:
            raise AlreadySealed(session=where.session.shown)
        store.proof.tidy(where.session)
        by = store.sealing.strongest(where.session)
        if state is S.SEALED_BARE:
            by = protection
        if seal is not None and _lacks_the_end_only(store, where, seal, by):
            _end(store, where, by)
        elif seal is not None and not is_unsealing(store, where.session):
            yield from _protect_again(store, actor, wanted, where, seal, by)
        else:
            yield from _seal(store, actor, wanted, where, by)
    return session_at(store, actor, where.session, role_at(store, actor, where.session))


def _seal(
    store: Store, actor: Actor, wanted: SealSession, where: Place, by: Protection
) -> Generator[Progress, None, None]:
    found = yield from _quiet(store, where, wanted, by)
    busy = frozenset(found.written) if wanted.writers is Writers.QUIET else frozenset()
    yield Progress("preparing", 0, found.files)
    store.sealing.adopt(where.raw, change=True)
    begun = disk_state(store, where.session)[0] is not S.WRITABLE  # then there may be protection below an open raw
    journal = {
        "by": actor.person.uid,
        "at": datetime.now(UTC).isoformat(),
        "protection": by.value,
        "partial": bool(busy),
        "begun": begun,
    }
    if recorded_seal(store, where.session) is not None or seal_warning(store, where.session):
        store.proof.retire(where.session)
    store.write_record(where.session, JOURNAL, journal)
    try:
        for done in store.sealing.protect(where.raw, by, busy):
            yield Progress("protecting", done, found.files)
        if busy:
            return
        again = store.sealing.survey(where.raw)
        if again.written and wanted.writers is not Writers.OVERRIDE:
            raise open_writers(where, again, "Protection stays, and sealing again goes on from here")
        yield from _record(store, actor, wanted, where, by, again)
    except (Cancelled, GeneratorExit) as stopped:
        if isinstance(stopped, GeneratorExit):
            raise
        raise Cancelled(
            consequence="what is protected already stays protected, checksums are not complete; seal again to go on"
        ) from stopped


def _quiet(store: Store, where: Place, wanted: SealSession, by: Protection) -> Generator[Progress, None, Any]:
    """Look at raw until nobody writes any more, as far as the wish says; nothing is changed."""
    deadline = time.monotonic() + wanted.wait_s
    while True:
        yield Progress("looking", 0, 0)
        found = store.sealing.survey(where.raw)
        if not found.files:
            raise NothingToSeal(session=where.session.shown)
        check_way(found, by, where)
        if not found.written or wanted.writers in {Writers.QUIET, Writers.OVERRIDE}:
            return found
        if wanted.writers is Writers.REFUSE or time.monotonic() > deadline:
            raise open_writers(where, found, "Nothing has been changed")
        first = next(iter(found.written.values()))
        for _ in range(int(WAIT_STEP_S * 10)):
            yield Progress("waiting", 0, 0, message=f"{first.program or 'a program'} still writes {first.path}")
            time.sleep(0.1)


def _record(
    store: Store, actor: Actor, wanted: SealSession, where: Place, by: Protection, found: Any
) -> Generator[Progress, None, None]:
    """Hash, write the manifest, look once more, and write the seal."""
    looked = store.sealing.look(where.raw, by)
    hashed = yield from hashed_files(store, where.session, where.raw, looked.files, remember=True)
    if hashed.unread:
        raise StorageError(what=f"reading “{hashed.unread.path.shown}” for its checksum", why=hashed.unread.error)
    yield Progress("recording", 0, 0)
    manifest, entries = store.proof.write_manifest(where.session, where.raw.name, hashed, looked)
    changes = store.proof.write_changes(where.session)
    yield from _metadata(store, where, hashed)
    yield Progress("checking", 0, found.files)
    _look_once_more(store, where, by, hashed, looked)
    now = datetime.now(UTC)
    undo = store.site.seal.undo_minutes
    writers = "overridden" if found.written else "none" if found.writers_checked == "checked" else found.writers_checked
    record = {
        "by": actor.person.uid,
        "login": actor.person.login,
        "on_behalf_of": actor.on_behalf_of,
        "at": now.isoformat(),
        "files": len(hashed),
        "bytes": hashed.size_bytes,
        "note": wanted.note,
        "undo_until": (now + timedelta(minutes=undo)).isoformat() if undo else "",
        "writers": writers,
        "protection": by.value,
        "manifest_sha256": manifest,
        "entries_sha256": entries,
        **since_record(changes),
    }
    store.write_record(where.session, SEAL, record)
    _end(store, where, by)


def _end(store: Store, where: Place, by: Protection) -> None:
    store.proof.freeze(where.session, by)
    store.proof.forget(where.session, JOURNAL)


def _lacks_the_end_only(store: Store, where: Place, seal: Seal, by: Protection) -> bool:
    """Whether a seal stopped after its record was written, and no inode in raw has been touched since.

    Then what was looked at last, just before the record, is what is there now, and need not be read again.
    """
    journal = journal_of(store, where.session)
    if not journal or journal.get("again") or journal.get("unsealing") or seal_protection(store, where.session) != by:
        return False
    looked = store.sealing.look(where.raw, by)
    if looked.bare or looked.elsewhere or looked.unreadable:
        return False
    try:
        recorded = store.proof.read_manifest(where.session)
        written = store.stat(where.session / RECORDS / f"{SEAL}.json").changed
    except (NotFound, NotAllowed, RecordCorrupt):
        return False
    sums = (seal.manifest_sha256, entries_checksum(store, where.session))
    if (recorded.sha256, recorded.entries_sha256) != sums or not looked.changed < written:
        return False
    now = (row.rpartition(b" ")[0] for row in looked.files)
    return all(old == new for old, new in zip_longest(below(recorded.sizes, TreePath(where.raw.name)), now))


def _metadata(store: Store, where: Place, hashed: Any) -> Generator[Progress, None, None]:
    """Keep what instruments wrote, as far as it can be read in a short while: never a reason for a seal to fail."""
    rows = []
    end = time.monotonic() + METADATA_S
    for path in _spread(hashed, METADATA_FILES):
        if time.monotonic() > end:
            break
        try:
            found = store.readers.metadata(where.raw / path)
        except Exception:  # noqa: S112 - whatever a strange file does to a reader, the seal goes on
            continue
        if found.readable:
            fields = [
                {"name": f.name, "value": f.value, "unit": f.unit, "source": f.source} for f in found.fields[:200]
            ]
            rows.append({"path": path.shown, "format": found.format, "fields": fields})
        yield Progress("recording", len(rows), 0)
    store.proof.write_metadata(where.session, rows)


def _spread(hashed: Any, most: int) -> Iterator[TreePath]:
    step = max(1, len(hashed) // most)
    return map(path_of, islice(hashed.rows, 0, most * step, step))


def _look_once_more(store: Store, where: Place, by: Protection, hashed: Any, looked: Any) -> None:
    """Every entry is protected, has no name elsewhere, and is what was hashed; links and folders are as in `looked`."""
    again = store.sealing.look(where.raw, by)
    if again.bare or again.elsewhere:
        first = (again.bare or again.elsewhere)[0].shown or where.raw.name
        raise StorageError(
            what=f"sealing {where.session.shown}", why=f"“{first}” could still be changed; please seal again"
        )
    odd = first_changed(hashed, looked, again)
    if odd is not None:
        raise StorageError(
            what=f"sealing {where.session.shown}", why=f"“{odd.shown}” changed while it was sealed; please seal again"
        )


def _protect_again(
    store: Store, actor: Actor, wanted: SealSession, where: Place, seal: Seal, by: Protection
) -> Generator[Progress, None, None]:
    """A seal whose protection was lost (a restored backup): verify, then protect again; who sealed, and when, stays."""
    yield from _quiet(store, where, wanted, by)
    report, hashed, looked = yield from compared(store, where, where.raw, seal)
    if report.differs:
        raise mismatch(where.session.shown, report)
    store.sealing.adopt(where.raw, change=True)
    now = datetime.now(UTC).isoformat()
    store.write_record(where.session, JOURNAL, {"by": actor.person.uid, "at": now, "again": True})
    for done in store.sealing.protect(where.raw, by, frozenset()):
        yield Progress("protecting", done, seal.files)
    _look_once_more(store, where, by, hashed, looked)
    record = store.read_record(where.session, SEAL) or {}
    store.proof.thaw(where.session, SEAL)
    again = {"by": actor.person.uid, "at": now}
    store.write_record(where.session, SEAL, {**record, "protection": by.value, "protected_again": again})
    _end(store, where, by)
