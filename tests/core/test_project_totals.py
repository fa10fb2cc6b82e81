"""What a project is said to hold, and how much room it has: read, never walked for, where the tree is managed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.model import Site, Summary
from jupyter_modama.core.projects import ShowProject, show_project
from jupyter_modama.core.site_file import site_from
from jupyter_modama.core.totals import Totals, recorded_totals
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
P = "adhoc/p"


class Unwalked(DiskStore):
    """A store that may not be asked to count."""

    def summary(self, path: Any, patience_s: float) -> Summary:
        raise AssertionError(f"{path} is walked")


@pytest.fixture
def project(root: Path) -> Path:
    folder = root / P
    (folder / "s/raw").mkdir(parents=True)
    (folder / "s/raw/a").write_bytes(b"123")
    (folder / ".modama").mkdir(mode=0o755)
    return folder


def shown(root: Path, **more: Any) -> Any:
    """The project as a managed tree shows it."""
    store = Unwalked(Site(root=str(root), managed_by="https://data.example.org", **more))
    try:
        store.system_uids = frozenset({os.geteuid()})  # who makes records in this test
        return show_project(store, local_actor(store), ShowProject(P))
    finally:
        store.close()


def write(project: Path, record: Any) -> None:
    (project / ".modama/totals.json").write_text(json.dumps(record))


def test_managed_tree_is_not_walked(root: Path, project: Path) -> None:
    """What was counted is told with its age; nothing, where nobody has counted yet."""
    assert (shown(root).files, shown(root).counted_at) == (None, None)
    write(project, Totals(7, 4711, 3, AT).as_record())
    found = shown(root)
    assert (found.files, found.size_bytes, found.counted_at) == (7, 4711, AT)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"files": 7},
        {"files": "7", "bytes": 1, "folders": 1, "counted_at": AT.isoformat()},
        {"files": True, "bytes": 1, "folders": 1, "counted_at": AT.isoformat()},
        {"files": -7, "bytes": 1, "folders": 1, "counted_at": AT.isoformat()},
        {"files": 7, "bytes": 1, "folders": 1, "counted_at": "yesterday"},
        {"files": 7, "bytes": 1, "folders": 1, "counted_at": 12},
    ],
)
def test_a_record_without_sense_is_no_total(root: Path, project: Path, record: dict[str, Any]) -> None:
    assert recorded_totals(record) is None
    write(project, record)
    assert shown(root).files is None


def test_a_record_of_somebody_else_is_not_believed(root: Path, project: Path) -> None:
    """A member could have written it."""
    write(project, Totals(7, 4711, 3, AT).as_record())
    (project / ".modama/totals.json").chmod(0o666)
    assert shown(root).files is None


def test_embedded_mode_counts_by_itself(root: Path, project: Path, do: Any) -> None:
    assert (do("project.show", project=P).files, do("project.show", project=P).size_bytes) == (1, 3)


def test_last_backup_is_the_date_of_its_stamp(root: Path, project: Path, tmp_path: Path) -> None:
    """As the site file names it; nothing where it is missing, or where the site does not say."""
    stamp = tmp_path / "last backup"
    tables = {"site": {"root": str(root)}, "services": {"backup": {"stamp": str(stamp)}}}
    services = site_from(tables, "site.toml").services
    assert shown(root, services=services).backed_up is None
    stamp.touch()
    os.utime(stamp, (AT.timestamp(), AT.timestamp()))
    assert shown(root, services=services).backed_up == AT
    assert shown(root).backed_up is None


def test_room_is_what_the_file_system_says(root: Path, project: Path) -> None:
    found = shown(root)
    here = os.statvfs(project)
    assert 0 < found.free_bytes <= here.f_blocks * here.f_frsize
    assert (found.quota_bytes, found.quota_left_bytes) == (None, None)


@pytest.mark.parametrize(
    ("blocks", "file_system", "quota"), [(5120, 7, 20 << 20), (1 << 20, 7, None), (5120, 8, None)], ids=str
)
def test_folder_that_looks_like_a_smaller_disk_has_a_quota(
    root: Path, project: Path, monkeypatch: pytest.MonkeyPatch, blocks: int, file_system: int, quota: int | None
) -> None:
    """As xfs and ext4 answer for a folder with a project quota: the same disk, and smaller; another disk is none."""
    real = os.fstatvfs

    def answered(fd: int) -> os.statvfs_result:
        is_project = os.readlink(f"/proc/self/fd/{fd}") == str(project)
        of_disk = (blocks, file_system) if is_project else (1 << 20, 7)
        return os.statvfs_result((4096, 4096, of_disk[0], 100, 100, *real(fd)[5:10], of_disk[1]))

    monkeypatch.setattr(os, "fstatvfs", answered)
    assert shown(root).quota_bytes == quota


@pytest.fixture(params=["xfs", "ext4"])
def with_quota(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A tree whose project may hold 20 MiB."""
    with trees.reachable_folder() as folder:
        image, place = folder / "image", folder / "mnt"
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(400 << 20)
        kind: str = request.param
        options = ["-q", "-f"] if kind == "xfs" else ["-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota"]
        subprocess.run([f"mkfs.{kind}", *options, image], check=True, capture_output=True)
        if subprocess.run(["mount", "-o", "loop,prjquota", image, place], check=False, capture_output=True).returncode:
            pytest.skip(f"this kernel keeps no project quotas of {kind}")
        try:
            (place / P / "s/raw").mkdir(parents=True)
            (place / P / ".modama").mkdir()
            _limit(kind, place, place / P)
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def _limit(kind: str, place: Path, project: Path) -> None:
    if kind == "xfs":
        for line in (f"project -s -p {project} 42", "limit -p bhard=20m 42"):
            subprocess.run(["xfs_quota", "-x", "-c", line, place], check=True, capture_output=True)
        return
    if shutil.which("setquota") is None:
        pytest.skip("setquota is not installed (Debian package quota)")
    subprocess.run(["chattr", "+P", "-p", "42", project], check=True)
    blocks = str(20 << 10)
    subprocess.run(["setquota", "-P", "42", blocks, blocks, "0", "0", place], check=True, capture_output=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system")
def test_project_quota_is_told_and_bounds_the_room(with_quota: Path) -> None:
    """Of xfs and ext4, to people too, who may not ask for the quota itself."""
    found = shown(with_quota)
    assert found.quota_bytes == 20 << 20
    assert found.free_bytes <= 20 << 20
    (with_quota / P / "s/raw/large").write_bytes(b"x" * (5 << 20))
    os.sync()
    assert shown(with_quota).free_bytes <= 15 << 20
