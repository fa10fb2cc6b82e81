"""What needs the content of a file is read by a process of its own, which is not the keeper's code and has limits.

Used in the process that reads for a person, so that the readers have that person's rights, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jupyter_modama.core.errors import Invalid, Unreachable, from_problem

VERBS = ("entry.metadata", "entry.preview")
MODULE = "jupyter_modama.service.file_reading"
LARGEST_ANSWER = 12 << 20
Message = dict[str, Any]


class Pictures:
    """The process that reads files; started when first needed, and again when it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, verb: str, wanted: Any) -> Message:
        """What the readers say.

        Raises: Invalid, Unreachable, what reading raises.
        """
        if not isinstance(wanted, Mapping):
            raise Invalid(what=f"{verb} is asked for without saying what")
        line = json.dumps({"verb": verb, "wanted": dict(wanted)}).encode() + b"\n"
        try:
            answer = self._asked(self._running(), line)
        except OSError:
            answer = b""
        if not answer.endswith(b"\n"):
            self.close()
            raise Unreachable(what="the process that reads files", why="it ended; please try again")
        told: Message = json.loads(answer)
        if "problem" in told:
            raise from_problem(told["problem"])
        result: Message = told["result"]
        return result

    def _asked(self, process: subprocess.Popen[bytes], line: bytes) -> bytes:
        asks, answers = process.stdin, process.stdout
        if asks is None or answers is None:
            return b""
        asks.write(line)
        asks.flush()
        return answers.readline(LARGEST_ANSWER)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        return self._process

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None:
            return
        for end in (process.stdin, process.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
