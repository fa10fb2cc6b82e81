"""Our records: small JSON files in `.modama/` of a project or session, written whole or not at all.

A record is believed only if nobody but the system, or whoever owns the folder that it is about, could have written it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Callable
from typing import Any

from jupyter_modama.core.errors import NotAllowed, RecordCorrupt
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FILE, FOLDER, open_beneath, opened

LARGEST = 4 << 20
Trusted = Callable[[int], bool]


def read_record(root_fd: int, folder: TreePath, name: str, trusted: Trusted) -> dict[str, Any] | None:
    """The record of a folder, None where there is none or where it cannot be believed.

    Raises: RecordCorrupt where it is ours and cannot be read.
    """
    path = folder / RECORDS / f"{name}.json"
    try:
        fd = open_beneath(root_fd, path, FILE)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.EPERM}:
            return None
        raise
    try:
        with opened(root_fd, folder / RECORDS) as box:
            if not (_ours(box, trusted) and _ours(fd, trusted)):
                return None
        text = os.read(fd, LARGEST)
    finally:
        os.close(fd)
    try:
        record = json.loads(text)
        if not isinstance(record, dict):
            raise ValueError("it holds no object")
    except ValueError as error:
        raise RecordCorrupt(path=path.shown, why=str(error)) from error
    return record


def _ours(fd: int, trusted: Trusted) -> bool:
    found = os.fstat(fd)
    return trusted(found.st_uid) and not found.st_mode & 0o022


def write_record(root_fd: int, folder: TreePath, name: str, record: dict[str, Any], trusted: Trusted) -> None:
    """Write the record of a folder; after a crash or on a full disk the old one is still there.

    Disk: `<folder>/.modama/<name>.json`, made with `.modama` where there is none.
    Raises: OSError, NotAllowed where `.modama` belongs to somebody who cannot be trusted with it.
    """
    with opened(root_fd, folder) as parent:
        box = records_folder(parent, folder, trusted)
    try:
        replace(box, f"{name}.json", json.dumps(record, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))
    finally:
        os.close(box)


def records_folder(parent: int, folder: TreePath, trusted: Trusted) -> int:
    """A descriptor of `.modama` in an open folder, made where it is missing."""
    try:
        os.mkdir(RECORDS, 0o755, dir_fd=parent)
        made = True
    except FileExistsError:
        made = False
    box = os.open(RECORDS, FOLDER, dir_fd=parent)
    if made:
        os.fchmod(box, 0o755)  # whatever a default ACL gave: only the system writes here
    if not _ours(box, trusted):
        os.close(box)
        raise NotAllowed(
            what=f"{(folder / RECORDS).shown} belongs to somebody who could forge records in it; "
            "an administrator can repair that"
        )
    return box


def replace(box: int, name: str, content: bytes, mode: int = 0o644) -> None:
    """Write a file in an open folder whole or not at all, and have it on the disk before this returns."""
    temporary = f".{name}.{secrets.token_hex(4)}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=box)
    try:
        try:
            os.fchmod(fd, mode)
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=box, dst_dir_fd=box)
    except BaseException:
        _forget(temporary, box)
        raise
    os.fsync(box)


def _forget(name: str, box: int) -> None:
    try:
        os.unlink(name, dir_fd=box)
    except FileNotFoundError:
        pass
