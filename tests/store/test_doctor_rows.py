"""What the doctor says of levels, people, file systems, the keeper, Samba and times: each illness, and its remedy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_modama.core.model import Area, Finding, Severity, Site
from jupyter_modama.store import doctor, levels, machine
from jupyter_modama.store import samba as rules
from jupyter_modama.store.judge import as_person
from jupyter_modama.testing import samba, trees
from jupyter_modama.testing.accounts import Accounts

Look = Callable[..., list[Finding]]
needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give folders away and to mount"),
]
HAS_TESTPARM = pytest.mark.skipif(shutil.which("testparm") is None, reason="testparm is missing (Debian package samba)")


@pytest.fixture
def look(root: Path) -> Iterator[Look]:
    """What one row finds in the tree."""
    fd = os.open(root, os.O_RDONLY)

    def looks(check: Callable[..., Iterator[Finding]], *more: object, **site: object) -> list[Finding]:
        return list(check(fd, replace(Site(root=str(root), account="root"), **site), "row", *more))  # type: ignore[arg-type]

    yield looks
    os.close(fd)


def worst(found: list[Finding]) -> Severity:
    return max((finding.severity for finding in found), key=tuple(Severity).index)


def make(root: Path, path: str, mode: int = 0o755, uid: int = -1) -> Path:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, uid, -1)
    folder.chmod(mode)
    return folder


# Levels --------------------------------------------------------------------------------------------------------------


def test_tree_of_the_system_is_fine(root: Path, look: Look) -> None:
    """Areas closed to others, projects and sessions sticky."""
    make(root, "adhoc/p/s", 0o3770)
    make(root, "adhoc/p", 0o3770)
    assert [finding.severity for finding in look(levels.check_levels)] == [Severity.OK]


@pytest.mark.parametrize("path", ["adhoc", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw"])
def test_folder_that_is_not_sticky_is_named(root: Path, look: Look, path: str) -> None:
    """At every level: whoever may write there could move away what the system made."""
    for each in ("adhoc/p/s/raw", "adhoc/p/s", "adhoc/p"):
        make(root, each, 0o3770)
    make(root, path, 0o2770)
    [finding] = look(levels.check_levels)
    assert finding.severity is Severity.WARNING
    assert finding.found == f"1 folder of the system not sticky: {path}"
    assert "chmod +t" in finding.next_step


class TestWithPeople:
    """Where folders belong to people."""

    pytestmark = needs_root

    def test_owner_of_an_area_could_move_every_project(self, root: Path, look: Look, people: Accounts) -> None:
        """So this is a failure, and says whose it is."""
        make(root, "adhoc", 0o755, people.alice.uid)
        [finding] = look(levels.check_levels)
        assert finding.severity is Severity.FAILURE
        assert f"adhoc ({people.alice.login})" in finding.found
        assert "chown root" in finding.next_step

    def test_owner_of_a_level_above_projects_could_as_well(self, root: Path, look: Look, people: Accounts) -> None:
        """In a layout with a beamline above the proposals."""
        area = Area("visitors", layout="{beamline}/{proposal}/{visit}/raw")
        make(root, "visitors/b1/p1", 0o3770)
        make(root, "visitors/b1", 0o755, people.alice.uid)
        [finding] = look(levels.check_levels, areas=(area,), any_area=False)
        assert finding.severity is Severity.FAILURE
        assert "visitors/b1 (" in finding.found

    def test_owner_of_the_root_could_move_everything(self, root: Path, look: Look, people: Accounts) -> None:
        os.chown(root, people.alice.uid, -1)
        [finding] = look(levels.check_levels)
        assert finding.severity is Severity.FAILURE
        assert f"{root} ({people.alice.login})" in finding.found
        assert finding.next_step.startswith("chown root")

    def test_owner_of_a_raw_folder_could_move_it(self, root: Path, look: Look, people: Accounts) -> None:
        """In a session of the system's; in a project made by hand that is how it is."""
        for name, uid in (("p", 0), ("by-hand", people.bob.uid)):
            make(root, f"adhoc/{name}/s/raw", 0o2770, people.alice.uid)
            for path in (f"adhoc/{name}/s", f"adhoc/{name}"):
                make(root, path, 0o3770, uid)
        found = look(levels.check_levels)
        assert [finding.severity for finding in found] == [Severity.WARNING, Severity.NOTE]
        assert found[0].found == f"people own 1 raw folder of sessions: adhoc/p/s/raw ({people.alice.login})"

    def test_project_made_by_hand_waits_for_an_administrator(self, root: Path, look: Look, people: Accounts) -> None:
        """It is no mistake; what adopting does is said."""
        make(root, "adhoc/by-hand", 0o775, people.alice.uid)
        found = look(levels.check_levels)
        assert [finding.severity for finding in found] == [Severity.NOTE, Severity.OK]
        assert "modama project adopt" in found[0].next_step

    def test_owners_without_accounts_are_numbered(self, root: Path, look: Look, people: Accounts) -> None:
        """Somebody who left; and everybody, where the directory of accounts is missing."""
        make(root, "adhoc/p", 0o3770, people.alice.uid)
        assert [finding.severity for finding in look(levels.check_people)] == [Severity.OK]
        make(root, "adhoc/q/s", 0o3770, 4_000_000)
        [finding] = look(levels.check_people)
        assert finding.severity is Severity.WARNING
        assert "4000000 (adhoc/q/s)" in finding.found
        assert "sssd" in finding.next_step

    def test_owner_that_the_file_server_does_not_tell_is_a_failure(self, root: Path, look: Look) -> None:
        """The number of nobody: rights are then judged for the wrong person."""
        make(root, "adhoc/p", 0o3770, 65534)
        finding = look(levels.check_people)[0]
        assert finding.severity is Severity.FAILURE
        assert "idmapping" in finding.next_step

    def test_owner_below_the_minimum_is_noticed(self, root: Path, look: Look) -> None:
        """A minimum that leaves people out, or a daemon that made a project."""
        make(root, "adhoc/p", 0o3770, 1)
        [finding] = look(levels.check_people)
        assert (finding.severity, "minimum_uid (now 1000)" in finding.next_step) == (Severity.WARNING, True)
        assert worst(look(levels.check_people, minimum_uid=1)) is Severity.OK

    def test_each_file_system_is_looked_at(self, root: Path, look: Look) -> None:
        """An area on a file system of its own: its lists, its flag and its room."""
        for kind, fine in (("ext4", True), ("ramfs", False)):
            area = make(root, kind)
            if kind == "ext4":
                image = root / "image"
                image.touch()
                os.truncate(image, 16 << 20)
                subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
                subprocess.run(["mount", "-o", "loop", image, area], check=True)
            else:
                subprocess.run(["mount", "-t", "ramfs", "ramfs", area], check=True)
            try:
                found = look(levels.check_areas)
                room = look(doctor.check_space)
            finally:
                subprocess.run(["umount", "-l", area], check=True)
            assert all(kind in finding.found for finding in found)
            said = " ".join(finding.found for finding in found)
            assert (worst(found) is Severity.OK) == fine
            assert ("without access lists" in said) == ("without the immutable flag" in said) == (not fine)
            assert any(finding.found.endswith(f" in {kind}") for finding in room)
        assert look(levels.check_areas) == []

    def test_keeper_that_speaks_with_the_service_only_is_left_in_peace(
        self, look: Look, people: Accounts, root: Path
    ) -> None:
        """Who may not connect learns no more than that it is there."""
        path = root / "keeper.sock"
        with socket.socket(socket.AF_UNIX) as keeper:
            keeper.bind(str(path))
            keeper.listen()
            path.chmod(0o600)
            [finding] = as_person(
                people.alice.uid, lambda: look(machine.check_keeper, path, managed_by="https://hub.example.org")
            )
        assert finding.severity is Severity.NOTE


