"""What a seal would do, and what stands in its way: found without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_modama.core.errors import ModamaError, NotAdoptable, NotAllowed, OpenWriters
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place
from jupyter_modama.core.model import Actor, Protection, Role, SealSurvey
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import read_state, session_asked_for

NAMED = 100


@frozen
class SurveySession:
    project: str
    session: str
    path_b64: str = ""


def survey_session(store: Store, actor: Actor, wanted: SurveySession) -> SealSurvey:
    """Find out what a seal would do, without changing anything."""
    where = session_asked_for(store, wanted)
    state, _, _ = read_state(store, where.session)
    by = store.sealing.strongest(where.session)
    found = store.sealing.survey(where.raw)
    problem, warnings = "", []
    try:
        check_way(found, by, where)
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
        others = _entries(found.others, "is no file, folder or link", "are no files, folders or links")
        yield f"{others} (such as a socket); kept, and not hashed."
    if found.hard_links:
        yield f"{len(found.hard_links)} file(s) have a second name outside raw; raw gets copies of its own."


def _entries(count: int, one: str, many: str) -> str:
    return f"1 entry {one}" if count == 1 else f"{count:,} entries {many}"


def open_writers(where: Place, found: Any, consequence: str) -> OpenWriters:
    first = next(iter(found.written.values()))
    who = f"{first.program} (process {first.pid}) writes {first.path}" if first.program else first.path
    return OpenWriters(
        session=where.session.shown,
        count=len(found.written),
        first=who,
        consequence=consequence,
        writers=[{"path": w.path, "program": w.program, "pid": w.pid} for w in list(found.written.values())[:NAMED]],
    )


def check_way(found: Any, by: Protection, where: Place) -> None:
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
            what=f"{_entries(len(found.foreign), 'in raw belongs', 'in raw belong')} to somebody else, so you cannot "
            f"protect all of raw, the first is “{found.foreign[0].shown}”: ask an administrator to seal this session",
            foreign=[p.shown for p in found.foreign[:NAMED]],
        )
