"""The audit: every change before its first effect, how it ended, and nothing lost by crashes."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import DiskFull, ModamaError, NotFound
from jupyter_modama.store import audit
from jupyter_modama.store.audit import FileAudit
from jupyter_modama.store.disk import DiskStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.jsonl"


def outcomes(log: FileAudit) -> list[str]:
    return [entry["outcome"] for entry in log.lines() if "outcome" in entry]


def begin(log: FileAudit, op: str = "session.seal") -> str:
    return log.begin(op, "anna via cli", "adhoc/p/s", {"note": "x"})


def test_lines_say_who_what_when_and_how_it_ended(file: Path) -> None:
    log = FileAudit(file)
    line = begin(log)
    log.end(line, "done")
    first, last = log.lines()
    assert (first["op"], first["actor"], first["target"], first["wanted"]) == (
        "session.seal",
        "anna via cli",
        "adhoc/p/s",
        {"note": "x"},
    )
    assert (last["line"], last["outcome"]) == (line, "done")
    assert first["at"] <= last["at"]
    assert first["at"].endswith("+00:00")


def test_nobody_else_can_read_it(file: Path) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        begin(FileAudit(file))
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_text_of_any_kind_stays_one_line(file: Path) -> None:
    """Line ends, halves of characters and separators of lines in what people type."""
    log = FileAudit(file)
    nasty = 'a\nb\r\x0b\x0c\x1c\x85\u2028\u2029\ud800 \udcff"\\'
    line = log.begin("project.update", nasty, nasty, {nasty: nasty})
    log.end(line, "failed", nasty)
    assert len(log.lines()) == 2
    assert log.lines()[0]["target"] == nasty
    assert file.read_bytes().count(b"\n") == 2


def test_cut_last_line_is_survived(file: Path) -> None:
    """What was written before and after it is read."""
    log = FileAudit(file)
    log.end(begin(log), "done")
    with file.open("rb+") as text:
        text.truncate(file.stat().st_size - 20)
    log.end(begin(log), "done")
    assert [("op" in entry, entry.get("outcome")) for entry in log.lines()] == [
        (True, None),
        (True, None),
        (False, "done"),
    ]


def test_refusal_is_written_down(do: Any, store: DiskStore) -> None:
    """With its reason, also for looking; what is allowed to be looked at leaves no line."""
    do("project.create", name="p")
    do("project.show", project="adhoc/p")
    with pytest.raises(NotFound):
        do("folder.sort", path="adhoc/none")
    ended = store.audit.lines()[-1]
    assert (ended["outcome"], ended["detail"].split(":")[0]) == ("refused", "not-found")
    assert [entry["op"] for entry in store.audit.lines() if "op" in entry] == ["project.create", "folder.sort"]


# Processes that end --------------------------------------------------------------------------------------------------


def child(file: Path, then: str) -> subprocess.Popen[str]:
    """A process that begins something, says so, and then does what it is told."""
    code = f"""
import os, pathlib, sys, time
from jupyter_modama.store.audit import FileAudit
log = FileAudit(pathlib.Path({str(file)!r}))
line = log.begin("session.seal", "anna", "adhoc/p/s", {{}})
print(line, flush=True)
{then}
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=20)


@pytest.mark.parametrize("then", ["os.kill(os.getpid(), 9)", "os._exit(1)", "sys.exit(0)", "raise SystemExit(3)"])
def test_begin_of_a_process_that_is_gone_is_closed_as_interrupted(file: Path, then: str) -> None:
    """However it ended, once, and what it ended itself stays as it was."""
    process = child(file, then)
    line = said(process)
    end(process)
    log = FileAudit(file)
    assert (log.close_interrupted(), log.close_interrupted()) == (1, 0)
    assert [(e["line"], e["outcome"]) for e in log.lines() if "outcome" in e] == [(line, "interrupted")]


def test_begin_of_a_living_process_is_left_alone(file: Path) -> None:
    """Of this process, of another one, and of one that has a child which outlives it not."""
    log = FileAudit(file)
    mine = begin(log)
    process = child(file, "sys.stdin.read()")
    said(process)
    assert log.close_interrupted() == 0
    assert FileAudit(file).close_interrupted() == 0, "another audit of this process on the same file"
    end(process)
    assert log.close_interrupted() == 1
    log.end(mine, "done")
    assert outcomes(log) == ["interrupted", "done"]


def test_number_of_a_dead_process_used_again_does_not_matter(file: Path) -> None:
    """A line whose pid belongs to a living process of today is closed all the same."""
    process = child(file, "os.kill(os.getpid(), 9)")
    said(process)
    end(process)
    text = file.read_text()
    entry = json.loads(text)
    file.write_text(json.dumps({**entry, "pid": os.getpid()}) + "\n")
    assert FileAudit(file).close_interrupted() == 1


