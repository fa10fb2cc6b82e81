"""A whole site on one machine: provider, keeper, hub, service and mounts, for the demo and for tests in a browser.

    with whole_hub(Plan(folder, python, people)) as hub:
        browse(hub.url)

Its processes, and no others, are ended with the block; the folder is kept, and a second start goes on with it.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_modama.testing.running_hub import free_ports
from jupyter_modama.testing.running_provider import Client, SomebodyThere, running_provider

PATIENCE_S = 180.0
CLIENT = "modama-hub"
PORTS = ("hub", "hub_api", "proxy_api", "provider", "service")
SITE = """\
# Written anew at each start.
[site]
name = "{name}"
root = "{folder}/storage"
administrators = "{administrators}"

[areas.adhoc]

[services]
hub = "{url}"

[hub]
bind = "{url}"
state = "{folder}/hub"
mounts = "{mounts}"

[hub.sign_in]
kind = "oidc"
title = "the demo's provider"
issuer = "http://127.0.0.1:{provider}"
client_id = "{client}"
client_secret_file = "{folder}/client-secret"

[service]
account = "{account}"
port = {service}
keeper = "{folder}/run/keeper.sock"
state = "{folder}/service"
"""
CONFIG = """\
# Written anew at each start.
from hub_config import configure

site = configure(c, {site!r})

# Of this machine only: free ports, and everything ends with the hub.
c.JupyterHub.hub_port = {hub_api}
c.JupyterHub.cleanup_servers = True
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.Spawner.environment.update({environment!r})
"""

# Run by the service's account, which alone can ask the keeper.
MAKE_PROJECT = """
import json, sys
from jupyter_modama.core.members import SetMembers
from jupyter_modama.core.model import Actor, Via
from jupyter_modama.core.projects import CreateProject
from jupyter_modama.core.sessions import CreateSession
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.store import people
socket, wanted = sys.argv[1], json.loads(sys.argv[2])
keys, actor = KeeperKeys(socket), Actor(people.person(wanted["owner"]), Via.PAGES, "hub-token")
def done(operation, wanted):
    steps = keys.do(operation, wanted, actor)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value
path = "adhoc/" + wanted["name"]
done("project.create", CreateProject(wanted["name"], area="adhoc"))
for session in wanted["sessions"]:
    done("session.create", CreateSession(path, session))
if wanted["members"]:
    done("project.set_members", SetMembers(path, add=tuple(wanted["members"])))
