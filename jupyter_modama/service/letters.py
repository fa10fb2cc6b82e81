"""Mails to people of what the keeper has left for them: reminders of quiet sessions, how seals ended.

A notice is written down here as sent right after the mail server has taken it, and then told to the keeper, which keeps
it until then: so none is lost, and none is sent twice unless this process is killed between these two lines. Then
the second mail has the Message-ID of the first, by which mail programs know it.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import smtplib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from jupyter_modama.core.errors import Invalid, ModamaError, StorageError, Unreachable, printable
from jupyter_modama.core.mails import KINDS
from jupyter_modama.core.model import Person, PersonKind, Site
from jupyter_modama.core.permalinks import base_of
from jupyter_modama.service.mail import send
from jupyter_modama.store import people
from jupyter_modama.store.notices import KEPT_DAYS

Notice = dict[str, Any]
DAY_S = 24 * 3600.0
MOST_LISTED = 50
LONGEST_SUBJECT = 150
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_LOG = logging.getLogger("modama.service.letters")


class Keeper(Protocol):
    """What is asked of the keeper."""

    def notices(self) -> list[Notice]: ...
    def told(self, keys: list[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, of one notice or of all quiet sessions of a person."""

    uid: int
    keys: tuple[str, ...]
    subject: str
    text: str


class Letters:
    """Sends what waits."""

    def __init__(self, site: Site, keeper: Keeper, file: Path, person: Callable[[int], Person] = people.person) -> None:
        self.site, self.keeper, self.file, self._person = site, keeper, file, person

    def send(self) -> None:
        """Send what waits; what cannot be sent now waits on. On a thread, and never raises what can be expected."""
        try:
            waiting = self.keeper.notices()
            sent = self._sent()
            self._told([row["key"] for row in waiting if row["key"] in sent])  # of which a killed service said nothing
            for letter in letters_of(self.site, [row for row in waiting if row["key"] not in sent]):
                self._tried(letter)
        except ModamaError as error:
            _LOG.warning("Mails wait: %s", error)

    def _tried(self, letter: Letter) -> None:
        """Send a letter; one that cannot be sent now waits, and does not keep the others.

        Raises: Unreachable where the server is away, StorageError.
        """
        try:
            self._send(letter)
        except (Invalid, Unreachable) as error:
            if isinstance(error, Unreachable) and not isinstance(error.__cause__, smtplib.SMTPRecipientsRefused):
                raise
            _LOG.warning("The mail “%s” waits: %s", letter.subject, error)

    def _send(self, letter: Letter) -> None:
        """Raises: Unreachable, StorageError, Invalid where the settings of the site are wrong."""
        address = address_of(self.site, self._person(letter.uid))
        if not address:
            _LOG.warning("Nobody is mailed “%s”: the account %d has no address", letter.subject, letter.uid)
        else:
            domain = self.site.mail.sender.rpartition("@")[2]
            key = hashlib.sha256("\n".join(letter.keys).encode("utf-8", "backslashreplace")).hexdigest()[:32]
            try:
                send(self.site.mail, address, letter.subject, letter.text, f"<{key}@{domain}>", stop_link(self.site))
            except Unreachable as error:
                if not _is_refused(error.__cause__):
                    raise
                _LOG.warning("The mail server does not take mail for %s: %s", address, error)
        self._remember(letter.keys)
        self._told(list(letter.keys))

    def _told(self, keys: list[str]) -> None:
        if keys:
            self.keeper.told(keys)

    # what was sent ---------------------------------------------------------------------------------------------------

    def _sent(self) -> set[str]:
        with self._open() as base:
            base.execute("DELETE FROM sent WHERE at < ?", (time.time() - KEPT_DAYS * DAY_S,))
            return {str(key) for (key,) in base.execute("SELECT key FROM sent")}

    def _remember(self, keys: tuple[str, ...]) -> None:
        with self._open() as base:
            base.executemany("INSERT OR IGNORE INTO sent VALUES (?, ?)", [(key, time.time()) for key in keys])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises: StorageError: where it cannot be kept what was sent, nothing is."""
        try:
            with closing(sqlite3.connect(self.file, timeout=10.0)) as base:
                base.execute("CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY, at REAL NOT NULL)")
                with base:
                    yield base
        except (OSError, sqlite3.Error) as error:
            why = f"{error}; while {self.file} cannot be used, no mail is sent"
            raise StorageError(what="the list of sent mails", why=why) from error


def _is_refused(error: BaseException | None) -> bool:
    """Whether the server will never take this mail, so that sending it again makes no sense."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def address_of(site: Site, person: Person) -> str:
    """The e-mail address of a person, nothing where there is none, or none that can stand in a mail."""
    login = person.login
    if person.kind is PersonKind.UNKNOWN or not login.isascii() or not login.isprintable():
        return ""
    address = login if "@" in login else f"{login}@{site.mail.domain}" if site.mail.domain else ""
    return "" if any(sign in address for sign in ' <>,;:"()[]\\') else address


