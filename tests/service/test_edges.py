"""Programs of people at a real hub: the caller, the shell, a notebook and a Jupyter server, with real accounts."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.client import ServiceClient
from jupyter_modama.core import errors
from jupyter_modama.core.model import JobState, SessionState, Via
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, _python
from jupyter_modama.testing.place import PROJECT, SESSION, Place
from jupyter_modama.testing.running_hub import PACKAGES
from jupyter_modama.testing.serving import Served, served

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.timeout(600)]


def client(place: Place, who: str, via: Via = Via.CLI) -> ServiceClient:
    return ServiceClient(place.hub.prefix, place.token(who), via)


def do(caller: ServiceClient, operation: str, /, **fields: Any) -> Any:
    return caller.do(operation, OPERATIONS[operation].wanted(**fields))


def new_session(place: Place, name: str) -> Path:
    """A session of Alice's with a file in it."""
    do(client(place, "alice"), "session.create", project=PROJECT, name=name)
    raw = Path(place.facility.root) / PROJECT / name / "raw"
    place.people["alice"].shell(f"printf first > '{raw}/a.dat'", umask=0o002)
    assert (raw / "a.dat").exists()
    return raw.parent


# The caller ----------------------------------------------------------------------------------------------------------


def test_the_service_says_who_one_is(place: Place) -> None:
    """By the token alone; one that nobody has is refused in words."""
    told = client(place, "bob").status()
    assert told.person is not None
    assert (told.person.login, told.keeper) == (place.people["bob"].login, "here")
    with pytest.raises(errors.TokenRefused):
        ServiceClient(place.hub.prefix, "nobodys-token").status()


def test_answers_and_errors_are_those_of_the_tree(place: Place) -> None:
    """A member sees the project, a stranger does not; what a reader may not do is said."""
    assert do(client(place, "bob"), "project.show", project=PROJECT).role == "member"
    with pytest.raises(errors.NotFound):
        do(client(place, "eve"), "project.show", project=PROJECT)
    with pytest.raises(errors.NotAllowed, match="member"):
        do(client(place, "carol"), "session.create", project=PROJECT, name="x")
    names = {entry.name for entry in do(client(place, "bob"), "folder.list", path=f"{PROJECT}/{SESSION}/raw").items}
    assert "a.dat" in names


def test_long_work_is_followed_to_its_end_and_news_of_it_come(place: Place) -> None:
    """A seal: its steps, its answer, its job, and the events of whom it concerns."""
    session = new_session(place, "edges-sealed")
    heard: list[Any] = []
    ends: list[Any] = []
    listening = threading.Event()

    def listen() -> None:
        def opened(end: Any) -> None:
            ends.append(end)
            listening.set()

        try:
            for event in client(place, "alice").events(opened=opened):
                heard.append(event)
        except errors.Unreachable:
            pass

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(30)
    time.sleep(1.0)
    steps = client(place, "alice").run(
        "session.seal", OPERATIONS["session.seal"].wanted(project=PROJECT, session=session.name)
    )
    assert trees.driven(steps).state is SessionState.SEALED
    until = time.monotonic() + 30
    while not any(event.data.get("state") == "done" for event in heard) and time.monotonic() < until:
        time.sleep(0.2)
    ends[0].shutdown(2)
    thread.join(30)
    assert any(event.data.get("op") == "session.seal" and event.data.get("state") == "done" for event in heard)
    [job] = do(client(place, "alice"), "job.list", session=session.name).items
    assert job.state is JobState.DONE
    with pytest.raises(errors.AlreadySealed):
        trees.driven(
            client(place, "alice").run(
                "session.seal", OPERATIONS["session.seal"].wanted(project=PROJECT, session=session.name)
            )
        )


def test_a_permalink_leads_only_those_who_may_see_it(place: Place) -> None:
    """For a stranger it answers as one that does not exist, word by word."""
    uuid = do(client(place, "alice"), "project.show", project=PROJECT).uuid
    assert do(client(place, "carol"), "entry.locate", uuid=uuid, rest=SESSION).path == f"{PROJECT}/{SESSION}"
    said = set()
    for asked in (uuid, "12345678-1234-1234-1234-1234567890ab"):
        with pytest.raises(errors.NotFound) as raised:
            do(client(place, "eve"), "entry.locate", uuid=asked, rest=SESSION)
        said.add(str(raised.value))
    assert len(said) == 1


