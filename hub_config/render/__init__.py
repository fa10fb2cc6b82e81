"""From a plan to the settings of a spawner, one file for each: pure functions, nothing is looked up or changed.

What a spawner cannot mount is named in the plan that comes back with the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub_config.plan import Link, Mount, MountPlan
from jupyter_modama.mounts import Missing


@dataclass(frozen=True, slots=True)
class Rendered:
    """Settings (traits) of a spawner; those named in `added` are added to what the administrator has set."""

    plan: MountPlan
    traits: dict[str, Any] = field(default_factory=dict)
    added: dict[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()  # words before the command of the server


def fitting(plan: MountPlan, refusal: Callable[[Mount], str]) -> MountPlan:
    """The plan without what a spawner cannot mount, by what the function says against it."""
    refused = [(mount, why) for mount in plan.mounts if (why := refusal(mount))]
    return plan.without([Missing(mount.says, why) for mount, why in refused], [mount for mount, _ in refused])


def is_text(path: str) -> bool:
    """Whether a path can be sent as text: other programs know no names that are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(sign) < 32 for sign in path)


def literal(text: str) -> str:
    """A text for settings in which braces mean something."""
    return text.replace("{", "{{").replace("}", "}}")


def linking(links: tuple[Link, ...]) -> tuple[str, ...]:
    """Words that make the links of a home before a server starts in it; what has the name already stays."""
    if not links:
        return ()
    script = (
        'n=$1; shift; while [ "$n" -gt 0 ]; do [ -e "$1" ] || [ -L "$1" ] || ln -s -- "$2" "$1"; '
        'shift 2; n=$((n-1)); done; exec "$@"'
    )
    words = [word for link in links for word in (link.path, link.to)]
    return ("/bin/sh", "-c", script, "modama", str(len(links)), *words)
