"""What the socket answers while LiberTEM itself does not: a page that says why, and a problem for programs.

Standard library only, because it runs in a process of its own that should cost little.
"""

from __future__ import annotations

import html
import json
import os
import socketserver
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AGAIN = "again"  # the query that asks for another try


@dataclass(frozen=True, slots=True)
class Notice:
    """The state of things: `starting`, `stopped` or `failed`, with a sentence."""

    state: str
    sentence: str
    code: str = "unreachable"
    details: tuple[str, ...] = field(default=())

    @property
    def status(self) -> int:
        """What programs get: that it goes on is no error, which Jupyter would write into its log at each question."""
        return 202 if self.state == "starting" else 503

    def problem(self) -> dict[str, Any]:
        return {
            "type": f"urn:modama:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "detail": self.sentence,
            "state": self.state,
            "details": list(self.details),
        }

    def page(self) -> str:
        waiting = '<meta http-equiv="refresh" content="1">' if self.state == "starting" else ""
        button = "" if self.state == "starting" else f'<p><a href="?{AGAIN}">Start it now</a></p>'
        details = "".join(f"<li><code>{html.escape(line)}</code></li>" for line in self.details)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{waiting}<title>LiberTEM</title>'
            "<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;"
            "margin:4rem auto;padding:0 1rem}</style></head>"
            f"<body><h1>LiberTEM</h1><p>{html.escape(self.sentence)}</p>{button}<ul>{details}</ul></body></html>"
        )


STARTING = Notice("starting", "LiberTEM is starting. This takes some seconds; the page then appears by itself.")


class Desk:
    """Holds the socket while LiberTEM does not, and tells when somebody asks to try again."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.notice = STARTING
        self.asked_again = threading.Event()
        self._server: _Server | None = None
        self._inode = 0

    def show(self, notice: Notice) -> None:
        """Answer with `notice` from now on; takes the socket (back) when somebody else has or had it."""
        self.notice = notice
        self.asked_again.clear()
        if not self.taken_over() and self._server is not None:
            return
        self.close()
        new = f"{self.socket}.desk"
        Path(new).unlink(missing_ok=True)
        self._server = _Server(new, _Answer)
        self._server.desk = self
        os.chmod(new, 0o600)
        self._inode = os.stat(new).st_ino
        os.rename(new, self.socket)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def taken_over(self) -> bool:
        """Whether LiberTEM has put its own socket in the place of ours."""
        try:
            return self.socket.stat().st_ino != self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    desk: Desk


class _Answer(BaseHTTPRequestHandler):
    server: _Server

    def answer(self) -> None:
        desk, asked = self.server.desk, urlsplit(self.path)
        notice = desk.notice
        if asked.query.split("=")[0] == AGAIN and notice.state != "starting":
            desk.notice = notice = STARTING
            desk.asked_again.set()
        program = asked.path.startswith("/api/")
        body = json.dumps(notice.problem()) if program else notice.page()
        # a page that proxies and browsers may show is a plain 200; programs get the status that they look at
        self.send_response(notice.status if program else 200)
        self.send_header("Content-Type", "application/problem+json" if program else "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # nobody waits for it any more
                self.wfile.write(body.encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: paths of data are nobody's business."""

    def address_string(self) -> str:
        return "socket"