def test_the_service_takes_permalinks_where_it_takes_paths(place: Place) -> None:
    """For reading, changing and long work, with the rights of whoever asks; a stranger learns nothing by one."""
    alice = client(place, "alice")
    link = f"{place.hub.prefix}/at/{do(alice, 'project.show', project=PROJECT).uuid}"
    assert do(alice, "entry.show", path=f"{link}/{SESSION}/raw/a.dat").entry.path == f"{PROJECT}/{SESSION}/raw/a.dat"
    assert do(alice, "session.create", project=f"{link}/{SESSION}", name="by-link").project == PROJECT
    wanted = OPERATIONS["session.verify"].wanted(project=link, session="by-link")
    with pytest.raises(errors.NotSealed):
        trees.driven(alice.run("session.verify", wanted))
    with pytest.raises(errors.NotAllowed, match="needs the role member"):
        do(client(place, "carol"), "session.create", project=link, name="x")
    said = set()
    for asked in (link, f"{place.hub.prefix}/at/12345678-1234-1234-1234-1234567890ab"):
        for operation, name in (("entry.show", "path"), ("session.list", "project")):
            with pytest.raises(errors.NotFound) as raised:
                do(client(place, "eve"), operation, **{name: asked})
            said.add(str(raised.value))
    assert len(said) == 1
    with pytest.raises(errors.Invalid, match="no address of data"):
        do(alice, "entry.show", path="https://elsewhere.example.org/x")


# Shell and notebook, as their person ---------------------------------------------------------------------------------


