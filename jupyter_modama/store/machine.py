"""What the doctor looks at on this machine: settings of the kernel, the clock, the folder of jobs."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from jupyter_modama.core.model import Finding, Severity, Site
from jupyter_modama.store.probes import probe

OK, NOTE, WARNING, FAILURE = Severity.OK, Severity.NOTE, Severity.WARNING, Severity.FAILURE


SETTINGS: tuple[tuple[str, Callable[[int], bool], str], ...] = (
    ("protected_regular", lambda value: value <= 1, "1"),
    ("protected_hardlinks", lambda value: value == 1, "1"),
    ("protected_symlinks", lambda value: value == 1, "1"),
    ("protected_fifos", lambda value: value >= 1, "1"),
)
KEEPER_SOCKET = Path("/run/modama/keeper.sock")
KEEPER_PATIENCE_S = 5.0
MEANINGS = {
    "protected_regular": "members cannot write into each other's files in shared folders",
    "protected_hardlinks": "people can make hard links to files that they may not change, and a seal holds those too",
    "protected_symlinks": "people can lay symbolic links in shared folders for others to step on",
    "protected_fifos": "people can lay pipes in shared folders, on which programs that write there hang",
}


def check_settings(root_fd: int, site: Site, name: str, folder: Path = Path("/proc/sys/fs")) -> Iterator[Finding]:
    """Whether the kernel lets people share folders, and protects them from each other there."""
    shared = is_shared(root_fd, site)
    fine, wrong = 0, 0
    for setting, good, wanted in SETTINGS:
        try:
            value = int((folder / setting).read_text())
        except (OSError, ValueError):
            continue
        if good(value):
            fine += 1
            continue
        wrong += 1
        step = f"sysctl fs.{setting}={wanted}, and a line in /etc/sysctl.d to keep it"
        bad = FAILURE if setting == "protected_regular" else WARNING
        yield Finding(name, bad if shared else NOTE, f"fs.{setting} is {value}: {MEANINGS[setting]}", step)
    if fine and not wrong:
        yield Finding(name, OK, "hard links, symbolic links, pipes and shared files are as they should be")


def is_shared(root_fd: int, site: Site) -> bool:
    """Whether others than the running person are meant to write in this tree."""
    found = os.fstat(root_fd)
    return bool(site.account or site.managed_by or found.st_mode & 0o022 or found.st_uid != os.geteuid())


def check_keeper(root_fd: int, site: Site, name: str, path: Path = KEEPER_SOCKET) -> Iterator[Finding]:
    """Whether the keeper, which makes the changes of a managed tree, is there and takes connections."""
    if not site.managed_by:
        return
    start = "systemctl start modama-keeper.socket, on the machine that the disks are in"
    if not path.is_socket():
        yield Finding(
            name, WARNING, f"there is no keeper at {path}; nothing in this managed tree can be changed", start
        )
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(KEEPER_PATIENCE_S)
        try:
            one.connect(str(path))
        except PermissionError:
            yield Finding(name, NOTE, "the keeper is there; it speaks with the service only, so it was not asked")
        except OSError as error:
            why = error.strerror or str(error)
            yield Finding(name, FAILURE, f"the keeper does not answer at {path} ({why})", start)
        else:
            yield Finding(name, OK, "the keeper is there and takes connections")


def check_clock(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether the clock of the disk's machine and of this one agree, and somebody keeps this one right."""
    with probe(root_fd) as fd:
        if fd is not None:
            apart = abs(os.fstat(fd).st_mtime - time.time())
            if apart > 5:
                step = "have both machines take the time from the same source"
                yield Finding(name, WARNING, f"the file server's clock and this one are {apart:,.0f} s apart", step)
                return
    now = time.time()
    if now < 1_700_000_000:
        yield Finding(
            name,
            FAILURE,
            f"this machine's clock says {datetime.fromtimestamp(now, UTC):%Y-%m-%d}",
            "please have the time set",
        )
    elif _unsynchronised():
        step = "switch on systemd-timesyncd, chrony or ntpd, unless the host of this container keeps the time"
        yield Finding(name, NOTE, "nobody keeps this machine's clock right", step)
    else:
        yield Finding(name, OK, "the clock is kept right")


def _unsynchronised() -> bool:
    """The kernel's own word: adjtimex answers TIME_ERROR while nobody sets the clock."""
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    return state == 5


def check_state(root_fd: int, site: Site, name: str) -> Iterator[Finding]:
    """Whether jobs and the audit can be written down."""
    from jupyter_modama.store.disk import state_folder

    folder = state_folder()
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        yield Finding(
            name,
            FAILURE,
            f"{folder} cannot be written, so no long work can begin",
            "set XDG_STATE_HOME to a folder of yours",
        )
    elif shutil.disk_usage(there).free < 16 << 20:
        yield Finding(
            name, FAILURE, f"the disk of {folder} is full, so no long work can be written down", "free some space"
        )
    else:
        yield Finding(name, OK, f"jobs and the audit are kept in {folder}")
