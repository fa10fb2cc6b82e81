"""Making, renaming and removing our folders, below the descriptor of the folder that they are in.

What takes several steps is done under a hidden name, so that a crash leaves nothing half-made where people look; such
leftovers are cleared away, an hour later, by whoever makes or removes something beside them.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import secrets
import time
from contextlib import suppress

from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat
from jupyter_modama.core.removal import OWN_RECORDS
from jupyter_modama.core.sessions import MADE_OF, NOTES, mark_of
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, open_beneath, opened
from jupyter_modama.store.lists import lists_of
from jupyter_modama.store.status import stat_at

FORGOTTEN_S = 3600.0
_LEFTOVER = re.compile(rf"^{re.escape(RECORDS)}-(new|removed)-[0-9a-f]{{8}}$")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_REPLACE = 1
_libc = ctypes.CDLL(None, use_errno=True)


def hidden_name(what: str) -> str:
    """A name that nobody has, for something that is being made (`new`) or removed (`removed`)."""
    return f"{RECORDS}-{what}-{secrets.token_hex(4)}"


def make_folder(parent: int, name: str, mode: int | None) -> None:
    """Make a folder of a mode; without one the kernel's default ACL decides. Nothing stays where that fails.

    Raises: OSError.
    """
    os.mkdir(name, 0o777 if mode is None else 0o700, dir_fd=parent)
    if mode is None:
        return
    try:
        fd = os.open(name, FOLDER, dir_fd=parent)
        try:
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
    except BaseException:
        with suppress(OSError):
            os.rmdir(name, dir_fd=parent)
        raise


def folder_mode(parent: int, like: str, visibility: str) -> int | None:
    """The mode of a new folder: below a project that of the folder above it, since the project's root is the gate.

    None where the folder above has a default ACL, which the kernel applies.
    """
    if like == "area":
        return 0o755
    if like == "project":
        return 0o3755 if visibility == "open" else 0o3700
    return None if has_default_acl(parent) else os.fstat(parent).st_mode & 0o2777


def has_default_acl(folder: int) -> bool:
    """Whether what is made in an open folder inherits a list, of whichever kind."""
    try:
        return lists_of(folder).read_default(folder) is not None
    except OSError:
        return False


def make_file(parent: int, name: str, text: str, owner: int | None = None) -> None:
    """Make a small file that must not exist yet, writable like the folder that it lies in; whole or not at all.

    Raises: OSError.
    """
    mode = os.fstat(parent).st_mode & 0o666
    fd = os.open(name, _NEW_FILE, mode, dir_fd=parent)
    try:
        if not has_default_acl(parent):
            os.fchmod(fd, mode)  # whatever the umask took away
        view = memoryview(text.encode("utf-8", "backslashreplace"))
        while view:
            view = view[os.write(fd, view) :]
        if owner is not None:
            os.fchown(fd, owner, -1)
        os.fsync(fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=parent)
        raise
    finally:
        os.close(fd)


def rename(parent: int, old: str, new: str) -> None:
    """Give an entry another name in its folder, never over something that is there.

    Raises: FileExistsError, OSError.
    """
    move(parent, old, parent, new)


def move(old_parent: int, old: str, new_parent: int, new: str) -> None:
    """Rename an entry into another folder of the same file system, never over something that is there.

    Raises: FileExistsError, OSError (EXDEV across file systems: nothing is ever copied).
    """
    if _libc.renameat2(old_parent, os.fsencode(old), new_parent, os.fsencode(new), _NO_REPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in {errno.EINVAL, errno.ENOSYS}:
        raise OSError(number, os.strerror(number), new)
    try:  # a file system that cannot refuse to replace by itself, such as NFS: look first
        os.stat(new, dir_fd=new_parent, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=old_parent, dst_dir_fd=new_parent)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)


def is_same(now: Stat, then: Stat) -> bool:
    """Whether an entry is still the one that was looked at, and belongs to the same person."""
    return (now.inode, now.device, now.kind, now.uid) == (then.inode, then.device, then.kind, then.uid)


def remove(parent: int, name: str, is_folder: bool) -> None:
    """Remove a file, or a folder that is empty. Raises: OSError."""
    if is_folder:
        os.rmdir(name, dir_fd=parent)
    else:
        os.unlink(name, dir_fd=parent)


# Removing a session --------------------------------------------------------------------------------------------------


def remove_session(parent: int, name: str, raw: str, notes: Stat | None) -> None:
    """Remove a session that holds only folders, its own record and, where they are given, untouched notes.

    Anything else, and anything that appears meanwhile, stops it: nothing of that is lost, and the session stays one.
    Raises: OSError (ENOTEMPTY with the name of what is in the way).
    """
    fd = os.open(name, FOLDER, dir_fd=parent)
    try:
        for inner in os.listdir(fd):
            if inner not in {RECORDS, NOTES, raw}:
                remove_folders(fd, inner)
        _empty_folder(fd, raw)
        if notes is not None:
            _remove_notes(fd, notes)
        mode = os.stat(raw, dir_fd=fd, follow_symlinks=False).st_mode & 0o7777
        aside = hidden_name("removed")
        rename(parent, name, aside)  # so that nobody finds it by its path meanwhile
        try:
            os.rmdir(raw, dir_fd=fd)
            try:
                _remove_records(fd)
                os.rmdir(aside, dir_fd=parent)
            except OSError:
                make_folder(fd, raw, mode)
                raise
        except OSError:
            _put_back(parent, aside, name)
            raise
    finally:
        os.close(fd)


def _put_back(parent: int, aside: str, name: str) -> None:
    try:
        rename(parent, aside, name)
    except FileExistsError:  # taken meanwhile by a program that is none of ours
        rename(parent, aside, f"{name}-{aside[-8:]}")


def remove_folders(parent: int, name: str) -> None:
    """Remove a folder with the folders in it, from below; the first thing that is none stops it.

    Raises: OSError.
    """
    _empty_folder(parent, name)
    os.rmdir(name, dir_fd=parent)


def _empty_folder(parent: int, name: str) -> None:
    """Remove the folders in a folder, however deep; the folder itself stays."""
    top = _opened_folder(parent, name)
    try:
        found = [""]
        for at in found:  # grows while it is read: every folder below, those further down later
            inner = _opened_folder(top, at)
            try:
                found += [f"{at}/{n}" if at else n for n in os.listdir(inner)]
            finally:
                os.close(inner)
        for at in reversed(found[1:]):
            above, _, last = at.rpartition("/")
            with opened(top, TreePath(above)) as folder:
                os.rmdir(last, dir_fd=folder)
    finally:
        os.close(top)


def _opened_folder(parent: int, name: str) -> int:
    try:
        return open_beneath(parent, name, FOLDER)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), name) from error
        raise


def _remove_notes(folder: int, notes: Stat) -> None:
    if mark_of(stat_at(folder, NOTES, notes.path)) != mark_of(notes):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), NOTES)
    os.unlink(NOTES, dir_fd=folder)


def _remove_records(folder: int) -> None:
    """Remove the records that go with a session, and their folder; foreign files in it stop that."""
    try:
        box = os.open(RECORDS, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        names = os.listdir(box)
        foreign = [n for n in names if not n.startswith(OWN_RECORDS)]
        if foreign:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), f"{RECORDS}/{foreign[0]}")
        for name in names:
            os.unlink(name, dir_fd=box)
    finally:
        os.close(box)
    os.rmdir(RECORDS, dir_fd=folder)


# Leftovers -----------------------------------------------------------------------------------------------------------


def discard(parent: int, name: str) -> None:
    """Remove a folder of ours that was never finished: our own files and empty folders, nothing else."""
    if _brought_back(parent, name):
        return
    with suppress(OSError):
        fd = os.open(name, FOLDER, dir_fd=parent)
        try:
            for inner in os.listdir(fd):
                with suppress(OSError):
                    if inner == RECORDS:
                        _discard_records(fd)
                    elif inner == NOTES and "-new-" in name:
                        os.unlink(inner, dir_fd=fd)
                    else:
                        remove_folders(fd, inner)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=parent)


def _discard_records(folder: int) -> None:
    box = os.open(RECORDS, FOLDER, dir_fd=folder)
    try:
        for name in os.listdir(box):
            if name.lstrip(".").startswith(("session.", "project.")):
                os.unlink(name, dir_fd=box)
    finally:
        os.close(box)
    os.rmdir(RECORDS, dir_fd=folder)


def clear_leftovers(parent: int) -> None:
    """Clear away what a crash left here more than an hour ago."""
    for name in os.listdir(parent):
        if _LEFTOVER.match(name):
            with suppress(OSError):
                fd = os.open(name, PATH_ONLY, dir_fd=parent)
                age = time.time() - os.fstat(fd).st_mtime
                os.close(fd)
                if age > FORGOTTEN_S:
                    discard(parent, name)


def _brought_back(parent: int, name: str) -> bool:
    """Whether a folder was being made a session of when a crash came: it has its name again, with all that is in it."""
    try:
        with opened(parent, TreePath(f"{name}/{RECORDS}/session.json"), FILE) as fd:
            made_of, inode = json.loads(os.read(fd, 1 << 20))[MADE_OF]
        with opened(parent, TreePath(name), FOLDER) as fd, os.scandir(fd) as entries:
            if "/" in made_of or inode not in {entry.inode() for entry in entries}:
                return False
        _put_back(parent, name, made_of)
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return True
