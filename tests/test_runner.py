"""Jobs: seen everywhere, cancelled from anywhere, gone on with after a crash, and run by one runner only."""

from __future__ import annotations

import dataclasses
import errno
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama import runner as module
from jupyter_modama.core import operations
from jupyter_modama.core.errors import AlreadySealed, Cancelled, DiskFull, ModamaError, NotFound, StorageError
from jupyter_modama.core.model import Actor, Job, JobState, Progress, Removed, Role
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, Scope
from jupyter_modama.core.ports import Store
from jupyter_modama.core.sealing import SealSession, Writers
from jupyter_modama.runner import Runner, plain, wanted_from
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.jobs import JobFolder


@dataclass(frozen=True, slots=True)
class DoWork:
    path: str = ""
    steps: int = 3
    path_b64: str = ""


class Work:
    """A long operation that the tests drive: what it does at each step, and what became of it."""

    def __init__(self) -> None:
        self.at_step: Callable[[int], None] = lambda number: None
        self.at_check: Callable[[], None] = lambda: None
        self.seen: list[Any] = []
        self.closed = threading.Event()
        self.row = self.operation()

    def operation(self) -> Operation:
        def check(store: Store, actor: Actor, wanted: DoWork) -> None:
            self.at_check()

        def function(store: Store, actor: Actor, wanted: DoWork) -> Generator[Progress, None, Removed]:
            """Work."""
            try:
                for number in range(wanted.steps):
                    self.at_step(number)
                    self.seen.append(number)
                    yield Progress("working", number + 1, wanted.steps)
                return Removed(f"did {wanted.steps}")
            except BaseException as error:
                self.seen.append(type(error).__name__)
                raise
            finally:
                self.closed.set()

        function.__annotations__ = {"wanted": DoWork, "return": Generator[Progress, None, Removed]}
        return Operation("test.work", function, Role.READER, Kind.LONG, Scope.PATH, check=check)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    made = Work()
    monkeypatch.setitem(OPERATIONS, "test.work", made.row)
    monkeypatch.setattr(module, "TOLD_EVERY_S", 0.0)
    return made


@pytest.fixture
def runner(store: DiskStore) -> Iterator[Runner]:
    made = Runner(store)
    yield made
    made.close()


