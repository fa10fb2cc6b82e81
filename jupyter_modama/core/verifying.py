"""Proving that nothing changed: files as they are, held against the manifest of the seal."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from jupyter_modama.core.errors import Invalid, ManifestMismatch, ModamaError, NotSealed
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS, Place
from jupyter_modama.core.model import Actor, EntryKind, Progress, Seal, VerifyReport
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.rows import Rows, below, joined, path_of
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


class Named:
    """The first thousand of many paths, and how many there are."""

    def __init__(self) -> None:
        self.first: list[TreePath] = []
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def add(self, path: TreePath) -> None:
        self.count += 1
        if len(self.first) < NAMED:
            self.first.append(path)

    def put_first(self, path: TreePath) -> None:
        self.count += 1
        self.first = [path, *self.first[: NAMED - 1]]


class Comparison:
    """Paths from the session's folder; `moved` says which new file has the content of which missing one.

    What is held against the records lies below `prefix`; of all lists only the first rows are in memory.
    """

    def __init__(self, prefix: TreePath, rows: Callable[[], Rows]) -> None:
        self.prefix, self._rows = prefix, rows
        self.files = self.bytes = 0
        self.manifest_sha256 = ""
        self.missing, self.changed, self.new, self.unreadable = Named(), Named(), Named(), Named()
        self.missing_folders, self.new_folders = Named(), Named()
        self.moved: dict[TreePath, TreePath] = {}
        self.bare: list[TreePath] = []  # unchanged, yet not protected any more
        self._gone, self._come = rows(), rows()

    @property
    def differs(self) -> bool:
        files = self.missing or self.changed or self.new or self.unreadable
        return bool(files or self.missing_folders or self.new_folders)

    def hold_files(self, recorded: Iterable[bytes], hashed: Any) -> None:
        """Hold hashed files against the lines of the manifest; both have paths below the prefix."""
        self.files, self.bytes = len(hashed), hashed.size_bytes
        old, new = self._rows(), self._rows()
        for path, then, now in joined(recorded, hashed.sums()):
            if now == b"":
                self.unreadable.add(self._whole(path))
            elif then is None and now is not None:
                self._is_new(path)
                new.put(now + b"\0" + path)
            elif now is None and then is not None:
                self._is_missing(path)
                old.put(then + b"\0" + path)
            elif then != now:
                self.changed.add(self._whole(path))
        moved = heapq.nsmallest(NAMED, _same_content(old, new))
        self.moved = {self._whole(path): self._whole(to) for path, to in moved}

    def hold_links(self, recorded: Iterable[bytes], now: Iterable[bytes]) -> None:
        """Hold symbolic links against the entries: they have no checksum, and where they point to counts."""
        for path, then, target in joined(recorded, now):
            if then is None:
                self._is_new(path)
            elif target is None:
                self._is_missing(path)
            elif then != target:
                self.changed.add(self._whole(path))

    def hold_folders(self, recorded: Iterable[bytes], now: Iterable[bytes]) -> None:
        """Name the folders that no file or link says anything of: empty ones that came or went. Comes last."""
        for path, then, there in joined(recorded, now):
            if then is None:
                self._come.put(_tree(self._whole(path)) + b"\0")
            elif there is None:
                self._gone.put(_tree(self._whole(path)) + b"\0")
        for rows, found in ((self._gone, self.missing_folders), (self._come, self.new_folders)):
            for folder in _lowest(rows):
                found.add(folder)

    def _is_new(self, path: bytes) -> None:
        self.new.add(self._whole(path))
        self._come.put(_tree(self._whole(path)))

    def _is_missing(self, path: bytes) -> None:
        self.missing.add(self._whole(path))
        self._gone.put(_tree(self._whole(path)))

    def _whole(self, path: bytes) -> TreePath:
        inner = path.decode("utf-8", "surrogateescape")
        return self.prefix / inner if inner else self.prefix


def _same_content(old: Iterable[bytes], new: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Missing paths and new ones with the same content, from rows that begin with the checksum."""
    news = iter(new)
    there = next(news, None)
    for row in old:
        sha256, _, path = row.partition(b"\0")
        while there is not None and there.partition(b"\0")[0] < sha256:
            there = next(news, None)
        if there is None:
            return
        same, _, to = there.partition(b"\0")
        if same == sha256:
            yield path, to


