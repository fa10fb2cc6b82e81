"""A file system that keeps NFSv4 lists in `system.nfs4_acl`, as an NFS client shows them: another folder, through FUSE.

The lists are kept and handed on to what is made below, and nothing goes by them: who may do what, the mode says. Run as
a program: the folder, where to mount it, and where to note who asked for POSIX lists.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_modama.store import nfs4

try:
    import mfusepy

    Operations = mfusepy.Operations
    WHY_NOT = ""
except (ImportError, OSError) as error:  # the package, or the library of FUSE
    Operations, WHY_NOT = object, str(error)

KEPT_AS = "user.kept.nfs4_acl"
PATIENCE_S = 30.0


def missing() -> str:
    """What is not here, nothing where all is."""
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    return f"FUSE cannot be used: {WHY_NOT}" if WHY_NOT else ""


@contextmanager
def mounted(source: Path, place: Path) -> Iterator[Path]:
    """The folder `source`, seen through a file system with NFSv4 lists at `place`; unmounted at the end."""
    program = [sys.executable, "-m", "jupyter_modama.testing.nfs4_mount", str(source), str(place)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + PATIENCE_S
    while not os.path.ismount(place):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            said = process.communicate()[0].decode("utf-8", "replace")
            raise RuntimeError(f"no file system came: {said}")
        time.sleep(0.05)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)
        process.kill()
        process.communicate()


class Passing(Operations):  # type: ignore[misc, valid-type, unused-ignore]
    """Everything goes to the folder, and lists are kept in attributes that any file system has."""

    use_ns = True

    def __init__(self, source: str) -> None:
        self.source = source

    def at(self, path: str) -> str:
        return self.source + path

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        found = os.lstat(self.at(path))
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino")
        times = {f"st_{n}": getattr(found, f"st_{n}_ns") for n in ("atime", "mtime", "ctime")}
        return {name: getattr(found, name) for name in names} | times

    def readdir(self, path: str, fh: Any) -> list[Any]:
        """With numbers of inodes, without which the C library shows nothing."""
        names = [".", "..", *os.listdir(self.at(path))]
        return [(name, self.getattr(f"{path}/{name}"), 0) for name in names]

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self.at(path), mode)
        self._made(path, is_folder=True)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        fd = os.open(self.at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)
        self._made(path, is_folder=False)
        return fd

    def _made(self, path: str, *, is_folder: bool) -> None:
        """Whose it is, and what the folder above passes on."""
        uid, gid, _ = mfusepy.fuse_get_context()
        os.chown(self.at(path), uid, gid)
        above = nfs4.decode(self._list(os.path.dirname(path)))
        passed_on = [each for each in above if each.is_passed_on]
        if passed_on:
            here = [replace(e, flags=e.flags & nfs4.FLAGS["g"]) for e in passed_on]
            os.setxattr(self.at(path), KEPT_AS, nfs4.encode(here + (passed_on if is_folder else [])))

    def open(self, path: str, flags: int) -> int:
        return os.open(self.at(path), flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: Any = None) -> None:
        os.truncate(self.at(path), length)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def unlink(self, path: str) -> None:
        os.unlink(self.at(path))

    def rmdir(self, path: str) -> None:
        os.rmdir(self.at(path))

    def rename(self, old: str, new: str, flags: int = 0) -> None:
        os.rename(self.at(old), self.at(new))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self.at(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        uid, gid = (-1 if n == 0xFFFFFFFF else n for n in (uid, gid))
        os.chown(self.at(path), uid, gid, follow_symlinks=False)

    def utimens(self, path: str, times: Any = None) -> None:
        os.utime(self.at(path), ns=times)

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self.at(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize")
        return {name: getattr(found, name) for name in names}

    def _list(self, path: str) -> bytes:
        """Where none was written the server makes one of the mode."""
        try:
            return os.getxattr(self.at(path), KEPT_AS)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
        mode = os.lstat(self.at(path)).st_mode
        letters = [f"{who}:{mode >> shift & 7}" for who, shift in (("OWNER@", 6), ("GROUP@", 3), ("EVERYONE@", 0))]
        entries = [(who, int(bits)) for who, bits in (each.split(":") for each in letters)]
        words = {who: "".join(w for w, b in (("r", 4), ("wa", 2), ("x", 1)) if bits & b) for who, bits in entries}
        return nfs4.encode(nfs4.parse("\n".join(f"A::{who}:{w}tcy" for who, w in words.items())))

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if name == nfs4.ATTRIBUTE:
            return self._list(path)
        if name.startswith("system."):
            raise OSError(errno.ENOTSUP, name)
        return os.getxattr(self.at(path), name, follow_symlinks=False)

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> None:
        if name == nfs4.ATTRIBUTE:
            nfs4.decode(value)
            os.setxattr(self.at(path), KEPT_AS, value)
        elif name.startswith("system."):
            raise OSError(errno.ENOTSUP, name)
        else:
            os.setxattr(self.at(path), name, value, options)

    def listxattr(self, path: str) -> list[str]:
        return [name for name in os.listxattr(self.at(path)) if name != KEPT_AS] + [nfs4.ATTRIBUTE]

    def removexattr(self, path: str, name: str) -> None:
        os.removexattr(self.at(path), name)


def serve(source: str, place: str) -> None:
    """Answer the kernel until the file system is unmounted."""
    os.umask(0)
    mfusepy.FUSE(
        Passing(source),
        place,
        foreground=True,
        nothreads=True,
        allow_other=True,
        default_permissions=True,
        use_ino=True,
    )


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
