"""The process that reads for one person, with that person's rights and none of the keeper's.

Started by the keeper, spoken to by the service: the messages are those of the keeper's socket, without an actor.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Cancelled, Invalid, ModamaError, NotAllowed, StorageError, from_os
from jupyter_modama.core.model import Actor, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, Where, perform
from jupyter_modama.keeper import capabilities, pictures
from jupyter_modama.keeper.protocol import HELLO, LARGEST_REQUEST, Channel, check_hello
from jupyter_modama.keeper.verbs import REACH, check_delegate, wanted_of
from jupyter_modama.runner import plain
from jupyter_modama.site import load_site
from jupyter_modama.store import people
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.reachable import reachable, to_json

Message = dict[str, Any]
SEND_S = 30.0
MESSAGE_S = 10.0


def main() -> int:
    """Read for the one who runs this, until the other end of the socket goes or nothing is asked for a while."""
    number, idle_s, via, known_by, on_behalf_of = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    check_harmless()
    site = load_site()
    if site is None:
        raise SystemExit("no site file is named")
    channel = Channel(socket.socket(fileno=int(number)), LARGEST_REQUEST)
    actor = Actor(people.me(), Via(via), known_by, on_behalf_of)
    with tempfile.TemporaryDirectory(prefix="modama-worker-", ignore_cleanup_errors=True) as own:
        store = DiskStore(site, state=Path(own), cache=Path(own))
        os.environ["XDG_CACHE_HOME"] = own
        reading = Reading(channel, store, actor)
        try:
            reading.run(float(idle_s))
        finally:
            reading.pictures.close()
            store.close()
            channel.close()
    return 0


def check_harmless() -> None:
    """Raises: PermissionError where this process could do more than its person."""
    held = capabilities.held()
    if 0 in {*os.getresuid(), *os.getresgid(), *os.getgroups()} or held.permitted | held.effective | held.inheritable:
        raise PermissionError(1, "a process that reads for a person must not have rights of the system")
    if not held.no_new_privileges:
        raise PermissionError(1, "a process that reads for a person must not be able to gain rights")


def operation_of(verb: Any) -> Operation:
    """An operation that reads the tree.

    Raises: NotAllowed.
    """
    operation = OPERATIONS.get(verb) if isinstance(verb, str) else None
    if operation is None or operation.changes or operation.where is not Where.TREE:
        raise NotAllowed(what=f"“{str(verb)[:60]}” is nothing that can be read")
    return operation


class Reading:
    """One connection: requests one after the other, which may be cancelled meanwhile."""

    def __init__(self, channel: Channel, store: DiskStore, actor: Actor) -> None:
        self.channel, self.store, self.actor = channel, store, actor
        self.pictures = pictures.Pictures()
        self._asked: list[Message] = []

    def run(self, idle_s: float) -> None:
        try:
            check_hello(self.channel.receive(idle_s=MESSAGE_S, limit_s=MESSAGE_S), "the caller")
            self.channel.send(HELLO, SEND_S)
            while (message := self._next(idle_s)) is not None:
                self._answer(message)
        except ModamaError as error:
            try:
                self.channel.send({"problem": error.problem()}, SEND_S)
            except ModamaError:
                return

    def _next(self, idle_s: float) -> Message | None:
        if self._asked:
            return self._asked.pop(0)
        return self.channel.receive(idle_s=idle_s, limit_s=MESSAGE_S)

    def _answer(self, message: Message) -> None:
        request_id = message.get("id")
        if type(request_id) is not int:
            raise Invalid(what="a request is to have a whole number as its id")
        if message.get("cancel") is True:
            return  # of something that has ended
        try:
            told = {"result": plain(self._done(request_id, message))}
        except ModamaError as error:
            told = {"problem": error.problem()}
        except OSError as error:
            told = {"problem": from_os(error, "reading").problem()}
        except Exception as error:  # a worker goes on for the next question
            told = {"problem": StorageError(what="reading", why=f"an unexpected {type(error).__name__}").problem()}
        self.channel.send({"id": request_id, **told}, SEND_S)

    def _done(self, request_id: int, message: Message) -> Any:
        if message.get("verb") == REACH:
            return self._reach(message.get("wanted"))
        if message.get("verb") in pictures.VERBS:
            return self._read_file(str(message["verb"]), message.get("wanted"))
        operation = operation_of(message.get("verb"))
        if self.actor.known_by == "delegate":
            check_delegate(self.store, self.actor, operation.name)
        answer = perform(operation, wanted_of(operation, message.get("wanted")), actor=self.actor, store=self.store)
        return self._driven(request_id, answer) if operation.kind is Kind.LONG else answer

    def _reach(self, wanted: Any) -> Message:
        """The projects that the person reaches; `sealed`: with the sealed folders in them. Raises: Invalid."""
        if self.actor.known_by == "delegate":
            check_delegate(self.store, self.actor, REACH)
        sealed = wanted.get("sealed") if isinstance(wanted, dict) else None
        if type(sealed) is not bool:
            raise Invalid(what="whether sealed folders are wanted, too, is to be said")
        return {"found": to_json(reachable(self.store.root_fd, self.store.site, sealed=sealed))}

    def _read_file(self, verb: str, wanted: Any) -> Message:
        """What needs the file's content, by processes with limits."""
        if self.actor.known_by == "delegate":
            check_delegate(self.store, self.actor, verb)
        return self.pictures.ask(verb, wanted)

    def _driven(self, request_id: int, steps: Generator[Any, None, Any]) -> Any:
        stop: Exception | None = None
        try:
            while True:
                step = next(steps) if stop is None else steps.throw(stop)
                stop = Cancelled(consequence="stopped when asked to") if self._is_cancelled(request_id) else None
                self.channel.send({"id": request_id, "progress": plain(step)}, SEND_S)
        except StopIteration as end:
            return end.value

    def _is_cancelled(self, request_id: int) -> bool:
        """Look at what has come meanwhile, without waiting for it."""
        while (message := self.channel.receive(idle_s=0.0, limit_s=MESSAGE_S)) is not None:
            if message.get("cancel") is True and message.get("id") == request_id:
                return True
            self._asked.append(message)
            if len(self._asked) > 16:
                raise Invalid(what="too much is asked at once")
        if self.channel.ended:
            raise Cancelled(consequence="nobody waits for it any more")
        return False
