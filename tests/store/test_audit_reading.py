"""Reading the audit from its end: every line once, in whatever blocks, and no more than is asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import AuditRules
from jupyter_modama.store import audit_reading
from jupyter_modama.store.audit import FileAudit
from jupyter_modama.store.audit_reading import lines_backwards

TEXTS = st.binary(max_size=200) | st.lists(st.sampled_from([b"", b"a", b"bc\r", b"x" * 40]), max_size=20).map(
    b"\n".join
)


def in_memory(text: bytes) -> int:
    fd = os.memfd_create("audit")
    os.write(fd, text)
    return fd


@given(text=TEXTS, block=st.integers(1, 70), cut=st.integers(0, 250))
def test_lines_backwards_are_the_lines_forwards(text: bytes, block: int, cut: int) -> None:
    """With blocks of any size, from any place; each line stands where it is said to."""
    fd = in_memory(text)
    try:
        end = min(cut, len(text))
        found = list(lines_backwards(fd, end, block))
    finally:
        os.close(fd)
    assert [line for _, line in reversed(found)] == [line for line in text[:end].split(b"\n") if line]
    assert all(text[offset : offset + len(line)] == line for offset, line in found)
    assert all(offset == 0 or text[offset - 1 : offset] == b"\n" for offset, _ in found)


@given(text=TEXTS, block=st.integers(1, 70))
def test_reading_goes_on_where_it_stopped(text: bytes, block: int) -> None:
    """Line by line, from the position of the one before: the same lines."""
    fd = in_memory(text)
    try:
        whole, single, end = list(lines_backwards(fd, len(text), block)), [], len(text)
        while (step := next(lines_backwards(fd, end, block), None)) is not None:
            single.append(step)
            end = step[0]
    finally:
        os.close(fd)
    assert single == whole


@pytest.fixture
def log(tmp_path: Path) -> FileAudit:
    """Three files: two that were put away, and the current one."""
    log = FileAudit(tmp_path / "state" / "audit.jsonl", AuditRules())
    for number in range(6):
        log.end(log.begin("project.update", "anna", f"adhoc/p{number}", {}), "done")
        if number in {1, 3}:
            log.rotate()
    return log


def targets(log: FileAudit, before: str = "") -> list[str]:
    return [entry["target"] for _, entry, _ in log.newest_first(before) if "target" in entry]


def test_all_files_are_read_the_newest_first(log: FileAudit) -> None:
    assert targets(log) == [f"adhoc/p{number}" for number in (5, 4, 3, 2, 1, 0)]


def test_each_position_goes_on_although_files_are_put_away_meanwhile(log: FileAudit) -> None:
    """A file keeps its place by its inode, whatever its name is by then."""
    found = list(log.newest_first())
    log.rotate()
    log.end(log.begin("project.update", "anna", "adhoc/new", {}), "done")
    for number, (position, _, _) in enumerate(found):
        assert [entry for _, entry, _ in log.newest_first(position)] == [entry for _, entry, _ in found[number + 1 :]]


def test_entries_are_found_by_their_positions_and_by_no_others(log: FileAudit) -> None:
    found = [(at, entry) for at, entry, _ in log.newest_first()]
    assert {json.dumps(e) for e in log.entries_at([at for at, _ in found])} == {json.dumps(e) for _, e in found}
    inode, _, offset = found[0][0].partition("-")
    assert log.entries_at([f"{inode}-{int(offset) + shift}" for shift in (-3, 1, 10**9)]) == []


@pytest.mark.parametrize("position", ["x", "1", "1-", "1-x", "-1-2", "999999999999-0", "1-2-3", "٣-1"])
def test_position_that_is_none_is_said_so(log: FileAudit, position: str) -> None:
    with pytest.raises(Invalid, match="load the list again"):
        list(log.newest_first(position))


def test_large_file_is_read_only_as_far_as_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ten lines of a file of one gigabyte, most of it a hole, cost a few blocks."""
    log = FileAudit(tmp_path / "audit.jsonl")
    with log.file.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    for number in range(10):
        log.begin("project.update", "anna", f"adhoc/p{number}", {})
    read = 0
    plain = os.pread

    def counted(fd: int, size: int, at: int) -> bytes:
        nonlocal read
        read += size
        return plain(fd, size, at)

    monkeypatch.setattr(os, "pread", counted)
    steps = log.newest_first()
    assert [next(steps)[1]["target"] for _ in range(10)] == [f"adhoc/p{number}" for number in range(9, -1, -1)]
    assert read <= 2 * audit_reading.BLOCK
