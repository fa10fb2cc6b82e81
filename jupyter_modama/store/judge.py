"""What the kernel answers for somebody else: asked in a thread that has their ids and no capabilities.

Root may everything, so that its own answer says nothing about the person for whom it acts. A thread of Linux has ids
of its own for the file system; the C library keeps `setgroups` the same for all threads, so the call is made directly.
Sources: setfsuid(2), capset(2), faccessat2(2).
"""

from __future__ import annotations

import ctypes
import grp
import os
import platform
import pwd
import threading
from collections.abc import Callable
from typing import TypeVar

Of = TypeVar("Of")
_libc = ctypes.CDLL(None, use_errno=True)
# setgroups and capset of each machine; Debian's other architectures have the numbers of arm64.
_CALLS = {"x86_64": (116, 126), "ppc64le": (81, 184), "s390x": (206, 185)}
_SETGROUPS, _CAPSET = _CALLS.get(platform.machine(), (159, 91))
_CAPABILITY_VERSION = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def groups_of(uid: int) -> tuple[int, list[int]]:
    """The first group of a person and all groups; none that anybody else has where the uid is unknown."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return 0xFFFFFFFE, []
    return found.pw_gid, os.getgrouplist(found.pw_name, found.pw_gid)


def is_in_group(uid: int, name: str) -> bool:
    """Whether the directory knows a person as a member of a group."""
    try:
        return bool(name) and grp.getgrnam(name).gr_gid in groups_of(uid)[1]
    except (KeyError, ValueError):
        return False


def as_person(uid: int, look: Callable[[], Of]) -> Of:
    """Do `look` with what the file system grants to a person.

    Raises: PermissionError where this process may not take other ids, and what `look` raises.
    """
    if uid == os.geteuid():
        return look()
    gid, groups = groups_of(uid)
    answers: list[Of] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            _become(uid, gid, groups)
            answers.append(look())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=ask, name="modama-judge")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]


def _become(uid: int, gid: int, groups: list[int]) -> None:
    """Take the ids of a person for the file system, in this thread alone, and for good.

    Raises: PermissionError where that did not work in full: it must never be this process that is asked about.
    """
    array = (ctypes.c_uint32 * len(groups))(*groups)
    if _libc.syscall(_SETGROUPS, len(groups), array) != 0:
        raise PermissionError(ctypes.get_errno(), "this process may not look as somebody else")
    for change, wanted in ((_libc.setfsgid, gid), (_libc.setfsuid, uid)):
        change(ctypes.c_uint32(wanted))
        if ctypes.c_uint32(change(ctypes.c_uint32(0xFFFFFFFF))).value != wanted:  # it only ever answers what was before
            raise PermissionError(1, "this process may not look as somebody else")
    # From uid 0 the kernel takes what matters away by itself; a keeper with other ids has to lay it down.
    header, data = _Header(_CAPABILITY_VERSION, 0), (_Data * 2)()
    if _libc.syscall(_CAPSET, ctypes.byref(header), data) != 0:
        raise PermissionError(ctypes.get_errno(), "this process may not lay its rights down")