def run_as(place: Place, who: str, code: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A program of ours as somebody, in a process of theirs."""
    account = place.people[who]
    start = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); " + code
    return subprocess.run(
        [_python(), "-I", "-c", start, PACKAGES, *words],
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **own(place, who), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module", autouse=True)
def homes() -> Iterator[Path]:
    """A folder in which people have theirs."""
    with trees.reachable_folder() as folder:
        HOMES.append(folder)
        yield folder
        HOMES.clear()


HOMES: list[Path] = []


def own(place: Place, who: str) -> dict[str, str]:
    """The settings of somebody who works in the tree."""
    folder = HOMES[0] / who
    if not folder.exists():
        folder.mkdir()
        os.chown(folder, place.people[who].uid, place.people[who].gid)
    folders = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CACHE", "CONFIG")}
    return {"MODAMA_SITE": str(place.facility.site_file), **folders}


CLI = "from jupyter_modama.cli import main; sys.exit(main())"


def test_the_shell_changes_through_the_service_and_reads_by_itself(place: Place) -> None:
    """Bob, a member: without a token he reads; with one he makes a session, and the audit knows from where."""
    assert PROJECT in run_as(place, "bob", CLI, "project", "list").stdout
    refused = run_as(place, "bob", CLI, "session", "create", PROJECT, "--name", "by-bob")
    assert (refused.returncode, "`modama login`" in refused.stderr) == (3, True), refused.stderr
    made = run_as(place, "bob", CLI, "session", "create", PROJECT, "--name", "by-bob", MODAMA_TOKEN=place.token("bob"))
    assert made.returncode == 0, made.stderr
    assert (Path(place.facility.root) / PROJECT / "by-bob/raw").stat().st_uid == 0
    told = run_as(place, "bob", CLI, "audit", "list", "--json", MODAMA_TOKEN=place.token("bob"))
    lines = json.loads(told.stdout)["items"]
    assert ("session.create", "cli", "done") in {(line["op"], line["via"], line["outcome"]) for line in lines}, lines[
        :3
    ]
    who = run_as(place, "bob", CLI, "whoami", MODAMA_TOKEN=place.token("bob"))
    assert f"to {place.hub.prefix}: {place.people['bob'].login} (uid {place.people['bob'].uid})" in who.stdout


NOTEBOOK = """
import jupyter_modama as modama
project = modama.project(sys.argv[1])
session = project.create_session("by-notebook")
(session.raw / "b.dat").write_bytes(b"x" * 1000)
print(session.seal(), session.links()["Permalink"])
try:
    session.seal()
except modama.core.errors.AlreadySealed as error:
    print("again:", error)
try:
    (session.raw / "c.dat").write_bytes(b"x")
except OSError as error:
    print("disk:", error.strerror)
print(modama.session(str(session.links()["Permalink"])).verify())
"""


def test_a_notebook_changes_through_the_service(place: Place) -> None:
    """With the token of its server: makes a session, writes into it, seals it; errors and permalinks as everywhere."""
    done = run_as(place, "alice", NOTEBOOK, PROJECT, JUPYTERHUB_API_TOKEN=place.token("alice"))
    assert done.returncode == 0, done.stderr
    assert f"<session {PROJECT}/by-notebook: sealed>" in done.stdout
    assert "again: session" in done.stdout
    assert "disk: Operation not permitted" in done.stdout
    assert "checksums match: nothing changed" in done.stdout


# A Jupyter server of somebody ----------------------------------------------------------------------------------------


@pytest.fixture
def alices(place: Place, people: Any) -> Iterator[Served]:
    """A real Jupyter server that runs as Alice, with a token as on a hub."""
    environ = {**own(place, "alice"), "JUPYTERHUB_API_TOKEN": place.token("alice")}
    with (
        trees.reachable_folder() as folder,
        served(Path(place.facility.root), folder / "alice", environ=environ, account=place.people["alice"]) as server,
    ):
        yield server


def ask(server: Served, name: str, /, **fields: Any) -> Any:
    """What a server answers, an error too."""
    body = json.dumps(fields).encode() if name != "status" else None
    headers = {"Authorization": f"token {server.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.modama}/api/{name}", body, headers)  # noqa: S310 - the test's own
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())


def ended(server: Served, job: dict[str, Any]) -> dict[str, Any]:
    until = time.monotonic() + 90
    while job["state"] not in {"done", "failed", "cancelled"} and time.monotonic() < until:
        time.sleep(0.2)
        job = ask(server, "job.show", id=job["id"])
    return job


def test_a_server_works_through_the_service_and_without_it(place: Place, alices: Served, alice: Account) -> None:
    """Makes, seals, verifies; then the keeper is gone: reading works, a change is refused in words; then it is back."""
    status = ask(alices, "status")
    assert (status["mode"], status["service"]["state"]) == ("managed", "here"), status
    assert status["person"]["uid"] == alice.uid
    made = ask(alices, "session.create", project=PROJECT, name="by server ä #&%'")
    raw = Path(place.facility.root) / made["raw"]
    assert raw.stat().st_uid == 0
    alice.shell(f'printf x > "{raw}/x"', umask=0o002)
    wanted = {"project": PROJECT, "session": made["name"]}
    assert ended(alices, ask(alices, "session.seal", **wanted)["job"])["state"] == "done"
    verifying = ask(alices, "session.verify", **wanted)
    assert "job" in verifying, verifying
    assert ended(alices, verifying["job"])["state"] == "done"
    assert {job["op"] for job in ask(alices, "job.list", session=made["name"])["items"]} == {
        "session.seal",
        "session.verify",
    }
    assert "sealed" in ask(alices, "entry.explain", path=made["raw"])["sentence"]
    place.keeper.process.kill()
    place.keeper.process.wait(30)
    try:
        refused = ask(alices, "session.create", project=PROJECT, name="never")
        assert refused["status"] == 503, refused
        assert "keeper" in refused["detail"]
        until = time.monotonic() + 60
        while (found := ask(alices, "status")["service"])["state"] != "away" and time.monotonic() < until:
            time.sleep(0.5)
        assert found["state"] == "away"
        assert ask(alices, "folder.list", path=made["raw"])["total"] == 1
    finally:
        place.restart_keeper()
    until = time.monotonic() + 90
    while ask(alices, "status")["service"]["state"] != "here" and time.monotonic() < until:
        time.sleep(0.5)
    assert ask(alices, "session.create", project=PROJECT, name="again")["name"] == "again"


@pytest.fixture
def alice(place: Place) -> Account:
    return place.people["alice"]
