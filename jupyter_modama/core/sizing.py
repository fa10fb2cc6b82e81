"""Counting the site: size and growth of each project, which sessions are quiet, whose owners are gone.

What it finds is kept by `store.sizes`, which may be lost. Owners of quiet sessions are told, once a period.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_modama.core.errors import ModamaError, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.ids import uuid_of
from jupyter_modama.core.layout import area_of, place
from jupyter_modama.core.model import Actor, PersonKind, Progress, SessionState, Summary
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import project_paths, session_names
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.requests import RECORD as UNSEAL_REQUEST
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.telling import tell

PATIENCE_S = 1.0
MOST_NAMED = 100
SETTLED = (SessionState.SEALED, SessionState.SEALED_BARE, SessionState.SEALING)


@frozen
class CountSite:
    area: str = ""


@frozen
class SiteCount:
    """How many `projects` were counted; which could not be."""

    projects: int = 0
    problems: tuple[str, ...] = ()
    sentence: str = ""


@dataclass(slots=True)
class _Sessions:
    sessions: int = 0
    unsealed: int = 0
    requests: int = 0


def check_count(store: Store, actor: Actor, wanted: CountSite) -> None:
    """Nothing can be said beforehand."""


def count_site(store: Store, actor: Actor, wanted: CountSite) -> Generator[Progress, None, SiteCount]:
    """Count how large all projects are, and which sessions are quiet; those that were counted longest ago first."""
    now, problems, counted = now_utc(), [], 0
    known = store.sizes.looked_at()
    paths = sorted(project_paths(store, wanted.area), key=lambda path: (known.get(path, ""), path))
    for number, path in enumerate(paths):
        yield Progress("counting", number, len(paths), "projects", path.shown)
        try:
            yield from _one(store, path, now)
            counted += 1
        except ModamaError as error:
            problems.append(f"{path.shown}: {printable(str(error))}")
    _note_disk(store, now)
    if not wanted.area:
        store.sizes.forget_others(set(paths), now)
    named = (*problems[:MOST_NAMED], *(["and more"] if len(problems) > MOST_NAMED else []))
    said = f"{counted:,} project{'' if counted == 1 else 's'} counted"
    return SiteCount(counted, named, f"{said}; {len(problems):,} could not be." if problems else f"{said}.")


def now_utc() -> datetime:
    return datetime.now(UTC)


def _note_disk(store: Store, now: datetime) -> None:
    total, free = store.total_bytes(TreePath("")), store.free_bytes(TreePath(""))[0]
    if total >= 0 and free >= 0:
        store.sizes.note_disk(now, total - free, total)


def _one(store: Store, path: TreePath, now: datetime) -> Generator[Progress, None, None]:
    summary = yield from _counted(store, path)
    owners = store.owner_uids(path) or (store.stat(path).uid,)
    told = [uid for uid in owners if store.person(uid).kind is not PersonKind.UNKNOWN]
    found, quiet = _Sessions(), []
    area = area_of(store.site, path)
    for session in session_names(store, path, area) if area else ():
        row = yield from _session(store, session, found, now)
        if row:
            quiet.append(row)
            remind(store, row, told, now)
    store.sizes.note(
        path,
        now,
        id=uuid_of(store, path, "project") or path.shown,
        words=" ".join(store.person(uid).login for uid in owners),
        owners=owners,
        owners_gone=len(owners) - len(told),
        size_bytes=summary.bytes,
        files=summary.files,
        counted_at=summary.counted_at or now,
        sessions=found.sessions,
        unsealed=found.unsealed,
        requests=found.requests,
        quiet=quiet,
    )


def _counted(store: Store, path: TreePath) -> Generator[Progress, None, Summary]:
    """The counts of a folder, however long they take."""
    while not (summary := store.summary(path, PATIENCE_S)).complete:
        yield Progress("counting", summary.files, 0, "files", path.shown)
    return summary


def _session(
    store: Store, session: TreePath, found: _Sessions, now: datetime
) -> Generator[Progress, None, dict[str, Any] | None]:
    """Add a session to the counts; answers what is known of it where it is quiet."""
    found.sessions += 1
    state = read_state(store, session)[0]
    record, _ = record_or_warning(store, session, UNSEAL_REQUEST)
    found.requests += bool(record) and state is not SessionState.WRITABLE
    if state in SETTLED:
        return None
    found.unsealed += 1
    raw = place(store.site, session).raw
    days, changed = store.site.mail.quiet_days, store.stat(raw).modified
    before = now - timedelta(days=days)
    if days <= 0 or changed > before:
        return None
    summary = yield from _counted(store, raw)
    since = max(changed, summary.last_arrival or changed)
    if since > before or not summary.files:  # where nothing is, nothing is to be sealed
        return None
    return {"path": session, "since": since, "size_bytes": summary.bytes, "files": summary.files}


def remind(store: Store, row: dict[str, Any], owners: list[int], now: datetime) -> None:
    """Have owners told of a quiet session, once in each period of quiet days; where the site sends mail."""
    session, since = row["path"], row["since"]
    period = (now - since).days // store.site.mail.quiet_days
    id_ = uuid_of(store, session, "session") or session.b64 or session.shown
    facts = {
        "project": session.parent.shown,
        "session": TreePath(session.name).shown,
        "path_b64": session.b64,
        "since": since.isoformat(),
        "size_bytes": row["size_bytes"],
        "files": row["files"],
    }
    for uid in owners:
        tell(store, f"quiet {id_} {since:%Y%m%d%H%M%S} {period} {uid}", uid, "quiet", facts)
