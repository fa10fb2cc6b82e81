"""Processes that read the names of large folders: as many as there are cores at most, started when first needed."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

CORES = os.cpu_count() or 1
LONGEST_QUESTION = 60_000


class _Lister:
    """One process, used by one thread at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("lister.py")), str(number)]
            try:
                self.process = subprocess.Popen(command, pass_fds=(number,), stdin=subprocess.DEVNULL, cwd="/")
            except OSError:
                ours.close()
                raise
        self.channel = ours
        self.owner = os.getpid()

    def ask(self, fd: int, question: bytes) -> bytes:
        """Raises: OSError, also where the process is gone."""
        socket.send_fds(self.channel, [question], [fd])
        length = int.from_bytes(self._received(8), "big")
        return self._received(length)

    def _received(self, length: int) -> bytes:
        content = bytearray(length)
        view, done = memoryview(content), 0
        while done < length:
            count = self.channel.recv_into(view[done:])
            if not count:
                raise ConnectionResetError(104, "the process that lists folders ended")
            done += count
        return bytes(content)

    def end(self) -> None:
        self.channel.close()
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


class Listers:
    """Gives each question to a process that is free; safe for many threads."""

    def __init__(self, most: int = CORES) -> None:
        self._turns = threading.BoundedSemaphore(most)
        self._guard = threading.Lock()
        self._idle: list[_Lister] = []

    def names(self, fd: int, order: str, hidden: str, pattern: str) -> tuple[list[str], list[str]] | None:
        """The names of folders and of all else in an open folder, sorted plainly; None where no process can be had.

        Raises: OSError, what reading the folder says.
        """
        question = b"\0".join(os.fsencode(field) for field in (order, hidden, pattern))
        if len(question) > LONGEST_QUESTION or question.count(b"\0") != 2:
            return None
        with self._turns:
            answer = self._asked(fd, question)
        if answer is None:
            return None
        if answer.startswith(b"!"):
            number = int(answer[1:])
            raise OSError(number, os.strerror(number))
        folders, _, others = os.fsdecode(answer[1:]).partition("\0\0")
        return folders.split("\0") if folders else [], others.split("\0") if others else []

    def _asked(self, fd: int, question: bytes) -> bytes | None:
        for _ in range(2):  # one that was kept may have ended meanwhile
            lister = None
            try:
                lister = self._take()
                answer = lister.ask(fd, question)
            except OSError:
                if lister is not None:
                    lister.end()
                continue
            with self._guard:
                self._idle.append(lister)
            return answer
        return None

    def _take(self) -> _Lister:
        with self._guard:
            while self._idle:
                kept = self._idle.pop()
                if kept.owner == os.getpid() and kept.process.poll() is None:
                    return kept
                kept.end()
        return _Lister()

    def close(self) -> None:
        """End those that are free."""
        with self._guard:
            idle, self._idle = self._idle, []
        for lister in idle:
            with suppress(OSError):
                lister.end()


shared = Listers()
atexit.register(shared.close)
