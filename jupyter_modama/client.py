"""The service's caller: operations, long work and news, with the same answers and errors as done here.

Standard library only, so that shell and notebook stay light.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jupyter_modama.core.errors import (
    Cancelled,
    Invalid,
    StorageError,
    Unreachable,
    VersionMismatch,
    from_problem,
    printable,
)
from jupyter_modama.core.model import Event, Job, JobState, Person, Progress, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation
from jupyter_modama.core.paths import encoded
from jupyter_modama.core.shapes import Misshapen, shaped
from jupyter_modama.exchange import CONNECT_S, Exchange, Opened, Response

ANSWER_S = 310.0  # a disk can be slow; long work is a job, and not waited for in one call
SILENCE_S = 50.0  # of the stream of events, which says every 15 s that it is still there
PATIENCE_S = 900.0  # for a service that restarts while a job of ours is with it
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_AWAY_S = 0.1, 1.0, 10.0
LARGEST_EVENT = 16 << 20
PLACES = {"path", "project", "session"}  # fields whose bytes `path_b64` says


@dataclass(frozen=True, slots=True)
class Told:
    """What a service says of itself, and whom it takes us for."""

    version: str = ""
    contract: str = ""
    person: Person | None = None
    keeper: str = ""  # here | away, where the service has one


class ServiceClient:
    """One service, for the person of one token."""

    def __init__(self, address: str, token: str, via: Via = Via.CLI) -> None:
        """Raises: Invalid for an address that is none."""
        self.exchange = Exchange(address, token, via)

    @property
    def address(self) -> str:
        return self.exchange.address

    # operations ----------------------------------------------------------------------------------------------------

    def do(self, operation: str | Operation, wanted: Any) -> Any:
        """The answer of an operation, or the job of a long one.

        Raises: what the operation raises; Unreachable, NotSignedIn, VersionMismatch.
        """
        row = _row(operation)
        answer = self.call(row.name, asked(row, wanted))
        if row.kind is not Kind.LONG:
            return self.exchange.shaped(row.answer, answer)
        return self.exchange.shaped(Job, answer.get("job") if isinstance(answer, dict) else None)

    def call(self, operation: str, fields: dict[str, Any]) -> Any:
        """What the service answers, as JSON values.

        Raises: as `do` does.
        """
        body = json.dumps(fields).encode()
        with self.exchange.asked("POST", operation, body, limit_s=ANSWER_S) as response:
            return self.exchange.json(response, operation)

    def status(self, limit_s: float = CONNECT_S) -> Told:
        """What the service says of itself, and whom it takes us for.

        Raises: Unreachable, NotSignedIn, NotAllowed, VersionMismatch.
        """
        with self.exchange.asked("GET", "status", limit_s=limit_s) as response:
            answer = self.exchange.json(response)
        if isinstance(answer, dict):
            self.exchange.version = str(answer.get("version", ""))
        told: Told = self.exchange.shaped(Told, answer)
        self.exchange.check_version()
        return told

    # long work -----------------------------------------------------------------------------------------------------

    def run(self, operation: str | Operation, wanted: Any) -> Generator[Progress, None, Any]:
        """Do a long operation at the service: its steps, and its answer at the end.

        A Cancelled that is thrown in asks for it to stop. Closing this leaves the work to the service.
        Raises: what the operation raises; Unreachable when the service stays away, while the work may go on there.
        """
        row = _row(operation)
        steps = self.follow(self.do(row, wanted))
        while True:
            try:
                job = next(steps)
            except StopIteration as end:
                return self._ended(row, end.value)
            try:
                yield Progress(job.phase, job.done, job.total, job.unit, job.message)
            except Cancelled:
                self.cancel(job.id)

    def wait(self, operation: str | Operation, wanted: Any, told: Callable[[Job], None]) -> Any:
        """Do a long operation at the service, and answer as it does; `told` is called with its job again and again.

        Ctrl-C asks it to stop, and a second one stops waiting for that, while the work goes on.
        Raises: as `run` does.
        """
        row = _row(operation)
        job: Job = self.do(row, wanted)
        asked_to_stop = False
        while not job.state.ended:
            try:
                for step in self.follow(job):
                    job = step
                    told(job)
                job = self._shown(job)
            except KeyboardInterrupt:
                if asked_to_stop:
                    raise
                asked_to_stop = True
                self.cancel(job.id)
        return self._ended(row, job)

    def follow(self, job: Job) -> Generator[Job, None, Job]:
        """A job again and again until it has ended, also while the service is away for a while.

        Raises: Unreachable, NotSignedIn.
        """
        wait = FIRST_WAIT_S
        while not job.state.ended:
            yield job
            time.sleep(wait)
            wait = min(wait * 1.5, LONGEST_WAIT_S)
            job = self._shown(job)
        return job

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop. Raises: NotFound, Unreachable."""
        row = OPERATIONS["job.cancel"]
        found: Job = self.do(row, row.wanted(id=job_id))
        return found

    def _shown(self, job: Job) -> Job:
        """The job as it is now; a service that is away is waited for. Raises: Unreachable, NotSignedIn."""
        row = OPERATIONS["job.show"]
        begun, wait = time.monotonic(), LONGEST_WAIT_S
        while True:
            try:
                found: Job = self.do(row, row.wanted(id=job.id))
                return found
            except VersionMismatch:
                raise
            except Unreachable as error:
                if time.monotonic() - begun > PATIENCE_S:
                    why = f"it has been away for {PATIENCE_S:.0f} s; the work goes on there as job {job.id}"
                    raise self.exchange.unreachable(why) from error
            time.sleep(wait)
            wait = min(wait * 1.5, LONGEST_AWAY_S)

    def _ended(self, row: Operation, job: Job) -> Any:
        if job.state is JobState.DONE:
            return self.exchange.shaped(row.answer, job.result)
        if job.problem:
            raise from_problem(job.problem)
        if job.state is JobState.CANCELLED:
            raise Cancelled(consequence="stopped when asked to")
        raise StorageError(what=row.name, why="the service does not say why")

    # events --------------------------------------------------------------------------------------------------------

    def events(self, after: int | None = None, opened: Opened | None = None) -> Iterator[Event]:
        """News as it comes, from after the event `after` on, until the connection ends.

        `opened` is told of the connection, so that another thread can shut it down.
        Raises: Unreachable when it breaks, NotSignedIn.
        """
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(after)} if after is not None else {})}
        with self.exchange.asked("GET", "events", limit_s=SILENCE_S, headers=headers, opened=opened) as response:
            for data in _blocks(response):
                with suppress(Misshapen, ValueError):  # of a newer service, which we need not understand
                    yield shaped(Event, json.loads(data))


def _row(operation: str | Operation) -> Operation:
    return OPERATIONS[operation] if isinstance(operation, str) else operation


def asked(operation: Operation, wanted: Any) -> dict[str, Any]:
    """What is asked for, as JSON values; a path that is no text goes as its bytes.

    Raises: Invalid for any other text that is none.
    """
    fields = {f.name: getattr(wanted, f.name) for f in dataclasses.fields(wanted)}
    found = {name: _plain(value) for name, value in fields.items()}
    for name, value in fields.items():
        if not isinstance(value, str) or printable(value) == value:
            continue
        found[name] = printable(value)
        beside = f"{name}_b64" if name not in PLACES else "path_b64"
        if beside not in fields:
            raise Invalid(what=f"the {name} “{printable(value)}” is no text, and cannot be sent")
        found[beside] = fields[beside] or encoded(operation.target(wanted) if name in PLACES else value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _blocks(response: Response) -> Iterator[str]:
    """The data of each event of a stream."""
    data: list[str] = []
    while line := response.readline(LARGEST_EVENT):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if data:
                yield "\n".join(data)
            data = []
        elif text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
