"""Seals in memory: flags and modes of nodes, and the same manifest that lies on a disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from collections.abc import Collection, Generator, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from jupyter_modama.core.errors import ModamaError, RecordCorrupt
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import EntryKind, Protection, Writer
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows, path_of
from jupyter_modama.store import differences, manifest
from jupyter_modama.store.hashing import Hashed, Hashes
from jupyter_modama.store.look import Files, Looked
from jupyter_modama.store.manifest import Recorded
from jupyter_modama.store.survey import Found

if TYPE_CHECKING:
    from jupyter_modama.testing.memory import MemoryStore, Node

WRITE_BITS = 0o222
ENTRIES, METADATA, CHANGES = "manifest.jsonl", "metadata.jsonl", "changes.jsonl"
PUT_AWAY = (ENTRIES, METADATA, CHANGES, "seal.json")


class MemorySealing:
    """Seals in memory, with the rights of whoever looks."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def strongest(self, session: TreePath) -> Protection:
        return Protection.IMMUTABLE if self.store.me().uid == 0 else Protection.READ_ONLY

    def _below(self, top: TreePath) -> Iterator[tuple[TreePath, Node]]:
        """A folder, as the empty path, and all entries below it, each folder before what is in it."""
        pending = [(TreePath(""), self.store._node(top))]
        while pending:
            path, node = pending.pop()
            yield path, node
            pending += [(path / name if path else TreePath(name), inner) for name, inner in node.inner.items()]

    def survey(self, raw: TreePath, patience_s: float = math.inf) -> Found:
        found, me = Found(), self.store.me().uid
        for path, node in self._below(raw):
            is_file = node.kind is EntryKind.FILE
            found.files += is_file
            found.folders += bool(path) and node.kind is EntryKind.FOLDER
            found.links += node.kind is EntryKind.LINK
            found.bytes += len(node.text)
            found.empty_files += is_file and not node.text
            if node.written_by:
                found.written[path] = Writer(path.shown, node.written_by)
            if me and node.uid != me:
                found.foreign.append(path)
        return found

    def adopt(self, raw: TreePath, *, change: bool) -> list[str]:
        """Session and raw become the system's, where it is the system that asks."""
        if change and self.store.me().uid == 0:
            for path in (raw, raw.parent):
                node = self.store._node(path)
                node.uid, node.mode = 0, node.mode | 0o1000
        return []

    def protect(self, raw: TreePath, by: Protection, spare: Collection[TreePath]) -> Iterator[int]:
        busy = {TreePath("/".join(path.parts[:n])) for path in spare for n in range(len(path.parts))}
        done = 0
        for path, node in self._below(raw):
            if path not in busy and path not in spare:
                _hold(node, by)
            done += node.kind is EntryKind.FILE
        yield done

    def look(self, folder: TreePath, by: Protection) -> Looked:
        found = Looked()
        for path, node in self._below(folder):
            if node.kind is EntryKind.LINK:
                found.links.add(path, os.fsencode(node.target))
                continue
            if node.kind is EntryKind.FOLDER:
                found.folders.add(path)
            else:
                found.files.add(path, len(node.text), _ns(node))
            if not (node.immutable or (by is not Protection.IMMUTABLE and not node.mode & WRITE_BITS)):
                found.bare.append(path)
            found.newest_change = max(found.newest_change, divmod(_ns(node), 10**9))
        return found

    def unprotect(self, session: TreePath, raw: TreePath) -> Iterator[int]:
        mode, done = self.store._node(session).mode, 0
        for _, node in self._below(raw):
            node.immutable = False
            if node.kind is not EntryKind.LINK:
                own = 0o700 if node.kind is EntryKind.FOLDER else 0o600
                shared = (node.mode | mode & 0o020) & 0o070 | (node.mode | mode & 0o002) & mode & 0o007
                node.mode = node.mode & 0o7700 | own | shared
            done += node.kind is EntryKind.FILE
        yield done

    def hash(
        self,
        session: TreePath,
        folder: TreePath,
        files: Files,
        *,
        remember: bool,
        share: float = 1.0,
    ) -> Generator[tuple[int, int, int], None, Hashes]:
        results = Hashes()
        for path in map(path_of, files):
            node = self.store._node(folder / path)
            results.add(Hashed(path, _sha256(node.text), len(node.text), _ns(node), _ns(node), node.inode))
            yield results.size_bytes, files.size_bytes, len(results)
        return results

    def rows(self) -> Rows:
        return Rows()


