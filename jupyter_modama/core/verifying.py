"""Proving that nothing changed: files as they are, held against the manifest of the seal."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import Invalid, ManifestMismatch, ModamaError, NotSealed
from jupyter_modama.core.layout import RECORDS, Place
from jupyter_modama.core.model import Actor, EntryKind, Progress, Seal, VerifyReport
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.seal_state import (
    entries_checksum,
    read_state,
    recorded_seal,
    seal_protection,
    session_asked_for,
)
from jupyter_modama.core.verified import SAME, note_verified

NAMED = 1000
OWN_WORD = "this was read with your own rights and is not written down for others, for whom the site reads at night"
MANIFEST = "manifest-sha256.txt"
ENTRIES = f"{RECORDS}/manifest.jsonl"


@dataclass(slots=True)
class Comparison:
    """Paths from the session's folder; `moved` says which new file has the content of which missing one."""

    files: int = 0
    bytes: int = 0
    manifest_sha256: str = ""
    missing: list[TreePath] = field(default_factory=list)
    changed: list[TreePath] = field(default_factory=list)
    new: list[TreePath] = field(default_factory=list)
    unreadable: list[TreePath] = field(default_factory=list)
    missing_folders: list[TreePath] = field(default_factory=list)
    new_folders: list[TreePath] = field(default_factory=list)
    moved: dict[TreePath, TreePath] = field(default_factory=dict)
    bare: list[TreePath] = field(default_factory=list)  # unchanged, yet not protected any more

    @property
    def differs(self) -> bool:
        files = self.missing or self.changed or self.new or self.unreadable
        return bool(files or self.missing_folders or self.new_folders)


def compare(
    recorded: Mapping[TreePath, Any], hashed: Iterable[Any], prefix: TreePath, manifest_sha256: str
) -> Comparison:
    """Hold hashed files (paths below `prefix`) against the manifest's lines below it."""
    found = Comparison(manifest_sha256=manifest_sha256)
    expected = {path: line for path, line in recorded.items() if path.below(prefix)}
    contents: dict[str, TreePath] = {}
    for file in hashed:
        path = prefix / file.path
        found.files += 1
        found.bytes += file.size_bytes
        line = expected.pop(path, None)
        if file.error:
            found.unreadable.append(path)
        elif line is None:
            found.new.append(path)
            contents[file.sha256] = path
        elif line.sha256 != file.sha256:
            found.changed.append(path)
    found.missing = sorted(expected)
    found.moved = {path: contents[line.sha256] for path, line in expected.items() if line.sha256 in contents}
    for paths in (found.changed, found.new, found.unreadable):
        paths.sort()
    return found


def compare_links(
    found: Comparison, recorded: Mapping[TreePath, str], now: Mapping[TreePath, str], prefix: TreePath
) -> None:
    """Add to a comparison what became of symbolic links: they have no checksum, and where they point to counts."""
    there = {prefix / path: target for path, target in now.items()}
    then = {path: target for path, target in recorded.items() if path.below(prefix)}
    found.missing += sorted(then.keys() - there.keys())
    found.new += sorted(there.keys() - then.keys())
    found.changed += sorted(path for path in then.keys() & there.keys() if then[path] != there[path])


def compare_folders(found: Comparison, recorded: Iterable[TreePath], now: Iterable[TreePath], prefix: TreePath) -> None:
    """Add to a comparison the folders that no file or link says anything of: empty ones that came or went."""
    there = {prefix / path if path else prefix for path in now}
    then = {path for path in recorded if path.below(prefix)}
    found.missing_folders = _lowest(then - there, found.missing)
    found.new_folders = _lowest(there - then, found.new)


def _lowest(folders: set[TreePath], named: Iterable[TreePath]) -> list[TreePath]:
    """The folders below which nothing is named."""
    above: set[TreePath] = set()
    for path in (*folders, *named):
        while path and (path := path.parent) not in above:
            above.add(path)
    return sorted(folders - above)


