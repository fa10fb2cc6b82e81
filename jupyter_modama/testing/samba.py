"""A real Samba server for tests: on loopback, on a free port, with the example configuration and its own passwords."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_modama.testing.accounts import Account

EXAMPLE = Path(__file__).parents[2] / "examples" / "smb.conf"
SHARE, PASSWORD = "er-c-data", "of-this-test-only"  # of accounts that are gone after it
PATIENCE_S = 30.0


def missing() -> str:
    """Which program is missing, or nothing."""
    names = [name for name in ("smbd", "smbclient", "smbpasswd", "testparm") if shutil.which(name) is None]
    return f"{', '.join(names)} is not installed (Debian packages samba and smbclient)" if names else ""


@dataclass(frozen=True)
class Samba:
    """A running server with one share."""

    port: int
    config: Path

    def run(self, who: Account, *commands: str) -> tuple[bool, str]:
        """Whether smbclient did all commands as somebody, and what it said."""
        done = subprocess.run(
            [
                *("smbclient", f"//127.0.0.1/{SHARE}", "--port", str(self.port), "--configfile", self.config),
                *("--user", f"{who.login}%{PASSWORD}", "--max-protocol", "SMB3", "--command", "; ".join(commands)),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        said = done.stdout + done.stderr
        return done.returncode == 0 and "NT_STATUS_" not in said, said

    @contextmanager
    def connected(self, who: Account, *commands: str) -> Iterator[None]:
        """Somebody who stays connected after these commands, as a drive on a microscope does."""
        words = ["smbclient", f"//127.0.0.1/{SHARE}", "--port", str(self.port), f"--configfile={self.config}"]
        program = subprocess.Popen(
            [*words, "--user", f"{who.login}%{PASSWORD}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert program.stdin is not None
        try:
            for command in commands:
                program.stdin.write(f"{command}\n")
                program.stdin.flush()
                time.sleep(1)  # of two lines that it reads at once it does the second one only at the end
            yield
        finally:
            program.stdin.close()
            program.wait(PATIENCE_S)


@contextmanager
def samba(root: Path, folder: Path, *people: Account, more: str = "") -> Iterator[Samba]:
    """A server that shares a folder as the example configuration has it; `more` is added to the share."""
    port = _free_port()
    config = _config(root, folder, port, more)
    for one in people:
        _add(config, one)
    with (folder / "smbd.log").open("wb") as log:
        server = subprocess.Popen(
            ["smbd", "--foreground", "--no-process-group", "--debug-stdout", "--configfile", config],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _answers(port, server, folder / "smbd.log")
            yield Samba(port, config)
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(PATIENCE_S)
            server.kill()
            server.wait()


def _config(root: Path, folder: Path, port: int, more: str) -> Path:
    """The example with what keeps it to this test: everything in a folder, and on loopback alone."""
    state = folder / "state"
    state.mkdir(mode=0o755)
    places = ("private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir")
    lines = [f"{name} = {state}" for name in places]
    lines += [f"smb ports = {port}", "interfaces = lo", "bind interfaces only = yes", "log level = 1"]
    config = folder / "smb.conf"
    text = EXAMPLE.read_text("utf-8")
    config.write_text(
        text + "\n[global]\n" + "\n".join(lines) + f"\n[{SHARE}]\npath = {root}\n{more}\n", encoding="utf-8"
    )
    return config


def _add(config: Path, one: Account) -> None:
    """Give somebody a password of the server's own."""
    subprocess.run(
        ["smbpasswd", "-c", config, "-a", "-s", one.login],
        input=f"{PASSWORD}\n{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server takes connections."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise RuntimeError(f"smbd did not start: {log.read_text(errors='replace')[-2000:]}")
