"""Members ask for an unseal with a reason, which administrators see until it is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotAllowed, NotFound, NotSealed, ReasonMissing
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts

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
        for who in (alice, bob):
            with pytest.raises(NotAllowed, match="administrators"):
                by(who)("session.requests")
        with pytest.raises((NotAllowed, NotFound)):
            by(carol)("session.request_unseal", **S, reason="me too")
    finally:
        trees.clear(root)
