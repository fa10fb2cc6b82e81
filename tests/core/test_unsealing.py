"""Taking a seal back: what is judged when it is asked for, and again when it begins."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, Person, SessionState, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

ALICE = 61001
NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
REASON = "a frame is missing"
UNSEALS = [("session.undo_seal", {}), ("session.unseal", {"reason": REASON})]
S = SessionState


@pytest.fixture
def session(root: Path, store: DiskStore, actor: Actor) -> Iterator[Path]:
    """A sealed session, cleared of flags at the end."""
    root.chmod(0o755)
    session = trees.make_session(root)
    trees.driven(begun(store, actor, "session.seal"))
    yield session
    trees.clear(root)


def begun(store: DiskStore, actor: Actor, operation: str, **wanted: Any) -> Any:
    row = OPERATIONS[operation]
    return perform(row, row.wanted(**NAMED, **wanted), actor=actor, store=store)


def someone(uid: int) -> Actor:
    return Actor(Person(uid, str(uid)), Via.LAB)


def state(store: DiskStore) -> SessionState:
    return read_state(store, PATH)[0]


# judged again --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "wanted"), UNSEALS, ids=["undo", "unseal"])
def test_seal_that_was_made_anew_meanwhile_stays(
    store: DiskStore, session: Path, actor: Actor, operation: str, wanted: dict[str, str]
) -> None:
    """A job that waited does not take away a later seal of the same files, which nobody asked about."""
    waiting = begun(store, actor, operation, **wanted)
    trees.driven(begun(store, actor, "session.undo_seal"))
    trees.driven(begun(store, actor, "session.seal"))
    with pytest.raises(errors.Conflict, match=r"was sealed again by .+ since you asked"):
        trees.driven(waiting)
    assert state(store) is S.SEALED
    assert trees.checked(session).returncode == 0


@pytest.mark.parametrize(("operation", "wanted"), UNSEALS, ids=["undo", "unseal"])
def test_seal_that_was_taken_back_meanwhile_is_not_there(
    store: DiskStore, session: Path, actor: Actor, operation: str, wanted: dict[str, str]
) -> None:
    """The second of two who asked at once hears that there is nothing to do any more."""
    waiting = begun(store, actor, operation, **wanted)
    trees.driven(begun(store, actor, "session.undo_seal"))
    with pytest.raises(errors.NotSealed):
        trees.driven(waiting)


def test_undo_that_waited_too_long_is_refused(store: DiskStore, session: Path, actor: Actor) -> None:
    """The time to undo may end before the job begins."""
    waiting = begun(store, actor, "session.undo_seal")
    trees.clear(session / ".modama")
    record = session / ".modama" / "seal.json"
    facts = json.loads(record.read_text())
    facts["undo_until"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    record.chmod(0o644)
    record.write_text(json.dumps(facts))
    with pytest.raises(errors.UndoExpired):
        trees.driven(waiting)
    assert state(store) is S.SEALED


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a tree to somebody")
def test_role_that_was_lost_meanwhile_counts_no_more(store: DiskStore, session: Path, root: Path) -> None:
    """Who was administrator when the job was asked for, and is not when it begins, unseals nothing."""
    os.chown(root, ALICE, ALICE)
    waiting = begun(store, someone(ALICE), "session.unseal", reason=REASON)
    os.chown(root, 0, 0)
    with pytest.raises(errors.NotAllowed, match="changed meanwhile"):
        trees.driven(waiting)
    assert state(store) is S.SEALED


# interrupted ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def half_undone(store: DiskStore, session: Path, actor: Actor) -> Path:
    """A session whose undo stopped before its end."""
    steps = begun(store, actor, "session.undo_seal")
    assert next(steps).phase == "unsealing"
    steps.close()
    assert state(store) is S.INTERRUPTED
    return session


def test_interrupted_undo_is_finished_by_who_began_it(store: DiskStore, half_undone: Path, actor: Actor) -> None:
    """It goes on, though the seal's record has gone already."""
    assert trees.driven(begun(store, actor, "session.undo_seal")).state is S.WRITABLE
    (half_undone / "raw" / "a.dat").write_text("can be changed")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look as somebody else")
def test_interrupted_undo_is_not_finished_by_somebody_else(store: DiskStore, half_undone: Path) -> None:
    """Another member did not seal, and may not take the rest of a seal away."""
    half_undone.parent.chmod(0o777)
    with pytest.raises(errors.NotAllowed, match="somebody else has begun to unseal"):
        begun(store, someone(ALICE), "session.undo_seal")
    assert state(store) is S.INTERRUPTED


def test_undo_by_somebody_else_that_was_begun_meanwhile_is_not_taken_over(
    store: DiskStore, session: Path, actor: Actor
) -> None:
    """The journal is read again when the job begins."""
    waiting = begun(store, actor, "session.undo_seal")
    steps = begun(store, actor, "session.unseal", reason=REASON)
    next(steps)
    steps.close()
    journal = session / ".modama" / "sealing.json"
    journal.write_text(json.dumps({**json.loads(journal.read_text()), "by": ALICE}))
    with pytest.raises(errors.NotAllowed, match="somebody else has begun to unseal"):
        trees.driven(waiting)


def test_interrupted_undo_is_finished_by_an_administrator(store: DiskStore, half_undone: Path, actor: Actor) -> None:
    """With a reason, as any unseal."""
    journal = half_undone / ".modama" / "sealing.json"
    journal.write_text(json.dumps({**json.loads(journal.read_text()), "by": ALICE}))
    assert trees.driven(begun(store, actor, "session.unseal", reason=REASON)).state is S.WRITABLE
