"""A server in a managed tree: what changes goes to the service, what reads stays here; and the service may be away."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from jupyter_modama.core import version
from jupyter_modama.server import upstream
from jupyter_modama.testing import trees
from jupyter_modama.testing.serving import Served, free_port, served

pytestmark = pytest.mark.skipif("os.geteuid() != 0", reason="a managed tree is one that root has marked")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The tree with one session in it."""
    folder = tmp_path / "storage"
    folder.mkdir()
    trees.make_session(folder)
    yield folder
    trees.clear(folder)


@pytest.fixture
def service(root: Path, tmp_path: Path, port: int) -> Iterator[Served]:
    """A server that began before the tree was managed stands in for the service: it has the same addresses."""
    with served(root, tmp_path / "service", port) as server:
        yield server


@pytest.fixture
def notice(port: int) -> str:
    """What root has written of the tree."""
    return json.dumps({"service": f"http://127.0.0.1:{port}/modama"})


@pytest.fixture
def token() -> str:
    """What this server has, as on a hub."""
    return "a-token-for-tests"


@pytest.fixture
def managed(root: Path, notice: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root has said whose the tree is, before this server begins."""
    (root / ".modama").mkdir(exist_ok=True)
    (root / ".modama/site.json").write_text(notice)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)
    monkeypatch.setattr(upstream, "LONGEST_WAIT_S", 1.0)


Status = Callable[[], Any]


@pytest.fixture
def status(jp_fetch: Any) -> Status:
    async def ask() -> Any:
        return json.loads((await jp_fetch("modama", "api", "status", request_timeout=30)).body)

    return ask


SESSION = {"project": trees.PROJECT, "session": trees.SESSION}


async def test_changes_are_the_services_and_reading_stays_here(
    service: Served, managed: None, call: Any, status: Status, root: Path, tmp_path: Path
) -> None:
    """A project and a seal are made there, in its state; verifying and listing happen here; jobs are seen as one."""
    found = await status()
    assert (found["mode"], found["service"]["state"], found["service"]["says"]) == ("managed", "here", "")
    made = await call("project.create", name="ä #&%' x")
    assert (root / made["path"]).is_dir()
    begun = (await call("session.seal", **SESSION))["job"]
    job = await ended(call, begun["id"])
    assert job["state"] == "done"
    assert (tmp_path / "service/xdg_state_home/modama/jobs" / f"{job['id']}.json").exists()
    here = await ended(call, (await call("session.verify", **SESSION))["job"]["id"])
    assert here["state"] == "done"
    assert not (tmp_path / "service/xdg_state_home/modama/jobs" / f"{here['id']}.json").exists()
    assert [j["op"] for j in (await call("job.list"))["items"]] == ["session.verify", "session.seal"]
    assert {line["op"] for line in (await call("audit.list"))["items"]} >= {"project.create", "session.seal"}


async def ended(call: Any, job_id: str) -> Any:
    until = time.monotonic() + 60
    while True:
        job = await call("job.show", id=job_id)
        if job["state"] in {"done", "failed", "cancelled"} or time.monotonic() > until:
            return job
        await asyncio.sleep(0.2)


async def test_a_permalink_stands_in_for_a_path(
    service: Served, managed: None, call: Any, status: Status, port: int
) -> None:
    """For what is read here, and for what the service changes."""
    await status()
    made = await call("project.create", name="ä x")
    session = await call("session.create", project=made["path"], name="s")
    link = (await call("entry.show", path=session["raw"]))["permalink"]
    assert link == f"http://127.0.0.1:{port}/modama/at/{session['uuid']}/raw"
    await call("project.rename", project=link, name="y")
    assert (await call("folder.list", path=link))["path"] == "adhoc/y/s/raw"
    assert (await call("folder.list", path="https://example.org/at/x"))["type"] == "urn:modama:invalid"


async def test_refusals_of_the_service_are_passed_on(service: Served, managed: None, call: Any, status: Status) -> None:
    """Its sentence and its facts, with its status."""
    await status()
    answer = await call("session.seal", project="adhoc/nothing", session="s")
    assert (answer["type"], answer["status"]) == ("urn:modama:not-found", 404)
    assert (await call("project.create", name="a:b"))["type"] == "urn:modama:name-refused"


async def test_a_job_of_the_service_is_cancelled_as_ones_own(
    service: Served, managed: None, call: Any, status: Status, root: Path
) -> None:
    """A seal that waits there is stopped from here."""
    await status()
    with (root / trees.PROJECT / trees.SESSION / "raw/a.dat").open("ab"):
        begun = (await call("session.seal", **SESSION, writers="wait", wait_s=600))["job"]
        await call("job.cancel", id=begun["id"])
        assert (await ended(call, begun["id"]))["state"] == "cancelled"


async def test_news_of_the_service_come_through(
    service: Served, managed: None, call: Any, status: Status, jp_fetch: Any
) -> None:
    """What somebody does there by another way is told to the browser that listens here."""
    assert (await status())["service"]["state"] == "here"
    heard: list[dict[str, Any]] = []
    done = asyncio.Event()

    def take(chunk: bytes) -> None:
        for line in chunk.decode().splitlines():
            if line.startswith("data: "):
                heard.append(json.loads(line[6:]))
                if heard[-1]["data"].get("state") == "done":
                    done.set()

    listening = asyncio.ensure_future(jp_fetch("modama", "api", "events", streaming_callback=take, request_timeout=90))
    await asyncio.sleep(1.0)
    body = json.dumps({"path": trees.PROJECT, "sort": "size"})
    headers = {"Authorization": f"token {service.token}"}
    client = AsyncHTTPClient(force_instance=True)
    await client.fetch(f"{service.modama}/api/folder.sort", method="POST", body=body, headers=headers)
    await asyncio.wait_for(done.wait(), 60)
    listening.cancel()
    assert {event["data"]["op"] for event in heard if event["type"] == "job"} == {"folder.sort"}


async def test_while_the_service_is_away_reading_works_and_it_is_found_again(
    managed: None, call: Any, status: Status, root: Path, tmp_path: Path, port: int
) -> None:
    """The status says what is so, a change is refused in words, folders are listed; then the service comes back."""
    found = await status()
    assert found["service"]["state"] == "away"
    assert "does not answer" in found["service"]["says"]
    refused = await call("project.create", name="x")
    assert (refused["type"], refused["status"]) == ("urn:modama:unreachable", 503)
    assert (await call("folder.list", path=f"{trees.PROJECT}/{trees.SESSION}/raw"))["total"] == 2
    assert (await call("job.list"))["items"] == []
    assert (await ended(call, (await call("folder.sort", path="adhoc", sort="size"))["job"]["id"]))["state"] == "done"
    with await asyncio.to_thread(Held, root, tmp_path / "service", port):
        until = time.monotonic() + 60
        while (await status())["service"]["state"] != "here":
            assert time.monotonic() < until
        assert (await call("project.create", name="x"))["path"] == "adhoc/x"


class Held:
    """A service from when it answers to the end of a block, begun on a thread."""

    def __init__(self, root: Path, folder: Path, port: int) -> None:
        (root / ".modama/site.json").rename(root / ".modama/aside")  # so that it begins unmanaged, as in `service`
        self._block = served(root, folder, port)
        self._block.__enter__()
        (root / ".modama/aside").rename(root / ".modama/site.json")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        self._block.__exit__(*error)


async def test_a_service_that_hangs_holds_nothing_up(managed: None, call: Any, jp_serverapp: Any, port: int) -> None:
    """It takes connections and says nothing: thirty changes wait for it, and a folder is listed all the same."""
    with socket.create_server(("127.0.0.1", port), backlog=100):
        changes = [asyncio.ensure_future(call("project.create", name=f"p{n}")) for n in range(30)]
        await asyncio.sleep(0.5)
        # A client of its own: the shared one has ten connections, and they are all waiting.
        client = AsyncHTTPClient(force_instance=True)
        token = jp_serverapp.identity_provider.token
        address = f"{jp_serverapp.connection_url}modama/api/folder.list?path=adhoc&token={token}"
        assert b'"items"' in (await client.fetch(address, request_timeout=15)).body
        assert not any(change.done() for change in changes)
        for change in changes:
            change.cancel()


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """This server is of a later version than the service."""
    monkeypatch.setattr(version, "VERSION", "77.3.0")


async def test_a_service_of_another_version_is_said(
    service: Served, newer: None, managed: None, call: Any, status: Status
) -> None:
    """Both versions, and what to do; reading works."""
    found = (await status())["service"]
    assert found["state"] == "other-version"
    assert "77.3 is needed" in found["says"]
    assert (await call("folder.list", path="adhoc"))["total"] == 1


@pytest.mark.parametrize("token", ["expired"])
async def test_a_token_that_is_refused_is_said(service: Served, managed: None, call: Any, status: Status) -> None:
    """The sentence says how one gets another."""
    found = (await status())["service"]
    assert found["state"] == "refused"
    assert "modama login" in found["says"]


@pytest.mark.parametrize("token", [""])
@pytest.mark.parametrize("notice", ['{"service": "http://127.0.0.1:1/modama"}', "{}", "no json"])
async def test_without_a_token_the_way_is_said(managed: None, call: Any, status: Status, root: Path) -> None:
    """A managed tree outside of a hub is read, and a change says how one signs in."""
    refused = await call("project.create", name="x")
    assert refused["type"] == "urn:modama:managed-tree"
    assert "modama login" in refused["detail"]
    assert (await status())["service"]["state"] == "refused"
    assert (await call("folder.list", path="adhoc"))["total"] == 1
    assert not (root / "adhoc/x").exists()


async def test_an_unmanaged_tree_has_no_service(call: Any, status: Status) -> None:
    """Nothing is asked of anybody."""
    assert (await status())["service"] == {"address": "", "state": "none", "says": ""}
    assert not [t for t in threading.enumerate() if t.name == "modama-service-news"]


async def test_what_is_not_mounted_is_named(status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    """As whoever started the server has written it down; a report that cannot be read is said, too."""
    monkeypatch.setenv(
        "MODAMA_MOUNTS", '{"mode": "plan", "skipped": [{"what": "project adhoc/ä", "why": "it is gone"}]}'
    )
    assert (await status())["missing"] == ["project adhoc/ä: it is gone"]
    monkeypatch.setenv("MODAMA_MOUNTS", "{broken")
    assert "cannot be read" in (await status())["missing"][0]
