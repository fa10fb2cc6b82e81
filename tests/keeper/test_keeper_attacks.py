"""Whoever speaks to the keeper may say what they like: it answers, refuses, and lives on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import Busy, Cancelled, ModamaError, NotAllowed, NotFound, Unreachable
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.keeper.protocol import HELLO, LARGEST_REQUEST
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import NAMED, PROJECT, SESSION, _cancelled, done, make_project
from jupyter_modama.testing.running_keeper import Facility, Running, with_uid

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start the keeper")]
CREATE = OPERATIONS["project.create"]


def connected(keeper: Running) -> socket.socket:
    """A connection of the service's on which nothing has been said."""

    def connect() -> socket.socket:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.connect(str(keeper.socket))
        return end

    end = with_uid(keeper.service.uid, connect)
    end.settimeout(30)
    return end


def framed(message: Any) -> bytes:
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return len(text).to_bytes(4, "big") + text


def rest_of(end: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    got = b""
    try:
        while piece := end.recv(1 << 16):
            got += piece
    except ConnectionResetError:
        pass
    end.close()
    return got


def asked(keeper: Running, **request: Any) -> dict[str, Any]:
    """The last word on a request of any shape."""
    channel = keeper.channel()
    try:
        channel.send({"id": 1, **request}, 10)
        while True:
            answer = channel.receive(limit_s=30)
            assert answer is not None
            if "progress" not in answer and "job" not in answer:
                return answer
    finally:
        channel.close()


def still_works(keeper: Running, people: Accounts, name: str = "after") -> None:
    assert keeper.is_alive
    assert done(keeper.keys, people.carol, "project.create", name=name)["role"] == "owner"


def said_of(who: int, **more: Any) -> dict[str, Any]:
    return {"uid": who, "via": "pages", "known_by": "hub-token", **more}


# who speaks ----------------------------------------------------------------------------------------------------------


def test_client_of_another_uid_is_not_heard(keeper: Running, people: Accounts) -> None:
    """Not where the socket's mode lets it come that far, and not as root either."""
    for uid in (people.alice.uid, people.bob.uid):
        with pytest.raises(Unreachable, match="Permission denied"):
            with_uid(uid, lambda: KeeperKeys(str(keeper.socket))._connected())
    keeper.socket.chmod(0o666)
    for uid in (people.alice.uid, 0, 4711):
        with pytest.raises(Unreachable):
            with_uid(uid, lambda: KeeperKeys(str(keeper.socket))._connected())
    still_works(keeper, people)


def test_system_accounts_are_nobody_to_act_for(keeper: Running, people: Accounts) -> None:
    """Root, the service itself, an account below the site's minimum, a number that nobody has."""
    for uid in (0, 1, 999, keeper.service.uid, 61_234, 65_534_000):
        answer = asked(keeper, verb="project.create", wanted={"name": "p"}, actor=said_of(uid))
        assert answer["problem"]["type"] == "urn:modama:not-allowed", uid
    for strange in (None, "0", True, -1, 1 << 32, 1e3, [people.alice.uid]):
        answer = asked(keeper, verb="project.create", wanted={"name": "p"}, actor=said_of(strange))  # type: ignore[arg-type]
        assert answer["problem"]["type"] == "urn:modama:invalid", strange
    still_works(keeper, people)


@pytest.mark.parametrize(
    "change", [{"known_by": "local-uid"}, {"via": "root"}, {"on_behalf_of": "a\nb"}, {"on_behalf_of": "x" * 300}]
)
def test_actor_is_said_as_it_is_to_be(keeper: Running, people: Accounts, change: dict[str, str]) -> None:
    answer = asked(keeper, verb="project.create", wanted={"name": "p"}, actor={**said_of(people.alice.uid), **change})
    assert answer["problem"]["status"] == 422


def test_delegate_does_what_the_site_file_lists(facility: Facility, people: Accounts) -> None:
    """And unseals never."""
    with facility.site_file.open("a") as file:
        file.write('[delegates.nextcloud]\noperations = ["session.create", "session.seal", "project.*"]\n')
    with facility.keeper() as keeper:
        actor = said_of(people.alice.uid, known_by="delegate", on_behalf_of="nextcloud")
        fine = asked(keeper, verb="project.create", wanted={"name": "p"}, actor=actor)
        assert fine["result"]["path"] == PROJECT
        for verb, wanted in (("session.unseal", {**NAMED, "reason": "x"}), ("session.remove", NAMED)):
            answer = asked(keeper, verb=verb, wanted=wanted, actor=actor)
            assert answer["problem"]["type"] == "urn:modama:not-allowed"
            assert "on behalf of others" in answer["problem"]["detail"]
        reader = keeper.read_as(replace(people.alice.actor, known_by="delegate", on_behalf_of="nextcloud"))
        assert trees.driven(reader.do("project.list", OPERATIONS["project.list"].wanted()))["total"] == 1
        with pytest.raises(NotAllowed, match="on behalf of others"):
            trees.driven(reader.do("folder.list", OPERATIONS["folder.list"].wanted(path=PROJECT)))
        assert "for nextcloud" in (keeper.state / "audit.jsonl").read_text()


# what is said --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0",
        b"{",
        b"[]",
        b"3",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"hello":' * 100_000,
        b'{"hello": "modama-keeper"}',
        b'{"hello": "modama-keeper", "version": 2}',
        b'{"hello": "modama-keeper", "version": NaN}',
        b'{"hello": "somebody-else", "version": 1}',
        b'{"id": 1, "verb": "project.create"}',
        b'{"hello": ' + b"9" * 10_000 + b"}",
    ],
    ids=range(16),
)
def test_strange_greeting_ends_the_connection(keeper: Running, people: Accounts, text: bytes) -> None:
    """With a word about it."""
    end = connected(keeper)
    end.sendall(framed(text))
    assert b"urn:modama:" in rest_of(end)
    still_works(keeper, people)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b"{" * 1000,
        b'{"id": "1"}',
        b'{"id": true}',
        b'{"id": -1}',
        b'{"id": 1e3}',
        b'{"cancel": true}',
        b'{"cancel": true, "id": [1]}',
    ],
    ids=range(9),
)
def test_strange_request_ends_the_connection(keeper: Running, people: Accounts, text: bytes) -> None:
    end = connected(keeper)
    end.sendall(framed(HELLO) + framed(text))
    assert b'"problem"' in rest_of(end)
    still_works(keeper, people)


