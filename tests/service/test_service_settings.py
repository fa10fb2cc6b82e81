"""What the service is told, and what it says where that is not enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_modama.core.errors import Invalid
from jupyter_modama.service.settings import settings_of

FROM_HUB = {"JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api", "JUPYTERHUB_API_TOKEN": "secret-of-the-hub"}


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    root = tmp_path / "storage"
    (root / ".modama").mkdir(parents=True)
    (root / ".modama/site.json").write_text(json.dumps({"service": "https://hub.example.org/services/modama"}))
    file = tmp_path / "site.toml"
    file.write_text(f'[site]\nroot = "{root}"\n[service]\nport = 1234\n')
    return file


def as_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs the tests can be somebody else than root, whose word alone counts."""
    monkeypatch.setattr("jupyter_modama.site._roots_own", lambda fd: True)


def test_site_file_says_what_the_hub_does_not(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_roots(monkeypatch)
    found = settings_of(site_file, FROM_HUB)
    assert (found.host, found.port, found.prefix) == ("127.0.0.1", 1234, "/services/modama/")
    told = {"JUPYTERHUB_SERVICE_URL": "http://[::1]:99", "JUPYTERHUB_SERVICE_PREFIX": "/jupyter/services/data/"}
    found = settings_of(site_file, {**FROM_HUB, **told})
    assert (found.host, found.port, found.prefix) == ("::1", 99, "/jupyter/services/data/")
    assert "secret-of-the-hub" not in repr(found)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:99", "http://127.0.0.1", "http://:99", "nonsense", "http://x:99999"]
)
def test_address_that_is_none_is_named(site_file: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    as_roots(monkeypatch)
    with pytest.raises(Invalid, match="is to be of the form"):
        settings_of(site_file, {**FROM_HUB, "JUPYTERHUB_SERVICE_URL": url})


def test_hub_that_is_not_named_is_missed(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_roots(monkeypatch)
    with pytest.raises(Invalid, match="JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN are missing"):
        settings_of(site_file, {})


def test_tree_of_nobody_is_not_served(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where root has not said that it is managed, people change it themselves."""
    as_roots(monkeypatch)
    (site_file.parent / "storage/.modama/site.json").unlink()
    with pytest.raises(Invalid, match="not managed by a service"):
        settings_of(site_file, FROM_HUB)


def test_internal_ssl_of_the_hub_is_refused_in_words(site_file: Path) -> None:
    """Where it was switched on after `configure(c)`, the hub's log has the service's word on it."""
    with pytest.raises(Invalid, match="internal_ssl cannot be used with this service"):
        settings_of(site_file, {**FROM_HUB, "JUPYTERHUB_SSL_KEYFILE": "/root/internal-ssl/user-service.key"})


def test_service_starts_without_jupyters_server() -> None:
    """Nor numpy, nor the readers of files: what serves everybody is small."""
    unwanted = ["jupyter_server", "numpy", "h5py", "rsciio", "PIL", "jupyter_core", "fastapi"]
    script = f"import sys, jupyter_modama.service.__main__\nprint([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
