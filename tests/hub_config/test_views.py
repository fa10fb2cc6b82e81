"""Views that follow memberships while a server runs: in a server of this machine, and for containers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hub_config import launcher, views
from hub_config.discover import PACKAGE
from hub_config.plan import MountKind
from hub_config.spawner import asked_for_view
from jupyter_modama.core.model import Site
from jupyter_modama.site import described
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from tests.hub_config.making_mounts import home_of, make_project, plan_for, seal, set_members, site_of, started

pytestmark = pytest.mark.root
PATIENCE_S = 45.0


@dataclass
class Shell:
    """A shell in somebody's server."""

    process: subprocess.Popen[str]

    def says(self, line: str) -> str:
        """What a line of shell prints, its complaints too."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{{ {line}\n}} 2>&1; echo; echo END-$?\n")
        self.process.stdin.flush()
        out = ""
        deadline = time.monotonic() + PATIENCE_S
        while "\nEND-" not in out:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{line}: {out}"
            out += os.read(self.process.stdout.fileno(), 1 << 16).decode("utf-8", "replace")
        return out.rpartition("\nEND-")[0].strip()


def until(fine: Callable[[], bool], what: str = "") -> None:
    """Wait for something that another process is to do."""
    deadline = time.monotonic() + PATIENCE_S
    while not fine():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def site_file(root: Path) -> Iterator[Path]:
    with trees.reachable_folder() as folder:
        yield live_site_file(root, folder)


def live_site_file(root: Path, folder: Path) -> Path:
    """A site file with live views."""
    file = folder / "site.toml"
    file.write_text(f'[site]\nname = "er-c"\nroot = "{root}"\n\n[areas.adhoc]\n\n[hub]\nmounts = "live"\n')
    return file


@contextlib.contextmanager
def live(site: Site, who: Account, site_file: Path, report: Path, home: Path | None = None) -> Iterator[Shell]:
    """A server of somebody with a live view, as a shell."""
    plan = plan_for(site, who, home)
    words = [sys.executable, "-I", "-c", views.START, PACKAGE, str(site_file), who.login, str(report)]
    process = started(plan, "/bin/sh", report=report, follow=words)
    try:
        yield Shell(process)
    finally:
        process.kill()
        process.communicate()


def followers(report: Path) -> list[int]:
    """The processes that follow the view of a server."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and str(report).encode() in Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def test_a_new_membership_shows_while_the_server_runs(
    root: Path, people: Accounts, site_file: Path, tmp_path: Path
) -> None:
    """Alice is added to a project of Carol's: it appears, and she works in it."""
    make_project(root, "one", people.alice)
    with live(site_of(root, "live"), people.alice, site_file, tmp_path / "report") as shell:
        assert shell.says(f"ls {root}/adhoc").split() == ["one"]
        carols = make_project(root, "carols", people.carol)
        set_members(carols, people.carol, people.alice)
        until(lambda: shell.says(f"ls {root}/adhoc").split() == ["carols", "one"], "the new project")
        assert shell.says(f"touch {carols}/mine && ls {carols}").split() == ["mine", "s1"]


def test_the_first_project_of_all_shows(root: Path, people: Accounts, site_file: Path, tmp_path: Path) -> None:
    """The area itself is made while the server runs."""
    with live(site_of(root, "live"), people.alice, site_file, tmp_path / "report") as shell:
        assert shell.says(f"ls -A {root}") == ""
        make_project(root, "first", people.alice)
        until(lambda: "first" in shell.says(f"ls {root}/adhoc"), "the first project")


def test_who_has_no_project_yet_finds_where_it_will_be(
    root: Path, people: Accounts, site_file: Path, tmp_path: Path
) -> None:
    """The area is there, empty, in the home and at its true path; the first project comes into it, and it stays."""
    (root / "adhoc").mkdir()
    carols = make_project(root, "carols", people.carol)
    site = replace(site_of(root, "live"), areas=described(site_file).areas)
    with trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        link = f"'{home}/{site.name}/adhoc'"
        with live(site, people.alice, site_file, tmp_path / "report", home) as shell:
            assert shell.says(f"ls -A {root}; ls -A {link}") == "adhoc"
            assert "Read-only" in shell.says(f"mkdir {root}/adhoc/mine")
            set_members(carols, people.carol, people.alice)
            until(lambda: shell.says(f"ls {link}") == "carols", "the first project")
            set_members(carols, people.carol)
            until(lambda: shell.says(f"ls {link}") == "", "the project is gone")
            assert shell.says(f"ls -A {root}") == "adhoc"