@pytest.mark.parametrize("length", [LARGEST_REQUEST + 1, 0xFFFFFFFF])
def test_oversized_message_is_not_read(keeper: Running, people: Accounts, length: int) -> None:
    end = connected(keeper)
    end.sendall(framed(HELLO) + length.to_bytes(4, "big"))
    assert b"too large" in rest_of(end)
    still_works(keeper, people)


def test_largest_message_is_read(keeper: Running, people: Accounts) -> None:
    """One byte less than what is too large is still a request."""
    request = {"id": 1, "verb": "project.create", "wanted": {"name": ""}, "actor": said_of(people.alice.uid)}
    request["wanted"] = {"name": "n" * (LARGEST_REQUEST - len(json.dumps(request)))}
    end = connected(keeper)
    end.sendall(framed(HELLO) + framed(request))
    end.shutdown(socket.SHUT_WR)
    assert b"too large" not in rest_of(end)
    still_works(keeper, people)


@pytest.mark.parametrize(
    ("verb", "wanted"),
    [
        ("project.list", {}),
        ("folder.list", {"path": ""}),
        ("doctor.run", {}),
        ("entry.show", {"path": "adhoc"}),
        ("__class__", {}),
        ("", {}),
        (None, {}),
        (["project.create"], {}),
        ({"a": 1}, {}),
    ],
)
def test_other_verbs_are_refused(keeper: Running, people: Accounts, verb: Any, wanted: Any) -> None:
    """What only reads is not the keeper's to do."""
    answer = asked(keeper, verb=verb, wanted=wanted, actor=said_of(people.alice.uid))
    assert answer["problem"]["type"] == "urn:modama:not-allowed"


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        {},
        {"name": 3},
        {"name": None},
        {"name": ["p"]},
        {"name": {"p": 1}},
        {"name": "p", "more": 1},
        {"name": "p\0q"},
        {"name": "\ud800"},
        {"name": "p", "visibility": "everyone"},
        {"name": "p", "visibility": ["open"]},
        {"name": "p", "title": {"a": 1}},
        {"name": "../../etc/p"},
        {"name": "p", "area": "../etc"},
        {"name": "p", "area": "/etc"},
    ],
    ids=range(16),
)
def test_what_is_wanted_is_of_its_type(keeper: Running, people: Accounts, facility: Facility, wanted: Any) -> None:
    answer = asked(keeper, verb="project.create", wanted=wanted, actor=said_of(people.alice.uid))
    assert answer["problem"]["status"] == 422
    assert sorted(path.name for path in facility.root.iterdir()) in ([".modama"], [".modama", "adhoc"])


