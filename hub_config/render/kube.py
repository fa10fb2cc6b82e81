"""KubeSpawner: one claim (or one folder of each node) with a sub-path for each project, or one view.

No `fs_gid`: the kubelet would give the whole tree to that group, file by file. Settings are templates, in which braces
mean something. The kubelet makes sub-paths that are missing, as root: the plan holds only what is there.
Sources: kubespawner 7.1; Kubernetes' API, core/v1 VolumeMount.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub_config.plan import Mode, Mount, MountKind, MountPlan
from hub_config.render import Rendered, fitting, is_text, linking, literal
from jupyter_modama.mounts import Missing

NAME = "modama-tree"
MOST = 500  # mounts of one pod


def render(plan: MountPlan, views: str, claim: str = "", folder: str = "") -> Rendered:
    """Volumes, mounts and ids of the pod. `claim`: the PVC with the tree, in its `folder`; none: the node's own."""
    plan = fitting(plan, _refusal)
    if plan.mode is Mode.PLAN and len(plan.projects) > MOST:
        why = f"there are more than {MOST} of them, too many for a pod; the whole tree is shown, rights decide"
        tree = Mount(plan.root, plan.target, kind=MountKind.TREE)
        plan = replace(plan, skipped=(*plan.skipped, Missing("one mount for each project", why)))
        plan = replace(plan, mounts=(tree, *(m for m in plan.mounts if m.kind is MountKind.FOLDER)))
    volumes = [_volume(plan, views, claim)]
    mounts = [_mount(plan, mount, claim, folder) for mount in plan.mounts if mount.kind is not MountKind.FOLDER]
    if plan.mode is Mode.LIVE:
        mounts = [{"name": NAME, "mountPath": literal(plan.target), "mountPropagation": "HostToContainer"}]
    for number, mount in enumerate(m for m in plan.mounts if m.kind is MountKind.FOLDER):
        name = f"modama-{number}"
        volumes.append({"name": name, "hostPath": {"path": literal(mount.source), "type": "Directory"}})
        mounts.append({"name": name, "mountPath": literal(mount.target), "readOnly": mount.read_only})
    return Rendered(
        plan,
        traits={
            "uid": plan.uid,
            "gid": plan.gid,
            "fs_gid": None,
            "supplemental_gids": [gid for gid in plan.groups if gid != plan.gid],
            "allow_privilege_escalation": False,
        },
        added={"volumes": volumes, "volume_mounts": mounts},
        before=linking(plan.links),
    )


def _refusal(mount: Mount) -> str:
    if mount.kind is MountKind.NEXTCLOUD:
        return "pods cannot mount it; local servers (LocalProcessSpawner) can"
    if not is_text(mount.source + mount.target):
        return "its name is no UTF-8, which Kubernetes cannot be told"
    return "its name holds a colon, which Kubernetes does not take" if ":" in mount.target else ""


def _volume(plan: MountPlan, views: str, claim: str) -> dict[str, Any]:
    if plan.mode is Mode.LIVE:
        path = literal(f"{views}/{plan.login}")
        return {"name": NAME, "hostPath": {"path": path, "type": "DirectoryOrCreate"}}
    if claim:
        return {"name": NAME, "persistentVolumeClaim": {"claimName": literal(claim)}}
    return {"name": NAME, "hostPath": {"path": literal(plan.root), "type": "Directory"}}


def _mount(plan: MountPlan, mount: Mount, claim: str, folder: str) -> dict[str, Any]:
    inside = mount.source[len(plan.root) :].strip("/")
    below = "/".join(part for part in (folder.strip("/") if claim else "", inside) if part)
    found: dict[str, Any] = {"name": NAME, "mountPath": literal(mount.target), "readOnly": mount.read_only}
    return {**found, "subPath": literal(below)} if below else found
