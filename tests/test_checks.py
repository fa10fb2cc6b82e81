"""What the doctor finds in this installation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import jupyter_modama
from jupyter_modama import checks
from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import Finding, Severity


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Jupyter's settings that counts first."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    (tmp_path / "jupyter_server_config.d").mkdir()
    return tmp_path / "jupyter_server_config.d/jupyter_modama.json"


def switched(on: bool) -> str:
    return json.dumps({"ServerApp": {"jpserver_extensions": {"jupyter_modama": on}}})


def test_extension_that_is_switched_off_is_a_warning(config: Path) -> None:
    """The command that switches it on is the next step."""
    config.write_text(switched(False))
    [finding] = checks.check_server_extension()
    assert finding.severity is Severity.WARNING
    assert finding.next_step == "jupyter server extension enable jupyter_modama"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"ServerApp": 3}'])
def test_damaged_settings_of_jupyter_break_nothing(config: Path, text: str) -> None:
    """A settings file that cannot be read says nothing about us."""
    config.write_text(text)
    assert all("switched off" not in finding.found for finding in checks.check_server_extension())
    config.write_text(switched(True))
    [finding] = checks.check_server_extension()
    assert finding.severity is Severity.OK


def sidebar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Finding:
    package = tmp_path / "labextensions" / checks.LABEXTENSION / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text(json.dumps({"version": version}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    [finding] = checks.check_sidebar()
    return finding


def test_sidebar_of_another_version_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both versions are told."""
    finding = sidebar(tmp_path, monkeypatch, "99.0.0")
    assert finding.severity is Severity.WARNING
    assert "99.0.0" in finding.found
    assert jupyter_modama.__version__ in finding.found


def test_sidebar_of_this_version_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed sidebar and this package go together."""
    assert sidebar(tmp_path, monkeypatch, jupyter_modama.__version__).severity is Severity.OK


def test_versions_before_a_release_are_the_same_on_npm_and_pypi() -> None:
    """`0.2.0-alpha.1` and `0.2.0a1` are one version."""
    assert checks._release("0.2.0-alpha.1") == checks._release("0.2.0a1")
    assert checks._release("0.2.0-alpha.1") != checks._release("0.2.0a2")


def test_missing_libertem_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A facility without LiberTEM gets a warning, not a failure."""
    monkeypatch.setenv("MODAMA_LIBERTEM_VENV", str(tmp_path / "none"))
    finding = next(iter(checks.check_libertem()))
    assert finding.severity is Severity.WARNING
    assert "libertem.environment install" in finding.found


def test_ssh_is_looked_at_only_where_the_site_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop is told nothing about ciphers."""
    monkeypatch.setenv("MODAMA_ROOT", str(tmp_path))
    assert list(checks.check_ssh()) == []
    site = tmp_path / "site.toml"
    site.write_text(f'[site]\nroot = "{tmp_path}"\n[services]\nssh = {{ host = "data.example.org" }}\n')
    monkeypatch.setenv("MODAMA_SITE", str(site))
    [finding] = checks.check_ssh()
    assert "ssh" in finding.found


def test_report_without_a_tree_still_looks_at_the_rest() -> None:
    """A wrong site file is the first finding, a failure, and the installation is examined all the same."""
    report = checks.without_tree(Invalid(what="site.toml: there is no key “x”"))
    assert report.findings[0] == Finding(
        "site",
        Severity.FAILURE,
        "site.toml: there is no key “x”",
        "put this right first; the tree itself could not be looked at",
    )
    assert report.worst is Severity.FAILURE
    assert {"versions", "readers", "LiberTEM", "sidebar"} <= {finding.check for finding in report.findings}


def test_every_check_answers_here() -> None:
    """No row of the table breaks on the machine that runs the tests."""
    for name, check in checks.ALL:
        assert all(finding.check and finding.found for finding in check()), name


@pytest.mark.skipif(os.geteuid() != 0, reason="a managed tree is one that root has marked")
def test_service_of_a_managed_tree_is_looked_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token how one signs in; with one that nobody answers, that; in an unmanaged tree nothing."""
    for name in ("MODAMA_TOKEN", "JUPYTERHUB_API_TOKEN", "MODAMA_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODAMA_ROOT", str(root))
    assert list(checks.check_service()) == []
    (root / ".modama").mkdir()
    (root / ".modama/site.json").write_text(json.dumps({"service": "http://127.0.0.1:1/services/modama"}))
    [finding] = checks.check_service()
    assert (finding.severity, finding.next_step) == (Severity.NOTE, "modama login")
    monkeypatch.setenv("MODAMA_TOKEN", "t")
    [finding] = checks.check_service()
    assert finding.severity is Severity.WARNING
    assert "does not answer" in finding.found