# Words ---------------------------------------------------------------------------------------------------------------


def letters_of(site: Site, notices: list[Notice]) -> Iterator[Letter]:
    """The mails for some notices: one a person of all quiet sessions, and one of each other thing."""
    quiet: dict[int, list[Notice]] = {}
    for row in notices:
        if row["kind"] == "quiet":
            quiet.setdefault(row["uid"], []).append(row)
        elif row["kind"] in WORDS:
            subject, text = WORDS[row["kind"]](site, row["facts"])
            yield Letter(row["uid"], (row["key"],), one_line(subject), text)
        else:  # of a keeper that is newer
            _LOG.warning("A notice of the unknown kind “%s” waits", row["kind"])
    for uid, rows in quiet.items():
        subject, text = _quiet(site, [row["facts"] for row in rows])
        yield Letter(uid, tuple(row["key"] for row in rows), one_line(subject), text)


def one_line(text: str) -> str:
    """Fit for a header, whatever names are in it."""
    line = " ".join(printable(text).split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1]}…"


def _quiet(site: Site, rows: list[Notice]) -> tuple[str, str]:
    days = site.mail.quiet_days
    one = len(rows) == 1
    subject = f"Quiet and not sealed: {rows[0]['session']}" if one else f"{len(rows)} sessions are quiet and not sealed"
    listed = [
        f"{row['project']}/{row['session']}\n  unchanged since {row['since'][:10]}, {row['files']:,} "
        f"file{'' if row['files'] == 1 else 's'}, {_size(row['size_bytes'])}\n  {_link(site, row)}"
        for row in rows[:MOST_LISTED]
    ]
    more = [f"and {len(rows) - MOST_LISTED} more"] if len(rows) > MOST_LISTED else []
    said = "In this session of yours" if one else "In these sessions of your projects"
    text = (
        f"{said} nothing has changed for {days} days or longer, and the raw data can still be changed or deleted by "
        "mistake. If all of it is there, please seal it; if not, nothing needs to be done.\n\n"
        + "\n\n".join([*listed, *more])
    )
    return f"{subject} ({site.name})", _closed(site, "quiet", text)


def _seal(site: Site, row: Notice) -> tuple[str, str]:
    what = f"{row['project']}/{row['session']}" if row["session"] else row["path"] or row["project"]
    detail = f"\n\n{row['detail']}." if row["detail"] else ""
    if row["state"] == "done":
        subject, said = "Sealed", f"“{what}” is sealed now, and its files cannot be changed any more."
        if row.get("files") is not None:
            said += f" It holds {row['files']:,} files, {_size(row['size_bytes'] or 0)}."
    elif row["state"] == "interrupted":
        subject = "Sealing was interrupted"
        said = f"Sealing “{what}” was interrupted and does not go on by itself. Please begin it again on its page."
    else:
        subject, said = "Sealing failed", f"“{what}” was not sealed.{detail}"
    return f"{subject}: {row['session'] or what} ({site.name})", _closed(site, "seal", f"{said}\n\n{_link(site, row)}")


def _declined(site: Site, row: Notice) -> tuple[str, str]:
    text = f"{row['by']} has declined your request to unseal “{row['project']}/{row['session']}”:\n\n{row['reason']}"
    closed = _closed(site, "declined", f"{text}\n\n{_link(site, row)}")
    return f"Unsealing was declined: {row['session']} ({site.name})", closed


WORDS: dict[str, Callable[[Site, Notice], tuple[str, str]]] = {"seal": _seal, "declined": _declined}


def _closed(site: Site, kind: str, text: str) -> str:
    contact = f"Questions: {site.pages.contact}\n" if site.pages.contact else ""
    stop = f"Mails about {KINDS[kind]} can be switched off here:\n{stop_link(site)}\n"
    return f"{text}\n\n-- \n{site.name}\n{contact}{stop}"


def stop_link(site: Site) -> str:
    """Where people choose which mails they get."""
    return f"{_pages(site)}/manage#mails"


def _link(site: Site, row: Notice) -> str:
    """The page of a session, or of another path."""
    try:
        path = base64.urlsafe_b64decode(row.get("path_b64") or "")
    except ValueError:
        path = b""
    view = "manage/session" if row.get("session") else "browse"
    shown = f"{row['project']}/{row['session']}" if row.get("session") else row.get("path", "")
    quoted = quote(path or shown.encode("utf-8", "backslashreplace"), safe="/")
    return f"{_pages(site)}/{view}/{quoted}"


def _pages(site: Site) -> str:
    return site.managed_by or base_of(site)


def _size(size: float) -> str:
    unit = 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {UNITS[unit]}"