def test_a_lost_membership_goes_and_with_it_the_name(
    root: Path, people: Accounts, site_file: Path, tmp_path: Path
) -> None:
    """Who is inside sees nothing any more, by the access list at once, and the name goes too."""
    make_project(root, "stays", people.alice)
    project = make_project(root, "goes", people.alice)
    with live(site_of(root, "live"), people.alice, site_file, tmp_path / "report") as shell:
        assert shell.says(f"cd {project} && cat s1/raw/a.dat | head -c 5") == "first"
        set_members(project)
        assert "Permission denied" in shell.says(f"cat {project}/s1/raw/a.dat")
        until(lambda: shell.says(f"ls {root}/adhoc").split() == ["stays"], "the old project")
        assert "first" not in shell.says("cat s1/raw/a.dat")


def test_a_renamed_project_has_its_new_name(root: Path, people: Accounts, site_file: Path, tmp_path: Path) -> None:
    """The old name goes."""
    project = make_project(root, "old", people.alice)
    with live(site_of(root, "live"), people.alice, site_file, tmp_path / "report") as shell:
        assert shell.says(f"ls {root}/adhoc") == "old"
        project.rename(root / "adhoc" / "new")
        until(lambda: shell.says(f"ls {root}/adhoc") == "new", "the new name")
        assert shell.says(f"ls {root}/adhoc/new") == "s1"


def test_the_follower_ends_with_its_server(root: Path, people: Accounts, site_file: Path, tmp_path: Path) -> None:
    """And is root's meanwhile, so that its person cannot end it."""
    make_project(root, "one", people.alice)
    report = tmp_path / "report"
    with live(site_of(root, "live"), people.alice, site_file, report) as shell:
        until(lambda: len(followers(report)) == 1, "the follower")
        [pid] = followers(report)
        assert Path(f"/proc/{pid}").stat().st_uid == 0
        assert "not permitted" in shell.says(f"kill -9 {pid}")
        shell.process.kill()
        until(lambda: not followers(report), "the end of the follower")


def test_the_ground_of_a_live_view_stays_closed(root: Path, people: Accounts, site_file: Path, tmp_path: Path) -> None:
    """After changes, too, nothing can be made between the projects."""
    make_project(root, "one", people.alice)
    with live(site_of(root, "live"), people.alice, site_file, tmp_path / "report") as shell:
        make_project(root, "two", people.alice)
        until(lambda: "two" in shell.says(f"ls {root}/adhoc"), "the second project")
        assert "Read-only file system" in shell.says(f"mkdir {root}/adhoc/three")


@pytest.fixture
def view(root: Path, people: Accounts, tmp_path: Path) -> Iterator[views.View]:
    """An empty view of Alice's, on a folder of its own."""
    target = tmp_path / "view"
    target.mkdir()
    launcher.mount_empty(str(target))
    root_fd = os.open(root, os.O_PATH)
    site = Site(root=str(root), hub=site_of(root, "live", target=str(target)).hub)
    try:
        yield views.View(plan_for(site, people.alice), root_fd)
    finally:
        os.close(root_fd)
        subprocess.run(["umount", "-R", "-l", target], check=True)


def _planned(view: views.View, root: Path, who: Account) -> None:
    site = Site(root=str(root), hub=site_of(root, "live", target=view.plan.target).hub)
    view.show(plan_for(site, who))


def test_a_seal_shows_as_read_only_and_its_end_as_writable(root: Path, people: Accounts, view: views.View) -> None:
    """The read-only mount of raw comes and goes with the flag."""
    raw = make_project(root, "one", people.alice) / "s1" / "raw"
    inside = Path(view.plan.target) / "adhoc/one/s1/raw/new"
    _planned(view, root, people.alice)
    inside.touch()
    seal(raw)
    _planned(view, root, people.alice)
    assert [m.kind for m in view.mounted.values()] == [MountKind.PROJECT, MountKind.RAW]
    trees.clear(raw)
    with pytest.raises(OSError, match="Read-only"):
        inside.touch()
    _planned(view, root, people.alice)
    inside.touch()


