"""What the doctor looks at between the root and the sessions: whose the folders are, and on which file systems.

Only folders are looked at, and a bounded number of them.
"""

from __future__ import annotations

import fcntl
import grp
import os
import stat as bits
import time
from collections import Counter
from collections.abc import Iterator, Sized
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

from jupyter_modama.core.layout import area_of, depth, place
from jupyter_modama.core.model import Finding, PersonKind, Severity, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags, people
from jupyter_modama.store.beneath import FOLDER, opened
from jupyter_modama.store.lists import Kind, kind_of_lists
from jupyter_modama.store.machine import is_shared

OK, NOTE, WARNING, FAILURE = Severity.OK, Severity.NOTE, Severity.WARNING, Severity.FAILURE
LOOKED_AT = 2000  # folders of projects and sessions
NAMED = 5
AHEAD_S = 60
STICKY = 0o1000
OVERFLOW_UID = 65534
MAKE = "make it, or mend the name in the site file; if it is there elsewhere, this machine lacks the directory (sssd)"


def folders(root_fd: int, site: Site) -> Iterator[tuple[TreePath, str, os.stat_result]]:
    """Areas, projects, sessions and raw folders with what they are and their status, as many as are looked at."""
    found = _below(root_fd, site, TreePath(""))
    yield from islice(found, LOOKED_AT)


def _below(root_fd: int, site: Site, path: TreePath) -> Iterator[tuple[TreePath, str, os.stat_result]]:
    with suppress(OSError), opened(root_fd, path, FOLDER) as fd:
        for name in sorted(os.listdir(fd)):
            below = path / name
            area = area_of(site, below)
            if area is None or name.startswith("."):
                continue
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if not bits.S_ISDIR(status.st_mode):
                continue
            level, project = len(below.parts) - 1, depth(area)
            kind = "area" if not level else "level" if level < project else "project" if level == project else "session"
            yield below, kind, status
            if kind == "session":
                yield from _raw(fd, below, place(site, below).raw)
            else:
                yield from _below(root_fd, site, below)


def _raw(project_fd: int, session: TreePath, raw: TreePath) -> Iterator[tuple[TreePath, str, os.stat_result]]:
    with suppress(OSError):
        status = os.stat(f"{session.name}/{raw.name}", dir_fd=project_fd, follow_symlinks=False)
        if bits.S_ISDIR(status.st_mode):
            yield raw, "raw", status


