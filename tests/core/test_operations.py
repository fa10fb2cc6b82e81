"""`perform` is the only way in: check, run, and a line of the audit whatever happens."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args, get_origin

import pytest

from jupyter_modama.core import operations
from jupyter_modama.core.errors import Cancelled, DiskFull, Invalid, NotFound
from jupyter_modama.core.folders import SortFolder
from jupyter_modama.core.model import Actor, FolderPage, Person, Progress, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, perform
from jupyter_modama.testing.memory import MemoryStore
from jupyter_modama.testing.memory_books import MemoryAudit
from jupyter_modama.testing.trees import driven

ME = Actor(Person(0, "root"), Via.CLI)


@pytest.fixture
def memory() -> MemoryStore:
    store = MemoryStore()
    store.put("adhoc/p/s/raw/a.dat", b"x")
    return store


def test_a_change_is_in_the_audit_before_its_first_effect(memory: MemoryStore) -> None:
    """At the moment of the effect the line is begun, afterwards it is ended."""
    seen: list[tuple[str, str, str]] = []
    row = OPERATIONS["project.update"]

    def function(store: MemoryStore, actor: Actor, wanted: Any) -> None:
        seen.extend(store.audit.lines)

    perform(replace(row, function=annotated(function, row)), row.wanted(project="adhoc/p"), actor=ME, store=memory)
    assert seen == [("project.update", "adhoc/p", "")]
    assert memory.audit.lines == [("project.update", "adhoc/p", "done")]


def annotated(function: Any, row: Operation) -> Any:
    function.__annotations__ = {"wanted": row.wanted, "return": row.answer}
    return function


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Invalid(what="no"), "failed"),
        (RuntimeError("broken"), "failed"),
        (Cancelled(consequence="stopped"), "cancelled"),
        (KeyboardInterrupt(), "interrupted"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_how_a_change_failed_is_in_the_audit(memory: MemoryStore, error: BaseException, outcome: str) -> None:
    """And the error goes on."""
    row = OPERATIONS["project.update"]

    def function(store: MemoryStore, actor: Actor, wanted: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        perform(replace(row, function=annotated(function, row)), row.wanted(project="adhoc/p"), actor=ME, store=memory)
    assert memory.audit.lines == [("project.update", "adhoc/p", outcome)]


def test_long_work_left_alone_is_interrupted_in_the_audit(memory: MemoryStore) -> None:
    """It begins with its first step, and closing it before its end is no failure."""

    def function(store: MemoryStore, actor: Actor, wanted: SortFolder) -> Any:
        yield Progress("one")
        yield Progress("two")

    row = replace(OPERATIONS["folder.sort"], function=function, audited=True)
    steps = perform(row, SortFolder("adhoc"), actor=ME, store=memory)
    assert memory.audit.lines == []
    next(steps)
    assert memory.audit.lines == [("folder.sort", "adhoc", "")]
    steps.close()
    assert memory.audit.lines == [("folder.sort", "adhoc", "interrupted")]


def test_long_work_that_changes_nothing_is_not_audited(memory: MemoryStore) -> None:
    """Sorting a folder is looking at it."""
    steps = perform(OPERATIONS["folder.sort"], SortFolder("adhoc/p/s/raw", sort="size"), actor=ME, store=memory)
    assert isinstance(driven(steps), FolderPage)
    assert memory.audit.lines == []


def test_check_of_long_work_is_made_at_once(memory: MemoryStore) -> None:
    """Before anybody asks for a step, so that there is no job of it."""
    with pytest.raises(Invalid, match="cannot be sorted"):
        perform(OPERATIONS["folder.sort"], SortFolder("adhoc", sort="smell"), actor=ME, store=memory)
    with pytest.raises(NotFound):
        perform(OPERATIONS["folder.sort"], SortFolder("adhoc/none"), actor=ME, store=memory)
    assert [outcome for _, _, outcome in memory.audit.lines] == ["refused", "refused"]


def test_looking_leaves_no_line(memory: MemoryStore) -> None:
    perform(OPERATIONS["project.list"], OPERATIONS["project.list"].wanted(), actor=ME, store=memory)
    assert memory.audit.lines == []


class FullAudit(MemoryAudit):
    def begin(self, *line: Any, **more: Any) -> str:
        raise DiskFull(what="writing down", why="No space left on device")


def test_what_cannot_be_audited_is_not_done(memory: MemoryStore) -> None:
    """A full disk under the audit refuses a change before its first effect; looking goes on, and refusals stay."""
    memory.audit = FullAudit()
    create, show = OPERATIONS["project.create"], OPERATIONS["project.show"]
    with pytest.raises(DiskFull):
        perform(create, create.wanted(name="q"), actor=ME, store=memory)
    assert "q" not in memory.top.inner["adhoc"].inner
    assert perform(show, show.wanted(project="adhoc/p"), actor=ME, store=memory).path == "adhoc/p"
    stranger = Actor(Person(7, "eve"))
    memory.top.inner["adhoc"].inner["p"].mode = 0o700
    with pytest.raises(NotFound):
        perform(
            create := OPERATIONS["session.create"],
            create.wanted(project="adhoc/p"),
            actor=stranger,
            store=memory.seen_by(stranger.person),
        )


def test_what_only_reads_is_done_without_an_audit(memory: MemoryStore) -> None:
    """Long or not: nobody needs to find out later what changed nothing."""
    memory.audit = FullAudit()

    def function(store: Any, actor: Any, wanted: Any) -> Any:
        yield Progress("looking", 1, 1)
        return "proof"

    for only_reads in (True, False):
        verify = OPERATIONS["session.verify"]
        row = replace(verify, function=annotated(function, verify), check=None, only_reads=only_reads)
        steps = perform(row, row.wanted("adhoc/p", "s"), actor=ME, store=memory)
        if only_reads:
            assert driven(steps) == "proof"
        else:
            with pytest.raises(DiskFull):
                next(steps)


FLAT = (str, int, bool, float)


@pytest.mark.parametrize("name", OPERATIONS)
def test_inputs_are_flat(name: str) -> None:
    """Text, numbers, choices, and tuples of them: a form, a command line and a URL can all ask for it."""
    row = OPERATIONS[name]
    for field, kind in row.wanted_types.items():
        inner = [part for part in get_args(kind) if part not in {type(None), ...}] if get_origin(kind) else [kind]
        assert all(issubclass(part, FLAT) for part in inner), f"{field}: {kind}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_row_says_what_it_does(name: str) -> None:
    """In one line that ends in a full stop; long work can be checked at once; a path can travel as bytes."""
    row = OPERATIONS[name]
    assert row.says.endswith(".")
    assert row.answer is not None
    assert (row.check is not None) is (row.kind is Kind.LONG)
    if row.scope is not operations.Scope.SITE:
        assert "path_b64" in {field.name for field in fields(row.wanted)}
