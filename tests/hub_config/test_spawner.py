"""Real servers of real people, started by a real hub: what they see, and what nobody can ask for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from hub_config.reports import read_missing, report_path
from hub_config.spawner import added, kind_of, with_mounts
from jupyter_modama.core.errors import Invalid
from jupyter_modama.mounts import read_report
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.accounts import _python as everybodys_python
from jupyter_modama.testing.running_hub import PACKAGES, Hub, fetch, prepared_hub
from jupyter_modama.testing.running_keeper import Facility
from tests.hub_config.making_mounts import make_project, seal, set_members, site_of

PATIENCE_S = 90.0
SERVER = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from jupyterhub.singleuser import main; sys.exit(main())"
)
# The service has tests of its own; what is started here are people's servers.
MORE = """
c.JupyterHub.services = [row for row in given["services"] if row["name"] != "modama"]
c.JupyterHub.load_roles = [row for row in given["roles"] if row["name"] != "modama-service"]
from jupyter_modama.site import described
from hub_config.spawner import spawner_class
c.JupyterHub.spawner_class = spawner_class(described(Path({site!r})), {site!r})
c.JupyterHub.db_url = "sqlite:///" + given["folder"] + "/hub.sqlite"
c.ConfigurableHTTPProxy.should_start = True
c.JupyterHub.cleanup_proxy = False
c.Spawner.cmd = [{python!r}, "-I", "-c", {server!r}, {packages!r}]
c.Spawner.args = ["--ServerApp.root_dir=/", "--ServerApp.jpserver_extensions={{}}"]
c.Spawner.environment = {{"SAID_BY_ADMINISTRATOR": "yes", "JUPYTERHUB_SINGLEUSER_APP": {app!r}}}
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
"""


@contextlib.contextmanager
def hub_with(facility: Facility, people: Accounts, mounts: str) -> Iterator[Hub]:
    """A hub whose people have servers with mounts."""
    with facility.site_file.open("a") as file:
        file.write(f'\n[hub]\nmounts = "{mounts}"\n')
    more = MORE.format(
        site=str(facility.site_file),
        app="jupyter_server.serverapp.ServerApp",
        python=everybodys_python(),
        server=SERVER,
        packages=PACKAGES,
    )
    proxy = shutil.which("configurable-http-proxy")
    assert proxy is not None, "configurable-http-proxy is missing: make setup"
    hub = prepared_hub(facility, people, proxy, more=more, services=(), roles=(), scopes=None, rules={})
    homes = [Path(pwd.getpwuid(who.uid).pw_dir) for who in people]
    for who, home in zip(people, homes, strict=True):
        home.mkdir(mode=0o700)
        os.chown(home, who.uid, who.gid)
    try:
        begin(hub)
        yield hub
    finally:
        hub.end()
        for pid in [pid for who in people for pid in servers_of(who)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for home in homes:
            shutil.rmtree(home)


def begin(hub: Hub) -> None:
    """Start the hub, and wait until it answers."""
    with hub.log.open("ab") as log:
        hub.process = subprocess.Popen(hub.words, stdout=log, stderr=log, cwd=hub.folder, start_new_session=True)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert hub.process.poll() is None, said(hub)
        assert time.monotonic() < deadline, said(hub)
        with contextlib.suppress(OSError):
            if hub.hub_ask("users").status == 200:
                return
        time.sleep(0.3)


def servers_of(who: Account) -> list[int]:
    """The processes of a person's servers."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if (
                os.stat(f"/proc/{name}").st_uid == who.uid
                and SERVER.encode() in Path(f"/proc/{name}/cmdline").read_bytes()
            ):
                found.append(int(name))
    return found


