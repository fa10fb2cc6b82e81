"""Counting the site, what administrators see of it, and whom quiet sessions are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_modama.core import overview, sizing
from jupyter_modama.core.errors import Conflict, Invalid, NotAllowed, NotFound, ReasonMissing
from jupyter_modama.core.hub_rules import MailRules
from jupyter_modama.core.model import Actor, Job, JobState, Person, PersonKind, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.telling import tell_of_seal
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.memory import MemoryStore

ROOT, ANNA, BERT = (Person(uid, login) for uid, login in ((0, "root"), (1000, "anna"), (1001, "bert")))
GONE = Person(4711, "4711", "", PersonKind.UNKNOWN)
MAIL = MailRules(server="mail.example.org", sender="modama@example.org", domain="example.org", quiet_days=14)
START = datetime(2026, 11, 21, tzinfo=UTC)  # where the time of a tree in memory begins


@pytest.fixture
def memory() -> MemoryStore:
    """A tree of the system with the projects p and q of anna's, in each a session with a file."""
    store = MemoryStore(Site(root="/x", mail=MAIL), me=ROOT)
    store.keeps_tree = True
    store.people = [ROOT, ANNA, BERT, GONE]
    store.put("adhoc", None)
    for name in ("p", "q"):
        Does(store, Actor(ANNA))("project.create", name=name)
        store.put(f"adhoc/{name}/s/raw/a.dat", b"x" * 100)
    return store


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have it be so many days later."""

    def pass_(days: float) -> None:
        monkeypatch.setattr(sizing, "now_utc", lambda: START + timedelta(days=days))

    pass_(1)
    return pass_


@pytest.fixture
def root(memory: MemoryStore, after: Any) -> Does:
    return Does(memory, Actor(ROOT))


def rows(does: Does, **wanted: Any) -> list[str]:
    return [row.project for row in does("site.overview", **wanted).items]


def test_nothing_is_known_before_it_was_counted(root: Does) -> None:
    found = root("site.overview")
    assert (found.items, found.counted_at, found.totals.projects) == ((), None, 0)


def test_sizes_sessions_and_owners_are_counted(root: Does) -> None:
    assert root("site.count").sentence == "2 projects counted."
    found = root("site.overview")
    assert found.counted_at == START + timedelta(days=1)
    assert (found.totals.projects, found.totals.sessions, found.totals.unsealed) == (2, 2, 2)
    row = found.items[0]
    assert (row.project, row.owners[0].login, row.owners_gone, row.sessions) == ("adhoc/p", "anna", 0, 1)
    assert row.size_bytes >= 100
    assert row.grown_bytes is None


def test_looking_walks_nothing(root: Does, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted is shown as it was then, with its age."""
    root("site.count")
    size = root("site.overview").items[0].size_bytes
    memory.put("adhoc/p/s/raw/b.dat", b"x" * 1000)
    monkeypatch.setattr(memory, "summary", None)
    monkeypatch.setattr(memory, "children", None)
    assert root("site.overview").items[0].size_bytes == size


@pytest.mark.parametrize(("days", "grown", "told"), [(1, None, 0), (11, 1000, 10), (60, 1000, 30)])
def test_growth_is_told_of_the_last_month(
    root: Does, memory: MemoryStore, after: Any, days: int, grown: int | None, told: int
) -> None:
    root("site.count")
    if days > 30:  # the size stayed for a month, and no row was written for that
        after(days - 31)
        root("site.count")
    after(days)
    if grown:
        memory.put("adhoc/p/s/raw/b.dat", b"x" * 1000)
    root("site.count")
    row = root("site.overview").items[0]
    assert (row.grown_bytes, row.grown_days) == (grown, told)


