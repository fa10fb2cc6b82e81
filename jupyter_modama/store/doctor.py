"""What the doctor looks at on the disk and in the kernel.

Probes leave nothing behind, and are made only where one may write.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_modama.core.model import Finding, Severity, Site
from jupyter_modama.core.ports import Check
from jupyter_modama.store import beneath, people
from jupyter_modama.store.flags import set_immutable
from jupyter_modama.store.levels import check_areas, check_levels, check_people, check_times, file_systems
from jupyter_modama.store.machine import check_clock, check_keeper, check_settings, check_state
from jupyter_modama.store.probes import probe, unprobed
from jupyter_modama.store.samba import check_samba

OK, NOTE, WARNING, FAILURE = Severity.OK, Severity.NOTE, Severity.WARNING, Severity.FAILURE
_CAP_LINUX_IMMUTABLE, _CAP_LEASE = 9, 28
LITTLE_SPACE, LITTLE_SHARE = 10 << 30, 0.02
# An ACL that says what the mode rwx------ says: owner, group, others.
_PLAIN_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, bits, 0xFFFFFFFF) for tag, bits in ((1, 7), (4, 0), (32, 0))
)


def checks(root_fd: int, site: Site) -> list[Check]:
    """The rows for one tree."""

    def row(name: str, function: Callable[[int, Site, str], Iterator[Finding]]) -> Check:
        return name, lambda: function(root_fd, site, name)

    return [
        row("root", check_root),
        row("file system", check_file_system),
        row("areas", check_areas),
        row("space", check_space),
        row("immutable flag", check_immutable),
        row("open writers", check_leases),
        row("ACLs", check_acls),
        row("extended attributes", check_attributes),
        row("safe paths", check_openat2),
        row("levels", check_levels),
        row("people", check_people),
        row("kernel settings", check_settings),
        row("keeper", check_keeper),
        row("Samba", check_samba),
        row("clock", check_clock),
        row("clock", check_times),
        row("state folder", check_state),
    ]


# The tree ------------------------------------------------------------------------------------------------------------


def check_root(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether the root is there and what the running person may do in it."""
    found = os.fstat(root_fd)
    owner = people.person(found.st_uid).login
    here = f"/proc/self/fd/{root_fd}"
    if not os.access(here, os.R_OK | os.X_OK, effective_ids=True):
        yield Finding(name, FAILURE, f"{site.root} cannot be read", f"its owner {owner} can give you the right to")
    elif not os.access(here, os.W_OK, effective_ids=True):
        yield Finding(name, NOTE, f"{site.root} (owner {owner}) is there; areas can be made by its owner only")
    else:
        yield Finding(name, OK, f"{site.root} (owner {owner}) is there and can be written")
    if found.st_mode & 0o002 and not found.st_mode & 0o1000:
        yield Finding(
            name,
            WARNING,
            "everybody can rename and remove what lies in the root",
            f"chmod o-w {site.root}, or chmod +t",
        )