def until(true: Callable[[], Any]) -> Any:
    """Wait for something that happens in another thread or process."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("it did not happen")


def ended(runner: Runner, job: Job) -> Job:
    def look() -> Job | None:
        found = runner.store.jobs.get(job.id)
        return found if found.state.ended and not runner.store.jobs.is_run(job.id) else None

    return until(look)


# One job -------------------------------------------------------------------------------------------------------------


def test_job_is_told_from_begin_to_end(runner: Runner, work: Work, actor: Actor) -> None:
    """Queued, running with its progress, done with its result."""
    told: list[Job] = []
    runner.listen(told.append)
    make(runner, "adhoc")
    job = runner.start(work.row, DoWork("adhoc"), actor)
    assert job.state is JobState.QUEUED
    done = ended(runner, job)
    assert (done.state, done.result, done.done, done.total, done.phase) == (
        JobState.DONE,
        {"path": "did 3"},
        3,
        3,
        "working",
    )
    assert [j.state for j in told] == [JobState.RUNNING] * 4 + [JobState.DONE]
    assert [j.done for j in told] == [0, 1, 2, 3, 3]
    assert done.ended is not None
    assert done.started is not None
    assert done.started <= done.ended


def make(runner: Runner, path: str) -> Path:
    folder = Path(runner.store.site.root) / path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_run_waits_and_answers(runner: Runner, work: Work, actor: Actor) -> None:
    """And leaves a job that others can see."""
    told: list[Job] = []
    assert runner.run(work.row, DoWork(), actor, told.append) == Removed("did 3")
    assert [job.state for job in runner.store.jobs.list()] == [JobState.DONE]
    assert told[-1].state is JobState.DONE


def test_what_the_check_refuses_is_no_job(runner: Runner, work: Work, actor: Actor) -> None:
    """The answer is the error itself."""

    def refuse() -> None:
        raise AlreadySealed(session="s")

    work.at_check = refuse
    for begin in (runner.start, runner.run):
        with pytest.raises(AlreadySealed):
            begin(work.row, DoWork(), actor)
    with pytest.raises(NotFound):
        runner.start(OPERATIONS["folder.sort"], OPERATIONS["folder.sort"].wanted(path="none"), actor)
    assert runner.store.jobs.list() == []


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (AlreadySealed(session="s"), "already-sealed", "s is sealed already"),
        (OSError(errno.ENOSPC, "No space left on device", "/secret/x"), "disk-full", "No space left"),
        (OSError(errno.EIO, "Input/output error", "/secret/x"), "storage-error", "Input/output error"),
        (ZeroDivisionError("secret"), "storage-error", "an unexpected ZeroDivisionError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_failure_stands_in_the_job_in_words(
    runner: Runner, work: Work, actor: Actor, error: Exception, code: str, words: str
) -> None:
    """For whoever waits for it as an error of ours; without a traceback or a path."""

    def fail(number: int) -> None:
        raise error

    work.at_step = fail
    failed = ended(runner, runner.start(work.row, DoWork(), actor))
    assert failed.state is JobState.FAILED
    assert failed.problem is not None
    assert failed.problem["type"] == f"urn:modama:{code}"
    assert words in failed.problem["detail"]
    assert "secret" not in json.dumps(failed.problem)
    with pytest.raises(ModamaError, match=words):
        runner.run(work.row, DoWork(), actor)
    assert [e["outcome"] for e in runner.store.audit.lines() if "outcome" in e] == ["failed", "failed"]


def test_listener_that_fails_harms_nobody(runner: Runner, work: Work, actor: Actor) -> None:
    """Neither the job nor the other listeners."""
    told: list[Job] = []

    def fail(job: Job) -> None:
        raise RuntimeError("a page that was closed")

    runner.listen(fail)
    runner.listen(told.append)
    assert runner.run(work.row, DoWork(), actor, fail) == Removed("did 3")
    assert told[-1].state is JobState.DONE


def test_many_steps_are_told_and_written_now_and_then(
    runner: Runner, work: Work, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock, not by the step; the end is told and written in any case."""
    clock = [1000.0]
    written: list[Job] = []
    told: list[Job] = []
    plain_write = JobFolder.write
    monkeypatch.setattr(module, "TOLD_EVERY_S", 0.1)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(JobFolder, "write", lambda self, job: (written.append(job), plain_write(self, job))[1])

    def tick(number: int) -> None:
        clock[0] += 0.01

    work.at_step = tick
    runner.run(work.row, DoWork(steps=1000), actor, told.append)
    assert 90 <= len(told) <= 110
    assert 15 <= len(written) <= 25
    assert (written[-1].state, written[-1].done) == (JobState.DONE, 1000)


