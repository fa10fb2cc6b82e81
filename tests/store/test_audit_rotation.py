"""The audit of the system: only added to, put away by size and month, kept for a time, whole after any kill."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.model import AuditRules
from jupyter_modama.store import audit_files, flags
from jupyter_modama.store.audit import FileAudit
from jupyter_modama.testing import trees

RULES = AuditRules(rotate_mb=1)
LARGE = "x" * 100_000
needs_flags = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for the flags")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state" / "audit.jsonl"
    if (tmp_path / "state").exists():  # with the folders of single steps
        trees.clear(tmp_path / "state")


def write(log: FileAudit, number: int, text: str = "") -> None:
    log.end(log.begin("project.update", "anna via cli", f"adhoc/p{number}", {"note": text}), "done")


def targets(log: FileAudit) -> list[str]:
    return [entry["target"] for entry in log.lines() if "target" in entry]


def flags_of(path: Path) -> tuple[bool, bool]:
    """Whether a file is append-only, and immutable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        found = flags._flags(fd)
    except OSError:  # a file system without flags
        return False, False
    finally:
        os.close(fd)
    return bool(found & flags.APPEND_ONLY), bool(found & flags.IMMUTABLE)


def backdate(file: Path, month: str) -> None:
    """Have the current file begin in another month."""
    trees.clear(file.parent)
    first, _, rest = file.read_text().partition("\n")
    file.write_text(json.dumps({**json.loads(first), "at": f"{month}-05T10:00:00.000+00:00"}) + "\n" + rest)


# Flags ---------------------------------------------------------------------------------------------------------------


@pytest.mark.root
@needs_flags
def test_lines_of_the_system_cannot_be_changed_or_taken_away(file: Path) -> None:
    """Not even by root, as long as nobody takes the flag away: lines are added, and that is all."""
    write(FileAudit(file, RULES), 1)
    assert flags_of(file) == (True, False)
    for mode in ("r+b", "wb"):
        with pytest.raises(PermissionError):
            file.open(mode)
    for change in (file.unlink, lambda: os.truncate(file, 0), lambda: file.rename(file.with_name("x"))):
        with pytest.raises(PermissionError):
            change()
    write(FileAudit(file, RULES), 2)
    assert targets(FileAudit(file)) == ["adhoc/p1", "adhoc/p2"]


@pytest.mark.root
@needs_flags
def test_flag_that_somebody_took_away_comes_back(file: Path) -> None:
    """At the next start of a process, with a mode that lets nobody else read."""
    write(FileAudit(file, RULES), 1)
    trees.clear(file.parent)
    file.chmod(0o644)
    write(FileAudit(file, RULES), 2)
    assert flags_of(file) == (True, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_audit_of_a_person_stays_a_plain_file_of_theirs(file: Path) -> None:
    """No flags, one file, however large."""
    log = FileAudit(file)
    for number in range(12):
        write(log, number, LARGE)
    assert [path.name for path in file.parent.glob("*.jsonl")] == ["audit.jsonl"]
    assert flags_of(file) == (False, False)


# Rotating ------------------------------------------------------------------------------------------------------------


@pytest.mark.root
@needs_flags
def test_full_file_is_put_away_and_becomes_immutable(file: Path) -> None:
    log = FileAudit(file, RULES)
    for number in range(25):
        write(log, number, LARGE)
    full = log.files.full()
    assert len(full) == 2
    assert [flags_of(path) for path in full] == [(False, True)] * 2
    assert flags_of(file) == (True, False)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (file, *full))
    assert targets(log) == [f"adhoc/p{number}" for number in range(25)]
    assert all(path.stat().st_size < (1 << 20) + 2 * len(LARGE) for path in full)


def test_month_that_is_over_is_put_away(file: Path) -> None:
    """With the first line of the new one; a clock that stands before the file changes nothing."""
    log = FileAudit(file, RULES)
    write(log, 1)
    backdate(file, "2026-01")
    write(log, 2)
    assert len(log.files.full()) == 1
    backdate(file, "2999-01")
    write(log, 3)
    assert len(log.files.full()) == 1
    assert targets(log) == ["adhoc/p1", "adhoc/p2", "adhoc/p3"]


def test_what_is_under_way_is_closed_although_its_begin_was_put_away(file: Path) -> None:
    """Also when that was several files ago."""
    log = FileAudit(file, RULES)
    line = log.begin("session.seal", "anna", "adhoc/p/s", {})
    log.rotate()
    write(log, 1)
    log.rotate()
    log.close()
    other = FileAudit(file, RULES)
    assert (other.close_interrupted(), other.close_interrupted()) == (1, 0)
    assert [e["outcome"] for e in other.lines() if e["line"] == line and "outcome" in e] == ["interrupted"]