def test_a_planted_link_does_not_take_other_mounts_away(root: Path, people: Accounts, view: views.View) -> None:
    """Where a sealed folder was, a link to the view's own ground: unmounting must not follow it."""
    project = make_project(root, "one", people.alice)
    seal(project / "s1" / "raw")
    _planned(view, root, people.alice)
    trees.clear(project)
    (project / "s1").rename(project / "s2")
    (project / "s1").mkdir()
    (project / "s1" / "raw").symlink_to(view.plan.target)
    _planned(view, root, people.alice)
    assert os.path.ismount(view.plan.target)
    assert os.listdir(Path(view.plan.target) / "adhoc") == ["one"]


def test_a_view_without_changes_is_left_alone(root: Path, people: Accounts, view: views.View) -> None:
    """Nothing is mounted anew."""
    make_project(root, "one", people.alice)
    _planned(view, root, people.alice)
    site = Site(root=str(root), hub=site_of(root, "live", target=view.plan.target).hub)
    assert view.show(plan_for(site, people.alice)) == 0


# For containers ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def all_views(site_file: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process that keeps the views of a machine."""
    process = subprocess.Popen([sys.executable, "-m", "hub_config.views", "--site", site_file, "--folder", folder])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_of_views() as made:
        yield made


@contextlib.contextmanager
def folder_of_views() -> Iterator[Path]:
    """A folder for views, whose mounts go at the end."""
    made = Path(f"/run/modama-test-{os.getpid()}")
    made.mkdir(mode=0o755)
    try:
        yield made
    finally:
        for view in made.iterdir():
            while os.path.ismount(view):
                subprocess.run(["umount", "-R", "-l", view], check=True)
            view.rmdir()
        made.rmdir()


def test_a_folder_with_a_login_becomes_that_persons_view(
    root: Path, people: Accounts, site_file: Path, folder: Path
) -> None:
    """A container's runtime made it; what has no account gets nothing; what is mounted survives the process."""
    make_project(root, "one", people.alice)
    make_project(root, "carols", people.carol)
    (folder / people.alice.login).mkdir()
    (folder / "nobody-knows").mkdir()
    (folder / "root").mkdir()
    alices = folder / people.alice.login / "adhoc"
    with all_views(site_file, folder):
        until(lambda: alices.exists() and os.listdir(alices) == ["one"], "the view")
        make_project(root, "two", people.alice)
        until(lambda: sorted(os.listdir(alices)) == ["one", "two"], "the second project")
        (folder / people.carol.login).mkdir()
        until((folder / people.carol.login / "adhoc/carols").exists, "the other view")
    assert sorted(os.listdir(alices)) == ["one", "two"]
    assert not os.path.ismount(folder / "nobody-knows")
    assert not os.path.ismount(folder / "root")
    with all_views(site_file, folder):
        make_project(root, "three", people.alice)
        until(lambda: alices.exists() and sorted(os.listdir(alices)) == ["one", "three", "two"], "the view again")


def test_a_container_sees_the_view_change(root: Path, people: Accounts, site_file: Path, folder: Path) -> None:
    """A bind of the view in a namespace that is a slave, as `rslave` and HostToContainer make it."""
    make_project(root, "one", people.alice)
    view = folder / people.alice.login
    view.mkdir()
    inside = folder / "inside"
    inside.mkdir()
    with all_views(site_file, folder):
        until((view / "adhoc/one").exists, "the view")
        script = f"mount --rbind {view} {inside} && while read line; do ls {inside}/adhoc | tr '\\n' ' '; echo; done"
        words = ["unshare", "-m", "--propagation", "slave", "sh", "-c", script]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as container:
            assert container.stdin is not None
            assert container.stdout is not None

            def listed() -> str:
                container.stdin.write("x\n")
                container.stdin.flush()
                return container.stdout.readline().strip()

            assert listed() == "one"
            make_project(root, "two", people.alice)
            until(lambda: listed() == "one two", "the second project")
            set_members(root / "adhoc" / "one")
            until(lambda: listed() == "two", "the end of the first")
            container.stdin.close()


def test_the_hub_asks_for_a_view_by_making_its_folder(
    root: Path, people: Accounts, site_file: Path, folder: Path
) -> None:
    """And says so where nobody keeps views."""
    path = str(folder / people.alice.login)
    [missing] = asyncio.run(asked_for_view(path, 0.3))
    assert "python -m hub_config.views" in missing.why
    with all_views(site_file, folder):
        assert asyncio.run(asked_for_view(path, PATIENCE_S)) == []
    assert os.path.ismount(path)
