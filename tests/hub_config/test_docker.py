"""Servers in containers, by DockerSpawner and podman: a job of its own, `make test-docker`.

The image holds nothing but folders and links: programs and packages are those of this machine, mounted read-only.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_config.plan import MountPlan
from hub_config.render import docker
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from tests.hub_config.making_mounts import make_project, plan_for, seal, set_members, site_of
from tests.hub_config.test_views import all_views, folder_of_views, live_site_file, until

WANTED = bool(os.environ.get("MODAMA_TEST_DOCKER"))
pytestmark = [
    pytest.mark.root,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not WANTED, reason="containers are a job of their own: make test-docker, as root"),
]
IMAGE = "localhost/modama-test:1"
PATIENCE_S = 60.0
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
netns = "none"
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def image() -> bytes:
    """A root file system with links where Debian has them, and empty folders to mount programs at."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in ("usr", "etc", "proc", "sys", "dev", "run", "tmp", "var", "var/tmp", "home"):
            row = tarfile.TarInfo(name)
            row.type, row.mode = tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755
            tar.addfile(row)
        for name in ("bin", "lib", "lib64", "sbin"):
            row = tarfile.TarInfo(name)
            row.type, row.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(row)
    return made.getvalue()


@pytest.fixture(scope="module")
def podman() -> Iterator[str]:
    with service() as address:
        yield address


@contextlib.contextmanager
def service() -> Iterator[str]:
    """The address of podman's own service, with storage and settings of this test."""
    if shutil.which("podman") is None or shutil.which("crun") is None:
        pytest.skip("podman is not installed (Debian packages podman and crun)")
    folder = Path(tempfile.mkdtemp(prefix="modama-"))  # podman wants short paths
    (folder / "containers.conf").write_text(CONFIGURATION)
    end = folder / "podman.sock"
    environ = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf"), "TMPDIR": str(folder)}
    base = ["podman", "--root", folder / "storage", "--runroot", folder / "run", "--storage-driver", "vfs"]
    (folder / "image.tar").write_bytes(image())
    program = shlex.join(map(str, base))
    # crun wants one kind of cgroups; live views want what is mounted on the machine later.
    script = (
        f"umount /sys/fs/cgroup/unified 2>/dev/null; {program} import {folder}/image.tar {IMAGE} && "
        f"exec {program} system service --time=0 unix://{end}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "slave", "sh", "-c", script], env=environ, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not end.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"unix://{end}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


def run(address: str, plan: MountPlan, script: str, views: str = "/run/modama/views") -> str:
    """What a line of shell says in a container with the settings that DockerSpawner gets."""
    import docker as api

    rendered = docker.render(plan, views)
    with contextlib.closing(api.APIClient(base_url=address, version="auto", timeout=PATIENCE_S)) as client:
        rows = [{**row, "source": _plain(row["source"]), "target": _plain(row["target"])} for row in _mounts(rendered)]
        programs = [api.types.Mount(path, path, type="bind", read_only=True) for path in ("/usr", "/etc")]
        host = client.create_host_config(
            mounts=[*programs, *(api.types.Mount(**row) for row in rows)],
            network_mode="none",
            **rendered.added["extra_host_config"],
        )
        user = rendered.added["extra_create_kwargs"]["user"]
        made = client.create_container(IMAGE, ["/bin/sh", "-c", script], user=user, host_config=host)
        try:
            client.start(made["Id"])
            client.wait(made["Id"], timeout=PATIENCE_S)
            said: bytes = client.logs(made["Id"], stdout=True, stderr=True)
            return said.decode("utf-8", "replace")
        finally:
            client.remove_container(made["Id"], force=True)


def _mounts(rendered: docker.Rendered) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = rendered.added["mounts"]
    return rows


def _plain(text: object) -> str:
    """What DockerSpawner makes of a template without values."""
    return str(text).format()


def test_a_container_of_somebody_has_their_projects_and_rights(root: Path, people: Accounts, podman: str) -> None:
    """Uid, groups, own projects only, raw read-only, no way to gain rights, odd names."""
    one = make_project(root, "one ä {x} & it's", people.alice)
    seal(one / "s1" / "raw")
    make_project(root, "carols", people.carol)
    script = (
        f"id -u; ls {root}/adhoc; cd {root}/adhoc/one*; touch s1/raw/x; touch s1/new && echo made; "
        "grep NoNewPrivs /proc/self/status"
    )
    lines = run(podman, plan_for(site_of(root), people.alice), script).splitlines()
    assert lines[0] == str(people.alice.uid)
    assert lines[1] == "one ä {x} & it's"
    assert any("Read-only file system" in line for line in lines)
    assert {"made", "NoNewPrivs:\t1"} <= set(lines)
    assert (one / "s1" / "new").stat().st_uid == people.alice.uid


def test_who_lost_the_membership_reads_nothing_in_a_container(root: Path, people: Accounts, podman: str) -> None:
    """The plan of yesterday is mounted, and the kernel refuses."""
    project = make_project(root, "one", people.alice)
    plan = plan_for(site_of(root), people.alice)
    set_members(project)
    said = run(podman, plan, f"cat {project}/s1/raw/a.dat | head -c 5")
    assert "Permission denied" in said
    assert "first" not in said


def test_a_live_view_changes_inside_a_container(root: Path, people: Accounts) -> None:
    """Through the runtime's own namespace, by propagation."""
    make_project(root, "one", people.alice)
    with trees.reachable_folder() as described, folder_of_views() as views:
        site_file = live_site_file(root, described)
        view = views / people.alice.login
        view.mkdir()
        # The runtime begins after the view: where / is not shared, as systemd makes it, it would not hear of it.
        with all_views(site_file, views):
            until((view / "adhoc/one").exists, "the view")
            with service() as address:
                script = f"ls {root}/adhoc; while ! ls {root}/adhoc/two; do sleep 0.2; done 2>/dev/null"
                later = threading.Timer(5.0, make_project, (root, "two", people.alice))
                later.start()
                said = run(address, plan_for(site_of(root, "live"), people.alice), script, str(views))
                later.join()
    assert said.splitlines() == ["one", "s1"]
