"""What is done every night: memberships end, what was cut off is finished, and one bad project stops nothing."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotAllowed
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Actor, Person, Role, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.memory import MemoryStore

ROOT, ANNA, BERT, CARL = (
    Person(uid, login) for uid, login in ((0, "root"), (1000, "anna"), (1001, "bert"), (1002, "carl"))
)
TODAY = datetime.now(UTC).date()
P = "adhoc/p"


@pytest.fixture
def memory() -> MemoryStore:
    """A tree of the system with the projects p and q of anna's, bert and carl are members of both."""
    store = MemoryStore(Site(root="/x"), me=ROOT)
    store.people = [ROOT, ANNA, BERT, CARL]
    store.put("adhoc", None)
    for name in ("p", "q"):
        Does(store, Actor(ANNA))("project.create", name=name)
        Does(store, Actor(ANNA))("project.set_members", project=f"adhoc/{name}", add=("bert", "carl"))
        store.put(f"adhoc/{name}/s/raw/a.dat", b"x")
    return store


@pytest.fixture
def night(memory: MemoryStore) -> Any:
    does = Does(memory, Actor(ROOT))
    return lambda **wanted: does("site.nightly", **wanted)


def put_days(store: MemoryStore, days: dict[Person, date], project: str = P) -> None:
    """Write down last days as they were some time ago."""
    record = store.read_record(TreePath(project), "project")
    until = {str(who.uid): day.isoformat() for who, day in days.items()}
    store.write_record(TreePath(project), "project", {**(record or {}), "until": until})


def people(store: MemoryStore, project: str = P) -> set[str]:
    return {store.person(uid).login for uid in store.gates.read(TreePath(project)).people}


@pytest.mark.parametrize(("days", "ends"), [(-400, True), (-1, True), (0, False), (1, False)])
def test_membership_ends_after_its_last_day(memory: MemoryStore, night: Any, days: int, ends: bool) -> None:
    """On the last day itself one is still in."""
    put_days(memory, {BERT: TODAY + timedelta(days=days)})
    report = night()
    assert people(memory) == {"anna", "carl"} | (set() if ends else {"bert"})
    assert people(memory, "adhoc/q") == {"anna", "bert", "carl"}
    assert (report.ended, report.problems) == (int(ends), ())
    assert BERT.uid not in memory._node(TreePath("adhoc/p/s/raw/a.dat")).named or not ends
    assert night().ended == 0


def test_owner_has_no_last_day(memory: MemoryStore, night: Any) -> None:
    """Whatever somebody wrote down: nobody's project is left without an owner."""
    put_days(memory, {ANNA: TODAY - timedelta(days=3)})
    assert night().ended == 0
    assert people(memory) == {"anna", "bert", "carl"}


def test_all_ended_leaves_the_owner_alone(memory: MemoryStore, night: Any) -> None:
    """What lies in the project follows then, too."""
    put_days(memory, dict.fromkeys((BERT, CARL), TODAY - timedelta(days=3)))
    assert night().ended == 2
    assert people(memory) == {"anna"}
    assert set(memory._node(TreePath("adhoc/p/s/raw/a.dat")).named) == {ANNA.uid}


def test_new_membership_after_the_end_stays(memory: MemoryStore, night: Any) -> None:
    """The old last day does not end the new membership."""
    put_days(memory, {BERT: TODAY - timedelta(days=3)})
    night()
    Does(memory, Actor(ANNA))("project.set_members", project=P, add=("bert",))
    assert night().ended == 0
    assert people(memory) == {"anna", "bert", "carl"}


def test_change_that_was_cut_off_is_finished(memory: MemoryStore, night: Any) -> None:
    steps = Does(memory, Actor(ANNA)).begun("project.set_members", project=P, remove=("bert",))
    next(steps), next(steps)
    steps.close()
    file = memory._node(TreePath("adhoc/p/s/raw/a.dat"))
    assert BERT.uid in file.named
    report = night()
    assert (report.finished, BERT.uid in file.named) == (1, False)
    assert "1 change that had been cut off was finished" in report.sentence
    assert night().finished == 0


def test_looking_only_changes_nothing(memory: MemoryStore, night: Any) -> None:
    put_days(memory, {BERT: TODAY - timedelta(days=3)})
    memory._node(TreePath("adhoc/q/s/raw/a.dat")).named = {}
    report = night(look_only=True)
    assert (report.ended, report.differing, report.mended) == (1, 1, 0)
    assert people(memory) == {"anna", "bert", "carl"}
    assert night().mended >= 1


def test_one_bad_project_does_not_stop_the_others(memory: MemoryStore, night: Any) -> None:
    put_days(memory, {BERT: TODAY - timedelta(days=3)}, "adhoc/q")
    memory._node(TreePath("adhoc/p/.modama")).uid = BERT.uid
    report = night()
    assert [problem.partition(":")[0] for problem in report.problems] == [P]
    assert "1 project could not be worked on" in report.sentence
    assert people(memory, "adhoc/q") == {"anna", "carl"}


def test_what_was_looked_at_longest_ago_comes_first(memory: MemoryStore) -> None:
    """A night that was too short goes on where it ended."""
    does = Does(memory, Actor(ROOT))
    orders = []
    for _ in range(2):
        steps = does.begun("site.nightly")
        orders.append([step.message for step in (next(steps), *_until_second_project(steps))])
        steps.close()
    assert orders[0][0] == P
    assert orders[1][0] == "adhoc/q"


def _until_second_project(steps: Any) -> list[Any]:
    for step in steps:
        if step.phase == "projects":
            return [step]
    return []


def test_folders_made_by_hand_are_left_alone(memory: MemoryStore, night: Any) -> None:
    """Nothing is written in a project that nobody adopted."""
    memory.put("adhoc/hand/s/raw/a.dat", b"x", uid=BERT.uid)
    assert night().projects == 2
    assert list(memory._node(TreePath("adhoc/hand")).inner) == ["s"]


def test_nobody_but_administrators_runs_it(memory: MemoryStore) -> None:
    with pytest.raises(NotAllowed, match="administrators"):
        Does(memory, Actor(ANNA))("site.nightly")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")
def test_night_on_a_disk(by: Any, people: Accounts, root: Path, do: Any) -> None:
    """A member whose time is over is out, and what programs have closed is open to members again."""
    alice, bob, carol = people
    by(alice)("project.create", name="p")
    tomorrow = TODAY + timedelta(days=1)
    by(alice)("project.set_members", project=P, add=(f"{bob.login}:member:{tomorrow}", carol.login))
    by(alice)("session.create", project=P, name="s")
    alice.shell("echo x > a; chmod 600 a; mkdir d", cwd=root / "adhoc/p/s/raw")
    assert do("site.nightly").mended >= 2
    assert bob.appends(root / "adhoc/p/s/raw/a")
    assert do("site.nightly").mended == 0
    store = do.store
    record = store.read_record(TreePath(P), "project")
    store.write_record(TreePath(P), "project", {**record, "until": {str(bob.uid): "2026-01-01"}})
    assert do("site.nightly").ended == 1
    assert not bob.reads(root / "adhoc/p/s/raw/a")
    assert carol.appends(root / "adhoc/p/s/raw/a")
    assert store.gates.read(TreePath(P)) == Gate({alice.uid: Role.OWNER, carol.uid: Role.MEMBER})