def until(fine: Callable[[], bool], hub: Hub, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not fine():
        assert time.monotonic() < deadline, f"{what}\n{said(hub)}"
        time.sleep(1.0)


def said(hub: Hub) -> str:
    """What the hub has to say, without each request."""
    return "\n".join(line for line in hub.said().splitlines() if " 200 GET" not in line)[-8000:]


def start(hub: Hub, who: Account, options: dict[str, object] | None = None) -> None:
    """Start somebody's server, and wait until it answers."""
    begun = hub.hub_ask(f"users/{who.login}/server", {"user_options": options} if options else {}, method="POST")
    assert begun.status in {201, 202}, (begun.body, said(hub))
    until(lambda: hub.hub_ask(f"users/{who.login}").json["server"] is not None, hub, "the server")


class Server:
    """Somebody's server, asked through the hub's proxy with a token of theirs."""

    def __init__(self, hub: Hub, who: Account) -> None:
        self.hub, self.who = hub, who
        self.token = hub.token(who, [f"access:servers!user={who.login}"])

    def ask(self, path: Path, body: object = None, method: str = "") -> tuple[int, dict[str, object]]:
        url = f"{self.hub.public}/user/{self.who.login}/api/contents{urllib.parse.quote(str(path))}"
        data = None if body is None else json.dumps(body).encode()
        answer = fetch(url, data, {"Authorization": f"token {self.token}"}, method)
        with contextlib.suppress(ValueError):  # of some errors there is a text alone
            return answer.status, dict(json.loads(answer.body))
        return answer.status, {"message": answer.body.decode()}

    def names(self, folder: Path) -> list[str]:
        status, found = self.ask(folder)
        if status != 200:
            return [f"status {status}"]
        rows = found["content"]
        assert isinstance(rows, list)
        return sorted(row["name"] for row in rows)

    def writes(self, file: Path) -> str:
        """Nothing where a file could be made, else what the server says."""
        status, found = self.ask(file, {"type": "file", "format": "text", "content": "x"}, "PUT")
        return "" if status in {200, 201} else str(found.get("message") or found)


@pytest.mark.root
@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_people_of_a_hub_have_their_own_projects(facility: Facility, people: Accounts) -> None:
    """Isolation, read-only raw, no options from outside, rights at once, and a hub that is killed and comes back."""
    both = make_project(facility.root, "both", people.alice, people.bob)
    seal(both / "s1" / "raw")
    carols = make_project(facility.root, "carols", people.carol)
    wish = {"source": "/etc", "target": "/etc", "read_only": False}
    forged = {"mounts": [wish], "volumes": {"/": "/"}, "cmd": ["id"], "modama_site": {}, "environment": {"A": "b"}}
    with hub_with(facility, people, "plan") as hub:
        start(hub, people.alice, dict(forged))
        start(hub, people.bob)
        alice, bob = Server(hub, people.alice), Server(hub, people.bob)
        adhoc = facility.root / "adhoc"
        assert alice.names(adhoc) == bob.names(adhoc) == ["both"]
        home = Path(pwd.getpwuid(people.alice.uid).pw_dir)
        assert alice.names(home / "here" / "adhoc") == ["both"]
        assert (home / "here").readlink() == facility.root
        assert alice.writes(both / "mine.txt") == ""
        assert (both / "mine.txt").stat().st_uid == people.alice.uid
        assert "Read-only" in alice.writes(both / "s1" / "raw" / "x.txt")
        assert alice.writes(adhoc / "x.txt")
        _check_surroundings(people.alice, facility)
        # Rights count at once, in both directions; what is mounted is another matter.
        set_members(both, people.alice)
        assert bob.names(both) != alice.names(both)
        set_members(both, people.alice, people.bob)
        assert bob.names(both) == alice.names(both)
        # The hub is killed; servers, their mounts and their numbers stay.
        pids = servers_of(people.alice), servers_of(people.bob)
        hub.end(signal.SIGKILL)
        assert (servers_of(people.alice), servers_of(people.bob)) == pids
        begin(hub)
        until(lambda: hub.hub_ask(f"users/{people.alice.login}").json["server"] is not None, hub, "adoption")
        assert Server(hub, people.alice).names(adhoc) == ["both"]
        assert (servers_of(people.alice), servers_of(people.bob)) == pids
        stopped = hub.hub_ask(f"users/{people.bob.login}/server", method="DELETE")
        assert stopped.status in {202, 204}
        until(lambda: not servers_of(people.bob), hub, "the end of the server")
    trees.clear(carols)


def _check_surroundings(who: Account, facility: Facility) -> None:
    """The environment of the server, and its report."""
    [pid] = servers_of(who)
    environ = dict(line.split("=", 1) for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in line)
    assert environ["HDF5_USE_FILE_LOCKING"] == "BEST_EFFORT"
    assert environ["NUMBA_CACHE_DIR"].endswith("/.cache/numba")
    assert environ["SAID_BY_ADMINISTRATOR"] == "yes"
    assert "A" not in environ
    report = read_report(environ)
    assert report is not None
    assert (report.mode, report.target, report.made) == ("plan", str(facility.root), 1)
    assert Path(environ["MODAMA_MOUNTS"]).stat().st_uid == who.uid
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    words = Path(f"/proc/{pid}/cmdline").read_text()
    assert "launcher" not in words


@pytest.mark.root
@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_live_view_follows_through_the_hub_and_without_it(facility: Facility, people: Accounts) -> None:
    """A project appears in a running server, also while the hub is gone."""
    make_project(facility.root, "one", people.alice)
    with hub_with(facility, people, "live") as hub:
        start(hub, people.alice)
        alice, adhoc = Server(hub, people.alice), facility.root / "adhoc"
        assert alice.names(adhoc) == ["one"]
        two = make_project(facility.root, "two", people.bob)
        set_members(two, people.bob, people.alice)
        until(lambda: alice.names(adhoc) == ["one", "two"], hub, "the second project")
        hub.end(signal.SIGKILL)
        set_members(two, people.bob)
        [pid] = servers_of(people.alice)
        inside = Path(f"/proc/{pid}/root{adhoc}")
        deadline = time.monotonic() + PATIENCE_S
        while os.listdir(inside) != ["one"]:
            assert time.monotonic() < deadline, os.listdir(inside)
            time.sleep(0.2)


# Without a hub -------------------------------------------------------------------------------------------------------


def test_what_the_administrator_has_set_stays() -> None:
    """Ours is added: lists grow, of two values for one key the administrator's counts."""
    assert added(["a"], ["b"]) == ["a", "b"]
    assert added({"x": {"mountPath": "/x"}}, [{"mountPath": "/y"}]) == [{"mountPath": "/x"}, {"mountPath": "/y"}]
    theirs = {"security_opt": ["seccomp=x"], "privileged": False, "user": "7"}
    ours = {"security_opt": ["no-new-privileges"], "user": "8", "group_add": ["9"]}
    assert added(theirs, ours) == {
        "security_opt": ["seccomp=x", "no-new-privileges"],
        "privileged": False,
        "user": "7",
        "group_add": ["9"],
    }


def test_a_class_of_ones_own_is_known_by_its_parents(root: Path) -> None:
    """And one that is of no known kind is refused in words."""
    from jupyterhub.spawner import LocalProcessSpawner, Spawner

    class Own(LocalProcessSpawner):  # type: ignore[misc]
        pass

    assert kind_of(Own) == "local"
    assert issubclass(with_mounts(Own, site_of(root)), Own)
    with pytest.raises(Invalid, match="no mounts are known for Spawner"):
        with_mounts(Spawner, site_of(root))


def test_the_page_of_the_start_names_what_is_missing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the launcher has said it of this start; what it said of an earlier one does not count."""
    from jupyterhub.spawner import LocalProcessSpawner

    monkeypatch.setattr("hub_config.reports.STATE", str(tmp_path))
    spawner = with_mounts(LocalProcessSpawner, site_of(root))(user=MagicMock())
    spawner.user.name = "alice"
    started = datetime.now(UTC).replace(tzinfo=None)  # as the hub's data base has it
    spawner.orm_spawner = SimpleNamespace(started=started, server=None, name="", state={})
    report = Path(report_path("alice", ""))
    report.write_text(json.dumps({"skipped": [{"what": "project adhoc/\udcff", "why": "it is not there any more"}]}))

    async def said() -> list[str]:
        return [event["message"] async for event in spawner.progress()]

    assert "project adhoc/\\xff is not mounted: it is not there any more" in asyncio.run(said())
    os.utime(report, (1, 1))
    assert read_missing(str(report), time.time()) is None
