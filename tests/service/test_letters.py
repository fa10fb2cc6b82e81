"""Mails of what the keeper has left, against a real SMTP server on the loopback interface."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from jupyter_modama.core.errors import Unreachable
from jupyter_modama.core.hub_rules import MailRules, PagesRules
from jupyter_modama.core.model import Person, PersonKind, Site
from jupyter_modama.service import letters as module
from jupyter_modama.service.letters import Letters, address_of
from jupyter_modama.store.notices import NoticeBook

pytestmark = pytest.mark.network
PEOPLE = {
    20001: Person(20001, "mia", "Mia"),
    20002: Person(20002, "ben"),
    20003: Person(20003, "refused"),
    20009: Person(20009, "20009", "", PersonKind.UNKNOWN),
}
QUIET = {
    "project": "adhoc/p ä",
    "session": "s #1",
    "path_b64": "",
    "since": "2026-10-01T10:00:00+00:00",
    "size_bytes": 3 << 30,
    "files": 12,
}
SEAL = {
    **{"project": "adhoc/p", "session": "s", "path": "", "path_b64": "", "state": "failed"},
    **{"files": None, "size_bytes": None, "detail": "the disk is full"},
}


class Box(Message):
    """What has come; takes nothing for those whom it refuses."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.mails: list[Any] = []
        self.refuses: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def box(port: int) -> Iterator[Box]:
    """A mail server's box."""
    made = Box()
    controller = Controller(made, hostname="localhost", port=port)
    controller.start()
    yield made
    controller.stop()


class Keeper:
    """Keeps notices in the book that a keeper has; `is_killed`: ends whoever says that something was told."""

    def __init__(self, book: NoticeBook) -> None:
        self.book, self.is_killed, self.is_away = book, False, False

    def notices(self) -> list[dict[str, Any]]:
        if self.is_away:
            raise Unreachable(what="the keeper", why="away")
        return self.book.waiting(200)

    def told(self, keys: list[str]) -> None:
        if self.is_killed:
            raise KeyboardInterrupt
        self.book.told(keys)


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(NoticeBook(tmp_path / "keeper/notices.sqlite"))


@pytest.fixture
def site(port: int) -> Site:
    rules = MailRules("localhost", port, "modama@example.org", "none", domain="example.org")
    pages = PagesRules(contact="data@example.org")
    return Site(
        root="/x", name="er-c-data", mail=rules, pages=pages, managed_by="https://hub.example.org/services/modama"
    )


@pytest.fixture
def letters(site: Site, keeper: Keeper, tmp_path: Path) -> Letters:
    return Letters(site, keeper, tmp_path / "letters.sqlite", PEOPLE.__getitem__)


def text_of(message: Any) -> str:
    return str(message.get_payload(decode=True).decode())


def test_quiet_sessions_are_one_mail_to_each_owner(letters: Letters, keeper: Keeper, box: Box) -> None:
    for number in (1, 2, 3):
        keeper.book.add(f"q{number}", 20001, "quiet", {**QUIET, "session": f"s #{number}"})
    keeper.book.add("q4", 20002, "quiet", QUIET)
    letters.send()
    assert [mail["To"] for mail in box.mails] == ["mia@example.org", "ben@example.org"]
    first, second = box.mails
    assert first["Subject"] == "3 sessions are quiet and not sealed (er-c-data)"
    assert second["Subject"] == "Quiet and not sealed: s #1 (er-c-data)"
    for words in ("unchanged since 2026-10-01", "12 files", "3.0 GiB", "14 days", "data@example.org"):
        assert words in text_of(second)
    assert "https://hub.example.org/services/modama/manage/session/adhoc/p%20%C3%A4/s%20%231" in text_of(second)
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("kind", "facts", "about"),
    [
        ("quiet", QUIET, "sessions in your projects"),
        ("seal", SEAL, "seals of yours"),
        ("declined", {**QUIET, "by": "Dora", "reason": "no"}, "requests of yours"),
    ],
)
def test_each_mail_says_how_to_stop_such_mails(
    letters: Letters, keeper: Keeper, box: Box, kind: str, facts: dict[str, Any], about: str
) -> None:
    """In words, and for mail programs."""
    keeper.book.add("a", 20001, kind, facts)
    letters.send()
    (mail,) = box.mails
    stop = "https://hub.example.org/services/modama/manage#mails"
    assert f"Mails about {about}" in text_of(mail)
    assert stop in text_of(mail)
    assert mail["List-Unsubscribe"] == f"<{stop}>"


def test_each_is_sent_once(letters: Letters, keeper: Keeper, box: Box) -> None:
    keeper.book.add("a", 20001, "seal", SEAL)
    for _ in range(3):
        letters.send()
    keeper.book.add("a", 20001, "seal", SEAL)
    letters.send()
    assert len(box.mails) == 1
    assert keeper.book.waiting(9) == []


def test_killed_after_sending_sends_nothing_twice(letters: Letters, site: Site, keeper: Keeper, box: Box) -> None:
    """The service has written down what it sent; a new one tells the keeper so."""
    keeper.book.add("a", 20001, "seal", SEAL)
    keeper.is_killed = True
    with pytest.raises(KeyboardInterrupt):
        letters.send()
    assert len(keeper.book.waiting(9)) == 1
    keeper.is_killed = False
    Letters(site, keeper, letters.file, PEOPLE.__getitem__).send()
    assert (len(box.mails), keeper.book.waiting(9)) == (1, [])


