"""Servers of real people in mount namespaces of their own: what they see, what they cannot do, what never fails."""

from __future__ import annotations

import ast
import grp
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hub_config import launcher
from hub_config.plan import EXTRAS, Mount, MountKind
from jupyter_modama.core.hub_rules import ExtraMount
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts, group
from tests.hub_config.making_mounts import (
    home_of,
    launched,
    make_project,
    mounts_of_machine,
    plan_for,
    seal,
    set_members,
    site_of,
    started,
)

pytestmark = pytest.mark.root
ODD = 'odd ä #&%\' {x}$(y)`z`: "q"'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.json"


def test_each_sees_her_own_projects_and_no_names_of_others(root: Path, people: Accounts, report: Path) -> None:
    """Alice and Bob share one project; the third is in nobody's listing but its member's."""
    make_project(root, "both", people.alice, people.bob)
    make_project(root, "alices", people.alice)
    make_project(root, "carols", people.carol)
    seen = {}
    for who in (people.alice, people.bob):
        seen[who.name] = launched(plan_for(site_of(root), who), 'ls "$1"/adhoc', str(root), report=report).out.split()
    assert seen == {"alice": ["alices", "both"], "bob": ["both"]}


def test_a_project_lies_where_it_lies_everywhere(root: Path, people: Accounts, report: Path) -> None:
    """The path in the server is the true one, and what is written there is on the disk."""
    project = make_project(root, "one", people.alice)
    said = launched(plan_for(site_of(root), people.alice), 'echo hi > "$1"/new && id -u', str(project), report=report)
    assert (said.code, said.out.strip()) == (0, str(people.alice.uid)), said.err
    assert (project / "new").stat().st_uid == people.alice.uid


def test_sealed_raw_is_read_only_and_what_lies_beside_is_not(root: Path, people: Accounts, report: Path) -> None:
    """A write into raw says that the file system is read-only, also where the flag were gone."""
    project = make_project(root, "one", people.alice)
    seal(project / "s1" / "raw")
    plan = plan_for(site_of(root), people.alice)
    trees.clear(project)  # the mount alone is looked at
    script = 'touch "$1"/s1/raw/x; echo $?; touch "$1"/s1/beside; echo $?'
    said = launched(plan, script, str(project), report=report)
    assert said.out.split() == ["1", "0"]
    assert "Read-only file system" in said.err
    assert [m.kind for m in plan.mounts] == [MountKind.PROJECT, MountKind.RAW]


def test_the_ground_of_the_view_takes_no_files(root: Path, people: Accounts, report: Path) -> None:
    """Between the projects nothing can be made."""
    make_project(root, "one", people.alice)
    said = launched(plan_for(site_of(root), people.alice), 'touch "$1"/x "$1"/adhoc/x', str(root), report=report)
    assert said.code
    assert said.err.count("Read-only file system") == 2


def test_no_way_to_gain_rights(root: Path, people: Accounts, report: Path) -> None:
    """no_new_privs, nosuid and nodev: a setuid program in a project and a device file are worth nothing."""
    project = make_project(root, "one", people.alice)
    tool = project / "rootsh"
    tool.write_bytes(Path("/usr/bin/id").read_bytes())
    tool.chmod(0o6755)
    os.mknod(project / "zero", 0o666 | 0o020000, os.makedev(1, 5))
    (project / "zero").chmod(0o666)
    script = (
        'grep -E "NoNewPrivs|CapEff|CapPrm|CapAmb" /proc/self/status; '
        '"$1"/rootsh -u; head -c1 "$1"/zero; grep " $1 " /proc/self/mountinfo'
    )
    said = launched(plan_for(site_of(root), people.alice), script, str(project), report=report)
    lines = dict(line.split(":\t") for line in said.out.splitlines() if ":\t" in line)
    assert lines == {"NoNewPrivs": "1", **dict.fromkeys(("CapEff", "CapPrm", "CapAmb"), "0" * 16)}
    assert f"\n{people.alice.uid}\n" in said.out
    assert "nosuid,nodev" in said.out
    assert "Permission denied" in said.err


def test_groups_are_the_persons_and_no_others(root: Path, people: Accounts, report: Path) -> None:
    """No group of root's is left over."""
    with group("lab", people.bob) as gid:
        said = launched(plan_for(site_of(root), people.bob), "id -G", report=report)
    assert sorted(map(int, said.out.split())) == sorted([people.bob.gid, gid])