def test_accounts_of_the_site_file_have_to_be_there(root: Path, look: Look) -> None:
    """Each that is missing, and each group."""
    found = look(
        levels.check_people,
        account="no-such-account",
        administrators="no-such-group",
        externals="no-guests",
        instruments=("no-microscope", "@no-microscopes"),
    )
    said = {finding.found.split("“")[1].split("”")[0]: finding.severity for finding in found}
    assert said == {
        "no-such-account": Severity.FAILURE,
        "no-microscope": Severity.FAILURE,
        "no-such-group": Severity.WARNING,
        "no-guests": Severity.WARNING,
        "no-microscopes": Severity.WARNING,
    }


def test_change_in_the_future_is_noticed(root: Path, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time that only the kernel sets; the time that users set says nothing."""
    folder = make(root, "adhoc/p")
    os.utime(folder, (4e9, 4e9))
    assert look(levels.check_times) == []
    now = time.time()
    monkeypatch.setattr("jupyter_modama.store.levels.time.time", lambda: now - 86400)
    [finding] = look(levels.check_times)
    assert (finding.severity, "“adhoc" in finding.found) == (Severity.WARNING, True)


@pytest.mark.parametrize(("apart", "severity"), [(0, Severity.OK), (60, Severity.WARNING), (-60, Severity.WARNING)])
def test_clock_of_the_file_server_is_compared(
    look: Look, monkeypatch: pytest.MonkeyPatch, apart: int, severity: Severity
) -> None:
    """With that of this machine, whichever goes ahead."""
    now = time.time
    monkeypatch.setattr(machine, "_unsynchronised", lambda: False)
    monkeypatch.setattr("jupyter_modama.store.machine.time.time", lambda: now() + apart)
    [finding] = look(machine.check_clock)
    assert finding.severity is severity
    assert ("60 s apart" in finding.found) == bool(apart)


def test_clock_that_nobody_keeps_right_is_noticed(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the kernel's word; and one that begins in 1970 anew is a failure, whatever the kernel says."""
    monkeypatch.setattr(machine, "_unsynchronised", lambda: True)
    [finding] = look(machine.check_clock)
    assert (finding.severity, "chrony" in finding.next_step) == (Severity.NOTE, True)
    monkeypatch.setattr("jupyter_modama.store.machine.time.time", lambda: 86400.0)
    monkeypatch.setattr("jupyter_modama.store.machine.probe", lambda root_fd: nullcontext(None))
    [finding] = look(machine.check_clock)
    assert (finding.severity, "1970" in finding.found) == (Severity.FAILURE, True)


@pytest.mark.parametrize(
    ("facts", "severity", "says"),
    [
        ({}, Severity.OK, "500.0 of 1,000.0 GiB are free"),
        ({"f_bavail": 9 << 18}, Severity.WARNING, "9.0 of 1,000.0 GiB"),
        ({"f_blocks": 1 << 30, "f_bavail": 70 << 18}, Severity.WARNING, "70.0 of 4,096.0 GiB"),
        ({"f_bavail": 0}, Severity.FAILURE, "the disk is full"),
        ({"f_favail": 100}, Severity.WARNING, "only 100 more files fit"),
        ({"f_favail": 0}, Severity.FAILURE, "only 0 more files fit"),
        ({"f_blocks": 0}, Severity.NOTE, "does not say how much is free"),
    ],
)
def test_little_room_is_told_before_it_is_gone(
    look: Look, monkeypatch: pytest.MonkeyPatch, facts: dict[str, int], severity: Severity, says: str
) -> None:
    """In bytes and in files, as numbers and as a part of the disk."""
    whole = {"f_frsize": 4096, "f_blocks": 1000 << 18, "f_bavail": 500 << 18, "f_files": 1 << 20, "f_favail": 1 << 19}
    monkeypatch.setattr("jupyter_modama.store.doctor.os.fstatvfs", lambda fd: SimpleNamespace(**{**whole, **facts}))
    found = look(doctor.check_space)
    assert worst(found) is severity
    assert any(says in finding.found for finding in found)


# Kernel and keeper ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "severity"),
    [
        ("protected_regular", 2, Severity.FAILURE),
        ("protected_regular", 1, Severity.OK),
        ("protected_hardlinks", 0, Severity.WARNING),
        ("protected_symlinks", 0, Severity.WARNING),
        ("protected_fifos", 0, Severity.WARNING),
        ("protected_fifos", 2, Severity.OK),
    ],
)
def test_each_kernel_setting(look: Look, tmp_path: Path, setting: str, value: int, severity: Severity) -> None:
    """The one that breaks shared writing is a failure; the others protect people from each other."""
    for name in ("protected_regular", "protected_hardlinks", "protected_symlinks", "protected_fifos"):
        (tmp_path / name).write_text(f"{value if name == setting else 1}\n")
    [finding] = look(machine.check_settings, tmp_path)
    assert finding.severity is severity
    assert severity is Severity.OK or finding.next_step.startswith(f"sysctl fs.{setting}=1")


