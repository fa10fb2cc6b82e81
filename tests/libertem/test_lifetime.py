"""LiberTEM starts when it is needed, comes back after a crash, and never outlives its Jupyter server."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from running_libertem import Jupyter, alive, descendants, jupyter, run, shown, stop, wait_for

from jupyter_modama.libertem.opener import Opener

pytestmark = [pytest.mark.server, pytest.mark.libertem, pytest.mark.usefixtures("libertem")]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.npy"
    np.save(path, np.ones((4, 4, 16, 16), "u2"))
    return path


def family(server: Jupyter) -> list[int]:
    gate = server.gate
    assert gate is not None
    assert server.libertem is not None
    return [gate, *descendants(gate)]


def test_starts_on_first_use_only(tmp_path: Path) -> None:
    """A Jupyter server whose person opens nothing has no LiberTEM."""
    with jupyter(tmp_path / "j") as server:
        assert server.gate is None
        status, page = server.get("modama-libertem/")
        assert status == 200
        assert "starting" in page
        assert 'http-equiv="refresh"' in page
        wait_for(lambda: "starting" not in server.get("modama-libertem/")[1])


def test_waiting_for_it_is_no_error_in_the_log(tmp_path: Path, scan: Path) -> None:
    """Programs ask many times while it starts; none of that is anybody's concern."""
    with jupyter(tmp_path / "j") as server:
        assert server.get("modama-libertem/api/config/")[0] == 202
        run(Opener(server.channel).open(scan))
        log = server.log.read_text()
        assert not [word for word in ("[E ", "ERROR", "Traceback") if word in log], log


def test_killed_libertem_comes_back(server: Jupyter, scan: Path) -> None:
    """After a kill -9 the next open starts it again and loads the file again, with the same opener."""
    opener = Opener(server.channel)
    first = run(opener.open(scan))
    pid = server.libertem
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    second = run(opener.open(scan))
    assert (second.already, second.uuid == first.uuid) == (False, False)
    assert second.uuid in run(shown(server))
    assert server.libertem not in {pid, None}


def test_killed_watcher_takes_libertem_along_and_comes_back(server: Jupyter, scan: Path) -> None:
    """No second LiberTEM is left behind when the process between is killed."""
    opener = Opener(server.channel)
    run(opener.open(scan))
    gate, *below = family(server)
    os.kill(gate, signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in below))
    assert not run(opener.open(scan)).already


def test_shut_down_in_the_page_can_be_started_again(server: Jupyter, scan: Path) -> None:
    """LiberTEM's own button ends it; the page then says so, and a click or the next open starts it."""
    opener = Opener(server.channel)
    run(opener.open(scan))
    run(server.channel.request("DELETE", "api/shutdown/"))
    page = wait_for(lambda: (found := server.get("modama-libertem/")[1]) and "was shut down" in found and found)
    assert "?again" in page
    assert server.libertem is None
    assert "starting" in server.get("modama-libertem/?again")[1]
    assert not run(opener.open(scan)).already


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_ends_with_its_jupyter_server(tmp_path: Path, scan: Path, how: signal.Signals) -> None:
    """Whether the server is stopped or killed, no process of LiberTEM is left, nor its folder."""
    with jupyter(tmp_path / "j") as server:
        run(Opener(server.channel).open(scan))
        pids, socket = family(server), server.socket
        os.kill(server.process.pid, how)
        wait_for(lambda: not any(alive(pid) for pid in pids), 10)
        stop(server.process)
        assert not socket.parent.exists()
        assert list((tmp_path / "j" / "home" / "state" / "modama" / "libertem").iterdir()) == []


def test_folders_of_dead_watchers_are_removed(tmp_path: Path, scan: Path) -> None:
    """What a killed process left is cleared by the next one, and nothing else is touched."""
    base = tmp_path / "state" / "modama" / "libertem"
    dead, other = base / "4194305", base / "notes"
    for made in (dead, other):
        made.mkdir(parents=True)
    with jupyter(tmp_path / "j", XDG_STATE_HOME=str(tmp_path / "state")) as server:
        run(Opener(server.channel).open(scan))
        assert not dead.exists()
        assert other.exists()
        assert (base / str(server.gate)).is_dir()


def test_number_of_threads_can_be_set(tmp_path: Path, scan: Path) -> None:
    """A site limits LiberTEM with one variable."""
    with jupyter(tmp_path / "j", MODAMA_LIBERTEM_THREADS="3") as server:
        run(Opener(server.channel).open(scan))
        answer = run(server.channel.request("GET", "api/config/connection/")).json()
        assert answer["connection"]["numWorkers"] == 3


def test_long_temporary_folder_is_no_matter(tmp_path: Path, scan: Path) -> None:
    """A socket's path may have 107 bytes; a TMPDIR that leaves no room is gone around."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with jupyter(tmp_path / "j", TMPDIR=str(deep)) as server:
        assert run(Opener(server.channel).open(scan)).shape == (4, 4, 16, 16)
        assert re.fullmatch(r"/tmp/modama-[^/]+/socket", str(server.socket))