def test_every_change_has_been_decided_on() -> None:
    """Each operation that changes the tree is done by the keeper, and beside that what it alone knows."""
    from jupyter_modama.core.operations import Where
    from jupyter_modama.keeper.verbs import VERBS

    changing = {row.name for row in OPERATIONS.values() if row.changes and row.where is Where.TREE}
    own = {
        "audit.list",
        "person.mails",
        "person.set_mails",
        "person.export",
        "session.requests",
        "job.list",
        "job.show",
        "job.cancel",
        "site.overview",
    }
    assert changing | own | {row.name for row in OPERATIONS.values() if row.as_keeper} == {
        verb for verb in VERBS if verb in OPERATIONS
    }


# how fast and how much -----------------------------------------------------------------------------------------------


def test_slow_messages_are_given_up(facility: Facility, people: Accounts) -> None:
    """A greeting that never comes, one that comes byte by byte, and a request that stops in the middle."""
    with facility.keeper("--limit-hello-s", "1", "--limit-message-s", "1") as keeper:
        silent, halted = connected(keeper), connected(keeper)
        halted.sendall(framed(HELLO) + b"\0\0\1\0{")
        dripping = connected(keeper)
        begun = time.monotonic()
        try:
            for byte in framed(HELLO):
                dripping.sendall(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - begun < 5
        for end in (silent, halted, dripping):
            assert b'"result"' not in rest_of(end)
        still_works(keeper, people)


def test_who_does_not_listen_is_left(facility: Facility, people: Accounts) -> None:
    """Its answers wait no longer than the limit, and others are served meanwhile."""
    with facility.keeper("--limit-send-s", "1") as keeper:
        deaf = connected(keeper)
        deaf.sendall(framed(HELLO))
        request = {"verb": "project.create", "wanted": {"name": "x" * 200_000}, "actor": said_of(people.alice.uid)}
        try:
            for number in range(40):
                deaf.sendall(framed({"id": number, **request}))
        except OSError:
            pass
        still_works(keeper, people)
        deaf.close()


def test_two_hundred_requests_at_once(facility: Facility, people: Accounts) -> None:
    """Each is either done or refused as one too many; the keeper serves on, and has no threads left over."""
    with facility.keeper() as keeper:
        names = [f"p{number}" for number in range(200)]

        def one(name: str) -> str:
            try:
                return "done" if done(keeper.keys, people.alice, "project.create", name=name) else ""
            except Busy:
                return "busy"

        with ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(one, names))
        made = {path.name for path in (facility.root / "adhoc").iterdir() if not path.name.startswith(".")}
        assert made == {name for name, answer in zip(names, answers, strict=True) if answer == "done"}
        assert set(answers) <= {"done", "busy"}
        assert "done" in answers
        still_works(keeper, people)
        deadline = time.monotonic() + 20
        while len(os.listdir(f"/proc/{keeper.process.pid}/task")) > 30 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(os.listdir(f"/proc/{keeper.process.pid}/task")) <= 30


