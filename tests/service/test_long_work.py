"""Long work through the service: whose it is, who sees it, and that it outlives the service and the keeper."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from jupyter_modama.testing.place import PROJECT, Place

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(600)]
LARGE = 3 << 30  # of zeros that take no room on the disk, and seconds to hash
PATIENCE_S = 180.0


def with_large_file(place: Place, session: str) -> dict[str, str]:
    assert place.ask("alice", "session.create", {"project": PROJECT, "name": session}).status == 200
    raw = place.facility.root / PROJECT / session / "raw"
    place.people["alice"].shell(f"truncate -s {LARGE} '{raw}/large.dat'", umask=0o002)
    return {"project": PROJECT, "session": session}


def job_of(place: Place, job_id: str, who: str = "alice") -> dict[str, Any]:
    """A job as it is now, also where the service is just being started again."""
    until = time.monotonic() + PATIENCE_S
    while True:
        answer = place.ask(who, "job.show", {"id": job_id})
        if answer.status == 200:
            found: dict[str, Any] = answer.json
            return found
        assert answer.status in {502, 503}, answer.body
        assert time.monotonic() < until
        time.sleep(0.3)


def until_state(place: Place, job_id: str, *states: str) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    while (job := job_of(place, job_id))["state"] not in states:
        assert time.monotonic() < until, job
        assert job["state"] in {"queued", "running", "interrupted"}, job
        time.sleep(0.1)
    return job


@pytest.fixture(scope="module")
def sealed(place: Place) -> dict[str, str]:
    """A sealed session that takes some seconds to verify."""
    wanted = with_large_file(place, "2026-11-21-large")
    assert place.job("alice", "session.seal", wanted)["state"] == "done"
    return wanted


def test_what_only_reads_runs_as_the_person(place: Place, sealed: dict[str, str]) -> None:
    """It is seen and cancelled by who began it and by the administrator; for others there is no such job."""
    begun = place.ask("bob", "session.verify", sealed)
    assert begun.status == 202, begun.body
    job = begun.json["job"]
    assert (job["op"], job["actor"]) == ("session.verify", place.people["bob"].login)
    assert place.ask("alice", "job.show", {"id": job["id"]}).status == 404
    assert place.ask("alice", "job.cancel", {"id": job["id"]}).status == 404
    assert place.ask("dora", "job.show", {"id": job["id"]}).status == 200
    assert job["id"] in [row["id"] for row in place.ask("dora", "job.list").json["items"]]
    assert job["id"] not in [row["id"] for row in place.ask("alice", "job.list").json["items"]]
    assert place.ask("bob", "job.cancel", {"id": job["id"]}).status == 200
    until = time.monotonic() + PATIENCE_S
    while (state := job_of(place, job["id"], "bob")["state"]) not in {"cancelled", "done"}:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert state == "cancelled"


def test_jobs_are_one_list_the_newest_first(place: Place, sealed: dict[str, str]) -> None:
    """Of the keeper's and the service's own; `since` and `limit` count for both together."""
    checked = place.job("alice", "project.check", {"project": PROJECT})
    repaired = place.job("alice", "project.repair", {"project": PROJECT})
    again = place.job("alice", "project.check", {"project": PROJECT})
    rows = place.ask("alice", "job.list", {"limit": 3}).json["items"]
    assert [row["id"] for row in rows] == [again["id"], repaired["id"], checked["id"]]
    since = place.ask("alice", "job.list", {"since": checked["changed"]}).json["items"]
    assert {again["id"], repaired["id"]} <= {row["id"] for row in since}
    assert checked["id"] not in {row["id"] for row in since}
    assert [row["op"] for row in place.ask("alice", "job.list", {"state": "failed"}).json["items"]] == []


def test_what_speaks_against_it_is_said_at_once(place: Place) -> None:
    """There is no job then."""
    before = len(place.ask("alice", "job.list").json["items"])
    answer = place.ask("alice", "session.verify", {"project": PROJECT, "session": "2026-11-21-one"})
    assert answer.code == "not-sealed"
    assert len(place.ask("alice", "job.list").json["items"]) == before


def test_page_can_be_read_while_two_verify(place: Place, sealed: dict[str, str]) -> None:
    """A third one is told to wait; that is said, and nothing hangs."""
    jobs = [place.ask("carol", "session.verify", sealed).json["job"]["id"] for _ in range(2)]
    assert place.ask("carol", "session.verify", sealed).code == "busy"
    assert place.ask("carol", "project.show", {"project": PROJECT}).status == 200
    for job_id in jobs:
        place.ask("carol", "job.cancel", {"id": job_id})
    for job_id in jobs:
        while job_of(place, job_id, "carol")["state"] in {"queued", "running"}:
            time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_jobs_survive_a_restart_of_the_service(place: Place, sealed: dict[str, str], how: signal.Signals) -> None:
    """A verification goes on with the same number; a seal is the keeper's, and hears nothing of it."""
    seal = place.ask("alice", "session.seal", with_large_file(place, f"2026-11-21-again-{how.value}")).json["job"]
    verify = place.ask("alice", "session.verify", sealed).json["job"]
    until_state(place, verify["id"], "running")
    old = place.hub.service_pid()
    os.kill(old, how)
    assert until_state(place, verify["id"], "done")["result"]["files"] == 1
    assert until_state(place, seal["id"], "done")["op"] == "session.seal"
    assert place.hub.service_pid() != old


def test_jobs_survive_a_restart_of_the_keeper(place: Place) -> None:
    """The seal goes on, the service hears of its end, and what it asks meanwhile is answered in words."""
    seal = place.ask("alice", "session.seal", with_large_file(place, "2026-11-21-keeper")).json["job"]
    until_state(place, seal["id"], "running")
    place.keeper.process.kill()
    place.keeper.process.wait(30)
    assert place.ask("alice", "job.show", {"id": seal["id"]}).code == "unreachable"
    place.restart_keeper()
    assert until_state(place, seal["id"], "done")["op"] == "session.seal"
