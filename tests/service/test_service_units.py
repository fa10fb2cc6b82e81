"""What an administrator copies to start the service by itself says what the code says."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from jupyter_modama.core.hub_rules import HubRules, ServiceRules
from jupyter_modama.core.model import Site
from jupyter_modama.service.scopes import SERVICE
from jupyter_modama.service.settings import settings_of

FOLDER = Path(__file__).parents[2] / "examples" / "systemd"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="not a checkout of the project")


def unit(name: str = "modama-service.service") -> configparser.SectionProxy:
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(FOLDER / name)
    return found["Service"]


def test_unit_has_no_rights_and_the_account_of_the_site_file() -> None:
    service = unit()
    assert service["User"] == ServiceRules().account
    assert service["CapabilityBoundingSet"] == ""
    assert (service["NoNewPrivileges"], int(service["UMask"], 8)) == ("yes", 0o077)
    assert f"/var/lib/{service['StateDirectory']}" == ServiceRules().state
    assert service["StateDirectoryMode"] == "0700"


def test_unit_starts_what_there_is() -> None:
    words = unit()["ExecStart"].split()
    assert words[1:] == ["-I", "-m", "jupyter_modama.service", "--site", "/etc/modama/site.toml"]


def test_unit_of_the_hub_leaves_peoples_servers_running_when_it_ends() -> None:
    """And it begins in the folder that `prepare` makes, with the files that the guide names."""
    hub = unit("modama-hub.service")
    assert (hub["KillMode"], hub["Restart"]) == ("process", "always")
    assert hub["WorkingDirectory"] == HubRules().state
    assert hub["ExecStart"].split()[1:] == ["-f", "/etc/modama/jupyterhub_config.py"]


def test_environment_file_is_what_the_service_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token in it, and the ports of the site file."""
    rows = [line.partition("=") for line in (FOLDER / "service.env").read_text().splitlines() if "=" in line]
    environ = {name: value for name, _, value in rows if not name.startswith("#")}
    assert environ["JUPYTERHUB_API_TOKEN"] == ""
    monkeypatch.setattr("jupyter_modama.service.settings.described", lambda file: Site(root="/"))
    monkeypatch.setattr("jupyter_modama.service.settings.managed_by", lambda root: "https://hub.example.org")
    found = settings_of(Path("/etc/modama/site.toml"), {**environ, "JUPYTERHUB_API_TOKEN": "x"})
    assert (found.host, found.port) == ("127.0.0.1", ServiceRules().port)
    assert found.prefix == f"/services/{SERVICE}/"