def mismatch(what: str, found: Comparison) -> ManifestMismatch:
    """The error that names every difference, up to a thousand of each kind; folders end with a slash."""
    kinds = {
        "missing": [*found.missing, *(TreePath(f"{path}/") for path in found.missing_folders)],
        "changed": found.changed,
        "new": [*found.new, *(TreePath(f"{path}/") for path in found.new_folders)],
        "unreadable": found.unreadable,
    }
    named = {kind: [path.shown for path in paths[:NAMED]] for kind, paths in kinds.items()}
    counts = {f"count_{kind}": len(paths) for kind, paths in kinds.items()}
    moved = [{"from": old.shown, "to": new.shown} for old, new in list(found.moved.items())[:NAMED]]
    return ManifestMismatch(session=what, files=found.files, moved=moved, **named, **counts)


# the operation -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerifySession:
    project: str
    session: str
    folder: str = ""
    folder_b64: str = ""
    path_b64: str = ""


def check_verify(store: Store, actor: Actor, wanted: VerifySession) -> None:
    """Whether there is a manifest to compare with, and the folder is one of raw."""
    where = session_asked_for(store, wanted)
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
    where = session_asked_for(store, wanted)
    folder = _verified_folder(where, wanted)
    _, protection, seal = read_state(store, where.session)
    seal = seal or recorded_seal(store, where.session)
    report, _, _ = yield from compared(store, where, folder, seal)
    if report.differs:
        raise mismatch(folder.shown, report)
    warnings = []
    remark = ""
    if folder == where.raw and not report.bare:
        try:
            note_verified(store, where.session, SAME, "", {"files": report.files, "bytes": report.bytes})
        except ModamaError:  # a person's own process: what that says is worth that person's word
            remark = OWN_WORD
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
        remark=remark,
    )


def compared(
    store: Store, where: Place, folder: TreePath, seal: Seal | None, *, share: float = 1.0
) -> Generator[Progress, None, tuple[Comparison, Any, Any]]:
    """Hash a folder and hold it against the manifest, and the manifest and the entries against the seal.

    Answers what was hashed, and what was looked at, too. `share`: the part of the time in which files are read.
    """
    recorded = store.proof.read_manifest(where.session)
    yield Progress("looking", 0, 0)
    looked = store.sealing.look(folder, seal_protection(store, where.session))
    hashed = yield from hashed_files(store, where.session, folder, looked.files, remember=False, share=share)
    prefix = TreePath(folder[len(where.session) + 1 :])
    found = compare(recorded.lines, hashed, prefix, recorded.sha256)
    entries_sha256 = entries_checksum(store, where.session)
    if entries_sha256 and recorded.entries_sha256 != entries_sha256:
        found.changed.insert(0, TreePath(ENTRIES))  # what it says of links and folders is worth nothing then
    else:
        compare_links(found, recorded.entries.links, looked.links, prefix)
        if recorded.entries.folders:
            compare_folders(found, recorded.entries.folders, looked.folders, prefix)
    found.unreadable += [prefix / path for path in looked.unreadable]
    found.bare = [prefix / path if path else prefix for path in looked.bare]
    if seal is not None and recorded.sha256 != seal.manifest_sha256:
        found.changed.insert(0, TreePath(MANIFEST))
    return found, hashed, looked


def hashed_files(
    store: Store,
    session: TreePath,
    folder: TreePath,
    files: Mapping[TreePath, tuple[int, int]],
    *,
    remember: bool,
    share: float = 1.0,
) -> Generator[Progress, None, Any]:
    yield Progress("hashing", 0, sum(size for size, _ in files.values()), unit="bytes")
    steps = store.sealing.hash(session, folder, files, remember=remember, share=share)
    try:
        while True:
            done, total, _ = next(steps)
            yield Progress("hashing", done, total, unit="bytes")
    except StopIteration as end:
        return end.value
    finally:
        steps.close()
