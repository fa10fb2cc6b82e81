"""A real sshd on the loopback interface, for the one who runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("ssh", "ssh-keygen", "rsync", "sftp")


@contextmanager
def running_sshd(folder: Path) -> Iterator[dict[str, Any]]:
    """Start it, and give the table `[services] ssh` of a site file that leads to it."""
    sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
    missing = [name for name in PROGRAMS if shutil.which(name) is None] + ([] if sshd else ["sshd"])
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    assert sshd is not None
    folder.chmod(0o700)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    port = _free_port()
    known = folder / "known"
    known.write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(_config(folder, port))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(folder / "config")], stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        _wait(port, server, folder / "log")
        yield {
            "host": "127.0.0.1",
            "port": port,
            "user": getpass.getuser() if os.geteuid() else "root",
            "options": (
                f"IdentityFile={folder / 'user'}",
                f"UserKnownHostsFile={known}",
                "GlobalKnownHostsFile=/dev/null",
                "IdentitiesOnly=yes",
                "BatchMode=yes",
            ),
        }
    finally:
        server.terminate()
        server.wait(10)


def _config(folder: Path, port: int) -> str:
    return f"""\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder / "host"}
AuthorizedKeysFile {folder / "user.pub"}
PidFile {folder / "pid"}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
MaxStartups 100
Subsystem sftp internal-sftp
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if server.poll() is not None:
            pytest.fail(f"sshd did not start: {log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("sshd does not answer")
