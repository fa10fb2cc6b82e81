"""The keeper's caller: the keys of a tree through the socket, and workers that read for people."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Any

from jupyter_modama.core.errors import Cancelled, ModamaError, Unreachable, from_problem
from jupyter_modama.core.model import Actor, Progress
from jupyter_modama.keeper.protocol import HELLO, LARGEST_ANSWER, Channel, check_hello
from jupyter_modama.keeper.verbs import FOLLOW, NOTICES, REACH, READ_AS, TOLD, said_of
from jupyter_modama.runner import plain
from jupyter_modama.store.reachable import Reachable, from_json

Message = dict[str, Any]
Steps = Generator[Progress, None, dict[str, Any]]
SEND_S = 30.0
HELLO_S = 30.0
SHORT_S = 300.0  # for what is no long work: a disk can be slow


class KeeperKeys:
    """The keys that the keeper holds; each piece of work has a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path

    def do(self, operation: str, wanted: Any, actor: Actor) -> Steps:
        """As core.ports.Keys says. Raises: Unreachable beside what the work raises."""
        request = {"id": 1, "verb": operation, "wanted": plain(wanted), "actor": said_of(actor)}
        channel = self._connected()
        with closing(channel):
            channel.send(request, SEND_S)
            return (yield from _followed(channel))

    def begin(self, operation: str, wanted: Any, actor: Actor) -> str:
        """Have long work begun, which goes on without its caller; answers the id of its job.

        Raises: as `do`, where there is no job.
        """
        channel = self._connected()
        with closing(channel):
            channel.send({"id": 1, "verb": operation, "wanted": plain(wanted), "actor": said_of(actor)}, SEND_S)
            message = channel.receive(idle_s=SHORT_S, limit_s=SEND_S)
            if message is not None and "job" in message:
                return str(message["job"])
            _ended(message)
            raise Unreachable(what="the keeper", why=f"it did not say which job does {operation}")

    def follow(self, opened: Callable[[Channel], None]) -> Iterator[Message]:
        """How all jobs of the keeper change, as JSON, until it ends or the channel, which `opened` gets, is closed.

        Raises: Unreachable.
        """
        channel = self._connected()
        with closing(channel):
            opened(channel)
            channel.send({"id": 1, "verb": FOLLOW}, SEND_S)
            while True:
                message = channel.receive(limit_s=SEND_S)
                if message is None or "changed" not in message:
                    _ended(message)
                    return
                yield message["changed"]

    def read_as(self, actor: Actor) -> Reader:
        """A worker that reads for a person.

        Raises: Unreachable, Busy, NotAllowed.
        """
        channel = self._connected()
        with closing(channel):
            channel.send({"id": 1, "verb": READ_AS, "actor": said_of(actor)}, SEND_S)
            _ended(channel.receive(idle_s=SHORT_S, limit_s=SEND_S, descriptors=True))
            if not channel.fds:
                raise Unreachable(what="the keeper", why="it gave no worker")
            end = socket.socket(fileno=channel.fds.pop())
        return Reader(end)

    def notices(self) -> list[Message]:
        """What waits to be told by mail. Raises: Unreachable."""
        return list(self._asked({"id": 1, "verb": NOTICES})["items"])

    def told(self, keys: list[str]) -> None:
        """These notices were told. Raises: Unreachable."""
        self._asked({"id": 1, "verb": TOLD, "keys": keys})

    def _asked(self, request: Message) -> Message:
        channel = self._connected()
        with closing(channel):
            channel.send(request, SEND_S)
            return _ended(channel.receive(idle_s=SHORT_S, limit_s=SEND_S))

    def check(self) -> None:
        """Raises: Unreachable where no keeper answers."""
        self._connected().close()

    def _connected(self) -> Channel:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            end.connect(self.path)
        except OSError as error:
            end.close()
            raise Unreachable(what="the keeper", why=error.strerror or str(error)) from error
        return _greeted(end)


class Reader:
    """A worker's other end: what it answers is what its person could have said, and no more."""

    def __init__(self, end: socket.socket) -> None:
        self._channel = _greeted(end)
        self._last = 0

    def do(self, operation: str, wanted: Any) -> Steps:
        """What an operation that reads answers, with progress where that takes long."""
        self._last += 1
        self._channel.send({"id": self._last, "verb": operation, "wanted": plain(wanted)}, SEND_S)
        return (yield from _followed(self._channel, self._last))

    def reach(self, *, sealed: bool) -> list[Reachable]:
        """The projects that its person reaches; `sealed`: with the sealed folders in them."""
        steps = self.do(REACH, {"sealed": sealed})
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return from_json(str(end.value["found"]))

    def close(self) -> None:
        """End it; it ends by itself, too, when nothing is asked for a while."""
        self._channel.close()


def _greeted(end: socket.socket) -> Channel:
    channel = Channel(end, LARGEST_ANSWER)
    try:
        with suppress(Unreachable):  # refused already: then it says why
            channel.send(HELLO, HELLO_S)
        answer = channel.receive(idle_s=HELLO_S, limit_s=HELLO_S)
        if answer is None:
            raise Unreachable(what="the keeper", why="it refuses to speak with this account, or is too busy")
        if "problem" in answer:
            raise from_problem(answer["problem"])
        check_hello(answer, "the keeper")
    except BaseException:
        channel.close()
        raise
    return channel


def _followed(channel: Channel, request_id: int = 1) -> Steps:
    """What comes of a request: progress, and at last the answer."""
    while True:
        message = channel.receive(limit_s=SEND_S)
        if message is not None and message.get("id", request_id) != request_id:
            continue  # of a request before this one, which was left alone
        if message is None or message.keys() & {"result", "problem"}:
            return _ended(message)
        if "progress" not in message:
            continue  # the number of its job
        try:
            yield Progress(**message["progress"])
        except Cancelled:
            channel.send({"id": request_id, "cancel": True}, SEND_S)


def _ended(message: Message | None) -> Message:
    """Raises: what the message says."""
    if message is None:
        raise Unreachable(what="the keeper", why="it stopped meanwhile; what was begun goes on when it starts again")
    if "problem" in message:
        raise _error(message["problem"])
    result: Message = message["result"]
    return result


def _error(problem: Message) -> ModamaError:
    return from_problem(problem)
