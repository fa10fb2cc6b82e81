"""Access lists as the kernel keeps them in extended attributes of a file or folder.

Sources: acl(5); linux/posix_acl_xattr.h: a version (2) and entries of tag, bits and id, little-endian, sorted by tag
and id.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import replace

from jupyter_modama.core.gate import AccessList

ACCESS = "system.posix_acl_access"
DEFAULT = "system.posix_acl_default"
TOO_LONG = {errno.ENOSPC, errno.E2BIG, errno.EDQUOT, errno.ERANGE}  # ext4 holds 249 names where a folder passes them on
_VERSION, _ENTRY, _NOBODY = 2, struct.Struct("<HHI"), 0xFFFFFFFF
_OWNER, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_LIST = {errno.ENODATA, errno.ENOTSUP}


def encode(wanted: AccessList) -> bytes:
    """The attribute of a list; one with named entries and without a mask gets the mask that bounds nothing."""
    mask = wanted.mask
    if mask is None and wanted.named:
        mask = 7
    entries = [(_OWNER, wanted.owner, _NOBODY)]
    entries += [(_USER, bits, uid) for uid, bits in sorted(wanted.users.items())]
    entries += [(_GROUP_OBJ, wanted.group, _NOBODY)]
    entries += [(_GROUP, bits, gid) for gid, bits in sorted(wanted.groups.items())]
    if mask is not None:
        entries.append((_MASK, mask, _NOBODY))
    entries.append((_OTHER, wanted.other, _NOBODY))
    return struct.pack("<I", _VERSION) + b"".join(_ENTRY.pack(*entry) for entry in entries)


def decode(raw: bytes) -> AccessList:
    """The list in an attribute.

    Raises: ValueError where it is none.
    """
    if len(raw) < 4 or (len(raw) - 4) % _ENTRY.size or struct.unpack_from("<I", raw)[0] != _VERSION:
        raise ValueError("no access list of the known form")
    single: dict[int, int] = {}
    users: dict[int, int] = {}
    groups: dict[int, int] = {}
    for tag, bits, ident in _ENTRY.iter_unpack(raw[4:]):
        if tag == _USER:
            users[ident] = bits & 7
        elif tag == _GROUP:
            groups[ident] = bits & 7
        else:
            single[tag] = bits & 7
    if not {_OWNER, _GROUP_OBJ, _OTHER} <= set(single):
        raise ValueError("an access list without owner, group or other")
    return AccessList(single[_OWNER], single[_GROUP_OBJ], single[_OTHER], users, groups, single.get(_MASK))


def from_mode(mode: int) -> AccessList:
    """The list that a mode alone stands for."""
    return AccessList(mode >> 6 & 7, mode >> 3 & 7, mode & 7)


def mode_of(wanted: AccessList) -> int:
    """The nine bits that the kernel shows for a list: the mask stands in place of the group."""
    return wanted.owner << 6 | (wanted.group if wanted.mask is None else wanted.mask) << 3 | wanted.other


def bounded(wanted: AccessList) -> AccessList:
    """A list without names as the mode alone says it: what the mask takes away is gone."""
    return replace(wanted, group=wanted.group & wanted.upper, mask=None)


def read(fd: int, mode: int | None = None) -> AccessList:
    """The list that the kernel goes by at a descriptor, an O_PATH one too.

    Raises: OSError.
    """
    raw = _attribute(fd, ACCESS)
    try:
        return decode(raw)
    except ValueError:
        return from_mode(os.fstat(fd).st_mode if mode is None else mode)


def read_default(fd: int) -> AccessList | None:
    """What new entries of an open folder inherit, None where they go by the umask."""
    try:
        return decode(_attribute(fd, DEFAULT))
    except ValueError:
        return None


def raw_lists(fd: int, is_folder: bool) -> tuple[bytes, bytes]:
    """Both attributes as they are, empty where there is none: for comparing without decoding."""
    return _attribute(fd, ACCESS), _attribute(fd, DEFAULT) if is_folder else b""


def read_open(fd: int) -> bytes:
    """The list of an open file as it is, empty where there is none; not by a path, which costs twice as much.

    Raises: OSError.
    """
    try:
        return os.getxattr(fd, ACCESS)
    except OSError as error:
        if error.errno in _NO_LIST:
            return b""
        if error.errno != errno.EBADF:  # as of one that could be held by its path only
            raise
    return _attribute(fd, ACCESS)


def write(fd: int, wanted: AccessList) -> None:
    """Set the list of an open file or folder, and with it the nine bits of its mode; the others stay.

    Raises: OSError; ENOSPC where the list has more entries than the file system holds.
    """
    _set(fd, ACCESS, wanted)


def write_default(fd: int, wanted: AccessList | None) -> None:
    """Set what new entries of an open folder inherit, or nothing.

    Raises: OSError.
    """
    if wanted is not None:
        _set(fd, DEFAULT, wanted)
    else:
        _remove(fd, DEFAULT)


def put_back(fd: int, raw: tuple[bytes, bytes], mode: int) -> None:
    """Give an open folder the lists, and the mode, that it had before.

    Raises: OSError.
    """
    for name, value in zip((DEFAULT, ACCESS), reversed(raw), strict=True):
        if value:
            os.setxattr(_way(fd), name, value)
        else:
            _remove(fd, name)
    os.chmod(_way(fd), stat.S_IMODE(mode))


def clear(fd: int) -> None:
    """Leave a file or folder with its mode alone, and with nothing to pass on.

    Raises: OSError.
    """
    _remove(fd, ACCESS)
    _remove(fd, DEFAULT)


def _remove(fd: int, name: str) -> None:
    try:
        os.removexattr(_way(fd), name)
    except OSError as error:
        if error.errno not in _NO_LIST:
            raise


def _set(fd: int, name: str, wanted: AccessList) -> None:
    if wanted.named or name == DEFAULT:
        os.setxattr(_way(fd), name, encode(wanted))
        return
    _remove(fd, name)
    os.chmod(_way(fd), stat.S_IMODE(os.stat(_way(fd)).st_mode) & ~0o777 | mode_of(bounded(wanted)))


def supported(fd: int) -> bool:
    """Whether the file system of an open folder keeps access lists."""
    try:
        os.getxattr(_way(fd), ACCESS)
    except OSError as error:
        return error.errno == errno.ENODATA
    return True


def _attribute(fd: int, name: str) -> bytes:
    try:
        return os.getxattr(_way(fd), name)
    except OSError as error:
        if error.errno in _NO_LIST:
            return b""
        raise


def _way(fd: int) -> str:
    """The inode of a descriptor, and no other, by a path: works for O_PATH descriptors, as fgetxattr does not."""
    return f"/proc/self/fd/{fd}"
