"""People who work all at the same time: through the service, through their own server, and in the shell."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_modama.core.operations import OPERATIONS, Kind
from jupyter_modama.shell.arguments import arguments_of
from jupyter_modama.testing.accounts import Account
from jupyter_modama.testing.accounts import _python as everybodys_python
from jupyter_modama.testing.running_hub import PACKAGES, Answer

from .ledger import Doing, Ledger, Outcome, judged, judged_problem
from .site import ChaosSite

MOST_PROJECTS, MOST_SESSIONS = 3, 6
JOB_PATIENCE_S = 600.0
SHELL_PATIENCE_S = 1500.0  # the shell itself waits for a service that is away, for a quarter of an hour
CLI = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from jupyter_modama.cli import main; sys.exit(main())"
# Each file's content follows from its number, so that it can be known again.
WRITE = """
import os, random, sys
folder, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder, exist_ok=True)
for number in range(first, first + count):
    name = f"{number:07d}.dat"
    fd = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    content = random.Random(str(number)).randbytes(random.Random(str(number)).randrange(100, 60_000))
    assert os.write(fd, content) == len(content)
    os.close(fd)
    print(name, flush=True)
"""


def content_of(number: int) -> bytes:
    return seeded(number).randbytes(seeded(number).randrange(100, 60_000))


def seeded(seed: object) -> random.Random:
    """Choices that can be made again."""
    return random.Random(str(seed))  # noqa: S311 - nothing secret


class Worker(threading.Thread):
    """One of the things that somebody does at a time, chosen at random, until the storm is over."""

    def __init__(self, site: ChaosSite, ledger: Ledger, who: Account, number: int, seed: int) -> None:
        super().__init__(name=f"{who.name}-{number}", daemon=True)
        self.site, self.ledger, self.who = site, ledger, who
        self.random = seeded(f"{seed} {who.name} {number}")
        self.over = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self._one()
        except BaseException as error:
            self.failure = error

    def _one(self) -> None:
        choices: list[tuple[Callable[[], None], int]] = [
            (self.create_project, 2),
            (self.create_session, 5),
            (self.put_files, 8),
            (self.seal, 8),
            (self.undo, 3),
            (self.verify, 3),
            (self.rename_project, 2),
            (self.rename_session, 3),
            (self.set_members, 5),
            (self.set_visibility, 1),
            (self.update_session, 2),
            (self.remove_session, 1),
            (self.look, 2),
        ]
        if self.who is self.site.admin:
            choices = [(self.unseal, 3), (self.verify, 1), (self.look, 1), (self.create_project, 1), (self.seal, 1)]
            choices += [(self.create_session, 1), (self.put_files, 2)]
        chosen = self.random.choices([do for do, _ in choices], [weight for _, weight in choices])[0]
        # The tree changes while it is looked at.
        with suppress(FileNotFoundError, NotADirectoryError, ValueError, IndexError, KeyError):
            chosen()

    # what there is, as the disk says -------------------------------------------------------------------------------

    def projects(self, *, mine: bool = False) -> list[Path]:
        adhoc = self.site.root / "adhoc"
        found = [path for path in adhoc.iterdir() if not path.name.startswith(".")]
        own = [path for path in found if record(path, "project").get("created_by") == self.who.login]
        return own if mine or (own and self.random.random() < 0.6) else found

    def sessions(self) -> list[Path]:
        return sessions_of(self.random.choice(self.projects()))

    def session(self) -> Path:
        return self.random.choice(self.sessions())

    # doing -----------------------------------------------------------------------------------------------------------

    def do(self, op: str, wanted: dict[str, Any], *, sets: list[tuple[str, str]] | None = None) -> Doing:
        """Ask for an operation in one of the ways, and keep what becomes of it."""
        way = self.random.choices(["service", "server", "shell"], [10, 7, 1])[0]
        doing = Doing(self.who.login, op, wanted, way, sets=sets or [])
        self.ledger.begin(doing)
        outcome, code = Outcome.BROKEN, ""
        try:
            if way == "shell":
                outcome, code, doing.answer = self._shell(op, wanted)
            else:
                outcome, code, doing.answer = self._asked(doing, op, wanted, way == "server")
        except (OSError, http.client.HTTPException) as error:
            code = type(error).__name__
        except (AssertionError, ValueError) as error:
            self.ledger.lie(f"{doing}: {error!r}")
        finally:
            self.ledger.end(doing, outcome, code)
        is_away = way == "server" and outcome in {Outcome.PROXY, Outcome.BROKEN}
        if is_away and not self.over.is_set() and not self.site.server_pids(self.who):
            self.site.start_server(self.who, 30.0)
        if outcome not in {Outcome.DONE, Outcome.REFUSED}:
            self.over.wait(self.random.uniform(0.3, 2.0))  # as people do who try again
        return doing

    def _asked(
        self, doing: Doing, op: str, wanted: dict[str, Any], by_server: bool
    ) -> tuple[Outcome, str, dict[str, Any]]:
        outcome, code, answer = said_by(self.site.ask(self.who, op, wanted, by_server=by_server), doing.way)
        if outcome is Outcome.DONE and OPERATIONS[op].kind is Kind.LONG:
            doing.job = answer["job"]["id"]
            return self._followed(doing, by_server)
        return outcome, code, answer

    def _followed(self, doing: Doing, by_server: bool) -> tuple[Outcome, str, dict[str, Any]]:
        """The end of a job; whoever answers may be away meanwhile."""
        deadline = time.monotonic() + JOB_PATIENCE_S
        while time.monotonic() < deadline:
            time.sleep(0.15)
            try:
                answered = self.site.ask(self.who, "job.show", {"id": doing.job}, by_server=by_server)
                outcome, code, job = said_by(answered, doing.way)
            except (OSError, http.client.HTTPException):
                outcome, code, job = Outcome.BROKEN, "", {}
            if outcome in {Outcome.PROXY, Outcome.BROKEN}:
                if by_server and not self.site.server_pids(self.who):
                    self.site.start_server(self.who, 10.0)
                continue
            if outcome is Outcome.REFUSED:
                assert code in {"busy", "too-many-requests", "not-signed-in"}, f"the job is not known: {code} {job}"
            if outcome is not Outcome.DONE or job["state"] in {"queued", "running", "interrupted"}:
                continue
            if job["state"] == "done":
                return Outcome.DONE, "", job["result"]
            assert job["problem"], job
            _, code, problem = judged_problem(job["problem"], 0)
            return Outcome.FAILED, code, problem
        self.ledger.lie(f"{doing}: the job {doing.job} has not ended in {JOB_PATIENCE_S:.0f} s")
        return Outcome.FAILED, "never-ended", {}

    def _shell(self, op: str, wanted: dict[str, Any]) -> tuple[Outcome, str, dict[str, Any]]:
        """By the command line, as somebody who came by ssh."""
        noun, verb = op.replace("_", "-").split(".")
        words = [noun, verb]
        for argument in arguments_of(OPERATIONS[op]):
            value = wanted.get(argument.name, [])
            for each in value if isinstance(value, list) else [value]:
                words += [str(each)] if argument.position else [argument.option, str(each)]
        environment = {"MODAMA_SITE": str(self.site.site_file), "MODAMA_TOKEN": self.site.tokens[self.who.login]}
        done = subprocess.run(
            [everybodys_python(), "-I", "-c", CLI, PACKAGES, *words, "--json"],
            user=self.who.uid,
            group=self.who.gid,
            extra_groups=self.who.groups,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.site.home(self.who)), "LC_ALL": "C.UTF-8", **environment},
            capture_output=True,
            text=True,
            timeout=SHELL_PATIENCE_S,
            check=False,
        )
        assert "Traceback (most" not in done.stderr + done.stdout, done.stderr[-3000:]
        assert 0 <= done.returncode < 20, (words, done.returncode, done.stderr)
        if done.returncode == 0:
            return Outcome.DONE, "", json.loads(done.stdout.strip() or "{}")
        assert done.returncode not in {1, 2}, (words, done.returncode, done.stderr)
        unsure = done.returncode in {10, 11}
        return (Outcome.FAILED if unsure else Outcome.REFUSED), f"exit-{done.returncode}", {}

    # operations ------------------------------------------------------------------------------------------------------

    def create_project(self) -> None:
        if len(self.projects(mine=True)) < MOST_PROJECTS:
            self.do("project.create", {"name": f"p{self.ledger.numbers(1)}"})

    def create_session(self) -> None:
        project = self.random.choice(self.projects())
        if len(sessions_of(project)) < MOST_SESSIONS:
            self.do("session.create", {"project": f"adhoc/{project.name}", "name": f"s{self.ledger.numbers(1)}"})

    def put_files(self) -> None:
        """Not asked of anybody: a program writes, as it always did."""
        raw = self.session() / "raw"
        folder = raw / f"part-{self.random.randrange(2)}" if self.random.random() < 0.3 else raw
        count = self.random.choice([1, 5, 30, 120])
        words = [everybodys_python(), "-I", "-S", "-c", WRITE, str(folder), str(self.ledger.numbers(count)), str(count)]
        self.ledger.written(self.who.run(*words, umask=0o077).stdout.split())

    def seal(self) -> None:
        session = self.session()
        wanted = named(session, note="storm")
        if self.random.random() < 0.7:
            wanted |= {"writers": "wait", "wait_s": 20}
        identity = uuid_of(session)
        doing = self.do("session.seal", wanted, sets=[(f"{identity} seal", "sealed")])
        if doing.outcome is Outcome.DONE and doing.answer.get("state") != "sealed":
            self.ledger.lie(f"{doing}: it says done, and {doing.answer}")

    def undo(self) -> None:
        mine = [each for each in self.sessions() if record(each, "seal").get("by") == self.who.uid]
        session = self.random.choice(mine)
        self.do("session.undo_seal", named(session), sets=[(f"{uuid_of(session)} seal", "open")])

    def unseal(self) -> None:
        sealed = [each for each in self.sessions() if record(each, "seal")]
        session = self.random.choice(sealed)
        self.do("session.unseal", named(session, reason="storm"), sets=[(f"{uuid_of(session)} seal", "open")])

    def verify(self) -> None:
        sealed = [each for each in self.sessions() if record(each, "seal")]
        self.do("session.verify", named(self.random.choice(sealed)))

    def rename_project(self) -> None:
        project = self.random.choice(self.projects(mine=True))
        name = f"p{self.ledger.numbers(1)}"
        wanted = {"project": f"adhoc/{project.name}", "name": name}
        self.do("project.rename", wanted, sets=[(f"{uuid_of(project)} name", name)])

    def rename_session(self) -> None:
        session = self.session()
        name = f"s{self.ledger.numbers(1)}"
        self.do("session.rename", named(session, name=name), sets=[(f"{uuid_of(session)} name", name)])

    def set_members(self) -> None:
        project = self.random.choice(self.projects(mine=True))
        others = [who for who in self.site.people if who is not self.who]
        who, role = self.random.choice(others), self.random.choice(["member", "member", "reader", "nothing"])
        wanted: dict[str, Any] = {"project": f"adhoc/{project.name}"}
        wanted |= {"remove": [who.login]} if role == "nothing" else {"add": [f"{who.login}:{role}"]}
        self.do("project.set_members", wanted, sets=[(f"{uuid_of(project)} {who.login}", role)])

    def set_visibility(self) -> None:
        project = self.random.choice(self.projects(mine=True))
        wanted = {"project": f"adhoc/{project.name}", "visibility": self.random.choice(["private", "open"])}
        self.do("project.set_visibility", wanted, sets=[(f"{uuid_of(project)} visibility", wanted["visibility"])])

    def update_session(self) -> None:
        session = self.session()
        title = f"title {self.ledger.numbers(1)}"
        self.do("session.update", named(session, title=title), sets=[(f"{uuid_of(session)} title", title)])

    def remove_session(self) -> None:
        session = self.session()
        self.do("session.remove", named(session), sets=[(f"{uuid_of(session)} there", "removed")])

    def look(self) -> None:
        self.do("session.list", {"project": f"adhoc/{self.random.choice(self.projects()).name}"})


def said_by(answer: Answer, way: str) -> tuple[Outcome, str, dict[str, Any]]:
    return judged(answer.status, answer.headers.get_content_type(), answer.body, way)


def record(folder: Path, name: str) -> dict[str, Any]:
    """A record as it lies on the disk, nothing where there is none."""
    try:
        found = json.loads((folder / f".modama/{name}.json").read_text())
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def uuid_of(folder: Path) -> str:
    kind = "session" if (folder / "raw").is_dir() else "project"
    return str(record(folder, kind)["uuid"])


def sessions_of(project: Path) -> list[Path]:
    return [path for path in project.iterdir() if not path.name.startswith(".") and (path / "raw").is_dir()]


def named(session: Path, **more: Any) -> dict[str, Any]:
    return {"project": f"adhoc/{session.parent.name}", "session": session.name, **more}
