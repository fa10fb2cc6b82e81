"""What stands beside a store in memory: its audit, its jobs, and what says that there are no readers and no seals."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.model import EntryMetadata, Job, JobState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import ProjectIds
from jupyter_modama.store.record_trust import Renewed


class MemoryAudit:
    """An audit that tests can read: `lines` as (operation, target, outcome), `""` while it goes on."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[str, str, str]] = {}
        self.told: list[dict[str, Any]] = []

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        return list(self.entries.values())

    def begin(
        self, op: str, actor: str, target: str, wanted: dict[str, Any], facts: Mapping[str, Any] | None = None
    ) -> str:
        line = secrets.token_hex(8)
        self.entries[line] = (op, target, "")
        told = {"line": line, "op": op, "actor": actor, "target": target, "wanted": wanted, **(facts or {})}
        self.told.append({"at": datetime.now(UTC).isoformat(), **told})
        return line

    def end(self, line: str, outcome: str, detail: str = "") -> None:
        op, target, _ = self.entries[line]
        self.entries[line] = (op, target, outcome)
        now = datetime.now(UTC).isoformat()
        self.told.append({"at": now, "line": line, "outcome": outcome, "detail": detail})

    def newest_first(self, before: str = "") -> Iterator[tuple[str, dict[str, Any], int]]:
        end = int(before) if before else len(self.told)
        return ((str(number), self.told[number], 1) for number in reversed(range(end)))

    def entries_at(self, positions: list[str]) -> list[dict[str, Any]]:
        return [self.told[int(position)] for position in positions]

    def rewrite(self, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
        before, self.told = self.told, [changed(entry) for entry in self.told]
        return int(before != self.told)


class MemoryJobs:
    """A book of jobs that tests can write in."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}

    def list(self) -> list[Job]:
        return sorted(self.jobs.values(), key=lambda job: job.id, reverse=True)

    def get(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFound(what=f"job “{job_id[:40]}”")
        return self.jobs[job_id]

    def ask_cancel(self, job_id: str) -> Job:
        job = self.get(job_id)
        if not job.state.ended:
            self.jobs[job_id] = job = replace(job, state=JobState.CANCELLED, ended=datetime.now(UTC))
        return job


class MemoryIds:
    """Where ids were found; nobody else looks at the same time."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, TreePath]] = []

    def recall(self, uuid: str) -> tuple[TreePath, ...]:
        return tuple(path for found, path in self.rows if found == uuid)

    def stamps(self) -> Mapping[TreePath, Mapping[TreePath, str]]:
        return {}

    def remember(self, read: Iterable[ProjectIds], seen: Collection[TreePath], *, whole: bool) -> None:
        self.rows = [row for project in read for row in project.found]

    def turn(self) -> AbstractContextManager[bool]:
        return nullcontext(False)


class MemoryTrust:
    """Nobody else writes records in memory."""

    def doubted(self, folder: TreePath) -> tuple[str, ...]:
        return ()

    def renew(self, folder: TreePath, *, aside: bool) -> Renewed:
        return Renewed()

    def learn(self, folder: TreePath) -> None: ...


class NoReaders:
    def metadata(self, path: TreePath) -> EntryMetadata:
        return EntryMetadata(path.shown, "", False, "there are no readers in memory")


class NoSeals:
    """There are no seals of single paths in memory."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise NotImplementedError(f"{name}: a store in memory does not seal single paths")
