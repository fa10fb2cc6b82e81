"""The book of jobs on the disk."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_modama.core.errors import DiskFull, NotFound
from jupyter_modama.core.model import Job, JobState
from jupyter_modama.store import jobs as module
from jupyter_modama.store.jobs import JobFolder

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "state" / "jobs")


def job(book: JobFolder, state: JobState = JobState.RUNNING, **more: object) -> Job:
    made = Job(book.new_id(), "session.seal", {"project": "adhoc/p"}, "anna", state, started=NOW, changed=NOW)
    made = replace(made, **more)  # type: ignore[arg-type]
    book.write(made)
    return made


def test_job_is_read_as_written(book: JobFolder) -> None:
    """With all that JSON holds, and bytes that are no text."""
    wanted = {"project": "caf\udce9", "n": 1, "writers": "wait"}
    made = job(book, JobState.DONE, wanted=wanted, result={"a": [1]}, ended=NOW, phase="hashing", done=3)
    assert book.get(made.id) == made
    assert book.list() == [made]
    assert stat.S_IMODE((book.folder / f"{made.id}.json").stat().st_mode) == 0o600


def test_newest_first_even_within_a_second(book: JobFolder) -> None:
    made = [job(book, JobState.DONE).id for _ in range(20)]
    assert [j.id for j in book.list()] == made[::-1]


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.QUEUED])
def test_job_that_nobody_runs_was_interrupted(book: JobFolder, state: JobState) -> None:
    """While its lock is held it is what it says."""
    made = job(book, state)
    assert book.get(made.id).state is JobState.INTERRUPTED
    claim = book.claim(made.id)
    assert book.get(made.id).state is state
    with pytest.raises(BlockingIOError):
        book.claim(made.id)
    claim.release()
    claim.release()
    assert book.get(made.id).state is JobState.INTERRUPTED
    assert book.written(made.id) == made


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"id": 1}',
        b"\xff",
        b'{"state": "asleep"}',
        b"[" * 100_000,
        b'{"id":"x","op":"y","wanted":{},"actor":"z","state":"done","started":"yesterday"}',
    ],
)
def test_damaged_job_is_passed_over(book: JobFolder, text: bytes) -> None:
    made = job(book, JobState.DONE)
    bad = book.new_id()
    (book.folder / f"{bad}.json").write_bytes(text)
    (book.folder / "README.json").write_text("{}")
    assert book.list() == [made]
    with pytest.raises(NotFound):
        book.get(bad)


def test_time_without_a_zone_is_utc(book: JobFolder) -> None:
    """So that it can be compared with others."""
    made = job(book, JobState.DONE)
    file = book.folder / f"{made.id}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "changed": "2026-11-21T12:00:00"}))
    assert book.get(made.id).changed == NOW


@pytest.mark.parametrize("job_id", ["", "../../etc/passwd", "x" * 200, "A" * 10, "a/b", "job\0", "job-none-such"])
def test_no_id_leads_out_of_the_folder(book: JobFolder, job_id: str) -> None:
    for look in (book.get, book.ask_cancel):
        with pytest.raises(NotFound):
            look(job_id)


def test_cancel_of_a_running_job_is_a_wish(book: JobFolder) -> None:
    """Whoever runs it sees it, and forgets it."""
    made = job(book)
    claim = book.claim(made.id)
    assert book.ask_cancel(made.id).state is JobState.RUNNING
    assert book.cancel_asked(made.id)
    book.forget_cancel(made.id)
    book.forget_cancel(made.id)
    assert not book.cancel_asked(made.id)
    claim.release()


def test_cancel_of_a_job_that_nobody_runs_is_done_at_once(book: JobFolder) -> None:
    """And of one that has ended nothing happens."""
    made = job(book)
    assert book.ask_cancel(made.id).state is JobState.CANCELLED
    assert book.get(made.id).state is JobState.CANCELLED
    done = job(book, JobState.DONE)
    assert book.ask_cancel(done.id).state is JobState.DONE
    assert not book.cancel_asked(done.id)


def test_cancel_on_a_full_disk_says_so(book: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    made = job(book)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device", "/secret")

    monkeypatch.setattr(module.records, "replace", full)
    with pytest.raises(DiskFull, match="cancelling the job") as refused:
        book.ask_cancel(made.id)
    assert "/secret" not in str(refused.value)
    assert book.get(made.id).state is JobState.INTERRUPTED


def test_one_of_many_claims_wins(book: JobFolder) -> None:
    """Threads of one process as well."""
    made, won, start = job(book), [], threading.Barrier(8)

    def claim() -> None:
        start.wait()
        with contextlib.suppress(BlockingIOError):
            won.append(book.claim(made.id))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].release()


def test_old_jobs_are_forgotten(book: JobFolder) -> None:
    """A month after their end, with all that belongs to them; others stay."""
    long_ago = datetime.now(UTC) - module.KEPT - timedelta(days=1)
    old = job(book, JobState.DONE, ended=long_ago)
    recent = job(book, JobState.FAILED, ended=datetime.now(UTC))
    going = job(book, JobState.RUNNING, started=long_ago)
    book.claim(old.id).release()
    book.count_try(old.id)
    book.forget_old()
    assert {j.id for j in book.list()} == {recent.id, going.id}
    assert not [name for name in os.listdir(book.folder) if name.startswith(old.id)]


def test_folder_that_is_not_there_holds_no_jobs(book: JobFolder) -> None:
    assert book.list() == []
    book.forget_old()


def test_tries_are_counted(book: JobFolder) -> None:
    made = job(book)
    assert [book.count_try(made.id) for _ in range(3)] == [1, 2, 3]
