"""The book of jobs: one JSON file per long operation in the person's state folder, so that Lab, shell and notebook see the same.

Whoever runs a job holds the lock of its `.lock` file; a job that says it runs while nobody holds that lock was interrupted.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.model import Job, JobState
from jupyter_modama.store import locks, records

KEPT = timedelta(days=30)
_ID = re.compile(r"^[0-9a-z-]{8,40}$")


class JobFolder:
    """The jobs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_id(self) -> str:
        """An id that sorts by time."""
        return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"

    def list(self) -> list[Job]:
        """All jobs, the newest first; files that cannot be read are passed over."""
        try:
            names = sorted((p.stem for p in self.folder.glob("*.json")), reverse=True)
        except OSError:
            return []
        return [job for name in names if _ID.match(name) and (job := self._read(name)) is not None]

    def get(self, job_id: str) -> Job:
        """One job.

        Raises: NotFound.
        """
        job = self._read(job_id) if _ID.match(job_id) else None
        if job is None:
            raise NotFound(what=f"job {job_id}")
        return job

    def write(self, job: Job) -> None:
        """Write a job whole or not at all.

        Raises: OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        box = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            text = json.dumps(asdict(job), default=_iso, ensure_ascii=False)
            records.replace(box, f"{job.id}.json", text.encode("utf-8", "backslashreplace"), 0o600)
        finally:
            os.close(box)

    def _read(self, job_id: str) -> Job | None:
        try:
            job = _job(json.loads((self.folder / f"{job_id}.json").read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if job.state in {JobState.RUNNING, JobState.QUEUED} and not self.is_run(job_id):
            return replace(job, state=JobState.INTERRUPTED)
        return job

    # running -----------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self, job_id: str) -> Iterator[None]:
        """Hold the lock that says that somebody runs this job.

        Raises: BlockingIOError where somebody does already.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self.folder / f"{job_id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with locks.held(fd, job_id):
                yield
        finally:
            os.close(fd)

    def is_run(self, job_id: str) -> bool:
        try:
            fd = os.open(self.folder / f"{job_id}.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return bool(locks.holder(fd))
        finally:
            os.close(fd)

    def ask_cancel(self, job_id: str) -> Job:
        """Ask whoever runs the job to stop; a job that nobody runs is cancelled at once."""
        job = self.get(job_id)
        if job.state.ended:
            return job
        if job.state is JobState.INTERRUPTED:
            job = replace(job, state=JobState.CANCELLED, ended=datetime.now(UTC), changed=datetime.now(UTC))
            self.write(job)
            return job
        (self.folder / f"{job_id}.cancel").touch(mode=0o600)
        return job

    def cancel_asked(self, job_id: str) -> bool:
        return (self.folder / f"{job_id}.cancel").exists()

    def forget_cancel(self, job_id: str) -> None:
        (self.folder / f"{job_id}.cancel").unlink(missing_ok=True)

    def forget_old(self) -> None:
        """Drop jobs that ended long ago."""
        limit = datetime.now(UTC) - KEPT
        for job in self.list():
            if job.state.ended and job.ended and job.ended < limit:
                for ending in ("json", "lock", "cancel"):
                    (self.folder / f"{job.id}.{ending}").unlink(missing_ok=True)


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _job(record: dict[str, Any]) -> Job:
    known = {k: record.get(k) for k in Job.__dataclass_fields__ if k in record}
    times = {k: datetime.fromisoformat(known[k]) for k in ("started", "ended", "changed") if known.get(k)}
    return Job(**{**known, **times, "state": JobState(known["state"])})