@pytest.mark.parametrize("name", [ODD, b"not-utf8-\xff\xfe", "-rf", "a\nb"])
def test_any_name_works(root: Path, people: Accounts, report: Path, name: str | bytes) -> None:
    """Projects with odd names are mounted, and shown as they are."""
    make_project(root, name, people.alice)
    said = launched(
        plan_for(site_of(root), people.alice),
        'ls -1 --literal "$1"/adhoc; cat "$1"/adhoc/*/s1/raw/a.dat | head -c5',
        str(root),
        report=report,
    )
    assert said.out == f"{os.fsdecode(name)}\nfirst"
    assert not said.missing


def test_a_link_in_place_of_a_project_is_not_followed(root: Path, people: Accounts, report: Path) -> None:
    """Somebody plants a link where the plan has a project."""
    make_project(root, "one", people.alice)
    plan = plan_for(site_of(root), people.alice)
    (root / "adhoc" / "one").rename(root / "adhoc" / "away")
    (root / "adhoc" / "one").symlink_to("/etc")
    said = launched(plan, 'ls -A "$1"', str(root), report=report)
    assert said.out == "adhoc\n" or not said.out
    assert said.missing == {"project adhoc/one": "a link lies on the way"}


@pytest.mark.parametrize("source", ["/etc", "{root}/../etc", "{root}/adhoc/../../../etc", "{root}/adhoc/carols"])
def test_a_forged_plan_gives_nothing_that_is_not_the_persons(
    root: Path, people: Accounts, report: Path, source: str
) -> None:
    """The launcher opens each source as the person, below the tree."""
    make_project(root, "carols", people.carol)
    mount = Mount(source.format(root=root), f"{root}/adhoc/mine", project="adhoc/mine")
    plan = replace(plan_for(site_of(root), people.alice), mounts=(mount,))
    said = launched(plan, 'ls -A "$1"/adhoc/mine', str(root), report=report)
    assert said.code
    assert list(said.missing) == ["project adhoc/mine"]


@pytest.mark.parametrize("target", ["/etc", "{root}/../../etc/x", "{root}/adhoc/../../x"])
def test_a_forged_target_stays_in_the_view(root: Path, people: Accounts, report: Path, target: str) -> None:
    """Nothing is mounted beside the view."""
    make_project(root, "one", people.alice)
    mount = Mount(f"{root}/adhoc/one", target.format(root=root), project="adhoc/one")
    plan = replace(plan_for(site_of(root), people.alice), mounts=(mount,))
    said = launched(plan, "test -e /etc/passwd && test ! -e /etc/s1", report=report)
    assert said.code == 0
    assert list(said.missing) == ["project adhoc/one"]


def test_a_raw_folder_that_became_a_link_is_left_alone(root: Path, people: Accounts, report: Path) -> None:
    """The target of a read-only mount inside a project is looked up without following links."""
    project = make_project(root, "one", people.alice)
    seal(project / "s1" / "raw")
    plan = plan_for(site_of(root), people.alice)
    trees.clear(project)
    (project / "s1").rename(project / "s2")
    (project / "s1").symlink_to("/etc")
    said = launched(plan, 'grep -c " /etc" /proc/self/mountinfo', report=report)
    assert said.out.strip() == str(sum(path.startswith("/etc") for path in mounts_of_machine()))


def test_what_is_gone_is_left_out_and_named(root: Path, people: Accounts, report: Path) -> None:
    """A project that vanished, one that was closed: the server starts, the report says so, no empty folder is left."""
    make_project(root, "stays", people.alice)
    closed = make_project(root, "closed", people.alice)
    plan = plan_for(site_of(root), people.alice)
    gone = Mount(f"{root}/adhoc/gone", f"{root}/adhoc/gone", project="adhoc/gone")
    set_members(closed)
    said = launched(replace(plan, mounts=(*plan.mounts, gone)), 'ls "$1"/adhoc', str(root), report=report)
    assert (said.code, said.out.split()) == (0, ["stays"])
    assert said.missing == {
        "project adhoc/gone": "it is not there any more",
        "project adhoc/closed": "this person may not open it",
    }
    assert "project adhoc/gone is not mounted" in said.err


def test_a_tree_that_is_gone_does_not_keep_a_server_from_starting(root: Path, people: Accounts, report: Path) -> None:
    """The storage is away."""
    plan = replace(plan_for(site_of(root), people.alice), root="/nowhere/at/all", target="/nowhere/at/all")
    said = launched(plan, "id -u", report=report)
    assert (said.code, said.out.strip()) == (0, str(people.alice.uid))
    assert said.missing