def test_killed_before_it_was_written_down_sends_the_same_mail_again(
    letters: Letters, site: Site, keeper: Keeper, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost; by its id mail programs know the second one."""
    keeper.book.add("a", 20001, "seal", SEAL)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(letters, "_remember", killed)
        with pytest.raises(KeyboardInterrupt):
            letters.send()
    Letters(site, keeper, letters.file, PEOPLE.__getitem__).send()
    assert len(box.mails) == 2
    assert box.mails[0]["Message-ID"] == box.mails[1]["Message-ID"]


def test_what_cannot_be_sent_waits(
    site: Site, keeper: Keeper, tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Until the server is there."""
    letters = Letters(site, keeper, tmp_path / "letters.sqlite", PEOPLE.__getitem__)
    keeper.book.add("a", 20001, "seal", SEAL)
    with caplog.at_level(logging.WARNING):
        letters.send()
    assert "the mail server localhost" in caplog.text
    made = Box()
    controller = Controller(made, hostname="localhost", port=port)
    controller.start()
    try:
        letters.send()
    finally:
        controller.stop()
    assert (len(made.mails), keeper.book.waiting(9)) == (1, [])


@pytest.mark.parametrize(("answer", "left"), [("550 nobody", 0), ("450 later", 1)])
def test_address_that_is_refused_keeps_nobody(
    letters: Letters, keeper: Keeper, box: Box, answer: str, left: int
) -> None:
    """For good: it is given up; for now: it waits. The others get theirs."""
    box.refuses["refused@example.org"] = answer
    keeper.book.add("a", 20003, "seal", SEAL)
    keeper.book.add("b", 20001, "seal", SEAL)
    letters.send()
    assert [mail["To"] for mail in box.mails] == ["mia@example.org"]
    assert len(keeper.book.waiting(9)) == left


def test_person_without_an_address_is_in_the_log(
    letters: Letters, keeper: Keeper, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.book.add("a", 20009, "seal", SEAL)
    with caplog.at_level(logging.WARNING):
        letters.send()
    assert "the account 20009 has no address" in caplog.text
    assert (box.mails, keeper.book.waiting(9)) == ([], [])


@pytest.mark.parametrize(
    "name", ["s\r\nBcc: evil@example.org", "s\nSubject: other", "s\x00\x1b[31m", "s\u2028\u202eevil"]
)
def test_no_name_makes_a_header(letters: Letters, keeper: Keeper, box: Box, name: str) -> None:
    """Neither in the subject, nor another recipient, nor a header."""
    facts = {**QUIET, "session": name}
    keeper.book.add("a", 20001, "quiet", facts)
    keeper.book.add("b", 20001, "seal", {**SEAL, "session": name})
    keeper.book.add("c", 20001, "declined", {**facts, "by": name, "reason": name})
    letters.send()
    assert len(box.mails) == 3
    for mail in box.mails:
        assert mail["Bcc"] is None
        assert (mail["X-RcptTo"], len(mail.get_all("Subject"))) == ("mia@example.org", 1)
        assert "\n" not in mail["Subject"]


@pytest.mark.parametrize("login", ["a b", "a,b@example.org", "a\r\nBcc: x@y.z", "<x>", "ä", "x;y", 'x"y'])
def test_no_login_makes_a_second_address(site: Site, login: str) -> None:
    assert address_of(site, Person(20001, login)) == ""


def test_login_that_is_an_address_is_the_address(site: Site) -> None:
    assert address_of(site, Person(1, "mia@other.example.org")) == "mia@other.example.org"
    assert address_of(replace(site, mail=MailRules()), Person(1, "mia")) == ""


@pytest.mark.parametrize(
    ("state", "words"), [("done", "is sealed now"), ("failed", "the disk is full"), ("interrupted", "begin it again")]
)
def test_end_of_a_seal_is_said(letters: Letters, keeper: Keeper, box: Box, state: str, words: str) -> None:
    keeper.book.add("a", 20001, "seal", {**SEAL, "state": state, "files": 1000, "size_bytes": 2048})
    letters.send()
    assert words in text_of(box.mails[0])


def test_name_that_is_not_utf_8_has_its_page(letters: Letters, keeper: Keeper, box: Box) -> None:
    path = base64.urlsafe_b64encode(b"adhoc/p/caf\xe9").decode()
    keeper.book.add("a", 20001, "quiet", {**QUIET, "session": "caf\\xe9", "path_b64": path})
    letters.send()
    assert "manage/session/adhoc/p/caf%E9" in text_of(box.mails[0])


def test_nothing_is_sent_where_it_cannot_be_written_down(
    letters: Letters, keeper: Keeper, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise it would be sent again and again."""
    letters.file = Path("/proc/letters.sqlite")
    keeper.book.add("a", 20001, "seal", SEAL)
    with caplog.at_level(logging.WARNING):
        letters.send()
    assert box.mails == []
    assert "no mail is sent" in caplog.text


def test_keeper_that_is_away_stops_nothing(letters: Letters, keeper: Keeper, caplog: pytest.LogCaptureFixture) -> None:
    keeper.is_away = True
    with caplog.at_level(logging.WARNING, logger=module._LOG.name):
        letters.send()
    assert "Mails wait" in caplog.text
