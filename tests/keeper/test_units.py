"""The units that an administrator copies say what the code says."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jupyter_modama.keeper import __main__ as start
from jupyter_modama.keeper import capabilities

FOLDER = Path(__file__).parents[2] / "examples" / "systemd"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="not a checkout of the project")


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(FOLDER / name)
    return found


def test_unit_bounds_the_capabilities_as_the_code_does() -> None:
    """Neither more, nor less than what it needs."""
    service = unit("modama-keeper.service")["Service"]
    assert set(service["CapabilityBoundingSet"].split()) == {*capabilities.KEPT, *capabilities.AT_START}
    assert service["NoNewPrivileges"] == service["PrivateNetwork"] == "yes"
    assert int(service["UMask"], 8) == capabilities.UMASK


def test_capabilities_are_named_as_the_kernel_numbers_them() -> None:
    """By its own header, where that is installed."""
    header = Path("/usr/include/linux/capability.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not installed (linux-libc-dev)")
    rows = [line.split() for line in header.read_text().splitlines() if line.startswith("#define CAP_")]
    known = {row[1]: int(row[2]) for row in rows if len(row) == 3 and row[2].isdigit()}
    assert {name: known[name] for name in capabilities.KEPT} == capabilities.KEPT


def test_unit_starts_what_there_is() -> None:
    """The command line of the unit is one that the keeper takes."""
    words = unit("modama-keeper.service")["Service"]["ExecStart"].split()
    assert words[1:4] == ["-I", "-m", "jupyter_modama.keeper"]
    asked = start._asked([word if word != "modama-service" else "root" for word in words[4:-2]] + ["--peer-uid", "990"])
    assert (str(asked.site), asked.peer_uid, str(asked.state)) == ("/etc/modama/site.toml", 990, start.STATE)
    assert f"/var/lib/{unit('modama-keeper.service')['Service']['StateDirectory']}" == start.STATE


def test_socket_is_for_the_service_alone() -> None:
    listening = unit("modama-keeper.socket")["Socket"]
    words = unit("modama-keeper.service")["Service"]["ExecStart"].split()
    assert listening["SocketUser"] == words[words.index("--peer") + 1]
    assert listening["SocketMode"] == "0600"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Without a word of warning about them."""
    for path in FOLDER.glob("modama-*.*"):
        text = re.sub(r"/opt/modama/bin/(python|jupyterhub)", shutil.which("env") or "/usr/bin/env", path.read_text())
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "modama-" not in done.stderr, done.stderr
