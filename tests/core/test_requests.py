"""Members ask for an unseal with a reason, which administrators see until it is done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import requests
from jupyter_modama.core.errors import Conflict, NotAllowed, NotFound, NotSealed, ReasonMissing
from jupyter_modama.core.model import Site, Via
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.doing import Does

S = {"project": "adhoc/p", "session": "s"}


@pytest.fixture
def session(do: Any, root: Path) -> Iterator[Path]:
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    (root / "adhoc/p/s/raw/a").write_bytes(b"x")
    yield root / "adhoc/p/s"
    trees.clear(root)


def test_request_is_seen_until_the_unseal(do: Any, session: Path) -> None:
    """Asked again, the new reason counts."""
    do("session.seal", **S)
    assert do("session.requests").items == ()
    do("session.request_unseal", **S, reason="crooked")
    do("session.request_unseal", **S, reason="  the calibration is missing ")
    (request,) = do("session.requests").items
    assert (request.project, request.session, request.reason) == ("adhoc/p", "s", "the calibration is missing")
    assert request.by.uid == os.geteuid()
    do("session.unseal", **S, reason=request.reason)
    assert do("session.requests").items == ()
    do("session.seal", **S)
    assert do("session.requests").items == (), "an old request says nothing of a new seal"


def test_request_is_declined_with_a_reason(do: Any, session: Path) -> None:
    """It leaves the list and stays with the session, until somebody asks again or unseals."""
    do("session.seal", **S)
    with pytest.raises(Conflict, match="nobody asks"):
        do("session.decline_unseal", **S, reason="no")
    do("session.request_unseal", **S, reason="crooked")
    assert do("session.show", **S).request.declined_by is None
    with pytest.raises(ReasonMissing, match="give a reason for declining"):
        do("session.decline_unseal", **S)
    declined = do("session.decline_unseal", **S, reason=" it is published ")
    assert (declined.reason, declined.declined_because) == ("crooked", "it is published")
    assert do("session.requests").items == ()
    assert do("session.show", **S).request == declined
    with pytest.raises(Conflict, match="nobody asks"):
        do("session.decline_unseal", **S, reason="again")
    do("session.request_unseal", **S, reason="it is a mistake")
    assert do("session.show", **S).request.declined_by is None
    assert [request.reason for request in do("session.requests", **S).items] == ["it is a mistake"]
    do("session.unseal", **S, reason="yes")
    assert do("session.show", **S).request is None
    told = [(line.op, line.outcome) for line in do("audit.list", op="session.decline_unseal").items]
    assert told == [("session.decline_unseal", outcome) for outcome in ("failed", "done", "failed", "failed")]


def test_requests_of_one_project_or_session(do: Any, session: Path, root: Path) -> None:
    do("project.create", name="q")
    for project, name in (("adhoc/p", "s"), ("adhoc/p", "t"), ("adhoc/q", "s")):
        if (project, name) != ("adhoc/p", "s"):
            do("session.create", project=project, name=name)
            (root / project / name / "raw/a").write_bytes(b"x")
        do("session.seal", project=project, session=name)
        do("session.request_unseal", project=project, session=name, reason=f"{project}/{name}")

    def reasons(**wanted: str) -> list[str]:
        return [request.reason for request in do("session.requests", **wanted).items]

    assert reasons() == reasons(area="adhoc") == ["adhoc/p/s", "adhoc/p/t", "adhoc/q/s"]
    assert reasons(area="other") == []
    assert reasons(project="adhoc/p") == ["adhoc/p/s", "adhoc/p/t"]
    assert reasons(project="adhoc/p", session="t") == ["adhoc/p/t"]
    for wanted in ({"project": "adhoc"}, {"project": "adhoc/p", "session": "none"}):
        with pytest.raises(NotFound):
            reasons(**wanted)
    assert reasons(project="adhoc/none") == []


def test_list_of_requests_is_bounded(do: Any, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_modama.core.requests.MOST_LISTED", 0)
    do("session.seal", **S)
    assert not do("session.requests").more
    do("session.request_unseal", **S, reason="x")
    assert do("session.requests").more


def test_request_from_before_the_seal_says_nothing_of_it(do: Any, session: Path) -> None:
    """An unseal that was cut off before its very end can leave the old one."""
    do("session.seal", **S)
    do("session.request_unseal", **S, reason="crooked")
    file = session / ".modama/unseal_request.json"
    file.write_text(file.read_text().replace(f"{datetime.now(UTC):%Y-}", "2020-"))
    assert do("session.show", **S).request is None
    assert do("session.requests").items == ()


@pytest.mark.parametrize("field", ["by", "at", "reason"])
def test_damaged_answer_is_no_answer(do: Any, session: Path, field: str) -> None:
    """And keeps nobody from asking, or from looking at the session."""
    do("session.seal", **S)
    do("session.request_unseal", **S, reason="crooked")
    do("session.decline_unseal", **S, reason="no")
    file = session / ".modama/unseal_request.json"
    record = json.loads(file.read_text())
    del record["declined"][field]
    file.write_text(json.dumps(record))
    assert do("session.show", **S).request is None
    do("session.request_unseal", **S, reason="again")
    assert do("session.show", **S).request.reason == "again"


def test_request_that_cannot_be_meant(do: Any, session: Path) -> None:
    with pytest.raises(NotSealed, match="nothing to unseal"):
        do("session.request_unseal", **S, reason="because")
    do("session.seal", **S)
    for reason in ("", "  \n"):
        with pytest.raises(ReasonMissing, match="give a reason for asking"):
            do("session.request_unseal", **S, reason=reason)
    (session / ".modama/unseal_request.json").write_text('{"by": "nobody"}')
    assert do("session.requests").items == ()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")
def test_members_ask_and_administrators_see(by: Any, do: Any, people: Accounts, root: Path) -> None:
    alice, bob, carol = people
    try:
        by(alice)("project.create", name="p")
        by(alice)("project.set_members", project="adhoc/p", add=(bob.login, f"{carol.login}:reader"))
        by(alice)("session.create", project="adhoc/p", name="s")
        bob.shell("echo x > a", cwd=root / "adhoc/p/s/raw")
        by(alice)("session.seal", **S)
        by(bob)("session.request_unseal", **S, reason="mine is wrong")
        assert [request.by.uid for request in do("session.requests").items] == [bob.uid]
        for wanted in ({}, {"project": "adhoc/p"}, S):
            for who in (alice, bob):
                assert [request.reason for request in by(who)("session.requests", **wanted).items] == ["mine is wrong"]
            assert by(carol)("session.requests", **wanted).items == (), "readers look at data, not at what is asked"
        assert by(alice)("session.show", **S).request.by.uid == bob.uid
        assert by(carol)("session.show", **S).request is None
        with pytest.raises((NotAllowed, NotFound)):
            by(carol)("session.request_unseal", **S, reason="me too")
        for who in people:
            with pytest.raises((NotAllowed, NotFound)):
                by(who)("session.decline_unseal", **S, reason="mine")
        do("session.decline_unseal", **S, reason="it is published")
        assert by(bob)("session.show", **S).request.declined_because == "it is published"
        by(alice)("project.set_members", project="adhoc/p", remove=(bob.login,))
        assert by(bob)("session.requests").items == ()
        for wanted in ({"project": "adhoc/p"}, S):
            assert by(bob)("session.requests", **wanted).items == ()
    finally:
        trees.clear(root)


# The list of a process that alone changes the tree -------------------------------------------------------------------


@pytest.fixture
def keeping(root: Path, tmp_path: Path) -> Iterator[Does]:
    store = DiskStore(Site(root=str(root)), state=tmp_path / "state", keeps_tree=True)
    yield Does(store, local_actor(Via.CLI))
    store.close()
    trees.clear(root)
    trees.clear(tmp_path / "state")


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An entry for each walk through all projects."""
    seen: list[str] = []
    real = requests.project_paths

    def counted(store: Any, area: str = "") -> Any:
        seen.append(area)
        return real(store, area)

    monkeypatch.setattr(requests, "project_paths", counted)
    return seen


