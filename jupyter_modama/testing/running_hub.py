"""A JupyterHub with the service, as at a facility, for tests: real accounts, the keeper, the hub's proxy, tokens.

    with running_hub(facility, people) as hub:
        hub.ask("project.list", token=hub.token(people.alice))

The hub's database is in memory. Nobody can sign in but by the tokens that the hub is given; a test that needs people's
servers or a form gives `more`, lines of the hub's configuration.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from jupyter_modama.keeper.workers import PACKAGE
from jupyter_modama.service.port import started_at
from jupyter_modama.service.scopes import SERVICE, custom_scopes, user_scopes
from jupyter_modama.testing.accounts import Account
from jupyter_modama.testing.accounts import _python as everybodys_python
from jupyter_modama.testing.running_keeper import Facility

PATIENCE_S = 90.0
TOKEN_CACHE_S = 2
# The accounts of tests cannot enter the home of whoever runs them, where a Python can lie; so its packages are named.
START = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); "
    "from jupyter_modama.service.__main__ import main; sys.exit(main())"
)
PACKAGES = ":".join([PACKAGE, *(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))])
CONFIGURATION = """
import json
from pathlib import Path
given = json.loads(Path({given!r}).read_text())
c = get_config()
c.JupyterHub.bind_url = given["public"]
c.JupyterHub.hub_port = given["hub_port"]
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.db_url = given["database"]
c.JupyterHub.cookie_secret_file = given["folder"] + "/cookie_secret"
c.JupyterHub.pid_file = given["folder"] + "/hub.pid"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.authenticator_class = "null"
c.Authenticator.allow_all = True
c.Authenticator.allowed_users = set(given["people"])
c.JupyterHub.custom_scopes = given["custom_scopes"]
c.JupyterHub.services = given["services"]
c.JupyterHub.load_roles = given["roles"]
c.ConfigurableHTTPProxy.command = given["proxy"]
c.ConfigurableHTTPProxy.api_url = given["proxy_api"]
c.ConfigurableHTTPProxy.pid_file = given["folder"] + "/proxy.pid"
c.ConfigurableHTTPProxy.auth_token = given["proxy_token"]
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of an error, nothing of an answer."""
        return str(self.json["type"]).removeprefix("urn:modama:") if self.status >= 400 else ""


@dataclass
class Hub:
    """A hub's process, and how one talks with it."""

    facility: Facility
    people: tuple[Account, ...]
    folder: Path
    public: str  # the proxy's address
    service: str  # the service's own address, behind the proxy
    hub_api: str
    admin_token: str
    process: subprocess.Popen[bytes] | None = None
    log: Path = Path()
    words: list[str] = field(default_factory=list)
    started: set[tuple[int, int]] = field(default_factory=set)  # all processes, with when each began

    @property
    def prefix(self) -> str:
        """The address of the service for people: what site.json names."""
        return f"{self.public}/services/{SERVICE}"

    # asking --------------------------------------------------------------------------------------------------------

    def ask(
        self,
        operation: str,
        wanted: Mapping[str, Any] | None = None,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        base: str = "",
    ) -> Answer:
        """What the service answers to a POST; `base` is another way to it than through the proxy."""
        said = dict(headers or {})
        if token:
            said["Authorization"] = f"token {token}"
        url = f"{base or self.prefix}/api/{operation}"
        return fetch(url, json.dumps(dict(wanted or {})).encode(), said)

    def job(self, operation: str, wanted: Mapping[str, Any], *, token: str) -> dict[str, Any]:
        """A long operation, waited for: its job at the end."""
        begun = self.ask(operation, wanted, token=token)
        assert begun.status == 202, begun.body
        job: dict[str, Any] = begun.json["job"]
        deadline = time.monotonic() + PATIENCE_S
        while job["state"] in {"queued", "running", "interrupted"}:
            assert time.monotonic() < deadline, job
            time.sleep(0.1)
            job = self.ask("job.show", {"id": job["id"]}, token=token).json
        return job

    def token(self, account: Account, scopes: Iterable[str] | None = None, expires_s: int = 3600) -> str:
        """A new token of somebody, by default with all that a person's server has."""
        body = {"scopes": list(user_scopes() if scopes is None else scopes), "expires_in": expires_s, "note": "test"}
        made = self.hub_ask(f"users/{account.login}/tokens", body)
        assert made.status == 201, made.body
        return str(made.json["token"])

    def revoke(self, account: Account, token: str) -> None:
        """Take a token back."""
        for row in self.hub_ask(f"users/{account.login}/tokens").json["api_tokens"]:
            if token.startswith(row["id"]) or row["note"] == "test":
                self.hub_ask(f"users/{account.login}/tokens/{row['id']}", method="DELETE")

    def hub_ask(self, path: str, body: Any = None, *, method: str = "", token: str = "") -> Answer:
        """What the hub's own API answers to its administrator."""
        data = None if body is None else json.dumps(body).encode()
        return fetch(f"{self.hub_api}/{path}", data, {"Authorization": f"token {token or self.admin_token}"}, method)

    # the process -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until hub and service answer."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        self._wait(lambda: self.hub_ask("users").status == 200)
        self._wait(lambda: fetch(f"{self.prefix}/api/none").headers.get("Modama-Version") is not None)

    def _wait(self, fine: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        assert self.process is not None
        while True:
            self._note_children()  # which outlive a hub that ends by itself
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            with suppress(OSError):
                if fine():
                    return
            time.sleep(0.2)

    def _note_children(self) -> None:
        if self.process is not None:
            self.started.update(children(self.process.pid))

    def said(self) -> str:
        """What hub, proxy and service have written."""
        return self.log.read_text(errors="replace")

    def service_pid(self) -> int:
        """The process of the service that the hub has started last."""
        return int(json.loads((self.service_state / "service.json").read_text())["pid"])

    @property
    def service_state(self) -> Path:
        return self.facility.folder / "service-state"

    def kill_hub(self) -> None:
        """Kill the hub alone: its proxy and the service are orphans then, until it is started again."""
        assert self.process is not None
        self._note_children()
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the hub, and what it has started."""
        if self.process is None:
            return
        self._note_children()
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE_S)
        self.process = None
        if how is not signal.SIGKILL:
            self.sweep()

    def sweep(self) -> None:
        """End what is left of all that this hub has started."""
        for pid, began in self.started:
            if started_at(pid) == began:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.started.clear()


@contextmanager
def running_hub(
    facility: Facility,
    people: Iterable[Account],
    *,
    more: str = "",
    services: Iterable[Mapping[str, Any]] = (),
    roles: Iterable[Mapping[str, Any]] = (),
    scopes: Iterable[str] | None = None,
    rules: Mapping[str, Any] | None = None,
) -> Iterator[Hub]:
    """A hub that runs, with the service as the facility's service account; the keeper is to run already.

    `more`: lines of its configuration. `scopes`: what its people have, by default all that they need. `rules`: of the
    site file's table [service].
    """
    proxy = shutil.which("configurable-http-proxy")
    assert proxy is not None, "configurable-http-proxy is missing: make setup"
    hub = prepared_hub(
        facility, people, proxy, more=more, services=services, roles=roles, scopes=scopes, rules=rules or {}
    )
    try:
        hub.start()
        yield hub
    finally:
        try:
            hub.end()
        finally:
            hub.sweep()


def prepared_hub(
    facility: Facility,
    people: Iterable[Account],
    proxy: str,
    *,
    more: str,
    services: Iterable[Mapping[str, Any]],
    roles: Iterable[Mapping[str, Any]],
    scopes: Iterable[str] | None,
    rules: Mapping[str, Any],
) -> Hub:
    """A hub that is still to be started."""
    everybody = (*people, facility.admin)
    folder = facility.folder / "hub"
    folder.mkdir(mode=0o700)
    public, hub_port, proxy_api, service = (f"http://127.0.0.1:{port}" for port in free_ports(4))
    hub = Hub(
        facility=facility,
        people=everybody,
        folder=folder,
        public=public,
        service=f"{service}/services/{SERVICE}",
        hub_api=f"{hub_port}/hub/api",
        admin_token=secrets.token_hex(16),
        log=folder / "hub.log",
    )
    _describe(facility, hub, {"port": int(service.rpartition(":")[2]), "token_cache_s": TOKEN_CACHE_S, **rules})
    mine = [{"name": "test-admin", "api_token": hub.admin_token}, _service(facility, service)]
    given = {
        "public": public,
        "hub_port": int(hub_port.rpartition(":")[2]),
        "database": "sqlite:///:memory:",
        "folder": str(folder),
        "people": [account.login for account in everybody],
        "custom_scopes": custom_scopes(),
        "services": [*mine, *services],
        "roles": [
            {"name": "test-admin", "scopes": ["admin:users", "tokens", "admin:servers"], "services": ["test-admin"]},
            {"name": "user", "scopes": ["self", *(user_scopes() if scopes is None else scopes)]},
            {"name": "modama-service", "scopes": ["read:users:name", "list:users"], "services": [SERVICE]},
            *roles,
        ],
        "proxy": [proxy],
        "proxy_api": proxy_api,
        "proxy_token": secrets.token_hex(16),
    }
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "config.py").write_text(CONFIGURATION.format(given=str(folder / "given.json")) + more)
    hub.words = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "config.py")]
    return hub


def _service(facility: Facility, url: str) -> dict[str, Any]:
    """The service, managed by the hub, with an account of its own."""
    words = [everybodys_python(), "-I", "-c", START, PACKAGES, "--site", str(facility.site_file)]
    return {
        "name": SERVICE,
        "url": url,
        "command": words,
        "user": facility.service.login,
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": user_scopes()[1:],
    }


def _describe(facility: Facility, hub: Hub, rules: Mapping[str, Any]) -> None:
    """Say in the site file and in the tree where the service is."""
    state = hub.service_state
    state.mkdir(mode=0o700)
    os.chown(state, facility.service.uid, facility.service.gid)
    told = {"account": facility.service.login, "keeper": f"{facility.folder}/keeper.sock", "state": f"{state}", **rules}
    with facility.site_file.open("a") as file:
        file.write("\n[service]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
    (facility.root / ".modama/site.json").write_text(json.dumps({"service": hub.prefix}))


def free_ports(count: int) -> list[int]:
    """Numbers of ports that nobody listens on."""
    ends = [socket.socket() for _ in range(count)]
    try:
        for end in ends:
            end.bind(("127.0.0.1", 0))
        return [end.getsockname()[1] for end in ends]
    finally:
        for end in ends:
            end.close()


def fetch(url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None, method: str = "") -> Answer:
    """What an address answers. Raises: OSError."""
    said = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, said, method=method or None)  # noqa: S310 - an address of the test's
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as got:  # noqa: S310
            return Answer(got.status, got.headers, got.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def children(pid: int) -> list[tuple[int, int]]:
    """The processes that a process has started, and theirs: each with when it began, since numbers are used again."""
    found: list[tuple[int, int]] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += [(int(child), started_at(int(child))), *children(int(child))]
    return found
