"""The service's port, and who is asked to leave it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.errors import NotFound, StorageError, Unreachable
from jupyter_modama.service.port import NAME, STARTED_BY, make_state, named_starter, started_at, take_port
from jupyter_modama.testing.running_hub import free_ports

HOLDS = """
import sys, time
from pathlib import Path
from jupyter_modama.service.port import take_port
held = take_port("127.0.0.1", int(sys.argv[1]), Path(sys.argv[2]))
print("holds", flush=True)
time.sleep(600)
"""
# Starts one that holds the port, says which, and goes or stays.
STARTS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", *sys.argv[2:]], stdout=subprocess.PIPE, text=True)
assert child.stdout.readline() == "holds\\n"
print(child.pid, flush=True)
if sys.argv[1] == "stays":
    time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    make_state(folder)
    return folder


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


class Started:
    """Somebody who started a service that holds the port."""

    def __init__(self, how: str, port: int, state: Path) -> None:
        words = [sys.executable, "-c", STARTS, how, HOLDS, str(port), str(state)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.service = int(self.process.stdout.readline())
        self.began = started_at(self.service)
        if how == "goes":
            self.process.wait(60)

    @property
    def service_lives(self) -> bool:
        return started_at(self.service) == self.began and "Z" not in Path(f"/proc/{self.service}/stat").read_text()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        if started_at(self.service) == self.began:
            os.kill(self.service, signal.SIGKILL)


@pytest.fixture
def orphan(port: int, state: Path) -> Iterator[Started]:
    found = Started("goes", port, state)
    yield found
    found.end()


def test_orphan_of_ours_is_asked_to_go(port: int, state: Path, orphan: Started) -> None:
    assert orphan.service_lives
    with take_port("127.0.0.1", port, state) as held:
        assert held.getsockname()[1] == port
    assert json.loads((state / NAME).read_text())["pid"] == os.getpid()
    until = time.monotonic() + 30
    while started_at(orphan.service) == orphan.began and orphan.service_lives:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_service_whose_hub_lives_is_left_alone(port: int, state: Path) -> None:
    """Two hubs that share a port by mistake do not shoot each other's service."""
    other = Started("stays", port, state)
    try:
        with pytest.raises(Unreachable, match=f"the port {port} of"):
            take_port("127.0.0.1", port, state)
        assert other.service_lives
    finally:
        other.end()


def test_orphan_since_it_began_is_asked_to_go(port: int, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hub said who it is, since somebody who lives for ever was its parent when it took the port."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as hub:
        monkeypatch.setenv(STARTED_BY, named_starter(hub.pid))
        orphan = Started("goes", port, state)
        monkeypatch.delenv(STARTED_BY)
        try:
            with pytest.raises(Unreachable, match=f"the port {port} of"):
                take_port("127.0.0.1", port, state)
            hub.kill()
            hub.wait(60)
            with take_port("127.0.0.1", port, state):
                assert not orphan.service_lives
        finally:
            orphan.end()


def test_orphan_does_not_begin(port: int, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next hub starts a service of its own."""
    with subprocess.Popen([sys.executable, "-c", ""]) as hub:
        monkeypatch.setenv(STARTED_BY, named_starter(hub.pid))
    with pytest.raises(Unreachable, match="is gone"):
        take_port("127.0.0.1", port, state)
    assert not (state / NAME).exists()


@pytest.mark.parametrize("change", [{"started": 1}, {"pid": os.getpid()}, {"pid": 1}, {"pid": "x"}, None])
def test_process_that_is_not_the_one_written_down_is_left_alone(
    port: int, state: Path, orphan: Started, change: dict[str, object] | None
) -> None:
    """A number that was given to another process since, and a note that was damaged."""
    noted = json.loads((state / NAME).read_text())
    (state / NAME).write_text("{" if change is None else json.dumps({**noted, **change}))
    with pytest.raises(Unreachable):
        take_port("127.0.0.1", port, state)
    assert orphan.service_lives


def test_port_of_another_program_is_left_alone(port: int, state: Path) -> None:
    with socket.create_server(("127.0.0.1", port)) as other:
        with pytest.raises(Unreachable, match="in use"):
            take_port("127.0.0.1", port, state)
        socket.create_connection(other.getsockname(), timeout=10).close()


def test_state_folder_is_ones_own(tmp_path: Path) -> None:
    """One that others can enter is refused, so that nobody names a process there."""
    folder = tmp_path / "state"
    make_state(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    make_state(folder)
    folder.chmod(0o755)
    with pytest.raises(StorageError, match="mode 0700"):
        make_state(folder)
    with pytest.raises(NotFound):
        make_state(tmp_path / "no" / "folder")
