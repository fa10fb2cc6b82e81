"""SystemdSpawner: systemd itself makes the mounts of the unit.

It formats each setting as one text, which is one word of a command line: large plans do not fit, and show the tree
whole. Sources: systemd.exec(5); systemd-run(1); systemdspawner 1.0.2, which formats settings that are texts only.
"""

from __future__ import annotations

from dataclasses import replace

from hub_config.plan import Mode, Mount, MountKind, MountPlan
from hub_config.render import Rendered, fitting, is_text, linking, literal
from jupyter_modama.mounts import Missing

LONGEST = 100_000  # bytes; the kernel takes 131,072 in one word


def render(plan: MountPlan, views: str) -> Rendered:
    """The properties of the unit, and what stands before the command."""
    plan = fitting(plan, _refusal)
    shown = _shown(plan, views)
    if any(len(value.encode()) > LONGEST for value in shown.values()):
        why = "there are too many of them for a unit of systemd; the whole tree is shown, rights decide"
        plan = replace(plan, skipped=(*plan.skipped, Missing("one mount for each project", why)))
        plan = replace(plan, mounts=tuple(m for m in plan.mounts if m.kind is MountKind.FOLDER))
        shown = _shown(replace(plan, mode=Mode.ACL), views)
    properties = {"NoNewPrivileges": "yes", "MountFlags": "slave", **shown}
    return Rendered(
        plan,
        added={"unit_extra_properties": {name: literal(value) for name, value in properties.items()}},
        before=tuple(literal(word.replace("$", "$$")) for word in linking(plan.links)),  # systemd fills in variables
    )


def _refusal(mount: Mount) -> str:
    if mount.kind is MountKind.NEXTCLOUD:
        return "SystemdSpawner cannot mount it; local servers (LocalProcessSpawner) can"
    return "" if is_text(mount.source + mount.target) else "its name is no UTF-8, which systemd cannot be told"


def _shown(plan: MountPlan, views: str) -> dict[str, str]:
    writable = [_bind(m.source, m.target) for m in plan.mounts if not m.read_only and m.kind is not MountKind.TREE]
    sealed = [_bind(m.source, m.target) for m in plan.mounts if m.read_only]
    if plan.mode is Mode.LIVE:
        writable = [_bind(f"{views}/{plan.login}", plan.root)]
        writable += [_bind(m.source, m.target) for m in plan.mounts if m.kind is MountKind.FOLDER and not m.read_only]
        sealed = [_bind(m.source, m.target) for m in plan.mounts if m.kind is MountKind.FOLDER and m.read_only]
    found = {"BindPaths": " ".join(writable), "BindReadOnlyPaths": " ".join(sealed)}
    if plan.mode is Mode.PLAN:
        found["TemporaryFileSystem"] = _quoted(f"{plan.root}:ro")
    return {name: value for name, value in found.items() if value}


def _bind(source: str, target: str) -> str:
    """`-` lets the unit start where the source is gone meanwhile."""
    return _quoted("-" + source) + ":" + _quoted(target)


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
