"""Mail to people, where the site has a mail server; what could not be sent is in the log, and stops nothing."""

from __future__ import annotations

import logging
import smtplib
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path
from threading import Lock
from typing import Any

from jupyter_modama.core.errors import Busy, Invalid, Unreachable
from jupyter_modama.core.hub_rules import MailRules
from jupyter_modama.core.model import Actor, Site

PATIENCE_S = 20.0
AGAIN_S = 3600.0  # the same words to the same address no more often
DAY_S = 24 * 3600.0
MOST_A_DAY = 100  # that one person has sent
_LOG = logging.getLogger("modama.service.mail")

INVITED = """\
{who} invites you to the project “{project}” at {site}.

Sign in at {hub} with this address ({email}), and the project is there.
{until}
If you have no account there yet, answer to {who} or ask {site} for one. The invitation is good for 90 days.

You get this because {who} gave this address; nothing else is sent to it. If you do not want to come, there is nothing
to do. Questions: {contact}
"""


class Post:
    """Sends mail by the site's server."""

    def __init__(self, site: Site, now: Callable[[], float] = time.monotonic) -> None:
        self.site, self.rules, self._now = site, site.mail, now
        self._guard = Lock()
        self._sent: dict[str, float] = {}
        self._by: dict[int, deque[float]] = {}

    @property
    def is_there(self) -> bool:
        """Whether the site has a mail server."""
        return bool(self.rules.server and self.rules.sender)

    def invited(self, invitation: Mapping[str, Any], by: Actor) -> None:
        """Tell somebody of an invitation; on a thread, and never raises."""
        if not self.is_there:
            return
        email, project = str(invitation["email"]), str(invitation["project"])
        hub = self.site.services.get("hub", "")
        said = {
            "who": by.person.display or by.person.login,
            "project": project.rpartition("/")[2],
            "site": self.site.name,
            "hub": hub.get("url", "") if isinstance(hub, dict) else hub,
            "email": email,
            "contact": self.site.pages.contact or self.site.name,
            "until": f"You are a member until {invitation['until']}.\n" if invitation.get("until") else "",
        }
        try:
            self._count(by.person.uid, f"{project} {email}")
            send(self.rules, email, f"Invitation to {said['project']} at {self.site.name}", INVITED.format(**said))
        except (Busy, Invalid, Unreachable) as error:
            _LOG.warning("An invitation was not sent: %s", error)

    def _count(self, uid: int, what: str) -> None:
        """Raises: Busy where somebody has too much sent, to one address or in all."""
        now = self._now()
        with self._guard:
            self._sent = {key: at for key, at in self._sent.items() if now - at < AGAIN_S}
            rows = self._by.setdefault(uid, deque())
            while rows and now - rows[0] > DAY_S:
                rows.popleft()
            if what in self._sent or len(rows) >= MOST_A_DAY:
                raise Busy(what="the mail of this site")
            self._sent[what] = now
            rows.append(now)


def send(rules: MailRules, to: str, subject: str, text: str, message_id: str = "", stop: str = "") -> None:
    """Hand a mail over to the site's mail server; `stop` is the address where people switch such mails off.

    Raises: Unreachable; Invalid where the subject or an address holds what no header can.
    """
    try:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = rules.sender, to, subject
        message["Date"] = formatdate()
        message["Message-ID"] = message_id or make_msgid(domain=rules.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        if stop:
            message["List-Unsubscribe"] = f"<{stop}>"
        message.set_content(text)
    except ValueError as error:
        raise Invalid(what=f"this cannot be sent as mail: {error}") from error
    try:
        with _connected(rules) as server:
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(what=f"the mail server {rules.server}", why=str(error)) from error


def _connected(rules: MailRules) -> smtplib.SMTP:
    """Raises: OSError, SMTPException, Invalid."""
    context = ssl.create_default_context()
    if rules.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(rules.server, rules.port, timeout=PATIENCE_S, context=context)
    else:
        server = smtplib.SMTP(rules.server, rules.port, timeout=PATIENCE_S)
    try:
        if rules.security == "starttls":
            server.starttls(context=context)
        if rules.user_file:
            server.login(*_login(Path(rules.user_file)))
    except BaseException:
        with suppress(OSError, smtplib.SMTPException):
            server.close()
        raise
    return server


def _login(file: Path) -> tuple[str, str]:
    """Raises: Invalid."""
    try:
        login, colon, password = file.read_text("utf-8").strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(what=f"[mail] user_file {file} cannot be read by the service: {error}") from error
    if not colon or not login:
        raise Invalid(what=f"[mail] user_file {file} is to hold login:password")
    return login, password
