"""What is stored about somebody, and what is left of a name that is forgotten."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound, ReasonMissing
from jupyter_modama.core.model import AuditRules, Person, PersonKind
from jupyter_modama.core.persons import _Words
from jupyter_modama.store.audit import FileAudit
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, account
from jupyter_modama.testing.doing import Does

P = "adhoc/p"
By = Callable[[Account], Does]
pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for other people")]


@pytest.fixture
def tree(root: Path, by: By, people: Accounts) -> Iterator[Path]:
    """Alice's project with bob in it, whose session is sealed by bob."""
    root.chmod(0o755)
    by(people.alice)("project.create", name="p")
    by(people.alice)("project.set_members", project=P, add=(f"{people.bob.login}:member",))
    by(people.bob)("session.create", project=P, name="s")
    people.bob.shell(f"echo data > {root / P}/s/raw/a.dat")
    by(people.bob)("session.seal", project=P, session="s", note=f"by {people.bob.login}, at last")
    yield root
    trees.clear(root)


def audit_text(store: DiskStore) -> str:
    return "".join(path.read_text() for path in (*store.audit.files.full(), store.audit.file))


# Export --------------------------------------------------------------------------------------------------------------


def test_everybody_is_told_what_is_stored_about_them(tree: Path, by: By, people: Accounts) -> None:
    """Memberships, records, what they did and what others did about them."""
    told = by(people.bob)("person.export")
    assert told.person.login == people.bob.login
    assert [(m.project, m.role) for m in told.memberships] == [(P, "member")]
    assert {(m.path, m.record, m.part) for m in told.records} >= {
        (f"{P}/s", "session", "created_by"),
        (f"{P}/s", "seal", "by"),
        (f"{P}/s", "seal", "login"),
    }
    assert {line.op for line in told.audit} == {"session.seal", "session.create", "project.set_members"}
    hers = by(people.alice)("person.export")
    assert [(m.project, m.role) for m in hers.memberships] == [(P, "owner")]
    assert {line.op for line in hers.audit} == {"project.create", "project.set_members"}
    nothing = by(people.carol)("person.export")
    assert (nothing.memberships, nothing.records, nothing.audit) == ((), (), ())


def test_only_administrators_ask_about_others(tree: Path, do: Does, by: By, people: Accounts) -> None:
    """By login or number."""
    with pytest.raises(NotAllowed):
        by(people.alice)("person.export", person=people.bob.login)
    for name in (people.bob.login, str(people.bob.uid)):
        assert do("person.export", person=name).memberships == by(people.bob)("person.export").memberships
    with pytest.raises(Invalid, match="nobody has the login"):
        do("person.export", person="never-was-here")


def test_export_tells_nothing_of_others(tree: Path, by: By, people: Accounts) -> None:
    """Whom else alice let in stays out of bob's part; and of a project that he left he hears what was about him."""
    alice, bob, carol = people
    by(alice)("project.set_members", project=P, remove=(bob.login,), add=(f"{carol.login}:reader",))
    lines = [line for line in by(bob)("person.export").audit if line.op == "project.set_members"]
    assert [line.wanted for line in lines] == [
        {"project": P, "add": [], "remove": [bob.login]},
        {"project": P, "add": [f"{bob.login}:member"]},
    ]
    assert carol.login not in str(lines)
    assert any(carol.login in str(line.wanted) for line in by(alice)("person.export").audit), "her own deed is whole"


def test_full_name_finds_nothing_in_projects_of_others(tree: Path, by: By, people: Accounts, store: DiskStore) -> None:
    """Who can choose a full name could otherwise ask which private projects have that word in a record."""
    by(people.alice)("session.update", project=P, session="s", sample="graphene", operator=people.carol.person.display)

    def found(of: Account, display: str) -> set[str]:
        actor = replace(of.actor, person=replace(of.person, display=display))
        return {mention.part for mention in Does(store, actor)("person.export").records}

    assert found(people.carol, "graphene") == found(people.carol, people.carol.person.display) == set()
    by(people.alice)("project.set_members", project=P, add=(f"{people.carol.login}:reader",))
    assert found(people.carol, people.carol.person.display) == {"operator"}
    assert found(people.carol, "graphene") == {"sample"}