def asked(do: Does, **wanted: str) -> list[str]:
    return [f"{one.project}/{one.session}" for one in do("session.requests", **wanted).items]


def test_all_requests_are_told_without_a_walk(keeping: Does, walks: list[str], root: Path, tmp_path: Path) -> None:
    """After the first time; what the list has is held against the records, and the list can go at any time."""
    do = keeping
    for project in "pq":
        do("project.create", name=project)
        do("session.create", project=f"adhoc/{project}", name="s")
        (root / "adhoc" / project / "s/raw/a").write_bytes(b"x")
        do("session.seal", project=f"adhoc/{project}", session="s")
    assert asked(do) == []
    assert len(walks) == 1
    do("session.request_unseal", **S, reason="crooked")
    do("session.request_unseal", project="adhoc/q", session="s", reason="late")
    assert asked(do) == asked(do, area="adhoc") == ["adhoc/p/s", "adhoc/q/s"]
    assert asked(do, area="other") == []
    do("session.decline_unseal", **S, reason="no")
    do("project.rename", project="adhoc/q", name="r")
    do("session.rename", project="adhoc/r", session="s", name="t")
    assert asked(do) == ["adhoc/r/t"]
    assert len(walks) == 1
    (tmp_path / "state/cache/requests.json").unlink()
    assert asked(do) == ["adhoc/r/t"]
    assert len(walks) == 2


def test_night_finds_what_was_renamed_on_the_disk(keeping: Does, root: Path) -> None:
    """And what a backup brought."""
    do = keeping
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    (root / "adhoc/p/s/raw/a").write_bytes(b"x")
    do("session.seal", **S)
    assert asked(do) == []
    do("session.request_unseal", **S, reason="crooked")
    (root / "adhoc/p").rename(root / "adhoc/elsewhere")
    assert asked(do) == []
    do("site.nightly")
    assert asked(do) == ["adhoc/elsewhere/s"]
