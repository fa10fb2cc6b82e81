"""Messages between the pool and a worker: two lengths, JSON, bytes. No pickle: a worker is not trusted either."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

HEAD = struct.Struct(">II")
LARGEST = 64 << 20


class Broken(Exception):
    """The other side has gone, or does not speak our language."""


class Late(Exception):
    """Nothing came in time."""


def packed(message: dict[str, Any], blob: bytes = b"") -> bytes:
    text = json.dumps(message).encode("ascii")
    return HEAD.pack(len(text), len(blob)) + text + blob


def send(fd: int, message: dict[str, Any], blob: bytes = b"") -> None:
    """Write one message. Raises: Broken."""
    rest = memoryview(packed(message, blob))
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
    except OSError as error:
        raise Broken(str(error)) from error


def receive(fd: int, deadline: float | None = None) -> tuple[dict[str, Any], bytes]:
    """Read one message, until `deadline` (of time.monotonic). Raises: Broken, Late."""
    length, blob_length = HEAD.unpack(_exactly(fd, HEAD.size, deadline))
    if length > LARGEST or blob_length > LARGEST:
        raise Broken("a message is larger than any can be")
    text, blob = _exactly(fd, length, deadline), _exactly(fd, blob_length, deadline)
    try:
        message = json.loads(text)
    except ValueError as error:
        raise Broken("a message is no JSON") from error
    if not isinstance(message, dict):
        raise Broken("a message is no JSON object")
    return message, blob


def _exactly(fd: int, count: int, deadline: float | None) -> bytes:
    found = bytearray()
    while len(found) < count:
        _wait(fd, deadline)
        piece = os.read(fd, min(count - len(found), 1 << 20))
        if not piece:
            raise Broken("the other side has closed")
        found += piece
    return bytes(found)


def _wait(fd: int, deadline: float | None) -> None:
    if deadline is None:
        return
    # poll, not select: a server with more than 1024 open files is normal.
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise Late
