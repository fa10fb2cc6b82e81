"""Which rule the kernel applies to the running person at an entry, and how much their quota leaves.

Sources: acl(5), the form of `system.posix_acl_access` in linux/posix_acl_xattr.h; quotactl(2) with quotactl_fd,
Linux >= 5.14.
"""

from __future__ import annotations

import ctypes
import os
import struct

from jupyter_modama.core.ports import Rule
from jupyter_modama.store import people

ACL = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_QUOTACTL_FD, _GET_QUOTA, _USER_QUOTA, _GROUP_QUOTA = 443, 0x800007, 0, 1
_QUOTA = struct.Struct("=QQQQQQQQIxxxx")
_libc = ctypes.CDLL(None, use_errno=True)

Acl = list[tuple[int, int, int]]  # tag, permission bits, id


def rule_at(fd: int) -> Rule:
    """The rule that the kernel applies at an open (or O_PATH) descriptor to the running person.

    Raises: OSError.
    """
    found = os.fstat(fd)
    uid, groups = os.geteuid(), {os.getegid(), *os.getgroups()}
    if uid == 0:
        return Rule("superuser", "", 7, 7)
    acl = acl_at(fd) or _from_mode(found.st_mode)
    if uid == found.st_uid:
        bits = next(bits for tag, bits, _ in acl if tag == _USER_OBJ)
        return Rule("owner", people.person(uid).login, bits, bits)
    mask = next((bits for tag, bits, _ in acl if tag == _MASK), 7)
    for tag, bits, ident in acl:
        if tag == _USER and ident == uid:
            return Rule("named-user", people.person(uid).login, bits, bits & mask)
    matching = [
        (bits, found.st_gid if tag == _GROUP_OBJ else ident) for tag, bits, ident in acl if tag in {_GROUP_OBJ, _GROUP}
    ]
    matching = [(bits, gid) for bits, gid in matching if gid in groups]
    if matching:
        bits, gid = max(matching, key=lambda entry: entry[0] & mask & 2)
        return Rule("group", people.group(gid), bits, bits & mask)
    bits = next(bits for tag, bits, _ in acl if tag == _OTHER)
    return Rule("other", "", bits, bits)


def acl_at(fd: int) -> Acl:
    """The entries of the access ACL; none where there is none but the mode."""
    try:
        raw = os.getxattr(f"/proc/self/fd/{fd}", ACL)
    except OSError:
        return []
    if len(raw) < 4 or struct.unpack_from("<I", raw)[0] != 2:
        return []
    return [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw) - 7, 8)]


def _from_mode(mode: int) -> Acl:
    return [(_USER_OBJ, mode >> 6 & 7, 0), (_GROUP_OBJ, mode >> 3 & 7, 0), (_OTHER, mode & 7, 0)]


def quota_left(fd: int) -> tuple[int, int]:
    """Bytes and files that the quotas of the person and of the folder's group leave; -1 without a limit."""
    limits = [_left(fd, _USER_QUOTA, os.geteuid()), _left(fd, _GROUP_QUOTA, os.fstat(fd).st_gid)]
    least = [min((limit[i] for limit in limits if limit[i] >= 0), default=-1) for i in (0, 1)]
    return least[0], least[1]


def folder_quota(fd: int, beside_fd: int) -> int:
    """How many bytes may lie below a folder with a quota of its own; -1 without one, or where that cannot be told.

    Such a folder looks to statfs(2) like a disk of that size, to everybody, while quotactl(2) answers root alone.
    `beside_fd`: a descriptor elsewhere, which has no such quota. Sources: xfs_qm_statvfs, ext4_statfs_project (Linux).
    """
    here, beside = os.fstatvfs(fd), os.fstatvfs(beside_fd)
    if here.f_fsid != beside.f_fsid or here.f_blocks >= beside.f_blocks:
        return -1
    return here.f_blocks * here.f_frsize


def _left(fd: int, kind: int, ident: int) -> tuple[int, int]:
    buffer = ctypes.create_string_buffer(_QUOTA.size)
    if _libc.syscall(_QUOTACTL_FD, fd, (_GET_QUOTA << 8) | kind, ident, buffer) != 0:
        return -1, -1
    hard_kib, _, used_bytes, hard_files, _, used_files, *_ = _QUOTA.unpack_from(buffer)
    left_bytes = max(0, hard_kib * 1024 - used_bytes) if hard_kib else -1
    return left_bytes, max(0, hard_files - used_files) if hard_files else -1