def test_the_report_is_the_persons_and_nobody_elses(root: Path, people: Accounts, report: Path) -> None:
    """It names projects."""
    make_project(root, "one", people.alice)
    launched(plan_for(site_of(root), people.alice), "true", report=report)
    found = report.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (people.alice.uid, 0o400)
    assert json.loads(report.read_text())["made"] == 1


def test_nothing_is_mounted_on_the_machine_itself(root: Path, people: Accounts, report: Path) -> None:
    """A server's namespace goes with it."""
    make_project(root, "one", people.alice)
    before = mounts_of_machine()
    launched(plan_for(site_of(root), people.alice), "true", report=report)
    assert mounts_of_machine() == before


def test_the_whole_tree_by_one_mount_in_the_mode_acl(root: Path, people: Accounts, report: Path) -> None:
    """All names show, rights decide, and a change of members counts at once."""
    make_project(root, "one", people.alice)
    other = make_project(root, "other", people.carol)
    plan = plan_for(site_of(root, "acl"), people.alice)
    process = started(
        plan,
        "/bin/sh",
        "-c",
        'ls "$1" >/dev/null && echo in || echo out; read x; ls "$1" && echo now',
        "sh",
        str(other),
        report=report,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "out\n"
    set_members(other, people.carol, people.alice)
    out, _ = process.communicate("\n", timeout=60)
    assert out.split() == ["s1", "now"]
    assert len(plan.mounts) == 1


def test_losing_the_entry_at_the_gate_counts_at_once(root: Path, people: Accounts, report: Path) -> None:
    """The mount stays until the end, and nothing can be opened through it."""
    project = make_project(root, "one", people.alice)
    script = 'cd / && cat "$1"/s1/raw/a.dat | head -c5; echo; read x; cat "$1"/s1/raw/a.dat'
    process = started(plan_for(site_of(root), people.alice), "/bin/sh", "-c", script, "sh", str(project), report=report)
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    set_members(project)
    out, err = process.communicate("\n", timeout=60)
    assert (out, process.returncode) == ("", 1)
    assert "Permission denied" in err


def test_children_have_the_same_view(root: Path, people: Accounts, report: Path) -> None:
    """Kernels, terminals and LiberTEM are children of the server."""
    make_project(root, "one", people.alice)
    make_project(root, "carols", people.carol)
    said = launched(
        plan_for(site_of(root), people.alice), '(setsid sh -c \'ls "$1"/adhoc\' sh "$1")', str(root), report=report
    )
    assert said.out.split() == ["one"]


DIRECT = """
import mmap, os, sys
path = sys.argv[1]
fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
block = mmap.mmap(-1, 4096); block.write(b"x" * 4096)
assert os.write(fd, block) == 4096
with open(path, "r+b") as file, mmap.mmap(file.fileno(), 4096) as mapped:
    assert mapped[:2] == b"xx"; mapped[0:2] = b"yy"; mapped.flush()
print(open(path, "rb").read(2).decode())
"""


def test_direct_and_mapped_access_go_through(root: Path, people: Accounts, report: Path) -> None:
    """O_DIRECT and mmap, which LiberTEM reads with."""
    project = make_project(root, "one", people.alice)
    said = launched(
        plan_for(site_of(root), people.alice),
        '/usr/bin/python3 -I -c "$1" "$2"',
        DIRECT,
        str(project / "direct"),
        report=report,
    )
    assert said.out == "yy\n", said.err


# Homes ---------------------------------------------------------------------------------------------------------------


def test_the_tree_is_in_the_home_by_the_name_of_the_site(root: Path, people: Accounts, report: Path) -> None:
    """A link of the person's own; a second start changes nothing."""
    make_project(root, "one", people.alice)
    with trees.reachable_folder() as folder, home_of(people.alice, folder) as home:
        plan = plan_for(site_of(root), people.alice, home)
        for _ in range(2):
            said = launched(plan, 'cd; ls "$1"/"er-c data ä"/adhoc; pwd', str(home), report=report)
            assert said.out.split("\n")[0] == "one", said.err
            assert not said.missing
        link = home / "er-c data ä"
        assert (link.lstat().st_uid, os.readlink(link)) == (people.alice.uid, str(root))


def test_what_has_the_name_already_stays_and_is_said(root: Path, people: Accounts, report: Path) -> None:
    """A folder of the person's with the site's name."""
    make_project(root, "one", people.alice)
    with trees.reachable_folder() as folder, home_of(people.alice, folder) as home:
        (home / "er-c data ä").mkdir()
        said = launched(plan_for(site_of(root), people.alice, home), "true", report=report)
        assert "something else has that name" in said.missing[f"{home}/er-c data ä"]
        assert not (home / "er-c data ä").is_symlink()


def test_a_home_that_leads_elsewhere_gets_no_link_by_roots_rights(root: Path, people: Accounts, report: Path) -> None:
    """The home is a link into a folder that is not the person's."""
    with trees.reachable_folder() as folder:
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        (folder / "home").symlink_to(closed)
        said = launched(plan_for(site_of(root), people.alice, folder / "home"), "true", report=report)
        assert said.missing
        assert not list(closed.iterdir())


# Further mounts ------------------------------------------------------------------------------------------------------


def test_a_folder_of_a_group_is_for_its_members(root: Path, people: Accounts, report: Path) -> None:
    """A share of a group; the other one's server has nothing there, and nothing is said."""
    with trees.reachable_folder() as folder, group("lab", people.alice) as gid, trees.reachable_folder() as homes:
        os.chown(folder, 0, gid)
        folder.chmod(0o2770)
        (folder / "scratch").mkdir()
        rule = ExtraMount(name="lab", source=str(folder), target="{home}/lab", groups=(grp.getgrgid(gid).gr_name,))
        site = site_of(root, mount=(rule,))
        with home_of(people.alice, homes) as home:
            script = 'ls "$1"/lab; touch "$1"/lab/x'
            said = launched(plan_for(site, people.alice, home), script, str(home), report=report)
            assert (said.out, said.missing) == ("scratch\n", {}), said.err
            assert (folder / "x").stat().st_uid == people.alice.uid
        with home_of(people.bob, homes) as home:
            other = launched(plan_for(site, people.bob, home), 'ls -A "$1"', str(home), report=report)
            assert (other.out, other.missing) == ("er-c data ä\n", {})


def test_a_folder_that_the_person_cannot_open_is_not_mounted(root: Path, people: Accounts, report: Path) -> None:
    """Root could, and does not."""
    with trees.reachable_folder() as folder, trees.reachable_folder() as homes, home_of(people.alice, homes) as home:
        (folder / "shut").mkdir(mode=0o700)
        (folder / "shut" / "in").mkdir(mode=0o777)
        (folder / "way").symlink_to(folder / "shut" / "in")
        rules = tuple(
            ExtraMount(name=name, source=f"{folder}/{path}", target=f"{{home}}/{name}")
            for name, path in (("shut", "shut"), ("in", "shut/in"), ("way", "way"), ("none", "none"))
        )
        said = launched(plan_for(site_of(root, mount=rules), people.alice, home), f"ls -A {EXTRAS}/*", report=report)
        assert set(said.missing) == {"shut", "in", "way", "none"}
        assert said.missing["none"] == "it is not there any more"


def test_nothing_is_mounted_where_the_person_could_move_it(root: Path, people: Accounts, report: Path) -> None:
    """A mount point in somebody's own folder is refused, and one behind a link too."""
    with trees.reachable_folder() as folder, home_of(people.alice, folder) as home:
        (home / "here").mkdir()
        (folder / "link").symlink_to("/etc")
        (folder / "good").mkdir()
        rules = tuple(
            ExtraMount(name=name, source=str(folder), target=target)
            for name, target in (("own", f"{home}/here"), ("link", f"{folder}/link"), ("good", f"{folder}/good"))
        )
        said = launched(plan_for(site_of(root, mount=rules), people.alice, home), f"ls {folder}/good", report=report)
        assert set(said.missing) == {"own", "link"}
        assert "good" in said.out


def test_the_launcher_is_for_people_only(root: Path, people: Accounts, report: Path) -> None:
    """Root, and whoever is in root's group, gets no server from it."""
    plan = plan_for(site_of(root), people.alice)
    for wrong in ({"uid": 0}, {"gid": 0}, {"groups": (people.alice.gid, 0)}):
        said = launched(replace(plan, **wrong), "id", report=report)
        assert (said.code, said.out) == (2, "")
        assert "an account of the system" in said.err


def test_the_launcher_needs_nothing_but_the_standard_library() -> None:
    """It is run with root's rights by a Python without site-packages."""
    tree = ast.parse(Path(launcher.__file__).read_text())
    names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    assert names <= set(sys.stdlib_module_names)
    top = {id(n) for n in tree.body}
    assert all(id(n) in top for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)))
