"""News: to whom they come, how they go on, and when they end."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from jupyter_modama.testing.place import PROJECT, Place
from jupyter_modama.testing.running_hub import fetch

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.timeout(600)]
PATIENCE_S = 90.0


def opened(request: urllib.request.Request) -> Any:
    """The answer; while streams that a test before has closed still count, it is asked for again."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return urllib.request.urlopen(request, timeout=PATIENCE_S)  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code != 429 or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


class Stream:
    """What comes on one stream of events."""

    def __init__(self, place: Place, token: str, after: int | None = None) -> None:
        headers = {"Authorization": f"token {token}"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        request = urllib.request.Request(f"{place.hub.prefix}/api/events", headers=headers)  # noqa: S310 - an address of the test
        self.answer = opened(request)
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.opened = threading.Event()
        self.comments: list[str] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.opened.wait(PATIENCE_S)

    def _run(self) -> None:
        try:
            for raw in self.answer:
                line = raw.decode()
                if line.startswith(":"):
                    self.comments.append(line.strip())
                    self.opened.set()
                elif line.startswith("data: "):
                    self.events.put(json.loads(line[6:]))
        except (OSError, ValueError, AttributeError):
            pass
        self.events.put(None)

    def close(self) -> None:
        """End the connection first: a response that somebody reads is closed when the next line has come only."""
        with suppress(OSError, AttributeError):
            self.answer.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        self.answer.close()

    def until(self, fine: Any) -> list[dict[str, Any]]:
        """What comes until one event is the one that is waited for."""
        found: list[dict[str, Any]] = []
        while not found or not fine(found[-1]):
            event = self.events.get(timeout=PATIENCE_S)
            assert event is not None, found
            found.append(event)
        return found

    def all(self) -> list[dict[str, Any]]:
        return [event for event in list(self.events.queue) if event is not None]

    def ended(self) -> bool:
        while self.events.get(timeout=PATIENCE_S) is not None:
            pass
        return True


@contextmanager
def streams(place: Place, *names: str) -> Iterator[list[Stream]]:
    opened = [Stream(place, place.token(name)) for name in names]
    try:
        yield opened
    finally:
        for stream in opened:
            stream.close()


def done_of(operation: str) -> Any:
    return lambda event: (
        event["type"] == "job" and event["data"]["op"] == operation and event["data"]["state"] == "done"
    )


def test_events_come_to_those_whom_they_concern(place: Place) -> None:
    """A job to who began it and to the administrator; a change to members and readers; to a stranger nothing."""
    with streams(place, "alice", "bob", "carol", "dora", "eve") as (alice, bob, carol, dora, eve):
        job = place.job("alice", "project.set_visibility", {"project": PROJECT, "visibility": "private"})
        assert job["state"] == "done"
        for stream in (alice, dora):
            heard = stream.until(done_of("project.set_visibility"))
            assert {event["data"]["id"] for event in heard if event["type"] == "job"} == {job["id"]}
        for stream in (bob, carol):
            heard = stream.until(lambda event: event["type"] == "members")
            assert heard[-1]["project"] == PROJECT
            assert not [event for event in heard if event["type"] == "job"]
        made = place.ask("bob", "session.create", {"project": PROJECT, "name": "2026-11-21-told"})
        assert made.status == 200
        heard = carol.until(lambda event: event["type"] == "change")
        assert (heard[-1]["path"], heard[-1]["data"]["op"]) == ("2026-11-21-told", "session.create")
        place.job("eve", "folder.sort", {"path": "adhoc"})  # what is told later has come to her by then
        heard = eve.until(done_of("folder.sort"))
        assert {event["type"] for event in heard} == {"job"}
        assert {event["data"]["actor"] for event in heard} == {place.people["eve"].login}


def test_somebody_who_becomes_a_member_hears_of_it(place: Place) -> None:
    """At once, so that the project appears."""
    eve = place.people["eve"].login
    with streams(place, "eve") as (stream,):
        place.job("alice", "project.set_members", {"project": PROJECT, "add": [eve]})
        heard = stream.until(lambda event: event["type"] == "members")
        assert heard[-1]["project"] == PROJECT
        place.job("alice", "project.set_members", {"project": PROJECT, "remove": [eve]})
        made = place.ask("alice", "session.create", {"project": PROJECT, "name": "2026-11-21-untold"})
        assert made.status == 200
        place.job("eve", "folder.sort", {"path": "adhoc"})
        heard = stream.until(done_of("folder.sort"))
        assert "2026-11-21-untold" not in [event["path"] for event in heard]


def test_stream_goes_on_after_the_last_event(place: Place) -> None:
    """Nothing is told twice, nothing is left out; what concerns others is not told then either."""
    with streams(place, "alice") as (stream,):
        place.job("alice", "project.check", {"project": PROJECT})
        first = stream.until(done_of("project.check"))
    place.job("alice", "folder.sort", {"path": PROJECT})
    again = Stream(place, place.token("alice"), after=first[-1]["id"])
    heard = again.until(done_of("folder.sort"))
    again.close()
    assert all(event["id"] > first[-1]["id"] for event in heard)
    assert len({event["id"] for event in heard}) == len(heard)
    other = Stream(place, place.token("eve"), after=0)
    place.job("eve", "folder.sort", {"path": "adhoc"})
    mine = other.until(done_of("folder.sort"))
    other.close()
    assert {event["data"]["actor"] for event in mine if event["type"] == "job"} == {place.people["eve"].login}


def test_stream_ends_when_its_token_is_revoked(place: Place) -> None:
    token = place.hub.token(place.people["carol"])
    stream = Stream(place, token)
    place.hub.revoke(place.people["carol"], token)
    place.tokens.pop("carol", None)
    assert stream.ended()
    assert ": still here" in stream.comments


def test_nobody_and_no_delegate_gets_a_stream(place: Place) -> None:
    url = f"{place.hub.prefix}/api/events"
    assert fetch(url).code == "not-signed-in"
    said = {"Authorization": f"token {place.token('nextcloud')}", "Modama-On-Behalf-Of": place.people["alice"].login}
    answer = fetch(url, headers=said)
    assert answer.code == "not-allowed"
    assert "job.list" in answer.json["detail"]


def test_one_person_has_so_many_streams_and_no_more(place: Place) -> None:
    """Those that were closed do not count."""
    from jupyter_modama.service.events import A_PERSON

    with streams(place, *["bob"] * A_PERSON):
        answer = fetch(f"{place.hub.prefix}/api/events", headers={"Authorization": f"token {place.token('bob')}"})
        assert answer.code == "too-many-requests"
        with streams(place, "alice"):
            pass