def check_levels(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether nobody but the system can rename or remove areas, projects and the system's sessions."""
    system = {0, os.geteuid(), *([uid] if site.account and (uid := people.uid_of(site.account)) is not None else [])}
    if not is_shared(root_fd, site):
        return
    root = os.fstat(root_fd)
    theirs = [(site.root, root.st_uid)] if root.st_uid not in system else []
    not_sticky: list[str] = []
    by_hand: list[str] = []
    raws: list[tuple[str, int]] = []
    for path, kind, status in folders(root_fd, site):
        is_ours, others_write = status.st_uid in system, bool(status.st_mode & 0o022)
        if kind in {"area", "level"} and not is_ours:
            theirs.append((path.shown, status.st_uid))
        elif kind == "project" and not is_ours:
            by_hand.append(path.shown)
        elif kind == "raw" and not is_ours and not (by_hand and path.below(TreePath(by_hand[-1]))):
            raws.append((path.shown, status.st_uid))
        elif others_write and not status.st_mode & STICKY and is_ours:
            not_sticky.append(path.shown)
    if theirs:
        step = f"chown {site.account or 'root'} them; who owns such a folder can rename all projects below it"
        yield Finding(name, FAILURE, f"people own {_count(theirs, 'folder')} above projects: {_owned(theirs)}", step)
    if not_sticky:
        step = "chmod +t, or repair the projects; until then every member can rename or remove what is in there"
        some = ", ".join(not_sticky[:NAMED])
        yield Finding(name, WARNING, f"{_count(not_sticky, 'folder')} of the system not sticky: {some}", step)
    if raws:
        step = (
            "repair the projects, or chown the folders; who owns a raw folder can rename or remove it before the seal"
        )
        yield Finding(name, WARNING, f"people own {_count(raws, 'raw folder')} of sessions: {_owned(raws)}", step)
    if by_hand:
        some = ", ".join(by_hand[:NAMED])
        step = "`modama project adopt` gives owners, members and protection; until then nothing in there is mended"
        yield Finding(name, NOTE, f"{_count(by_hand, 'project')} made by hand: {some}", step)
    if not theirs and not not_sticky and not raws:
        yield Finding(name, OK, "nobody but the system can move away areas, projects and raw folders")


def _owned(found: list[tuple[str, int]]) -> str:
    return ", ".join(f"{path} ({people.person(uid).login})" for path, uid in found[:NAMED])


def _count(found: Sized, noun: str) -> str:
    return f"{len(found):,} {noun}" + ("" if len(found) == 1 else "s")


def check_people(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether the numbers on the disk are people that this machine knows."""
    owners: Counter[int] = Counter()
    example: dict[int, str] = {}
    for path, kind, status in folders(root_fd, site):
        if kind in {"project", "session"}:
            owners[status.st_uid] += 1
            example.setdefault(status.st_uid, path.shown)
    if OVERFLOW_UID in owners:
        step = "let this machine and the file server use the same numbers (idmapping, NFS id domain, user namespaces)"
        yield Finding(
            name, FAILURE, f"“{example[OVERFLOW_UID]}” belongs to {OVERFLOW_UID}: its real owner is not passed on", step
        )
    known = {uid: people.person(uid).kind is not PersonKind.UNKNOWN for uid in owners if uid != OVERFLOW_UID}
    unknown = sorted(uid for uid, is_known in known.items() if not is_known)
    if unknown:
        some = ", ".join(f"{uid} ({example[uid]})" for uid in unknown[:NAMED])
        step = (
            "if these people left, transfer their projects; if not, this machine lacks the directory of accounts (sssd)"
        )
        yield Finding(name, WARNING, f"{_count(unknown, 'owner')} without an account here: {some}", step)
    low = sorted(uid for uid, yes in known.items() if yes and 0 < uid < site.minimum_uid and uid != _account(site))
    if low:
        some = ", ".join(f"{people.person(uid).login} ({uid})" for uid in low[:NAMED])
        step = f"lower minimum_uid (now {site.minimum_uid}) in the site file if these are people"
        yield Finding(name, WARNING, f"accounts of the system own projects or sessions: {some}", step)
    if known and not unknown and not low and OVERFLOW_UID not in owners:
        yield Finding(name, OK, f"{_count(known, 'owner')} of projects and sessions, all with accounts here")
    yield from _settings(site, name)


def _account(site: Site) -> int | None:
    return people.uid_of(site.account) if site.account else None


def _settings(site: Site, name: str) -> Iterator[Finding]:
    """Whether the accounts and groups that the site file names are there."""
    for account in (site.account, *(one for one in site.instruments if not one.startswith("@"))):
        if account and people.uid_of(account) is None:
            yield Finding(name, FAILURE, f"there is no account “{account}”, which the site file names", MAKE)
    for group in (site.administrators, site.externals, *(one[1:] for one in site.instruments if one.startswith("@"))):
        try:
            if group:
                grp.getgrnam(group)
        except KeyError:
            yield Finding(name, WARNING, f"there is no group “{group}”, which the site file names", MAKE)


def check_times(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether anything in the tree was changed in the future, by the clock that nobody can set for a file."""
    now = time.time()
    ahead = [(path, status) for path, _, status in folders(root_fd, site) if status.st_ctime > now + AHEAD_S]
    if ahead:
        path, status = max(ahead, key=lambda one: one[1].st_ctime)
        when = datetime.fromtimestamp(status.st_ctime, UTC)
        step = "have the time of this machine and of the file server set; sessions and seals carry it"
        yield Finding(name, WARNING, f"“{path.shown}” was changed at {when:%Y-%m-%d %H:%M} UTC, which is to come", step)


# File systems --------------------------------------------------------------------------------------------------------


def file_systems(root_fd: int) -> Iterator[tuple[str, int]]:
    """Areas on file systems of their own, each with its open folder; only valid until the next is asked for."""
    try:
        names = sorted(os.listdir(root_fd))
    except OSError:
        return
    seen = {os.fstat(root_fd).st_dev}
    for area in names:
        with suppress(OSError), opened(root_fd, TreePath(area), FOLDER) as fd:
            device = os.fstat(fd).st_dev
            if device not in seen:
                seen.add(device)
                yield area, fd


def check_areas(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether each file system of the tree keeps lists and flags."""
    if kind_of_lists(root_fd) is Kind.NFS4:
        step = "mend rights on the machine that the disks are in"
        yield Finding(name, NOTE, "the tree has NFSv4 access lists here", step)
    for area, fd in file_systems(root_fd):
        yield from _kept(fd, area, name)


def _kept(fd: int, area: str, name: str) -> Iterator[Finding]:
    kind, has_flags = kind_of_lists(fd), _has_flags(fd)
    if kind is Kind.NONE:
        step = "members need them; mount the file system with acl"
        yield Finding(name, WARNING, f"{area} lies on a file system without access lists", step)
    if not has_flags:
        step = "ext4, xfs and btrfs have it; otherwise a seal takes write permission away, which an owner can give back"
        yield Finding(name, WARNING, f"{area} lies on a file system without the immutable flag", step)
    if kind is not Kind.NONE and has_flags:
        yield Finding(name, OK, f"{area}, on a file system of its own, has {kind} access lists and the immutable flag")


def _has_flags(fd: int) -> bool:
    try:
        fcntl.ioctl(fd, flags.GET, bytes(4))
    except OSError:
        return False
    return True
