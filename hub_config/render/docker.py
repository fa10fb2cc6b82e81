"""DockerSpawner: bind mounts of the machine that the containers run on.

`mounts`, not `volumes`: there a colon in a path would end it. All of DockerSpawner's settings are templates, in which
braces mean something. A bind mount whose source is missing keeps a container from starting, so the spawner looks again.
Sources: dockerspawner 14.0; docker-py's types.Mount.
"""

from __future__ import annotations

from typing import Any

from hub_config.plan import Mode, Mount, MountKind, MountPlan
from hub_config.render import Rendered, fitting, is_text, linking, literal

REPORT = "/run/modama-mounts.json"


def render(plan: MountPlan, views: str, report: str = "") -> Rendered:
    """Mounts, user and groups of the container. `report`: the file on the machine that says what is missing."""
    plan = fitting(plan, _refusal)
    mounts = [_mount(m.source, m.target, read_only=m.read_only) for m in plan.mounts]
    if plan.mode is Mode.LIVE:
        mounts = [_mount(f"{views}/{plan.login}", plan.target, read_only=True, propagation="rslave")]
        mounts += [_mount(m.source, m.target, read_only=m.read_only) for m in plan.mounts if m.kind is MountKind.FOLDER]
    if report:
        mounts.append(_mount(report, REPORT, read_only=True))
    others = [str(gid) for gid in plan.groups if gid != plan.gid]
    return Rendered(
        plan,
        added={
            "mounts": mounts,
            "extra_create_kwargs": {"user": f"{plan.uid}:{plan.gid}"},
            "extra_host_config": {"group_add": others, "security_opt": ["no-new-privileges"]},
        },
        before=linking(plan.links),
    )


def _refusal(mount: Mount) -> str:
    if mount.kind is MountKind.NEXTCLOUD:
        return "containers cannot mount it; local servers (LocalProcessSpawner) can"
    return "" if is_text(mount.source + mount.target) else "its name is no UTF-8, which Docker cannot be told"


def _mount(source: str, target: str, *, read_only: bool, propagation: str = "") -> dict[str, Any]:
    found = {"type": "bind", "source": literal(source), "target": literal(target), "read_only": read_only}
    return {**found, "propagation": propagation} if propagation else found
