"""What the keeper and its one caller say to each other: JSON objects, each with its length in four bytes before it.

    caller                                                     keeper
    {"hello": "modama-keeper", "version": 1}                ->
                                                            <- {"hello": "modama-keeper", "version": 1}
    {"id": 1, "verb": ..., "wanted": {...}, "actor": {...}} ->
                                                            <- {"id": 1, "job": "..."}        of long work
                                                            <- {"id": 1, "progress": {...}}   any number of these
                                                            <- {"id": 1, "result": {...}} or {"id": 1, "problem": {...}}
    {"id": 1, "cancel": true}                               ->
    {"id": 1, "verb": "keeper.follow"}                      ->
                                                            <- {"id": 1, "changed": {...}}    each job, without end

Whoever breaks these rules gets a `problem` without an id, and the connection ends.
"""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jupyter_modama.core.errors import Invalid, TimedOut, Unreachable, VersionMismatch

NAME, VERSION = "modama-keeper", 1
LARGEST_REQUEST = 1 << 20
LARGEST_ANSWER = 16 << 20
HEAD = 4
HELLO = {"hello": NAME, "version": VERSION}


class Channel:
    """One end of a connection; one thread may receive while another one sends.

    Raises (all methods): Unreachable where the other end is gone.
    """

    def __init__(self, end: socket.socket, largest: int) -> None:
        """`largest`: bytes of a message that is received."""
        end.setblocking(True)
        self.end, self.largest = end, largest
        self.ended = False  # the other end has nothing more to say
        self.fds: list[int] = []  # that came with messages, where they are asked for

    def close(self) -> None:
        """End the connection; a thread that receives or sends notices."""
        with suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()
        while self.fds:
            os.close(self.fds.pop())

    # sending -------------------------------------------------------------------------------------------------------

    def send(self, message: dict[str, Any], limit_s: float, fd: int = -1) -> None:
        """Send one message, with a descriptor where there is one.

        Raises: TimedOut, Unreachable, ValueError where it holds what JSON has not.
        """
        text = json.dumps(message, allow_nan=False).encode()
        rest = memoryview(len(text).to_bytes(HEAD, "big") + text)
        deadline = time.monotonic() + limit_s
        while rest:
            self._wait(select.POLLOUT, deadline, limit_s, "sending to the other end of the socket")
            with _told():
                if fd >= 0:
                    sent = socket.send_fds(self.end, [rest], [fd], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                    fd = -1
                else:
                    sent = self.end.send(rest, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                rest = rest[sent:]

    # receiving -----------------------------------------------------------------------------------------------------

    def receive(
        self, *, idle_s: float | None = None, limit_s: float | None = None, descriptors: bool = False
    ) -> dict[str, Any] | None:
        """The next message; None where the other end has nothing more to say, or says nothing for `idle_s`.

        `limit_s`: what a message may take from its first byte to its last.
        Raises: Invalid, TimedOut, Unreachable.
        """
        try:
            self._wait(select.POLLIN, None if idle_s is None else time.monotonic() + idle_s, idle_s or 0, "waiting")
        except TimedOut:
            return None
        deadline = None if limit_s is None else time.monotonic() + limit_s
        read = self._reader(deadline, limit_s or 0, descriptors)
        head = read(HEAD, True)
        if not head:
            self.ended = True
            return None
        length = int.from_bytes(head, "big")
        if length > self.largest:
            raise Invalid(what=f"a message of {length} bytes is too large; {self.largest} are the most")
        return _parsed(read(length, False))

    def _reader(self, deadline: float | None, limit_s: float, descriptors: bool) -> Callable[[int, bool], bytes]:
        def read(count: int, may_end: bool) -> bytes:
            got = bytearray()
            while len(got) < count:
                self._wait(select.POLLIN, deadline, limit_s, "receiving a whole message")
                piece = self._piece(min(count - len(got), 1 << 16), descriptors)
                if piece == b"":
                    if may_end and not got:
                        return b""
                    raise Invalid(what="the connection ended in the middle of a message")
                got += piece or b""
            return bytes(got)

        return read

    def _piece(self, most: int, descriptors: bool) -> bytes | None:
        """What has come; None where that was nothing yet. The kernel drops descriptors that nobody asked for."""
        with _told():
            if not descriptors:
                return self.end.recv(most, socket.MSG_DONTWAIT)
            piece, fds, _, _ = socket.recv_fds(self.end, most, 1, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
            self.fds += fds
            return piece
        return None

    def _wait(self, event: int, deadline: float | None, limit_s: float, doing: str) -> None:
        try:
            waiting = select.poll()
            waiting.register(self.end, event)
        except (OSError, ValueError) as error:
            raise _gone() from error
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if waiting.poll(None if left is None else left * 1000):
                return
            if left == 0.0:
                raise TimedOut(what=doing, limit_s=round(limit_s))


class _told:
    """Says in our words that the other end is gone; that there is nothing to do yet is no error."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, OSError):
            if error.errno in {errno.EAGAIN, errno.EINTR}:
                return True
            raise _gone() from error
        return False


def _gone() -> Unreachable:
    return Unreachable(what="the other end of the keeper's socket", why="the connection was closed")


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid(what="a message is to be a JSON object, and this one is none") from error
    if not isinstance(message, dict):
        raise Invalid(what="a message is to be a JSON object, and this one is something else")
    return message


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def check_hello(message: dict[str, Any] | None, who: str) -> None:
    """Raises: Invalid, VersionMismatch."""
    if message is None or message.get("hello") != NAME:
        raise Invalid(what=f"{who} does not say hello as {NAME}")
    if message.get("version") != VERSION:
        raise VersionMismatch(
            what=who,
            found=str(message.get("version"))[:20],
            wanted=VERSION,
            next_step="install the same version of jupyter-modama for the service and the keeper",
        )
