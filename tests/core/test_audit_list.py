"""What the audit tells, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core import audit
from jupyter_modama.core.errors import Invalid, ModamaError
from jupyter_modama.core.model import Actor, Person, Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.memory import MemoryStore

P = "adhoc/p"
By = Callable[[Account], Does]


def told(do: Any, **wanted: Any) -> list[tuple[str, str, str]]:
    """What was done, the oldest first: operation, target, outcome."""
    return [(line.op, line.target, line.outcome) for line in reversed(do("audit.list", **wanted).items)]


def test_audit_tells_in_sentences_what_was_done(do: Does) -> None:
    """With who, what, how it ended, and the facts beside it."""
    do("project.create", name="p", title="Gold")
    do("session.create", project=P, name="s")
    with pytest.raises(ModamaError):
        do("session.create", project=P, name="s")
    with pytest.raises(ModamaError):
        do("project.rename", project="adhoc/none", name="x")
    me = do.actor.person.login
    failed, *sentences = [line.sentence for line in do("audit.list").items]
    assert failed.startswith(f"{me} wanted to rename project adhoc/none, and ")
    assert sentences[0].startswith(f"{me} wanted to create session {P}, and that failed: ")
    assert sentences[1:] == [f"{me} created session {P}.", f"{me} created project {P}."]
    [*_, first] = do("audit.list").items
    assert (first.person, first.via, first.target, first.outcome) == (me, "cli", P, "done")
    assert first.wanted["title"] == "Gold"
    assert first.at <= first.ended


def test_reasons_are_told_and_what_has_not_ended_is_said_so(do: Does, store: DiskStore) -> None:
    who = "anna via lab (hub-token) for nextcloud"
    store.audit.end(store.audit.begin("session.unseal", who, f"{P}/s", {"reason": "wrong beam"}), "done")
    store.audit.begin("session.seal", who, f"{P}/s", {})
    begun, done = do("audit.list").items
    assert done.sentence == f"anna (for nextcloud) unsealed session {P}/s (“wrong beam”)."
    assert begun.sentence == f"anna (for nextcloud) began to seal session {P}/s, and that has not ended."
    assert (done.on_behalf_of, begun.outcome) == ("nextcloud", "")


def test_lines_are_chosen_by_project_person_operation_and_time(do: Does, store: DiskStore) -> None:
    for name in ("p", "p2"):
        do("project.create", name=name)
        do("session.create", project=f"adhoc/{name}", name="s")
    store.audit.begin("session.seal", "anna via lab (hub-token)", "adhoc/p/s", {}, {"uid": 4711})
    assert told(do, project=P) == [
        ("project.create", P, "done"),
        ("session.create", P, "done"),
        ("session.seal", f"{P}/s", ""),
    ]
    assert told(do, person="anna") == told(do, person="4711") == [("session.seal", f"{P}/s", "")]
    assert [op for op, _, _ in told(do, op="session.*")] == ["session.create", "session.create", "session.seal"]
    [newest, *_] = do("audit.list").items
    assert told(do, since=newest.at) == [("session.seal", f"{P}/s", "")]
    assert told(do, since="2999-01-01") == []
    with pytest.raises(Invalid, match="is no time"):
        do("audit.list", since="yesterday")


def test_project_keeps_its_lines_when_it_is_renamed_and_another_one_does_not_get_them(do: Does) -> None:
    """A name that is free again says nothing of who had it before."""
    do("project.create", name="p", title="secret")
    do("session.create", project=P, name="s")
    do("project.rename", project=P, name="q")
    do("project.create", name="p")
    do("session.create", project=P, name="t")
    assert told(do, project=P) == [("project.create", P, "done"), ("session.create", P, "done")]
    assert [op for op, _, _ in told(do, project="adhoc/q")] == ["session.create", "project.rename"]
    assert len(told(do)) == 5


@given(
    spans=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12),
    limit=st.integers(1, 5),
)
def test_pages_tell_the_same_as_one_list(spans: list[tuple[int, int]], limit: int) -> None:
    """Whatever overlaps: the end of what began on a later page is known there."""
    root = Person(0, "root")
    store = MemoryStore(Site(root="/x"), me=root)
    steps = sorted((at, 0, n) for n, (at, _) in enumerate(spans)) + sorted(
        (at + length, 1, n) for n, (at, length) in enumerate(spans)
    )
    names: dict[int, str] = {}
    for _, is_end, number in sorted(steps):
        if is_end:
            store.audit.end(names[number], "done")
        else:
            names[number] = store.audit.begin("session.seal", "anna via lab (x)", f"adhoc/p{number}", {})
    row = OPERATIONS["audit.list"]

    def page(**wanted: Any) -> audit.AuditPage:
        found: audit.AuditPage = perform(row, row.wanted(**wanted), actor=Actor(root), store=store)
        return found

    whole, cursor = page(limit=1000).items, None
    pages: list[audit.AuditLine] = []
    while cursor != "":
        found = page(limit=limit, cursor=cursor or "")
        pages += found.items
        cursor = found.cursor
    assert tuple(pages) == whole
    assert len(whole) == len(spans)
    assert all(line.outcome == "done" for line in whole)


def test_page_ends_where_too_much_was_looked_at_and_goes_on(do: Does, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that nothing meets does not have the whole audit read at once."""
    for number in range(5):
        do("project.create", name=f"p{number}")
    monkeypatch.setattr(audit, "PATIENCE_BYTES", 10)
    page, rounds, found = do("audit.list", project="adhoc/p0"), 0, []
    while page.cursor:
        page, rounds = do("audit.list", project="adhoc/p0", cursor=page.cursor), rounds + 1
        found += page.items
    assert rounds >= 9
    assert [(line.target, line.outcome) for line in found] == [("adhoc/p0", "done")]


@pytest.mark.parametrize("cursor", ["x", "1-1.x", ".", "1-1.", "-", "9-9", "1" * 9000])
def test_cursor_that_is_none_is_said_so(do: Does, cursor: str) -> None:
    do("project.create", name="p")
    with pytest.raises(Invalid, match="load the list again"):
        do("audit.list", cursor=cursor)


@pytest.mark.root
def test_people_see_what_concerns_their_projects_and_no_more(by: By, people: Accounts, root: Path) -> None:
    """A member the project's lines, by whomever; a reader and a stranger none; not even by a guessed name."""
    root.chmod(0o755)
    alice, bob, carol = by(people.alice), by(people.bob), by(people.carol)
    alice("project.create", name="p", visibility="open")
    alice("project.create", name="q")
    alice("project.set_members", project=P, add=(f"{people.bob.login}:member", f"{people.carol.login}:reader"))
    with pytest.raises(ModamaError):
        carol("project.rename", project=P, name="mine")
    everything = [
        ("project.create", P, "done"),
        ("project.set_members", P, "done"),
        ("project.rename", P, "refused"),
    ]
    assert told(alice, project=P) == told(bob, project=P) == everything
    assert told(bob) == everything
    assert told(bob, project="adhoc/q") == told(carol, project="adhoc/q") == told(bob, project="adhoc/none") == []
    assert told(carol) == told(carol, project=P) == []
    assert ("project.create", "adhoc/q", "done") in told(alice)
    alice("project.set_members", project=P, remove=(people.bob.login,))
    assert told(bob) == told(bob, project=P) == []


def test_every_change_has_words_of_its_own() -> None:
    """The sentence begins as people speak, not as programs name things."""
    for name in OPERATIONS:
        to_do, did = audit.phrase_of(name)
        assert "_" not in to_do + did
        assert "." not in to_do + did
        assert did != to_do
