"""Trees with projects of real people, plans for them, and programs that run in what the launcher makes of a plan."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hub_config.discover import as_person, person_of
from hub_config.plan import MountPlan, Person, make_plan
from hub_config.render import local
from jupyter_modama.core.gate import ALL, AccessList
from jupyter_modama.core.hub_rules import HubRules
from jupyter_modama.core.model import Site
from jupyter_modama.store import acl, flags
from jupyter_modama.store.reachable import reachable
from jupyter_modama.testing.accounts import Account

PATIENCE_S = 60.0


def make_project(root: Path, name: str | bytes, *members: Account, area: str = "adhoc") -> Path:
    """A private project as the system makes it, with a session, and its members by name."""
    above = root / area
    above.mkdir(exist_ok=True, mode=0o755)
    project = Path(os.fsdecode(os.path.join(os.fsencode(above), os.fsencode(name))))
    (project / "s1" / "raw").mkdir(parents=True)
    (project / "s1" / "raw" / "a.dat").write_bytes(b"first" * 1000)
    for folder in (project / "s1" / "raw", project / "s1", project):
        folder.chmod(0o3770)
        set_members(folder, *members)
    (project / "s1" / "raw" / "a.dat").chmod(0o666)
    return project


def set_members(folder: Path, *members: Account) -> None:
    """Who may enter a folder, and have it."""
    listed = AccessList(ALL, 0, 0, {who.uid: ALL for who in members}, {}, ALL)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        acl.write(fd, listed)
        acl.write_default(fd, listed)
    finally:
        os.close(fd)


def seal(raw: Path) -> None:
    """Set the flag as a seal does."""
    for path in (*raw.iterdir(), raw):
        fd = os.open(path, os.O_RDONLY)
        flags.set_immutable(fd, True)
        os.close(fd)


def site_of(root: Path, mounts: str = "plan", **rules: Any) -> Site:
    """A site whose name has all that names can have."""
    return Site(root=str(root), name="er-c data ä", hub=HubRules(mounts=mounts, **rules))


def plan_for(site: Site, who: Account, home: Path | None = None) -> MountPlan:
    """The plan of somebody, from a look at the tree with their rights."""
    person = replace(known(who), home=str(home or ""))
    root_fd = os.open(site.root, os.O_PATH | os.O_DIRECTORY)
    try:
        found = as_person(person, lambda: reachable(root_fd, site)) if site.hub.mounts != "acl" else []
    finally:
        os.close(root_fd)
    return make_plan(site, person, found)


def known(who: Account) -> Person:
    return person_of(pwd.getpwuid(who.uid).pw_name, 1000)


@contextmanager
def home_of(who: Account, folder: Path) -> Iterator[Path]:
    """A home, which is theirs."""
    home = folder / f"home-{who.name}"
    home.mkdir(mode=0o700)
    os.chown(home, who.uid, who.gid)
    yield home


@dataclass
class Said:
    """What a program in a server said, and what the launcher said of the mounts."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    @property
    def missing(self) -> dict[str, str]:
        return {row["what"]: row["why"] for row in self.report["skipped"]}


def started(
    plan: MountPlan,
    *command: str,
    report: Path,
    secrets: dict[str, dict[str, str]] | None = None,
    follow: list[str] | None = None,
    raw_plan: dict[str, Any] | None = None,
) -> subprocess.Popen[str]:
    """A program as the launcher starts it."""
    request = local.request(plan, str(report), secrets or {}, follow)
    if raw_plan is not None:
        request["plan"] = raw_plan
    fd = os.memfd_create("request", 0)
    os.write(fd, json.dumps(request).encode())
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        return subprocess.Popen(
            [sys.executable, *local.words(fd)[1:], *command],
            pass_fds=(fd,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
        )
    finally:
        os.close(fd)


def launched(plan: MountPlan, script: str, *words: str, report: Path, **more: Any) -> Said:
    """What a script of shell says in what the launcher makes of a plan."""
    process = started(plan, "/bin/sh", "-c", script, "sh", *words, report=report, **more)
    out, err = process.communicate(timeout=PATIENCE_S)
    return Said(process.returncode, out, err, json.loads(report.read_text()) if report.exists() else {})


def mounts_of_machine() -> list[str]:
    """The mount points of the machine itself, to see that nothing is left there."""
    return sorted(
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    )
