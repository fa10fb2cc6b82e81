"""A person's own files of a Nextcloud in their server: real rclone, and a WebDAV server on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_config import launcher
from hub_config.nextcloud import nextcloud_secrets
from hub_config.plan import EXTRAS, MountKind
from jupyter_modama.core.hub_rules import ExtraMount
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from tests.hub_config.making_mounts import Said, home_of, launched, plan_for, site_of, started

pytestmark = [pytest.mark.root, pytest.mark.network]
PASSWORD = "pass: word ä"
PATIENCE_S = 30.0


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a WebDAV server that wants a password, and the folder that it serves."""
    if shutil.which("rclone") is None or shutil.which("fusermount3") is None or not Path("/dev/fuse").exists():
        pytest.skip("rclone or FUSE is not installed (Debian packages rclone and fuse3)")
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "notes ä.txt").write_text("from the cloud")
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        port = end.getsockname()[1]
    address = f"127.0.0.1:{port}"
    words = ["rclone", "serve", "webdav", folder, "--addr", address, "--config=/dev/null"]
    with subprocess.Popen(words, env={**os.environ, "RCLONE_USER": "alice", "RCLONE_PASS": PASSWORD}) as server:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        try:
            yield f"http://{address}", folder
        finally:
            server.terminate()


def put_down(home: Path, who: Account, mode: int = 0o600) -> None:
    """The person's own app password, as the guide says."""
    folder = home / ".config" / "modama"
    folder.mkdir(parents=True)
    file = folder / "nextcloud"
    file.write_text(f"alice:{PASSWORD}\n")
    file.chmod(mode)
    for path in (home / ".config", folder, file):
        os.chown(path, who.uid, who.gid)


def served(root: Path, who: Account, home: Path, address: str, script: str, report: Path) -> Said:
    """What a script says in a server with the cloud in its home."""
    rule = ExtraMount(name="cloud", kind="nextcloud", source=address, target="{home}/cloud")
    plan = plan_for(site_of(root, mount=(rule,)), who, home)
    [mount] = [m for m in plan.mounts if m.kind is MountKind.NEXTCLOUD]
    secrets = {mount.name: nextcloud_secrets(plan, mount, None)}
    return launched(plan, script, str(home), report=report, secrets=secrets)


def test_the_cloud_is_in_the_home(root: Path, people: Accounts, cloud: tuple[str, Path], tmp_path: Path) -> None:
    """Read and written; gone with the server, and so is rclone."""
    address, folder = cloud
    with trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        put_down(home, people.alice)
        script = 'cat "$1/cloud/notes ä.txt"; echo mine > "$1/cloud/new.txt"; sleep 8; ls "$1/cloud"'
        said = served(root, people.alice, home, address, script, tmp_path / "report")
        assert said.missing == {}, said.err
        assert said.out.startswith("from the cloud")
        assert "new.txt" in said.out
        deadline = time.monotonic() + PATIENCE_S
        while not (folder / "new.txt").exists() or _rclones(home):
            assert time.monotonic() < deadline, os.listdir(folder)
            time.sleep(0.2)


def _rclones(home: Path) -> list[str]:
    done = subprocess.run(["pgrep", "-af", f"rclone mount.*{EXTRAS}"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if "pgrep" not in line]


def test_nobody_else_reads_it_and_no_secret_shows(
    root: Path, people: Accounts, cloud: tuple[str, Path], tmp_path: Path
) -> None:
    """Another account that gets into the namespace is refused by the kernel; words of commands hold no password."""
    address, _ = cloud
    with trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        put_down(home, people.alice)
        rule = ExtraMount(name="cloud", kind="nextcloud", source=address, target="{home}/cloud")
        plan = plan_for(site_of(root, mount=(rule,)), people.alice, home)
        secrets = {"cloud": nextcloud_secrets(plan, plan.mounts[-1], None)}
        server = started(plan, "/bin/sh", "-c", "echo up; read x", report=tmp_path / "report", secrets=secrets)
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "up\n"
            into = ["nsenter", "-t", str(server.pid), "-m", "setpriv", "--clear-groups"]
            look = ["ls", f"{EXTRAS}/cloud"]
            ids = {who.name: [f"--reuid={who.uid}", f"--regid={who.gid}"] for who in people}
            mine = subprocess.run([*into, *ids["alice"], *look], capture_output=True, text=True, check=False)
            assert "notes" in mine.stdout, mine.stderr
            theirs = subprocess.run([*into, *ids["bob"], *look], capture_output=True, text=True, check=False)
            assert theirs.stdout == ""
            assert "Permission denied" in theirs.stderr
            words = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
            assert "rclone mount" in words
            assert PASSWORD not in words
            assert secrets["cloud"]["RCLONE_WEBDAV_PASS"] not in words
        finally:
            server.communicate("\n", timeout=60)


def test_without_a_token_there_is_no_cloud_and_a_server_all_the_same(
    root: Path, people: Accounts, tmp_path: Path
) -> None:
    """And a password that others could read is not believed."""
    with trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        put_down(home, people.alice, 0o644)
        said = served(root, people.alice, home, "http://127.0.0.1:1", "echo up", tmp_path / "report")
        assert said.out == "up\n"
        assert said.missing == {"cloud": "there is no token of this person for it"}


def test_a_cloud_that_is_away_does_not_keep_a_server_from_starting(
    root: Path, people: Accounts, tmp_path: Path
) -> None:
    """A mount of an address where nobody listens is there, and empty, or is named; the server starts."""
    if shutil.which("rclone") is None:
        pytest.skip("rclone is not installed")
    with trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        put_down(home, people.alice)
        said = served(root, people.alice, home, "http://127.0.0.1:1", 'echo up; ls "$1/cloud"', tmp_path / "report")
        assert said.out == "up\n"
        assert "cloud" in said.missing or "Input/output error" in said.err, said.err


def test_a_link_of_the_persons_is_not_read_by_root(root: Path, people: Accounts) -> None:
    """The password file is opened with the person's rights."""
    with trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        put_down(home, people.alice)
        secret = homes / "roots"
        secret.write_text("root:secret")
        secret.chmod(0o600)
        (home / ".config/modama/nextcloud").unlink()
        (home / ".config/modama/nextcloud").symlink_to(secret)
        rule = ExtraMount(name="cloud", kind="nextcloud", source="https://c", target="{home}/cloud")
        plan = plan_for(site_of(root, mount=(rule,)), people.alice, home)
        assert nextcloud_secrets(plan, plan.mounts[-1], None) == {}


def test_the_token_of_a_sign_in_is_used_where_there_is_no_app_password(root: Path, people: Accounts) -> None:
    """As the hub keeps it, encrypted, in its `auth_state`."""
    rule = ExtraMount(name="cloud", kind="nextcloud", source="https://c/{login}", target="/cloud")
    plan = plan_for(site_of(root, mount=(rule,)), people.alice)
    found = nextcloud_secrets(plan, plan.mounts[-1], {"access_token": "abc"})
    assert found["RCLONE_WEBDAV_BEARER_TOKEN"] == "abc"
    assert found["RCLONE_WEBDAV_URL"] == f"https://c/{people.alice.login}"


def test_rclone_has_the_kernel_check_rights_always() -> None:
    """Whatever the mount is like."""
    for read_only in (True, False):
        words = launcher.rclone_words({"uid": 1, "gid": 2}, {"target": "/x", "read_only": read_only})
        assert {"--default-permissions", "--umask=077", "--uid=1", "--gid=2"} <= set(words)
        assert ("--read-only" in words) is read_only
