"""A whole site whose parts can be killed: hub, service, keeper and people's servers, each begun again as at a facility.

The hub is set up by `configure(c, site_file)` as everywhere; beside it there is only a token for the test. Hub and
keeper are begun again by what stands for systemd here, the service by the hub, a server by the person whose it is.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_config.prepare import prepare
from jupyter_modama.keeper.workers import PACKAGE
from jupyter_modama.service.port import STARTED_BY, named_starter, started_at
from jupyter_modama.service.scopes import SERVICE, user_scopes
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, account, group
from jupyter_modama.testing.accounts import _python as everybodys_python
from jupyter_modama.testing.running_hub import PACKAGES, START, Answer, fetch, free_ports
from jupyter_modama.testing.running_keeper import START as START_KEEPER

from .processes import Kept, kill, processes

PATIENCE_S = 180.0
SERVER = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from jupyterhub.singleuser import main; sys.exit(main())"
)
SITE = """\
[site]
name = "here"
root = "{folder}/storage"
administrators = "{administrators}"

[areas.adhoc]

[services]
hub = "{url}"

[hub]
bind = "{url}"
state = "{folder}/hub"
mounts = "live"
idle_minutes = 0

[hub.sign_in]
kind = "demo"
password_file = "{folder}/password"

[service]
account = "{account}"
port = {service}
keeper = "{folder}/run/keeper.sock"
state = "{folder}/service"
token_cache_s = 2
requests_a_minute = 100000
"""
CONFIG = """\
import json
from pathlib import Path
from hub_config import configure

given = json.loads(Path({given!r}).read_text())
configure(c, given["site"])
c.JupyterHub.hub_port = given["hub_port"]
c.ConfigurableHTTPProxy.api_url = given["proxy_api"]
c.ConfigurableHTTPProxy.command = given["proxy"]
for row in c.JupyterHub.services:
    if row["name"] == "modama":
        row["command"] = given["service"]
c.JupyterHub.services = [*c.JupyterHub.services, {{"name": "test-admin", "api_token": given["token"]}}]
scopes = ["admin:users", "tokens", "admin:servers"]
c.JupyterHub.load_roles = [
    *c.JupyterHub.load_roles,
    {{"name": "test-admin", "scopes": scopes, "services": ["test-admin"]}},
]
c.Spawner.cmd = given["server"]
c.Spawner.args = ["--ServerApp.root_dir=/", "--ServerApp.jpserver_extensions={{'jupyter_modama': True}}"]
c.Spawner.environment["JUPYTERHUB_SINGLEUSER_APP"] = "jupyter_server.serverapp.ServerApp"
"""


@dataclass
class ChaosSite:
    """What runs, and how one asks it."""

    folder: Path
    url: str
    hub_api: str
    people: tuple[Account, ...]
    admin: Account
    service: Account
    token: str
    tokens: dict[str, str] = field(default_factory=dict)
    hub: Kept = field(init=False)
    keeper: Kept = field(init=False)

    @property
    def root(self) -> Path:
        return self.folder / "storage"

    @property
    def site_file(self) -> Path:
        return self.folder / "site.toml"

    @property
    def everybody(self) -> tuple[Account, ...]:
        return (*self.people, self.admin)

    @property
    def prefix(self) -> str:
        return f"{self.url}/services/{SERVICE}"

    def home(self, who: Account) -> Path:
        return Path(pwd.getpwuid(who.uid).pw_dir)

    # asking --------------------------------------------------------------------------------------------------------

    def hub_ask(self, path: str, body: Any = None, *, method: str = "", token: str = "") -> Answer:
        data = None if body is None else json.dumps(body).encode()
        return fetch(f"{self.hub_api}/{path}", data, {"Authorization": f"token {token or self.token}"}, method)

    def ask(self, who: Account, operation: str, wanted: Mapping[str, Any], *, by_server: bool = False) -> Answer:
        """What the service, or the person's own server, answers. Raises: OSError, http.client.HTTPException."""
        base = f"{self.url}/user/{who.login}/modama" if by_server else self.prefix
        headers = {"Authorization": f"token {self.tokens[who.login]}"}
        return fetch(f"{base}/api/{operation}", json.dumps(dict(wanted)).encode(), headers)

    def is_up(self) -> bool:
        """Whether hub, service and keeper answer."""
        with suppress(OSError):
            return fetch(f"{self.prefix}/health").status == 200 and self.hub_ask("users").status == 200
        return False

    def is_settled(self) -> bool:
        """The same, by a service of this hub: one that a killed hub left answers until its port is wanted."""
        with suppress(OSError):
            words = Path(f"/proc/{self.pid_of('service')}/environ").read_bytes().split(b"\0")
            return f"{STARTED_BY}={named_starter(self.hub.pid)}".encode() in words and self.is_up()
        return False

    def wait_until(self, fine: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while not fine():
            assert time.monotonic() < deadline, f"{what}\n{self.said()}"
            time.sleep(0.1)

    def said(self) -> str:
        """The end of what the parts have written."""
        logs = [kept.log for kept in (self.hub, self.keeper)]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-5000:]}" for log in logs if log.exists())

    # people's servers ------------------------------------------------------------------------------------------------

    def start_server(self, who: Account, patience_s: float = PATIENCE_S) -> bool:
        """Have somebody start their server, and wait until it answers; answers whether it does."""
        deadline = time.monotonic() + patience_s
        mine = self.tokens[who.login]
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError):
                found = self.hub_ask(f"users/{who.login}", token=mine)
                if found.status == 200 and found.json.get("pending") is None:
                    begun = self.hub_ask(f"users/{who.login}/server", {}, method="POST", token=mine)
                    if begun.status in {201, 400} and self.server_answers(who):
                        return True
            time.sleep(0.3)
        return False

    def server_answers(self, who: Account) -> bool:
        with suppress(OSError):
            return self.ask(who, "job.list", {}, by_server=True).headers.get_content_subtype() in {
                "json",
                "problem+json",
            }
        return False

    def stop_servers(self) -> None:
        for who in self.everybody:
            self.hub_ask(f"users/{who.login}/server", method="DELETE")
        self.wait_until(lambda: not any(self.server_pids(who) for who in self.everybody), "servers end")

    def server_pids(self, who: Account) -> list[int]:
        """The processes of a person's servers."""
        return [pid for pid, uid, words in processes() if uid == who.uid and SERVER.encode() in words]

    # the parts -------------------------------------------------------------------------------------------------------

    def pid_of(self, part: str) -> int:
        """The process of a part now, -1 where there is none at this moment."""
        if part == "hub":
            return self.hub.pid
        if part == "keeper":
            return self.keeper.pid
        if part == "service":
            with suppress(OSError, ValueError, KeyError):
                noted = json.loads((self.folder / "service/service.json").read_text())
                return int(noted["pid"]) if started_at(int(noted["pid"])) == noted["started"] else -1
            return -1
        who = next(each for each in self.everybody if each.login == part)
        return next(iter(self.server_pids(who)), -1)

    def ours(self) -> list[tuple[int, str]]:
        """All processes that belong to this site."""
        uids = {who.uid for who in (*self.everybody, self.service)}
        mark = os.fsencode(self.folder)
        me = os.getpid()
        return [
            (pid, words.replace(b"\0", b" ").decode(errors="replace")[:300])
            for pid, uid, words in processes()
            if (uid in uids or mark in words) and pid != me
        ]


