"""LiberTEM's own environment is whole, or made again, or missed in words."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_modama.core.errors import Conflict, Invalid, StorageError, Unreachable, VersionMismatch
from jupyter_modama.libertem import environment


def quick(venv: Path) -> Path:
    """The real installation, of nothing."""
    return environment.install(venv, requirements=["pip"], prime=False)


def test_environment_whose_python_cannot_be_used_is_said(tmp_path: Path) -> None:
    """Its link leads into a folder that is closed, or to nothing: an answer and no crash."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to("/nowhere/python")
    with pytest.raises(Unreachable, match="may not use"):
        environment.find(tmp_path)


def test_missing_environment_names_the_command(tmp_path: Path) -> None:
    """The error says what to run."""
    with pytest.raises(Unreachable, match="environment install"):
        environment.find(tmp_path / "venv")


def test_other_version_is_refused(tmp_path: Path) -> None:
    """An environment of another LiberTEM is not used."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    (tmp_path / environment.MARKER).write_text(json.dumps({"libertem": "0.15.0"}))
    with pytest.raises(VersionMismatch, match=r"version 0\.15\.0, but 0\.16\.0"):
        environment.find(tmp_path)


@pytest.mark.parametrize("marker", ["", "{", "[]", '{"libertem": null}x'])
def test_half_made_environment_is_seen(tmp_path: Path, marker: str) -> None:
    """Without a whole marker the installation counts as broken off."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    (tmp_path / environment.MARKER).write_text(marker)
    with pytest.raises(Unreachable, match="not finished"):
        environment.find(tmp_path)


def test_environment_that_one_cannot_use_is_a_sentence(tmp_path: Path) -> None:
    """As where it was made with a Python in somebody else's home; the panel goes on without LiberTEM."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(python)
    with pytest.raises(Unreachable, match=r"cannot use its environment .*; please ask whoever made it"):
        environment.find(tmp_path)


@pytest.mark.slow
def test_interrupted_installation_is_made_again(tmp_path: Path) -> None:
    """What was left is removed, and a second run changes nothing."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (venv / "left-over").touch()
    python = quick(venv)
    assert not (venv / "left-over").exists()
    assert environment.find(venv) == python
    made = (venv / environment.MARKER).stat().st_ino
    assert quick(venv) == python
    assert (venv / environment.MARKER).stat().st_ino == made


def test_failed_installation_leaves_no_marker(tmp_path: Path) -> None:
    """The error holds the installer's last words, and `find` does not take the ruin for an environment."""
    venv = tmp_path / "venv"
    with pytest.raises(StorageError, match="installing LiberTEM did not work"):
        environment.install(venv, requirements=["./no-such-folder"], prime=False)
    with pytest.raises(Unreachable, match="not finished"):
        environment.find(venv)


def test_foreign_folder_is_not_removed(tmp_path: Path) -> None:
    """A folder with anything else in it is refused."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Invalid, match="no virtual environment"):
        quick(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_two_installations_do_not_meet(tmp_path: Path) -> None:
    """The second one says that somebody else is at it."""
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(Conflict, match="right now"):
            quick(tmp_path / "venv")
    finally:
        os.close(held)


def test_command_finds_and_fails_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code and sentence, no traceback."""
    assert environment.main(["find", "--venv", str(tmp_path / "none")]) == Unreachable.exit
    assert "not installed here yet" in capsys.readouterr().err


@pytest.mark.libertem
def test_command_prints_the_python(libertem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`find` is fit for a shell's `$(...)`."""
    assert environment.main(["find"]) == 0
    assert capsys.readouterr().out == f"{libertem}\n"


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable wins, then the data folder of the person; a relative XDG folder is ignored, as its rules say."""
    monkeypatch.delenv("MODAMA_LIBERTEM_VENV", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert environment.folder() == tmp_path / "modama" / "libertem-0.16.0"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/x")
    assert environment.folder() == Path("/home/x/.local/share/modama/libertem-0.16.0")
    monkeypatch.setenv("MODAMA_LIBERTEM_VENV", "/opt/lt")
    assert environment.folder() == Path("/opt/lt")


def test_cache_is_private_and_begins_with_what_was_compiled(tmp_path: Path) -> None:
    """The seed of the installation is copied once; later changes of the cache stay."""
    venv, cache = tmp_path / "venv", tmp_path / "home" / "cache"
    (venv / "modama-numba" / "x").mkdir(parents=True)
    (venv / "modama-numba" / "x" / "f.nbi").write_text("compiled")
    environment.prepare_cache(venv, cache)
    kept = cache / "numba" / "x" / "f.nbi"
    assert kept.read_text() == "compiled"
    assert cache.stat().st_mode & 0o077 == 0
    kept.write_text("mine")
    environment.prepare_cache(venv, cache)
    assert kept.read_text() == "mine"


def test_minimal_environment_holds_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only named variables pass, so that a secret of tomorrow stays out too."""
    for name in ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTER_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    given = environment.minimal_environment(tmp_path)
    assert "secret" not in given.values()
    assert given["LC_ALL"] == "C.UTF-8"
