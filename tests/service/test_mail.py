"""Mail of the service, against a real SMTP server on the loopback interface."""

from __future__ import annotations

import datetime
import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jupyter_modama.core.errors import Invalid, Unreachable
from jupyter_modama.core.hub_rules import MailRules
from jupyter_modama.core.model import Actor, Person, Site, Via
from jupyter_modama.service import mail
from jupyter_modama.service.mail import Post, send

pytestmark = pytest.mark.network
MIA = Actor(Person(20001, "mia", "Mia Lünd"), Via.PAGES, "hub-token")
INVITATION = {"project": "adhoc/lamella-7", "email": "new@example.org", "role": "member", "until": None}


class Box(Message):
    """What has come."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


class Server:
    """A mail server with its box."""

    def __init__(self, **more: Any) -> None:
        self.box = Box()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.controller = Controller(self.box, hostname="localhost", port=self.port, **more)

    @property
    def rules(self) -> MailRules:
        return MailRules(server="localhost", port=self.port, sender="modama@example.org", security="none")

    @property
    def texts(self) -> list[str]:
        return [one.get_payload(decode=True).decode() for one in self.box.mails]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.controller.start()
    yield made
    made.controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(*pem))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[Server]:
    """A server that takes mail only inside TLS, from one login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def known(_server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"modama", b"pass:word"), handled=False)

    made = Server(tls_context=context, require_starttls=True, authenticator=known, auth_required=True)
    made.controller.start()
    yield made
    made.controller.stop()


def trusting(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    """The system trusts this certificate."""
    made = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(mail.ssl, "create_default_context", lambda: made)


def test_an_invitation_says_who_where_and_how(server: Server) -> None:
    site = Site(root="/x", name="er-c-data", services={"hub": {"url": "https://hub.example.org"}}, mail=server.rules)
    Post(site).invited({**INVITATION, "until": "2027-01-31"}, MIA)
    (message,) = server.box.mails
    assert (message["To"], message["From"]) == ("new@example.org", "modama@example.org")
    assert "lamella-7" in message["Subject"]
    (text,) = server.texts
    for words in ("Mia Lünd", "“lamella-7”", "er-c-data", "https://hub.example.org", "2027-01-31", "new@example.org"):
        assert words in text
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_site_without_a_mail_server_sends_nothing(server: Server) -> None:
    Post(Site(root="/x")).invited(INVITATION, MIA)
    assert server.box.mails == []


def test_the_same_invitation_is_mailed_once_an_hour(server: Server) -> None:
    now = [0.0]
    post = Post(Site(root="/x", mail=server.rules), now=lambda: now[0])
    for at in (0.0, 10.0, mail.AGAIN_S + 1):
        now[0] = at
        post.invited(INVITATION, MIA)
    assert len(server.box.mails) == 2


def test_nobody_has_mail_sent_without_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MOST_A_DAY", 3)
    post = Post(Site(root="/x", mail=server.rules), now=lambda: 0.0)
    for number in range(5):
        post.invited({**INVITATION, "email": f"n{number}@example.org"}, MIA)
    post.invited(INVITATION, replace(MIA, person=Person(20002, "ben")))
    assert len(server.box.mails) == 4


def test_a_server_that_is_away_is_in_the_log_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        rules = MailRules("localhost", nobody.getsockname()[1], "modama@example.org", "none")
    with caplog.at_level(logging.WARNING):
        Post(Site(root="/x", mail=rules)).invited(INVITATION, MIA)
    assert "the mail server localhost does not answer" in caplog.text


@pytest.mark.parametrize("subject", ["two\nlines", "two\r\nBcc: x@example.org"])
def test_no_second_header_fits_into_a_subject(server: Server, subject: str) -> None:
    with pytest.raises(Invalid, match="cannot be sent as mail"):
        send(server.rules, "a@example.org", subject, "text")
    assert server.box.mails == []


def test_with_tls_and_a_login(
    secure: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = tmp_path / "user"
    user.write_text("modama:pass:word\n")
    trusting(monkeypatch, certificate[0])
    rules = replace(secure.rules, security="starttls", user_file=str(user))
    send(rules, "a@example.org", "hello", "ä text")
    assert [text.strip() for text in secure.texts] == ["ä text"]


def test_a_certificate_that_nobody_trusts_gets_neither_login_nor_mail(secure: Server, tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.write_text("modama:pass:word\n")
    with pytest.raises(Unreachable, match="certificate"):
        send(replace(secure.rules, security="starttls", user_file=str(user)), "a@example.org", "hello", "text")
    assert secure.box.mails == []


def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for(server: Server) -> None:
    with pytest.raises(Unreachable, match="STARTTLS"):
        send(replace(server.rules, security="starttls"), "a@example.org", "hello", "text")
    assert server.box.mails == []


def test_a_wrong_login_is_said(
    secure: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trusting(monkeypatch, certificate[0])
    user = tmp_path / "user"
    rules = replace(secure.rules, security="starttls", user_file=str(user))
    with pytest.raises(Invalid, match="cannot be read"):
        send(rules, "a@example.org", "hello", "text")
    user.write_text("nothing")
    with pytest.raises(Invalid, match="login:password"):
        send(rules, "a@example.org", "hello", "text")
    user.write_text("modama:wrong")
    with pytest.raises(Unreachable, match="Authentication"):
        send(rules, "a@example.org", "hello", "text")
    assert secure.box.mails == []
