"""LiberTEM is reachable by its owner and by nobody else."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running_libertem import Jupyter, descendants, jupyter, run, start_analysis, tab, wait_for

from jupyter_modama.core.errors import Unreachable, VersionMismatch
from jupyter_modama.libertem import environment, proxy
from jupyter_modama.libertem.channel import straight
from jupyter_modama.libertem.opener import Opened, Opener, ensure_running

pytestmark = [pytest.mark.server, pytest.mark.libertem]

LISTENING = "0A"


def listening(pids: list[int]) -> list[str]:
    """The TCP and UDP sockets of the processes that wait for somebody: lines of /proc/net."""
    held = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(handle)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                held.add(target[8:-1])
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pids[0]}/net/{kind}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in held and (words[3] == LISTENING or kind.startswith("udp")):
                found.append(f"{kind} {line}")
    return found


def tree(server: Jupyter) -> list[int]:
    gate = server.gate
    assert gate is not None
    return [gate, *descendants(gate)]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.npy"
    np.save(path, np.arange(8 * 8 * 32 * 32, dtype="u2").reshape(8, 8, 32, 32))
    return path


async def analyse(server: Jupyter, opened: Opened) -> dict[str, Any]:
    """Sum all frames, as the page would, and give back the final message of the job."""
    async with tab(server) as hear:
        job = await start_analysis(server, opened.uuid)
        while (found := await hear("FINISH_JOB", "JOB_ERROR"))["job"] != job:
            pass
        return found


@pytest.mark.timeout(400)
def test_no_tcp_socket_listens_before_or_after_an_analysis(server: Jupyter, scan: Path) -> None:
    """The whole process tree below the watcher holds no port, whatever LiberTEM is asked to do."""

    async def work() -> None:
        opened = await Opener(server.channel).open(scan)
        assert listening(tree(server)) == []
        assert (await analyse(server, opened))["messageType"] == "FINISH_JOB"
        assert listening(tree(server)) == []

    run(work())


def test_listening_sockets_would_be_seen() -> None:
    """The check of this file finds a port when there is one."""
    with socket.create_server(("127.0.0.1", 0)):
        assert len(listening([os.getpid()])) == 1


def test_connecting_in_the_page_opens_no_port(server: Jupyter) -> None:
    """The page's Connect form starts threads, never a Dask cluster, and no foreign scheduler is joined."""

    async def work() -> None:
        local = {"connection": {"type": "LOCAL", "numWorkers": 2, "cudas": {"0": 1}}}
        wait_for(lambda: server.get("modama-libertem/api/modama/loaded/")[0] == 200)
        assert (await server.channel.request("PUT", "api/config/connection/", local)).json()["status"] == "ok"
        foreign = {"connection": {"type": "TCP", "address": "tcp://127.0.0.1:8786"}}
        assert (await server.channel.request("PUT", "api/config/connection/", foreign)).status == 500
        assert listening(tree(server)) == []

    run(work())


def test_socket_is_private(server: Jupyter, scan: Path) -> None:
    """The socket has mode 0600 in a folder of mode 0700."""
    run(Opener(server.channel).open(scan))
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700


@pytest.mark.root
def test_nobody_else_can_connect(server: Jupyter, scan: Path) -> None:
    """Another uid is refused by the kernel, and the owner is not."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    run(Opener(server.channel).open(scan))
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
    command = [shutil.which("python3", path="/usr/bin") or sys.executable, "-c", script, str(server.socket)]
    if not command[0].startswith("/usr/bin"):
        pytest.skip("no python that everybody can run")
    assert subprocess.run(command, check=False).returncode == 0
    # the way to it is open here, so that it is the folder of the socket that refuses
    for parent in server.socket.parent.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    refused = subprocess.run(command, check=False, user=65534, group=65534, extra_groups=[], capture_output=True)
    assert b"PermissionError" in refused.stderr


def test_tokens_stay_in_the_jupyter_server(server: Jupyter, scan: Path) -> None:
    """LiberTEM's environment holds neither the token of Jupyter nor that of the hub."""
    run(Opener(server.channel).open(scan))
    pid = server.libertem
    assert pid is not None
    held = Path(f"/proc/{pid}/environ").read_text()
    assert server.token not in held
    assert "secret-of-the-hub" not in held
    assert "TOKEN" not in held
    assert "NUMBA_CACHE_DIR" in held


