"""Any spawner, with a person's mounts.

    c.JupyterHub.spawner_class = spawner_class(site)             # as [hub] spawner says
    c.JupyterHub.spawner_class = with_mounts(SlurmSpawner, site)  # one of your own

A plan is made anew for each start, from the account and from the tree. What people choose in the form of the hub, or
send to its REST interface (`user_options`), is not looked at. A mount that fails is left out, and said in the log, on
the page that shows the start, in the sidebar and by `modama doctor`; it never keeps a server from starting.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from importlib import import_module
from typing import Any

from jupyterhub.spawner import Spawner

from hub_config import views
from hub_config.discover import PACKAGE, Discovery, command, read_discovery
from hub_config.nextcloud import nextcloud_secrets
from hub_config.plan import Mode, Mount, MountKind, MountPlan, Person, make_plan
from hub_config.reaching import reached
from hub_config.render import Rendered, batch, docker, kube, local, systemd
from hub_config.reports import read_missing, report_path, report_text, write_report
from jupyter_modama.core.errors import Invalid, ModamaError, printable
from jupyter_modama.core.model import Site
from jupyter_modama.mounts import VARIABLE, Missing

SITE_FILE = "/etc/modama/site.toml"
VIEWS = "/run/modama/views"
LOOK_S = 30.0
# The class of each kind, and its package.
KINDS = {
    "local": ("jupyterhub.spawner", "LocalProcessSpawner", "jupyterhub"),
    "systemd": ("systemdspawner", "SystemdSpawner", "jupyterhub-systemdspawner"),
    "docker": ("dockerspawner", "DockerSpawner", "dockerspawner"),
    "kube": ("kubespawner", "KubeSpawner", "jupyterhub-kubespawner"),
    "batch": ("batchspawner", "SlurmSpawner", "batchspawner"),
}


def spawner_class(site: Site, site_file: str = "") -> type[Spawner]:
    """The spawner that [hub] spawner names, with mounts.

    Raises: Invalid where its package is not installed.
    """
    module, name, package = KINDS[site.hub.spawner]
    try:
        base = getattr(import_module(module), name)
    except ImportError as error:
        raise Invalid(
            what=f"[hub] spawner = “{site.hub.spawner}” needs a package where the hub runs: pip install {package}"
        ) from error
    return with_mounts(base, site, site_file)


def with_mounts(base: type[Spawner], site: Site, site_file: str = "") -> type[Spawner]:
    """A spawner of the hub, and the mounts of `site` beside all that it does."""
    kind = kind_of(base)
    mixin = LocalMounts if kind == "local" else BatchMounts if kind == "batch" else RenderedMounts
    given = {"modama_kind": kind, "modama_site": site, "modama_site_file": site_file, "__module__": __name__}
    return type(f"Modama{base.__name__}", (mixin, base), given)


def kind_of(base: type[Spawner]) -> str:
    """Which way of mounting a spawner's class has, by its parents.

    Raises: Invalid.
    """
    names = {parent.__name__ for parent in base.__mro__}
    for name, kind in (
        ("SystemdSpawner", "systemd"),
        ("DockerSpawner", "docker"),
        ("KubeSpawner", "kube"),
        ("BatchSpawnerBase", "batch"),
        ("LocalProcessSpawner", "local"),
    ):
        if name in names:
            return kind
    raise Invalid(
        what=f"no mounts are known for {base.__name__}; known are {', '.join(KINDS)} and what derives from them"
    )


class Mounts(Spawner):  # type: ignore[misc]
    """What all kinds have: a plan for each start, surroundings, and words about what is missing."""

    modama_kind = ""
    modama_site: Site
    modama_site_file = ""
    modama_missing: tuple[Missing, ...] = ()
    # Traits of the spawners.
    cmd: Any
    popen_kwargs: Any
    user_options: Any
    req_prologue: Any

    # The hub wants these three of every class that is a spawner; they are those of the spawner below.

    async def start(self) -> Any:
        return await super().start()

    async def stop(self, now: bool = False) -> Any:
        return await super().stop(now=now)

    async def poll(self) -> Any:
        return await super().poll()

    @property
    def _site_file(self) -> str:
        named = str(self.modama_site_file or self.environment.get("MODAMA_SITE") or os.environ.get("MODAMA_SITE") or "")
        return named or SITE_FILE

    async def modama_plan(self) -> MountPlan:
        """What this person's server gets now; whatever goes wrong with that, the plan says so."""
        mode = Mode(self.modama_site.hub.mounts)
        live_elsewhere = mode is Mode.LIVE and self.modama_kind != "local"
        look = mode is not Mode.ACL and not live_elsewhere
        found = await self._discovered(look and os.geteuid() == 0)
        if look and os.geteuid() != 0:
            found = await self._reached(found.person)
        problem = [Missing("projects", found.problem)] if found.problem else []
        return make_plan(self.modama_site, found.person, found.found, skipped=problem)

    async def _reached(self, person: Person) -> Discovery:
        """What a person reaches, where the hub cannot look with their rights: the keeper, which can, tells it."""
        sealed = self.modama_kind != "batch"
        try:
            asked = asyncio.to_thread(reached, self.modama_site.service.keeper, person, sealed=sealed)
            return Discovery(person, tuple(await asyncio.wait_for(asked, LOOK_S)))
        except TimeoutError:
            return Discovery(person, problem=f"the keeper did not answer within {LOOK_S:.0f} s")
        except ModamaError as error:
            return Discovery(person, problem=f"the hub is not root, and the keeper cannot be asked: {error}")

    async def _discovered(self, look: bool) -> Discovery:
        """Raises: Invalid where there is no such account."""
        sealed = self.modama_kind != "batch"
        process = await asyncio.create_subprocess_exec(
            *command(self._site_file, self.user.name, look=look, sealed=sealed),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        )
        try:
            told, complaint = await asyncio.wait_for(process.communicate(), LOOK_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            if not look:
                raise Invalid(what=f"the account {self.user.name} could not be looked up in {LOOK_S:.0f} s") from None
            found = await self._discovered(look=False)
            return Discovery(found.person, problem=f"the data tree did not answer within {LOOK_S:.0f} s")
        if process.returncode:
            raise Invalid(what=complaint.decode("utf-8", "replace").strip()[-500:])
        return read_discovery(told.decode("ascii"))

    # what servers find around them ------------------------------------------------------------------------------------

    def get_env(self) -> dict[str, Any]:
        """The environment of the server; what the administrator sets wins."""
        env: dict[str, Any] = super().get_env()
        for name, value in getattr(self, "_modama_env", {}).items():
            env.setdefault(name, value)
        return env

    def _surround(self, plan: MountPlan, report: str) -> None:
        home = plan.home or "/tmp"  # noqa: S108 - of an account without a home
        self._modama_env = {
            VARIABLE: report,
            # Files on storage without locks can be opened, and locks are used where there are some.
            "HDF5_USE_FILE_LOCKING": "BEST_EFFORT",
            # Never shared: numba loads code from there.
            "NUMBA_CACHE_DIR": f"{home}/.cache/numba",
        }

    def _tell(self, missing: tuple[Missing, ...]) -> None:
        self.modama_missing = missing
        for one in missing:
            self.log.warning("%s: %s is not mounted: %s", self.user.name, printable(one.what), printable(one.why))

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the page shows that waits for the start."""
        async for event in super().progress():
            yield event
        for one in self.modama_missing:
            yield {"message": f"{printable(one.what)} is not mounted: {printable(one.why)}"}

    # settings, for each start anew ------------------------------------------------------------------------------------

    def _set(self, rendered: Rendered) -> None:
        """Set traits for this start, beside what the administrator has set."""
        own: dict[str, Any] = self.__dict__.setdefault("_modama_own", {})
        for name, value in {**rendered.traits, **rendered.added}.items():
            before = own.setdefault(name, getattr(self, name))
            setattr(self, name, added(before, value) if name in rendered.added else value)
        if rendered.before and self.cmd:
            before = own.setdefault("cmd", list(self.cmd))
            self.cmd = [*rendered.before, *before]


class LocalMounts(Mounts):
    """Local processes, by the launcher. A hub that is not root starts servers as ever, and mounts nothing."""

    def make_preexec_fn(self, name: str) -> Any:
        """Root stays until the launcher lays it down; without root there is nothing to lay down."""
        return (lambda: None) if os.geteuid() == 0 else super().make_preexec_fn(name)

    async def start(self) -> Any:
        if os.geteuid() != 0:
            self.log.warning(
                "The hub is not root: servers start without mounts of their own, rights in the tree decide"
            )
            return await super().start()
        plan = await self.modama_plan()
        plan = plan.without(local.as_it_is(plan), ())
        report = report_path(self.user.name, self.name)
        self._surround(plan, report)
        secrets = await self._secrets(plan)
        wanted = json.dumps(local.request(plan, report, secrets, self._follower(plan, report)))
        given = os.memfd_create("modama-request", os.MFD_CLOEXEC)
        os.write(given, wanted.encode("ascii"))
        os.lseek(given, 0, os.SEEK_SET)
        command, popen = list(self.cmd), dict(self.popen_kwargs)
        self._tell(plan.skipped)
        try:
            self.cmd = [*local.words(given), *command]
            self.popen_kwargs = {**popen, "pass_fds": (*popen.get("pass_fds", ()), given)}
            return await super().start()
        finally:
            self.cmd, self.popen_kwargs = command, popen
            os.close(given)

    def _follower(self, plan: MountPlan, report: str) -> list[str] | None:
        if plan.mode is not Mode.LIVE:
            return None
        return [sys.executable, "-I", "-c", views.START, PACKAGE, self._site_file, plan.login, report]

    async def _secrets(self, plan: MountPlan) -> dict[str, dict[str, str]]:
        clouds = [mount for mount in plan.mounts if mount.kind is MountKind.NEXTCLOUD]
        if not clouds:
            return {}
        state = await self.user.get_auth_state()
        return {mount.name: await asyncio.to_thread(nextcloud_secrets, plan, mount, state) for mount in clouds}

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """The launcher's words come with its report."""
        self.modama_missing = ()
        async for event in super().progress():
            yield event
        started = self.orm_spawner.started  # UTC, without saying so
        begun = started.replace(tzinfo=UTC).timestamp() if started else 0.0
        for _ in range(50):
            if (said := read_missing(report_path(self.user.name, self.name), begun)) is not None:
                for one in said:
                    yield {"message": f"{printable(one.what)} is not mounted: {printable(one.why)}"}
                return
            await asyncio.sleep(0.2)


class RenderedMounts(Mounts):
    """Spawners that mount by themselves: systemd, Docker, Kubernetes."""

    async def start(self) -> Any:
        plan = await self.modama_plan()
        if plan.mode is Mode.LIVE and self.modama_kind != "kube" and os.geteuid() == 0:
            plan = plan.without(await asked_for_view(f"{VIEWS}/{plan.login}"), ())
        try:
            return await self._started(plan)
        except Exception:  # each spawner has errors of its own; it is raised again unless a mount has vanished
            gone = await asyncio.to_thread(vanished, plan)
            if not gone or self.modama_kind == "kube":
                raise
            missing = [Missing(m.says, "it is not there any more") for m in gone]
            self.log.warning("Starting again without what is not there any more", exc_info=True)
            return await self._started(plan.without(missing, gone))

    async def _started(self, plan: MountPlan) -> Any:
        report = report_path(self.user.name, self.name)
        rendered = self._rendered(plan, report)
        inside = docker.REPORT if self.modama_kind == "docker" and os.geteuid() == 0 else report
        if self.modama_kind == "kube" or os.geteuid() != 0:
            inside = report_text(rendered.plan)
        else:
            await asyncio.to_thread(write_report, report, rendered.plan)
        self._surround(rendered.plan, inside)
        self._tell(rendered.plan.skipped)
        self._set(rendered)
        return await super().start()

    def _rendered(self, plan: MountPlan, report: str) -> Rendered:
        hub = self.modama_site.hub
        if self.modama_kind == "systemd":
            return systemd.render(plan, VIEWS)
        if self.modama_kind == "docker":
            return docker.render(plan, VIEWS, report if os.geteuid() == 0 else "")
        return kube.render(plan, VIEWS, hub.claim, hub.claim_folder)


class BatchMounts(Mounts):
    """Jobs of a cluster: a folder of links, and nothing from the form that could change the script."""

    async def start(self) -> Any:
        plan = await self.modama_plan()
        before = self.__dict__.setdefault("_modama_own", {}).setdefault("req_prologue", self.req_prologue)
        rendered = batch.render(plan, before)
        self._surround(rendered.plan, report_text(rendered.plan))
        self._tell(rendered.plan.skipped)
        self._set(rendered)
        self.user_options = batch.safe_options(self.user_options)
        return await super().start()


async def asked_for_view(path: str, patience_s: float = 10.0) -> list[Missing]:
    """Have a view made, by whoever keeps the views of this machine; answers what is wrong with that.

    Disk: the folder of the view, which is the wish for it.
    """
    try:
        await asyncio.to_thread(os.makedirs, path, 0o755, True)
        until = asyncio.get_running_loop().time() + patience_s
        while not await asyncio.to_thread(os.path.ismount, path):
            if asyncio.get_running_loop().time() > until:
                return [Missing("the live view", "nothing keeps it: python -m hub_config.views has to run as root")]
            await asyncio.sleep(0.1)
    except OSError as error:
        return [Missing("the live view", f"{path}: {error.strerror}")]
    return []


def vanished(plan: MountPlan) -> list[Mount]:
    """Mounts whose sources are not there any more."""
    return [mount for mount in plan.mounts if mount.source.startswith("/") and not os.path.exists(mount.source)]


def added(before: Any, more: Any) -> Any:
    """What the administrator has set, and ours beside it; of two values for one key the administrator's."""
    if isinstance(more, dict):
        before = before if isinstance(before, Mapping) else {}
        return {**more, **{key: added(value, more[key]) if key in more else value for key, value in before.items()}}
    if isinstance(more, list):
        rows = list(before.values()) if isinstance(before, Mapping) else list(before or [])
        return [*rows, *more]
    return before
