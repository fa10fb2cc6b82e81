"""The caller of a service, against a real server; and against whatever else may answer at its address."""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama import client as module
from jupyter_modama.client import ServiceClient, asked
from jupyter_modama.core import errors, version
from jupyter_modama.core.addresses import checked_address
from jupyter_modama.core.model import JobState, Progress, SessionState, Via
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.core.shapes import Misshapen, shaped
from jupyter_modama.testing import trees
from jupyter_modama.testing.serving import Served, free_port, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Served]]:
    """A tree, and the real server of it."""
    folder = tmp_path_factory.mktemp("served")
    root = folder / "storage"
    root.mkdir()
    with served(root, folder / "server") as server:
        yield root, server
    trees.clear(root)


@pytest.fixture
def root(place: tuple[Path, Served]) -> Path:
    return place[0]


@pytest.fixture
def client(place: tuple[Path, Served]) -> ServiceClient:
    return ServiceClient(place[1].modama, place[1].token, Via.CLI)


def wanted(operation: str, **fields: Any) -> Any:
    return OPERATIONS[operation].wanted(**fields)


def do(client: ServiceClient, operation: str, /, **fields: Any) -> Any:
    return client.do(operation, wanted(operation, **fields))


# Answers -------------------------------------------------------------------------------------------------------------


def test_answers_are_those_of_the_operation(client: ServiceClient, root: Path) -> None:
    """What comes by HTTP has the same types as what is done here."""
    project = do(client, "project.create", name="Ä & Söhne #1 100%", title="First")
    assert (project.path, project.role) == ("adhoc/Ä & Söhne #1 100%", "administrator")
    session = do(client, "session.create", project=project.path)
    assert session.state is SessionState.WRITABLE
    assert session.created.tzinfo is not None
    page = do(client, "session.list", project=project.path)
    assert [item.name for item in page.items] == [session.name]
    assert (root / session.raw).is_dir()


def test_a_name_that_is_no_text_goes_as_its_bytes(client: ServiceClient, root: Path) -> None:
    """A path from the disk of this machine is found there, whatever its bytes are."""
    folder = root / "adhoc/odd"
    folder.mkdir(parents=True)
    os.close(os.open(os.fsencode(folder) + b"/f\xff.dm4", os.O_WRONLY | os.O_CREAT))
    path = os.fsdecode(b"adhoc/odd/f\xff.dm4")
    assert do(client, "entry.show", path=path).entry.path_b64 == base64.urlsafe_b64encode(os.fsencode(path)).decode()


def test_other_fields_that_are_no_text_are_refused() -> None:
    """A title of undecodable bytes is refused here, and not sent as something else."""
    with pytest.raises(errors.Invalid, match="title"):
        asked(OPERATIONS["project.create"], wanted("project.create", name="x", title="\udcff"))


@pytest.mark.parametrize(
    ("operation", "fields", "expected"),
    [
        ("project.show", {"project": "adhoc/nothing"}, errors.NotFound),
        ("folder.list", {"path": "../etc"}, errors.PathRefused),
        ("project.create", {"name": "a:b"}, errors.NameRefused),
        ("session.seal", {"project": "adhoc/nothing", "session": "s"}, errors.NotFound),
    ],
)
def test_errors_are_of_the_same_class(
    client: ServiceClient, operation: str, fields: dict[str, str], expected: type[errors.ModamaError]
) -> None:
    """What is raised there is raised here, with its sentence; also before a long operation has a job."""
    with pytest.raises(expected) as raised:
        do(client, operation, **fields)
    assert type(raised.value) is expected
    assert str(raised.value)


