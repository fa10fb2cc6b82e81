"""Sealed sessions are read again at night, and their owners hear of what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import ManifestMismatch, NotAllowed
from jupyter_modama.core.model import Actor, SealRules, Severity, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.reverify import reverify_sealed
from jupyter_modama.core.seal_state import JOURNAL
from jupyter_modama.store import flags, hashing
from jupyter_modama.store import sealing as store_sealing
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.doing import Does

P = "adhoc/p"


@pytest.fixture
def tree(root: Path, do: Does) -> Iterator[Path]:
    """Three sealed sessions and an open one; s1 was sealed longest ago, s3 lately."""
    do("project.create", name="p")
    for number, days in ((1, 400), (2, 300), (3, 100), (4, None)):
        do("session.create", project=P, name=f"s{number}")
        (root / P / f"s{number}/raw/a.dat").write_text(f"data {number}")
        if days:
            do("session.seal", project=P, session=f"s{number}")
            backdate(root / P / f"s{number}", days)
    yield root
    trees.clear(root)


def backdate(session: Path, days: int) -> None:
    """Have a seal be so old."""
    file = session / ".modama/seal.json"
    trees.clear(session / ".modama")
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    mode = file.stat().st_mode
    file.chmod(0o600)
    file.write_text(json.dumps({**json.loads(file.read_text()), "at": at}))
    file.chmod(mode)


def spoil(session: Path) -> None:
    """Have one bit of a sealed file be another one, as a disk does that forgets."""
    is_flagged = not trees.changeable(session / "raw")
    trees.clear(session)
    file = session / "raw/a.dat"
    mode = file.stat().st_mode
    file.chmod(0o600)
    file.write_text("dbta " + file.read_text()[5:])
    file.chmod(mode)
    if is_flagged:
        protect_again([session / "raw", file])


def protect_again(paths: list[Path]) -> None:
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        flags.try_change(fd, add=flags.IMMUTABLE)
        os.close(fd)


def verified(root: Path) -> dict[str, str]:
    """How the last verification of each session ended, where there was one."""
    files = sorted((root / P).glob("*/.modama/verified.json"))
    return {file.parts[-3]: json.loads(file.read_text())["outcome"] for file in files}


def test_sessions_that_were_not_read_for_long_are_verified(tree: Path, do: Does) -> None:
    """Once: they are due again after the days of the site."""
    report = do("site.nightly")
    assert report.problems == ()
    assert verified(tree) == {"s1": "same", "s2": "same"}
    lines = do("audit.list", project=P, op="session.verify").items
    assert [(line.target, line.outcome) for line in lines] == [(f"{P}/s2", "done"), (f"{P}/s1", "done")]
    do("site.nightly")
    assert len(do("audit.list", project=P, op="session.verify").items) == 2
    file = tree / P / "s1/.modama/verified.json"
    file.write_text(file.read_text().replace(f"{datetime.now(UTC):%Y-%m}", "2020-01"))
    do("site.nightly")
    assert do("audit.list", project=P, op="session.verify").items[0].target == f"{P}/s1"
    assert len(do("audit.list", project=P, op="session.verify").items) == 3


def test_what_is_wrong_is_told_to_owners_in_the_audit_and_by_the_doctor(tree: Path, do: Does) -> None:
    """Until it is right again: with the next night that reads it."""
    spoil(tree / P / "s1")
    [problem] = do("site.nightly").problems
    assert f"{P}/s1 is NOT as it was sealed: 0 missing, 1 changed" in problem
    assert verified(tree) == {"s1": "differs", "s2": "same"}
    record = json.loads((tree / P / "s1/.modama/verified.json").read_text())
    assert record["found"]["changed"] == ["raw/a.dat"]
    [told] = do("project.show", project=P).mismatches
    assert problem in told
    failed = do("audit.list", project=P, op="session.verify").items[-1]
    assert (failed.target, failed.outcome) == (f"{P}/s1", "failed")
    assert "1 changed" in failed.sentence
    [finding] = [found for found in do("doctor.run").findings if found.check == "sealed data"]
    assert finding.severity is Severity.FAILURE
    assert f"{P}/s1" in finding.found
    do("session.unseal", project=P, session="s1", reason="from the backup")
    do("site.nightly")
    assert do("project.show", project=P).mismatches == ()
    assert [f.severity for f in do("doctor.run").findings if f.check == "sealed data"] == [Severity.OK]


def test_lost_protection_and_lost_checksums_are_told(tree: Path, do: Does) -> None:
    manifest = tree / P / "s2/manifest-sha256.txt"
    trees.clear(tree / P)
    manifest.unlink()
    for path in (tree / P / "s1/raw", tree / P / "s2/raw"):
        protect_again([path])  # the folders are, their files are not
    (tree / P / "s1/raw/a.dat").chmod(0o644)
    problems = do("site.nightly").problems
    assert verified(tree) == {"s1": "not-protected", "s2": "failed"}
    assert "raw/a.dat" in problems[0]
    assert "not protected any more" in problems[0]
    assert "could not be verified" in problems[1]
    told = do("project.show", project=P).mismatches
    assert len(told) == 3
    assert "s3 was sealed and has lost its protection" in told[2]


def test_oldest_come_first_and_no_more_than_there_is_time_for(
    tree: Path, store: DiskStore, actor: Actor, do: Does
) -> None:
    """What is left over comes in the next night; nothing is read when only looking is asked for."""
    do("site.nightly", look_only=True)
    assert verified(tree) == {}
    trees.driven(reverify_sealed(store, actor, hours=-1))
    assert verified(tree) == {}
    steps = reverify_sealed(store, actor)
    while verified(tree) == {}:
        next(steps)
    steps.close()
    assert verified(tree) == {"s1": "same"}
    last = do("audit.list", project=P, op="session.verify").items[0]
    assert (last.target, last.outcome) in {(f"{P}/s1", "done"), (f"{P}/s2", "interrupted")}
    do("site.nightly")
    assert verified(tree) == {"s1": "same", "s2": "same"}


@pytest.mark.parametrize(("days", "read"), [(0, set()), (50, {"s1", "s2", "s3"}), (350, {"s1"})])
def test_site_says_after_how_many_days(tree: Path, actor: Actor, days: int, read: set[str]) -> None:
    """And 0 is never."""
    store = DiskStore(Site(root=str(tree), seal=SealRules(reverify_days=days)))
    try:
        trees.driven(reverify_sealed(store, actor))
    finally:
        store.close()
    assert set(verified(tree)) == read


def test_disks_are_read_for_a_part_of_the_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each piece the thread pauses in proportion to what reading it took."""
    clock, paused = [0.0], []

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(store_sealing, "time", type("Clock", (), {"monotonic": lambda: clock[0], "sleep": sleep}))
    counter: Any = store_sealing._Counter(0, 0.25)
    for _ in range(11):
        counter.add(hashing.CHUNK)
        clock[0] += 0.01
    assert sum(paused) == pytest.approx(3 * 0.01 * 10)
    assert counter.value == 11 * hashing.CHUNK
    full: Any = store_sealing._Counter(0)
    full.add(1)
    assert len(paused) == 11