"""


@dataclass(frozen=True)
class Plan:
    """What is to run, and where."""

    folder: Path  # root's, and open to all for looking
    python: Path  # that everybody may start, with jupyter_modama in it
    people: Mapping[str, SomebodyThere]  # by the logins of accounts that are there
    name: str = "modama-demo"
    account: str = "modama-service"
    administrators: str = ""  # a group of the system
    mounts: str = "live"
    port: int = 0  # of the hub; 0: any
    environment: Mapping[str, str] = field(default_factory=dict)
    more: str = ""  # lines of the hub's configuration


@dataclass
class WholeHub:
    """What runs."""

    plan: Plan
    url: str
    process: subprocess.Popen[bytes]

    @property
    def tree(self) -> Path:
        return self.plan.folder / "storage"

    @property
    def log(self) -> str:
        return (self.plan.folder / "log" / "hub.log").read_text(errors="replace")

    def make_project(self, owner: int, name: str, sessions: Sequence[str], members: Sequence[str] = ()) -> Path:
        """A project of somebody, given by number, with sessions and members by login; answers its folder."""
        wanted = {"owner": owner, "name": name, "sessions": list(sessions), "members": list(members)}
        self.as_service(MAKE_PROJECT, json.dumps(wanted))
        return self.tree / "adhoc" / name

    def as_service(self, script: str, *words: str) -> str:
        """What a script of Python prints that runs with the service's account, which the keeper listens to."""
        done = subprocess.run(
            [self.plan.python, "-I", "-c", script, str(self.plan.folder / "run/keeper.sock"), *words],
            user=self.plan.account,
            group=self.plan.account,
            extra_groups=[],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


@contextmanager
def whole_hub(plan: Plan) -> Iterator[WholeHub]:
    """Everything, ready to be used."""
    folder = plan.folder
    for name in ("log", "run"):
        (folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
    ports = _ports(plan)
    url = f"http://127.0.0.1:{ports['hub']}"
    client = Client(CLIENT, [f"{url}/hub/oauth_callback"], _kept(folder / "client-secret"))
    _write_files(plan, url, ports)
    _run(str(plan.python), "-m", "hub_config", "prepare", "--site", str(folder / "site.toml"))
    with ExitStack() as kept:
        kept.enter_context(running_provider(folder / "run", ports["provider"], [client], plan.people))
        kept.enter_context(_keeper(plan))
        process = kept.enter_context(_started("hub", plan, [str(plan.python), "-m", "jupyterhub", "-f", _config(plan)]))
        hub = WholeHub(plan, url, process)
        _wait_for(hub)
        yield hub


def _config(plan: Plan) -> str:
    return str(plan.folder / "jupyterhub_config.py")


def _ports(plan: Plan) -> dict[str, int]:
    """The ports of the last start, as far as they are free: people may have kept an address."""
    file = plan.folder / "ports.json"
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    known = {name: port for name, port in known.items() if name in PORTS and _is_free(port)}
    if plan.port and _is_free(plan.port):
        known["hub"] = plan.port
    fresh = iter(free_ports(len(PORTS)))
    ports = {name: known.get(name) or next(fresh) for name in PORTS}
    file.write_text(json.dumps(ports))
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _kept(file: Path) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16) + "\n")
    return file.read_text().strip()


def _write_files(plan: Plan, url: str, ports: Mapping[str, int]) -> None:
    folder = plan.folder
    texts: dict[str, Any] = {"folder": folder, "url": url, "client": CLIENT, "account": plan.account, **ports}
    (folder / "site.toml").write_text(
        SITE.format(name=plan.name, mounts=plan.mounts, administrators=plan.administrators, **texts)
    )
    (folder / "site.toml").chmod(0o644)
    proxy = shutil.which("configurable-http-proxy")
    if proxy is None:
        raise RuntimeError("configurable-http-proxy is missing; `make setup` gets it")
    site = str(folder / "site.toml")
    (folder / "jupyterhub_config.py").write_text(
        CONFIG.format(site=site, proxy=[proxy], environment=dict(plan.environment), **ports) + plan.more
    )


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", env=_environment())
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}:\n{done.stderr or done.stdout}")


def _environment() -> dict[str, str]:
    """Nothing of whoever starts this that could find another jupyter_modama, or another site."""
    left_out = ("JUPYTER", "MODAMA", "PYTHON", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


@contextmanager
def _started(name: str, plan: Plan, words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its log, in a session of its own; ended in order, or else by force."""
    with (plan.folder / "log" / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            words,
            cwd=plan.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(60)


@contextmanager
def _keeper(plan: Plan) -> Iterator[None]:
    folder = plan.folder
    words = ["-I", "-m", "jupyter_modama.keeper", "--site", str(folder / "site.toml")]
    words += ["--socket", str(folder / "run/keeper.sock"), "--peer", plan.account, "--state", str(folder / "keeper")]
    log = folder / "log" / "keeper.log"
    with _started("keeper", plan, [str(plan.python), *words]) as process:
        _until(lambda: b"interrupted job(s) go on" in log.read_bytes(), process, log)
        yield


def _until(fine: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not fine():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"it did not start:\n{log.read_text(errors='replace')[-6000:]}")
        select.select([], [], [], 0.2)


def _wait_for(hub: WholeHub) -> None:
    def fine() -> bool:
        with suppress(OSError):
            urllib.request.urlopen(f"{hub.url}/hub/api/", timeout=10).close()  # noqa: S310  loopback
            urllib.request.urlopen(f"{hub.url}/services/modama/health", timeout=10).close()  # noqa: S310  loopback
            return True
        return False

    _until(fine, hub.process, hub.plan.folder / "log" / "hub.log")