def test_an_operation_of_another_version_is_said_to_be_that(
    client: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service does not know what we ask for: its version and the next step are named."""
    client.exchange.version = "77.1.0"  # as its answers say
    with pytest.raises(errors.VersionMismatch, match=r"version 77\.1, but .* control panel"):
        client.call("project.fly", {})
    monkeypatch.setattr(version, "VERSION", "78.0.1")
    with pytest.raises(errors.VersionMismatch, match="this installation is newer"):
        client.status()


def test_a_token_that_does_not_count_is_said(place: tuple[Path, Served]) -> None:
    """The sentence names `modama login`."""
    with pytest.raises(errors.TokenRefused, match="modama login"):
        ServiceClient(place[1].modama, "wrong").status()


# Long work -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def session(root: Path) -> Iterator[Path]:
    made = trees.make_session(root, project="adhoc/long")
    yield made
    trees.clear(root)
    (made / "manifest-sha256.txt").unlink(missing_ok=True)
    import shutil

    shutil.rmtree(made)


def test_long_work_tells_how_far_it_is_and_answers(client: ServiceClient, session: Path) -> None:
    """The steps are Progress, the answer is the session, and the disk says so."""
    steps = client.run("session.seal", wanted("session.seal", project="adhoc/long", session=session.name))
    seen: list[Progress] = []
    answer = trees.driven(_noted(steps, seen))
    assert answer.state is SessionState.SEALED
    assert seen
    assert all(isinstance(step, Progress) for step in seen)
    assert not trees.checked(session).stdout


def _noted(steps: Any, seen: list[Progress]) -> Any:
    while True:
        try:
            seen.append(next(steps))
            yield seen[-1]
        except StopIteration as end:
            return end.value


def test_long_work_raises_how_it_failed(client: ServiceClient, session: Path) -> None:
    """A mismatch that is found by a job has the same class and facts as one that is found here."""
    fields = {"project": "adhoc/long", "session": session.name}
    client.wait("session.seal", wanted("session.seal", **fields), lambda job: None)
    trees.clear(session)
    (session / "raw/a.dat").chmod(0o644)
    (session / "raw/a.dat").write_bytes(b"other")
    with pytest.raises(errors.ManifestMismatch) as raised:
        client.wait("session.verify", wanted("session.verify", **fields), lambda job: None)
    assert raised.value.facts["changed"] == ["raw/a.dat"]


def test_cancelling_ends_the_job(client: ServiceClient, session: Path) -> None:
    """A seal that waits for a program is cancelled from here, and nothing is sealed."""
    with (session / "raw/a.dat").open("ab"):
        asked_for = wanted("session.seal", project="adhoc/long", session=session.name, writers="wait", wait_s=600)
        steps = client.run("session.seal", asked_for)
        next(steps)
        with suppress(errors.Cancelled):
            steps.throw(errors.Cancelled(consequence="enough"))
            trees.driven(steps)
    assert do(client, "job.list", session=session.name, limit=1).items[0].state is JobState.CANCELLED
    assert do(client, "session.show", project="adhoc/long", session=session.name).state is SessionState.WRITABLE


def test_ctrl_c_asks_once_and_then_stops_waiting(client: ServiceClient, session: Path) -> None:
    """The first one cancels the job at the service; a second one only leaves it."""

    def told(job: Any) -> None:
        raise KeyboardInterrupt

    with (session / "raw/a.dat").open("ab"):
        asked_for = wanted("session.seal", project="adhoc/long", session=session.name, writers="wait", wait_s=600)
        with pytest.raises((errors.Cancelled, KeyboardInterrupt)):  # as the job is faster, or not
            client.wait("session.seal", asked_for, told)
    [job] = do(client, "job.list", session=session.name, limit=1).items
    until = time.monotonic() + 60
    while not job.state.ended and time.monotonic() < until:
        time.sleep(0.2)
        job = do(client, "job.show", id=job.id)
    assert job.state is JobState.CANCELLED


def test_long_work_goes_on_over_a_restart_of_the_service(tmp_path: Path) -> None:
    """The service is killed while a job runs, and comes back: who waits hears the end."""
    root, port = tmp_path / "storage", free_port()
    root.mkdir()
    session = trees.make_session(root)
    with (session / "raw/a.dat").open("ab") as writer:
        with served(root, tmp_path / "server", port) as server:
            client = ServiceClient(server.modama, server.token)
            fields = {"project": trees.PROJECT, "session": trees.SESSION}
            steps = client.run("session.seal", wanted("session.seal", **fields, writers="wait", wait_s=600))
            next(steps)
            server.process.kill()
            server.process.wait()
            answers: list[Any] = []
            waiting = threading.Thread(target=lambda: answers.append(trees.driven(steps)))
            waiting.start()
            time.sleep(1.5)
            assert waiting.is_alive()
        with served(root, tmp_path / "server", port):
            writer.close()
            waiting.join(120)
    assert [answer.state for answer in answers] == [SessionState.SEALED]
    trees.clear(root)


def test_a_service_that_stays_away_is_said(
    client: ServiceClient, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while waiting ends, with the id of the job that goes on there."""
    job = client.do("folder.sort", wanted("folder.sort", path="adhoc", sort="size"))
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    monkeypatch.setattr(client.exchange, "_port", free_port())
    with pytest.raises(errors.Unreachable, match=job.id):
        client._shown(job)


# Events --------------------------------------------------------------------------------------------------------------


def test_events_come_as_they_happen(client: ServiceClient, session: Path) -> None:
    """A job's changes arrive while the stream is read, and it can be ended from another thread."""
    seen: list[Any] = []
    done, open_ = threading.Event(), threading.Event()
    sockets: list[socket.socket] = []

    def opened(end: socket.socket) -> None:
        sockets.append(end)
        open_.set()

    def read() -> None:
        try:
            for event in client.events(opened=opened):
                seen.append(event)
                if event.data.get("state") == "done":
                    done.set()
        except errors.Unreachable:
            pass

    reading = threading.Thread(target=read)
    reading.start()
    assert open_.wait(30)
    time.sleep(0.5)
    client.do("folder.sort", wanted("folder.sort", path="adhoc/long", sort="size"))
    assert done.wait(30)
    sockets[0].shutdown(socket.SHUT_RDWR)
    reading.join(30)
    assert not reading.is_alive()
    assert {event.type for event in seen} == {"job"}


# Whatever else answers -----------------------------------------------------------------------------------------------

Sent = list[bytes]


@contextmanager
def answering(response: bytes | None, sent: Sent | None = None, hold_s: float = 0.0) -> Iterator[str]:
    """A server that says one thing to everybody; nothing at all where it is None."""
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                got = connection.recv(65536)
                if got.startswith(b"POST") and got.endswith(b"\r\n\r\n"):
                    got += connection.recv(65536)  # the body comes in a piece of its own
                if sent is not None:
                    sent.append(got)
                if response is not None:
                    connection.sendall(response)
                stop.wait(hold_s)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/services/modama"
    finally:
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def http(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n".encode() + body


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else() -> None:
    """A token is sent to the address that it is for, and to no other."""
    elsewhere: Sent = []
    with (
        answering(http("200 OK", b"{}"), elsewhere) as other,
        answering(http("302 Found", Location=other)) as here,
        pytest.raises(errors.Unreachable, match="sends us to"),
    ):
        ServiceClient(here, "secret").status()
    assert elsewhere == []


OTHERS: dict[str, tuple[bytes | None, type[errors.ModamaError], str]] = {
    "proxy-page": (
        http("503 No", b"<html>", Content_Type="text/html"),
        errors.Unreachable,
        "not running",
    ),
    "other-site": (http("404 Not Found", b"<html>", Content_Type="text/html"), errors.Unreachable, "nothing of MODAMA"),
    "no-json": (http("200 OK", b"<html>"), errors.Unreachable, "cannot be read"),
    "not-ours": (http("200 OK", b"[1, 2]"), errors.Unreachable, "not as expected"),
    "deep": (http("200 OK", b"[" * 200_000), errors.Unreachable, "cannot be read"),
    "no-http": (b"SSH-2.0-OpenSSH_9.2\r\n", errors.Unreachable, "broke off"),
    "nothing": (None, errors.Unreachable, "broke off"),
    "half": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", errors.Unreachable, "cannot be read"),
    "problem-is-no-object": (
        http("409 Conflict", b"[]", Content_Type="application/problem+json"),
        errors.Unreachable,
        "409",
    ),
    "login-page": (http("403 Forbidden", b"<html>", Content_Type="text/html"), errors.TokenRefused, "token"),
    "strange": (http("418 Teapot", b""), errors.Unreachable, "418"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_service_is_said_in_words(case: str) -> None:
    """Whatever stands at the address: one of our errors, with a sentence."""
    response, expected, says = OTHERS[case]
    with answering(response) as address, pytest.raises(expected, match=says):
        ServiceClient(address, "t").do("project.list", wanted("project.list"))


def test_a_change_that_broke_off_is_said_to_be_unsure() -> None:
    """Nobody knows whether it was done; and it is not sent a second time."""
    sent: Sent = []
    with answering(None, sent) as address, pytest.raises(errors.Unreachable, match="look before you try again"):
        ServiceClient(address, "t").do("project.create", wanted("project.create", name="x"))
    assert len(sent) == 1


def test_nobody_there_and_silence_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection, a name that nobody has, and a service that never answers."""
    with pytest.raises(errors.Unreachable, match="refused"):
        ServiceClient(f"http://127.0.0.1:{free_port()}", "t").status()
    with pytest.raises(errors.Unreachable, match="no machine of that name"):
        ServiceClient("http://modama.invalid", "t").status()
    with answering(None, hold_s=30) as address, pytest.raises(errors.Unreachable, match="no answer came within"):
        ServiceClient(address, "t").status(limit_s=0.3)


def test_the_token_is_in_the_header_and_not_in_an_error() -> None:
    """Neither the address nor a sentence holds it."""
    sent: Sent = []
    with answering(http("500 Oh", b""), sent) as address, pytest.raises(errors.Unreachable) as raised:
        ServiceClient(address, "s3cret", Via.NOTEBOOK).status()
    head = sent[0].decode()
    assert "Authorization: token s3cret\r\n" in head
    assert "Modama-Via: notebook\r\n" in head
    assert "s3cret" not in head.splitlines()[0] + str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "its service",
        "ftp://x",
        "https://",
        "https://a:b@c/d",
        "http://x:0",
        "http://x:99999",
        "//x",
        "http://x/?a=1",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """The sentence shows what an address looks like."""
    with pytest.raises(errors.Invalid, match="such as"):
        checked_address(address)


# Shapes --------------------------------------------------------------------------------------------------------------


def test_unknown_fields_are_left_out_and_wrong_ones_refused() -> None:
    """A newer service may say more; a text where a number belongs is no answer."""
    kind = OPERATIONS["project.show"].answer
    least = {"path": "a/b", "name": "b", "area": "a"}
    assert shaped(kind, {**least, "colour": "red"}).name == "b"
    wrong: list[Callable[[], Any]] = [
        lambda: shaped(kind, {**least, "files": "3"}),
        lambda: shaped(kind, {**least, "files": True}),
        lambda: shaped(kind, {"path": "a/b"}),
        lambda: shaped(kind, {**least, "visibility": "loud"}),
        lambda: shaped(kind, {**least, "created": "yesterday"}),
        lambda: shaped(kind, []),
    ]
    for attempt in wrong:
        with pytest.raises(Misshapen):
            attempt()
