"""What the keeper leaves for the service to be mailed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_modama.core import sizing
from jupyter_modama.core.errors import Invalid, ModamaError, StorageError
from jupyter_modama.core.hub_rules import MailRules
from jupyter_modama.core.model import Actor, Job, JobState, Site
from jupyter_modama.keeper.jobs import Jobs
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import done
from jupyter_modama.testing.running_keeper import Facility

MAIL = '\n[mail]\nserver = "mail.example.org"\nsender = "modama@example.org"\ndomain = "example.org"\nquiet_days = 14\n'
NAMED = {"project": "adhoc/p", "session": "s"}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")
def test_notice_waits_until_it_was_told_over_a_kill(facility: Facility, people: Accounts) -> None:
    """A seal, a request, the no of an administrator: whoever asked is to be told, whatever happens to the keeper."""
    with facility.site_file.open("a") as file:
        file.write(MAIL)
    with facility.keeper() as keeper:
        keys = keeper.keys
        done(keys, people.alice, "project.create", name="p")
        done(keys, people.alice, "session.create", project="adhoc/p", name="s")
        (facility.root / "adhoc/p/s/raw/a.dat").write_bytes(b"x")
        done(keys, people.alice, "session.seal", **NAMED)
        done(keys, people.alice, "session.request_unseal", **NAMED, reason="wrong file")
        assert keys.notices() == []  # a seal that took no minute is no news
        done(keys, facility.admin, "session.decline_unseal", **NAMED, reason="it is published")
        keeper.end(signal.SIGKILL)
    with facility.keeper() as keeper:
        (told,) = keeper.keys.notices()
        assert (told["uid"], told["kind"]) == (people.alice.uid, "declined")
        assert told["facts"]["reason"] == "it is published"
        with pytest.raises(Invalid, match="list of their keys"):
            keeper.keys.told("all")  # type: ignore[arg-type]
        keeper.keys.told([told["key"], "'; DROP TABLE notice; --"])
        assert keeper.keys.notices() == []
        done(keeper.keys, facility.admin, "site.count")
        shown = done(keeper.keys, facility.admin, "site.overview")
        assert [row["project"] for row in shown["items"]] == ["adhoc/p"]
        assert shown["disk"]["free_bytes"] > 0
        with pytest.raises(ModamaError, match="administrators"):
            done(keeper.keys, people.alice, "site.overview")
        done(keeper.keys, facility.admin, "session.unseal", **NAMED, reason="end of the test")


SEAL = Job("20261121-120000-000000-abcdef01", "session.seal", {}, "alice", JobState.FAILED, "adhoc/p", "s")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """Of a keeper whose site has a mail server."""
    (tmp_path / "tree").mkdir()
    mail = MailRules(server="mail.example.org", sender="modama@example.org")
    made = DiskStore(Site(root=str(tmp_path / "tree"), mail=mail), state=tmp_path / "state", keeps_tree=True)
    yield made
    made.close()


@pytest.fixture
def jobs(store: DiskStore) -> Iterator[Jobs]:
    made = Jobs(store, 990, most=2, a_person=2)
    yield made
    made.close()


def waiting(store: DiskStore) -> list[tuple[int, str]]:
    return [(row["uid"], row["facts"]["state"]) for row in store.notices.waiting(9)]


def test_seal_that_failed_is_told_once_to_who_asked(store: DiskStore, jobs: Jobs) -> None:
    store.jobs.write(SEAL)
    store.jobs.note_actor(SEAL.id, {"uid": 20001})
    jobs._told(SEAL)
    assert waiting(store) == [(20001, "failed")]
    jobs._told(SEAL)
    assert len(waiting(store)) == 1


def test_keeper_killed_before_it_left_the_notice_leaves_it_at_its_start(store: DiskStore, jobs: Jobs) -> None:
    """Who asked is known until the notice is there."""
    store.jobs.write(SEAL)
    store.jobs.note_actor(SEAL.id, {"uid": 20001})
    assert jobs.resume() == 0
    assert waiting(store) == [(20001, "failed")]
    with pytest.raises(FileNotFoundError):
        store.jobs.noted_actor(SEAL.id)


def test_seal_that_cannot_go_on_is_told(store: DiskStore, jobs: Jobs) -> None:
    """As where the account of who asked may not be used any more."""
    store.jobs.write(replace(SEAL, state=JobState.RUNNING))
    store.jobs.note_actor(SEAL.id, {"uid": 0, "via": "service", "known_by": "hub-token"})
    jobs.resume()
    assert waiting(store) == [(0, "interrupted")]


def test_damaged_book_is_put_aside(store: DiskStore) -> None:
    """And what comes then is kept."""
    store.notices.add("a", 1, "quiet", {})
    store.notices.file.write_bytes(b"no database at all" * 300)
    with pytest.raises(StorageError):
        store.notices.add("b", 1, "quiet", {})
    store.notices.add("c", 1, "quiet", {})
    assert [row["key"] for row in store.notices.waiting(9)] == ["c"]
    assert list(store.notices.file.parent.glob("notices.sqlite.damaged-*"))


def test_quiet_session_on_a_disk(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """By when its newest file came, whatever times the files were given."""
    raw = Path(store.site.root) / "adhoc/p/s/raw"
    raw.mkdir(parents=True)
    (raw / "a.dat").write_bytes(b"x" * 10)
    for path in (raw / "a.dat", raw):
        os.utime(path, (0, 0))
    me = Actor(store.me())
    trees.driven(sizing.count_site(store, me, sizing.CountSite()))
    assert store.sizes.totals()[0]["quiet"] == 0  # it has just come
    later = datetime.now(UTC) + timedelta(days=15)
    monkeypatch.setattr(sizing, "now_utc", lambda: later)
    trees.driven(sizing.count_site(store, me, sizing.CountSite()))
    assert store.sizes.totals()[0]["quiet"] == 1
    assert [row["kind"] for row in store.notices.waiting(9)] == ["quiet"]
