"""Whether a seal below a session's folder would hold: nobody but the system may rename or remove what leads to raw."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import struct
from collections.abc import Collection
from functools import reduce
from operator import or_

from jupyter_modama.core.errors import NotAdoptable
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags, people
from jupyter_modama.store.beneath import FILE, FOLDER, opened
from jupyter_modama.store.rights import ACL, acl_at

STICKY = 0o1000
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY = 0xFFFFFFFF


def adopt(root_fd: int, raw: TreePath, system: Collection[int], *, change: bool) -> list[str]:
    """Find out what could be moved away from above a seal; with `change`, take session and raw into the system's care.

    `system` are the uids that count as the system: root, the site's account, and in a tree of one's own oneself.
    Answers what is weak; as root nothing may be weak, and nothing is changed unless the whole way is fine.
    Raises: NotAdoptable, naming the folder, when this is root and it cannot be mended here; OSError.
    """
    is_root = os.geteuid() == 0
    weak = []
    path = raw.parent if is_root else raw  # root will own the session, and so what is in it
    while path:
        said = _weakness(root_fd, path, system, will_be_ours=is_root and path == raw.parent)
        if said and is_root:
            raise NotAdoptable(folder=path.shown, by=said, next_step=_mend(path, raw))
        if said:
            weak.append(f"“{path.shown}” can be renamed or removed by {said}")
        path = path.parent
    if is_root and change:
        for path in (raw.parent, raw):
            _own(root_fd, path)
        _own_records(root_fd, raw.parent)
    return weak


def _own(root_fd: int, path: TreePath) -> None:
    """Make a folder the system's and sticky: people go on making files in it, and cannot move what is ours."""
    with opened(root_fd, path, FOLDER) as fd:
        status = os.fstat(fd)
        if flags.is_immutable(fd):
            return  # sealed long ago
        if status.st_uid != os.geteuid():
            _keep_in(fd, status)
            os.fchown(fd, os.geteuid(), -1)
        mode = os.fstat(fd).st_mode
        if mode & 0o022 and not mode & STICKY:
            os.fchmod(fd, (mode & 0o7777) | STICKY)


def _own_records(root_fd: int, session: TreePath) -> None:
    """Take over what the owner so far has written down: of a session of the system's it would not be believed.

    Nothing but the description goes over: what says something about a seal has to be the system's own.
    """
    try:
        with opened(root_fd, session / RECORDS, FOLDER) as box:
            if os.fstat(box).st_uid != os.geteuid():
                os.fchmod(box, 0o755)
                os.fchown(box, os.geteuid(), -1)
            with opened(box, TreePath("session.json"), FILE) as fd:
                status = os.fstat(fd)
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid != os.geteuid():
                    os.fchmod(fd, 0o644)
                    os.fchown(fd, os.geteuid(), -1)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:
            raise


def _keep_in(fd: int, status: os.stat_result) -> None:
    """Let the person who has owned a folder so far go on making files in it, by an entry in its ACL.

    Nobody else gains by the wider mask. Where the file system has no ACLs only the mode counts.
    """
    owner, group, other = status.st_mode >> 6 & 7, status.st_mode >> 3 & 7, status.st_mode & 7
    entries = acl_at(fd) or [(_USER_OBJ, owner, 0), (_GROUP_OBJ, group, 0), (_OTHER, other, 0)]
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), 7)
    limited = {_USER, _GROUP_OBJ, _GROUP}
    kept = [(tag, bits & mask if tag in limited else bits, ident) for tag, bits, ident in entries if tag != _MASK]
    kept = [entry for entry in kept if (entry[0], entry[2]) != (_USER, status.st_uid)]
    kept.append((_USER, owner, status.st_uid))
    widest = reduce(or_, (bits for tag, bits, _ in kept if tag in limited))
    kept.append((_MASK, widest, 0))
    rows = sorted((tag, ident if tag in {_USER, _GROUP} else _NOBODY, bits) for tag, bits, ident in kept)
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bits, ident) for tag, ident, bits in rows)
    try:
        os.setxattr(fd, ACL, raw)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}:
            raise


def _weakness(root_fd: int, path: TreePath, system: Collection[int], *, will_be_ours: bool) -> str:
    """Who could rename this folder: whoever may write the one above, unless that is sticky and this is the system's."""
    with opened(root_fd, path.parent, FOLDER) as fd:
        above = os.fstat(fd)
        others = _others_write(above) or (bool(above.st_mode & 0o020) and bool(acl_at(fd)))
    with opened(root_fd, path, FOLDER) as fd:
        owner = os.fstat(fd).st_uid
    if above.st_uid not in system:
        return f"{people.person(above.st_uid).login}, who owns the folder above it"
    if not others:
        return ""
    if not above.st_mode & STICKY:
        return "everybody who may write in the folder above it"
    return "" if will_be_ours or owner in system else f"{people.person(owner).login}, who owns it"


def _others_write(status: os.stat_result) -> bool:
    """Whether anybody but the owner may write; a group of the owner's own does not count."""
    if status.st_mode & 0o002:
        return True
    return bool(status.st_mode & 0o020) and not private_group(status.st_uid, status.st_gid)


def private_group(uid: int, gid: int) -> bool:
    """Whether a group is somebody's own, with nobody else in it."""
    try:
        person, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return person.pw_gid == gid and group.gr_name == person.pw_name and not set(group.gr_mem) - {person.pw_name}


def _mend(path: TreePath, raw: TreePath) -> str:
    if path == raw.parent.parent:
        return "an administrator can adopt the project (it then belongs to the system and is sticky)"
    return "an administrator can take write permission away from the folder above it, or make that sticky"
