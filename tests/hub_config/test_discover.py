"""Which projects somebody reaches: the kernel's answer, by a process with their rights."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from hub_config.discover import Discovery, command, person_of, read_discovery
from jupyter_modama.core.errors import NotAllowed, NotFound
from jupyter_modama.core.model import Area, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.reachable import Reachable
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts, group
from tests.hub_config.making_mounts import make_project, plan_for, seal, set_members, site_of

pytestmark = pytest.mark.root


def found(site: Site, who: object) -> list[str]:
    return [mount.project for mount in plan_for(site, who).projects]  # type: ignore[arg-type]


def test_only_what_lies_behind_gates_that_the_person_passes(root: Path, people: Accounts) -> None:
    """Not what is open below a closed gate, and nothing behind a link or in our records."""
    make_project(root, "mine", people.alice)
    closed = make_project(root, "closed", people.carol)
    (closed / "s1").chmod(0o777)
    (root / "adhoc" / "link").symlink_to(root / "adhoc" / "mine")
    (root / "adhoc" / "file").write_text("x")
    (root / "linked").symlink_to(root / "adhoc")
    (root / ".modama" / "p").mkdir(parents=True)
    assert found(site_of(root), people.alice) == ["adhoc/mine"]


def test_a_project_in_a_closed_area_is_not_there(root: Path, people: Accounts) -> None:
    """Nothing is mounted from below a gate that the person does not pass, whichever folder it is."""
    make_project(root, "mine", people.alice)
    (root / "adhoc").chmod(0o700)
    assert found(site_of(root), people.alice) == []


def test_groups_count(root: Path, people: Accounts) -> None:
    """Those that the system knows."""
    project = make_project(root, "lab")
    with group("lab", people.bob) as gid:
        os.chown(project, 0, gid)
        project.chmod(0o770)
        assert found(site_of(root), people.bob) == ["adhoc/lab"]
        assert found(site_of(root), people.alice) == []


def test_projects_of_a_facility_lie_deeper(root: Path, people: Accounts) -> None:
    """With the layout of the area; what lies at another depth is no project."""
    deep = root / "visitors" / "b1" / "prop" / "visit" / "raw"
    deep.mkdir(parents=True)
    site = Site(
        root=str(root),
        areas=(Area("visitors", layout="{beamline}/{proposal}/{visit}/raw"),),
        any_area=False,
        hub=site_of(root).hub,
    )
    make_project(root, "p", people.alice)
    assert found(site, people.alice) == ["visitors/b1/prop"]


def test_sealed_folders_are_found_by_their_flag(root: Path, people: Accounts) -> None:
    """Of names that are no UTF-8 as well."""
    project = make_project(root, b"\xff", people.alice)
    seal(project / "s1" / "raw")
    plan = plan_for(site_of(root), people.alice)
    trees.clear(project)
    assert [m.source for m in plan.mounts if m.read_only] == [f"{root}/adhoc/\udcff/s1/raw"]


def test_accounts_of_the_system_have_no_server(people: Accounts) -> None:
    """Root, low numbers, and names that nobody has."""
    for login in ("root", "daemon"):
        with pytest.raises(NotAllowed):
            person_of(login, 1000)
    with pytest.raises(NotAllowed):
        person_of(people.alice.login, 60_000)
    for login in ("nobody-knows-this", "a\0b", ""):
        with pytest.raises(NotFound):
            person_of(login, 1000)


# The process that the hub starts -------------------------------------------------------------------------------------


def discovered(site_file: Path, login: str, *, look: bool = True) -> subprocess.CompletedProcess[str]:
    words = command(str(site_file), login, look=look, sealed=True)
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd="/", env={})


@pytest.fixture
def site_file(root: Path, tmp_path: Path) -> Path:
    """Readable for root alone: the hub's process has read it before it becomes the person."""
    file = tmp_path / "site.toml"
    file.write_text(f'[site]\nroot = "{root}"\n\n[areas.adhoc]\n')
    file.chmod(0o600)
    return file


def test_the_hub_asks_a_process_that_becomes_the_person(root: Path, people: Accounts, site_file: Path) -> None:
    """And learns uid, groups, home and projects by it."""
    make_project(root, "mine", people.alice)
    make_project(root, "other", people.carol)
    told = read_discovery(discovered(site_file, people.alice.login).stdout)
    assert told.found == (Reachable(TreePath("adhoc/mine")),)
    assert (told.person.uid, told.person.groups, told.problem) == (people.alice.uid, (people.alice.gid,), "")
    nothing = read_discovery(discovered(site_file, people.alice.login, look=False).stdout)
    assert nothing == Discovery(told.person)


def test_a_tree_that_is_away_is_a_problem_and_no_end(root: Path, people: Accounts, site_file: Path) -> None:
    """The person is known, the server can start."""
    site_file.write_text(site_file.read_text().replace(str(root), "/nowhere/at/all"))
    told = read_discovery(discovered(site_file, people.alice.login).stdout)
    assert "could not be looked at" in told.problem
    assert told.person.uid == people.alice.uid


def test_who_has_no_account_is_refused_in_words(people: Accounts, site_file: Path) -> None:
    """Without a traceback."""
    for login, words in (("nobody-knows-this", "an account"), ("root", "account of the system")):
        done = discovered(site_file, login)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"person": {}, "found": "[]", "problem": ""})])
def test_what_is_no_answer_is_an_error(text: str) -> None:
    """A process that was killed in the middle of its words."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_discovery(text)


def test_losing_a_gate_between_two_looks(root: Path, people: Accounts) -> None:
    """Each look is a new one."""
    project = make_project(root, "one", people.alice)
    assert found(site_of(root), people.alice) == ["adhoc/one"]
    set_members(project)
    assert found(site_of(root), people.alice) == []
