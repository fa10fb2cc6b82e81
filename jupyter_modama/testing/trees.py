"""Trees of projects and sessions on a real disk, for tests: made, mounted, driven, cleared away at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_modama.store import flags

PROJECT, SESSION = "adhoc/demo", "2026-11-21-holograms"
FILES = {"a.dat": b"first", "deep/b.dat": b"second", "deep/er/c.dat": b"third" * 1000}
Content = Mapping[str | bytes, bytes]


def make_session(root: Path, files: Content = FILES, *, project: str = PROJECT, session: str = SESSION) -> Path:  # type: ignore[assignment]
    """A session as people make it by hand: a folder with `raw`, and an `analysis` beside it. Answers its folder."""
    folder = root / project / session
    (folder / "raw").mkdir(parents=True)
    (folder / "analysis").mkdir()
    for above in (root / project, folder, folder / "raw"):
        above.chmod(0o755)
    for name, content in files.items():
        write(folder / "raw", name, content)
    return folder


def write(raw: Path, name: str | bytes, content: bytes) -> None:
    """Make a file below a folder; the name may be bytes that are no UTF-8."""
    path = os.path.join(os.fsencode(raw), os.fsencode(name))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def contents(raw: Path) -> dict[bytes, bytes]:
    """All regular files below a folder with what is in them."""
    found = {}
    for folder, _, names in os.walk(os.fsencode(raw)):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, os.fsencode(raw))] = file.read()
    return found


def entries(top: Path) -> Iterator[tuple[str, int]]:
    """A descriptor of each folder and regular file from a folder downwards, with its path."""
    pending = [os.fspath(top)]
    while pending:
        path = pending.pop()
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            yield path, fd
            if os.path.isdir(path) and not os.path.islink(path):
                pending += [os.path.join(path, name) for name in os.listdir(fd)]
        finally:
            os.close(fd)


def changeable(top: Path) -> list[str]:
    """What from a folder downwards does not carry the immutable flag."""
    return [os.path.relpath(path, top) for path, fd in entries(top) if not flags.is_immutable(fd)]


def clear(top: Path) -> None:
    """Take the flags away everywhere, so that a test's folder can be removed."""
    for _, fd in entries(top):
        with suppress(OSError):
            flags.change(fd, remove=flags.IMMUTABLE | flags.APPEND_ONLY)


def checked(session: Path) -> subprocess.CompletedProcess[str]:
    """What GNU sha256sum says of the manifest of a session."""
    return subprocess.run(
        ["sha256sum", "--check", "--quiet", "--strict", "manifest-sha256.txt"],
        cwd=session,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )


@contextmanager
def mounted(folder: Path, kind: str, megabytes: int) -> Iterator[Path]:
    """A file system of its own (ext4, xfs, btrfs on a loop device, or tmpfs), unmounted at the end."""
    place = folder / f"mnt-{kind}"
    place.mkdir()
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "modama-test", place], check=True)
    else:
        image = folder / f"{kind}.img"
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        options = ["-q", "-F"] if kind == "ext4" else ["-q", "-f"]
        subprocess.run([f"mkfs.{kind}", *options, image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True, capture_output=True)
    try:
        yield place
    finally:
        clear(place)
        subprocess.run(["umount", "-l", place], check=True)


def driven(steps: Generator[Any, None, Any], count: int | None = None) -> Any:
    """Drive a long operation to its end and give its answer, or for some steps and give the last."""
    step = None
    try:
        for _ in iter(int, 1) if count is None else range(count):
            step = next(steps)
    except StopIteration as end:
        return end.value
    return step


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that other users can reach, gone at the end: pytest closes its own to them whenever it starts again."""
    folder = Path(tempfile.mkdtemp(prefix="modama-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        clear(folder)
        shutil.rmtree(folder)


def readable_by_all(folder: Path) -> None:
    """Let other users pass through the folders that pytest makes for itself."""
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 0o001 and len(above.parts) > 2:
            above.chmod(above.stat().st_mode | 0o011)
