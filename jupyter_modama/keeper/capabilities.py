"""What the keeper may do beside others, and laying down all the rest, for good.

To be done while the process has one thread: each thread has capabilities of its own, and new ones get those of the one
that makes them. Sources: capabilities(7), prctl(2), capset(2), unshare(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Why each of them is kept stands in docs/keeper.md; examples/systemd/modama-keeper.service has the same list.
KEPT = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_DAC_READ_SEARCH": 2,
    "CAP_FOWNER": 3,
    "CAP_FSETID": 4,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_LINUX_IMMUTABLE": 9,
    "CAP_LEASE": 28,
}
AT_START = ("CAP_SYS_ADMIN",)  # to begin watching the file systems of the tree, and to leave the network
MASK = sum(1 << number for number in KEPT.values())
UMASK = 0o077
_VERSION = 0x20080522
_BOUND_READ, _BOUND_DROP, _NO_NEW_PRIVS, _AMBIENT, _CLEAR_ALL = 23, 24, 38, 47, 4
_NEW_NET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


@dataclass(frozen=True, slots=True)
class Held:
    """The sets of a process, as bits, and whether it can ever gain more."""

    permitted: int
    effective: int
    inheritable: int
    bounding: int
    ambient: int
    no_new_privileges: bool

    @property
    def is_bounded(self) -> bool:
        """Whether nothing but what is kept is there, nor can come back."""
        sets = self.permitted | self.effective | self.bounding
        return not sets & ~MASK and not self.inheritable | self.ambient and self.no_new_privileges


def held(task: str = "self") -> Held:
    """The capabilities of a process as the kernel tells them."""
    rows = (line.split(":\t") for line in Path(f"/proc/{task}/status").read_text().splitlines())
    found = {row[0]: row[1] for row in rows if len(row) == 2}
    permitted, effective, inheritable, bounding, ambient = (
        int(found[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")
    )
    return Held(permitted, effective, inheritable, bounding, ambient, found["NoNewPrivs"].strip() == "1")


def lay_down() -> None:
    """Keep what is in `KEPT` as far as it is there, and nothing else, whatever is started from here.

    Raises: PermissionError where something stays that should not.
    """
    before = held()
    for number in range(64):
        if before.bounding >> number & 1 and not MASK >> number & 1:
            _call("prctl", _libc.prctl(_BOUND_DROP, number, 0, 0, 0))
    _call("prctl", _libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0))
    left = before.permitted & MASK
    data = (_Data * 2)(_Data(left & 0xFFFFFFFF, left & 0xFFFFFFFF, 0), _Data(left >> 32, left >> 32, 0))
    header = _Header(_VERSION, 0)
    _call("capset", _libc.capset(ctypes.byref(header), data))
    _call("prctl", _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    if not held().is_bounded:
        raise PermissionError(1, "this process could not lay down all that the keeper must not have")


def settle() -> None:
    """What belongs to a quiet process: its files are nobody else's, and a broken lease does not end it.

    A walk holds a descriptor of each folder above it: somebody's very deep folders must not use up all that there are.
    """
    os.umask(UMASK)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})


def leave_network() -> bool:
    """Go where there is no network, if that is allowed; answers whether this process is there.

    A socket with a path goes on being found by its path.
    """
    if not _has_network():
        return True
    return _libc.unshare(_NEW_NET) == 0 and not _has_network()


def _has_network() -> bool:
    """Whether any route leads away from this machine; the loopback's own are not in the first list."""
    if Path("/proc/self/net/route").read_text().splitlines()[1:]:
        return True
    with suppress(FileNotFoundError):  # a kernel without IPv6
        return any(row.split()[-1] != "lo" for row in Path("/proc/self/net/ipv6_route").read_text().splitlines())
    return False


def _call(name: str, answer: int) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise PermissionError(number, f"{name}: {os.strerror(number)}")