def test_two_hundred_requests_on_one_connection(facility: Facility, people: Accounts) -> None:
    """All are answered, each once."""
    with facility.keeper("--limit-requests", "16", "--limit-threads", "2") as keeper:
        channel = keeper.channel()
        actor = said_of(people.alice.uid)
        answers: dict[int, str] = {}

        def hear() -> None:
            while len(answers) < 200:
                message = channel.receive(limit_s=30)
                assert message is not None
                assert message["id"] not in answers
                answers[message["id"]] = "result" if "result" in message else message["problem"]["type"]

        hearing = threading.Thread(target=hear)
        hearing.start()
        for number in range(200):
            channel.send({"id": number, "verb": "project.create", "wanted": {"name": f"p{number}"}, "actor": actor}, 30)
        hearing.join(40)
        channel.close()
        assert len(answers) == 200
        assert set(answers.values()) == {"result", "urn:modama:busy"}
        still_works(keeper, people)


def test_too_many_connections_are_told_so(facility: Facility, people: Accounts) -> None:
    with facility.keeper("--limit-connections", "3") as keeper:
        held = [keeper.channel() for _ in range(3)]
        with pytest.raises(Busy):
            keeper.channel()
        for channel in held:
            channel.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                still_works(keeper, people)
                break
            except Busy:
                time.sleep(0.05)
        assert (facility.root / "adhoc/after").exists()


def test_same_id_twice_is_an_error(keeper: Running, facility: Facility, people: Accounts) -> None:
    """While the first one is being done."""
    make_project(keeper.keys, people.alice)
    raw = facility.root / PROJECT / SESSION / "raw"
    people.alice.makes(raw / "a")
    channel = keeper.channel()
    request = {
        "id": 1,
        "verb": "session.seal",
        "wanted": {**NAMED, "writers": "wait"},
        "actor": said_of(people.alice.uid),
    }
    with open(raw / "a", "ab"):
        channel.send(request, 5)
        channel.send(request, 5)
        told = []
        while (message := channel.receive(limit_s=30)) is not None:
            told.append(message)
        assert "being done already" in told[-1]["problem"]["detail"]
        channel.close()
    still_works(keeper, people)


def test_descriptors_that_are_sent_along_are_dropped(keeper: Running, people: Accounts) -> None:
    """Nobody can fill the keeper's table of open files."""
    before = len(os.listdir(f"/proc/{keeper.process.pid}/fd"))
    end = connected(keeper)
    with open("/etc/passwd", "rb") as file:
        for _ in range(20):
            socket.send_fds(end, [framed(HELLO)[:1]], [file.fileno()] * 50)
    assert len(os.listdir(f"/proc/{keeper.process.pid}/fd")) <= before + 5
    end.close()
    still_works(keeper, people)


# what lies in the tree -----------------------------------------------------------------------------------------------


def test_forged_records_are_not_believed(keeper: Running, facility: Facility, people: Accounts) -> None:
    """A member writes down that they own the project, or that a session is sealed: neither is so."""
    alice, bob, _ = people
    make_project(keeper.keys, alice)
    done(keeper.keys, alice, "project.set_members", project=PROJECT, add=(bob.login,))
    forged = facility.root / PROJECT / "forged"
    bob.shell(
        f"mkdir -p {forged}/raw {forged}/.modama; echo 1 > {forged}/raw/a; "
        f'echo \'{{"by": {alice.uid}, "at": "2026-01-01T00:00:00+00:00", "files": 1, "bytes": 2}}\' '
        f"> {forged}/.modama/seal.json; echo '{{\"owners\": [{bob.uid}]}}' > {forged}/.modama/project.json"
    )
    bob.can("setfattr", "-n", "user.modama.owners", "-v", str(bob.uid), facility.root / PROJECT)
    assert not bob.can("cp", forged / ".modama/project.json", facility.root / PROJECT / ".modama/project.json")
    with pytest.raises(NotAllowed):
        done(keeper.keys, bob, "project.set_members", project=PROJECT, remove=(alice.login,))
    with pytest.raises((NotAllowed, NotFound, ModamaError)):
        done(keeper.keys, bob, "session.undo_seal", project=PROJECT, session="forged")
    assert bob.appends(forged / "raw/a")