def test_projects_are_found_sorted_and_paged(root: Does, memory: MemoryStore) -> None:
    """By a part of the path or by an owner, and 100 % is no pattern."""
    Does(memory, Actor(BERT))("project.create", name="Grün 100%")
    memory.put("adhoc/q/big.dat", b"x" * 5000)
    root("site.count")
    assert rows(root) == ["adhoc/Grün 100%", "adhoc/p", "adhoc/q"]
    assert rows(root, sort="-size")[0] == "adhoc/q"
    assert rows(root, search="GRÜN 100%") == rows(root, search="bert") == ["adhoc/Grün 100%"]
    assert rows(root, search="%") == ["adhoc/Grün 100%"]
    assert rows(root, search="_") == []
    page = root("site.overview", limit=2)
    assert (page.total, page.cursor) == (3, "2")
    assert rows(root, limit=2, cursor=page.cursor) == ["adhoc/q"]
    with pytest.raises(Invalid, match="cannot be sorted"):
        root("site.overview", sort="size; DROP TABLE project")


def test_projects_that_are_gone_are_forgotten(root: Does, memory: MemoryStore) -> None:
    root("site.count")
    del memory._node(TreePath("adhoc")).inner["p"]
    root("site.count")
    assert rows(root) == ["adhoc/q"]


def test_owner_without_an_account_is_named(root: Does, memory: MemoryStore) -> None:
    memory.set_owners(TreePath("adhoc/p"), (GONE.uid,))
    root("site.count")
    assert root("site.overview").totals.gone == 1
    assert rows(root, only=overview.Only.GONE) == ["adhoc/p"]


def test_one_bad_project_stops_nothing(root: Does, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    look = memory.summary

    def summary(path: TreePath, patience_s: float) -> Any:
        if path == "adhoc/p":
            raise NotFound(what="p")
        return look(path, patience_s)

    monkeypatch.setattr(memory, "summary", summary)
    done = root("site.count")
    assert (done.projects, len(done.problems)) == (1, 1)
    assert rows(root) == ["adhoc/q"]


@pytest.mark.parametrize("operation", ["site.overview", "site.count"])
def test_it_is_for_administrators(memory: MemoryStore, operation: str) -> None:
    with pytest.raises(NotAllowed, match="administrators"):
        Does(memory, Actor(ANNA))(operation)


def test_a_damaged_file_is_begun_anew(root: Does, memory: MemoryStore) -> None:
    root("site.count")
    memory.sizes.file.write_bytes(b"this is no database, and was one" * 200)
    with pytest.raises(Exception, match="try again"):
        root("site.overview")
    root("site.count")
    assert len(rows(root)) == 2


# quiet sessions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "quiet"), [(13, 0), (15, 2)])
def test_session_is_quiet_after_the_days_of_the_site(root: Does, after: Any, days: int, quiet: int) -> None:
    after(days)
    root("site.count")
    found = root("site.overview")
    assert (found.totals.quiet, len(found.quiet)) == (quiet, quiet)


def test_empty_and_changed_sessions_are_not_quiet(root: Does, memory: MemoryStore, after: Any) -> None:
    memory.put("adhoc/p/empty/raw", None)
    memory._node(TreePath("adhoc/q/s/raw")).modified = START + timedelta(days=14)
    after(15)
    root("site.count")
    assert [(row.project, row.session) for row in root("site.overview").quiet] == [("adhoc/p", "s")]


def test_owner_is_reminded_once_in_a_period(root: Does, memory: MemoryStore, after: Any) -> None:
    """However often it is counted; and again after as many days."""
    told = []
    for day in (15, 16, 27, 29, 30, 43):
        after(day)
        root("site.count")
        waiting = memory.notices.waiting(100)
        told.append(len(waiting))
        memory.notices.told([row["key"] for row in waiting])
    assert told == [2, 0, 0, 2, 0, 2]


def test_reminder_says_which_session_to_owners_who_are_there(root: Does, memory: MemoryStore, after: Any) -> None:
    memory.set_owners(TreePath("adhoc/p"), (ANNA.uid, GONE.uid))
    after(15)
    root("site.count")
    told = memory.notices.waiting(100)
    assert {row["uid"] for row in told} == {ANNA.uid}
    assert told[0]["facts"]["session"] == "s"


@pytest.mark.parametrize("keeps", [True, False])
def test_without_mail_nothing_waits(memory: MemoryStore, after: Any, keeps: bool) -> None:
    memory.keeps_tree = keeps
    memory.site = Site(root="/x", mail=MAIL if not keeps else MailRules())
    after(15)
    Does(memory, Actor(ROOT))("site.count")
    assert memory.notices.waiting(100) == []


# how a seal ended ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "state", "took_s", "told"),
    [
        ("session.seal", JobState.DONE, 61, True),
        ("session.seal", JobState.DONE, 59, False),
        ("session.seal", JobState.FAILED, 1, True),
        ("session.seal", JobState.INTERRUPTED, 1, True),
        ("session.seal", JobState.CANCELLED, 300, False),
        ("path.seal", JobState.DONE, 300, True),
        ("session.verify", JobState.FAILED, 300, False),
    ],
)
def test_sealer_is_told_what_is_news(memory: MemoryStore, op: str, state: JobState, took_s: int, told: bool) -> None:
    """Where it took longer than a minute, failed, or does not go on; and once."""
    job = Job(
        "20261121-1", op, {}, "anna", state, "adhoc/p", "s", started=START, ended=START + timedelta(seconds=took_s)
    )
    for _ in range(2):
        tell_of_seal(memory, job, ANNA.uid)
    assert [row["uid"] for row in memory.notices.waiting(9)] == ([ANNA.uid] if told else [])


