"""Who may prove that nothing changed, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.runner import Runner, local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person
from jupyter_modama.testing.trees import PROJECT, SESSION

ALICE = 61001
NAMED = {"project": PROJECT, "session": SESSION}
SERVICE = "https://hub.example.org/services/modama"
VERIFY = OPERATIONS["session.verify"]


@pytest.fixture
def session(root: Path, store: DiskStore, actor: Actor) -> Iterator[Path]:
    """A sealed session that everybody can read."""
    session = trees.make_session(root)
    row = OPERATIONS["session.seal"]
    trees.driven(perform(row, row.wanted(**NAMED), actor=actor, store=store))
    trees.readable_by_all(root)
    yield session
    trees.clear(root)


def forged(session: Path) -> None:
    """Change a file in spite of the seal."""
    trees.clear(session)
    (session / "raw" / "a.dat").chmod(0o644)
    (session / "raw" / "a.dat").write_text("FIRST")


def verified(root: Path, state: Path, managed_by: str = "") -> Any:
    """What the running person hears as a job, or the code of the refusal."""
    store = DiskStore(Site(root=str(root), managed_by=managed_by), state=state, cache=state)
    runner = Runner(store)
    try:
        return runner.run(VERIFY, VERIFY.wanted(**NAMED), local_actor(Via.CLI)).files
    except errors.ModamaError as error:
        return error.code
    finally:
        runner.close()
        store.close()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, since in a managed tree the system's records alone count")
def test_managed_tree_is_verified_by_its_readers(session: Path, root: Path, tmp_path: Path) -> None:
    """Proof changes nothing, so it needs no service; and it is written down as ever."""
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, ALICE, ALICE)
    trees.readable_by_all(tmp_path)
    assert as_person(ALICE, lambda: verified(root, state, SERVICE)) == 3
    assert "session.verify" in (state / "audit.jsonl").read_text()
    forged(session)
    assert as_person(ALICE, lambda: verified(root, state, SERVICE)) == "manifest-mismatch"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("mode", [0o555, 0o000], ids=["not to be written", "closed"])
def test_verification_that_cannot_be_written_down_is_answered(
    session: Path, root: Path, tmp_path: Path, mode: int
) -> None:
    """A person whose own folder is closed hears whether data is as it was."""
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(mode)
    trees.readable_by_all(tmp_path)
    state.chmod(mode)
    assert as_person(ALICE, lambda: verified(root, state)) == 3
    forged(session)
    assert as_person(ALICE, lambda: verified(root, state)) == "manifest-mismatch"
