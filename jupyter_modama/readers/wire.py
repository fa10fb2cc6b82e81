"""Messages between the pool and a worker: two lengths, JSON, bytes. No pickle, so a worker cannot run code here."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

HEAD = struct.Struct(">II")
LARGEST = 64 << 20


class Broken(Exception):
    """The other side is gone, or does not keep to the form."""


def pack(message: dict[str, Any], blob: bytes = b"") -> bytes:
    # ASCII only: a name that is not UTF-8 travels as lone surrogates, which JSON can escape and UTF-8 cannot hold.
    text = json.dumps(message, ensure_ascii=True).encode("ascii")
    return HEAD.pack(len(text), len(blob)) + text + blob


def lengths(head: bytes) -> tuple[int, int]:
    """The lengths of the two parts that follow.

    Raises: Broken.
    """
    if len(head) != HEAD.size:
        raise Broken
    text, blob = HEAD.unpack(head)
    if text + blob > LARGEST:
        raise Broken
    return text, blob


def unpack(text: bytes) -> dict[str, Any]:
    """Raises: Broken."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise Broken from error
    if not isinstance(message, dict):
        raise Broken
    return message


def receive(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message of a blocking stream without its bytes, None at its end."""
    head = stream.read(HEAD.size)
    if not head:
        return None
    text, blob = lengths(head)
    message = unpack(stream.read(text))
    stream.read(blob)
    return message