def test_keeper_is_asked_for_where_the_tree_is_managed(look: Look, tmp_path: Path) -> None:
    """Missing, gone, there: in a tree of one's own nobody asks."""
    path = tmp_path / "keeper.sock"
    assert look(machine.check_keeper, path) == []
    managed = {"managed_by": "https://hub.example.org"}
    [finding] = look(machine.check_keeper, path, **managed)
    assert (finding.severity, "systemctl start" in finding.next_step) == (Severity.WARNING, True)
    keeper = socket.socket(socket.AF_UNIX)
    keeper.bind(str(path))
    keeper.listen()
    [finding] = look(machine.check_keeper, path, **managed)
    assert finding.severity is Severity.OK
    keeper.close()
    [finding] = look(machine.check_keeper, path, **managed)
    assert finding.severity is Severity.FAILURE


# Samba ---------------------------------------------------------------------------------------------------------------


def config(root: Path, tmp_path: Path, change: Callable[[str], str] = str) -> Path:
    """The example, for a tree, with a change."""
    text = samba.EXAMPLE.read_text("utf-8").replace("/storage/er-c-data", str(root))
    file = tmp_path / "smb.conf"
    file.write_text(change(text))
    return file


def test_example_is_what_the_doctor_compares_with() -> None:
    """Each setting of the recipe stands in the example, with the same value."""
    share = rules.sections(samba.EXAMPLE.read_text("utf-8"))["er-c-data"]
    assert {key: share.get(key) for key in rules.RECIPE} == {key: wanted for key, (wanted, _) in rules.RECIPE.items()}


