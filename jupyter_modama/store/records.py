"""Our records: small JSON files in `.modama/` of a project or session, written whole or not at all.

A record is believed only if nobody but the system, or whoever owns the folder that it is about, could have written it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import NotAllowed, RecordCorrupt
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, open_beneath, opened
from jupyter_modama.store.lists import lists_of
from jupyter_modama.store.written import Written

LARGEST = 4 << 20
Trusted = Callable[[int], bool]
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.EPERM, errno.ENXIO}


def read_record(root_fd: int, folder: TreePath, name: str, trusted: Trusted) -> dict[str, Any] | None:
    """The record of a folder, None where there is none or where it cannot be believed.

    Raises: RecordCorrupt where it is ours and cannot be read.
    """
    try:
        box = open_beneath(root_fd, folder / RECORDS, PATH_ONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    try:
        return _read(box, name, (folder / RECORDS / f"{name}.json").shown, trusted) if _ours(box, trusted) else None
    finally:
        os.close(box)


def _read(box: int, name: str, shown: str, trusted: Trusted) -> dict[str, Any] | None:
    """The record in an open folder that is believed."""
    try:
        fd = os.open(f"{name}.json", FILE, dir_fd=box)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    try:
        if not _ours(fd, trusted):
            return None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise RecordCorrupt(path=shown, why="it is no file")
        record = json.loads(os.read(fd, LARGEST))
    except (ValueError, RecursionError, OSError) as error:
        why = (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)
        raise RecordCorrupt(path=shown, why=why) from error
    finally:
        os.close(fd)
    if not isinstance(record, dict):
        raise RecordCorrupt(path=shown, why="it holds no object")
    return record


def _ours(fd: int, trusted: Trusted) -> bool:
    found = os.fstat(fd)
    return trusted(found.st_uid) and not found.st_mode & 0o022


def write_record(
    root_fd: int, folder: TreePath, name: str, record: dict[str, Any], trusted: Trusted, written: Written | None = None
) -> None:
    """Write the record of a folder; after a crash or on a full disk the old one is still there.

    Disk: `<folder>/.modama/<name>.json`, made with `.modama` where there is none; one that is damaged, or that others
    could have written, is kept beside it.
    Raises: OSError, NotAllowed where `.modama` belongs to somebody who cannot be trusted with it.
    """
    text = json.dumps(record, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")
    with opened(root_fd, folder) as parent:
        box = records_folder(parent, folder, trusted)
    try:
        try:
            if _read(box, name, name, trusted) is None:
                _put_aside(box, f"{name}.json", "doubted")
        except RecordCorrupt:
            _put_aside(box, f"{name}.json", "damaged")
        replace(box, f"{name}.json", text)
        if written is not None:
            written.note(box, f"{name}.json", text)
    finally:
        os.close(box)


def _put_aside(box: int, name: str, why: str) -> None:
    with suppress(FileNotFoundError):
        os.rename(name, f"{name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}", src_dir_fd=box, dst_dir_fd=box)


def records_folder(parent: int, folder: TreePath, trusted: Trusted) -> int:
    """A descriptor of `.modama` in an open folder, made where it is missing.

    Raises: OSError, NotAllowed where it is not ours.
    """
    try:
        os.mkdir(RECORDS, 0o755, dir_fd=parent)
        made = True
    except FileExistsError:
        made = False
    try:
        box = os.open(RECORDS, FOLDER, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise _not_ours(folder) from error
        raise
    try:
        if made:
            lists_of(box).leave_mode(box, 0o755)  # not what the folder above passes on: only the system writes here
        if not _ours(box, trusted):
            raise _open_to_others(folder) if trusted(os.fstat(box).st_uid) else _not_ours(folder)
    except BaseException:
        os.close(box)
        if made:
            with suppress(OSError):
                os.rmdir(RECORDS, dir_fd=parent)
        raise
    return box


def _not_ours(folder: TreePath) -> NotAllowed:
    return NotAllowed(
        what=f"{(folder / RECORDS).shown} belongs to somebody who could forge records in it; "
        "an administrator can repair that"
    )


def _open_to_others(folder: TreePath) -> NotAllowed:
    return NotAllowed(
        what=f"others than the system can write in {(folder / RECORDS).shown}, as after “chmod -R” or “setfacl -R”; "
        "an owner or an administrator can mend that by “repair”"
    )


def replace(box: int, name: str, content: bytes, mode: int = 0o644) -> None:
    """Write a file in an open folder whole or not at all, and have it on the disk before this returns."""
    with replacing(box, name, mode) as fd:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]


@contextmanager
def replacing(box: int, name: str, mode: int = 0o644) -> Iterator[int]:
    """A file that takes the place of one in an open folder when the block ends well, and is on the disk then."""
    temporary = f".{name}.{secrets.token_hex(4)}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=box)
    try:
        try:
            os.fchmod(fd, mode)
            yield fd
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=box, dst_dir_fd=box)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=box)
        raise
    os.fsync(box)
