"""A store in memory: the same answers as a disk, for tests of what the core decides.

Rights are those of the kernel in little: owner, group of the same number and others, by mode bits; uid 0 may
everything. `seen_by` looks at the same tree as somebody else.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import (
    AlreadyExists,
    Conflict,
    CursorExpired,
    NotAllowed,
    NotEmpty,
    NotFound,
    RecordCorrupt,
    SealingInProgress,
)
from jupyter_modama.core.layout import RECORDS, is_records, place
from jupyter_modama.core.model import EntryKind, FormatCount, Person, Site, Summary
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Access, Check, Listing, Rule, Stat
from jupyter_modama.core.removal import is_own_record
from jupyter_modama.store.notices import NoticeBook
from jupyter_modama.store.path_book import DiskPathBook
from jupyter_modama.store.sizes import SizeBook
from jupyter_modama.testing.memory_books import MemoryAudit, MemoryIds, MemoryJobs, MemoryTrust, NoReaders, NoSeals
from jupyter_modama.testing.memory_gates import MemoryGates
from jupyter_modama.testing.memory_sealing import MemoryProof, MemorySealing

DEVICE = 1
READ, WRITE, ENTER = 4, 2, 1


@dataclass
class Node:
    """One file, folder or link."""

    kind: EntryKind
    uid: int
    mode: int
    inode: int
    born: datetime
    modified: datetime
    text: bytes = b""
    target: str = ""
    inner: dict[str, Node] = field(default_factory=dict)
    immutable: bool = False
    written_by: str = ""  # a program that holds it open for writing
    owners: tuple[int, ...] | None = None
    named: dict[int, int] = field(default_factory=dict)  # what people get by name, passed on to what is made below


class MemoryStore:
    """A tree of folders and files in memory, as the person `me` sees it."""

    def __init__(self, site: Site | None = None, *, me: Person | None = None, top: Node | None = None) -> None:
        self.site = site or Site(root="/memory")
        self._me = me or Person(0, "root")
        self._now = itertools.count()
        self.top = top or Node(EntryKind.FOLDER, self._me.uid, 0o755, next(self._now), self._tick(), self._tick())
        self.audit = MemoryAudit()
        self.jobs = MemoryJobs()
        self.ids = MemoryIds()
        self.readers = NoReaders()
        self.people: list[Person] = []
        self.keeps_tree = False
        self.in_groups: set[tuple[int, str]] = set()
        self.gates = MemoryGates(self)
        self.sealing = MemorySealing(self)
        self.proof = MemoryProof(self)
        self.path_seals: Any = NoSeals()
        self.record_trust = MemoryTrust()
        self.requests = DiskPathBook(None)
        self.invitations = DiskPathBook(None)
        self.checks: list[Check] = []
        self._locks: dict[TreePath, str] = {}
        self._names = threading.Lock()
        self._pinned: dict[str, tuple[TreePath, str, str, list[str], list[str]]] = {}

    def seen_by(self, person: Person) -> MemoryStore:
        """The same tree, with the rights of somebody else."""
        other = copy.copy(self)
        other._me = person
        other.gates, other.sealing, other.proof = MemoryGates(other), MemorySealing(other), MemoryProof(other)
        return other

    def close(self) -> None: ...

    def _tick(self) -> datetime:
        """A time that is later than all before, as a disk with a very fine clock has it."""
        return datetime(2026, 11, 21, tzinfo=UTC) + timedelta(microseconds=next(self._now))

    # making trees ----------------------------------------------------------------------------------------------------

    def put(self, path: str, text: bytes | None = b"", *, uid: int | None = None, mode: int | None = None) -> Node:
        """Make a file (a folder where the text is None), with the folders above it, as if a program had."""
        *above, name = path.split("/")
        folder = self.top
        for part in above:
            folder = folder.inner.get(part) or self._made(folder, part, EntryKind.FOLDER, uid, None)
        made = self._made(folder, name, EntryKind.FOLDER if text is None else EntryKind.FILE, uid, mode)
        made.text = text or b""
        return made

    def _made(self, folder: Node, name: str, kind: EntryKind, uid: int | None, mode: int | None) -> Node:
        usual = 0o755 if kind is EntryKind.FOLDER else 0o644
        uid = self._me.uid if uid is None else uid
        made = Node(kind, uid, usual if mode is None else mode, next(self._now), self._tick(), self._tick())
        made.named = dict(folder.named)
        folder.inner[name] = made
        folder.modified = self._tick()
        return made

    # who -------------------------------------------------------------------------------------------------------------

    def me(self) -> Person:
        return self._me

    def person(self, uid: int) -> Person:
        if uid == self._me.uid:
            return self._me
        return self.person_named(str(uid)) or Person(uid, "root" if uid == 0 else str(uid))

    def group(self, gid: int) -> str:
        return str(gid)

    def in_group(self, uid: int, group: str) -> bool:
        return (uid, group) in self.in_groups

    def trusted_uid(self, uid: int) -> bool:
        return uid == 0

    def owner_uids(self, project: TreePath) -> tuple[int, ...]:
        node = self._node(project)
        return node.owners or () if node.uid == 0 and node.mode & 0o1000 else ()

    def set_owners(self, project: TreePath, uids: tuple[int, ...]) -> bool:
        self._node(project).owners = uids
        return True

    def made_by(self, path: TreePath) -> int:
        return self._node(path).uid

    def find_people(self, text: str, limit: int) -> tuple[Person, ...]:
        found = (one for one in self.people if one.login.startswith(text) and one.uid >= self.site.minimum_uid)
        return tuple(itertools.islice(found, limit))

    def person_named(self, text: str) -> Person | None:
        return next((one for one in self.people if text in {one.login, str(one.uid)}), None)

    @contextmanager
    def members_locked(self, project: TreePath) -> Iterator[None]:
        with self._names:
            yield

    # looking ---------------------------------------------------------------------------------------------------------

    def _may(self, node: Node, wanted: int) -> bool:
        if wanted & WRITE and node.immutable:
            return False
        if self._me.uid == 0:
            return True
        if node.uid != self._me.uid and self._me.uid in node.named:
            return node.named[self._me.uid] & wanted == wanted
        shift = 6 if node.uid == self._me.uid else 0
        return (node.mode >> shift) & wanted == wanted

    def _node(self, path: TreePath) -> Node:
        node = self.top
        for part in path.parts:
            if node.kind is not EntryKind.FOLDER:
                raise NotFound(what=f"“{path.shown}”")
            if not self._may(node, ENTER):
                raise NotAllowed(what=f"looking at “{path.shown}” is not allowed")
            if part not in node.inner:
                raise NotFound(what=f"“{path.shown}”")
            node = node.inner[part]
        return node

    def _folder(self, path: TreePath, wanted: int) -> Node:
        node = self._node(path)
        if node.kind is not EntryKind.FOLDER:
            raise NotFound(what=f"“{path.shown}”")
        if not self._may(node, wanted):
            raise NotAllowed(what=f"using “{path.shown}” is not allowed")
        return node

    def stat(self, path: TreePath) -> Stat:
        return self._stat(path, self._node(path))

    def _stat(self, path: TreePath, node: Node) -> Stat:
        return Stat(
            path=path,
            kind=node.kind,
            size_bytes=len(node.text),
            modified=node.modified,
            changed=node.modified,
            born=node.born,
            uid=node.uid,
            gid=node.uid,
            mode=node.mode,
            nlink=1,
            inode=node.inode,
            device=DEVICE,
            immutable=node.immutable,
            target=node.target,
            writable=self._may(node, WRITE),
        )

    def children(self, path: TreePath) -> Iterator[Stat]:
        folder = self._folder(path, READ)
        for name, node in list(folder.inner.items()):
            yield self._stat(path / name, node)

    def listing(self, path: TreePath, *, start: int, limit: int, cursor: str, sort: str, filter: str) -> Listing:
        folder = self._folder(path, READ)
        hidden = {RECORDS} if is_records(self.site, path / RECORDS) else set()
        now = sorted(folder.inner)
        if cursor:
            pinned = self._pinned.get(cursor)
            if pinned is None or pinned[:3] != (path, sort, filter):
                raise CursorExpired()
            names, then = pinned[3:]
        else:
            cursor, then = secrets.token_urlsafe(9), now
            names = self._ordered(folder, [n for n in now if n not in hidden and filter.lower() in n.lower()], sort)
            self._pinned[cursor] = (path, sort, filter, names, then)
        start = min(max(start, 0), len(names))
        stats: list[Stat | tuple[TreePath, str]] = [
            self._stat(path / n, folder.inner[n]) if n in folder.inner else (path / n, "it is gone")
            for n in names[start : start + limit]
        ]
        return Listing(tuple(stats), len(names), start, cursor, now != then)

    def _ordered(self, folder: Node, names: list[str], sort: str) -> list[str]:
        def key(name: str) -> Any:
            node = folder.inner[name]
            by = {"size": len(node.text), "modified": node.modified, "type": name.rpartition(".")[2]}
            return by.get(sort.lstrip("-"), name), name

        names = sorted(names, key=key, reverse=sort.startswith("-"))
        return sorted(names, key=lambda n: folder.inner[n].kind is not EntryKind.FOLDER)

    def sort_listing(self, path: TreePath, sort: str, filter: str) -> Iterator[tuple[int, int] | str]:
        yield self.listing(path, start=0, limit=0, cursor="", sort=sort, filter=filter).cursor

    def access(self, path: TreePath, uid: int | None = None) -> Access:
        if uid is not None and uid != self._me.uid:
            return self.seen_by(self.person(uid)).access(path)
        node = self._node(path)
        return Access(*(self._may(node, wanted) for wanted in (READ, WRITE, ENTER)))

    def summary(self, path: TreePath, patience_s: float) -> Summary:
        files = [stat for stat in self._below(path) if stat.kind is EntryKind.FILE]
        formats: dict[str, list[Stat]] = {}
        for stat in files:
            formats.setdefault(stat.path.name.rpartition(".")[2].lower() if "." in stat.path.name else "", []).append(
                stat
            )
        counts = [FormatCount(name, len(some), sum(s.size_bytes for s in some)) for name, some in formats.items()]
        return Summary(
            files=len(files),
            bytes=sum(stat.size_bytes for stat in files),
            folders=sum(stat.kind is EntryKind.FOLDER for stat in self._below(path)),
            formats=tuple(sorted(counts, key=lambda f: (-f.bytes, f.format))),
            counted_at=datetime.now(UTC),
        )

    def _below(self, path: TreePath) -> Iterator[Stat]:
        for stat in self.children(path):
            if not is_records(self.site, stat.path):
                yield stat
                if stat.kind is EntryKind.FOLDER:
                    yield from self._below(stat.path)

    def free_bytes(self, path: TreePath) -> tuple[int, int]:
        return -1, -1

    def total_bytes(self, path: TreePath) -> int:
        return -1

    @cached_property
    def sizes(self) -> SizeBook:
        """As on a disk, in a folder that goes with this store."""
        return SizeBook(self._kept_in() / "sizes.sqlite")

    @cached_property
    def notices(self) -> NoticeBook:
        return NoticeBook(self._kept_in() / "notices.sqlite")

    def _kept_in(self) -> Path:
        folder = tempfile.mkdtemp(prefix="modama-memory-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def rule(self, path: TreePath) -> Rule:
        node = self._node(path)
        kind = "superuser" if self._me.uid == 0 else "owner" if node.uid == self._me.uid else "other"
        bits = sum(bit for bit in (READ, WRITE, ENTER) if self._may(node, bit))
        return Rule(kind, self._me.login, bits, bits)

    def quota_left(self, path: TreePath) -> tuple[int, int]:
        return -1, -1

    def folder_quota(self, folder: TreePath) -> int:
        return -1

    def last_backup(self) -> datetime | None:
        return None

    def disk_path(self, path: TreePath) -> str:
        return os.path.join(self.site.root, path)

    # changing --------------------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, folder: TreePath, purpose: str) -> Iterator[None]:
        self._folder(folder, WRITE)
        if folder in self._locks:
            raise SealingInProgress(session=folder.shown, by=self._locks[folder])
        self._locks[folder] = purpose
        try:
            yield
        finally:
            del self._locks[folder]

    def lock_holder(self, folder: TreePath) -> str:
        return self._locks.get(folder, "")

    @contextmanager
    def names_locked(self, folder: TreePath) -> Iterator[None]:
        self._folder(folder, READ)
        with self._names:
            yield

    def make_folder(self, path: TreePath, *, like: str, visibility: str = "") -> Stat:
        parent = self._folder(path.parent, WRITE | ENTER)
        if path.name in parent.inner:
            raise AlreadyExists(what=f"something called “{path.shown}”")
        modes = {"area": 0o755, "project": 0o3755 if visibility == "open" else 0o3700}
        inherited = parent.mode & (0o3777 if parent.named else 0o2777)
        made = self._made(parent, path.name, EntryKind.FOLDER, None, modes.get(like, inherited))
        return self._stat(path, made)

    @contextmanager
    def new_folder(self, path: TreePath, *, like: str, visibility: str = "") -> Iterator[TreePath]:
        building = path.parent / f"{RECORDS}-new-{secrets.token_hex(4)}"
        self.make_folder(building, like=like, visibility=visibility)
        parent = self._node(path.parent)
        try:
            yield building
            self.rename(building, path)
        except BaseException:
            parent.inner.pop(building.name, None)
            raise

    def make_file(self, path: TreePath, text: str, *, owner: int | None = None) -> Stat:
        parent = self._folder(path.parent, WRITE | ENTER)
        if path.name in parent.inner:
            raise AlreadyExists(what=f"“{path.shown}”")
        made = self._made(parent, path.name, EntryKind.FILE, owner, parent.mode & 0o666)
        made.text = text.encode("utf-8", "backslashreplace")
        return self._stat(path, made)

    def own_ingest(self, session: TreePath) -> int:
        return 0

    def clear_leftovers(self, folder: TreePath) -> None:
        """Nothing is left here: what is made is there at once."""

    def _check_may_go(self, parent: Node, node: Node, path: TreePath) -> None:
        """Raise where the flag, or the sticky bit of the folder, keeps an entry where it is."""
        mine = self._me.uid in {0, node.uid, parent.uid}
        if node.immutable or (parent.mode & 0o1000 and not mine):
            raise NotAllowed(what=f"moving or removing “{path.shown}” is not allowed")

    def rename(self, old: TreePath, new: TreePath) -> None:
        parent = self._folder(old.parent, WRITE | ENTER)
        self._check_may_go(parent, self._node(old), old)
        if new.name in parent.inner:
            raise AlreadyExists(what=f"something called “{new.shown}”")
        parent.inner[new.name] = parent.inner.pop(old.name)
        parent.modified = self._tick()

    def move(self, old: TreePath, new: TreePath) -> None:
        source, target = self._folder(old.parent, WRITE | ENTER), self._folder(new.parent, WRITE | ENTER)
        self._check_may_go(source, self._node(old), old)
        if new.name in target.inner:
            raise AlreadyExists(what=f"something called “{new.shown}”")
        target.inner[new.name] = source.inner.pop(old.name)
        source.modified = target.modified = self._tick()

    def remove(self, entry: Stat) -> None:
        parent, node = self._folder(entry.path.parent, WRITE | ENTER), self._node(entry.path)
        self._check_may_go(parent, node, entry.path)
        if node.inode != entry.inode:
            raise Conflict(what=f"“{entry.path.shown}” was replaced meanwhile")
        if node.inner:
            raise NotEmpty(what=f"folder {entry.path.shown}", first=next(iter(node.inner)))
        del parent.inner[entry.path.name]
        parent.modified = self._tick()

    def remove_session_folder(self, path: TreePath, notes: Stat | None) -> None:
        parent = self._folder(path.parent, WRITE | ENTER)
        spared = {notes.path} if notes else set()
        for stat in self._everything(path):
            if stat.kind is not EntryKind.FOLDER and stat.path not in spared and not is_own_record(path, stat.path):
                raise NotEmpty(what=f"session {path.shown}", first=stat.path.shown)
        del parent.inner[path.name]

    def _everything(self, path: TreePath) -> Iterator[Stat]:
        for stat in self.children(path):
            yield stat
            if stat.kind is EntryKind.FOLDER:
                yield from self._everything(stat.path)

    # records ---------------------------------------------------------------------------------------------------------

    def _trusted(self, folder: TreePath) -> set[int]:
        where = place(self.site, folder)
        paths = [path for path in (where.project, where.session) if path]
        return {0} | (set() if self.site.managed_by else {self._node(path).uid for path in paths})

    def read_record(self, folder: TreePath, name: str) -> dict[str, Any] | None:
        box = self._node(folder).inner.get(RECORDS)
        file = box.inner.get(f"{name}.json") if box else None
        if box is None or file is None or not {box.uid, file.uid} <= self._trusted(folder):
            return None
        try:
            record = json.loads(file.text)
        except ValueError as error:
            raise RecordCorrupt(path=(folder / RECORDS / f"{name}.json").shown, why=str(error)) from error
        if not isinstance(record, dict):
            raise RecordCorrupt(path=(folder / RECORDS / f"{name}.json").shown, why="it holds no object")
        return record

    def write_record(self, folder: TreePath, name: str, record: dict[str, Any]) -> None:
        parent = self._folder(folder, ENTER)
        if RECORDS not in parent.inner:
            self._folder(folder, WRITE | ENTER)
            self._made(parent, RECORDS, EntryKind.FOLDER, None, None)
        box = parent.inner[RECORDS]
        if box.uid not in self._trusted(folder) or not self._may(box, WRITE):
            raise NotAllowed(what=f"{(folder / RECORDS).shown} belongs to somebody else")
        try:
            self.read_record(folder, name)
        except RecordCorrupt:
            box.inner[f"{name}.json.damaged-{next(self._now)}"] = box.inner.pop(f"{name}.json")
        self._made(box, f"{name}.json", EntryKind.FILE, None, None).text = json.dumps(record).encode()
