"""What the disk says of an entry: statx, for the times of birth and the immutable flag that os.stat leaves out.

Source: statx(2), Linux >= 4.11, glibc >= 2.28.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat as bits
import struct
from datetime import UTC, datetime

from jupyter_modama.core.model import EntryKind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat

_libc = ctypes.CDLL(None, use_errno=True)
_NO_FOLLOW, _EMPTY_PATH, _NO_AUTOMOUNT = 0x100, 0x1000, 0x800
_BASIC_AND_BIRTH = 0xFFF
_IMMUTABLE = 0x10
_MOUNT_ROOT = 0x2000  # Linux >= 5.8
_FACCESSAT2, _EFFECTIVE = 439, 0x200
_FIELDS = struct.Struct("=IIQIIIHxxQQQQqIiqIiqIiqIiIIII")


def statx(dir_fd: int, name: str = "") -> tuple[int, ...]:
    """The raw fields of one entry below a folder's descriptor; without a name, of the descriptor itself.

    Raises: OSError.
    """
    buffer = ctypes.create_string_buffer(256)
    flags = _NO_FOLLOW | _NO_AUTOMOUNT | (0 if name else _EMPTY_PATH)
    if _libc.statx(dir_fd, os.fsencode(name), flags, _BASIC_AND_BIRTH, buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return _FIELDS.unpack_from(buffer)


def stat_at(dir_fd: int, name: str, path: TreePath) -> Stat:
    """The Stat of one entry, not following a symlink.

    Raises: OSError.
    """
    (mask, _, attributes, nlink, uid, gid, mode, inode, size, _, _, *times) = statx(dir_fd, name)
    _, _, _, born_s, born_ns, _, changed_s, changed_ns, _, modified_s, modified_ns, _, _, _, major, minor = times
    kind = kind_of(mode)
    return Stat(
        path=path,
        kind=kind,
        size_bytes=size,
        modified=moment(modified_s, modified_ns),
        changed=moment(changed_s, changed_ns),
        born=moment(born_s, born_ns) if mask & 0x800 and born_s > 0 else None,
        uid=uid,
        gid=gid,
        mode=mode & 0o7777,
        nlink=nlink,
        inode=inode,
        device=os.makedev(major, minor),
        immutable=bool(attributes & _IMMUTABLE),
        target=os.readlink(name, dir_fd=dir_fd) if kind is EntryKind.LINK and name else "",
    )


def may(fd: int, mode: int) -> bool:
    """Whether the kernel lets this process read, write or enter (R_OK, W_OK, X_OK) the inode of an O_PATH descriptor.

    Source: faccessat2(2), Linux >= 5.8; before that by way of /proc, which is wrong after a change of uid without exec.
    """
    if _libc.syscall(_FACCESSAT2, fd, b"", mode, _EFFECTIVE | _EMPTY_PATH) == 0:
        return True
    if ctypes.get_errno() in {errno.ENOSYS, errno.EINVAL}:
        return os.access(f"/proc/self/fd/{fd}", mode, effective_ids=True)
    return False


def is_mount(fd: int) -> bool:
    """Whether something is mounted at an open folder, of the same disk too (a bind mount).

    Raises: OSError.
    """
    attributes, known = (statx(fd)[i] for i in (2, 10))
    return bool(attributes & known & _MOUNT_ROOT)


def is_immutable_at(fd: int) -> bool:
    """Whether the inode of a descriptor, an O_PATH one too, has the immutable flag.

    Raises: OSError.
    """
    return bool(statx(fd)[2] & _IMMUTABLE)


def kind_of(mode: int) -> EntryKind:
    """File, folder, link or other, from the mode of an inode."""
    if bits.S_ISREG(mode):
        return EntryKind.FILE
    if bits.S_ISDIR(mode):
        return EntryKind.FOLDER
    return EntryKind.LINK if bits.S_ISLNK(mode) else EntryKind.OTHER


def moment(seconds: int, nanoseconds: int = 0) -> datetime:
    """An aware UTC time; times that no calendar holds (a disk can store them) become the nearest that one does."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC) if seconds < 0 else datetime.max.replace(tzinfo=UTC)
