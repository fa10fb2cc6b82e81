"""What is said of a server's mounts: written where its person can read it, and nobody else.

The launcher writes reports of local servers by itself; here are those of others, and the reading of both.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from hub_config.plan import MountPlan
from jupyter_modama.core.errors import printable
from jupyter_modama.mounts import Missing

STATE = "/run/modama/mounts"


def report_path(login: str, server: str) -> str:
    """Where the report of a server stands, in a folder of root's. Names of servers are plain words."""
    with contextlib.suppress(OSError):  # a hub that is not root has no use for it
        os.makedirs(STATE, 0o711, exist_ok=True)
    return f"{STATE}/{login}.{server}.json"


def report_text(plan: MountPlan) -> str:
    """The report itself, where a server cannot see a file of the hub's; short enough for an environment."""
    skipped = [{"what": printable(one.what), "why": printable(one.why)} for one in plan.skipped[:50]]
    said = {"mode": str(plan.mode), "target": plan.target, "made": len(plan.mounts), "skipped": skipped}
    return json.dumps(said)


def write_report(file: str, plan: MountPlan) -> None:
    """Disk: the file, for its person alone, replaced at once. Raises: OSError."""
    fd, fresh = tempfile.mkstemp(dir=os.path.dirname(file))
    with os.fdopen(fd, "w", encoding="ascii") as out:
        out.write(report_text(plan))
        os.fchown(fd, plan.uid, -1)
        os.fchmod(fd, 0o400)
    os.replace(fresh, file)


def read_missing(file: str, since: float) -> list[Missing] | None:
    """What the launcher has written about a start; None as long as it has not."""
    try:
        path = Path(file)
        if path.stat().st_mtime < since - 1:
            return None
        return [Missing(str(row["what"]), str(row["why"])) for row in json.loads(path.read_text("ascii"))["skipped"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
