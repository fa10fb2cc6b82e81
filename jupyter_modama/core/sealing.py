"""Sealing a session, and proving later that nothing changed.

The steps, each of which may be the last before a crash; the next `session.seal` goes on from there:

0. nothing is changed: who writes, what stands in the way, is the session in the system's care
1. a journal says that a seal is under way; raw is protected, top down
2. writers are looked for again; every file is hashed; the manifest is written
3. everything is looked at once more; `seal.json` is written and made unchangeable; the journal goes
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from jupyter_modama.core.errors import (
    AlreadySealed,
    Cancelled,
    Invalid,
    ModamaError,
    NotAdoptable,
    NotAllowed,
    NotFound,
    NothingToSeal,
    NotSealed,
    OpenWriters,
    ReasonMissing,
    StorageError,
    UndoExpired,
)
from jupyter_modama.core.layout import Place, session_place
from jupyter_modama.core.model import (
    Actor,
    EntryKind,
    Progress,
    Protection,
    Role,
    Seal,
    SealSurvey,
    Session,
    SessionState,
    VerifyReport,
)
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import (
    JOURNAL,
    LOCKED_FOR_SEAL,
    SEAL,
    disk_state,
    journal_of,
    read_state,
    recorded_seal,
    seal_protection,
    seal_warning,
)
from jupyter_modama.core.sessions import session_at
from jupyter_modama.core.verifying import Comparison, compare, compare_links, mismatch

S = SessionState
MANIFEST = "manifest-sha256.txt"
NAMED = 100
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


@dataclass(frozen=True, slots=True)
class SurveySession:
    project: str
    session: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class SealSession:
    project: str
    session: str
    note: str = ""
    writers: Writers = Writers.REFUSE
    wait_s: int = 600
    path_b64: str = ""


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


@dataclass(frozen=True, slots=True)
class VerifySession:
    project: str
    session: str
    folder: str = ""
    folder_b64: str = ""
    path_b64: str = ""


# survey --------------------------------------------------------------------------------------------------------------


def survey_session(store: Store, actor: Actor, wanted: SurveySession) -> SealSurvey:
    """Find out what a seal would do, without changing anything."""
    where = _place(store, TreePath.parse(f"{wanted.project}/{wanted.session}", wanted.path_b64))
    state, _, _ = read_state(store, where.session)
    by = store.sealing.strongest(where.session)
    found = store.sealing.survey(where.raw)
    problem, warnings = "", []
    try:
        _check_way(found, by, where)
        warnings += store.sealing.adopt(where.raw, change=False)
    except ModamaError as error:
        problem = str(error)
    warnings += _warnings(found, by)
    minutes = store.site.seal.undo_minutes
    return SealSurvey(
        project=where.project.shown,
        session=TreePath(where.session.name).shown,
        state=state,
        protection=by,
        files=found.files,
        bytes=found.bytes,
        folders=found.folders,
        links=found.links,
        writers=tuple(list(found.written.values())[:NAMED]),
        writer_count=len(found.written),
        writers_checked=found.writers_checked,
        junk=tuple(p.shown for p in found.junk[:NAMED]),
        junk_count=found.junk_count,
        junk_bytes=found.junk_bytes,
        empty_files=found.empty_files,
        hard_links=tuple(p.shown for p in found.hard_links[:NAMED]),
        unreadable=tuple(p.shown for p in found.unreadable[:NAMED]),
        undo_minutes=minutes,
        can_undo=f"you, for {minutes} minutes" if minutes else "nobody",
        can_unseal=_who_unseals(store, actor, where),
        adoptable=not problem,
        problem=problem,
        warnings=tuple(warnings),
    )


def _who_unseals(store: Store, actor: Actor, where: Place) -> str:
    mine = role_at(store, actor, where.session) >= Role.ADMINISTRATOR
    return "you, with a reason, since you administer this tree" if mine else "administrators of the site, with a reason"


def _warnings(found: Any, by: Protection) -> Iterator[str]:
    if by is Protection.READ_ONLY:
        yield (
            "This program may not set the immutable flag here, so write permission is taken away instead: the owner "
            "of a file can give it back."
        )
    if found.writers_checked != "checked":
        yield (
            f"For {found.unchecked} file(s) of other people it cannot be checked here whether a program still writes "
            "into them."
        )
    if found.others:
        yield f"{found.others} entries are no files, folders or links (such as sockets); they are kept and not hashed."
    if found.hard_links:
        yield f"{len(found.hard_links)} file(s) have a second name outside raw; raw gets copies of its own."


def _place(store: Store, path: TreePath) -> Place:
    where = session_place(store.site, path)
    if not is_folder(store, where.raw):
        raise NotFound(what=f"session “{path.shown}” (a session is a folder with “{where.raw.name}” in it)")
    return where


def _where(store: Store, wanted: SealSession | UndoSeal | UnsealSession | VerifySession) -> Place:
    return _place(store, TreePath.parse(f"{wanted.project}/{wanted.session}", wanted.path_b64))


# seal ----------------------------------------------------------------------------------------------------------------


def check_seal(store: Store, actor: Actor, wanted: SealSession) -> None:
    """What can be said at once about a seal; raises what speaks against it."""
    where = _where(store, wanted)
    state, _, _ = read_state(store, where.session)
    if state is S.SEALED:
        raise AlreadySealed(session=where.session.shown)
    if wanted.wait_s < 0 or wanted.wait_s > 7 * 86400:
        raise Invalid(what=f"waiting {wanted.wait_s} s is not possible; choose between 0 and a week")
    with store.lock(where.session, f"{LOCKED_FOR_SEAL} (a check by {actor.person.login})"):
        found = store.sealing.survey(where.raw, PATIENCE_S)
    if found.complete and not found.files:
        raise NothingToSeal(session=where.session.shown)
    _check_way(found, store.sealing.strongest(where.session), where)
    store.sealing.adopt(where.raw, change=False)
    if found.written and wanted.writers is Writers.REFUSE:
        raise _open_writers(where, found, "Nothing has been changed")


def seal_session(store: Store, actor: Actor, wanted: SealSession) -> Generator[Progress, None, Session]:
    """Make the raw files of a session immutable and record their checksums."""
    where = _where(store, wanted)
    with store.lock(where.session, f"{LOCKED_FOR_SEAL} by {actor.person.login}"):
        state, protection, seal = disk_state(store, where.session)
        if state is S.SEALED:
            raise AlreadySealed(session=where.session.shown)
        store.sealing.tidy(where.session)
        by = store.sealing.strongest(where.session)
        if state is S.SEALED_BARE:
            by = protection
        if seal is not None and not _unsealing(store, where):
            yield from _protect_again(store, actor, wanted, where, seal, by)
        else:
            yield from _seal(store, actor, wanted, where, by)
    return session_at(store, actor, where.session, role_at(store, actor, where.session))


def _unsealing(store: Store, where: Place) -> bool:
    """Whether an unseal was interrupted: then the old seal says nothing any more."""
    return bool((journal_of(store, where.session) or {}).get("unsealing"))


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
        store.sealing.retire_records(where.session)
    store.write_record(where.session, JOURNAL, journal)
    try:
        for done in store.sealing.protect(where.raw, by, busy):
            yield Progress("protecting", done, found.files)
        if busy:
            return
        again = store.sealing.survey(where.raw)
        if again.written and wanted.writers is not Writers.OVERRIDE:
            raise _open_writers(where, again, "Protection stays, and sealing again goes on from here")
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
        _check_way(found, by, where)
        if not found.written or wanted.writers in {Writers.QUIET, Writers.OVERRIDE}:
            return found
        if wanted.writers is Writers.REFUSE or time.monotonic() > deadline:
            raise _open_writers(where, found, "Nothing has been changed")
        first = next(iter(found.written.values()))
        for _ in range(int(WAIT_STEP_S * 10)):
            yield Progress("waiting", 0, 0, message=f"{first.program or 'a program'} still writes {first.path}")
            time.sleep(0.1)


def _open_writers(where: Place, found: Any, consequence: str) -> OpenWriters:
    first = next(iter(found.written.values()))
    who = f"{first.program} (process {first.pid}) writes {first.path}" if first.program else first.path
    return OpenWriters(
        session=where.session.shown,
        count=len(found.written),
        first=who,
        consequence=consequence,
        writers=[{"path": w.path, "program": w.program, "pid": w.pid} for w in list(found.written.values())[:NAMED]],
    )


def _check_way(found: Any, by: Protection, where: Place) -> None:
    """Raise what makes a seal impossible, before anything is changed."""
    if found.mounts:
        raise NotAdoptable(
            folder=(where.raw / found.mounts[0]).shown,
            by="whoever mounts file systems (another file system is mounted there)",
            next_step="unmount it, or move its files into raw",
        )
    if found.unreadable:
        raise NotAllowed(
            what=f"{len(found.unreadable)} file(s) or folder(s) in raw cannot be read by you, the first is "
            f"“{found.unreadable[0].shown}”: ask their owner or an administrator",
            unreadable=[p.shown for p in found.unreadable[:NAMED]],
        )
    if by is Protection.READ_ONLY and found.foreign:
        raise NotAllowed(
            what=f"{len(found.foreign)} entries in raw belong to somebody else, so you cannot protect them, the first "
            f"is “{found.foreign[0].shown}”: ask an administrator to seal this session",
            foreign=[p.shown for p in found.foreign[:NAMED]],
        )


def _record(
    store: Store, actor: Actor, wanted: SealSession, where: Place, by: Protection, found: Any
) -> Generator[Progress, None, None]:
    """Hash, write the manifest, look once more, and write the seal."""
    looked = store.sealing.look(where.raw, by)
    hashed = yield from _hash(store, where.session, where.raw, looked.files, remember=True)
    broken = [h for h in hashed if h.error]
    if broken:
        raise StorageError(what=f"reading “{broken[0].path.shown}” for its checksum", why=broken[0].error)
    yield Progress("recording", 0, 0)
    manifest = store.sealing.write_manifest(where.session, where.raw.name, hashed, looked.links)
    yield from _metadata(store, where, [h.path for h in hashed])
    yield Progress("checking", 0, found.files)
    _look_once_more(store, where, by, hashed)
    now = datetime.now(UTC)
    undo = store.site.seal.undo_minutes
    writers = "overridden" if found.written else "none" if found.writers_checked == "checked" else found.writers_checked
    record = {
        "by": actor.person.uid,
        "login": actor.person.login,
        "on_behalf_of": actor.on_behalf_of,
        "at": now.isoformat(),
        "files": len(hashed),
        "bytes": sum(h.size_bytes for h in hashed),
        "note": wanted.note,
        "undo_until": (now + timedelta(minutes=undo)).isoformat() if undo else "",
        "writers": writers,
        "protection": by.value,
        "manifest_sha256": manifest,
    }
    store.write_record(where.session, SEAL, record)
    store.sealing.freeze_records(where.session, by)
    store.sealing.forget_record(where.session, JOURNAL)


def _hash(
    store: Store, session: TreePath, folder: TreePath, files: Mapping[TreePath, tuple[int, int]], *, remember: bool
) -> Generator[Progress, None, Any]:
    yield Progress("hashing", 0, sum(size for size, _ in files.values()), unit="bytes")
    steps = store.sealing.hash(session, folder, files, remember=remember)
    try:
        while True:
            done, total, _ = next(steps)
            yield Progress("hashing", done, total, unit="bytes")
    except StopIteration as end:
        return end.value
    finally:
        steps.close()


def _metadata(store: Store, where: Place, paths: list[TreePath]) -> Generator[Progress, None, None]:
    """Keep what instruments wrote, as far as it can be read in a short while: never a reason for a seal to fail."""
    rows = []
    end = time.monotonic() + METADATA_S
    for path in _spread(sorted(paths), METADATA_FILES):
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
    store.sealing.write_metadata(where.session, rows)


def _spread(paths: list[TreePath], most: int) -> list[TreePath]:
    step = max(1, len(paths) // most)
    return paths[::step][:most]


def _look_once_more(store: Store, where: Place, by: Protection, hashed: Any) -> None:
    """Every entry is protected, has no name elsewhere, and is what was hashed."""
    looked = store.sealing.look(where.raw, by)
    if looked.bare or looked.elsewhere:
        first = (looked.bare or looked.elsewhere)[0].shown or where.raw.name
        raise StorageError(
            what=f"sealing {where.session.shown}", why=f"“{first}” could still be changed; please seal again"
        )
    then = {h.path: (h.size_bytes, h.modified_ns) for h in hashed}
    if looked.files != then:
        odd = min(set(looked.files.items()) ^ set(then.items()))[0]
        raise StorageError(
            what=f"sealing {where.session.shown}", why=f"“{odd.shown}” changed while it was sealed; please seal again"
        )


def _protect_again(
    store: Store, actor: Actor, wanted: SealSession, where: Place, seal: Seal, by: Protection
) -> Generator[Progress, None, None]:
    """A seal whose protection was lost (a restored backup): verify, then protect again; who sealed, and when, stays."""
    yield from _quiet(store, where, wanted, by)
    report, hashed = yield from _compared(store, where, where.raw, seal)
    if report.differs:
        raise mismatch(where.session.shown, report)
    store.sealing.adopt(where.raw, change=True)
    now = datetime.now(UTC).isoformat()
    store.write_record(where.session, JOURNAL, {"by": actor.person.uid, "at": now, "again": True})
    for done in store.sealing.protect(where.raw, by, frozenset()):
        yield Progress("protecting", done, seal.files)
    _look_once_more(store, where, by, hashed)
    record = store.read_record(where.session, SEAL) or {}
    store.sealing.thaw_record(where.session, SEAL)
    again = {"by": actor.person.uid, "at": now}
    store.write_record(where.session, SEAL, {**record, "protection": by.value, "protected_again": again})
    store.sealing.freeze_records(where.session, by)
    store.sealing.forget_record(where.session, JOURNAL)


# undo and unseal -----------------------------------------------------------------------------------------------------


def check_undo(store: Store, actor: Actor, wanted: UndoSeal) -> None:
    """Whether the seal can be undone by this person now."""
    where = _where(store, wanted)
    state, _, seal = read_state(store, where.session)
    shown = where.session.shown
    if _unsealing(store, where):
        return  # it goes on
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
    return (yield from _unseal(store, actor, _where(store, wanted)))


def check_unseal(store: Store, actor: Actor, wanted: UnsealSession) -> None:
    """Whether there is something to unseal, and a reason."""
    where = _where(store, wanted)
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
    return (yield from _unseal(store, actor, _where(store, wanted)))


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


# verify --------------------------------------------------------------------------------------------------------------


def check_verify(store: Store, actor: Actor, wanted: VerifySession) -> None:
    """Whether there is a manifest to compare with, and the folder is one of raw."""
    where = _where(store, wanted)
    if recorded_seal(store, where.session) is None:
        state, _, _ = read_state(store, where.session)
        raise NotSealed(session=where.session.shown, state=state, consequence="there are no checksums to compare with")
    folder = _verified_folder(where, wanted)
    if folder != where.raw and store.stat(folder).kind is not EntryKind.FOLDER:
        raise Invalid(what=f"“{folder.shown}” is no folder in raw")


def _verified_folder(where: Place, wanted: VerifySession) -> TreePath:
    """The folder to verify: raw, or one in it, given from raw or from the session or from the root."""
    given = TreePath.parse(wanted.folder, wanted.folder_b64)
    if not given:
        return where.raw
    for whole in (given, where.session / given, where.raw / given):
        if whole.below(where.raw):
            return whole
    return where.raw / given


def verify_session(store: Store, actor: Actor, wanted: VerifySession) -> Generator[Progress, None, VerifyReport]:
    """Hash the raw files again and name each one that is missing, changed or new."""
    where = _where(store, wanted)
    folder = _verified_folder(where, wanted)
    _, protection, seal = read_state(store, where.session)
    seal = seal or recorded_seal(store, where.session)
    report, _ = yield from _compared(store, where, folder, seal)
    if report.differs:
        raise mismatch(folder.shown, report)
    warnings = []
    if report.bare:
        warnings.append(
            f"nothing has changed, but “{report.bare[0].shown}” is not protected any more; seal again to protect it"
        )
    return VerifyReport(
        project=where.project.shown,
        session=TreePath(where.session.name).shown,
        folder=folder.shown,
        files=report.files,
        bytes=report.bytes,
        protection=protection,
        sealed_at=seal.at if seal else None,
        verified_at=datetime.now(UTC),
        manifest_sha256=report.manifest_sha256,
        warnings=tuple(warnings),
    )


def _compared(
    store: Store, where: Place, folder: TreePath, seal: Seal | None
) -> Generator[Progress, None, tuple[Comparison, Any]]:
    """Hash a folder and hold it against the manifest, and the manifest against the seal."""
    recorded, manifest_sha256 = store.sealing.read_manifest(where.session)
    yield Progress("looking", 0, 0)
    looked = store.sealing.look(folder, seal_protection(store, where.session))
    hashed = yield from _hash(store, where.session, folder, looked.files, remember=False)
    prefix = TreePath(folder[len(where.session) + 1 :])
    found = compare(recorded, hashed, prefix, manifest_sha256)
    compare_links(found, store.sealing.read_links(where.session), looked.links, prefix)
    found.unreadable += [prefix / path for path in looked.unreadable]
    found.bare = [prefix / path if path else prefix for path in looked.bare]
    if seal is not None and manifest_sha256 != seal.manifest_sha256:
        found.changed.insert(0, TreePath(MANIFEST))
    return found, hashed
