"""Many files are mended by processes, exactly as few are in this one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.gate import Gate, templates
from jupyter_modama.core.model import Area, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl, flags, mender, menders, mending_files
from jupyter_modama.store.drift import Drift, Found
from jupyter_modama.store.mending import Pass
from jupyter_modama.testing import trees

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to own what people made")]
FOLDERS, FILES = 5, 40
WANTED = templates(Gate({50_000: Role.OWNER, 50_001: Role.MEMBER, 50_002: Role.READER}), Area("adhoc"))
LIST = acl.encode(WANTED.of_file(False))


@pytest.fixture
def tops() -> Iterator[tuple[Path, Path]]:
    """Twice the same files without lists in several folders, on a file system that keeps lists."""
    with trees.reachable_folder() as above:
        for top in (above / "a", above / "b"):
            for number in range(FOLDERS):
                inner = top / f"d{number}"
                inner.mkdir(parents=True)
                for name in range(FILES):
                    (inner / f"f{name}").write_text("1")
        yield above / "a", above / "b"
        for file in above.rglob("sealed"):
            set_flag(file, False)


@pytest.fixture
def folder(tops: tuple[Path, Path]) -> Path:
    return tops[0]


@pytest.fixture
def by_processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From the first file on, by two processes; answers which there were."""
    monkeypatch.setattr(mending_files, "MANY", 0)
    monkeypatch.setattr(menders, "MOST", 2)
    monkeypatch.setattr(menders, "HELPS_AT_FIRST", False)
    monkeypatch.setattr(menders, "MOST_FILES", 30)
    started: list[int] = []
    plain = subprocess.Popen

    def noted(*words: Any, **more: Any) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = plain(*words, **more)
        started.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", noted)
    return started


def set_flag(file: Path, on: bool) -> None:
    fd = os.open(file, os.O_RDONLY)
    try:
        flags.set_immutable(fd, on)
    finally:
        os.close(fd)


def passed(top: Path, **how: Any) -> Found:
    fd = os.open(top, os.O_RDONLY)
    try:
        one = Pass(WANTED, **{"mend": True, "known_uid": lambda uid: uid != 4711, **how})
        for _ in one.run(fd):
            pass
        return one.found
    finally:
        os.close(fd)


def every_kind(top: Path) -> None:
    """What is no plain file of the system's without a list."""
    here = top / "d0"
    (here / "program").write_text("#!")
    (here / "program").chmod(0o755)
    os.chown(here / "f0", 4711, 4711)
    (here / "f1").chmod(0o600)
    (here / "f2").chmod(0o666)
    os.setxattr(here / "f3", acl.ACCESS, acl.encode(acl.from_mode(0o640)))
    os.setxattr(here / "f4", acl.ACCESS, LIST)
    (here / "link").symlink_to("f5")
    (here / "second").hardlink_to(here / "f6")
    os.mkfifo(here / "pipe")
    os.mkfifo(top / "d1/pipe")
    (here / "sealed").write_text("1")
    set_flag(here / "sealed", True)
    (here / os.fsdecode(b"\xff\n\xfe")).write_text("1")