def check_file_system(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """The kernel, and what kind of file system the tree lies on."""
    kind, options = mounted_as(os.fstat(root_fd).st_dev)
    yield Finding(name, OK, f"{kind or 'an unknown file system'}, Linux {os.uname().release}")
    if "ro" in options:
        yield Finding(name, FAILURE, "the tree is mounted read-only", "nothing can be changed until it is mounted rw")
    if kind.startswith(("nfs", "cifs", "smb", "fuse", "9p", "virtiofs")):
        yield Finding(
            name,
            WARNING,
            f"over {kind} files cannot be made immutable and open files of other machines are not seen",
            "seal on the machine that the disks are in",
        )


def mounted_as(device: int) -> tuple[str, tuple[str, ...]]:
    """The kind and the options of the file system with this device number."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return "", ()
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split()[2] == wanted:
            return after.split()[0], tuple(before.split()[5].split(","))
    return "", ()


def check_space(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether there is room for data, on each file system of the tree."""
    yield from _space(root_fd, name)
    for area, fd in file_systems(root_fd):
        yield from _space(fd, name, f" in {area}")


def _space(fd: int, name: str, where: str = "") -> Iterator[Finding]:
    found = os.fstatvfs(fd)
    if not found.f_blocks:
        yield Finding(name, NOTE, f"this file system does not say how much is free{where}")
        return
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    shown = f"{free / 2**30:,.1f} of {total / 2**30:,.1f} GiB are free{where}"
    if free == 0:
        yield Finding(name, FAILURE, f"the disk is full{where}", "free some space before more data arrives")
    elif free < LITTLE_SPACE or free < total * LITTLE_SHARE:
        yield Finding(name, WARNING, shown, "free some space before more data arrives")
    else:
        yield Finding(name, OK, shown)
    if found.f_files and found.f_favail < 0.02 * found.f_files:
        severity = FAILURE if found.f_favail == 0 else WARNING
        step = "remove small files, or have the file system made with more inodes"
        yield Finding(name, severity, f"only {found.f_favail:,} more files fit{where}", step)


# What sealing needs --------------------------------------------------------------------------------------------------


def check_immutable(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether sealed files can be made immutable, for root, too."""
    weaker = "a seal takes write permission away instead, which the owner of a file can give back"
    with probe(root_fd) as fd:
        if fd is None:
            able = capable(_CAP_LINUX_IMMUTABLE)
            yield Finding(name, NOTE, f"not tried; this process {'may' if able else 'may not'} set the flag")
            return
        try:
            set_immutable(fd, True)
            set_immutable(fd, False)
        except OSError as error:
            if error.errno == errno.EPERM:
                yield Finding(
                    name, NOTE, f"this account may not set the flag, so {weaker}", "root, or the service, can"
                )
            else:
                why = error.strerror or str(error)
                yield Finding(
                    name,
                    WARNING,
                    f"this file system has no such flag ({why}), so {weaker}",
                    "ext4, xfs and btrfs have it",
                )
            return
    yield Finding(name, OK, "a seal makes files immutable")


def capable(capability: int) -> bool:
    """Whether this process has a capability."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def check_leases(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether programs that still write can be found before a seal."""
    with probe(root_fd) as fd:
        if fd is None:
            yield unprobed(name)
            return
        reader = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})  # who gets it without a handler is killed
        try:
            fcntl.fcntl(reader, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(reader, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            noticed = False
        except OSError as error:
            noticed = error.errno == errno.EAGAIN  # the probe itself is open for writing: this is the right answer
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(reader)
    if not noticed:
        yield Finding(
            name,
            WARNING,
            "this file system does not say whether a file is still written",
            "seal when programs are closed",
        )
    elif capable(_CAP_LEASE):
        yield Finding(name, OK, "files that are still written are noticed before a seal")
    else:
        yield Finding(
            name, NOTE, "files of yours that are still written are noticed before a seal, those of others are not"
        )


# What shared writing needs -------------------------------------------------------------------------------------------


def check_acls(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether the file system keeps POSIX ACLs."""
    with probe(root_fd) as fd:
        if fd is None:
            yield unprobed(name)
            return
        try:
            os.setxattr(fd, "system.posix_acl_access", _PLAIN_ACL)
        except OSError as error:
            why = error.strerror or str(error)
            yield Finding(
                name,
                WARNING,
                f"there are no POSIX ACLs here ({why})",
                "members need them; mount the file system with acl",
            )
            return
    yield Finding(name, OK, "POSIX ACLs are kept")


def check_attributes(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether owners of projects can be written down on the folders."""
    with probe(root_fd) as fd:
        if fd is None:
            yield unprobed(name)
            return
        try:
            os.setxattr(fd, "user.modama.probe", b"1")
        except OSError as error:
            why = error.strerror or str(error)
            yield Finding(name, NOTE, f"there are no extended attributes here ({why}); owners are kept in records")
            return
    yield Finding(name, OK, "extended attributes are kept")


def check_openat2(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether paths are followed by the kernel's own safe look-up."""
    if beneath._has_openat2():
        yield Finding(name, OK, "paths are followed with openat2")
    else:
        yield Finding(
            name, NOTE, "openat2 is missing (Linux before 5.6, or a container forbids it); a slower way is used"
        )