# the disk ------------------------------------------------------------------------------------------------------------


def test_days_until_full_follow_the_line(root: Does, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(UTC)
    for days, used in ((4, 100), (2, 300), (0, 500)):
        memory.sizes.note_disk(today - timedelta(days=days), used, 2000)
    monkeypatch.setattr(memory, "free_bytes", lambda path: (1500, 7))
    monkeypatch.setattr(memory, "total_bytes", lambda path: 2000)
    assert root("site.overview").disk == overview.DiskState(2000, 1500, 7, 100, 15)


@pytest.mark.parametrize(("used", "growth"), [((500,), None), ((500, 500), 0), ((500, 300), -200)])
def test_disk_that_does_not_fill_has_no_last_day(
    root: Does, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, used: tuple[int, ...], growth: int | None
) -> None:
    today = datetime.now(UTC)
    for days, one in enumerate(reversed(used)):
        memory.sizes.note_disk(today - timedelta(days=days), one, 2000)
    monkeypatch.setattr(memory, "free_bytes", lambda path: (1500, 7))
    disk = root("site.overview").disk
    assert (disk.growth_a_day, disk.days_until_full) == (growth, None)


# requests ------------------------------------------------------------------------------------------------------------


def test_request_is_declined_with_a_reason(root: Does, memory: MemoryStore) -> None:
    """Whoever asked is told why."""
    wanted = {"project": "adhoc/p", "session": "s"}
    memory.put("adhoc/p/s/raw/image.dat", b"x")
    root("session.seal", **wanted)
    record = {"by": ANNA.uid, "at": datetime.now(UTC).isoformat(), "reason": "wrong file"}
    memory.write_record(TreePath("adhoc/p/s"), "unseal_request", record)
    with pytest.raises(ReasonMissing):
        root("session.decline_unseal", **wanted, reason="  ")
    declined = root("session.decline_unseal", **wanted, reason="it is published")
    assert (declined.by, declined.declined_because) == (ANNA, "it is published")
    (told,) = memory.notices.waiting(9)
    assert (told["uid"], told["kind"], told["facts"]["reason"]) == (ANNA.uid, "declined", "it is published")
    with pytest.raises(Conflict, match="nobody asks"):
        root("session.decline_unseal", **wanted, reason="again")