def lists(top: Path) -> dict[str, tuple[bytes, int]]:
    """What every file grants."""
    found = {}
    for path in sorted(top.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                found[str(path.relative_to(top))] = (list_of(path), path.stat().st_mode)
    return found


def list_of(path: Path) -> bytes:
    try:
        return os.getxattr(path, acl.ACCESS)
    except OSError:
        return b""


def facts(found: Found) -> tuple[Any, ...]:
    examples = {drift: len(paths) for drift, paths in found.examples.items()}
    return found.files, found.folders, found.sealed, found.mended, found.counts, examples, found.left


@pytest.mark.parametrize("report", [True, False])
@pytest.mark.parametrize("mend", [True, False])
def test_processes_do_the_same(
    tops: tuple[Path, Path], by_processes: list[int], monkeypatch: pytest.MonkeyPatch, mend: bool, report: bool
) -> None:
    """To files of every kind; and say the same of them, the first time and the second."""
    done = []
    for top, many in zip(tops, (0, 10**9), strict=True):
        every_kind(top)
        monkeypatch.setattr(mending_files, "MANY", many)
        first = facts(passed(top, mend=mend, report=report))
        again = facts(passed(top, mend=mend, report=report))
        done.append((first, lists(top), again))
        assert len(by_processes) == 4, "two in each pass of the first folder"
        assert again[3] == 0
    assert done[0] == done[1]
    assert mend == (list_of(tops[0] / "d3/f7") == LIST)


def test_list_of_a_program_and_of_a_strange_name(folder: Path, by_processes: list[int]) -> None:
    """The bit of whoever owns it stays; a name is bytes; a link leads nowhere, a second name is left alone."""
    every_kind(folder)
    found = passed(folder)
    assert acl.decode(list_of(folder / "d0/program")) == WANTED.of_file(True)
    assert list_of(folder / "d0" / os.fsdecode(b"\xff\n\xfe")) == LIST
    assert [list_of(folder / f"d0/{name}") for name in ("f6", "second", "sealed")] == [b"", b"", b""]
    assert found.counts[Drift.HARD_LINK] == 2
    assert found.counts[Drift.SPECIAL] == 2
    assert found.counts[Drift.UNKNOWN_OWNER] == 1
    assert found.examples[Drift.UNKNOWN_OWNER] == [TreePath("d0/f0")]
    assert found.sealed == 1


def test_what_a_killed_process_had_to_do_is_done(
    folder: Path, by_processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever kills them all makes it slower, not wrong."""
    plain = menders._Mender.ask

    def killed(self: Any, batch: Any) -> None:
        plain(self, batch)
        self.process.send_signal(signal.SIGKILL)

    monkeypatch.setattr(menders._Mender, "ask", killed)
    found = passed(folder)
    assert found.files == FOLDERS * FILES
    assert {mine for mine, _ in lists(folder).values()} == {LIST}
    assert passed(folder).mended == 0


def test_works_where_no_process_can_be_had(
    folder: Path, by_processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this one then."""
    monkeypatch.setattr(sys, "executable", "/nowhere")
    found = passed(folder)
    assert by_processes == []
    assert (found.files, found.mended) == (FOLDERS * FILES, FOLDERS * FILES + FOLDERS + 1)


def test_whoever_asks_helps_until_they_have_started(
    folder: Path, by_processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is done once, whoever did it."""
    monkeypatch.setattr(menders, "HELPS_AT_FIRST", True)
    monkeypatch.setattr(menders, "MOST_FILES", 5)
    found = passed(folder)
    assert len(by_processes) == 2
    assert (found.files, found.mended) == (FOLDERS * FILES, FOLDERS * FILES + FOLDERS + 1)
    assert {mine for mine, _ in lists(folder).values()} == {LIST}


def test_stopping_waits_for_the_processes(
    folder: Path, by_processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is changed any more when the steps are closed."""
    monkeypatch.setattr("jupyter_modama.store.mending.TOLD_EVERY", 1)
    fd = os.open(folder, os.O_RDONLY)
    try:
        steps = Pass(WANTED, mend=True).run(fd)
        next(steps)
        steps.close()  # type: ignore[attr-defined]
    finally:
        os.close(fd)
    assert by_processes
    for pid in by_processes:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("left_alone", [True, False])
def test_process_changes_nothing_once_nobody_waits(folder: Path, left_alone: bool) -> None:
    """As after a kill: whoever goes on from there is not disturbed by what was begun before."""
    task = [LIST.hex(), acl.encode(WANTED.of_file(True)).hex(), str(folder.stat().st_dev), "", "mend", ""]
    one = menders._Mender(task)
    parent = os.getpid()
    if left_alone:
        one.end()
        ours, theirs = socket.socketpair()
        words = [sys.executable, "-I", "-S", mender.__file__, str(theirs.fileno()), str(parent + 1), *task]
        one.process = subprocess.Popen(words, pass_fds=(theirs.fileno(),))
        theirs.close()
        one.channel = ours
    batch = menders.Batch()
    fd = os.open(folder / "d0", os.O_RDONLY)
    batch.add(fd, TreePath("d0"), [f"f{name}" for name in range(FILES)])
    os.close(fd)
    try:
        one.ask(batch)
        if left_alone:
            assert one.process.wait(30) == 1
        else:
            assert one.answer().back == []
    finally:
        one.end()
        batch.close()
    assert {mine for mine, _ in lists(folder / "d0").values()} == {b"" if left_alone else LIST}


def test_long_lists_of_many_kinds_are_judged_one_by_one(folder: Path, by_processes: list[int]) -> None:
    """An answer stays short, whatever lists people have written."""
    for number in range(FILES):
        mine = replace(acl.from_mode(0o640), users={60_000 + number: 7})
        os.setxattr(folder / f"d0/f{number}", acl.ACCESS, acl.encode(mine))
    found = passed(folder)
    assert found.counts[Drift.OTHER_NAMES] == FILES
    assert {mine for mine, _ in lists(folder).values()} == {LIST}