def test_child_does_not_keep_its_parent_alive(file: Path) -> None:
    """A worker that outlives a killed program holds none of its locks."""
    then = """
if os.fork() == 0:
    os.close(1)
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    process = child(file, then)
    said(process)
    process.wait(20)
    assert process.returncode == -signal.SIGKILL
    assert FileAudit(file).close_interrupted() == 1
    end(process)


def test_child_lives_a_life_of_its_own(file: Path) -> None:
    """What a forked child begins is its own, and ends with it; the parent's goes on."""
    then = """
pid = os.fork()
if pid == 0:
    log.begin("session.verify", "anna", "adhoc/p/s", {})
    os._exit(0)
os.waitpid(pid, 0)
print("forked", flush=True)
sys.stdin.read()
"""
    process = child(file, then)
    said(process)
    assert said(process) == "forked"
    log = FileAudit(file)
    assert log.close_interrupted() == 1
    closed = next(entry["line"] for entry in log.lines() if "outcome" in entry)
    assert [entry["op"] for entry in log.lines() if entry["line"] == closed and "op" in entry] == ["session.verify"]
    end(process)


def test_lives_leave_nothing_behind(file: Path) -> None:
    """A process takes its file away; what a killed one leaves is cleared at the next start."""
    for then in ("pass", "os.kill(os.getpid(), 9)"):
        end(child(file, then))
    assert len(os.listdir(file.parent / "alive")) == 1
    FileAudit(file).close_interrupted()
    assert os.listdir(file.parent / "alive") == []


def test_closed_audit_holds_nothing(file: Path) -> None:
    """Neither a descriptor nor a file; dropping it does the same, and the next begin lives anew."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    log, other = FileAudit(file), FileAudit(file)
    begin(log)
    begin(other)
    assert len(os.listdir(file.parent / "alive")) == 2
    assert log.close_interrupted() == 0
    log.close()
    log.close()
    del other
    gc.collect()
    assert (os.listdir(file.parent / "alive"), len(os.listdir("/proc/self/fd"))) == ([], before)
    begin(log)
    assert log.close_interrupted() == 2
    log.close()


def test_lines_of_older_versions_are_closed(file: Path) -> None:
    """They have a pid only, and lines that are no objects or have no name do no harm."""
    file.parent.mkdir()
    file.write_text('{"line": "a", "op": "x", "pid": 1}\n[1]\nnull\n{"op": "y"}\n{"outcome": "done"}\n')
    log = FileAudit(file)
    assert log.close_interrupted() == 1
    assert log.lines()[-1]["line"] == "a"


# Several at once, and disks that refuse ------------------------------------------------------------------------------


def write_many(file: str, mark: str, start: Any) -> None:
    plain_write = os.write
    audit.os.write = lambda fd, view: plain_write(fd, view[:300])  # type: ignore[assignment]
    log = FileAudit(Path(file))
    start.wait(30)
    for number in range(100):
        log.end(log.begin(f"{mark}-{number}", "anna " * 200, "p", {}), "done")


def test_two_processes_at_once(file: Path) -> None:
    """Their lines stay whole, also where the kernel takes them in pieces."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    both = [context.Process(target=write_many, args=(str(file), mark, start)) for mark in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    log = FileAudit(file)
    assert len(log.lines()) == 400
    assert len(file.read_bytes().splitlines()) == 400
    assert sorted(e["op"] for e in log.lines() if "op" in e) == sorted(f"{m}-{n}" for m in "ab" for n in range(100))


def test_begin_that_cannot_be_written_is_an_error(file: Path) -> None:
    """In words, so that nothing is done; an end that cannot be written is none."""
    file.parent.mkdir()
    file.mkdir()
    log = FileAudit(file)
    with pytest.raises(ModamaError, match="writing down in the audit of your account") as refused:
        begin(log)
    assert str(file.parent) not in str(refused.value)
    log.end("a line", "done")


def test_full_disk_in_the_middle_of_a_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a begin is no begin: it is refused, and the next line stands on its own."""
    log = FileAudit(file)
    plain = os.write

    def half(fd: int, view: Any) -> int:
        if len(view) < 40:
            raise OSError(28, "No space left on device")
        return plain(fd, view[: len(view) // 2])

    monkeypatch.setattr(audit.os, "write", half)
    with pytest.raises(DiskFull):
        begin(log)
    monkeypatch.undo()
    log.end(begin(log), "done")
    assert outcomes(log) == ["done"]
    assert log.close_interrupted() == 0


def test_link_in_place_of_the_audit_is_not_followed(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    (tmp_path / "precious").write_text("x")
    file.symlink_to(tmp_path / "precious")
    with pytest.raises(ModamaError):
        begin(FileAudit(file))
    assert (tmp_path / "precious").read_text() == "x"
