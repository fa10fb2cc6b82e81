"""Operations over HTTP, on a real server and a real tree."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from jupyter_modama.server import handlers


async def test_status_says_what_the_server_is(jp_fetch: Any, root: Path) -> None:
    """The front end learns version, contract, mode and whom it serves."""
    status = json.loads((await jp_fetch("modama", "api", "status")).body)
    assert status["mode"] == "embedded"
    assert status["root"] == str(root)
    assert len(status["contract"]) == 12
    assert status["person"]["uid"] == os.geteuid()


async def test_project_and_session_are_made_and_listed(call: Any, root: Path) -> None:
    """The first steps of a newcomer, over HTTP."""
    project = await call("project.create", name="Übung & Test #1 100%", title="First")
    assert (root / project["path"]).is_dir()
    session = await call("session.create", project=project["path"], sample="MoS2")
    assert (root / session["raw"]).is_dir()
    listed = await call("session.list", project=project["path"])
    assert [s["name"] for s in listed["items"]] == [session["name"]]
    assert listed["items"][0]["state"] == "writable"


async def test_read_operations_take_a_get(call: Any, jp_fetch: Any, root: Path) -> None:
    """What only reads can be asked for by an address, with the same answer as by a POST."""
    (root / "adhoc/p").mkdir(parents=True)
    for name in ("b.dm4", "a#1&2%.dm4"):
        (root / "adhoc/p" / name).write_bytes(b"x")
    posted = await call("folder.list", path="adhoc/p", limit=1)
    got = json.loads((await jp_fetch("modama", "api", "folder.list", params={"path": "adhoc/p", "limit": "1"})).body)
    assert [e["name"] for e in got["items"]] == [e["name"] for e in posted["items"]] == ["a#1&2%.dm4"]


@pytest.mark.parametrize("path", ["..", "../etc", "a/../../etc", "/etc", "a//b", "./a", "a\x00b"])
async def test_a_path_that_leaves_the_root_is_refused(call: Any, path: str) -> None:
    """No spelling of a path leads out of the tree."""
    for operation in ("folder.list", "entry.show", "entry.explain", "entry.links", "entry.metadata"):
        answer = await call(operation, path=path)
        assert answer["type"] == "urn:modama:path-refused", operation


async def test_a_link_out_of_the_tree_is_not_followed(call: Any, root: Path) -> None:
    """A symlink is shown as one, with its target, and nothing behind it is reached."""
    (root / "adhoc").mkdir()
    (root / "adhoc/out").symlink_to("/etc")
    listed = await call("folder.list", path="adhoc")
    assert (listed["items"][0]["kind"], listed["items"][0]["target"]) == ("link", "/etc")
    assert (await call("folder.list", path="adhoc/out"))["status"] == 404
    assert (await call("entry.show", path="adhoc/out/passwd"))["status"] == 404


async def test_a_name_that_is_no_utf8_goes_round(call: Any, root: Path) -> None:
    """Such a name is shown escaped and reached by its bytes."""
    folder = root / "adhoc"
    folder.mkdir()
    os.close(os.open(os.fsencode(folder) + b"/f\xff.dm4", os.O_WRONLY | os.O_CREAT))
    entry = (await call("folder.list", path="adhoc"))["items"][0]
    assert entry["name"] == "f\\xff.dm4"
    shown = await call("entry.show", path=entry["path"], path_b64=entry["path_b64"])
    assert shown["entry"]["size_bytes"] == 0


async def test_slow_calls_do_not_hold_up_jupyter(
    jp_serverapp: Any, call: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With twenty calls stuck on the disk, Jupyter's own status still answers."""
    from jupyter_modama.store.disk import DiskStore

    (root / "adhoc").mkdir()
    go = threading.Event()
    looked = DiskStore.access

    def stuck(self: DiskStore, path: Any) -> Any:
        go.wait(30)
        return looked(self, path)

    monkeypatch.setattr(DiskStore, "access", stuck)
    calls = [asyncio.ensure_future(call("folder.list", path="adhoc")) for _ in range(20)]
    try:
        await asyncio.sleep(0.1)
        # A client of its own: the shared one has ten connections, and they are all waiting.
        client = AsyncHTTPClient(force_instance=True)
        address = f"{jp_serverapp.connection_url}api/status?token={jp_serverapp.identity_provider.token}"
        assert (await client.fetch(address)).code == 200
        assert not any(c.done() for c in calls)
    finally:
        go.set()
    assert all("items" in answer for answer in await asyncio.gather(*calls))


async def test_events_tell_of_jobs_and_resume(
    jp_fetch: Any, call: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job's steps arrive on the stream; with the id of the last event one goes on where one was."""
    monkeypatch.setattr(handlers, "HEARTBEAT_S", 0.2)
    (root / "adhoc/p").mkdir(parents=True)
    first = await events_until_done(jp_fetch, call)
    assert {e["data"]["op"] for e in first} == {"folder.sort"}
    seen = [e["id"] for e in first]
    assert seen == sorted(seen)
    again = await read_events(jp_fetch, bool, after=str(seen[0]))
    assert [e["id"] for e in again][: len(seen) - 1] == seen[1:]


async def events_until_done(jp_fetch: Any, call: Any) -> list[dict[str, Any]]:
    reading = asyncio.ensure_future(
        read_events(jp_fetch, lambda found: any(e["data"]["state"] == "done" for e in found))
    )
    await asyncio.sleep(0.2)
    started = await call("folder.sort", path="adhoc/p", sort="size")
    assert started["job"]["state"] == "queued"
    return await reading


async def read_events(jp_fetch: Any, enough: Any, after: str = "") -> list[dict[str, Any]]:
    """Events from the stream until there are enough."""
    found: list[dict[str, Any]] = []
    done = asyncio.Event()

    def take(chunk: bytes) -> None:
        for line in chunk.decode().splitlines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
        if enough(found):
            done.set()

    fetching = asyncio.ensure_future(
        jp_fetch(
            "modama", "api", "events", streaming_callback=take, headers={"Last-Event-ID": after}, request_timeout=20
        )
    )
    await asyncio.wait_for(done.wait(), 15)
    fetching.cancel()
    return found
