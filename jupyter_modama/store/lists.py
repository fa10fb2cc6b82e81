"""The access lists of a file system, whichever kind it keeps: POSIX lists, or those of NFSv4."""

from __future__ import annotations

import errno
import os
import stat
from enum import StrEnum
from typing import Protocol

from jupyter_modama.core.gate import AccessList
from jupyter_modama.store import acl, nfs4

_NOT_HERE = {errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES}


class Kind(StrEnum):
    POSIX = "posix"
    NFS4 = "nfs4"
    NONE = "none"


class Lists(Protocol):
    """Reads and writes what an open file or folder grants.

    For comparing many, a list is bytes, whichever kind it is of: `comparable` of a wanted one, `seen` of an open file,
    `seen_by_name` of what has a name in the current folder; empty where the mode alone counts.
    Raises (all methods): OSError.
    """

    kind: Kind

    def read(self, fd: int, mode: int | None = None) -> AccessList: ...
    def read_default(self, fd: int) -> AccessList | None: ...
    def write(self, fd: int, wanted: AccessList) -> None: ...
    def write_folder(self, fd: int, wanted: AccessList, inherited: AccessList | None) -> None: ...
    def leave_mode(self, fd: int, mode: int) -> None: ...  # which alone counts then, and nothing is passed on

    def kept(self, fd: int) -> tuple[bytes, bytes]: ...  # of a folder, for `put_back`
    def put_back(self, fd: int, kept: tuple[bytes, bytes], mode: int) -> None: ...

    def comparable(self, wanted: AccessList, *, is_folder: bool) -> bytes: ...
    def comparable_default(self, wanted: AccessList) -> bytes: ...
    def seen(self, fd: int) -> bytes: ...
    def seen_folder(self, fd: int) -> tuple[bytes, bytes]: ...
    def seen_by_name(self, name: str) -> bytes: ...


class PosixLists:
    """Two attributes, one for what a folder passes on; or the mode alone."""

    kind = Kind.POSIX

    def read(self, fd: int, mode: int | None = None) -> AccessList:
        return acl.read(fd, mode)

    def read_default(self, fd: int) -> AccessList | None:
        return acl.read_default(fd)

    def write(self, fd: int, wanted: AccessList) -> None:
        acl.write(fd, wanted)

    def write_folder(self, fd: int, wanted: AccessList, inherited: AccessList | None) -> None:
        acl.write(fd, wanted)
        acl.write_default(fd, inherited)

    def leave_mode(self, fd: int, mode: int) -> None:
        acl.clear(fd)
        os.chmod(_way(fd), mode)

    def kept(self, fd: int) -> tuple[bytes, bytes]:
        return acl.raw_lists(fd, is_folder=True)

    def put_back(self, fd: int, kept: tuple[bytes, bytes], mode: int) -> None:
        acl.put_back(fd, kept, mode)

    def comparable(self, wanted: AccessList, *, is_folder: bool) -> bytes:
        return acl.encode(wanted) if wanted.named else b""

    def comparable_default(self, wanted: AccessList) -> bytes:
        return acl.encode(wanted)

    def seen(self, fd: int) -> bytes:
        return acl.read_open(fd)

    def seen_folder(self, fd: int) -> tuple[bytes, bytes]:
        return acl.raw_lists(fd, is_folder=True)

    def seen_by_name(self, name: str) -> bytes:
        try:
            return os.getxattr(name, acl.ACCESS, follow_symlinks=False)
        except OSError as error:
            if error.errno in {errno.ENODATA, errno.ENOTSUP}:
                return b""
            raise


