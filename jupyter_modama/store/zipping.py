"""A selection as one zip file that is made while it is sent: bounded memory, and what went wrong told at its end.

Files are stored in the deflate format without being compressed (what instruments write hardly gets smaller), since
programs that unpack as they read cannot tell where a merely stored file ends. Sizes are unbounded (zip64), names UTF-8,
times to the second. The directory at the end of a zip, and the list of what went wrong, wait in files without a name.

Source: PKWARE APPNOTE 6.3.10, 4.3 to 4.5; the extra field of times as of Info-ZIP.
"""

from __future__ import annotations

import os
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from functools import partial

from jupyter_modama.core.model import Actor
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.packing import items

LAST = "MODAMA-about-this-download.txt"
READ = 1 << 20
AT_ONCE = 1 << 19  # small entries are sent together
IN_MEMORY = 4 << 20
LARGE = 0xF000_0000  # from here on sizes are told in 64 bits
MANY = 0xFFFF  # from here on the number of entries is
TOLD = 10_000  # lines of what went wrong
_MAX32, _MAX16 = 0xFFFF_FFFF, 0xFFFF
_UTF8, _DESCRIPTOR = 0x0800, 0x0008
_DEFLATED = 8
_ON_UNIX = 3 << 8
_FOLDER = 0x10


def zip_of(store: DiskStore, actor: Actor, tops: tuple[TreePath, ...]) -> Generator[bytes, None, None]:
    """The bytes of a zip with these entries and all below them, in pieces."""
    waiting = bytearray()
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as directory, tempfile.SpooledTemporaryFile(IN_MEMORY) as wrong:
        for piece in _content(store, actor, tops, _Zip(directory), _Wrong(wrong)):
            waiting += piece
            if len(waiting) >= AT_ONCE:
                yield bytes(waiting)
                waiting.clear()
    yield bytes(waiting)


def _content(store: DiskStore, actor: Actor, tops: tuple[TreePath, ...], made: _Zip, wrong: _Wrong) -> Iterator[bytes]:
    for top in tops:
        for item in items(store, top, wrong.tell):
            name = _name(item.path)
            if name != item.path:
                wrong.tell(item.path, f"is called “{name}” here, since its name is no text that all computers know")
            if item.open is None:
                yield made.folder(name, item.status)
                continue
            try:
                fd = item.open()
            except OSError as error:
                gone = isinstance(error, FileNotFoundError)
                wrong.tell(item.path, "vanished meanwhile" if gone else f"could not be read ({error.strerror})")
                continue
            try:
                yield from made.file(name, fd, partial(wrong.tell, item.path))
            finally:
                os.close(fd)
    yield from made.text(LAST, _about(store, actor, tops, made), wrong.text())
    yield from made.end()


def _name(path: TreePath) -> str:
    """A path as programs that unpack take it: text, and without the sign that Windows takes for a slash."""
    return path.shown.replace("\\", "_")


def _about(store: DiskStore, actor: Actor, tops: tuple[TreePath, ...], made: _Zip) -> bytes:
    lines = [
        f"Downloaded from {store.site.name or 'MODAMA'} by {actor.person.login} on {datetime.now().astimezone():%c %z}",
        f"{made.files} files, {made.bytes} bytes; a zip without this file was broken off.",
        "",
        *(f"from {top.shown}" for top in tops),
        "",
    ]
    return "\n".join(lines).encode("utf-8", "backslashreplace")


