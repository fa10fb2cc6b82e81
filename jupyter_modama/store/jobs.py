"""The book of jobs: one JSON file per long operation in the person's state folder, so that Lab, shell and notebook see
the same.

Whoever runs a job holds the lock of its `.lock` file, from before the job is first written down until it has ended; a
job that says it is queued or runs while nobody holds that lock was interrupted.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import NotFound, from_os
from jupyter_modama.core.model import Job, JobState
from jupyter_modama.store import locks, records

KEPT = timedelta(days=30)
_ID = re.compile(r"^[0-9a-z-]{8,40}$")
_ENDINGS = ("json", "lock", "cancel", "tries", "actor")


class Claim:
    """The lock of a job, of whoever runs it; it can be given back once from any thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            locks.release(fd)
            os.close(fd)


class JobFolder:
    """The jobs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_id(self) -> str:
        """An id that sorts by time."""
        return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(4)}"

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
            raise NotFound(what=f"job “{job_id[:40]}”")
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

    def written(self, job_id: str) -> Job | None:
        """A job as it was last written down, whether somebody runs it or not; None where it cannot be read."""
        try:
            return _job(json.loads((self.folder / f"{job_id}.json").read_bytes()))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _read(self, job_id: str) -> Job | None:
        # Asked before reading: a job that ends in between is then read as ended, not as interrupted.
        is_run = self.is_run(job_id)
        job = self.written(job_id)
        if job is not None and not job.state.ended and not is_run:
            return replace(job, state=JobState.INTERRUPTED)
        return job

    # running -----------------------------------------------------------------------------------------------------

    def claim(self, job_id: str) -> Claim:
        """Take the lock that says that somebody runs this job.

        Raises: BlockingIOError where somebody does already, OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self.folder / f"{job_id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            locks.acquire(fd, job_id)
        except BaseException:
            os.close(fd)
            raise
        return Claim(fd)

    def is_run(self, job_id: str) -> bool:
        try:
            fd = os.open(self.folder / f"{job_id}.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return bool(locks.holder(fd))
        finally:
            os.close(fd)

    def count_try(self, job_id: str) -> int:
        """Note that a job is begun again; answers how often it has been."""
        try:
            fd = os.open(self.folder / f"{job_id}.tries", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return 0
        try:
            with suppress(OSError):
                os.write(fd, b"x")
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def ask_cancel(self, job_id: str) -> Job:
        """Ask whoever runs the job to stop; a job that nobody runs is cancelled at once.

        Raises: NotFound, DiskFull, StorageError.
        """
        job = self.get(job_id)
        if job.state.ended:
            return job
        try:
            try:
                claim = self.claim(job_id)
            except BlockingIOError:
                (self.folder / f"{job_id}.cancel").touch(mode=0o600)
                return job
            try:
                return self._cancelled(job_id)
            finally:
                claim.release()
        except OSError as error:
            raise from_os(OSError(error.errno, error.strerror, job_id), f"cancelling the job {job_id}") from error

    def _cancelled(self, job_id: str) -> Job:
        """A job whose lock we hold, cancelled unless it has ended meanwhile."""
        job = self.written(job_id) or self.get(job_id)
        if not job.state.ended:
            now = datetime.now(UTC)
            job = replace(job, state=JobState.CANCELLED, ended=now, changed=now)
            self.write(job)
        return job

    def cancel_asked(self, job_id: str) -> bool:
        with suppress(OSError):
            return (self.folder / f"{job_id}.cancel").exists()
        return False

    def forget_cancel(self, job_id: str) -> None:
        with suppress(OSError):
            (self.folder / f"{job_id}.cancel").unlink(missing_ok=True)

    # who asked ---------------------------------------------------------------------------------------------------

    def note_actor(self, job_id: str, said: dict[str, Any]) -> None:
        """Keep who asked from where beside a job, which knows a login only; as well as that can be written."""
        with suppress(OSError):
            box = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                records.replace(box, f"{job_id}.actor", json.dumps(said).encode(), 0o600)
            finally:
                os.close(box)

    def noted_actor(self, job_id: str) -> Any:
        """What was kept. Raises: OSError, ValueError."""
        return json.loads((self.folder / f"{job_id}.actor").read_bytes())

    def forget_actor(self, job_id: str) -> None:
        with suppress(OSError):
            (self.folder / f"{job_id}.actor").unlink(missing_ok=True)

    def forget_old(self) -> None:
        """Drop jobs that ended long ago."""
        limit = datetime.now(UTC) - KEPT
        for job in self.list():
            if job.state.ended and job.ended and job.ended < limit:
                for ending in _ENDINGS:
                    with suppress(OSError):
                        (self.folder / f"{job.id}.{ending}").unlink(missing_ok=True)
        self._forget_copies()

    def _forget_copies(self) -> None:
        """Remove what a crash left of jobs that were being written; whoever writes one holds its lock."""
        for file in [*self.folder.glob(".*.*.*"), *self.folder.glob("*.actor")]:
            job_id = file.name.lstrip(".").partition(".")[0]
            is_there = (self.folder / f"{job_id}.json").exists()
            if not _ID.match(job_id) or (is_there and not file.name.startswith(".")):
                continue
            with suppress(OSError):
                claim = self.claim(job_id)
                file.unlink(missing_ok=True)
                claim.release()
                if not is_there:
                    (self.folder / f"{job_id}.lock").unlink(missing_ok=True)


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _job(record: dict[str, Any]) -> Job:
    """A job from its JSON form. Raises: ValueError, TypeError, KeyError where it is none."""
    known: dict[str, Any] = {k: record[k] for k in Job.__dataclass_fields__ if k in record}
    for name in ("started", "ended", "changed"):
        if known.get(name):
            moment = datetime.fromisoformat(known[name])
            known[name] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Job(**{**known, "state": JobState(known["state"])})
