"""BatchSpawner: the nodes mount the storage themselves, and nothing there is root's to do: a folder of links.

Rights are the lock, as everywhere; the links only show. BatchSpawner puts what people choose in the spawn form into the
script of the job: only plain words are let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub_config.plan import Mode, MountKind, MountPlan
from hub_config.render import Rendered
from jupyter_modama.mounts import Missing

PLAIN = re.compile(r"[A-Za-z0-9_.,:@/+=-]{0,200}")
OURS = {"cmd", "prologue", "epilogue", "username", "homedir", "host", "keepvars", "keepvars_extra", "options"}


def render(plan: MountPlan, prologue: str = "") -> Rendered:
    """The lines that a job begins with. `prologue`: those that the administrator has set."""
    others = [mount for mount in plan.mounts if mount.kind in {MountKind.FOLDER, MountKind.NEXTCLOUD}]
    why = "the nodes of a cluster mount storage themselves"
    plan = plan.without([Missing(mount.says, why) for mount in others], others)
    plan = replace(plan, links=tuple(link for link in plan.links if link.to == plan.target))
    lines = [_link(link.path, plan.root) for link in plan.links] if plan.mode is Mode.ACL else _farm(plan)
    return Rendered(plan, traits={"req_prologue": "\n".join(line for line in (prologue, *lines) if line)})


def safe_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """What of a person's choices may stand in the script of the job: plain words and numbers, and none of our names."""
    return {
        name: value
        for name, value in options.items()
        if name not in OURS
        and name.isidentifier()
        and PLAIN.fullmatch(str(value))
        and not isinstance(value, (dict, list))
    }


def _link(path: str, to: str) -> str:
    return f"[ -e {quoted(path)} ] || [ -L {quoted(path)} ] || ln -s -- {quoted(to)} {quoted(path)} || true"


def _farm(plan: MountPlan) -> list[str]:
    """A folder with a link to each project; links of before into the tree go, everything else stays."""
    lines: list[str] = []
    for link in plan.links:
        top = quoted(link.path)
        lines.append(f"if [ -L {top} ]; then rm -f -- {top}; fi")
        pattern = quoted(re.sub(r"([*?\[\\])", r"\\\1", plan.root) + "/*")
        lines.append(f"mkdir -p -- {top} && find {top} -type l -lname {pattern} -delete || true")
        folders: dict[str, list[str]] = {}
        for mount in plan.projects:
            above = mount.source[len(plan.root) :].rpartition("/")[0]
            folders.setdefault(link.path + above, []).append(mount.source)
        for folder, sources in sorted(folders.items()):
            words = " ".join(map(quoted, sources))
            lines.append(f"mkdir -p -- {quoted(folder)} && ln -sfn -t {quoted(folder)} -- {words} || true")
    return lines


def quoted(text: str) -> str:
    """A text for bash; bytes that are no UTF-8, and signs that end a line, by their numbers."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _by_numbers(text)
    return "'" + text.replace("'", "'\\''") + "'" if text.isprintable() else _by_numbers(text)


def _by_numbers(text: str) -> str:
    return "$'" + "".join(f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogateescape")) + "'"