def _tree(path: TreePath) -> bytes:
    """A path so that what lies below a folder follows the folder at once; a folder has one NUL more at its end."""
    return path.encode("utf-8", "surrogateescape").replace(b"/", b"\0") + b"\0"


def _lowest(rows: Iterable[bytes]) -> Iterator[TreePath]:
    """The folders below which nothing is named."""
    last = None
    for row in rows:
        if last is not None and not row.startswith(last):
            yield _path(last)
        last = row[:-1] if row.endswith(b"\0\0") else None
    if last is not None:
        yield _path(last)


def _path(tree: bytes) -> TreePath:
    return TreePath(tree[:-1].replace(b"\0", b"/").decode("utf-8", "surrogateescape"))


def mismatch(what: str, found: Comparison) -> ManifestMismatch:
    """The error that names every difference, up to a thousand of each kind; folders end with a slash."""
    kinds = {
        "missing": (found.missing, found.missing_folders),
        "changed": (found.changed, Named()),
        "new": (found.new, found.new_folders),
        "unreadable": (found.unreadable, Named()),
    }
    named = {
        kind: [*(path.shown for path in paths.first), *(f"{path.shown}/" for path in folders.first)][:NAMED]
        for kind, (paths, folders) in kinds.items()
    }
    counts = {f"count_{kind}": len(paths) + len(folders) for kind, (paths, folders) in kinds.items()}
    moved = [{"from": old.shown, "to": new.shown} for old, new in found.moved.items()]
    return ManifestMismatch(session=what, files=found.files, moved=moved, **named, **counts)


def first_changed(hashed: Any, looked: Any, again: Any) -> TreePath | None:
    """The first entry that is not what was hashed or looked at, None where all are."""
    pairs = ((hashed.seen(), again.files), (looked.links, again.links), (looked.folders, again.folders))
    odd = (_first_odd(then, now) for then, now in pairs)
    return min((path for path in odd if path is not None), default=None)


def _first_odd(then: Iterable[bytes], now: Iterable[bytes]) -> TreePath | None:
    for old, new in zip_longest(then, now):
        if old != new:
            return min(path_of(row) for row in (old, new) if row is not None)
    return None


# the operation -------------------------------------------------------------------------------------------------------


@frozen
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
    found = Comparison(prefix, store.sealing.rows)
    found.manifest_sha256 = recorded.sha256
    found.hold_files(below(recorded.lines, prefix), hashed)
    entries_sha256 = entries_checksum(store, where.session)
    if entries_sha256 and recorded.entries_sha256 != entries_sha256:
        found.changed.put_first(TreePath(ENTRIES))  # what it says of links and folders is worth nothing then
    else:
        found.hold_links(below(recorded.links, prefix), looked.links)
        if recorded.folders:
            found.hold_folders(below(recorded.folders, prefix), looked.folders)
    for path in looked.unreadable:
        found.unreadable.add(prefix / path)
    found.bare = [prefix / path if path else prefix for path in looked.bare]
    if seal is not None and recorded.sha256 != seal.manifest_sha256:
        found.changed.put_first(TreePath(MANIFEST))
    return found, hashed, looked


def hashed_files(
    store: Store,
    session: TreePath,
    folder: TreePath,
    files: Any,
    *,
    remember: bool,
    share: float = 1.0,
) -> Generator[Progress, None, Any]:
    yield Progress("hashing", 0, files.size_bytes, unit="bytes")
    steps = store.sealing.hash(session, folder, files, remember=remember, share=share)
    try:
        while True:
            done, total, _ = next(steps)
            yield Progress("hashing", done, total, unit="bytes")
    except StopIteration as end:
        return end.value
    finally:
        steps.close()
