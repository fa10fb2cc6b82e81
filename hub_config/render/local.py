"""Local processes: the launcher makes the mounts, in a mount namespace of the server's own, and lays root down."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hub_config.plan import MountPlan
from jupyter_modama.mounts import Missing

LAUNCHER = str(Path(__file__).resolve().parents[1] / "launcher.py")


def words(fd: int) -> list[str]:
    """What stands before the command of the server; the request is read from the descriptor."""
    return [sys.executable, "-I", "-S", LAUNCHER, str(fd), "--"]


def request(
    plan: MountPlan, report: str, secrets: dict[str, dict[str, str]], follow: list[str] | None = None
) -> dict[str, Any]:
    """What the launcher reads."""
    return {"plan": json.loads(plan.to_json()), "report": report, "secrets": secrets, "follow": follow}


def as_it_is(plan: MountPlan) -> tuple[Missing, ...]:
    """What a server of this machine cannot have."""
    if plan.target != plan.root:
        return (Missing("[hub] target", f"on this machine the tree is at {plan.root}, as everywhere else on it"),)
    return ()
