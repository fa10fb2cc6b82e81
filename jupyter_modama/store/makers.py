"""Who made a folder that belongs to the system: an attribute of it, written when the system takes it over.

It counts only while the folder belongs to the system and is sticky: then nobody else can write it.
"""

from __future__ import annotations

import errno
import os

MADE_BY = "user.modama.made_by"
_NOT_KEPT = {errno.ENOTSUP, errno.ENODATA, errno.ENOSPC, errno.EDQUOT}


def take_over(fd: int, system_uid: int) -> None:
    """Make an open folder the system's, and keep in mind who made it, where the file system can.

    First nobody but its owner can write the attribute, then it is written, then the folder is given.
    Raises: OSError.
    """
    found = os.fstat(fd)
    if found.st_uid == system_uid:
        return
    os.fchmod(fd, found.st_mode & 0o7777 | 0o1000)
    try:
        os.setxattr(fd, MADE_BY, str(found.st_uid).encode("ascii"))
    except OSError as error:
        if error.errno not in _NOT_KEPT:
            raise
    os.fchown(fd, system_uid, -1)


def made_by(fd: int) -> int:
    """Who made an open folder of the system's; its owner where nobody knows. Raises: OSError."""
    found = os.fstat(fd)
    if not found.st_mode & 0o1000:
        return found.st_uid
    try:
        text = os.getxattr(fd, MADE_BY)
    except OSError as error:
        if error.errno not in _NOT_KEPT:
            raise
        return found.st_uid
    return int(text) if text.isdigit() and int(text) < 1 << 32 else found.st_uid
