"""Whether a seal below a session's folder would hold: nobody but the system may rename or remove what leads to raw."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Collection

from jupyter_modama.core.errors import NotAdoptable
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import people
from jupyter_modama.store.beneath import FOLDER, opened

STICKY = 0o1000


def adopt(root_fd: int, raw: TreePath, system: Collection[int], *, change: bool) -> list[str]:
    """Find out what could be moved away from above a seal; with `change`, take session and raw into the system's care.

    `system` are the uids that count as the system: root, the site's account, and in a tree of one's own oneself.
    Answers what is weak; as root nothing may be weak.
    Raises: NotAdoptable, naming the folder, when this is root and it cannot be mended here; OSError.
    """
    is_root = os.geteuid() == 0
    if is_root and change:
        for path in (raw.parent, raw):
            _own(root_fd, path)
    weak = []
    path = raw
    while path:
        said = _weakness(root_fd, path, system)
        if said and is_root and (change or path not in {raw, raw.parent}):
            raise NotAdoptable(folder=path.shown, by=said, next_step=_mend(path, raw))
        if said and not is_root:
            weak.append(f"“{path.shown}” can be renamed or removed by {said}")
        path = path.parent
    return weak


def _own(root_fd: int, path: TreePath) -> None:
    """Make a folder the system's and sticky: members go on making files in it, and cannot move what is ours."""
    with opened(root_fd, path, FOLDER) as fd:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            os.fchown(fd, os.geteuid(), -1)
        if status.st_mode & 0o022 and not status.st_mode & STICKY:
            os.fchmod(fd, (status.st_mode & 0o7777) | STICKY)


def _weakness(root_fd: int, path: TreePath, system: Collection[int]) -> str:
    """Who could rename this folder: whoever may write the one above, unless that is sticky and this is the system's."""
    with opened(root_fd, path.parent, FOLDER) as fd:
        above = os.fstat(fd)
    with opened(root_fd, path, FOLDER) as fd:
        owner = os.fstat(fd).st_uid
    if above.st_uid not in system:
        return f"{people.person(above.st_uid).login}, who owns the folder above it"
    if not _others_write(above):
        return ""
    if not above.st_mode & STICKY:
        return "everybody who may write in the folder above it"
    return "" if owner in system else f"{people.person(owner).login}, who owns it"


def _others_write(status: os.stat_result) -> bool:
    """Whether anybody but the owner may write; a group of the owner's own does not count."""
    if status.st_mode & 0o002:
        return True
    return bool(status.st_mode & 0o020) and not _private_group(status.st_uid, status.st_gid)


def _private_group(uid: int, gid: int) -> bool:
    try:
        person, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return person.pw_gid == gid and group.gr_name == person.pw_name and not set(group.gr_mem) - {person.pw_name}


def _mend(path: TreePath, raw: TreePath) -> str:
    if path == raw.parent.parent:
        return "an administrator can adopt the project (it then belongs to the system and is sticky)"
    return "an administrator can take write permission away from the folder above it, or make that sticky"
