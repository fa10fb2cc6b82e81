"""What root does once on a machine: accounts, folders, and the notice whose the tree is."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_config.__main__ import main
from hub_config.prepare import prepare
from jupyter_modama.core.errors import Invalid
from jupyter_modama.site import managed_by
from jupyter_modama.testing import trees

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="accounts can be made by root only")]


@pytest.fixture
def login() -> Iterator[str]:
    """A name that no account has yet."""
    name = f"modama-{secrets.token_hex(3)}"
    yield name
    subprocess.run(["userdel", name], check=False, capture_output=True)


@pytest.fixture
def site_file(login: str) -> Iterator[Path]:
    with trees.reachable_folder() as folder:
        file = folder / "site.toml"
        file.write_text(
            f'[site]\nname = "here"\nroot = "{folder}/storage"\n[areas.adhoc]\n[areas.visitors]\n'
            f'[services]\nhub = "https://hub.example.org/jupyter"\n[hub]\nstate = "{folder}/hub"\n'
            f'[service]\naccount = "{login}"\nstate = "{folder}/service"\nkeeper = "{folder}/run/keeper.sock"\n'
            '[delegates.nextcloud]\noperations = ["project.create"]\n'
        )
        file.chmod(0o644)
        yield file


def test_a_bare_machine_is_made_ready(site_file: Path, login: str) -> None:
    made = list(prepare(site_file))
    folder = site_file.parent
    row = pwd.getpwnam(login)
    assert row.pw_shell == "/usr/sbin/nologin"
    assert 0 < row.pw_uid < 1000
    notice = json.loads((folder / "storage/.modama/site.json").read_text())
    assert notice == {"service": "https://hub.example.org/jupyter/services/modama"}
    assert managed_by(str(folder / "storage")) == notice["service"]
    service = (folder / "service").stat()
    assert (service.st_uid, service.st_mode & 0o777) == (row.pw_uid, 0o700)
    assert (folder / "hub").stat().st_mode & 0o777 == 0o700
    assert [(folder / "storage" / area).is_dir() for area in ("adhoc", "visitors")] == [True, True]
    for name in ("nextcloud", "sign-in"):
        assert (folder / f"hub/delegates/{name}.token").stat().st_mode & 0o777 == 0o600
    assert len(made) >= 7


def test_again_changes_nothing(site_file: Path) -> None:
    list(prepare(site_file))
    token = (site_file.parent / "hub/delegates/nextcloud.token").read_text()
    assert list(prepare(site_file)) == []
    assert (site_file.parent / "hub/delegates/nextcloud.token").read_text() == token


def test_a_new_address_of_the_hub_is_written_into_the_tree(site_file: Path) -> None:
    list(prepare(site_file))
    site_file.write_text(site_file.read_text().replace("hub.example.org", "new.example.org"))
    assert [line for line in prepare(site_file) if "site.json" in line]
    assert managed_by(str(site_file.parent / "storage")) == "https://new.example.org/jupyter/services/modama"


def test_a_site_file_that_others_write_is_refused(site_file: Path) -> None:
    site_file.chmod(0o666)
    with pytest.raises(Invalid, match="nobody else may write it"):
        list(prepare(site_file))


def test_a_notice_folder_that_others_write_is_refused(site_file: Path) -> None:
    """Else somebody could name a service of their own, to which programs would send tokens."""
    list(prepare(site_file))
    box = site_file.parent / "storage/.modama"
    (box / "site.json").unlink()
    box.chmod(0o777)
    with pytest.raises(Invalid, match="is to belong to root"):
        list(prepare(site_file))


def test_the_service_is_never_root(site_file: Path, login: str) -> None:
    site_file.write_text(site_file.read_text().replace(login, "root"))
    with pytest.raises(Invalid, match="not root"):
        list(prepare(site_file))


def test_the_command_says_what_it_made_and_what_is_next(site_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "--site", str(site_file)]) == 0
    said = capsys.readouterr().out
    assert "made the account" in said
    assert f"jupyter_modama.keeper --site {site_file}" in said
    assert main(["prepare", "--site", str(site_file)]) == 0
    assert "everything is there already" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(site_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site_file.write_text(site_file.read_text() + "[hub.sign_in]\nkinds = 1\n")
    assert main(["prepare", "--site", str(site_file)]) == 2
    assert "[hub.sign_in]: there is no key “kinds”; did you mean" in capsys.readouterr().err
