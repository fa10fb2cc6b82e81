"""Processes that have the files of many folders grant what they should: more than one interpreter could do."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.mender import HEAD, MOST_FOLDERS, Answer, received

MOST_FILES = 1000
HELPS_AT_FIRST = True  # whoever asks does what comes until the processes have started
CORES = len(os.sched_getaffinity(0))
MOST = min(CORES, 8) if CORES > 1 else 0


@dataclass(slots=True)
class Batch:
    """Files of some folders, each folder with a descriptor that belongs to the batch."""

    folders: list[tuple[int, TreePath]] = field(default_factory=list)
    names: list[list[str]] = field(default_factory=list)
    files: int = 0

    @property
    def is_full(self) -> bool:
        return self.files >= MOST_FILES or len(self.folders) >= MOST_FOLDERS

    def add(self, folder: int, path: TreePath, names: list[str]) -> None:
        """Some files of an open folder. Raises: OSError."""
        if names:
            self.folders.append((os.dup(folder), path))
            self.names.append(names)
            self.files += len(names)

    def at(self, number: int) -> tuple[int, TreePath, str]:
        """The folder, its path and the name of a file by its number."""
        for (fd, path), names in zip(self.folders, self.names, strict=True):
            if number < len(names):
                return fd, path, names[number]
            number -= len(names)
        raise IndexError(number)

    def close(self) -> None:
        for fd, _ in self.folders:
            os.close(fd)
        self.folders, self.names, self.files = [], [], 0


Done = tuple[Batch, Answer | None]


class _Mender:
    """One process, with the batch that it is at."""

    def __init__(self, task: list[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            number = theirs.fileno()
            program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("mender.py"))]
            words = [*program, str(number), str(os.getpid()), *task]
            try:
                self.process = subprocess.Popen(words, pass_fds=(number,), stdin=subprocess.DEVNULL, cwd="/")
            except OSError:
                ours.close()
                raise
        self.channel = ours
        self.batch: Batch | None = None

    def ask(self, batch: Batch) -> None:
        """Raises: OSError where the process is gone."""
        question = os.fsencode("\0\0".join("\0".join(names) for names in batch.names))
        socket.send_fds(self.channel, [len(question).to_bytes(HEAD, "big")], [fd for fd, _ in batch.folders])
        self.channel.sendall(question)

    def answer(self) -> Answer:
        """Raises: OSError, ValueError where the process is gone."""
        changed, owners, back = json.loads(received(self.channel, int.from_bytes(received(self.channel, HEAD), "big")))
        answer = Answer()
        answer.changed = {(bytes.fromhex(row[0]), row[1], bool(row[2])): row[3:] for row in changed}
        answer.owners = {row[0]: row[1:] for row in owners}
        answer.back = back
        return answer

    def end(self) -> None:
        """Whatever it is at: files are as they were or as they should be."""
        self.channel.close()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        if self.batch is not None:
            self.batch.close()


class Menders:
    """Gives each batch to a process that is free. What is handed back without an answer is left to the one who asks."""

    def __init__(self, task: list[str]) -> None:
        self.task, self.most = task, MOST
        self._all: list[_Mender] = []
        self._have_begun = not HELPS_AT_FIRST

    def give(self, batch: Batch) -> Iterator[Done]:
        """Have a batch done; comes with what was done meanwhile."""
        free = next((each for each in self._all if each.batch is None), None)
        if free is None and len(self._all) < self.most:
            free = self._started()
        while free is None and self._all:
            done = list(self._taken(None if self._have_begun else 0))
            if not done:
                break
            yield from done
            free = next((each for each in self._all if each.batch is None), None)
        if free is None:
            yield batch, None
            return
        free.batch = batch
        try:
            free.ask(batch)
        except OSError:
            yield self._lost(free)

    def rest(self) -> Iterator[Done]:
        """What is being done still."""
        while any(each.batch is not None for each in self._all):
            yield from self._taken(None)

    def close(self) -> None:
        """End them, and wait for that: nothing is changed by them any more."""
        for each in self._all:
            each.end()
        self._all = []

    def _started(self) -> _Mender | None:
        try:
            self._all.append(_Mender(self.task))
        except OSError:
            self.most = len(self._all)
            return None
        return self._all[-1]

    def _taken(self, patience_ms: int | None) -> Iterator[Done]:
        busy = {each.channel.fileno(): each for each in self._all if each.batch is not None}
        waiting = select.poll()
        for fd in busy:
            waiting.register(fd, select.POLLIN)
        for fd, _ in waiting.poll(patience_ms):
            one = busy[fd]
            try:
                answer = one.answer()
            except (OSError, ValueError):
                yield self._lost(one)
                continue
            batch, one.batch, self._have_begun = one.batch, None, True
            if batch is not None:
                yield batch, answer

    def _lost(self, one: _Mender) -> Done:
        """A process that was killed: what it had not done is done by the one who asks, and what it had is right."""
        self._all.remove(one)
        self.most = len(self._all)
        batch, one.batch = one.batch or Batch(), None
        one.end()
        return batch, None
