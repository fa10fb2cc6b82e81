"""The service's port, also where a service before this one still holds it, whose hub was killed.

A service writes down who it is and who started it. One that finds the port taken looks there: where that process is
still the one that was written down, is of this very account, and whoever started it is gone, it is asked to go, by
SIGTERM. Everything else keeps its port, and is left alone.

A hub says itself who it is (MODAMA_STARTED_BY): one that is killed while its service begins is not the parent any more
when that looks, and whoever adopts orphans lives for ever.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import select
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jupyter_modama.core.errors import StorageError, Unreachable, from_os
from jupyter_modama.store import records

NAME = "service.json"
STARTED_BY = "MODAMA_STARTED_BY"  # number and beginning of a process
GOES_WITHIN_S = 15.0
_LOG = logging.getLogger(__name__)


def take_port(host: str, port: int, state: Path) -> socket.socket:
    """A listening socket; an orphan of ours has gone before.

    Raises: Unreachable where somebody else holds the port, or the hub that started this is gone; StorageError.
    """
    pid, began = started_by()
    if _is_gone(pid, began):
        raise Unreachable(what="the service", why="the hub that started it is gone, and the next one starts its own")
    for asked in (False, True):
        try:
            found = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE or asked or not _orphan_gone(state):
                where = f"the port {port} of {host}"
                raise Unreachable(what="the service", why=f"it cannot have {where}: {error.strerror}") from error
        else:
            found.setblocking(False)
            _write_down(state, pid, began)
            return found
    raise AssertionError("unreachable")


def _orphan_gone(state: Path) -> bool:
    """Whether a service before this one was asked to go, and went."""
    try:
        noted = json.loads((state / NAME).read_bytes())
        pid, started = int(noted["pid"]), int(noted["started"])
        parent, parent_started = int(noted["parent"]), int(noted["parent_started"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return False
    try:  # looked at after the descriptor was opened: it is of that process, whatever becomes of the number
        if started_at(pid) != started or os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return False
        if not _is_gone(parent, parent_started):
            _LOG.error("A service of process %d holds the port, and the one that started it is alive", pid)
            return False
        _LOG.warning("The process %d is left of a hub that was killed; it is asked to go", pid)
        signal.pidfd_send_signal(held, signal.SIGTERM)
        waiting = select.poll()
        waiting.register(held, select.POLLIN)
        if not waiting.poll(GOES_WITHIN_S * 1000):
            signal.pidfd_send_signal(held, signal.SIGKILL)
            return bool(waiting.poll(GOES_WITHIN_S * 1000))
        return True
    except OSError:
        return False
    finally:
        os.close(held)


def started_by(environ: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """The process that started this one, and when that began."""
    pid, _, began = environ.get(STARTED_BY, "").partition(" ")
    if pid.isdecimal() and began.isdecimal():
        return int(pid), int(began)
    return os.getppid(), started_at(os.getppid())


def named_starter(pid: int) -> str:
    """What a process tells those whom it starts, so that they know it."""
    return f"{pid} {started_at(pid)}"


def _is_gone(pid: int, began: int) -> bool:
    """Whether a process has ended, also where this account may not look at it."""
    now = started_at(pid)
    if now != -1:
        return now != began
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    except OSError:
        return True
    return False


def started_at(pid: int) -> int:
    """When a process began, in the kernel's own count; -1 where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return -1
    return int(text.rpartition(")")[2].split()[19])


def _write_down(state: Path, parent: int, parent_started: int) -> None:
    """Raises: StorageError."""
    pid = os.getpid()
    noted = {"pid": pid, "started": started_at(pid), "parent": parent, "parent_started": parent_started}
    try:
        box = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            records.replace(box, NAME, json.dumps(noted).encode(), 0o600)
        finally:
            os.close(box)
    except OSError as error:
        raise from_os(error, "writing down that this service runs") from error


def make_state(state: Path) -> None:
    """The folder for the service's own state, which nobody else may enter.

    Raises: StorageError.
    """
    try:
        with suppress(FileExistsError):
            state.mkdir(mode=0o700)
        found = state.stat()
    except OSError as error:
        raise from_os(error, f"making the folder {state}") from error
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StorageError(
            what=f"using the folder {state}", why="it has to belong to the service's account, with mode 0700"
        )
