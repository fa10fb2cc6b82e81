"""A mail all the way: from the keeper, by the service of a real hub, to a mail server."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.running_hub import Hub, running_hub
from jupyter_modama.testing.running_keeper import Facility

pytestmark = [pytest.mark.root, pytest.mark.network]
PATIENCE_S = 90.0


class Box(Message):
    """What has come."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def box(facility: Facility) -> Iterator[Box]:
    """The box of the site's mail server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with facility.site_file.open("a") as file:
        file.write(f'\n[mail]\nserver = "localhost"\nport = {port}\nsecurity = "none"\n')
        file.write('sender = "modama@example.org"\ndomain = "example.org"\n')
    made = Box()
    controller = Controller(made, hostname="localhost", port=port)
    controller.start()
    yield made
    controller.stop()


@pytest.fixture
def hub(facility: Facility, people: Accounts, box: Box) -> Iterator[Hub]:
    with facility.keeper(), running_hub(facility, people) as running:
        yield running


def test_declined_request_is_mailed_over_a_kill_of_the_service(
    hub: Hub, box: Box, people: Accounts, facility: Facility
) -> None:
    """Once, with a link to the session's page, to whoever asked."""
    alice, dora = hub.token(people.alice), hub.token(facility.admin)
    where = {"project": "adhoc/p", "session": "s"}
    assert hub.ask("project.create", {"name": "p"}, token=alice).status == 200
    assert hub.ask("session.create", {"project": "adhoc/p", "name": "s"}, token=alice).status == 200
    (facility.root / "adhoc/p/s/raw/a.dat").write_bytes(b"x")
    assert hub.job("session.seal", where, token=alice)["state"] == "done"
    assert hub.ask("session.request_unseal", {**where, "reason": "a wrong file"}, token=alice).status == 200
    answer = hub.ask("session.decline_unseal", {**where, "reason": "it is cited"}, token=dora)
    assert answer.status == 200, answer.body
    os.kill(hub.service_pid(), signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while not box.mails:
        assert time.monotonic() < deadline, hub.said()
        time.sleep(0.2)
    (mail,) = box.mails
    assert mail["To"] == f"{people.alice.login}@example.org"
    text = mail.get_payload(decode=True).decode()
    assert "it is cited" in text
    assert f"{hub.prefix}/manage/session/adhoc/p/s" in text
    assert f"{hub.prefix}/manage#mails" in text
    assert hub.ask("person.set_mails", {"off": ["declined"]}, token=alice).status == 200
    kinds = hub.ask("person.mails", token=alice).json["items"]
    assert [kind["name"] for kind in kinds if not kind["wanted"]] == ["declined"]
    assert all(kind["wanted"] for kind in hub.ask("person.mails", token=dora).json["items"])
    time.sleep(16)  # one more round of the service
    assert len(box.mails) == 1
    assert hub.job("session.unseal", {**where, "reason": "end"}, token=dora)["state"] == "done"
