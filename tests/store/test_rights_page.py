"""What docs/rights.md says of programs beyond what a repair mends: tried with real accounts and the real programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_watching import gate_of, make_project

from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import doctor
from jupyter_modama.store import samba as rules
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts

PAGE = Path(__file__).parents[2] / "docs" / "rights.md"
needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts"),
]


@pytest.fixture
def raw(people: Accounts) -> Iterator[Path]:
    """The raw folder of a session of the system's; Alice and Bob are members."""
    with trees.reachable_folder() as folder, trees.mounted(folder, "ext4", 32) as place:
        project = make_project(place / "tree", "p", gate_of(people))
        (project / "s/raw").mkdir(parents=True)
        store = DiskStore(Site(root=str(place / "tree")))
        _mended(store, people)
        yield project / "s/raw"
        store.close()


def _mended(store: DiskStore, people: Accounts) -> None:
    trees.driven(store.gates.go_through(TreePath("adhoc/p"), gate_of(people), (), mend=True, report=False))


class TestPrograms:
    """As members run them in a folder of the session."""

    pytestmark = needs_root

    @pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is missing")
    def test_rsync_without_rights_and_groups_is_right_from_the_start(self, raw: Path, people: Accounts) -> None:
        """The line of the page, on a tree with private files in it."""
        elsewhere = raw.parents[4] / "elsewhere"
        elsewhere.mkdir()
        os.chown(elsewhere, people.alice.uid, -1)
        people.alice.shell("mkdir d; echo x > d/f; chmod 600 d/f; chmod 700 d", cwd=elsewhere)
        [line] = re.findall(r"`(rsync -a --no-p .*?)`", PAGE.read_text("utf-8"))
        people.alice.shell(f"{line} {elsewhere}/d .", cwd=raw)
        assert people.bob.appends(raw / "d/f")
        assert people.bob.makes(raw / "d/his")
        assert not people.carol.reads(raw / "d/f")

    @pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is missing")
    def test_replacing_what_belongs_to_others_is_refused_and_writing_in_place_works(
        self, raw: Path, people: Accounts
    ) -> None:
        """In a sticky folder: sed -i and rsync replace the file, >> and rsync --inplace do not."""
        people.alice.shell("echo one > f", cwd=raw)
        mine = raw.parents[4] / "bobs"
        mine.write_text("two, and longer\n")
        mine.chmod(0o644)
        assert not people.bob.can("sed", "-i", "s/one/two/", raw / "f")
        assert not people.bob.can("rsync", mine, raw / "f")
        assert not people.bob.can("mv", raw / "f", raw / "g")
        assert (raw / "f").read_text() == "one\n"
        assert people.bob.can("rsync", "--inplace", mine, raw / "f")
        assert (raw / "f").read_text() == "two, and longer\n"
        people.bob.shell(": > f", cwd=raw)
        assert (raw / "f").read_text() == ""
        assert (raw / "f").stat().st_uid == people.alice.uid

    def test_entry_for_somebody_from_outside_has_no_effect(self, raw: Path, people: Accounts) -> None:
        """Whatever an owner of a file writes on it, nobody passes the gate by that."""
        people.alice.shell(f"echo x > f; setfacl -m u:{people.carol.login}:rwx f; chmod 666 f", cwd=raw)
        assert not people.carol.reads(raw / "f")
        assert not people.carol.appends(raw / "f")

    def test_members_cannot_move_what_the_system_made(self, raw: Path, people: Accounts) -> None:
        """Project, session and raw, also by those who may write everywhere in them."""
        for who in (people.alice, people.bob):
            for folder in (raw, raw.parent, raw.parents[1]):
                assert not who.can("mv", folder, f"{folder}-moved")
                assert not who.can("rmdir", folder)


def test_page_names_every_row_of_the_doctor(root: Path) -> None:
    """An administrator who reads a finding finds its row."""
    fd = os.open(root, os.O_RDONLY)
    try:
        names = {name for name, _ in doctor.checks(fd, Site(root=str(root)))}
    finally:
        os.close(fd)
    table = PAGE.read_text("utf-8").partition("looks at")[2]
    assert {name for name in names if name not in table} <= {"safe paths", "state folder"}


def test_page_has_the_recipe_and_the_modes_of_samba() -> None:
    """The same values as the doctor compares with."""
    text = PAGE.read_text("utf-8")
    for key in ("create mask", "force create mode", "directory mask", "force directory mode"):
        assert rules.RECIPE[key][0] in text
    assert "create mask = force create mode = 0660" in text


@pytest.mark.skipif(shutil.which("sysctl") is None, reason="sysctl is missing (Debian package procps)")
def test_settings_of_the_page_are_known_to_the_kernel() -> None:
    """Each name of the sysctl line; nothing is set."""
    [line] = re.findall(r"^    sysctl (fs\..*)$", PAGE.read_text("utf-8"), re.M)
    names = [word.split("=")[0] for word in line.split()]
    assert len(names) == 4
    assert subprocess.run(["sysctl", "-n", *names], capture_output=True, check=False).returncode == 0