def test_audit_of_others_cannot_be_asked_for_by_name(tree: Path, by: By, people: Accounts) -> None:
    """Neither by person, operation, path or place in the audit does carol see anything of a private project."""
    carol = by(people.carol)
    whole = by(people.alice)("audit.list", limit=1)
    for wanted in (
        {},
        {"person": people.bob.login},
        {"person": str(people.bob.uid)},
        {"op": "session.*"},
        {"project": P},
        {"project": "adhoc"},
        {"project": f"{P}/s"},
        {"cursor": whole.cursor},
        {"project": P, "cursor": whole.cursor},
    ):
        try:
            assert carol("audit.list", **wanted).items == (), wanted
        except (NotAllowed, NotFound, Invalid):
            continue
    for text in (people.bob.login, str(people.bob.uid), "root", "0"):
        with pytest.raises(NotAllowed, match="ask an administrator"):
            carol("person.export", person=text)
        with pytest.raises(NotAllowed, match="administrators"):
            carol("person.forget", person=text, reason="mine")


def test_lines_of_somebody_else_with_the_same_login_are_theirs(store: DiskStore, do: Does, people: Accounts) -> None:
    """A login that was given again."""
    who = f"{people.bob.login} via lab (hub-token)"
    store.audit.begin("session.create", who, P, {}, {"uid": 4_000_000})
    store.audit.begin("session.update", who, P, {}, {"uid": people.bob.uid})
    assert [line.op for line in do("person.export", person=people.bob.login).audit] == ["session.update"]


# Forget --------------------------------------------------------------------------------------------------------------


def test_name_becomes_a_number_everywhere(tree: Path, store: DiskStore, do: Does, by: By, people: Accounts) -> None:
    """In the audit, the line that asks for it too, and in records; the seal holds, manifests stay as they are."""
    manifest = (tree / P / "s/manifest-sha256.txt").read_bytes()
    seal = json.loads((tree / P / "s/.modama/seal.json").read_text())
    before = by(people.alice)("audit.list", project=P).items
    login, number = people.bob.login, str(people.bob.uid)
    answer = do("person.forget", person=login, reason=f"{login} asked for it")
    assert (answer.number, answer.records, answer.audit_files) == (people.bob.uid, 2, 1)
    assert "exists" in answer.left[0]
    assert login not in audit_text(store)
    for file in tree.rglob("*.json"):
        record = {**json.loads(file.read_text()), "note": "what people wrote is theirs"}
        assert login not in json.dumps(record), file
    after = by(people.alice)("audit.list", project=P).items
    assert [(line.op, line.target, line.outcome, line.at) for line in after] == [
        (line.op, line.target, line.outcome, line.at) for line in before
    ]
    assert after[0].sentence == f"{number} sealed session {P}/s (“by {number}, at last”)."
    assert after[-2].wanted == {"project": P, "add": [f"{number}:member"]}
    assert (tree / P / "s/manifest-sha256.txt").read_bytes() == manifest
    assert json.loads((tree / P / "s/.modama/seal.json").read_text()) == {**seal, "login": number}
    assert trees.changeable(tree / P / "s/.modama/seal.json") == []
    assert do("session.show", project=P, session="s").state == "sealed"
    assert do("session.verify", project=P, session="s").warnings == ()
    assert people.alice.login in audit_text(store)


def test_name_of_an_account_that_is_gone_is_found_by_its_number(root: Path, store: DiskStore, do: Does, by: By) -> None:
    """Or by the login, whose number the audit knows."""
    root.chmod(0o755)
    for by_number in (True, False):
        with account("dora") as dora:
            by(dora)("project.create", name=f"of-nobody-{by_number}")
        do("person.forget", person=str(dora.uid) if by_number else dora.login, reason="left")
        assert dora.login not in audit_text(store)
        assert f'"{dora.uid} via' in audit_text(store)