def test_proxy_hides_what_opens_the_jupyter_server(server: Jupyter) -> None:
    """Headers that would let LiberTEM act as the person are blanked on the way."""
    override = proxy.proxy_entry()["request_headers_override"]
    assert {name for name, value in override.items() if value == ""} == {"Authorization", "Cookie", "X-XSRFToken"}


def test_page_loads_nothing_from_elsewhere(server: Jupyter, scan: Path) -> None:
    """The page is told to fetch from its own host only, and not to be framed by others."""
    run(Opener(server.channel).open(scan))
    request = urllib.request.Request(server.channel.base, headers=dict(server.channel.headers))  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self' 'unsafe-inline'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "http" not in policy


def test_working_folder_is_not_the_persons(server: Jupyter, scan: Path) -> None:
    """Nothing of LiberTEM's appears where the person works."""
    run(Opener(server.channel).open(scan))
    pid = server.libertem
    assert "modama" in os.readlink(f"/proc/{pid}/cwd")
    assert list((server.temporary.parent / "files").iterdir()) == []


def test_another_version_is_refused(libertem: Path, tmp_path: Path) -> None:
    """The launcher ends with a sentence, and no socket appears."""
    command = [str(libertem), "-I", str(environment.LAUNCHER), "--version", "0.15.0", "--socket", str(tmp_path / "s")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "LiberTEM is version 0.16.0, but 0.15.0 is needed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def fake_environment(folder: Path, script: str, version: str = environment.LIBERTEM) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / "python").chmod(0o755)
    (folder / environment.MARKER).write_text(json.dumps({"libertem": version}))
    return folder


def test_refusal_of_the_launcher_reaches_the_person(tmp_path: Path) -> None:
    """What the launcher says is what the page and the API say; nothing else is started in its place."""
    venv = fake_environment(tmp_path / "venv", "echo 'modama: LiberTEM is version 9' >&2; exit 3")
    npy = tmp_path / "a.npy"
    np.save(npy, np.zeros((2, 2, 4, 4)))
    with jupyter(tmp_path / "j", MODAMA_LIBERTEM_VENV=str(venv)) as server:
        with pytest.raises(VersionMismatch, match="LiberTEM is version 9"):
            run(Opener(server.channel).open(npy))
        status, page = server.get("modama-libertem/")
        assert status == 200
        assert "LiberTEM is version 9" in page
        assert listening(tree(server)) == []


def test_crash_at_the_start_is_told_with_the_log(tmp_path: Path) -> None:
    """The last lines of the log come as details, without the folders of this machine."""
    venv = fake_environment(tmp_path / "venv", "echo 'OSError: /secret/place/lib.so is broken' >&2; exit 1")
    npy = tmp_path / "a.npy"
    np.save(npy, np.zeros((2, 2, 4, 4)))
    with jupyter(tmp_path / "j", MODAMA_LIBERTEM_VENV=str(venv)) as server:
        with pytest.raises(Unreachable, match="ended by itself") as caught:
            run(Opener(server.channel).open(npy))
        assert caught.value.facts["details"] == ["OSError: …/lib.so is broken"]


def test_missing_environment_is_explained_and_can_be_made_meanwhile(libertem: Path, tmp_path: Path) -> None:
    """The page and the error name the command; once it was run, LiberTEM starts without a restart of Jupyter."""
    venv, npy = tmp_path / "venv", tmp_path / "a.npy"
    np.save(npy, np.zeros((2, 2, 4, 4)))
    with jupyter(tmp_path / "j", MODAMA_LIBERTEM_VENV=str(venv)) as server:
        with pytest.raises(Unreachable, match=r"python -m jupyter_modama.libertem.environment install"):
            run(Opener(server.channel).open(npy))
        assert environment.INSTALL in wait_for(lambda: server.get("modama-libertem/")[1])
        venv.symlink_to(libertem.parent.parent)
        assert run(ensure_running(server.channel)) == set()


def test_connecting_straight_to_the_socket(server: Jupyter, scan: Path) -> None:
    """Whoever owns the socket needs no Jupyter server in between."""
    run(Opener(server.channel).open(scan))
    assert run(Opener(straight(server.socket)).open(scan)).shape == (8, 8, 32, 32)


def test_watcher_refuses_a_folder_open_to_others(tmp_path: Path) -> None:
    """A socket in a folder that others may enter is not served."""
    tmp_path.chmod(0o755)
    command = [sys.executable, "-P", "-m", "jupyter_modama.libertem.start"]
    command += ["--socket", str(tmp_path / "s"), "--parent", str(os.getpid())]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert "not private" in done.stderr
    assert not (tmp_path / "s").exists()