@pytest.mark.root
def test_members_see_what_was_found_and_strangers_do_not(
    root: Path, store: DiskStore, do: Does, people: Accounts
) -> None:
    """The owner of the project, in what is shown of it and in the audit."""
    root.chmod(0o755)
    alice, bob = Does(store, people.alice.actor), Does(store, people.bob.actor)
    alice("project.create", name="p")
    alice("session.create", project=P, name="s1")
    people.alice.shell(f"echo data > {root / P}/s1/raw/a.dat")
    alice("session.seal", project=P, session="s1")
    backdate(root / P / "s1", 400)
    spoil(root / P / "s1")
    do("site.nightly")
    assert len(alice("project.show", project=P).mismatches) == 1
    assert [line.outcome for line in alice("audit.list", op="session.verify").items] == ["failed"]
    assert bob("audit.list").items == ()
    assert [f for f in bob("doctor.run").findings if f.severity is Severity.FAILURE and "s1" in f.found] == []
    trees.clear(root)


def test_verification_by_hand_counts(tree: Path, do: Does) -> None:
    """Where it read all of raw, found nothing, and may be written down; then the night leaves the session alone."""
    do("session.verify", project=P, session="s1")
    assert verified(tree) == {"s1": "same"}
    spoil(tree / P / "s2")
    with pytest.raises(ManifestMismatch):
        do("session.verify", project=P, session="s2")
    assert verified(tree) == {"s1": "same"}, "what is wrong is found again by the night, which tells it"
    do("site.nightly")
    lines = do("audit.list", project=P, op="session.verify").items
    assert [line.target for line in lines] == [f"{P}/s2", f"{P}/s2", f"{P}/s1"], "s1 was not read at night"
    assert verified(tree) == {"s1": "same", "s2": "differs"}