def test_forgetting_needs_a_reason_a_known_person_and_another_administrator(do: Does, people: Accounts, by: By) -> None:
    for wanted, error in (
        ({"person": people.bob.login}, ReasonMissing),
        ({"person": "never-was-here", "reason": "r"}, Invalid),
        ({"person": "root", "reason": "r"}, Invalid),
        ({"person": "daemon", "reason": "r"}, Invalid),
    ):
        with pytest.raises(error):
            do("person.forget", **wanted)
    with pytest.raises(NotAllowed):
        by(people.alice)("person.forget", person=people.bob.login, reason="r")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("anna", "7"),
        ("anna:member", "7:member"),
        ("anna via lab (hub-token) for anna", "7 via lab (hub-token) for 7"),
        ("“anna” and Anna B. Example.", "“7” and 7."),
        ("adhoc/anna/s", "adhoc/anna/s"),
        ("anna-lena, joanna, anna.dat, anna@there, annas", "anna-lena, joanna, anna.dat, anna@there, annas"),
        ("sealed by anna.", "sealed by 7."),
    ],
)
def test_only_whole_words_that_are_the_name_are_replaced(text: str, new: str) -> None:
    """Paths and other people keep theirs."""
    words = _Words(Person(7, "anna", "Anna B. Example", PersonKind.INTERNAL), set())
    assert words.in_text(text) == new
    entry = {"op": "x", "target": text, "wanted": {"path": text, "note": text, "add": [text]}}
    assert words.in_entry(entry) == {"op": "x", "target": text, "wanted": {"path": text, "note": new, "add": [new]}}


# The files of the audit ----------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> FileAudit:
    """An audit of the system, with two files that were put away."""
    log = FileAudit(tmp_path / "state" / "audit.jsonl", AuditRules())
    fill(log)
    return log


def fill(log: FileAudit) -> None:
    for number in range(6):
        log.end(log.begin("project.update", "anna via lab (x)", f"adhoc/p{number}", {}, {"uid": 7}), "done")
        if number in {1, 3}:
            log.rotate()


def shown(log: FileAudit) -> list[tuple[str, str]]:
    return [(entry["actor"], entry["target"]) for entry in log.lines() if "op" in entry]


def renamed(entry: dict[str, Any]) -> dict[str, Any]:
    return _Words(Person(7, "anna"), set()).in_entry(entry)


def test_rewritten_files_are_immutable_again_and_what_was_rewritten_is_written_down(log: FileAudit) -> None:
    """With the checksums from before and after; a second time nothing is left to do."""
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in log.files.full()]
    assert log.rewrite(renamed) == 3
    assert shown(log) == [("7 via lab (x)", f"adhoc/p{number}") for number in range(6)]
    said = [json.loads(line) for line in log.file.read_text().splitlines() if "rewritten" in line]
    assert [row["rewritten"] for row in said] == [path.name for path in log.files.full()]
    assert [row["sha256_before"] for row in said][:2] == sums
    assert [row["sha256_after"] for row in said] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in log.files.full()
    ]
    flags = subprocess.run(["lsattr", *log.files.full()], capture_output=True, text=True, check=True).stdout
    assert all("i" in line.split()[0] for line in flags.splitlines())
    assert log.rewrite(renamed) == 0


def _rewrite_until_killed(file: Path, steps: int) -> None:
    left = steps

    def counted(call: Any) -> Any:
        def or_killed(*args: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*args, **more)

        return or_killed

    for name in ("open", "write", "rename", "link", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    FileAudit(file, AuditRules()).rewrite(renamed)


def test_kill_while_rewriting_leaves_each_line_once(log: FileAudit) -> None:
    """Old or new; again, and all are new."""
    context = multiprocessing.get_context("fork")
    for steps in range(0, 200, 3):
        one = FileAudit(log.file.parent / str(steps) / "audit.jsonl", AuditRules())
        fill(one)
        child = context.Process(target=_rewrite_until_killed, args=(one.file, steps))
        child.start()
        child.join(30)
        assert child.exitcode in {0, -signal.SIGKILL}
        assert [target for _, target in shown(one)] == [f"adhoc/p{number}" for number in range(6)]
        assert {actor for actor, _ in shown(one)} <= {"7 via lab (x)", "anna via lab (x)"}
        one.rewrite(renamed)
        assert shown(one) == [("7 via lab (x)", f"adhoc/p{number}") for number in range(6)]
        assert [path.name for path in one.file.parent.iterdir() if path.name.startswith(".")] == []
        if child.exitcode == 0:
            break
    assert 10 < steps < 198


def test_audit_of_one_person_is_rewritten_in_place(tmp_path: Path) -> None:
    """Without flags and further files."""
    log = FileAudit(tmp_path / "audit.jsonl")
    log.end(log.begin("project.update", "anna via lab (x)", P, {}), "done")
    assert log.rewrite(renamed) == 1
    assert shown(log) == [("7 via lab (x)", P)]
    assert [path.name for path in tmp_path.glob("audit*")] == ["audit.jsonl"]
