"""How whoever holds the keys of a tree behaves: the same tests in memory, for a process of root's, for the keeper.

A test module makes a subclass and gives it the fixtures `keys`, `root` (a managed tree), `people`, and `admin`, who is
in the site's group of administrators. On a disk these are a folder and real accounts, which needs root; in memory what
stands for them, and what only a disk can tell is asked by the methods that such a subclass has of its own.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import (
    Cancelled,
    Invalid,
    LastOwner,
    ModamaError,
    NotAllowed,
    NotFound,
    NothingToSeal,
    ReasonMissing,
)
from jupyter_modama.core.model import Progress
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.core.ports import Keys
from jupyter_modama.runner import wanted_from
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts

Steps = Generator[Progress, None, dict[str, Any]]
PROJECT, SESSION = "adhoc/p", "s"
NAMED = {"project": PROJECT, "session": SESSION}


def done(keys: Keys, who: Account, operation: str, **wanted: Any) -> dict[str, Any]:
    """What the keys answer when somebody has something done."""
    answer: dict[str, Any] = trees.driven(keys.do(operation, wanted_from(OPERATIONS[operation], wanted), who.actor))
    return answer


def make_project(keys: Keys, who: Account) -> None:
    """A project of somebody's with a session."""
    done(keys, who, "project.create", name="p")
    done(keys, who, "session.create", project=PROJECT, name=SESSION)


def _noted(steps: Steps, seen: list[Progress]) -> Steps:
    """The same steps, kept as they come."""
    try:
        while True:
            seen.append(step := next(steps))
            yield step
    except StopIteration as end:
        answer: dict[str, Any] = end.value
        return answer


def _cancelled(steps: Steps) -> None:
    """Ask for the end, and wait for it."""
    steps.throw(Cancelled(consequence="stopped when asked to"))
    trees.driven(steps)