def test_verification_of_a_part_does_not_count(root: Path, do: Does) -> None:
    do("project.create", name="p")
    do("session.create", project=P, name="s1")
    (root / P / "s1/raw/a").mkdir()
    (root / P / "s1/raw/a/one").write_text("1")
    do("session.seal", project=P, session="s1")
    try:
        do("session.verify", project=P, session="s1", folder="raw/a")
        assert verified(root) == {}
        do("session.verify", project=P, session="s1", folder="raw")
        assert verified(root) == {"s1": "same"}
    finally:
        trees.clear(root)


def test_verification_by_hand_clears_what_a_night_has_found(tree: Path, do: Does) -> None:
    """The file came back from a backup: with the next night the owners read nothing of it any more."""
    file = tree / P / "s1/raw/a.dat"
    before = file.read_bytes()
    spoil(tree / P / "s1")
    do("site.nightly")
    trees.clear(tree / P / "s1")
    mode = file.stat().st_mode
    file.chmod(0o600)
    file.write_bytes(before)
    file.chmod(mode)
    protect_again([tree / P / "s1/raw", file])
    do("session.verify", project=P, session="s1")
    assert do("site.nightly").problems == ()
    assert do("project.show", project=P).mismatches == ()


def test_verification_of_who_may_not_write_it_down_is_answered(
    tree: Path, do: Does, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader's program, which has the reader's rights: the night writes down what it finds itself."""

    def refuse(*_: object) -> None:
        raise NotAllowed(what="writing here")

    monkeypatch.setattr(store, "write_record", refuse)
    assert do("session.verify", project=P, session="s1").files == 1
    assert verified(tree) == {}


def test_seals_that_do_not_hold_are_told_to_owners(tree: Path, do: Does, store: DiskStore) -> None:
    """Lost, partial and cut off, each with what to do; until that is done, and with the day of the first night."""
    trees.clear(tree / P / "s1")
    (tree / P / "s1/raw/a.dat").chmod(0o644)
    (tree / P / "s1/raw").chmod(0o755)
    for name, journal in (("s2", {"partial": True}), ("s3", {"begun": True}), ("s4", {"unsealing": True})):
        store.write_record(TreePath(f"{P}/{name}"), JOURNAL, journal)
    problems = do("site.nightly").problems
    told = do("project.show", project=P).mismatches
    assert [sentence.partition(": ")[2] for sentence in told] == list(problems)
    for name, word in (("s1", "lost its protection"), ("s2", "in part"), ("s3", "sealing"), ("s4", "unsealing")):
        assert any(f"{P}/{name}" in sentence and word in sentence for sentence in told), name
    file = tree / P / ".modama/mismatches.json"
    file.write_text(file.read_text().replace(f"{datetime.now(UTC):%Y-}", "2020-"))
    do("site.nightly")
    assert all(sentence.startswith("2020-") for sentence in do("project.show", project=P).mismatches)
    store.proof.forget(TreePath(f"{P}/s4"), JOURNAL)
    do("site.nightly")
    assert len(do("project.show", project=P).mismatches) == 3


def test_seals_are_looked_at_where_nothing_is_read_again(tree: Path, actor: Actor) -> None:
    store = DiskStore(Site(root=str(tree), seal=SealRules(reverify_days=0)))
    store.write_record(TreePath(f"{P}/s4"), JOURNAL, {"begun": True})
    try:
        said = trees.driven(reverify_sealed(store, actor))
    finally:
        store.close()
    assert said == (f"sealing {P}/s4 was interrupted; seal it again, and it goes on from there",)