@contextmanager
def chaos_site(names: Iterable[str]) -> Iterator[ChaosSite]:
    """A site that runs; at the end nothing of it is left."""
    proxy = shutil.which("configurable-http-proxy")
    assert proxy is not None, "configurable-http-proxy is missing: make setup"
    with ExitStack() as kept:
        folder = kept.enter_context(trees.reachable_folder())
        people = tuple(kept.enter_context(_person(name)) for name in names)
        admin, service = kept.enter_context(_person("dora")), kept.enter_context(account("modama"))
        kept.enter_context(group("modama-admins", admin))
        site = _made(folder, people, admin, service, proxy)
        try:
            site.keeper.start()
            site.hub.start()
            site.wait_until(site.is_up, "the site comes up")
            _sign_in(site)
            yield site
        finally:
            _end(site)


@contextmanager
def _person(name: str) -> Iterator[Account]:
    with account(name) as made:
        home = Path(pwd.getpwuid(made.uid).pw_dir)
        home.mkdir(mode=0o700)
        os.chown(home, made.uid, made.gid)
        try:
            yield made
        finally:
            shutil.rmtree(home)


def _made(folder: Path, people: tuple[Account, ...], admin: Account, service: Account, proxy: str) -> ChaosSite:
    """A site that is still to be started."""
    import grp

    public, hub_port, proxy_api, service_port = free_ports(4)
    url = f"http://127.0.0.1:{public}"
    administrators = next(row.gr_name for row in grp.getgrall() if admin.login in row.gr_mem)
    (folder / "password").touch(mode=0o600)
    (folder / "password").write_text(secrets.token_hex(16))
    for name in ("run", "log"):
        (folder / name).mkdir(mode=0o755)
    file = folder / "site.toml"
    texts = {"folder": folder, "url": url, "account": service.login, "service": service_port}
    file.write_text(SITE.format(administrators=administrators, **texts))
    file.chmod(0o644)
    list(prepare(file))
    python = everybodys_python()
    token = secrets.token_hex(16)
    given = {
        "site": str(file),
        "hub_port": hub_port,
        "proxy_api": f"http://127.0.0.1:{proxy_api}",
        "proxy": [proxy],
        "service": [python, "-I", "-c", START, PACKAGES, "--site", str(file)],
        "server": [python, "-I", "-c", SERVER, PACKAGES],
        "token": token,
    }
    (folder / "given.json").touch(mode=0o600)
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "jupyterhub_config.py").write_text(CONFIG.format(given=str(folder / "given.json")))
    site = ChaosSite(folder, url, f"http://127.0.0.1:{hub_port}/hub/api", people, admin, service, token)
    hub = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")]
    keeper = [python, "-I", "-c", START_KEEPER, PACKAGE, "--site", str(file), "--socket", f"{folder}/run/keeper.sock"]
    keeper += ["--peer", service.login, "--state", f"{folder}/keeper"]
    site.hub = Kept("hub", hub, folder / "log/hub.log")
    site.keeper = Kept("keeper", keeper, folder / "log/keeper.log")
    return site


def _sign_in(site: ChaosSite) -> None:
    """A token for each person, with all that they have in their own servers, and for starting these."""
    logins = [who.login for who in site.everybody]
    made = site.hub_ask("users", {"usernames": logins})
    assert made.status == 201, (made.body, site.said())
    for login in logins:
        scopes = [*user_scopes(), f"servers!user={login}", f"access:servers!user={login}", f"read:users!user={login}"]
        made = site.hub_ask(f"users/{login}/tokens", {"scopes": scopes, "expires_in": 24 * 3600})
        assert made.status == 201, (made.body, site.said())
        site.tokens[login] = str(made.json["token"])


def _end(site: ChaosSite) -> None:
    """End what is left, by number."""
    for part in (site.hub, site.keeper):
        part.stop()
    for pid, _ in site.ours():
        kill(pid)
    trees.clear(site.folder)
    for who in site.everybody:
        for report in Path("/run/modama/mounts").glob(f"{who.login}.*"):
            report.unlink()
