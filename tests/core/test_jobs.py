"""Long operations as they are listed, shown and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_modama.core.errors import Invalid, NotFound
from jupyter_modama.core.jobs import CancelJob, ListJobs, ShowJob, cancel_job, list_jobs, show_job
from jupyter_modama.core.model import Actor, Job, JobState, Person
from jupyter_modama.testing.memory import MemoryStore

ME = Actor(Person(0, "root"))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def book() -> MemoryStore:
    store = MemoryStore()
    for number, (project, session, state) in enumerate(
        [("adhoc/p", "s", JobState.DONE), ("adhoc/p", "t", JobState.RUNNING), ("adhoc/q", "s", JobState.FAILED)]
    ):
        store.jobs.jobs[f"job-{number}"] = Job(
            f"job-{number}",
            "session.seal",
            {},
            "root",
            state,
            project=project,
            session=session,
            changed=NOW + timedelta(hours=number),
        )
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ListJobs(), ["job-2", "job-1", "job-0"]),
        (ListJobs(limit=1), ["job-2"]),
        (ListJobs(limit=-1), ["job-2"]),
        (ListJobs(project="adhoc/p"), ["job-1", "job-0"]),
        (ListJobs(project="adhoc/p", session="s"), ["job-0"]),
        (ListJobs(state="running"), ["job-1"]),
        (ListJobs(since="2026-11-21T12:30:00Z"), ["job-2", "job-1"]),
        (ListJobs(since="2026-11-21T13:30:00"), ["job-2"]),
        (ListJobs(since="2026-11-21T15:00:00+01:00"), []),
        (ListJobs(since="2026-11-21"), ["job-2", "job-1", "job-0"]),
    ],
)
def test_jobs_are_found(book: MemoryStore, wanted: ListJobs, found: list[str]) -> None:
    """By project, session, state and since when; the newest first."""
    assert [job.id for job in list_jobs(book, ME, wanted).items] == found


@pytest.mark.parametrize("wanted", [ListJobs(state="asleep"), ListJobs(since="yesterday")])
def test_what_cannot_be_meant_is_refused(book: MemoryStore, wanted: ListJobs) -> None:
    with pytest.raises(Invalid):
        list_jobs(book, ME, wanted)


def test_cancelled_job_is_cancelled(book: MemoryStore) -> None:
    """One that has ended stays as it ended."""
    assert cancel_job(book, ME, CancelJob("job-1")).state is JobState.CANCELLED
    assert cancel_job(book, ME, CancelJob("job-0")).state is JobState.DONE
    assert show_job(book, ME, ShowJob("job-1")).state is JobState.CANCELLED
    for look in (lambda: show_job(book, ME, ShowJob("no")), lambda: cancel_job(book, ME, CancelJob("no"))):
        with pytest.raises(NotFound):
            look()