class KeysSuite:
    """The verbs, as those who ask for them see them."""

    @pytest.fixture
    def raw(self, keys: Keys, root: Path, people: Accounts) -> Path:
        """The raw folder of a session of alice's, with three files of hers."""
        make_project(keys, people.alice)
        raw = root / PROJECT / SESSION / "raw"
        people.alice.fill(raw, {"a.dat": "1\n", "b.dat": "2\n", "deep/c.dat": "3\n"})
        return raw

    def changeable(self, top: Path) -> list[str]:
        """What from a folder downwards does not carry the immutable flag."""
        return trees.changeable(top)

    def checksums_hold(self, session: Path) -> bool:
        """Whether the manifest is that of the files, as GNU sha256sum sees it."""
        return trees.checked(session).returncode == 0

    def written(self, file: Path) -> AbstractContextManager[object]:
        """While a program holds a file open for writing."""
        return file.open("ab")

    # making

    def test_project_is_its_makers(self, keys: Keys, root: Path, people: Accounts) -> None:
        """Who works in it at once, while others do not see into it; the folder itself stays the system's."""
        answer = done(keys, people.alice, "project.create", name="p", title="Holograms")
        assert (answer["path"], answer["role"], answer["title"]) == (PROJECT, "owner", "Holograms")
        assert [owner["uid"] for owner in answer["owners"]] == [people.alice.uid]
        assert people.alice.makes(root / PROJECT / "x")
        assert not people.bob.reads(root / PROJECT)
        assert (root / PROJECT).stat().st_uid == 0
        assert not people.alice.can("mv", root / PROJECT, root / "adhoc/q")

    def test_session_is_for_members(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """What members make is theirs; what the system made is not for them to move."""
        assert people.alice.makes(raw / "d.dat")
        assert (raw / "d.dat").stat().st_uid == people.alice.uid
        assert not people.alice.can("mv", raw, raw.with_name("old"))

    def test_outsider_is_refused(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """As if there were nothing, whatever is asked for; and nothing has changed."""
        for operation, wanted in (
            ("session.create", {"project": PROJECT, "name": "t"}),
            ("session.seal", NAMED),
            ("session.remove", NAMED),
            ("project.set_members", {"project": PROJECT, "add": (people.bob.login,)}),
            ("project.set_visibility", {"project": PROJECT, "visibility": "open"}),
            ("project.rename", {"project": PROJECT, "name": "q"}),
        ):
            with pytest.raises(NotFound):
                done(keys, people.bob, operation, **wanted)
        assert sorted(path.name for path in raw.parent.parent.iterdir()) == [".modama", SESSION]
        assert not people.bob.reads(raw)

    def test_member_is_no_owner(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """Members work and seal; who else comes in is the owners' to say."""
        done(keys, people.alice, "project.set_members", project=PROJECT, add=(people.bob.login,))
        with pytest.raises(NotAllowed, match="needs the role owner"):
            done(keys, people.bob, "project.set_members", project=PROJECT, add=(people.carol.login,))
        done(keys, people.bob, "session.create", project=PROJECT, name="bobs")

    # members

    def test_members_come_and_go(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """Effective at once, for what was there before too."""
        alice, bob, carol = people
        add = (f"{bob.login}:member", f"{carol.login}:reader")
        answer = done(keys, alice, "project.set_members", project=PROJECT, add=add)
        assert {m["person"]["uid"]: m["role"] for m in answer["members"]} == {bob.uid: "member", carol.uid: "reader"}
        assert bob.appends(raw / "deep/c.dat")
        assert carol.reads(raw / "deep/c.dat")
        assert not carol.appends(raw / "deep/c.dat")
        done(keys, alice, "project.set_members", project=PROJECT, remove=(bob.login,))
        assert not bob.reads(raw)
        assert carol.reads(raw)

    def test_last_owner_stays(self, keys: Keys, raw: Path, people: Accounts) -> None:
        with pytest.raises(LastOwner) as raised:
            done(keys, people.alice, "project.set_members", project=PROJECT, remove=(people.alice.login,))
        assert raised.value.facts["project"] == PROJECT

    def test_open_project_is_read_by_all(self, keys: Keys, raw: Path, people: Accounts) -> None:
        done(keys, people.alice, "project.set_visibility", project=PROJECT, visibility="open")
        assert people.bob.reads(raw / "a.dat")
        with pytest.raises(NotAllowed):
            done(keys, people.bob, "session.seal", **NAMED)
        done(keys, people.alice, "project.set_visibility", project=PROJECT, visibility="private")
        assert not people.bob.reads(raw / "a.dat")

    # sealing

    def test_seal_holds_against_its_owner(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """By the immutable flag, with a manifest that GNU sha256sum reads."""
        answer = done(keys, people.alice, "session.seal", **NAMED, note="done")
        assert (answer["state"], answer["protection"]) == ("sealed", "immutable")
        assert (answer["seal"]["by"]["uid"], answer["seal"]["files"]) == (people.alice.uid, 3)
        assert self.changeable(raw) == []
        assert self.checksums_hold(raw.parent)
        assert not people.alice.appends(raw / "a.dat")
        assert not people.alice.makes(raw / "deep/new")
        assert not people.alice.removes(raw / "a.dat")
        assert people.alice.reads(raw / "a.dat")

    def test_member_after_the_seal_reads(self, keys: Keys, raw: Path, people: Accounts) -> None:
        done(keys, people.alice, "session.seal", **NAMED)
        done(keys, people.alice, "project.set_members", project=PROJECT, add=(people.bob.login,))
        assert people.bob.reads(raw / "deep/c.dat")
        assert not people.bob.appends(raw / "deep/c.dat")
        assert self.changeable(raw) == []

    def test_only_administrators_unseal(self, keys: Keys, raw: Path, people: Accounts, admin: Account) -> None:
        """With a reason; members work on afterwards."""
        done(keys, people.alice, "session.seal", **NAMED)
        with pytest.raises(NotAllowed, match="administrators"):
            done(keys, people.alice, "session.unseal", **NAMED, reason="please")
        with pytest.raises(ReasonMissing):
            done(keys, admin, "session.unseal", **NAMED)
        assert self.changeable(raw) == []
        assert done(keys, admin, "session.unseal", **NAMED, reason="a wrong file")["state"] == "writable"
        assert people.alice.appends(raw / "a.dat")

    def test_requests_are_told_to_members_and_administrators(
        self, keys: Keys, raw: Path, people: Accounts, admin: Account
    ) -> None:
        """And to nobody else."""
        done(keys, people.alice, "session.seal", **NAMED)
        assert done(keys, admin, "session.requests")["items"] == []
        done(keys, people.alice, "session.request_unseal", **NAMED, reason="the wrong sample")
        told = [done(keys, who, "session.requests")["items"] for who in (admin, people.alice, people.carol)]
        assert [[item["reason"] for item in items] for items in told] == [["the wrong sample"]] * 2 + [[]]

    def test_next_seal_says_what_changed(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """Since the one that was undone."""
        first = done(keys, people.alice, "session.seal", **NAMED)["seal"]
        done(keys, people.alice, "session.undo_seal", **NAMED)
        assert people.alice.appends(raw / "a.dat")
        since = done(keys, people.alice, "session.seal", **NAMED)["seal"]["since"]
        assert (first["since"], since["sealed_at"]) == (None, first["at"])
        assert (since["new"], since["first_changed"], since["missing"]) == (0, ["raw/a.dat"], 0)

    def test_sealer_undoes(self, keys: Keys, raw: Path, people: Accounts) -> None:
        done(keys, people.alice, "session.seal", **NAMED)
        assert done(keys, people.alice, "session.undo_seal", **NAMED)["state"] == "writable"
        assert people.alice.appends(raw / "a.dat")

    # how it is told

    def test_progress_is_told(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """As steps of a known phase; the last value is the answer."""
        steps = keys.do("session.seal", OPERATIONS["session.seal"].wanted(**NAMED), people.alice.actor)
        first = next(steps)
        seen: list[Progress] = []
        answer = trees.driven(_noted(steps, seen))
        seen.insert(0, first)
        assert answer["state"] == "sealed"
        assert all(isinstance(step, Progress) for step in seen)

    def test_work_is_cancelled(self, keys: Keys, raw: Path, people: Accounts) -> None:
        """While it waits for a program that still writes: nothing has been changed then."""
        with self.written(raw / "a.dat"):
            wanted = wanted_from(OPERATIONS["session.seal"], {**NAMED, "writers": "wait"})
            steps = keys.do("session.seal", wanted, people.alice.actor)
            while next(steps).phase != "waiting":
                pass
            with pytest.raises(Cancelled):
                _cancelled(steps)
        assert people.alice.appends(raw / "a.dat")
        assert done(keys, people.alice, "session.seal", **NAMED)["state"] == "sealed"

    @pytest.mark.parametrize(
        ("operation", "wanted", "error"),
        [
            ("project.create", {"name": "a/b"}, Invalid),
            ("session.seal", {"project": PROJECT, "session": "no"}, NotFound),
            ("session.seal", {"project": PROJECT, "session": "empty"}, NothingToSeal),
            ("project.set_members", {"project": PROJECT}, Invalid),
            ("project.set_members", {"project": PROJECT, "add": ("nobody-has-this",)}, Invalid),
            ("session.create", {"project": "../etc", "name": "t"}, Invalid),
            ("folder.list", {"path": PROJECT}, NotAllowed),
        ],
    )
    def test_errors_are_of_their_class(
        self, keys: Keys, raw: Path, people: Accounts, operation: str, wanted: dict[str, Any], error: type[ModamaError]
    ) -> None:
        """With their facts, from which the sentence is made that they say."""
        done(keys, people.alice, "session.create", project=PROJECT, name="empty")
        with pytest.raises(error) as raised:
            done(keys, people.alice, operation, **wanted)
        found = raised.value
        assert str(type(found)(**found.facts)) == str(found)
        assert found.problem()["status"] == error.status
