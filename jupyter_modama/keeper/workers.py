"""Processes with a person's own rights, which read the tree for the service: the kernel judges, as everywhere."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from jupyter_modama.core.errors import Busy, NotAllowed, StorageError, from_os
from jupyter_modama.core.model import Actor
from jupyter_modama.store.judge import groups_of

# Isolated, so that neither the environment nor the current folder adds modules; the package is named by its folder.
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from jupyter_modama.keeper.worker import main; sys.exit(main())"
)
PACKAGE = str(Path(__file__).resolve().parents[2])
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
_LOG = logging.getLogger(__name__)


class Workers:
    """Starts them, and counts those that there are."""

    def __init__(self, site_file: str, *, most: int, a_person: int, idle_s: int) -> None:
        self.site_file, self.most, self.a_person, self.idle_s = site_file, most, a_person, idle_s
        self._guard = threading.Lock()
        self._running: dict[subprocess.Popen[bytes], int] = {}
        self._starting: list[int] = []

    def start(self, actor: Actor) -> int:
        """Start a worker for a person; answers the descriptor of the socket on which it listens, which is the caller's.

        Raises: Busy, NotAllowed, StorageError.
        """
        uid = actor.person.uid
        gid, groups = groups_of(uid)
        if not uid or not gid or 0 in groups:
            raise NotAllowed(what=f"{actor.person.login} is in root's group; nothing is read for them")
        with self._guard:
            theirs = [*self._starting, *self._running.values()]
            if len(theirs) >= self.most or theirs.count(uid) >= self.a_person:
                raise Busy(what="reading for people")
            self._starting.append(uid)
        try:
            ours, process = self._started(actor, gid, groups)
            with self._guard:
                self._running[process] = uid
        except PermissionError as error:
            raise StorageError(
                what="starting a process that reads", why=f"not everybody may start {sys.executable}"
            ) from error
        except OSError as error:
            raise from_os(error, "starting a process that reads") from error
        finally:
            with self._guard:
                self._starting.remove(uid)
        threading.Thread(target=self._wait, args=(process,), name="modama-keeper-waits", daemon=True).start()
        return ours

    def _started(self, actor: Actor, gid: int, groups: list[int]) -> tuple[int, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            number = str(theirs.fileno())
            words = [PACKAGE, number, str(self.idle_s), actor.via.value, actor.known_by, actor.on_behalf_of]
            try:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-c", START, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    user=actor.person.uid,
                    group=gid,
                    extra_groups=groups,
                    umask=0o077,
                    cwd="/",
                    env={**ENVIRONMENT, "MODAMA_SITE": self.site_file},
                )
            except BaseException:
                ours.close()
                raise
        return ours.detach(), process

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self._guard:
            uid = self._running.pop(process, -1)
        if code:
            _LOG.info("The process that read for uid %d ended with %d", uid, code)

    def close(self) -> None:
        """End all of them: they only read."""
        with self._guard:
            running = list(self._running)
        for process in running:
            with suppress(ProcessLookupError, PermissionError):
                process.kill()
