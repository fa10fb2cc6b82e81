"""What the doctor finds: each illness given to a real tree, each remedy named."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.doctor import RunDoctor, run_doctor
from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import Actor, DoctorReport, Finding, Job, JobState, Person, Severity, Site, Via
from jupyter_modama.store import doctor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.somebody import as_person

ANNA = 12001
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def examined(store: DiskStore) -> DoctorReport:
    return run_doctor(store, Actor(Person(os.geteuid(), "me"), Via.CLI), RunDoctor())


def of(report: DoctorReport, check: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.check == check]


def only(report: DoctorReport, check: str) -> Finding:
    [finding] = of(report, check)
    return finding


def test_healthy_tree_has_nothing_to_mend_and_is_left_as_it_was(store: DiskStore, root: Path) -> None:
    """Each check says what it found; no probe stays behind."""
    report = examined(store)
    own = [finding for finding in report.findings if finding.check not in {"space", "kernel settings"}]
    assert {finding.severity for finding in own} <= {Severity.OK, Severity.NOTE}
    checks = {
        "root",
        "file system",
        "open writers",
        "ACLs",
        "extended attributes",
        "safe paths",
        "state folder",
        "records",
    }
    assert checks <= {finding.check for finding in report.findings}
    assert os.listdir(root) == []
    assert all(finding.found for finding in report.findings)


def test_worst_finding_gives_the_report_its_severity(store: DiskStore) -> None:
    """One failure among many fine findings is what a program looks at."""
    store.checks = [
        ("a", lambda: iter([Finding("a", Severity.OK, "x")])),
        ("b", lambda: iter([Finding("b", Severity.FAILURE, "x"), Finding("b", Severity.NOTE, "x")])),
    ]
    assert examined(store).worst is Severity.FAILURE


def test_check_that_breaks_costs_only_itself(store: DiskStore) -> None:
    """A bug in one check, or one of our errors, becomes a finding; the others are made."""

    def broken() -> Iterator[Finding]:
        yield Finding("broken", Severity.OK, "first")
        raise ZeroDivisionError("oh")

    def refused() -> Iterator[Finding]:
        raise Invalid(what="the site file is wrong")

    store.checks = [("broken", broken), ("refused", refused)]
    report = examined(store)
    assert [(f.severity, f.found) for f in of(report, "broken")] == [
        (Severity.OK, "first"),
        (Severity.WARNING, "this could not be checked: ZeroDivisionError: oh"),
    ]
    assert only(report, "refused") == Finding("refused", Severity.FAILURE, "the site file is wrong")
    assert of(report, "records")


@needs_root
@pytest.mark.root
def test_ordinary_user_is_told_what_was_not_looked_at(store: DiskStore, root: Path) -> None:
    """Without write permission nothing is probed, and that is said instead of a false alarm."""
    root.chmod(0o755)
    report = as_person(ANNA, lambda: examined(store))
    for check in ("open writers", "ACLs", "extended attributes", "immutable flag"):
        finding = only(report, check)
        assert finding.severity is Severity.NOTE
        assert "not " in finding.found
    assert "areas can be made by its owner only" in only(report, "root").found


@needs_root
@pytest.mark.root
def test_ordinary_user_cannot_set_the_flag_and_is_told_what_happens_instead(store: DiskStore, root: Path) -> None:
    """The weaker protection is named before anybody relies on it."""
    os.chown(root, ANNA, ANNA)
    finding = only(as_person(ANNA, lambda: examined(store)), "immutable flag")
    assert finding.severity is Severity.NOTE
    assert "takes write permission away instead" in finding.found


@needs_root
@pytest.mark.root
def test_unreadable_root_is_a_failure(store: DiskStore, root: Path) -> None:
    """Who cannot read the root can do nothing; its owner is named."""
    root.chmod(0o700)
    report = as_person(ANNA, lambda: examined(store))
    [finding] = [finding for finding in of(report, "root")]
    assert finding.severity is Severity.FAILURE
    assert "its owner root" in finding.next_step


def test_root_that_everybody_can_rearrange_is_a_warning(store: DiskStore, root: Path) -> None:
    """World-writable without the sticky bit: anybody could move areas away."""
    root.chmod(0o777)
    assert Severity.WARNING in {finding.severity for finding in of(examined(store), "root")}
    for fine in (0o1777, 0o775):
        root.chmod(fine)
        assert Severity.WARNING not in {finding.severity for finding in of(examined(store), "root")}


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[DiskStore]:
    """A store on a file system of its own."""
    folder.mkdir()
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        store = DiskStore(Site(root=str(folder)))
        yield store
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_root
@pytest.mark.root
def test_read_only_and_full_disks_are_failures(tmp_path: Path) -> None:
    """The two things that stop all work are said as such, with the way out."""
    with mounted(tmp_path / "ro", "-t", "tmpfs", "-o", "ro", "tmpfs") as store:
        found = of(examined(store), "file system")
        assert (found[-1].severity, found[-1].found) == (Severity.FAILURE, "the tree is mounted read-only")
    with mounted(tmp_path / "full", "-t", "tmpfs", "-o", "size=16k,nr_inodes=3", "tmpfs") as store:
        (tmp_path / "full/a").write_bytes(b"x" * 16384)
        (tmp_path / "full/b").touch()
        found = of(examined(store), "space")
        assert [finding.severity for finding in found] == [Severity.FAILURE, Severity.FAILURE]
        assert "the disk is full" in found[0].found
        assert "0 more files" in found[1].found


@needs_root
@pytest.mark.root
def test_file_system_without_anything_is_said_piece_by_piece(tmp_path: Path) -> None:
    """ramfs has no flags, no ACLs, no attributes and no size: each is said, none breaks the report."""
    with mounted(tmp_path / "ram", "-t", "ramfs", "ramfs") as store:
        report = examined(store)
    assert "no such flag" in only(report, "immutable flag").found
    assert only(report, "ACLs").severity is Severity.WARNING
    assert only(report, "extended attributes").severity is Severity.NOTE
    assert "does not say how much is free" in only(report, "space").found


Settings = Callable[..., list[Finding]]


@pytest.fixture
def settings(store: DiskStore, tmp_path: Path) -> Settings:
    """The findings for kernel settings as given."""
    folder = tmp_path / "fs"
    folder.mkdir()

    def ask(site: Site, **values: int) -> list[Finding]:
        for name, value in {
            "protected_regular": 1,
            "protected_hardlinks": 1,
            "protected_symlinks": 1,
            **values,
        }.items():
            (folder / name).write_text(f"{value}\n")
        return list(doctor.check_settings(store.root_fd, site, "kernel settings", folder))

    return ask


def test_protected_regular_2_fails_where_the_tree_is_shared(store: DiskStore, settings: Settings) -> None:
    """Debian's default breaks shared writing; on a laptop nobody shares."""
    shared = replace(store.site, account="modama")
    [finding] = settings(shared, protected_regular=2)
    assert finding.severity is Severity.FAILURE
    assert finding.next_step.startswith("sysctl fs.protected_regular=1")
    [finding] = settings(store.site, protected_regular=2)
    assert finding.severity is Severity.NOTE
    for fine in (0, 1):
        [finding] = settings(shared, protected_regular=fine)
        assert finding.severity is Severity.OK