@HAS_TESTPARM
def test_example_is_found_right(root: Path, tmp_path: Path, look: Look) -> None:
    """Through testparm, which fills in what Samba itself takes."""
    [finding] = look(rules.check_samba, config(root, tmp_path))
    assert (finding.severity, finding.found) == (Severity.OK, "the share er-c-data is as it should be")


@HAS_TESTPARM
@pytest.mark.parametrize(
    ("line", "instead", "severity"),
    [
        ("create mask = 0660", "create mask = 0744", Severity.FAILURE),
        ("force create mode = 0660", "", Severity.FAILURE),
        ("directory mask = 3770", "directory mask = 3777", Severity.FAILURE),
        ("force directory mode = 3770", "", Severity.FAILURE),
        ("inherit acls = no", "inherit acls = yes", Severity.FAILURE),
        ("inherit permissions = no", "inherit permissions = yes", Severity.WARNING),
        ("inherit owner = no", "inherit owner = unix only", Severity.WARNING),
        ("nt acl support = no", "", Severity.WARNING),
        ("map archive = no", "", Severity.WARNING),
        ("follow symlinks = no", "", Severity.WARNING),
        ("veto files = /.modama/", "", Severity.NOTE),
    ],
)
def test_each_other_value_is_found(
    root: Path, tmp_path: Path, look: Look, line: str, instead: str, severity: Severity
) -> None:
    """Also where the line is left out and Samba's own value counts; what comes of it, and what to write, is said."""

    def change(text: str) -> str:
        assert f"   {line}\n" in text
        return text.replace(f"   {line}\n", f"   {instead}\n")

    [finding] = look(rules.check_samba, config(root, tmp_path, change))
    assert finding.severity is severity
    assert line.split(" =")[0] in finding.next_step
    assert "er-c-data" in finding.found


@HAS_TESTPARM
def test_value_of_all_shares_counts_where_a_share_has_none(root: Path, tmp_path: Path, look: Look) -> None:
    """A line in [global] is what the share has."""
    line = "   force create mode = 0660\n"

    def change(text: str) -> str:
        return text.replace(line, "").replace("[global]\n", f"[global]\n{line}")

    assert [f.severity for f in look(rules.check_samba, config(root, tmp_path, change))] == [Severity.OK]


@HAS_TESTPARM
def test_other_shares_do_not_matter(root: Path, tmp_path: Path, look: Look) -> None:
    """One that leads elsewhere, and one that nothing can arrive by; one further down in the tree does."""
    more = f"[elsewhere]\npath = /srv\nread only = no\n[look]\npath = {root}\nread only = yes\nveto files = /.modama/\n"
    found = look(rules.check_samba, config(root, tmp_path, lambda text: text + more))
    assert worst(found) is Severity.OK
    below = f"[below]\npath = {make(root, 'adhoc')}\nread only = no\n"
    assert worst(look(rules.check_samba, config(root, tmp_path, lambda text: text + below))) is Severity.FAILURE


@HAS_TESTPARM
def test_configuration_that_samba_refuses_is_told(root: Path, tmp_path: Path, look: Look) -> None:
    """And where there is none of this tree, only who has a share is told."""
    missing = tmp_path / "no-such-file"
    [finding] = look(rules.check_samba, missing)
    assert finding.severity is Severity.WARNING
    other = config(tmp_path / "elsewhere", tmp_path)
    assert look(rules.check_samba, other) == []
    [finding] = look(rules.check_samba, other, services={"smb": {"host": "x"}})
    assert "no share" in finding.found


def test_machine_without_samba_is_told_where_to_look(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the site has a share at all."""
    monkeypatch.setenv("PATH", "/nonexistent")
    assert look(rules.check_samba) == []
    [finding] = look(rules.check_samba, services={"smb": {"host": "x"}})
    assert "where smbd runs" in finding.next_step


def test_every_finding_that_is_wrong_has_a_next_step(root: Path, look: Look) -> None:
    """For all rows of a tree, whatever this machine is like."""
    make(root, "adhoc/p", 0o777)
    fd = os.open(root, os.O_RDONLY)
    try:
        rows = doctor.checks(fd, Site(root=str(root), account="no-such-account", managed_by="https://x.example.org"))
        found = [finding for _, check in rows for finding in check()]
    finally:
        os.close(fd)
    bad = [finding for finding in found if finding.severity in {Severity.WARNING, Severity.FAILURE}]
    assert {finding.check for finding in bad} >= {"people", "keeper", "levels"} - (
        {"levels"} if os.geteuid() else set()
    )
    assert all(finding.next_step for finding in bad)
    trees.clear(root)
