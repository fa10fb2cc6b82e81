"""Another program on the same machine, which holds something open until the test lets it go."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any


def in_child(work: Callable[[], None], uid: int) -> int:
    """The exit code of a forked process that does some work as a user; negative for the signal that ended it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child uses none of the threads of other tests
        child = os.fork()
    if not child:
        code = 70
        try:
            if uid:
                os.setgroups(())
                os.setgid(uid)
                os.setuid(uid)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Child:
    """A forked process that calls a function, keeps what it answers, and lives until the block ends."""

    def __init__(self, opens: Callable[[], Any]) -> None:
        self.opens = opens
        self.pid = 0

    def __enter__(self) -> Child:
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child uses none of the threads of other tests
            self.pid = os.fork()
        if not self.pid:
            try:
                kept = self.opens()
                os.write(writing, b"1")
                signal.pause()
                del kept
            finally:
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            assert pipe.read(1) == b"1", "the other program could not begin"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    @property
    def name(self) -> str:
        return Path(f"/proc/{self.pid}/comm").read_text().strip()