class MemoryProof:
    """What a seal writes down of a session, in the tree in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def _box(self, session: TreePath) -> Node:
        parent = self.store._node(session)
        return parent.inner.get(RECORDS) or self.store._made(parent, RECORDS, EntryKind.FOLDER, None, None)

    def _written(self, folder: Node, name: str, text: bytes) -> None:
        """What somebody else put under the name is kept beside it."""
        old = folder.inner.get(name)
        if old is not None and old.text != text:
            folder.inner[f"{name}.moved-{secrets.token_hex(4)}"] = folder.inner.pop(name)
        self.store._made(folder, name, EntryKind.FILE, None, 0o444).text = text

    def write_manifest(self, session: TreePath, prefix: str, hashed: Hashes, looked: Looked) -> tuple[str, str]:
        top = TreePath(prefix)
        text = b"".join(manifest.written(top, hashed))
        entries = b"".join(manifest.entries_written(top, hashed, looked.links, looked.folders))
        self._written(self.store._node(session), manifest.NAME, text)
        self._written(self._box(session), ENTRIES, entries)
        return _sha256(text), _sha256(entries)

    def write_changes(self, session: TreePath) -> differences.Differences | None:
        box = self._box(session)
        box.inner.pop(CHANGES, None)
        seals = box.inner["old"].inner if "old" in box.inner else {}
        before = next(
            (seals[name].inner for name in sorted(seals, reverse=True) if "seal.json" in seals[name].inner), None
        )
        if before is None:
            return None
        seal = json.loads(before["seal.json"].text)
        found = differences.Differences(seal["at"])
        then, now = (folder[ENTRIES].text.splitlines(keepends=True) for folder in (before, box.inner))
        self._written(box, CHANGES, b"".join(differences.told(seal, then, now, found)))
        return found

    def write_metadata(self, session: TreePath, rows: Sequence[dict[str, Any]]) -> None:
        text = b"".join(json.dumps(row, default=str).encode() + b"\n" for row in rows)
        self._written(self._box(session), METADATA, text)

    def _ours(self, session: TreePath) -> list[tuple[Node, str]]:
        """What a seal wrote: in which folder, and the name."""
        parent, box = self.store._node(session), self._box(session)
        found = ((parent, manifest.NAME), *((box, name) for name in PUT_AWAY))
        return [(folder, name) for folder, name in found if name in folder.inner]

    def freeze(self, session: TreePath, by: Protection) -> None:
        for folder, name in self._ours(session):
            node = folder.inner[name]
            node.mode, node.immutable = 0o444, by is Protection.IMMUTABLE

    def retire(self, session: TreePath) -> None:
        box = self._box(session)
        old = box.inner.get("old") or self.store._made(box, "old", EntryKind.FOLDER, None, None)
        away = self.store._made(old, f"{len(old.inner):08}", EntryKind.FOLDER, None, None)
        for folder, name in self._ours(session):
            away.inner[name] = folder.inner.pop(name)
            away.inner[name].immutable = False

    def tidy(self, session: TreePath) -> None:
        """Nothing is ever half written in memory."""

    def thaw(self, session: TreePath, name: str) -> None:
        node = self._box(session).inner.get(f"{name}.json")
        if node is not None:
            node.immutable = False

    def forget(self, session: TreePath, name: str) -> None:
        self._box(session).inner.pop(f"{name}.json", None)

    def read_manifest(self, session: TreePath) -> Recorded:
        found = Recorded()
        try:
            found.read_lines(BytesIO(self.store._node(session / manifest.NAME).text))
        except ValueError as error:
            raise RecordCorrupt(path=(session / manifest.NAME).shown, why=str(error)) from error
        node = self._box(session).inner.get(ENTRIES)
        found.read_entries(BytesIO(node.text if node else b""))
        return found

    def recorded_sha256(self, session: TreePath, path: TreePath) -> str:
        wanted = os.fsencode(path[len(session) + 1 :]) + b"\0"
        try:
            found = self.read_manifest(session).lines
        except ModamaError:
            return ""
        return next((row.removeprefix(wanted).decode() for row in found if row.startswith(wanted)), "")


def _hold(node: Node, by: Protection) -> None:
    """Protect one entry, as the seal on a disk does behind a gate."""
    if node.kind is EntryKind.LINK or node.immutable:
        return
    execute = 0o111 if node.kind is EntryKind.FOLDER or node.mode & 0o111 else 0
    node.mode = node.mode & 0o7777 & ~WRITE_BITS | 0o444 | execute
    node.immutable = by is Protection.IMMUTABLE


def _ns(node: Node) -> int:
    return int(node.modified.timestamp() * 10**6) * 1000


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