@pytest.mark.parametrize("when", ["begin", "middle"])
def test_full_disk_under_the_state_folder(
    runner: Runner, work: Work, actor: Actor, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Before the work it is refused, nothing done; once it goes on, it is not stopped by that."""

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "begin":
        monkeypatch.setattr(runner.store.jobs, "write", full)
        with pytest.raises(DiskFull, match="writing down that this job begins"):
            runner.run(work.row, DoWork(), actor)
        assert work.seen == []
        assert runner.store.audit.lines() == []
        return

    def fills(number: int) -> None:
        if number == 1:
            monkeypatch.setattr("jupyter_modama.store.records.replace", full)
            monkeypatch.setattr("jupyter_modama.store.audit._append", full)

    work.at_step = fills
    assert runner.run(work.row, DoWork(), actor) == Removed("did 3")


def test_jobs_of_a_session_name_it(runner: Runner, do: Any, actor: Actor) -> None:
    """By its bytes, whatever text stands beside them."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    row = OPERATIONS["session.seal"]
    made = runner._new_job(row, row.wanted(project="innocent", session="x", path_b64="YWRob2MvcC9z"), actor)
    assert (made.project, made.session) == ("adhoc/p", "s")


def test_sorting_a_folder_is_a_job_as_any(runner: Runner, do: Any, actor: Actor) -> None:
    """Long work that is not audited."""
    row = OPERATIONS["folder.sort"]
    make(runner, "adhoc/a")
    done = ended(runner, runner.start(row, row.wanted(path="adhoc", sort="-size"), actor))
    assert done.result is not None
    assert [item["name"] for item in done.result["items"]] == ["a"]
    assert runner.store.audit.lines() == []


def test_two_jobs_in_one_thread_do_not_mix(runner: Runner, work: Work, actor: Actor) -> None:
    """One that begins another while it is told of, too."""
    inner: list[Any] = []

    def nested(job: Job) -> None:
        if job.done == 1 and not inner:
            inner.append("begun")
            inner.append(runner.run(work.row, DoWork(steps=7), actor))

    assert runner.run(work.row, DoWork(steps=2), actor, nested) == Removed("did 2")
    assert inner[1] == Removed("did 7")
    assert sorted((job.total, job.done, job.state) for job in runner.store.jobs.list()) == [
        (2, 2, JobState.DONE),
        (7, 7, JobState.DONE),
    ]


# Stopping ------------------------------------------------------------------------------------------------------------


def test_cancelled_by_another_program(runner: Runner, work: Work, actor: Actor) -> None:
    """Which only knows the state folder; the work gets to tidy up."""
    go_on = threading.Event()
    work.at_step = lambda number: go_on.wait(15) and None
    job = runner.start(work.row, DoWork(steps=1000), actor)
    until(lambda: runner.store.jobs.get(job.id).state is JobState.RUNNING)
    code = f"""
from pathlib import Path
from jupyter_modama.store.jobs import JobFolder
print(JobFolder(Path({str(runner.store.jobs.folder)!r})).ask_cancel({job.id!r}).state)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20).stdout
    assert said == "running\n"
    go_on.set()
    stopped = ended(runner, job)
    assert stopped.state is JobState.CANCELLED
    assert stopped.problem is not None
    assert stopped.problem["type"] == "urn:modama:cancelled"
    assert work.seen[-1] == "Cancelled"
    assert not runner.store.jobs.cancel_asked(job.id)
    assert runner.store.audit.lines()[-1]["outcome"] == "cancelled"


@pytest.mark.parametrize("where", ["in the work", "between steps"])
def test_ctrl_c(runner: Runner, work: Work, actor: Actor, where: str) -> None:
    """Wherever it hits: the work tidies up, the job is cancelled, and nobody sees a traceback."""

    def interrupt(number: int) -> None:
        if number == 1 and where == "in the work":
            signal.raise_signal(signal.SIGINT)

    hits: list[str] = []

    def bar(job: Job) -> None:
        if job.done == 1 and where == "between steps" and not hits:
            hits.append("once")
            signal.raise_signal(signal.SIGINT)

    work.at_step = interrupt
    with pytest.raises(Cancelled, match="Ctrl-C"):
        runner.run(work.row, DoWork(), actor, bar)
    assert work.closed.is_set()
    assert work.seen[-1] == ("KeyboardInterrupt" if where == "in the work" else "Cancelled")
    assert [job.state for job in runner.store.jobs.list()] == [JobState.CANCELLED]


def test_work_that_refuses_to_be_cancelled_is_done(runner: Runner, store: DiskStore, actor: Actor) -> None:
    """A last step that cannot be stopped ends as it ends."""

    def function(store: Store, actor: Actor, wanted: DoWork) -> Generator[Progress, None, Removed]:
        try:
            yield Progress("working")
        except Cancelled:
            yield Progress("tidying")
        return Removed("all the same")

    row = dataclasses.replace(Work().row, function=function)

    def cancel(job: Job) -> None:
        store.jobs.ask_cancel(job.id)

    assert runner.run(row, DoWork(), actor, cancel) == Removed("all the same")
    assert not runner.store.jobs.cancel_asked(runner.store.jobs.list()[0].id)


def test_closing_interrupts_and_the_next_runner_goes_on(store: DiskStore, work: Work, actor: Actor) -> None:
    """Running and waiting jobs, under their ids; nothing is begun by a closed runner."""
    go_on = threading.Event()
    work.at_step = lambda number: go_on.wait(15) and None
    first = Runner(store, threads=1)
    jobs = [first.start(work.row, DoWork(steps=5), actor) for _ in range(2)]
    until(lambda: store.jobs.get(jobs[0].id).state is JobState.RUNNING)
    assert store.jobs.get(jobs[1].id).state is JobState.QUEUED
    first.stopping.set()
    go_on.set()
    first.close()
    assert [store.jobs.get(job.id).state for job in jobs] == [JobState.INTERRUPTED] * 2
    with pytest.raises(StorageError, match="being stopped"):
        first.start(work.row, DoWork(), actor)
    second = Runner(store)
    second.resume_interrupted(actor)
    assert [ended(second, job).state for job in jobs] == [JobState.DONE] * 2
    second.close()
    assert "interrupted" in [e.get("outcome") for e in store.audit.lines()]


# After a crash -------------------------------------------------------------------------------------------------------

SLOW = """
import os, sys, time
sys.path.insert(0, {here!r})
import test_runner as tests
from jupyter_modama.core.model import Site, Via
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.runner import Runner, local_actor
from jupyter_modama.store.disk import DiskStore
work = tests.Work()
OPERATIONS["test.work"] = work.row
work.at_step = lambda number: time.sleep(0.05)
runner = Runner(DiskStore(Site(root={root!r})))
"""


@pytest.fixture
def process(store: DiskStore) -> Iterator[subprocess.Popen[str]]:
    """A program that runs slow work, and says the id of its job."""
    code = SLOW.format(here=str(Path(__file__).parent), root=store.site.root) + (
        "print(runner.start(work.row, tests.DoWork(steps=10000), local_actor(Via.LAB)).id, flush=True)\n"
        "time.sleep(600)\n"
    )
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.communicate(timeout=20)


def test_job_survives_its_killed_runner(
    store: DiskStore, runner: Runner, work: Work, actor: Actor, process: Any
) -> None:
    """Seen as running, as interrupted after the kill, and done by the next runner, under the same id."""
    job_id = process.stdout.readline().strip()
    until(lambda: store.jobs.get(job_id).done > 2)
    assert store.jobs.get(job_id).state is JobState.RUNNING
    assert runner.resume_interrupted(actor) == [], "somebody runs it"
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert store.jobs.get(job_id).state is JobState.INTERRUPTED
    assert store.audit.lines()[-1].get("op") == "test.work"
    work.at_step = lambda number: time.sleep(0.01)
    assert [job.id for job in runner.resume_interrupted(actor)] == [job_id]
    until(lambda: work.seen)
    store.jobs.ask_cancel(job_id)
    assert ended(runner, store.jobs.get(job_id)).state is JobState.CANCELLED
    outcomes = [e["outcome"] for e in store.audit.lines() if "outcome" in e]
    assert outcomes == ["interrupted", "cancelled"]


def interrupted(store: DiskStore, actor: Actor, op: str = "test.work", **wanted: Any) -> Job:
    """A job whose runner is gone."""
    job = Job(store.jobs.new_id(), op, {"path": "", "steps": 3, **wanted}, actor.person.login, JobState.RUNNING)
    store.jobs.write(job)
    return job


def test_two_runners_never_go_on_with_the_same_job(store: DiskStore, work: Work, actor: Actor) -> None:
    """However they race for it."""
    jobs = [interrupted(store, actor, steps=1) for _ in range(30)]
    runners = [Runner(store, threads=1) for _ in range(3)]
    start, begun = threading.Barrier(3), []

    def resume(runner: Runner) -> None:
        start.wait()
        begun.extend(job.id for job in runner.resume_interrupted(actor))

    threads = [threading.Thread(target=resume, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs:
        ended(runners[0], job)
    for runner in runners:
        runner.close()
    assert sorted(begun) == sorted(job.id for job in jobs)
    assert work.seen == [0] * 30


def test_job_that_ended_while_one_looked_is_not_begun_again(
    store: DiskStore, runner: Runner, work: Work, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another runner has finished it between the list and the claim."""
    stale = dataclasses.replace(interrupted(store, actor), state=JobState.INTERRUPTED)
    store.jobs.write(dataclasses.replace(stale, state=JobState.DONE))
    monkeypatch.setattr(store.jobs, "list", lambda: [stale])
    assert runner.resume_interrupted(actor) == []
    assert work.seen == []
    assert not store.jobs.is_run(stale.id)


def test_cancel_that_comes_too_late_is_forgotten(store: DiskStore, runner: Runner, work: Work, actor: Actor) -> None:
    """So that it does not stop a later try of the same job."""

    def late(job: Job) -> None:
        if job.state is JobState.DONE:
            (store.jobs.folder / f"{job.id}.cancel").touch()

    runner.run(work.row, DoWork(), actor, late)
    assert not store.jobs.cancel_asked(store.jobs.list()[0].id)


def test_queued_job_of_another_runner_is_not_taken(store: DiskStore, work: Work, actor: Actor) -> None:
    """It waits for a thread there, and is no leftover."""
    go_on = threading.Event()
    work.at_step = lambda number: go_on.wait(15) and None
    first, second = Runner(store, threads=1), Runner(store)
    jobs = [first.start(work.row, DoWork(steps=1), actor) for _ in range(3)]
    assert second.resume_interrupted(actor) == []
    go_on.set()
    assert {ended(first, job).state for job in jobs} == {JobState.DONE}
    assert work.seen == [0] * 3
    first.close()
    second.close()


def test_job_that_cannot_go_on_says_why(store: DiskStore, runner: Runner, work: Work, actor: Actor) -> None:
    """Refused by its check, unknown to this version, or asked for in a way that it does not know."""

    def refuse() -> None:
        raise AlreadySealed(session="s")

    work.at_check = refuse
    jobs = [
        interrupted(store, actor),
        interrupted(store, actor, op="session.teleport"),
        interrupted(store, actor, op="session.seal", writers="nobody knows"),
        interrupted(store, actor, op="session.unseal"),
        interrupted(store, actor, path=5),
    ]
    assert runner.resume_interrupted(actor) == []
    found = [store.jobs.get(job.id) for job in jobs]
    assert [job.state for job in found] == [JobState.FAILED] * 5
    problems = [(job.problem or {})["type"].rpartition(":")[2] for job in found]
    assert problems[:4] == ["already-sealed", "storage-error", "storage-error", "storage-error"]
    assert [job.id for job in store.jobs.list() if store.jobs.is_run(job.id)] == []
    assert runner.resume_interrupted(actor) == []


def test_job_that_brings_its_runner_down_is_given_up(store: DiskStore, work: Work, actor: Actor) -> None:
    """After some tries, so that a server can start."""
    job = interrupted(store, actor)
    for _ in range(module.MOST_TRIES):
        assert store.jobs.count_try(job.id)
    runner = Runner(store)
    assert runner.resume_interrupted(actor) == []
    assert store.jobs.get(job.id).state is JobState.FAILED
    assert "was interrupted 5 times" in (store.jobs.get(job.id).problem or {})["detail"]
    runner.close()


def test_jobs_of_other_people_are_left_alone(store: DiskStore, runner: Runner, work: Work, actor: Actor) -> None:
    """A state folder can be shared after `su`."""
    job = interrupted(store, dataclasses.replace(actor, person=dataclasses.replace(actor.person, login="somebody")))
    assert runner.resume_interrupted(actor) == []
    assert store.jobs.get(job.id).state is JobState.INTERRUPTED


def test_cancelled_leftover_is_not_gone_on_with(store: DiskStore, runner: Runner, work: Work, actor: Actor) -> None:
    job = interrupted(store, actor)
    store.jobs.ask_cancel(job.id)
    assert runner.resume_interrupted(actor) == []
    assert work.seen == []


# Forms ---------------------------------------------------------------------------------------------------------------


def test_what_was_asked_for_comes_back_from_json() -> None:
    """With its choices, with bytes that are no text, without what this version does not know."""
    row = OPERATIONS["session.seal"]
    wanted = SealSession("adhoc/p", "s\udcff", note="n", writers=Writers.WAIT, wait_s=5)
    record = json.loads(json.dumps(dataclasses.asdict(wanted)))
    assert wanted_from(row, {**record, "of_the_future": 1}) == wanted


@pytest.mark.parametrize("name", [name for name, row in OPERATIONS.items() if row.kind is Kind.LONG])
def test_every_long_operation_can_be_asked_for_again(name: str) -> None:
    row = operations.OPERATIONS[name]
    values = {"project": "adhoc/p", "session": "s", "path": "adhoc", "visibility": "open", "to": "x", "add": ("a", "b")}
    values |= {"person": "x", "reason": "y", "email": "x@example.org"}
    fields = {f.name for f in dataclasses.fields(row.wanted)}
    wanted = row.wanted(**{key: value for key, value in values.items() if key in fields})
    assert wanted_from(row, json.loads(json.dumps(dataclasses.asdict(wanted)))) == wanted


def test_answers_become_json() -> None:
    """Dataclasses, choices, times and names that are no text."""
    found = plain({"job": Job("j", "o", {}, "a", JobState.DONE), "names": ("\udcff", None, 1.5)})
    assert json.loads(json.dumps(found))["job"]["state"] == "done"
    assert found["names"] == ["\\xff", None, 1.5]
    assert plain(5) == {"value": 5}


def test_who_asked_is_kept_before_the_job_is_there(
    runner: Runner, work: Work, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a job that a kill has cut off in its first moment goes on for them."""
    known: list[Any] = []
    write = runner.jobs.write

    def written(job: Job) -> None:
        known.append(runner.jobs.noted_actor(job.id))
        write(job)

    monkeypatch.setattr(runner.jobs, "write", written)
    ended(runner, runner.start(work.row, DoWork(), actor, {"uid": 7}))
    assert known[0] == {"uid": 7}
