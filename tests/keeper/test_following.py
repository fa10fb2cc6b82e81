"""The keeper's jobs: seen by those who began them and by administrators, and told to the service, all of them."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import Any

import pytest

from jupyter_modama.core.errors import Invalid, ModamaError, NotFound
from jupyter_modama.core.jobs import CancelJob, ListJobs, ShowJob
from jupyter_modama.core.members import SetMembers, SetVisibility
from jupyter_modama.core.model import Visibility
from jupyter_modama.core.projects import CreateProject
from jupyter_modama.core.requests import ListRequests
from jupyter_modama.keeper.protocol import Channel
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.running_keeper import Facility, Running

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]
PROJECT = "adhoc/p"
OPEN = SetVisibility(PROJECT, Visibility.OPEN)
PATIENCE_S = 60.0


class Following:
    """What the keeper tells of its jobs."""

    def __init__(self, keeper: Running) -> None:
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self.channel: queue.Queue[Channel] = queue.Queue()
        self.keys = keeper.keys
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.opened = self.channel.get(timeout=PATIENCE_S)

    def _run(self) -> None:
        with suppress(ModamaError):
            for job in self.keys.follow(self.channel.put):
                self.heard.put(job)

    def until_ended(self, job_id: str) -> list[dict[str, Any]]:
        found = []
        while not found or found[-1]["id"] != job_id or found[-1]["state"] not in {"done", "failed", "cancelled"}:
            found.append(self.heard.get(timeout=PATIENCE_S))
        return found

    def close(self) -> None:
        self.opened.close()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


def done(keeper: Running, who: Account, operation: str, wanted: Any) -> Any:
    return trees.driven(keeper.keys.do(operation, wanted, who.actor))


def test_job_is_begun_and_left_and_its_end_is_told(keeper: Running, people: Accounts) -> None:
    """To whoever follows before it begins, and to whoever comes later."""
    done(keeper, people.alice, "project.create", CreateProject("p"))
    first = Following(keeper)
    job_id = keeper.keys.begin("project.set_visibility", OPEN, people.alice.actor)
    heard = first.until_ended(job_id)
    assert heard[-1]["state"] == "done"
    assert heard[-1]["actor"] == people.alice.login
    late = Following(keeper)
    assert late.until_ended(job_id)[-1]["result"] == heard[-1]["result"]
    first.close()
    late.close()


def test_what_speaks_against_a_job_is_raised_and_there_is_none(keeper: Running, people: Accounts) -> None:
    done(keeper, people.alice, "project.create", CreateProject("p"))
    with pytest.raises(Invalid, match="nobody has the login"):
        keeper.keys.begin("project.set_members", SetMembers(PROJECT, ("nobody-at-all",)), people.alice.actor)
    assert done(keeper, people.alice, "job.list", ListJobs())["items"] == []


def test_jobs_are_shown_to_those_who_began_them_and_to_administrators(
    facility: Facility, keeper: Running, people: Accounts
) -> None:
    """For others there is no such job, to be seen or to be cancelled."""
    done(keeper, people.alice, "project.create", CreateProject("p"))
    job_id = keeper.keys.begin("project.set_visibility", OPEN, people.alice.actor)
    for who in (people.alice, facility.admin):
        assert done(keeper, who, "job.show", ShowJob(job_id))["op"] == "project.set_visibility"
        assert [row["id"] for row in done(keeper, who, "job.list", ListJobs())["items"]] == [job_id]
    assert done(keeper, people.bob, "job.list", ListJobs())["items"] == []
    for operation, wanted in (("job.show", ShowJob(job_id)), ("job.cancel", CancelJob(job_id))):
        with pytest.raises(NotFound, match="job"):
            done(keeper, people.bob, operation, wanted)
    assert done(keeper, facility.admin, "job.cancel", CancelJob(job_id))["id"] == job_id


def test_follower_that_goes_leaves_nothing_behind(keeper: Running, people: Accounts) -> None:
    """A hundred that come and go, and some that never read, and the keeper does its work."""
    done(keeper, people.alice, "project.create", CreateProject("p"))
    silent = [keeper.channel() for _ in range(8)]
    for channel in silent:
        channel.send({"id": 1, "verb": "keeper.follow"}, 10)
    for _ in range(100):
        channel = keeper.channel()
        channel.send({"id": 1, "verb": "keeper.follow"}, 10)
        channel.close()
    for visibility in (Visibility.OPEN, Visibility.PRIVATE) * 5:
        done(keeper, people.alice, "project.set_visibility", SetVisibility(PROJECT, visibility))
    for channel in silent:
        channel.close()
    following = Following(keeper)
    job_id = keeper.keys.begin("project.set_visibility", OPEN, people.alice.actor)
    assert following.until_ended(job_id)[-1]["state"] == "done"
    following.close()


def test_following_can_be_given_up(keeper: Running) -> None:
    channel = keeper.channel()
    channel.send({"id": 1, "verb": "keeper.follow"}, 10)
    channel.send({"id": 1, "cancel": True}, 10)
    while (message := channel.receive(idle_s=PATIENCE_S)) is not None and "result" not in message:
        pass
    assert message == {"id": 1, "result": {}}
    channel.close()


def test_requests_to_unseal_are_read_by_the_keeper(facility: Facility, keeper: Running, people: Accounts) -> None:
    """Since administrators are mostly no members; who is a member of nothing sees none."""
    for who in (facility.admin, people.alice):
        assert done(keeper, who, "session.requests", ListRequests())["items"] == []