class Nfs4Lists:
    """One attribute for both.

    Servers write lists in other words than they were given, so that what is compared is what a list grants, in the form
    of a POSIX list. What a list of ours cannot say, as who may be told of attributes, is the usual after a list was
    written here.
    """

    kind = Kind.NFS4

    def __init__(self, attribute: str = nfs4.ATTRIBUTE, *, number: nfs4.Number = nfs4.number) -> None:
        """`number`: who is meant by a name, where the server sends names."""
        self.attribute, self.number = attribute, number

    def read(self, fd: int, mode: int | None = None) -> AccessList:
        """The list; what cannot be understood is an error, never a list that grants less or more."""
        return self._both(fd)[0]

    def read_default(self, fd: int) -> AccessList | None:
        return self._both(fd)[1]

    def write(self, fd: int, wanted: AccessList) -> None:
        """Set what a file grants, or a folder that goes on passing on the same."""
        is_folder = _is_folder(fd)
        self._set(fd, nfs4.from_list(wanted, self.read_default(fd) if is_folder else None, is_folder=is_folder))

    def write_folder(self, fd: int, wanted: AccessList, inherited: AccessList | None) -> None:
        self._set(fd, nfs4.from_list(wanted, inherited, is_folder=True))

    def leave_mode(self, fd: int, mode: int) -> None:
        os.chmod(_way(fd), mode)  # first, since a server may make a list of it
        self._set(fd, nfs4.from_list(acl.from_mode(mode), is_folder=_is_folder(fd)))

    def kept(self, fd: int) -> tuple[bytes, bytes]:
        return self._raw(_way(fd)), b""

    def put_back(self, fd: int, kept: tuple[bytes, bytes], mode: int) -> None:
        os.chmod(_way(fd), stat.S_IMODE(mode))  # first, since a server may make a list of it
        if kept[0]:
            os.setxattr(_way(fd), self.attribute, kept[0])

    def comparable(self, wanted: AccessList, *, is_folder: bool) -> bytes:
        return acl.encode(nfs4.to_lists(nfs4.from_list(wanted, is_folder=is_folder))[0])

    def comparable_default(self, wanted: AccessList) -> bytes:
        return self.comparable(wanted, is_folder=True)

    def seen(self, fd: int) -> bytes:
        return self._seen(_way(fd))[0]

    def seen_folder(self, fd: int) -> tuple[bytes, bytes]:
        return self._seen(_way(fd))

    def seen_by_name(self, name: str) -> bytes:
        return self._seen(name, follow=False)[0]

    def _seen(self, path: str, follow: bool = True) -> tuple[bytes, bytes]:
        """What cannot be understood is unlike anything, and so is mended."""
        try:
            here, passed_on = nfs4.to_lists(nfs4.decode(self._raw(path, follow)), self.number)
        except ValueError:
            return b"?", b"?"
        return acl.encode(here), acl.encode(passed_on) if passed_on else b""

    def _raw(self, path: str, follow: bool = True) -> bytes:
        try:
            return os.getxattr(path, self.attribute, follow_symlinks=follow)
        except OSError as error:
            if error.errno == errno.ENODATA:
                return b""
            raise

    def _both(self, fd: int) -> tuple[AccessList, AccessList | None]:
        raw = self._raw(_way(fd))
        if not raw:
            return acl.from_mode(os.stat(_way(fd)).st_mode), None
        try:
            return nfs4.to_lists(nfs4.decode(raw), self.number)
        except ValueError as error:
            raise OSError(errno.EIO, f"its access list cannot be understood: {error}") from error

    def _set(self, fd: int, entries: tuple[nfs4.Entry, ...]) -> None:
        os.setxattr(_way(fd), self.attribute, nfs4.encode(entries))


def kind_of_lists(fd: int) -> Kind:
    """Which access lists the file system of an open file or folder keeps."""
    try:
        os.getxattr(_way(fd), nfs4.ATTRIBUTE)
        return Kind.NFS4
    except OSError as error:
        if error.errno == errno.ENODATA:
            return Kind.NFS4
        if error.errno not in _NOT_HERE:
            raise
    return Kind.POSIX if acl.supported(fd) else Kind.NONE


def lists_of(fd: int) -> Lists:
    """How to read and write the access lists of the file system of an open file or folder.

    Where there are none the mode stands for them, as it does for a POSIX list without names.
    """
    return Nfs4Lists() if kind_of_lists(fd) is Kind.NFS4 else PosixLists()


def _is_folder(fd: int) -> bool:
    return os.path.isdir(_way(fd))


def _way(fd: int) -> str:
    return f"/proc/self/fd/{fd}"
