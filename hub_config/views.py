"""Views that follow: a folder that shows one person's projects, and goes on showing them as memberships change.

The launcher starts one follower for a server with a live view, in the namespace of that server, where it ends with it.
For containers one process on the machine keeps all views:

    python -m hub_config.views --site /etc/modama/site.toml --folder /run/modama/views

It follows a view for each folder there that has the name of an account; the containers' runtime makes it, or the hub
does. It believes nobody: what a view shows is what the kernel answers for its person.

A view is only what is shown. Who was removed may keep what is open; the access list is what locks.
Sources: inotify(7), mount_namespaces(7) on shared and slave mounts.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType

from hub_config import launcher
from hub_config.discover import as_person, person_of
from hub_config.plan import Mount, MountKind, MountPlan, Person, make_plan
from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.layout import area_of, depth
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.site import described
from jupyter_modama.store.beneath import open_beneath
from jupyter_modama.store.reachable import reachable

LOOK_AGAIN_S = 30.0  # for what no event tells: other machines' changes, seals, system groups
AT_MOST_EVERY_S = 0.5
MOST_WATCHED = 2000
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTRIB, _MOVED, _CREATE, _DELETE, _ONLYDIR = 0x4, 0xC0, 0x100, 0x200, 0x1000000
_SHARED = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hub_config.views import follow; sys.exit(follow())"


class View:
    """One person's view: what is mounted in it, and how it becomes what it should be."""

    def __init__(self, plan: MountPlan, root_fd: int, mounted: Iterable[Mount] = (), report: str = "") -> None:
        self.plan, self.root_fd, self.report = plan, root_fd, report
        self.mounted = {mount.target: mount for mount in mounted}

    def show(self, plan: MountPlan) -> int:
        """Mount what is new in a plan and take away what is gone; answers how many mounts changed.

        Raises: OSError where the view itself is gone.
        """
        wanted = {mount.target: mount for mount in plan.mounts if mount.kind in {MountKind.PROJECT, MountKind.RAW}}
        gone = [mount for target, mount in self.mounted.items() if wanted.get(target) != mount]
        new = [mount for target, mount in wanted.items() if self.mounted.get(target) != mount]
        if not gone and not new:
            return 0
        view = os.open(plan.target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            launcher.set_read_only(view, False)
            try:
                for mount in sorted(gone, key=lambda one: one.kind is MountKind.PROJECT):  # what lies inside goes first
                    self._hide(view, mount)
                self._add(view, plan, new)
            finally:
                launcher.set_read_only(view, True)
        finally:
            os.close(view)
        self.plan = plan
        return len(gone) + len(new)

    def _hide(self, view: int, mount: Mount) -> None:
        path = launcher.relative(mount.target, self.plan.target)
        with contextlib.suppress(OSError):  # it is not there any more
            fd = launcher.open_beneath(view, path)
            try:
                launcher.detach(fd)
            finally:
                os.close(fd)
        del self.mounted[mount.target]
        while path and mount.kind is MountKind.PROJECT and path not in self.plan.areas:
            try:
                os.rmdir(path, dir_fd=view)
            except OSError:
                break  # other projects lie there
            path = path.rpartition("/")[0]

    def _add(self, view: int, plan: MountPlan, new: list[Mount]) -> None:
        raw = json.loads(plan.to_json())
        report = launcher.Report({**raw, "skipped": []})
        rows = [json.loads(json.dumps(asdict(mount))) for mount in new]
        launcher.mount_folders(raw, [row for row in rows if row["kind"] == "project"], self.root_fd, view, report)
        launcher.protect_raw({**raw, "mounts": rows}, view, report)
        missing = {row["what"] for row in report.skipped}
        self.mounted |= {mount.target: mount for mount in new if mount.says not in missing}
        if self.report:
            self._say(report)

    def _say(self, report: launcher.Report) -> None:
        """Add to what the launcher wrote down, and keep what it said of further mounts."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            before = json.loads(Path(self.report).read_text("ascii"))
            kept = [row for row in before["skipped"] if not row["what"].startswith("project ")]
            report.skipped, report.made = kept + report.skipped, len(self.mounted)
            report.write(self.report, self.plan.uid)


# Following -----------------------------------------------------------------------------------------------------------


class Watch:
    """Hears of projects that are made, renamed, removed, or opened and closed to people, on this machine."""

    def __init__(self, root_fd: int, site: Site) -> None:
        self.root_fd, self.site = root_fd, site
        self.fd: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._watched: dict[int, int] = {}

    def renew(self) -> None:
        """Watch the folders that projects lie in, those that are new too."""
        if self.fd >= 0:
            for fd in self._above(self.root_fd, TreePath("")):
                if len(self._watched) < MOST_WATCHED:
                    wanted = _ATTRIB | _MOVED | _CREATE | _DELETE | _ONLYDIR
                    number = _libc.inotify_add_watch(self.fd, f"/proc/self/fd/{fd}".encode("ascii"), wanted)
                    if number >= 0:
                        self._watched[number] = fd

    def _above(self, fd: int, path: TreePath) -> Iterator[int]:
        yield fd
        try:
            listed = os.open(".", FOLDER, dir_fd=fd)
        except OSError:
            return
        try:
            names = os.listdir(listed)
        finally:
            os.close(listed)
        for name in names:
            below = path / name
            area = area_of(self.site, below)
            if area is None or len(below.parts) > depth(area) or name.startswith("."):
                continue
            with contextlib.suppress(OSError):
                inner = open_beneath(fd, name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    yield from self._above(inner, below)
                finally:
                    os.close(inner)

    def drain(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self.fd, 1 << 16):
                pass


class Follower:
    """Keeps views what they should be, until it is told to stop."""

    def __init__(self, site: Site, root_fd: int) -> None:
        self.site, self.root_fd = site, root_fd
        self.views: dict[str, View] = {}
        self.watch = Watch(root_fd, site)

    def look(self) -> None:
        """Look again for everybody; what cannot be looked at stays as it is."""
        self.watch.renew()
        for login, view in list(self.views.items()):
            try:
                person = person_of(login, self.site.minimum_uid)
                view.show(self.planned(person, view.plan.target))
            except (ModamaError, OSError, ValueError) as error:
                launcher.say(f"the view of {login} stays as it is: {error}")

    def planned(self, person: Person, target: str) -> MountPlan:
        found = as_person(person, lambda: reachable(self.root_fd, self.site))
        plan = make_plan(self.site, person, found)
        old, at = plan.target, target.rstrip("/")
        mounts = tuple(
            Mount(m.source, at + m.target[len(old) :], m.read_only, m.kind, m.project)
            for m in plan.mounts
            if m.kind in {MountKind.PROJECT, MountKind.RAW}
        )
        return replace(plan, target=at, mounts=mounts)

    def wait(self, *others: int) -> bool:
        """Wait until something may have changed; answers whether one of the other descriptors has something."""
        poll = select.poll()
        for fd in (self.watch.fd, *others):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        told = {fd for fd, _ in poll.poll(LOOK_AGAIN_S * 1000)}
        if self.watch.fd in told:
            time.sleep(AT_MOST_EVERY_S)
            self.watch.drain()
        return bool(told & set(others))


def follow() -> int:
    """Follow the view of one server until it ends: what the launcher starts, in that server's namespace."""
    site_file, login, report, *numbers = sys.argv[1:]
    server, given, root_fd = map(int, numbers)
    for number in (server, given, root_fd):
        os.set_inheritable(number, False)
    with os.fdopen(given, encoding="ascii") as file:
        file.seek(0)
        plan = MountPlan.from_json(file.read())
    follower = Follower(described(Path(site_file)), root_fd)
    missing = {row.what for row in plan.skipped}
    mounted = [m for m in plan.mounts if m.kind in {MountKind.PROJECT, MountKind.RAW} and m.says not in missing]
    follower.views[login] = View(plan, root_fd, mounted, report)
    while True:
        follower.look()
        if follower.wait(server):
            return 0


# All views of a machine ----------------------------------------------------------------------------------------------


class Folder:
    """The folder of the views of a machine: a folder with the name of an account becomes that person's view."""

    def __init__(self, path: str, follower: Follower) -> None:
        self.path, self.follower = path.rstrip("/"), follower

    def take_up(self) -> None:
        """Make views of folders that are new; forget those that are gone. Who has no account here gets none."""
        names = sorted(os.listdir(self.path))
        for name in set(self.follower.views) - set(names):
            del self.follower.views[name]
        for name in names:
            if name not in self.follower.views:
                try:
                    person_of(name, self.follower.site.minimum_uid)
                    self.follower.views[name] = self._begun(name)
                except (ModamaError, OSError) as error:
                    launcher.say(f"there is no view for {name}: {error}")

    def _begun(self, login: str) -> View:
        """A view with nothing in it; one that a follower before this has left is begun anew."""
        target = f"{self.path}/{login}"
        launcher.check_target(target)
        with contextlib.suppress(OSError):
            fd = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                launcher.detach(fd)
            finally:
                os.close(fd)
        launcher.mount_empty(target)
        if _libc.mount(None, os.fsencode(target), None, ctypes.c_ulong(_SHARED), None) != 0:
            raise OSError(ctypes.get_errno(), "the view could not be shared with containers", target)
        person = person_of(login, self.follower.site.minimum_uid)
        empty = replace(make_plan(self.follower.site, person), target=target)
        fd = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            launcher.make_areas({"areas": empty.areas}, fd)
        finally:
            os.close(fd)
        return View(empty, self.follower.root_fd)


def main() -> int:
    """Keep the views of all people with a folder, until SIGTERM; the mounts stay."""
    parser = argparse.ArgumentParser(prog="python -m hub_config.views", description=main.__doc__)
    parser.add_argument("--site", required=True, help="the site file")
    parser.add_argument("--folder", default="/run/modama/views", help="where the views are")
    given = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("mounts are made by root")
    site = described(Path(given.site))
    os.makedirs(given.folder, 0o711, exist_ok=True)
    follower = Follower(site, os.open(site.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    own = Folder(given.folder, follower)
    _libc.inotify_add_watch(follower.watch.fd, os.fsencode(given.folder), _CREATE | _MOVED | _DELETE | _ONLYDIR)
    signal.signal(signal.SIGTERM, _stopped)
    while True:
        own.take_up()
        follower.look()
        follower.wait()


def _stopped(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
