"""Rendered previews kept in a folder of the person's own; may be deleted at any time, and is never trusted blindly."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from jupyter_modama.readers.formats import companion_names, format_of
from jupyter_modama.readers.model import Preview, PreviewWish, preview_facts, preview_from

RENDERER = 2  # raise it when pictures look different, or more is said about them
MAGIC = b"modama-preview\n"
HEAD = struct.Struct(">II32s")


def default_folder() -> Path:
    """The folder below the person's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "modama" / "previews"


class PreviewCache:
    """Previews by (device, inode, time, size, wish), of the file and of those beside it that hold its data.

    Several processes may share the folder.

    Disk: one file per preview, written aside and renamed; the folder has mode 0700. Nothing here raises for the disk: a
    cache that does not work costs time only.
    """

    def __init__(self, folder: Path | None = None, most_bytes: int = 200 << 20, settle_seconds: float = 15.0) -> None:
        self.folder, self.most_bytes = folder or default_folder(), most_bytes
        self.settle_seconds = settle_seconds
        self._since_trim = most_bytes  # the first put looks at the folder

    def get(self, path: Path, wish: PreviewWish) -> Preview | None:
        """The kept preview of the file as it is now, or None."""
        with suppress(OSError, ValueError, KeyError, TypeError, struct.error):
            place = self._place(path, wish)
            found = _unpacked(place.read_bytes())
            os.utime(place)  # the longest unused goes first
            return found
        return None

    def put(self, path: Path, wish: PreviewWish, preview: Preview) -> None:
        """Keep a preview; not that of a file that changed a moment ago, which it may not show as it is now."""
        with suppress(OSError, ValueError):
            latest = max(max(facts.st_mtime, facts.st_ctime) for facts in facts_of(path))
            if time.time() - latest < self.settle_seconds:
                return
            place = self._place(path, wish)
            self._write(place, _packed(preview))

    def _place(self, path: Path, wish: PreviewWish) -> Path:
        found = [[f.st_dev, f.st_ino, f.st_mtime_ns, f.st_size] for f in facts_of(path)]
        key = [found, asdict(wish), RENDERER]
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / name[:2] / name

    def _write(self, place: Path, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.geteuid():
            return
        self.folder.chmod(0o700)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        fd, aside = tempfile.mkstemp(prefix=".new-", dir=place.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
            os.replace(aside, place)
        except OSError:
            os.unlink(aside)
            raise
        self._since_trim += len(content)
        if self._since_trim > self.most_bytes // 10:
            self._since_trim = 0
            self._trim()

    def _trim(self) -> None:
        """Remove what was not used for longest until 9/10 of the bound are left, and leftovers of writers that died."""
        kept = []
        for place in self.folder.glob("??/*"):
            with suppress(OSError):
                facts = place.stat()
                if place.name.startswith(".new-") and facts.st_mtime < time.time() - 3600:
                    place.unlink()
                else:
                    kept.append((facts.st_mtime_ns, facts.st_size, place))
        total = sum(size for _, size, _ in kept)
        for _, size, place in sorted(kept, key=lambda each: each[0]):
            if total <= self.most_bytes * 9 // 10:
                return
            with suppress(OSError):
                place.unlink()
                total -= size


def facts_of(path: Path) -> list[os.stat_result]:
    """The stat of the file itself (never of what a link points at), and of its companions where they exist."""
    found = [os.lstat(path)]
    for name in companion_names(format_of(path.name), path.name, b""):
        with suppress(OSError):
            found.append(os.lstat(path.with_name(name)))
    return found


def _packed(preview: Preview) -> bytes:
    facts = json.dumps(preview_facts(preview)).encode()
    return (
        MAGIC
        + HEAD.pack(len(facts), len(preview.png), hashlib.sha256(facts + preview.png).digest())
        + facts
        + preview.png
    )


def _unpacked(content: bytes) -> Preview:
    if not content.startswith(MAGIC):
        raise ValueError("no preview of ours")
    length, png_length, digest = HEAD.unpack_from(content, len(MAGIC))
    rest = content[len(MAGIC) + HEAD.size :]
    if len(rest) != length + png_length or hashlib.sha256(rest).digest() != digest:
        raise ValueError("a damaged preview")
    return preview_from(json.loads(rest[:length]), rest[length:])