def test_lines_are_dropped_only_after_the_time_that_the_site_says(file: Path) -> None:
    """By when the file was put away, which is after its last line."""
    log = FileAudit(file, AuditRules(keep_days=100, rotate_mb=1))
    now = datetime.now(UTC)
    for days in (99, 101):
        write(log, days)
        log.rotate()
        [*_, newest] = log.files.full()
        trees.clear(file.parent)
        stamp = (now - timedelta(days=days)).strftime(audit_files.STAMP)
        newest.rename(file.with_name(f"audit-{stamp}.jsonl"))
    write(log, 0)
    assert "adhoc/p101" in targets(log), "what is old goes when the next file is put away"
    backdate(file, "2026-01")
    write(log, 1)
    assert targets(log) == ["adhoc/p99", "adhoc/p0", "adhoc/p1"]


def test_audit_that_cannot_be_rotated_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done is written down all the same, and rotated as soon as that works."""

    def no_link(*args: Any, **more: Any) -> None:
        raise PermissionError(1, "no second names here")

    log = FileAudit(file, RULES)
    with monkeypatch.context() as broken:
        broken.setattr(os, "link", no_link)
        for number in range(14):
            write(log, number, LARGE)
        assert log.files.full() == []
    write(log, 14)
    assert len(log.files.full()) == 1
    assert targets(log) == [f"adhoc/p{number}" for number in range(15)]
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


# Kills and other processes -------------------------------------------------------------------------------------------


def _rotate_until_killed(file: Path, after: int) -> None:
    """Rotate, and be killed before the call of the system with this number."""
    left = after

    def counted(call: Any) -> Any:
        def or_killed(*args: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*args, **more)

        return or_killed

    for name in ("open", "write", "fsync", "link", "rename", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    fcntl.ioctl = counted(fcntl.ioctl)
    FileAudit(file, RULES).rotate()


@pytest.mark.root
@needs_flags
def test_kill_at_any_step_of_rotating_loses_nothing(file: Path) -> None:
    """Every line is there once, and whoever comes next leaves no half of it: names, flags, hidden files."""
    context = multiprocessing.get_context("fork")
    for steps in range(100):
        one = file.parent / str(steps) / file.name
        write(FileAudit(one, RULES), 1)
        child = context.Process(target=_rotate_until_killed, args=(one, steps))
        child.start()
        child.join(30)
        assert child.exitcode in {0, -signal.SIGKILL}
        seen = {path.lstat().st_ino: path for path in one.parent.glob("*.jsonl")}
        lines = [line for path in seen.values() for line in path.read_text().splitlines() if '"target"' in line]
        assert [json.loads(line)["target"] for line in lines] == ["adhoc/p1"], f"killed before step {steps}"
        log = FileAudit(one, RULES)
        write(log, 2)
        assert targets(log) == ["adhoc/p1", "adhoc/p2"]
        assert [path.name for path in one.parent.iterdir() if path.name.startswith(".")] == []
        assert flags_of(one) == (True, False)
        assert all(flags_of(path) == (False, True) for path in log.files.full())
        assert one.stat().st_nlink == 1
        if child.exitcode == 0:
            break
    assert 12 < steps < 99
    assert len(log.files.full()) == 1


def _write_many(file: Path, name: int, count: int) -> None:
    log = FileAudit(file, RULES)
    for number in range(count):
        write(log, name * 1000 + number, LARGE)


def test_processes_that_write_and_rotate_at_once_write_whole_lines(file: Path) -> None:
    """Nobody writes into a file that another one has put away."""
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_write_many, args=(file, name, 40)) for name in (1, 2, 3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    log = FileAudit(file, RULES)
    for path in (*log.files.full(), file):
        for line in path.read_text().splitlines():
            json.loads(line)
    assert sorted(targets(log)) == sorted(f"adhoc/p{n * 1000 + m}" for n in (1, 2, 3) for m in range(40))
    assert len(log.files.full()) >= 8
    assert [e["outcome"] for e in log.lines() if "outcome" in e] == ["done"] * 120


# File systems --------------------------------------------------------------------------------------------------------


@pytest.mark.root
@needs_flags
@pytest.mark.parametrize(("kind", "megabytes"), [("ext4", 24), ("xfs", 320), ("btrfs", 128), ("tmpfs", 16)])
def test_audit_rotates_on_each_kind_of_file_system(tmp_path: Path, kind: str, megabytes: int) -> None:
    """With the flags where it knows them, and without them elsewhere."""
    if kind != "tmpfs" and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed (Debian packages e2fsprogs, xfsprogs, btrfs-progs)")
    with trees.mounted(tmp_path, kind, megabytes) as place:
        log = FileAudit(place / "audit.jsonl", RULES)
        for number in range(14):
            write(log, number, LARGE)
        [full] = log.files.full()
        has_flags = flags_of(full) == (False, True) and flags_of(log.file) == (True, False)
        assert has_flags or (kind == "tmpfs" and flags_of(full) == flags_of(log.file) == (False, False))
        assert targets(FileAudit(log.file, RULES)) == [f"adhoc/p{number}" for number in range(14)]
        assert log.files.drop_old(1, datetime.now(UTC) + timedelta(days=2)) == [full.name]
