"""Starts one person's server in a mount namespace of its own, with the mounts of its plan; run by root.

    python -I -S launcher.py FD -- COMMAND...

FD holds a JSON object: `plan` (hub_config.plan.MountPlan), `report` (the file that says what is missing), `secrets`
(of further mounts, by name) and `follow` (the words that start the follower of a live view, or none). The command takes
this process's place, so that the hub's number for it stays right.

Standard library only, this file alone, and everything imported before ids change: it runs with root's rights. A mount
that fails is left out and named; the server starts in any case. Rights are the lock, mounts are the view.

Sources: mount_namespaces(7), open_tree(2), move_mount(2), mount_setattr(2), openat2(2), pidfd_open(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import resource
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_NAMESPACE, _REC, _SLAVE = 0x20000, 0x4000, 1 << 19
NOSUID, NODEV, NOEXEC = 2, 4, 8
_DETACH = 2
_CLONE, _CLOEXEC, _EMPTY_PATH, _RECURSIVE = 1, 0o2000000, 0x1000, 0x8000
_BOTH_FDS = 0x4 | 0x40
_ATTR_READ_ONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_BENEATH, _NO_SYMLINKS, _NO_MAGICLINKS = 8, 4, 2
# The newer calls have one number on all machines.
_OPEN_TREE, _MOVE_MOUNT, _OPENAT2, _FACCESSAT2, _MOUNT_SETATTR = 428, 429, 437, 439, 442
_EFFECTIVE, _HERE = 0x200, -100
_NO_NEW_PRIVS = 38
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_PROGRAMS = "/usr/bin:/bin:/usr/sbin:/sbin"
AT_ONCE = 256  # sources that are open at a time
REMOTE_S = 10.0
PLACE = "/run/modama/mnt"


class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


class How(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


# Calls of the kernel -------------------------------------------------------------------------------------------------


def _checked(answer: int, what: str) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return answer


def own_namespace() -> None:
    """Take a mount namespace of one's own, which still gets what the machine mounts later. Raises: OSError."""
    _checked(_libc.unshare(_NEW_NAMESPACE), "a mount namespace")
    _checked(_libc.mount(None, b"/", None, ctypes.c_ulong(_REC | _SLAVE), None), "a mount namespace")


def mount_empty(target: str) -> None:
    """Cover a folder with an empty one of root's, in memory. Raises: OSError."""
    flags, options = NOSUID | NODEV | NOEXEC, b"mode=0755,size=16m,nr_inodes=200k"
    _checked(_libc.mount(b"modama", os.fsencode(target), b"tmpfs", ctypes.c_ulong(flags), options), target)


def open_beneath(root_fd: int, path: str, flags: int = _FOLDER) -> int:
    """A descriptor of a folder below another one; no part of the path may be a link. Raises: OSError."""
    return _opened(root_fd, path or ".", flags, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)


