"""Mounts that follow memberships are a moment behind the service: what waits for them to show what was just changed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from jupyter_modama.core.model import Event
from jupyter_modama.core.paths import TreePath
from jupyter_modama.mounts import read_report

PATIENCE_S = 5.0  # then the person is shown what there is
BEHIND_S = 1.5  # what mounts need to follow on a busy machine
LOOK_S = 0.05
NEW_PATH = ("project.create", "project.rename")
MOVES_PROJECTS = ("members", "change")


def wait_for_project(root: str, operation: str, answer: Mapping[str, Any]) -> None:
    """Wait until a project that is new at its path is there for this process; for a while only."""
    if operation not in NEW_PATH or not isinstance(answer.get("path"), str):
        return
    path = TreePath.parse(answer["path"], str(answer.get("path_b64") or ""))
    until = time.monotonic() + PATIENCE_S
    while not os.path.isdir(os.path.join(root, path)) and time.monotonic() < until:
        time.sleep(LOOK_S)


def wait_for_mounts(event: Event) -> None:
    """Wait until mounts that follow can have followed what an event tells of."""
    if event.type in MOVES_PROJECTS and mounts_follow():
        time.sleep(BEHIND_S)


def mounts_follow() -> bool:
    """Whether this server has mounts that follow memberships."""
    try:
        report = read_report()
    except (OSError, ValueError):
        return False
    return report is not None and report.mode == "live"
