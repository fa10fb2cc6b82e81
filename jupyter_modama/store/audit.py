"""Who did what, when, and how it ended: JSON lines, only ever added to.

One line at the begin and one at the end of each change; a begin without an end is closed as interrupted when the next process starts.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class FileAudit:
    """An audit in one file, shared by all processes of a person or service on this machine."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def begin(self, op: str, actor: str, target: str, wanted: dict[str, Any]) -> str:
        """Write that something begins, before its first effect. The answer names the line for `end`."""
        line = secrets.token_hex(8)
        self._add({"line": line, "op": op, "actor": actor, "target": target, "wanted": wanted, "pid": os.getpid()})
        return line

    def end(self, line: str, outcome: str, detail: str = "") -> None:
        self._add({"line": line, "outcome": outcome, "detail": detail})

    def _add(self, entry: dict[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}, default=str)
        fd = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)  # a line is one write, yet a full disk can cut one: start on a line of one's own
            if not _ends_a_line(self.file):
                text = "\n" + text
            os.write(fd, text.encode("utf-8", "backslashreplace") + b"\n")
        finally:
            os.close(fd)

    def lines(self) -> list[dict[str, Any]]:
        """All lines that can be read; a cut one is passed over."""
        try:
            raw = self.file.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in raw:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                found.append(entry)
        return found

    def close_interrupted(self) -> int:
        """Close the begun lines of processes that are gone; answers how many."""
        begun = {}
        for entry in self.lines():
            if "op" in entry:
                begun[entry["line"]] = entry
            else:
                begun.pop(entry.get("line"), None)
        gone = [line for line, entry in begun.items() if not _alive(int(entry.get("pid", 0)))]
        for line in gone:
            self.end(line, "interrupted", "the program that did this ended before it was done")
        return len(gone)


def _ends_a_line(file: Path) -> bool:
    with file.open("rb") as text:
        size = text.seek(0, os.SEEK_END)
        if size == 0:
            return True
        text.seek(size - 1)
        return text.read(1) == b"\n"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
