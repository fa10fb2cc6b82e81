"""What has to be so when the storm is over: everything goes on by itself, and nothing was lost or said wrongly."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_modama.core.model import Role, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.site import described
from jupyter_modama.store import locks
from jupyter_modama.store.changes import FORGOTTEN_S
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.accounts import Account

from .ledger import Ledger
from .people import content_of, record, sessions_of, uuid_of
from .site import ChaosSite

QUIET_S = 120.0
TEMPORARY = re.compile(r"^\.(modama-(new|removed|try|room)\S*|.+\.[0-9a-f]{8})$")
NEVER_LEFT = ("queued", "running", "interrupted")


class Afterwards:
    """Looks at a site on which nothing is killed any more; what is wrong is collected."""

    def __init__(self, site: ChaosSite, ledger: Ledger) -> None:
        self.site, self.ledger = site, ledger
        self.wrong: list[str] = list(ledger.lies)

    def check(self) -> list[str]:
        """All of it; what is wrong, in sentences."""
        self.site.wait_until(self.site.is_settled, "everything comes up by itself")
        for who in self.site.everybody:
            if not self.site.start_server(who):
                self.wrong.append(f"the server of {who.login} does not start")
        looks = (self.jobs_ended, self.sessions_finished, self.answers_kept, self.files_kept, self.projects_clean)
        for look in (*looks, self.nothing_held, self.site.stop_servers, self.audit_closed):
            try:
                look()
            except (AssertionError, OSError, LookupError, ValueError) as error:  # the other looks tell more
                self.wrong.append(f"{look.__name__}: {error!r}")
        return self.wrong

    # asking ----------------------------------------------------------------------------------------------------------

    def ask(self, who: Account, op: str, wanted: dict[str, Any], *, by_server: bool = False) -> dict[str, Any]:
        """An answer that has to come now."""
        answer = self.site.ask(who, op, wanted, by_server=by_server)
        assert answer.status < 300, (who.login, op, wanted, answer.body)
        found: dict[str, Any] = answer.json
        return found

    def job(self, who: Account, op: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """A long operation, as its job at the end; where it does not begin, as one that failed."""
        begun = self.site.ask(who, op, wanted)
        if begun.status != 202:
            return {"state": "failed", "problem": begun.json}
        job: dict[str, Any] = begun.json["job"]
        deadline = time.monotonic() + QUIET_S
        while job["state"] in NEVER_LEFT and time.monotonic() < deadline:
            time.sleep(0.1)
            job = self.ask(who, "job.show", {"id": job["id"]})
        return job

    def projects(self) -> Iterator[tuple[Path, Account]]:
        """Each project with its owner."""
        by_login = {who.login: who for who in self.site.everybody}
        for project in sorted((self.site.root / "adhoc").iterdir()):
            if not project.name.startswith("."):
                yield project, by_login[str(record(project, "project")["created_by"])]

    # what went on ----------------------------------------------------------------------------------------------------

    def jobs_ended(self) -> None:
        """Jobs that were interrupted have gone on by themselves."""
        for who, by_server in [(self.site.admin, False), *((who, True) for who in self.site.everybody)]:
            deadline = time.monotonic() + QUIET_S
            while True:
                rows = self.ask(who, "job.list", {"limit": 1000}, by_server=by_server)["items"]
                left = [row for row in rows if row["state"] in NEVER_LEFT]
                if not left or time.monotonic() > deadline:
                    break
                time.sleep(0.5)
            self.wrong += [f"the job does not end: {row}" for row in left]
            for row in rows:
                if row["state"] == "failed" and "unexpected" in str(row["problem"]):
                    self.wrong.append(f"a job failed without words: {row}")

    def sessions_finished(self) -> None:
        """Each session is in one of the states, and those in between can be finished; sealed ones verify."""
        self.states: dict[str, str] = {}
        for project, owner in self.projects():
            for session in sessions_of(project):
                wanted = {"project": f"adhoc/{project.name}", "session": session.name}
                state = str(self.ask(owner, "session.show", wanted)["state"])
                if state not in set(SessionState):
                    self.wrong.append(f"{session}: the state {state} is none")
                self.states[uuid_of(session)] = state
                if state not in {"writable", "sealed"}:
                    self._finished(owner, wanted, state)
                    state = str(self.ask(owner, "session.show", wanted)["state"])
                if state == "sealed":
                    verified = self.job(owner, "session.verify", wanted)
                    if verified["state"] != "done":
                        self.wrong.append(f"{session}: sealed, and it does not verify: {verified['problem']}")

    def _finished(self, owner: Account, wanted: dict[str, Any], state: str) -> None:
        sealed = self.job(owner, "session.seal", wanted)
        if sealed["state"] == "done":
            return
        taken_back = self.job(self.site.admin, "session.unseal", {**wanted, "reason": "after the storm"})
        if taken_back["state"] != "done":
            self.wrong.append(f"{wanted} is {state}, cannot be sealed ({sealed}) nor unsealed ({taken_back})")

    # what was answered -----------------------------------------------------------------------------------------------

    def answers_kept(self) -> None:
        """What was answered as done is so on the disk."""
        projects = {uuid_of(project): project for project, _ in self.projects()}
        sessions = {uuid_of(session): session for project in projects.values() for session in sessions_of(project)}
        for doing in self.ledger.done("project.create"):
            if doing.answer["uuid"] not in projects:
                self.wrong.append(f"{doing}: it is not there")
        for doing in self.ledger.done("session.create"):
            removed = "removed" in self.ledger.possible(f"{doing.answer['uuid']} there", "there")
            if doing.answer["uuid"] not in sessions and not removed:
                self.wrong.append(f"{doing}: it is not there")
        for doing in self.ledger.done("session.remove"):
            identity = doing.sets[0][0].split()[0]
            if identity in sessions:
                self.wrong.append(f"{doing}: it is there still: {sessions[identity]}")
        for identity, path in {**projects, **sessions}.items():
            self._is_one_of(f"{identity} name", path.name, path)
        for identity, session in sessions.items():
            self._is_one_of(f"{identity} title", str(record(session, "session").get("title", "")), session)
            if self.states.get(identity) in {"writable", "sealed"}:
                self._is_one_of(f"{identity} seal", "sealed" if self.states[identity] == "sealed" else "open", session)
        self._members_kept(projects)

    def _is_one_of(self, subject: str, value: str, path: Path) -> None:
        """Whether a value is the one that was answered last, or one that nobody knows of whether it came to be."""
        kind = subject.split()[1]
        at_first = {"title": "", "seal": "open", "name": value, "visibility": "private"}.get(kind, "nothing")
        if value not in (possible := self.ledger.possible(subject, at_first)):
            rows = [str(doing) for doing in self.ledger.all if any(about == subject for about, _ in doing.sets)]
            self.wrong.append(f"{path}: {kind} is “{value}”, answered was {sorted(possible)}: {rows}")

    def _members_kept(self, projects: dict[str, Path]) -> None:
        store = DiskStore(described(self.site.site_file), state=self.site.folder / "look")
        names = {Role.MEMBER: "member", Role.READER: "reader"}
        try:
            for identity, project in projects.items():
                gate = store.gates.read(TreePath(f"adhoc/{project.name}"))
                self._is_one_of(f"{identity} visibility", "open" if gate.is_open else "private", project)
                for who in self.site.people:
                    if gate.people.get(who.uid) is not Role.OWNER:
                        role = names.get(gate.people.get(who.uid, Role.ANYONE), "nothing")
                        self._is_one_of(f"{identity} {who.login}", role, project)
        finally:
            store.close()

    def files_kept(self) -> None:
        """No file that somebody wrote is lost or other than it was written; manifests agree with what was written."""
        found: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(self.site.root):
            for name in names:
                if name.endswith(".dat"):
                    found.setdefault(name, []).append(Path(folder, name))
        for name, number in self.ledger.files.items():
            places = found.get(name, [])
            if len(places) != 1:
                self.wrong.append(f"the file {name} is at {places or 'no place'}")
            elif places[0].read_bytes() != content_of(number):
                self.wrong.append(f"{places[0]} is not what was written")
        for project, _ in self.projects():
            for session in sessions_of(project):
                if record(session, "seal"):
                    self._manifest_true(session)

    def _manifest_true(self, session: Path) -> None:
        for line in (session / "manifest-sha256.txt").read_text().splitlines():
            checksum, _, path = line.partition("  ")
            name = path.rpartition("/")[2]
            if name in self.ledger.files:
                wanted = hashlib.sha256(content_of(self.ledger.files[name])).hexdigest()
                if wanted != checksum:
                    self.wrong.append(f"the manifest of {session} does not have what was written in {path}")

    # what is left ----------------------------------------------------------------------------------------------------

    def projects_clean(self) -> None:
        """`project.check` finds nothing, asked by each owner, and by the keeper for an administrator.

        What people made while there was no keeper is mended by the next one in a while.
        """
        deadline = time.monotonic() + QUIET_S
        for project, owner in self.projects():
            checked = self.job(owner, "project.check", {"project": f"adhoc/{project.name}"})
            while checked["state"] == "done" and checked["result"]["found"] and time.monotonic() < deadline:
                time.sleep(1.0)
                checked = self.job(owner, "project.check", {"project": f"adhoc/{project.name}"})
            if checked["state"] != "done" or checked["result"]["found"]:
                self.wrong.append(f"project.check of {project}: {checked['problem'] or checked['result']}")
        looked = self.job(self.site.admin, "site.nightly", {"look_only": True})
        if looked["state"] != "done" or looked["result"]["differing"] or looked["result"]["problems"]:
            self.wrong.append(f"the look at all projects: {looked}")
        self._leftovers_go()

    def _leftovers_go(self) -> None:
        """Temporary names are gone after the night that follows; those who made them could still be at it before."""
        for path in self.temporary():
            then = time.time() - 2 * FORGOTTEN_S
            os.utime(path, (then, then), follow_symlinks=False)
        done = self.job(self.site.admin, "site.nightly", {})
        if done["state"] != "done" or done["result"]["problems"]:
            self.wrong.append(f"the nightly work: {done}")
        self.wrong += [f"left over: {path}" for path in self.temporary()]

    def temporary(self) -> list[Path]:
        """What lies in the tree, and in the parts' own folders, under a name that is to be there for a moment only."""
        found = []
        for top in (
            self.site.root,
            self.site.folder / "keeper",
            self.site.folder / "service",
            self.site.folder / "hub",
        ):
            for folder, folders, names in os.walk(top):
                found += [Path(folder, name) for name in (*folders, *names) if TEMPORARY.match(name)]
        return found

    def nothing_held(self) -> None:
        """Nobody holds a lock, and nothing is mounted outside of people's servers."""
        for project, _ in self.projects():
            for file in [*project.glob(".modama/*.lock"), *project.glob("*/.modama/*.lock")]:
                fd = os.open(file, os.O_RDWR)
                try:
                    if said := locks.holder(fd):
                        self.wrong.append(f"{file} is held: {said}")
                finally:
                    os.close(fd)
        mounts = Path("/proc/self/mounts").read_text()
        if str(self.site.folder) in mounts or "/run/modama/mnt" in mounts:
            self.wrong.append("something is mounted still")

    def audit_closed(self) -> None:
        """Each begin has its end, and one only."""
        files = [self.site.folder / "keeper/audit.jsonl"]
        for who in self.site.everybody:
            files += self.site.home(who).rglob("audit*.jsonl")
        for file in files:
            begun: dict[str, str] = {}
            ended: list[str] = []
            for text in file.read_text().splitlines():
                with suppress(ValueError):  # cut by a kill
                    line = json.loads(text)
                    if "op" in line:
                        begun[line["line"]] = line["op"]
                    elif "outcome" in line:
                        ended.append(line["line"])
            self.wrong += [f"{file}: {op} ({line}) has no end" for line, op in begun.items() if line not in ended]
            self.wrong += [f"{file}: {line} ended twice" for line in set(ended) if ended.count(line) > 1]
            self.wrong += [f"{file}: {line} ended and never began" for line in set(ended) - set(begun)]