def test_worker_does_not_change_anything(keeper: Running, facility: Facility, people: Accounts) -> None:
    """It reads with the person's rights: what is private to others is not there."""
    alice, bob, _ = people
    make_project(keeper.keys, alice)
    row = OPERATIONS["project.list"]
    hers, his = keeper.read_as(alice.actor), keeper.read_as(bob.actor)
    assert [item["path"] for item in trees.driven(hers.do("project.list", row.wanted()))["items"]] == [PROJECT]
    assert trees.driven(his.do("project.list", row.wanted()))["items"] == []
    for operation, wanted in (
        ("folder.list", {"path": f"{PROJECT}/{SESSION}"}),
        ("project.show", {"project": PROJECT}),
        ("session.show", NAMED),
    ):
        assert trees.driven(hers.do(operation, OPERATIONS[operation].wanted(**wanted)))
        with pytest.raises((NotFound, NotAllowed)):
            trees.driven(his.do(operation, OPERATIONS[operation].wanted(**wanted)))
    with pytest.raises(NotAllowed, match="nothing that can be read"):
        trees.driven(hers.do("session.create", OPERATIONS["session.create"].wanted(project=PROJECT, name="t")))
    assert not (facility.root / PROJECT / "t").exists()


def test_workers_are_few_and_end(facility: Facility, people: Accounts) -> None:
    """A person has only so many; one that is asked nothing, or whose caller is gone, ends by itself."""
    with facility.keeper("--limit-workers-a-person", "2", "--limit-worker-idle-s", "1") as keeper:
        first = keeper.keys.read_as(people.alice.actor)
        keeper.read_as(people.alice.actor)
        with pytest.raises(Busy):
            keeper.keys.read_as(people.alice.actor)
        keeper.read_as(people.bob.actor)
        first.close()
        deadline = time.monotonic() + 30
        while children(keeper) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not children(keeper)
        keeper.read_as(people.alice.actor)


def children(keeper: Running) -> list[str]:
    found: list[str] = []
    for task in Path(f"/proc/{keeper.process.pid}/task").iterdir():
        with suppress(OSError):  # the thread has ended meanwhile
            found += (task / "children").read_text().split()
    return found


def test_one_person_does_not_keep_others_waiting(facility: Facility, keeper: Running, people: Accounts) -> None:
    """Work of theirs that waits for a week, as much as they may begin: others' goes on, and theirs can be ended."""
    raws = []
    for number in range(9):
        done(keeper.keys, people.alice, "project.create", name=f"p{number}")
        done(keeper.keys, people.alice, "session.create", project=f"adhoc/p{number}", name=SESSION)
        raws.append(facility.root / f"adhoc/p{number}" / SESSION / "raw")
        assert people.alice.makes(raws[-1] / "a")
    with ExitStack() as kept:
        waiting = []
        for number, raw in enumerate(raws):
            kept.enter_context(open(raw / "a", "ab"))
            wanted = OPERATIONS["session.seal"].wanted(
                project=f"adhoc/p{number}", session=SESSION, writers="wait", wait_s=604_800
            )
            waiting.append(keeper.keys.do("session.seal", wanted, people.alice.actor))
        for steps in waiting[:8]:
            while next(steps).phase != "waiting":
                pass
        with pytest.raises(Busy):
            next(waiting[8])
        done(keeper.keys, people.bob, "project.create", name="bobs")
        done(keeper.keys, people.bob, "project.set_members", project="adhoc/bobs", add=(people.carol.login,))
        for steps in waiting[:8]:
            with pytest.raises(Cancelled):
                _cancelled(steps)
    assert done(keeper.keys, people.alice, "session.seal", project="adhoc/p8", session=SESSION)["state"] == "sealed"


def test_very_deep_folders_use_up_nothing(facility: Facility, keeper: Running, people: Accounts) -> None:
    """A walk holds a descriptor a level: there are enough for the deepest path, several times over."""
    make_project(keeper.keys, people.alice)
    raw = facility.root / PROJECT / SESSION / "raw"
    people.alice.python(
        "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\nopen('a', 'w')", raw
    )
    done(keeper.keys, people.alice, "project.set_members", project=PROJECT, add=(people.bob.login,))
    answer = done(keeper.keys, people.alice, "session.seal", **NAMED)
    assert answer["seal"]["files"] == 1
    still_works(keeper, people)
    trees.clear(raw)
    subprocess.run(["rm", "-rf", raw / "d"], check=True)  # too deep for Python's own
