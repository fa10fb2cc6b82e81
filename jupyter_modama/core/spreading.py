"""What lies behind a project's gate: looked at, explained in sentences, and made to grant what the gate says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from jupyter_modama.core.doubted import RecordsFound, look_at_records, renew_records
from jupyter_modama.core.errors import NotAllowed, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.ids import renew_doubles
from jupyter_modama.core.layout import project_place
from jupyter_modama.core.model import Actor, Progress, Role, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import session_names
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import read_state

SENTENCES = {
    "no-list": "lost the project's list of members, as after “cp -a” or after moving something here from elsewhere",
    "masked": "are closed to other members, as after “cp”, “tar”, a program that saves privately, or chmod",
    "opened": "are open to more people than the project, as after “rsync -a” or chmod",
    "other-names": "name other people than the project's members",
    "not-sticky": "let every member delete what belongs to others (the sticky bit is missing)",
    "not-passed-on": "do not pass the members on to what is made in them",
    "other-group": "belong to another group than the project",
    "own-folder": "belong to whoever made them, who may delete in them what belongs to others",
    "unknown-owner": "belong to an account that is gone",
    "hard-link": "have a second name (hard link), perhaps outside the project, and are left alone",
    "special": "are pipes, sockets or devices, which are left alone",
    "mount": "are other file systems mounted here, which are left alone",
    "unreadable": "could not be looked at",
}


@frozen
class CheckProject:
    project: str
    path_b64: str = ""


@frozen
class RepairProject:
    project: str
    path_b64: str = ""


@frozen
class DriftFound:
    """One kind of difference: how many entries, some of them, and of how many it could not be mended."""

    code: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()
    mendable: bool = True
    left: int = 0


@frozen
class DriftReport:
    """What was found in a project; `mended` counts entries, and is 0 where it was only looked."""

    project: str
    files: int
    folders: int
    sealed: int
    mended: int
    found: tuple[DriftFound, ...] = ()
    sentence: str = ""


def spread(store: Store, path: TreePath, gate: Gate) -> Generator[Progress, None, Any]:
    """Have all folders and files of a project grant what its gate says."""
    return (yield from _pass(store, path, gate, mend=True, report=False))


def _pass(store: Store, path: TreePath, gate: Gate, *, mend: bool, report: bool) -> Generator[Progress, None, Any]:
    spare = _protected(store, path)
    steps = store.gates.go_through(path, gate, spare, mend=mend, report=report)
    try:
        while True:
            yield Progress("rights", next(steps), 0, "entries")
    except StopIteration as end:
        return end.value
    finally:
        steps.close()


def _protected(store: Store, path: TreePath) -> tuple[TreePath, ...]:
    """The raw folders of a project that are not to be changed, as paths below it."""
    area = project_place(store.site, path).layout
    raw = area.layout.rsplit("/", 1)[-1]
    found = []
    for session in session_names(store, path, area):
        with suppress(NotFound, NotAllowed):
            if read_state(store, session)[0] is not SessionState.WRITABLE:
                found.append(TreePath(f"{session.name}/{raw}"))
    return tuple(found)


def check_drift(store: Store, actor: Actor, wanted: CheckProject | RepairProject) -> None:
    """Whether there is such a project, before a job begins.

    Raises: NotFound, NotAllowed.
    """
    path = TreePath.parse(wanted.project, wanted.path_b64)
    project_place(store.site, path)
    store.gates.read(path)


def check_project(store: Store, actor: Actor, wanted: CheckProject) -> Generator[Progress, None, DriftReport]:
    """Look for files and folders that do not grant what the project says; nothing is changed."""
    path = TreePath.parse(wanted.project, wanted.path_b64)
    records = look_at_records(store, path)
    return with_records((yield from reported(store, path, mend=False)), records)


def repair_project(store: Store, actor: Actor, wanted: RepairProject) -> Generator[Progress, None, DriftReport]:
    """Have all files and folders of a project grant what the project says."""
    path = TreePath.parse(wanted.project, wanted.path_b64)
    records = renew_records(store, path, aside=role_at(store, actor, path) >= Role.OWNER)
    with store.members_locked(path):
        found = yield from reported(store, path, mend=True)
        report = with_records(with_new_ids(found, renew_doubles(store, path)), records)
        record, _ = record_or_warning(store, path, "members")
        if record.get("spreading"):
            store.write_record(path, "members", {**record, "spreading": False})
        return report


def with_new_ids(report: DriftReport, renewed: tuple[TreePath, ...]) -> DriftReport:
    """The report, with the copies of projects and sessions that got ids of their own."""
    if not renewed:
        return report
    count = len(renewed)
    told = (
        f"{count:,} copies of projects or sessions got ids" if count > 1 else "1 copy of a project or session got an id"
    )
    row = DriftFound("double-id", f"{told} of their own", count, tuple(path.shown for path in renewed[:5]))
    return replace(report, found=(*report.found, row), sentence=f"{report.sentence} {row.sentence}.")


def with_records(report: DriftReport, records: RecordsFound) -> DriftReport:
    """The report, with the records that others could write."""
    for code, paths, told in records.rows:
        sentence = f"{counted(len(paths), 'record', 'records')} of the project or its sessions {told}"
        row = DriftFound(code, sentence, len(paths), tuple(path.shown for path in paths[:5]))
        report = replace(report, found=(*report.found, row), sentence=f"{report.sentence} {row.sentence}.")
    return report


def reported(
    store: Store, path: TreePath, *, mend: bool, even_alone: bool = False
) -> Generator[Progress, None, DriftReport]:
    """Look or mend, and say what was found; `even_alone`: also where nobody but its owner is let in any more."""
    gate = store.gates.read(path)
    if not even_alone and not is_kept(store, path, gate):
        alone = "Nobody else was let into this project here, so that there is nothing to compare."
        return DriftReport(path.shown, 0, 0, 0, 0, sentence=alone)
    found = yield from _pass(store, path, gate, mend=mend, report=True)
    rows = tuple(
        DriftFound(
            code=str(drift),
            sentence=drift_sentence(str(drift), count),
            count=count,
            examples=tuple((path / each).shown for each in found.examples.get(drift, ())),
            mendable=drift in found.mendable,
            left=found.left.get(drift, 0),
        )
        for drift, count in sorted(found.counts.items(), key=lambda item: -item[1])
    )
    sentence = _sentence(rows, found.mended, mend)
    return DriftReport(path.shown, found.files, found.folders, found.sealed, found.mended, rows, sentence)


def is_kept(store: Store, path: TreePath, gate: Gate) -> bool:
    """Whether a project lets anybody in beside its owner, and that was said here and not by hand."""
    if project_place(store.site, path).layout.members == "group":
        return True
    if not gate.is_shared:
        return False
    if record_or_warning(store, path, "members")[0]:
        return True
    mine = store.stat(path).uid
    return bool(store.owner_uids(path)) and any(uid != mine for uid in gate.people)


def mend_part(store: Store, project: TreePath, folder: TreePath) -> Generator[Progress, None, None]:
    """Have what lies in one folder of a project grant what its gate says, where it has one that is kept."""
    gate = store.gates.read(project)
    if not is_kept(store, project, gate):
        return
    steps = store.gates.go_through(folder, gate, (), mend=True, report=False)
    try:
        for seen in steps:
            yield Progress("rights", seen, 0, "entries")
    finally:
        steps.close()


# What differs where it stands in the singular: the first words, and the rest.
_ONE = (
    ("are pipes, sockets or devices, which are left", "is a pipe, socket or device, which is left"),
    ("are other file systems mounted here, which are left", "is another file system mounted here, which is left"),
    ("belong to whoever made them, who may delete in them", "belongs to whoever made it, who may delete in it"),
    ("do not pass the members on to what is made in them", "does not pass the members on to what is made in it"),
    ("project, and are left alone", "project, and is left alone"),
    ("have ", "has "),
    ("are ", "is "),
    ("name ", "names "),
    ("let ", "lets "),
    ("belong ", "belongs "),
)


def drift_sentence(code: str, count: int) -> str:
    """How many entries differ in one way, and how."""
    told = SENTENCES[code]
    if count != 1:
        return f"{count:,} {told}"
    for many, one in _ONE:
        if told.startswith(many) or (not many.endswith(" ") and many in told):
            told = told.replace(many, one, 1)
    return f"1 {told}"


def counted(count: int, one: str = "entry", many: str = "entries") -> str:
    return f"{count:,} {one if count == 1 else many}"


def _sentence(rows: tuple[DriftFound, ...], mended: int, mend: bool) -> str:
    wrong = sum(row.count for row in rows if row.mendable)
    if not rows:
        return "Everything grants what the project says."
    if not mend:
        return (
            f"{counted(wrong)} {'does' if wrong == 1 else 'do'} not grant what the project says; “repair” mends that."
            if wrong
            else "Everything grants what the project says; see what was noticed beside that."
        )
    left = sum(row.left for row in rows)
    told = f"{counted(mended)} {'was' if mended == 1 else 'were'} mended" if mended else "Nothing had to be mended"
    return f"{told}; {counted(left)} of others an administrator can mend." if left else f"{told}."