def _opened(root_fd: int, path: str, flags: int, resolve: int) -> int:
    how = How(flags, 0, resolve)
    while True:
        fd: int = _libc.syscall(_OPENAT2, root_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return fd
        if ctypes.get_errno() not in {errno.EAGAIN, errno.EINTR}:
            return _checked(fd, path)


def set_read_only(fd: int, on: bool) -> None:
    """Make the mount of a descriptor of its top read-only or not. Raises: OSError."""
    change = Attributes(_ATTR_READ_ONLY, 0) if on else Attributes(0, _ATTR_READ_ONLY)
    size = ctypes.sizeof(change)
    _checked(_libc.syscall(_MOUNT_SETATTR, fd, b"", _EMPTY_PATH, ctypes.byref(change), size), "a mount")


def attach(source: int, target: int, read_only: bool) -> None:
    """Mount one open folder at another, with what is mounted below it, without devices and setuid. Raises: OSError."""
    fd = _checked(
        _libc.syscall(_OPEN_TREE, source, b"", _CLONE | _CLOEXEC | _EMPTY_PATH | _RECURSIVE), "a copy of the mount"
    )
    try:
        change = Attributes(_ATTR_NOSUID | _ATTR_NODEV | (_ATTR_READ_ONLY if read_only else 0))
        size = ctypes.sizeof(change)
        flags = _EMPTY_PATH | _RECURSIVE
        _checked(_libc.syscall(_MOUNT_SETATTR, fd, b"", flags, ctypes.byref(change), size), "the mount's attributes")
        _checked(_libc.syscall(_MOVE_MOUNT, fd, b"", target, b"", _BOTH_FDS), "the mount")
    finally:
        os.close(fd)


def detach(fd: int) -> None:
    """Take away the mount whose top is open, at once for new accesses (`umount -l`). Raises: OSError."""
    _checked(_libc.umount2(f"/proc/self/fd/{fd}".encode("ascii"), _DETACH), "a mount")


def may_look(fd: int) -> bool:
    """Whether the effective ids may list and enter an open folder."""
    answer: int = _libc.syscall(_FACCESSAT2, fd, b"", os.R_OK | os.X_OK, _EFFECTIVE | _EMPTY_PATH)
    return answer == 0


@contextlib.contextmanager
def as_person(plan: dict[str, Any]) -> Iterator[None]:
    """Have a person's rights, and none of root's, for a while. One thread only. Raises: OSError."""
    before = os.getgroups()
    os.setgroups(plan["groups"])
    os.setegid(plan["gid"])
    os.seteuid(plan["uid"])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


# The tree ------------------------------------------------------------------------------------------------------------


class Report:
    """What was made, and what is missing and why."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.mode, self.target, self.made = plan["mode"], plan["target"], 0
        self.skipped: list[dict[str, str]] = list(plan["skipped"])

    def skip(self, mount: dict[str, Any], why: str) -> None:
        what = mount["name"] or (f"project {mount['project']}" if mount["project"] else mount["kind"])
        self.add(what, why)

    def add(self, what: str, why: str) -> None:
        self.skipped.append({"what": what, "why": why})
        say(f"{_shown(what)} is not mounted: {_shown(why)}")

    def write(self, file: str, uid: int) -> None:
        """Disk: the file, for its person alone, replaced at once; its folder is root's."""
        said = {"mode": self.mode, "target": self.target, "made": self.made, "at": time.time(), "skipped": self.skipped}
        fd, fresh = tempfile.mkstemp(dir=os.path.dirname(file))
        with os.fdopen(fd, "w", encoding="ascii") as out:
            out.write(json.dumps(said, default=str))
            os.fchown(fd, uid, -1)
            os.fchmod(fd, 0o400)
        os.replace(fresh, file)


def say(sentence: str) -> None:
    """A line for the log of the hub, which has what its servers say at their start."""
    sys.stderr.write(f"modama: {sentence}\n")
    sys.stderr.flush()


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _why(error: OSError) -> str:
    return {
        errno.ENOENT: "it is not there any more",
        errno.EACCES: "this person may not open it",
        errno.ELOOP: "a link lies on the way",
        errno.EXDEV: "its path leads out of the data tree",
        errno.ENOTDIR: "it is no folder",
    }.get(error.errno or 0, error.strerror or str(error))


def mount_tree(plan: dict[str, Any], root: int, report: Report) -> None:
    """Show the tree as the plan says: whole, or the person's projects on a ground that holds nothing else."""
    whole = [mount for mount in plan["mounts"] if mount["kind"] == "tree"]
    if whole:
        mount_folders(plan, whole, root, root, report)
        return
    mount_empty(plan["target"])
    view = os.open(plan["target"], _FOLDER)
    try:
        make_areas(plan, view)
        mount_folders(plan, [m for m in plan["mounts"] if m["kind"] == "project"], root, view, report)
        protect_raw(plan, view, report)
        set_read_only(view, True)
    finally:
        os.close(view)


def make_areas(plan: dict[str, Any], view: int) -> None:
    """Make the folders that a view has without any project, too."""
    for name in plan.get("areas", ()):
        with contextlib.suppress(OSError):
            _folders(view, name)


def mount_folders(plan: dict[str, Any], mounts: Sequence[dict[str, Any]], root: int, view: int, report: Report) -> None:
    """Mount folders of the tree, each opened as the person: what they cannot open themselves they do not get."""
    for begin in range(0, len(mounts), AT_ONCE):
        some = mounts[begin : begin + AT_ONCE]
        for mount, source in zip(some, _sources(plan, some, root), strict=True):
            if isinstance(source, OSError):
                report.skip(mount, _why(source))
                continue
            try:
                attach_at(source, view, relative(mount["target"], plan["target"]), mount["read_only"])
                report.made += 1
            except OSError as error:
                report.skip(mount, _why(error))
            finally:
                os.close(source)


def relative(path: str, root: str) -> str:
    """The path below a root. Raises: OSError where it is not below it."""
    if path != root and not path.startswith(root + "/"):
        raise OSError(errno.EXDEV, "its path leads out of the data tree", path)
    return path[len(root) + 1 :]


def _sources(plan: dict[str, Any], mounts: Sequence[dict[str, Any]], root: int) -> list[int | OSError]:
    found: list[int | OSError] = []
    with as_person(plan):
        for mount in mounts:
            try:
                fd = open_beneath(root, relative(mount["source"], plan["root"]))
                if not may_look(fd):
                    os.close(fd)
                    raise PermissionError(errno.EACCES, "no right to look", mount["source"])
                found.append(fd)
            except OSError as error:
                found.append(error)
    return found


def attach_at(source: int, view: int, path: str, read_only: bool) -> None:
    """Mount an open folder at a path of the view, whose folders are made; none is left where that fails.

    Raises: OSError.
    """
    made = _folders(view, path)
    try:
        target = open_beneath(view, path)
        try:
            attach(source, target, read_only)
        finally:
            os.close(target)
    except OSError:
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                os.rmdir(folder, dir_fd=view)
        raise


def _folders(view: int, path: str) -> list[str]:
    """Make the folders of a path on the ground of a view, which is root's; answers those that are new.

    Raises: OSError.
    """
    if ".." in path.split("/"):
        raise OSError(errno.EXDEV, "its path leads out of the data tree", path)
    if not path:
        return []
    try:
        os.mkdir(path, 0o755, dir_fd=view)  # mostly the folders above it are there
    except FileExistsError:
        return []
    except FileNotFoundError:
        above = _folders(view, path.rpartition("/")[0])
        os.mkdir(path, 0o755, dir_fd=view)
        return [*above, path]
    return [path]


def protect_raw(plan: dict[str, Any], view: int, report: Report) -> None:
    """Mount each sealed folder once more on itself, read-only, inside a project that is mounted."""
    for mount in plan["mounts"]:
        if mount["kind"] != "raw":
            continue
        try:
            fd = open_beneath(view, relative(mount["target"], plan["target"]))
        except OSError:
            continue  # its project is not there, which is said already, or it was unsealed and renamed meanwhile
        try:
            attach(fd, fd, True)
        except OSError as error:
            report.skip(mount, f"the sealed folder {mount['target']} could not be mounted read-only: {_why(error)}")
        finally:
            os.close(fd)


# Further mounts ------------------------------------------------------------------------------------------------------


def mount_extras(plan: dict[str, Any], secrets: dict[str, dict[str, str]], report: Report) -> None:
    """Mount what the site adds, each at a folder that belongs to root, and so do all above it."""
    extras = [mount for mount in plan["mounts"] if mount["kind"] in {"folder", "nextcloud"}]
    if any(mount["target"].startswith(PLACE + "/") for mount in extras):
        try:
            _own_place(extras)
        except OSError as error:
            report.add(PLACE, _why(error))
    for mount in extras:
        try:
            check_target(mount["target"])
            if mount["kind"] == "folder":
                _mount_folder(plan, mount)
            else:
                _mount_nextcloud(plan, mount, secrets.get(mount["name"], {}))
            report.made += 1
        except OSError as error:
            report.skip(mount, _why(error))


def _own_place(extras: Sequence[dict[str, Any]]) -> None:
    os.makedirs(PLACE, 0o755, exist_ok=True)
    check_target(PLACE)
    mount_empty(PLACE)
    for mount in extras:
        if mount["target"].startswith(PLACE + "/"):
            os.mkdir(mount["target"], 0o755)


def check_target(path: str) -> None:
    """Raises: OSError where somebody but root could move a mount point away, or put a link in its place."""
    fd = os.open("/", _FOLDER)
    try:
        for name in [part for part in path.split("/") if part]:
            if name == "..":
                raise OSError(errno.EPERM, "its target is no plain path", path)
            inner = _opened(fd, name, _FOLDER, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
            os.close(fd)
            fd = inner
            found = os.fstat(fd)
            if found.st_uid != 0 or (found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX):
                raise OSError(errno.EPERM, "its mount point lies in a folder that is not root's", path)
    finally:
        os.close(fd)


def _mount_folder(plan: dict[str, Any], mount: dict[str, Any]) -> None:
    with as_person(plan):
        source = _opened(_HERE, mount["source"], _FOLDER, _NO_MAGICLINKS)
        is_theirs = may_look(source)
    try:
        if not is_theirs:
            raise PermissionError(errno.EACCES, "no right to look", mount["source"])
        target = os.open(mount["target"], _FOLDER | os.O_NOFOLLOW)
        try:
            attach(source, target, mount["read_only"])
        finally:
            os.close(target)
    finally:
        os.close(source)


def _mount_nextcloud(plan: dict[str, Any], mount: dict[str, Any], secrets: dict[str, str]) -> None:
    """Mount somebody's own files by rclone: as root, since /dev/fuse may be root's; the kernel checks the rights."""
    if not secrets:
        raise OSError(errno.ENOKEY, "there is no token of this person for it")
    words = rclone_words(plan, mount)
    if shutil.which("rclone", path=_PROGRAMS) is None:
        raise OSError(errno.ENOPKG, "rclone is not installed on this machine")
    process = subprocess.Popen(
        words,
        env={"PATH": _PROGRAMS, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **secrets},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # what goes wrong later is said in the hub's log
        start_new_session=True,
    )
    before, until = os.stat(os.path.dirname(mount["target"])).st_dev, time.monotonic() + REMOTE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise OSError(errno.EPROTO, f"rclone ended with {process.returncode}; the hub's log says why")
        if os.lstat(mount["target"]).st_dev != before:
            _end_with_server(process.pid)
            return
        time.sleep(0.05)
    process.kill()
    raise OSError(errno.ETIMEDOUT, f"it did not answer within {REMOTE_S:.0f} s")


def _end_with_server(pid: int) -> None:
    """Have a process of root's end when this one, which becomes the server, has ended.

    The kernel's own signal at the death of a parent does not do: it is sent with the rights of the server.
    """
    server, other = os.pidfd_open(os.getpid()), os.pidfd_open(pid)
    child = os.fork()
    if child:
        os.close(server)
        os.close(other)
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            os.chdir("/")
            select.select([server, other], [], [])
            signal.pidfd_send_signal(other, signal.SIGTERM)
    finally:
        os._exit(0)


def rclone_words(plan: dict[str, Any], mount: dict[str, Any]) -> list[str]:
    """`--default-permissions` always: without it the kernel checks nothing, and every account could read the files."""
    return [
        "rclone",
        "mount",
        ":webdav:",
        mount["target"],
        "--config=/dev/null",
        "--allow-other",
        "--default-permissions",
        f"--uid={plan['uid']}",
        f"--gid={plan['gid']}",
        "--umask=077",
        "--vfs-cache-mode=off" if mount["read_only"] else "--vfs-cache-mode=writes",
        f"--cache-dir=/var/cache/modama-rclone/{plan['uid']}",
        "--contimeout=5s",
        "--low-level-retries=1",
        "--retries=1",
        *(["--read-only"] if mount["read_only"] else []),
    ]


def make_links(plan: dict[str, Any], report: Report) -> None:
    """Make the links in the person's home, with their rights; what else has that name stays."""
    with as_person(plan):
        for link in plan["links"]:
            try:
                os.symlink(link["to"], link["path"])
            except FileExistsError:
                if not os.path.islink(link["path"]) or os.readlink(link["path"]) != link["to"]:
                    report.add(link["path"], f"something else has that name; what it should show is {link['to']}")
            except OSError as error:
                report.add(link["path"], f"the link could not be made: {error.strerror or error}")


# The server ----------------------------------------------------------------------------------------------------------


def start_follower(words: Sequence[str], plan: dict[str, Any], root_fd: int) -> None:
    """Start what keeps a live view current: root, in this namespace, until this process has ended."""
    own = os.pidfd_open(os.getpid())
    given = os.memfd_create("plan", 0)
    os.write(given, json.dumps(plan).encode("ascii"))
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        for fd in (own, given):
            os.close(fd)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        for fd in (own, given, root_fd):
            os.set_inheritable(fd, True)
        environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        os.execve(words[0], [*words, str(own), str(given), str(root_fd)], environment)  # noqa: S606 - our own program
    finally:
        os._exit(1)


def prepare(request: dict[str, Any]) -> None:
    """Make all mounts in a namespace of one's own, and say what is missing."""
    plan, report = request["plan"], Report(request["plan"])
    try:
        own_namespace()
    except OSError as error:
        report.add("all mounts", f"{_why(error)}; rights in the tree hold as ever")
    else:
        _mount_all(request, report)
    make_links(plan, report)
    try:
        report.write(request["report"], plan["uid"])
    except OSError as error:
        say(f"{request['report']} could not be written: {error}")


def _mount_all(request: dict[str, Any], report: Report) -> None:
    plan = request["plan"]
    try:
        root = os.open(plan["root"], _FOLDER)  # in this namespace, and before it is hidden
        try:
            mount_tree(plan, root, report)
            if plan["mode"] == "live" and request["follow"]:
                start_follower(request["follow"], plan, root)
        finally:
            os.close(root)
    except OSError as error:
        report.add("the data tree", f"{_why(error)}; rights in the tree hold as ever")
    mount_extras(plan, request["secrets"], report)


def lay_down(plan: dict[str, Any]) -> None:
    """Become the person, for good, without a way to gain rights. Raises: OSError."""
    os.setgroups(plan["groups"])
    os.setresgid(plan["gid"], plan["gid"], plan["gid"])
    os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    _checked(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    try:
        os.chdir(plan["home"] or "/")
    except OSError:
        os.chdir("/")


def main() -> int:
    """Replace this process by the command, as the person of the plan."""
    number, dashes, *command = sys.argv[1:]
    with os.fdopen(int(number), encoding="ascii") as given:
        request = json.loads(given.read())
    if dashes != "--" or not command or os.getresuid() != (0, 0, 0):
        say("the launcher is started by the hub, as root")
        return 2
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    plan = request["plan"]
    if not plan["uid"] or not plan["gid"] or 0 in plan["groups"]:
        say(f"no server is started for {plan['login']}, an account of the system")
        return 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * AT_ONCE), hard), hard))
    prepare(request)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    lay_down(plan)
    os.execvpe(command[0], command, os.environ)  # noqa: S606 - the hub's own words


if __name__ == "__main__":
    sys.exit(main())
