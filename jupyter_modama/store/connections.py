"""From where accounts are connected to the Samba server of this machine, as smbstatus says it.

Samba keeps this in memory for as long as a connection lasts, and smbstatus is the one program that reads it on all
versions. What was seen is remembered for a day, so that it can be said of a file that has been quiet for a while.
"""

from __future__ import annotations

import json
import math
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

PROGRAM = "/usr/bin/smbstatus"
PARTS = ("--processes", "--shares")  # one answer holds one of them, or all with every open file
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
AGAIN_S = 5.0
SOON_S = 0.5  # where somebody has come since
PATIENCE_S = 20.0  # on a busy machine
LONGEST_S = 300.0  # between questions while it does not answer: twice as long each time
REMEMBERED = timedelta(days=1)
MOST = 10_000
NAMED = 5

Key = tuple[int, str, str]  # uid, address, Samba's number of the session
Rows = list[dict[str, Any]]
Times = tuple[datetime, datetime]


class Connections:
    """Who was connected from where, and between which times that was seen."""

    def __init__(self, config: Path | None = None, program: str = PROGRAM) -> None:
        self.words = [program, "--json", *(["--configfile", str(config)] if config else [])]
        self._seen: dict[Key, Times] = {}
        self._asked = -math.inf
        self._pause = 0.0
        self._lock = threading.Lock()

    def look(self, again_s: float = AGAIN_S) -> None:
        """Ask Samba who is connected now, unless that was asked a moment ago."""
        with self._lock:
            if time.monotonic() - self._asked >= max(again_s, self._pause):
                self._pause = 0.0 if self._ask() else min(2 * max(AGAIN_S, self._pause), LONGEST_S)
                self._asked = time.monotonic()

    def addresses(self, uid: int, when: datetime) -> tuple[str, ...]:
        """From where an account was connected at a time; nothing where that is not known."""
        before = when - timedelta(seconds=AGAIN_S)  # whoever was connected a moment ago has hardly changed places
        with self._lock:
            found = {
                a
                for (who, a, _), (since, seen) in self._seen.items()
                if who == uid and since <= when and before <= seen
            }
        return tuple(sorted(found))[:NAMED]

    def _ask(self) -> bool:
        if not Path(self.words[0]).exists():
            return False
        moment = datetime.now(UTC)
        try:
            sessions, shares = (_rows(self._said(part)) for part in PARTS)
        except (OSError, subprocess.SubprocessError, ValueError):
            return False
        for key, since in _sessions(sessions, shares):
            self._seen[key] = min(since, self._seen.get(key, (since, moment))[0]), moment
        kept = {key: times for key, times in self._seen.items() if times[1] > moment - REMEMBERED}
        newest = sorted(kept, key=lambda key: kept[key][1])[-MOST:]
        self._seen = {key: kept[key] for key in newest}
        return True

    def _said(self, part: str) -> Any:
        done = subprocess.run(
            [*self.words, part],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
            env=ENVIRONMENT,
        )
        return json.loads(done.stdout)


def _sessions(sessions: Rows, shares: Rows) -> Iterator[tuple[Key, datetime]]:
    """The sessions, each with when its first share was connected; what is odd is left out."""
    begun: dict[str, datetime] = {}
    for share in shares:
        number, moment = str(share.get("session_id")), _moment(share)
        if moment is not None:
            begun[number] = min(moment, begun.get(number, moment))
    for one in sessions:
        uid, number, address = one.get("uid"), str(one.get("session_id")), _address(str(one.get("hostname")))
        if type(uid) is int and address and number in begun:
            yield (uid, address, number), begun[number]


def _rows(found: Any) -> Rows:
    """The sessions, or the shares (Samba calls them tree connects), of an answer."""
    tables = [found.get(name) for name in ("sessions", "tcons")] if isinstance(found, dict) else []
    return [row for table in tables if isinstance(table, dict) for row in table.values() if isinstance(row, dict)]


def _address(text: str) -> str:
    """The address in `ipv4:10.1.2.3:49152`, nothing where there is none."""
    kind, _, rest = text.partition(":")
    try:
        return str(ip_address(rest.rpartition(":")[0].strip("[]"))) if kind in {"ipv4", "ipv6"} else ""
    except ValueError:
        return ""


def _moment(share: dict[str, Any]) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(share.get("connected_at")))
    except ValueError:
        return None
    return found if found.tzinfo else None
