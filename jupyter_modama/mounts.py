"""What a server says of its own mounts: the report that stands where MODAMA_MOUNTS points to, or in it.

    {"mode": "plan", "target": "/storage/er-c-data", "made": 3, "at": 1763740000.0,
     "skipped": [{"what": "project adhoc/x", "why": "it is not there any more"}]}

Whoever starts servers writes it (hub_config); the sidebar and `modama doctor` show it. It is for showing only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "MODAMA_MOUNTS"
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not in this server, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class MountReport:
    """How the tree is shown in this server: acl, plan or live; how many mounts were made; what is missing."""

    mode: str
    target: str
    made: int
    skipped: tuple[Missing, ...] = ()


def read_report(environ: Mapping[str, str] = os.environ) -> MountReport | None:
    """The report of this server; None where nobody mounted anything for it.

    Raises: OSError, ValueError where there should be one and it cannot be read.
    """
    given = environ.get(VARIABLE, "")
    if not given:
        return None
    if not given.startswith("{"):
        with open(given, "rb") as file:
            given = file.read(LARGEST).decode("utf-8", "replace")
    raw = json.loads(given)
    if not isinstance(raw, dict) or not isinstance(rows := raw.get("skipped", []), list):
        raise ValueError("the report of the mounts is none")
    made = raw.get("made")
    missing = tuple(Missing(_text(row.get("what")), _text(row.get("why"))) for row in rows if isinstance(row, dict))
    return MountReport(_text(raw.get("mode")), _text(raw.get("target")), made if type(made) is int else 0, missing)


def _text(value: Any) -> str:
    """A text for people; half characters, which stand for bytes that are no UTF-8, by their numbers."""
    return str(value or "").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")[:500]
