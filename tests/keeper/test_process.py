"""What the keeper's process may do, asked of the kernel; when it does not start; and how it ends and goes on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_modama.core.errors import NotFound, Unreachable
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.keeper import capabilities
from jupyter_modama.store import flags
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import NAMED, PROJECT, SESSION, done, make_project
from jupyter_modama.testing.running_keeper import PACKAGE, START, Facility, Running, everybodys_python, until

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start the keeper")]


def status(pid: int, task: int) -> dict[str, str]:
    rows = (line.split(":", 1) for line in Path(f"/proc/{pid}/task/{task}/status").read_text().splitlines())
    return {name: value.strip() for name, value in rows}


def test_every_thread_has_the_kept_capabilities_and_no_others(keeper: Running, people: Accounts) -> None:
    """Now and for good; a broken lease ends none of them, and their files are nobody else's."""
    done(keeper.keys, people.alice, "project.create", name="p")
    pid = keeper.process.pid
    tasks = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    assert len(tasks) > 1
    looked = 0
    for task in tasks:
        try:
            found = status(pid, task)
        except (FileNotFoundError, ProcessLookupError):  # a thread that looked as somebody has ended meanwhile
            continue
        looked += 1
        sets = {name: int(found[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")}
        kept = capabilities.MASK
        assert sets == {"CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapInh": 0, "CapAmb": 0}
        assert found["NoNewPrivs"] == "1"
        assert int(found["SigBlk"], 16) >> (signal.SIGIO - 1) & 1
        assert found["Umask"] == "0077"
    assert looked > 1


def test_keeper_has_no_network(keeper: Running) -> None:
    """A network namespace of its own, in which nothing leads anywhere; nothing but its socket is open."""
    pid = keeper.process.pid
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    assert Path(f"/proc/{pid}/net/route").read_text().splitlines()[1:] == []
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
        assert Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:] == []


def test_what_it_starts_has_no_more(keeper: Running, people: Accounts) -> None:
    """A worker has nothing at all."""
    done(keeper.keys, people.alice, "project.create", name="p")
    keeper.read_as(people.alice.actor)
    children = Path(f"/proc/{keeper.process.pid}/task/{keeper.process.pid}/children").read_text().split()
    children += [
        child
        for task in os.listdir(f"/proc/{keeper.process.pid}/task")
        for child in Path(f"/proc/{keeper.process.pid}/task/{task}/children").read_text().split()
    ]
    assert children
    for child in children:
        found = status(int(child), int(child))
        assert {found[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
        assert found["NoNewPrivs"] == "1"
        assert found["Uid"].split() == [str(people.alice.uid)] * 4
        assert found["Gid"].split() == [str(people.alice.gid)] * 4
        assert found["Groups"].split() == [str(people.alice.gid)]


def test_processes_that_mend_have_what_it_has(keeper: Running, root: Path, people: Accounts) -> None:
    """Where many files are changed: what the keeper may, without a network and for good, and not after its end."""
    done(keeper.keys, people.alice, "project.create", name="p")
    people.alice.shell("mkdir d; cd d; seq -f f%g 4500 | xargs touch", cwd=root / PROJECT)
    seen: dict[int, dict[str, str]] = {}
    over = threading.Event()
    watching = threading.Thread(target=watch_menders, args=(keeper.process.pid, seen, over))
    watching.start()
    try:
        done(keeper.keys, people.alice, "project.set_members", project=PROJECT, add=[people.bob.login])
    finally:
        over.set()
        watching.join()
    assert people.bob.appends(root / PROJECT / "d/f4500")
    assert seen, "no process was seen"
    for pid, found in seen.items():
        sets = {name: int(found[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")}
        kept = capabilities.MASK
        assert sets == {"CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapInh": 0, "CapAmb": 0}
        assert found["NoNewPrivs"] == "1"
        assert found["net"] == os.readlink(f"/proc/{keeper.process.pid}/ns/net")
        assert not Path(f"/proc/{pid}").exists()


def watch_menders(keeper: int, seen: dict[int, dict[str, str]], over: threading.Event) -> None:
    """Note what the processes may that a keeper has mend files, as long as that lasts."""
    while not over.is_set():
        for task in os.listdir(f"/proc/{keeper}/task"):
            with suppress(OSError):
                for child in Path(f"/proc/{keeper}/task/{task}/children").read_text().split():
                    if b"mender.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                        facts = {**status(int(child), int(child)), "net": os.readlink(f"/proc/{child}/ns/net")}
                        seen[int(child)] = facts
        time.sleep(0.005)


def test_socket_and_state_are_not_for_others(keeper: Running, people: Accounts) -> None:
    """Neither to connect to nor to read."""
    found = keeper.socket.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (keeper.service.uid, 0o600)
    assert keeper.state.stat().st_mode & 0o777 == 0o700
    done(keeper.keys, people.alice, "project.create", name="p")
    audit = keeper.state / "audit.jsonl"
    assert audit.stat().st_mode & 0o077 == 0
    assert people.alice.login in audit.read_text()


def test_service_speaks_from_its_own_process(keeper: Running, people: Accounts) -> None:
    """As the account that it is, with no rights but to connect."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from jupyter_modama.keeper.client import KeeperKeys; from jupyter_modama.core.operations import OPERATIONS; "
        "from jupyter_modama.core.model import Actor, Person, Via; "
        "who = Actor(Person(int(sys.argv[3]), 'whatever'), Via.PAGES, 'hub-token'); "
        "steps = KeeperKeys(sys.argv[2]).do('project.create', OPERATIONS['project.create'].wanted(name='p'), who); "
        "\ntry:\n next(steps)\nexcept StopIteration as end:\n print(end.value['owners'][0]['login'])"
    )
    said = keeper.service.python(script, PACKAGE, keeper.socket, str(people.alice.uid))
    assert said.strip() == people.alice.login


# starting ------------------------------------------------------------------------------------------------------------


def site_file(facility: Facility) -> None:
    facility.site_file.chmod(0o664)
    os.chown(facility.site_file, 0, 2)


def site_owner(facility: Facility) -> None:
    os.chown(facility.site_file, 4711, 0)


def tree(facility: Facility) -> None:
    facility.root.chmod(0o777)


def tree_owner(facility: Facility) -> None:
    os.chown(facility.root, 4711, -1)


def unmanaged(facility: Facility) -> None:
    (facility.root / ".modama/site.json").unlink()


def way(facility: Facility) -> None:
    facility.folder.chmod(0o777)


@pytest.mark.parametrize("spoil", [site_file, site_owner, tree, tree_owner, unmanaged, way])
def test_does_not_start_where_others_could_deceive_it(facility: Facility, spoil: Callable[[Facility], None]) -> None:
    spoil(facility)
    running = facility.start()
    said = until(running.process, "interrupted job(s)")
    assert running.process.wait(30) == 3, said
    assert "ERROR" in said


@pytest.mark.parametrize("spoiled", ["keeper/server.py", "core/operations.py", "keeper", ""])
def test_does_not_start_where_others_could_change_its_code(facility: Facility, spoiled: str) -> None:
    """One module, or a folder that they lie in."""
    package = facility.folder / "lib"
    source = Path(PACKAGE, "jupyter_modama")
    for path in source.rglob("*.py"):
        copy = package / "jupyter_modama" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    changed = package / "jupyter_modama" / spoiled
    changed.chmod(changed.stat().st_mode | 0o002)
    running = facility.start(package=str(package))
    said = until(running.process, "interrupted job(s)")
    assert running.process.wait(30) == 3, said
    assert "can be written by others" in said


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
@pytest.mark.parametrize("network", [False, True])
def test_starts_with_no_more_than_the_unit_gives(facility: Facility, people: Accounts, network: bool) -> None:
    """As systemd starts it: bounded already, and so without the right to leave the network, which it then says."""
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in capabilities.KEPT)
    bounded = ("setpriv", f"--bounding-set=-all,{kept}", "--no-new-privs")
    running = facility.start(under=bounded if network else ("unshare", "-n", *bounded))
    said = until(running.process, "interrupted job(s)")
    assert ("has a network" in said) is network
    done(running.keys, people.alice, "project.create", name="p")
    running.end()


def test_serves_nobody_as_root(facility: Facility) -> None:
    running = facility.start()
    running.end()
    words = [*facility.words()[:-1], "0"]
    done_ = subprocess.run(
        [everybodys_python(), "-I", "-c", START, PACKAGE, *words], capture_output=True, text=True, check=False
    )
    assert done_.returncode == 2
    assert "not root's" in done_.stderr


def test_takes_the_socket_that_systemd_opened(facility: Facility, people: Accounts) -> None:
    """As descriptor 3, with the environment that says so."""
    path = facility.folder / "keeper.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    os.chown(path, facility.service.uid, -1)
    listener.listen()
    words = [word for word in facility.words() if word not in {"--socket", str(path)}]
    code = (
        "import os, sys; os.dup2(int(sys.argv.pop(1)), 3); os.environ |= {'LISTEN_FDS': '1', 'LISTEN_PID': "
        "str(os.getpid())}; " + START
    )
    process = subprocess.Popen(
        [everybodys_python(), "-I", "-c", code, str(listener.fileno()), PACKAGE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=(listener.fileno(),),
    )
    listener.close()
    running = Running(process, path, facility.folder / "state", facility.service, words)
    try:
        done(running.keys, people.alice, "project.create", name="p")
    finally:
        running.end()


# ending and going on -------------------------------------------------------------------------------------------------


def make_many(facility: Facility, keeper: Running, people: Accounts, files: int) -> Path:
    make_project(keeper.keys, people.alice)
    raw = facility.root / PROJECT / SESSION / "raw"
    people.alice.python(
        "import os, sys\nfor n in range(int(sys.argv[2])): open(f'{sys.argv[1]}/{n}', 'w').write(str(n) * 3000)",
        raw,
        str(files),
    )
    return raw


def sealed(session: Path) -> bool:
    record = session / ".modama/seal.json"
    if not record.exists():
        return False
    fd = os.open(record, os.O_RDONLY)
    try:
        return flags.is_immutable(fd)
    finally:
        os.close(fd)


def test_seal_goes_on_without_whoever_asked(facility: Facility, keeper: Running, people: Accounts) -> None:
    raw = make_many(facility, keeper, people, 3000)
    steps = keeper.keys.do("session.seal", OPERATIONS["session.seal"].wanted(**NAMED), people.alice.actor)
    next(steps)
    steps.close()
    eventually(lambda: sealed(raw.parent))
    assert trees.changeable(raw) == []
    assert trees.checked(raw.parent).returncode == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_seal_goes_on_after_a_restart(facility: Facility, people: Accounts, how: signal.Signals) -> None:
    """Without anybody asking for it again, and for the person who did; who asks again follows it."""
    with facility.keeper() as keeper:
        raw = make_many(facility, keeper, people, 5000)
        steps = keeper.keys.do("session.seal", OPERATIONS["session.seal"].wanted(**NAMED), people.alice.actor)
        while next(steps).phase not in {"protecting", "hashing"}:
            pass
        keeper.end(how)
        with pytest.raises(Unreachable):
            trees.driven(steps)
    assert not sealed(raw.parent)
    with facility.keeper():
        eventually(lambda: sealed(raw.parent))
    assert trees.changeable(raw) == []
    assert trees.checked(raw.parent).returncode == 0
    audit = [
        line for line in (facility.folder / "state/audit.jsonl").read_text().splitlines() if "session.seal" in line
    ]
    assert all(people.alice.login in line for line in audit)
    assert len(audit) == 2


def test_who_asks_twice_follows_the_same_work(facility: Facility, keeper: Running, people: Accounts) -> None:
    """And others get to hear that the session is being worked on."""
    raw = make_many(facility, keeper, people, 10)
    wanted = OPERATIONS["session.seal"].wanted(**NAMED, writers="wait")
    with open(raw / "0", "ab"):
        both = [keeper.keys.do("session.seal", wanted, people.alice.actor) for _ in range(2)]
        for steps in both:
            while next(steps).phase != "waiting":
                pass
    answers = [trees.driven(steps) for steps in both]
    assert answers[0] == answers[1]
    assert answers[0]["state"] == "sealed"


def test_login_that_the_caller_says_counts_for_nothing(keeper: Running, people: Accounts) -> None:
    """Only the number does."""
    done(keeper.keys, people.alice, "project.create", name="p")
    channel = keeper.channel()
    said = {
        "uid": people.bob.uid,
        "login": people.alice.login,
        "role": "owner",
        "via": "pages",
        "known_by": "hub-token",
    }
    channel.send({"id": 1, "verb": "project.rename", "wanted": {"project": PROJECT, "name": "q"}, "actor": said}, 5)
    answer = channel.receive(limit_s=30)
    channel.close()
    assert answer is not None
    assert answer["problem"]["type"] == "urn:modama:not-found"
    with pytest.raises(NotFound):
        done(keeper.keys, people.bob, "project.rename", project=PROJECT, name="q")


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nightly_pass_ends_memberships(facility: Facility, keeper: Running, people: Accounts) -> None:
    """Asked for by a signal, done by the keeper for itself, and told in the audit."""
    make_project(keeper.keys, people.alice)
    today = datetime.now(UTC).date()
    add = (f"{people.bob.login}:member:{today}", people.carol.login)
    done(keeper.keys, people.alice, "project.set_members", project=PROJECT, add=add)
    record = facility.root / PROJECT / ".modama/project.json"
    record.write_text(record.read_text().replace(str(today), "2026-01-01"))
    assert people.bob.reads(facility.root / PROJECT)
    keeper.process.send_signal(signal.SIGUSR1)
    eventually(lambda: not people.bob.reads(facility.root / PROJECT))
    assert people.carol.reads(facility.root / PROJECT)
    eventually(lambda: '"site.nightly"' in (keeper.state / "audit.jsonl").read_text())
