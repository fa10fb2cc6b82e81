"""Messages as they go over a socket: whole, in order, and never more than an error of ours, whatever comes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.errors import Invalid, ModamaError, TimedOut, Unreachable, VersionMismatch
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.keeper.protocol import HELLO, Channel, check_hello
from jupyter_modama.keeper.verbs import VERBS, wanted_of

LARGEST = 4096
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@contextmanager
def pair() -> Iterator[tuple[Channel, Channel]]:
    one, other = socket.socketpair()
    here, there = Channel(one, LARGEST), Channel(other, LARGEST)
    try:
        yield here, there
    finally:
        here.close()
        there.close()


@given(st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=4), max_size=5))
def test_messages_come_as_they_were_sent(messages: list[dict[str, Any]]) -> None:
    """In their order; then there is nothing more."""
    with pair() as (here, there):
        for message in messages:
            here.send(message, 5)
        here.end.shutdown(socket.SHUT_WR)
        assert [there.receive(limit_s=5) for _ in messages] == messages
        assert there.receive(limit_s=5) is None
        assert there.ended


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_refused(raw: bytes) -> None:
    with pair() as (here, there):
        here.end.sendall(raw)
        here.end.shutdown(socket.SHUT_WR)
        try:
            while (message := there.receive(limit_s=5)) is not None:
                assert isinstance(message, dict)
        except Invalid:
            pass


@given(st.binary(max_size=200))
def test_any_framed_bytes_are_messages_or_refused(raw: bytes) -> None:
    with pair() as (here, there):
        here.end.sendall(len(raw).to_bytes(4, "big") + raw)
        with suppress(Invalid):
            assert isinstance(there.receive(limit_s=5), dict)


@given(st.sampled_from([verb for verb in VERBS if verb in OPERATIONS]), JSON)
def test_any_wish_is_of_its_types_or_refused(verb: str, said: Any) -> None:
    """Also one that has the right fields with anything in them."""
    row = OPERATIONS[verb]
    for wish in (said, dict.fromkeys(row.wanted_types, said)):
        with suppress(Invalid):
            assert isinstance(wanted_of(row, wish), row.wanted)


def test_descriptor_travels_with_its_message() -> None:
    """And is dropped where nobody asks for one."""
    with pair() as (here, there), open("/etc/hostname", "rb") as file:
        here.send({"a": 1}, 5, file.fileno())
        here.send({"a": 2}, 5, file.fileno())
        assert there.receive(limit_s=5, descriptors=True) == {"a": 1}
        assert os.path.sameopenfile(there.fds[0], file.fileno())
        assert there.receive(limit_s=5) == {"a": 2}
        assert len(there.fds) == 1


def test_limits_of_time_and_size_hold() -> None:
    with pair() as (here, there):
        assert there.receive(idle_s=0.0) is None
        here.end.sendall(b"\0")
        with pytest.raises(TimedOut):
            there.receive(limit_s=0.05)
    with pair() as (here, there):
        here.end.sendall((LARGEST + 1).to_bytes(4, "big"))
        with pytest.raises(Invalid, match="too large"):
            there.receive(limit_s=5)
    with pair() as (here, there), pytest.raises(TimedOut):
        here.send({"a": "x" * 10_000_000}, 0.05)


def test_other_end_that_is_gone_is_said() -> None:
    with pair() as (here, there):
        there.close()
        with pytest.raises(Unreachable):
            here.send({"a": "x" * 100_000}, 5)


@pytest.mark.parametrize(
    ("message", "error"),
    [(None, Invalid), ({}, Invalid), ({**HELLO, "version": 2}, VersionMismatch), ({**HELLO, "hello": "x"}, Invalid)],
)
def test_greeting_names_protocol_and_version(message: dict[str, Any] | None, error: type[ModamaError]) -> None:
    check_hello(HELLO, "the caller")
    with pytest.raises(error):
        check_hello(message, "the caller")