class _Wrong:
    """What is not in the zip as it was on the disk; the first of it in words, the rest as a number."""

    def __init__(self, file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        self._file, self._count = file, 0

    def tell(self, path: TreePath, why: str) -> None:
        self._count += 1
        if self._count <= TOLD:
            self._file.write(f"{path.shown}: {why}\n".encode())

    def text(self) -> bytes:
        if not self._count:
            return b"\nEverything is here, as it was on the disk.\n"
        self._file.seek(0)
        more = f"... and {self._count - TOLD} more\n" if self._count > TOLD else ""
        head = f"\nNOT everything is here as it is on the disk; {self._count} to look at:\n\n"
        return head.encode() + self._file.read() + more.encode()


class _Zip:
    """The records of a zip file; where its entries are is kept for the directory at its end."""

    def __init__(self, directory: tempfile.SpooledTemporaryFile[bytes]) -> None:
        self.files = self.bytes = 0
        self._at = self._entries = 0
        self._directory = directory

    def folder(self, name: str, status: os.stat_result) -> bytes:
        head = self._head(f"{name}/", status.st_mtime, 0, False, is_folder=True)
        self._note(f"{name}/", status.st_mtime, status.st_mode, 0, 0, 0, len(head), is_folder=True)
        return head

    def file(self, name: str, fd: int, changed: Callable[[str], None]) -> Iterator[bytes]:
        """A file as long as it was when it was opened; `changed` hears where it did not stay so."""
        before = os.fstat(fd)
        yield from self._entry(name, before.st_mtime, before.st_mode, before.st_size, _blocks(fd, before.st_size))
        after = os.fstat(fd)
        self.files += 1
        self.bytes += before.st_size
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            changed("changed while it was read, so this copy may be neither the old nor the new one")

    def text(self, name: str, *parts: bytes) -> Iterator[bytes]:
        yield from self._entry(name, time.time(), 0o100644, sum(map(len, parts)), iter(parts))

    def _entry(self, name: str, modified: float, mode: int, size: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
        large = size >= LARGE
        head = self._head(name, modified, _MAX32 if large else 0, large)
        yield head
        packer, crc, read, packed = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS), 0, 0, 0
        for block in blocks:
            crc, read = zlib.crc32(block, crc), read + len(block)
            piece = packer.compress(block)
            packed += len(piece)
            yield piece
        piece = packer.flush()
        packed += len(piece)
        tail = struct.pack("<4sLQQ" if large else "<4sLLL", b"PK\x07\x08", crc, packed, read)
        yield piece + tail
        self._note(name, modified, mode, crc, packed, read, len(head) + packed + len(tail))

    def _head(self, name: str, modified: float, size: int, large: bool, is_folder: bool = False) -> bytes:
        raw = name.encode("utf-8", "backslashreplace")
        extra = _times(modified) + (struct.pack("<HHQQ", 1, 16, 0, 0) if large else b"")
        kind = (45 if large else 20, *_how(is_folder), *_dos(modified))
        sizes = (0, size, size, len(raw), len(extra))
        return struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", *kind, *sizes) + raw + extra

    def _note(
        self,
        name: str,
        modified: float,
        mode: int,
        crc: int,
        packed: int,
        size: int,
        length: int,
        is_folder: bool = False,
    ) -> None:
        """Keep an entry's row of the directory."""
        raw = name.encode("utf-8", "backslashreplace")
        large = size >= LARGE
        wide = [size, packed] if large else []
        wide += [self._at] if self._at >= _MAX32 else []
        extra = (struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b"") + _times(modified)
        kind = (_ON_UNIX | 45, 45 if wide else 20, *_how(is_folder), *_dos(modified))
        shown = (_MAX32, _MAX32) if large else (packed, size)
        sizes = (crc, *shown, len(raw), len(extra), 0, 0, 0)
        place = ((mode & 0xFFFF) << 16 | (_FOLDER if is_folder else 0), min(self._at, _MAX32))
        self._directory.write(struct.pack("<4sHHHHHHLLLHHHHHLL", b"PK\x01\x02", *kind, *sizes, *place) + raw + extra)
        self._at += length
        self._entries += 1

    def end(self) -> Iterator[bytes]:
        """The directory, and where it is."""
        begin, size = self._at, self._directory.tell()
        self._directory.seek(0)
        while block := self._directory.read(READ):
            yield block
        entries = self._entries
        many = entries >= MANY
        if many or max(begin, size) >= _MAX32:
            yield struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, _ON_UNIX | 45, 45, 0, 0, entries, entries, size, begin)
            yield struct.pack("<4sLQL", b"PK\x06\x07", 0, begin + size, 1)
        few, size32, begin32 = _MAX16 if many else entries, min(size, _MAX32), min(begin, _MAX32)
        yield struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, few, few, size32, begin32, 0)


def _how(is_folder: bool) -> tuple[int, int]:
    """Flags and method: of a file what follows it tells its size, a folder has none."""
    return (_UTF8, 0) if is_folder else (_UTF8 | _DESCRIPTOR, _DEFLATED)


def _blocks(fd: int, size: int) -> Iterator[bytes]:
    """What an open file holds, up to a size; where it ends earlier, so do they."""
    while size and (block := os.read(fd, min(READ, size))):
        size -= len(block)
        yield block


def _dos(modified: float) -> tuple[int, int]:
    """A time as MS-DOS kept it: local, in steps of two seconds, from 1980 to 2107."""
    try:
        at = time.localtime(modified)
    except (ValueError, OverflowError, OSError):
        at = time.localtime(0)
    year = min(max(at.tm_year, 1980), 2107)
    return at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2, (year - 1980) << 9 | at.tm_mon << 5 | at.tm_mday


def _times(modified: float) -> bytes:
    """The time in seconds of UTC, where 32 bits hold it."""
    whole = int(modified)
    return struct.pack("<HHBl", 0x5455, 5, 1, whole) if -(1 << 31) <= whole < 1 << 31 else b""
