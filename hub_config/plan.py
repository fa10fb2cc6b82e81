"""What one person finds in a server: a plan of mounts and links, made from what they can reach. Values only, no disk.

Rights are the lock, mounts are the view: a plan never gives anybody more than the kernel grants them already, and
whoever carries it out opens each source with the person's own rights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from jupyter_modama.core.hub_rules import ExtraMount
from jupyter_modama.core.model import Site
from jupyter_modama.mounts import Missing
from jupyter_modama.store.reachable import MOST_RAW, Reachable

EXTRAS = "/run/modama/mnt"  # where what people want in their homes is mounted; homes get links


class Mode(StrEnum):
    ACL = "acl"  # the whole tree, rights decide
    PLAN = "plan"  # the person's projects, as they were at the start
    LIVE = "live"  # the person's projects, followed while the server runs


class MountKind(StrEnum):
    TREE = "tree"
    PROJECT = "project"
    RAW = "raw"  # a sealed folder inside a mounted project, once more, read-only
    FOLDER = "folder"
    NEXTCLOUD = "nextcloud"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the system knows them."""

    login: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = ""
    group_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount. `source`: a path on disk, or the address of a Nextcloud; `target`: a path in the server."""

    source: str
    target: str
    read_only: bool = False
    kind: MountKind = MountKind.PROJECT
    project: str = ""
    name: str = ""  # of a further mount, for messages

    @property
    def says(self) -> str:
        """What it is, for people."""
        return self.name or (f"project {self.project}" if self.project else str(self.kind))


@dataclass(frozen=True, slots=True)
class Link:
    """A link in somebody's home, made with their own rights."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class MountPlan:
    """All that one person's server gets. `root`: the tree on the machine; `target`: where it lies in the server.

    `areas`: folders of a view that are there without any project, so that people find where their first one will be.
    """

    login: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    mode: Mode
    root: str
    target: str
    mounts: tuple[Mount, ...] = ()
    links: tuple[Link, ...] = ()
    skipped: tuple[Missing, ...] = ()
    areas: tuple[str, ...] = ()

    @property
    def generation(self) -> str:
        """A short text that differs as soon as anything of the plan does."""
        return hashlib.sha256(self.to_json().encode("ascii")).hexdigest()[:16]

    @property
    def projects(self) -> tuple[Mount, ...]:
        return tuple(mount for mount in self.mounts if mount.kind is MountKind.PROJECT)

    def without(self, gone: Iterable[Missing], mounts: Iterable[Mount]) -> MountPlan:
        """The plan without some mounts, which are named as skipped."""
        left = set(mounts)
        return replace(
            self, mounts=tuple(mount for mount in self.mounts if mount not in left), skipped=(*self.skipped, *gone)
        )

    def to_json(self) -> str:
        """As ASCII; names that are no UTF-8 are kept as half characters, which Python reads back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> MountPlan:
        """Raises: ValueError, TypeError, KeyError where it is none."""
        raw: dict[str, Any] = json.loads(text)
        known = {field.name for field in fields(cls)}
        if set(raw) != known:
            raise ValueError(f"a plan has the fields {', '.join(sorted(known))}")
        return cls(
            **{
                **raw,
                "groups": tuple(raw["groups"]),
                "mode": Mode(raw["mode"]),
                "mounts": tuple(Mount(**{**row, "kind": MountKind(row["kind"])}) for row in raw["mounts"]),
                "links": tuple(Link(**row) for row in raw["links"]),
                "skipped": tuple(Missing(**row) for row in raw["skipped"]),
                "areas": tuple(raw["areas"]),
            }
        )


# Making one ----------------------------------------------------------------------------------------------------------


def make_plan(
    site: Site, person: Person, reachable: Iterable[Reachable] = (), *, skipped: Iterable[Missing] = ()
) -> MountPlan:
    """The plan of a person, from the rules of the site and from what they can reach in the tree."""
    mode = Mode(site.hub.mounts)
    root, target = site.root.rstrip("/"), (site.hub.target or site.root).rstrip("/")
    mounts = [Mount(root, target, kind=MountKind.TREE)] if mode is Mode.ACL else _projects(root, target, reachable)
    links = [Link(f"{person.home}/{site.name}", target)] if site.hub.home_link and person.home else []
    for rule in site.hub.mount:
        if rule.groups and not set(rule.groups) & set(person.group_names):
            continue
        extra, link = _extra(rule, person)
        mounts.append(extra)
        links += [link] if link else []
    return MountPlan(
        person.login,
        person.uid,
        person.gid,
        person.groups,
        person.home,
        mode,
        root,
        target,
        tuple(mounts),
        tuple(links),
        tuple(skipped),
        () if mode is Mode.ACL else tuple(area.name for area in site.areas),
    )


def _projects(root: str, target: str, reachable: Iterable[Reachable]) -> list[Mount]:
    """The mounts of projects, then those of sealed folders in them, where these are not too many."""
    found = sorted(reachable, key=lambda one: one.path)
    projects = [Mount(f"{root}/{one.path}", f"{target}/{one.path}", project=one.path) for one in found]
    raw = [
        Mount(f"{root}/{path}", f"{target}/{path}", read_only=True, kind=MountKind.RAW, project=one.path)
        for one in found
        for path in one.sealed
    ]
    return projects + (raw if len(raw) <= MOST_RAW else [])


def _extra(rule: ExtraMount, person: Person) -> tuple[Mount, Link | None]:
    """A further mount. People own their homes, so nothing is mounted there: they get a link to a place of root's."""
    source = filled(rule.source, {"login": person.login, "home": person.home, "uid": str(person.uid)})
    target, link = rule.target, None
    if target.startswith("{home}"):
        link = Link(filled(target, {"login": person.login, "home": person.home}), f"{EXTRAS}/{rule.name}")
        target = link.to
    else:
        target = filled(target, {"login": person.login})
    return Mount(source, target, rule.read_only, MountKind(rule.kind), name=rule.name), link


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with the values in place of their names in braces; nothing else in it has a meaning."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template