@pytest.mark.parametrize("setting", ["protected_hardlinks", "protected_symlinks"])
def test_missing_protection_of_links_is_a_warning(store: DiskStore, settings: Settings, setting: str) -> None:
    """People in a shared tree are to be protected from each other's links."""
    [finding] = settings(replace(store.site, account="modama"), **{setting: 0})
    assert (finding.severity, finding.found.split(" is ")[0]) == (Severity.WARNING, f"fs.{setting}")


def test_damaged_record_is_named(store: DiskStore, root: Path, do: Any) -> None:
    """The file is named, and that the data is safe; other records are still counted."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    assert only(examined(store), "records").found == "the records of 2 projects and sessions can be read"
    (root / "adhoc/p/s/.modama/session.json").write_text('{"uuid": ')
    finding = only(examined(store), "records")
    assert finding.severity is Severity.WARNING
    assert "adhoc/p/s/.modama/session.json" in finding.found
    assert "data is not touched" in finding.next_step


def test_interrupted_job_is_told_with_its_next_step(store: DiskStore) -> None:
    """A job whose runner died is named; it can go on or be forgotten."""
    now = datetime.now(UTC)
    job = Job(store.jobs.new_id(), "session.seal", {}, "me", JobState.RUNNING, "adhoc/p", "s", started=now)
    store.jobs.write(job)
    finding = only(examined(store), "jobs")
    assert finding.severity is Severity.WARNING
    assert finding.found.startswith("session.seal of s was interrupted")
    assert "modama job cancel" in finding.next_step


def test_clock_that_went_back_is_noticed(store: DiskStore) -> None:
    """A job from the future means that the clock was wrong then or is now."""
    ahead = datetime.now(UTC) + timedelta(days=2)
    job = Job(store.jobs.new_id(), "session.seal", {}, "me", JobState.DONE, started=ahead, ended=ahead)
    store.jobs.write(job)
    assert any("clock of this machine stands before" in finding.found for finding in of(examined(store), "clock"))


@needs_root
@pytest.mark.root
def test_state_folder_that_cannot_be_written_is_a_failure(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No long work can begin then, and the variable that helps is named."""
    tmp_path.chmod(0o755)
    (tmp_path / "closed").mkdir(mode=0o755)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "closed"))
    finding = only(as_person(ANNA, lambda: examined(store)), "state folder")
    assert finding.severity is Severity.FAILURE
    assert "XDG_STATE_HOME" in finding.next_step


def test_managed_tree_is_noted(store: DiskStore) -> None:
    """Who makes the changes is a fact that the report tells."""
    store.site = replace(store.site, managed_by="https://hub.example.org/services/modama")
    assert "https://hub.example.org" in only(examined(store), "managed tree").found


def test_report_is_plain_json(store: DiskStore) -> None:
    """Programs that watch a site read it."""
    from jupyter_modama.runner import plain

    assert json.loads(json.dumps(plain(examined(store))))["findings"][0]["check"] == "root"
