"""Pictures and metadata of files of the tree, from the readers' workers."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Invalid, ModamaError, Unsupported, printable
from jupyter_modama.core.model import EntryKind, EntryMetadata
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat
from jupyter_modama.readers.model import PATHS, PreviewFacts
from jupyter_modama.readers.recent import Recent
from jupyter_modama.store.disk import DiskStore, cache_folder

KNOWN = 256  # files of which the metadata is kept in memory
NEEDED = ("numpy", "h5py", "PIL", "rsciio", "tifffile")
MISSING = "nothing to read microscope files with is installed here (pip install 'jupyter-modama[readers]')"


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A picture; `facts` is JSON for a header, `etag` changes with the file and with what was asked for."""

    png: bytes
    facts: str
    etag: str


@dataclasses.dataclass(frozen=True, slots=True)
class ShownNumbers:
    """The numbers of a frame behind their facts, as they travel; `etag` as for a picture."""

    body: bytes
    etag: str


class Previews:
    """The readers, bound to one tree; the workers start when first needed."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store
        self.available = all(importlib.util.find_spec(name) for name in NEEDED)
        self._pool: Any = None
        self._cache: Any = None
        self._guard = threading.Lock()
        self._known: dict[tuple[Any, ...], EntryMetadata] = {}
        self._recent = Recent()

    def _ready(self) -> Any:
        if not self.available:
            raise Unsupported(path="this file", why=MISSING)
        with self._guard:
            if self._pool is None:
                from jupyter_modama.readers import Pool, PreviewCache

                self._cache = PreviewCache(cache_folder() / "previews")
                self._pool = Pool()
            return self._pool

    def _judged(self, path: TreePath) -> tuple[Stat, Path]:
        """An ordinary file or folder in the tree, reached without a link, and where it lies."""
        stat = self.store.stat(path)
        if stat.kind in {EntryKind.LINK, EntryKind.OTHER}:
            raise Unsupported(path=path.shown, why="it is a link or a device, no ordinary file")
        return stat, Path(self.store.disk_path(path))

    def metadata(self, path: TreePath) -> EntryMetadata:
        """What the instrument wrote; a file that cannot be read is a normal answer."""
        if not self.available:
            return EntryMetadata(path.shown, "", False, MISSING)
        stat, file = self._judged(path)
        key = (stat.device, stat.inode, stat.modified, stat.size_bytes, path)
        with self._guard:
            if key in self._known:
                return self._known[key]
        answer = self._read(path, file)
        with self._guard:
            self._known[key] = answer
            while len(self._known) > KNOWN:
                del self._known[next(iter(self._known))]
        return answer

    def _read(self, path: TreePath, file: Path) -> EntryMetadata:
        try:
            found: EntryMetadata = self._ready().metadata(file)
        except ModamaError as error:
            return EntryMetadata(path.shown, "", False, printable(str(error)).replace(str(file), path.shown))
        return dataclasses.replace(found, path=path.shown)

    def preview(self, arguments: Mapping[str, str]) -> Shown:
        """The picture that the arguments of an address ask for.

        Raises: Invalid, Unsupported, NotFound, TimedOut.
        """
        from jupyter_modama.readers import PreviewWish

        path = TreePath.parse(arguments.get("path", ""), arguments.get("path_b64", ""))
        wish = _wish(PreviewWish, arguments)
        stat, file = self._judged(path)
        pool = self._ready()
        with _named(path):
            found = self._cache.get(file, wish)
            if found is None:
                found = pool.preview(file, wish)
                self._cache.put(file, wish, found)
        return Shown(found.png, _facts(found), _etag(stat, wish))

    def frame(self, arguments: Mapping[str, str]) -> ShownNumbers:
        """The numbers that the arguments of an address ask for.

        Raises: Invalid, Unsupported, NotFound, TimedOut.
        """
        from jupyter_modama.readers import FrameWish

        path = TreePath.parse(arguments.get("path", ""), arguments.get("path_b64", ""))
        wish = _wish(FrameWish, arguments)
        stat, file = self._judged(path)
        pool = self._ready()
        with _named(path):
            key = self._recent.key(file, wish)
            body = self._recent.get(key)
            if body is None:
                body = _body(pool.frame(file, wish))
                self._recent.put(key, body)
        return ShownNumbers(body, _etag(stat, wish))

    def close(self) -> None:
        with self._guard:
            if self._pool is not None:
                self._pool.close()
                self._pool = None


@contextmanager
def _named(path: TreePath) -> Iterator[None]:
    """Errors of the readers name the path in the tree, not the one on the disk."""
    try:
        yield
    except ModamaError as error:
        if "path" in error.facts:
            error.facts["path"] = path.shown
            error.args = (error.says.format_map({**error.facts, "path": path.shown}),)
        raise


def _etag(stat: Stat, wish: Any) -> str:
    stamp = f"{stat.inode}-{stat.modified.timestamp()}-{stat.size_bytes}-{wish}"
    return f'"{hashlib.sha256(stamp.encode()).hexdigest()[:24]}"'


def _body(found: Any) -> bytes:
    """How long the facts are (4 bytes, little endian), the facts as JSON, spaces up to a multiple of 8, the numbers."""
    facts = json.dumps(dataclasses.asdict(found.facts)).encode("ascii")
    facts += b" " * (-(len(facts) + 4) % 8)
    return struct.pack("<I", len(facts)) + facts + bytes(found.data)


def _wish(kind: Any, arguments: Mapping[str, str]) -> Any:
    """The wish in the arguments of an address, each by the type of its field.

    Raises: Invalid.
    """
    known = [*PATHS, *(field.name for field in dataclasses.fields(kind))]
    for name in arguments:
        if name not in known:
            raise Invalid(what=f"a preview has no field “{printable(name)}”; fields are {', '.join(known)}", field=name)
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in arguments:
            convert = {"int": int, "float": float}.get(str(field.type).removeprefix("builtins."), str)
            try:
                chosen[field.name] = convert(arguments[field.name])
            except ValueError as error:
                raise Invalid(
                    what=f"“{printable(arguments[field.name])}” is no value for {field.name} of a preview"
                ) from error
    return kind(**chosen)


def _facts(found: Any) -> str:
    facts = {f.name: getattr(found, f.name) for f in dataclasses.fields(PreviewFacts)}
    return json.dumps(facts, default=dataclasses.asdict)
