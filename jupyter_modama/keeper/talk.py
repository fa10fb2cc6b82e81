"""One connection of the keeper: a thread reads what is asked, another one writes what there is to say."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jupyter_modama.core.errors import Invalid, ModamaError, StorageError
from jupyter_modama.keeper.protocol import HELLO, Channel, check_hello

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller can have of the keeper at a time."""

    connections: int = 64
    requests: int = 64  # that are being done or wait for that, in all connections
    requests_a_person: int = 4  # that are being done
    threads: int = 8  # that do requests
    jobs: int = 64  # each has a thread: one that waits for a week keeps nobody else waiting
    jobs_a_person: int = 8
    hello_s: float = 10.0
    message_s: float = 10.0  # from the first byte of a message to its last
    idle_s: float = 600.0
    send_s: float = 30.0
    workers: int = 64
    workers_a_person: int = 4
    worker_idle_s: int = 300


class Talk:
    """One connection. `asked(talk, message)` is called for each message; it answers with `say`, from any thread."""

    def __init__(self, channel: Channel, limits: Limits, asked: Callable[[Talk, Message], None]) -> None:
        self.channel, self.limits, self.asked = channel, limits, asked
        self.open_requests: dict[int, Any] = {}  # by id; what is followed, where there is something
        self.guard = threading.Lock()
        self._news = threading.Condition()
        self._waiting: OrderedDict[Hashable, tuple[Message, int]] = OrderedDict()
        self._closing = False

    # saying --------------------------------------------------------------------------------------------------------

    def say(self, message: Message, *, instead: Hashable = None, fd: int = -1) -> None:
        """Have a message sent; of those with the same `instead` only the newest. A descriptor is closed afterwards."""
        with self._news:
            if self._closing:
                if fd >= 0:
                    os.close(fd)
                return
            self._waiting[object() if instead is None else instead] = (message, fd)
            self._news.notify()

    def end(self, request_id: int, message: Message, fd: int = -1) -> None:
        """The last word on a request."""
        with self.guard:
            self.open_requests.pop(request_id, None)
        with self._news:
            self._waiting.pop(("progress", request_id), None)
        self.say({"id": request_id, **message}, fd=fd)

    def _write(self) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._closing:
                    self._news.wait()
                if not self._waiting:
                    break
                _, (message, fd) = self._waiting.popitem(last=False)
            try:
                self._send(message, fd)
            except ModamaError:
                break
            finally:
                if fd >= 0:
                    os.close(fd)
        self._drop()
        self.channel.close()

    def _send(self, message: Message, fd: int) -> None:
        try:
            self.channel.send(message, self.limits.send_s, fd)
        except ValueError:
            failed = StorageError(what="answering", why="the answer cannot be written as JSON")
            self.channel.send({"id": message.get("id"), "problem": failed.problem()}, self.limits.send_s)

    def _drop(self) -> None:
        with self._news:
            self._closing = True
            for _, fd in self._waiting.values():
                if fd >= 0:
                    os.close(fd)
            self._waiting.clear()

    @property
    def is_over(self) -> bool:
        """Whether nothing is said on it any more."""
        return self._closing

    # hearing -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read until the other end goes, or breaks the rules."""
        writer = threading.Thread(target=self._write, name="modama-keeper-says", daemon=True)
        writer.start()
        try:
            self._greet()
            while (message := self._next()) is not None:
                self.asked(self, message)
        except ModamaError as error:
            self.say({"problem": error.problem()})
        finally:
            with self._news:
                self._closing = True
                self._news.notify()
            writer.join()

    def _greet(self) -> None:
        check_hello(self.channel.receive(idle_s=self.limits.hello_s, limit_s=self.limits.message_s), "the caller")
        self.say(HELLO)

    def _next(self) -> Message | None:
        """The next message; none where nothing is open and nothing comes."""
        while True:
            message = self.channel.receive(idle_s=self.limits.idle_s, limit_s=self.limits.message_s)
            if message is not None or not self._is_waited_for():
                return message

    def _is_waited_for(self) -> bool:
        with self.guard:
            return bool(self.open_requests) and not self.channel.ended

    def opened(self, message: Message) -> int:
        """The id of a new request.

        Raises: Invalid.
        """
        request_id = message.get("id")
        if type(request_id) is not int or not 0 <= request_id < 1 << 53:
            raise Invalid(what="a request is to have a whole number as its id")
        with self.guard:
            if request_id in self.open_requests:
                raise Invalid(what=f"the request {request_id} is being done already")
            self.open_requests[request_id] = None
        return request_id

    def close(self) -> None:
        with suppress(OSError):
            self.channel.end.shutdown(0)  # the reader notices, and then the writer ends with what is to be said
