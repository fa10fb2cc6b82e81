"""A disk that is full, on a small file system of its own: refused in words, nothing half-made, nothing lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import DiskFull
from jupyter_modama.core.model import Actor, JobState, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.runner import Runner
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system"),
    pytest.mark.skipif(not shutil.which("mkfs.ext4"), reason="mkfs.ext4 is not installed"),
]
P, S = "adhoc/p", "s"


class Disk:
    """A small ext4 with a tree on it; its state folder is elsewhere unless a test says so."""

    def __init__(self, place: Path, elsewhere: Path) -> None:
        self.root = place / "storage"
        self.root.mkdir()
        self.ballast = place / "ballast"
        self.ballast.mkdir()
        self.elsewhere = elsewhere
        self.store = self.opened(elsewhere)

    def opened(self, state: Path) -> DiskStore:
        return DiskStore(Site(root=str(self.root)), state=state / "state", cache=state / "cache")

    def does(self, operation: str, **wanted: Any) -> Any:
        row = OPERATIONS[operation]
        return perform(row, row.wanted(**wanted), actor=Actor(self.store.me(), Via.CLI), store=self.store)

    def fill_bytes(self) -> None:
        """Write until not one more byte fits."""
        fd = os.open(self.ballast / "bytes", os.O_WRONLY | os.O_CREAT)
        size = 1 << 20
        while size >= 1:
            try:
                os.write(fd, b"x" * size)
            except OSError:
                size //= 4
        os.fsync(fd)
        os.close(fd)

    def fill_inodes(self) -> None:
        """Make files until there is no inode for one more."""
        number = 0
        try:
            while True:
                os.mknod(self.ballast / f"inode-{number}")
                number += 1
        except OSError:
            assert os.statvfs(self.root).f_favail == 0

    def make_room(self) -> None:
        shutil.rmtree(self.ballast)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with trees.mounted(tmp_path, "ext4", 8) as place:
        made = Disk(place, elsewhere)
        yield made
        made.store.close()


def everything(root: Path) -> dict[str, bytes | None]:
    """All paths below a root with the contents of files; locks, which say nothing, left out."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if not path.name.startswith("session.lock")
    }


CHANGES = [
    ("project.create", {"name": "new", "title": "x" * 15_000}),
    ("project.create", {"name": "new", "area": "other"}),
    ("session.create", {"project": P, "name": "new"}),
    ("session.create", {"project": P, "name": "new", "description": "x" * 15_000}),
    ("project.update", {"project": P, "title": "x" * 15_000}),
    ("session.update", {"project": P, "session": S, "title": "x" * 15_000}),
    ("session.update", {"project": P, "session": "by hand", "title": "new"}),
]


@pytest.mark.parametrize("fill", [Disk.fill_bytes, Disk.fill_inodes], ids=["bytes", "inodes"])
@pytest.mark.parametrize(("operation", "wanted"), CHANGES)
def test_change_on_a_full_disk(
    disk: Disk, operation: str, wanted: dict[str, Any], fill: Callable[[Disk], None]
) -> None:
    """It is refused as such, the tree is as before, and the same works when there is room."""
    disk.does("project.create", name="p", title="T")
    disk.does("session.create", project=P, name=S, title="S")
    (disk.root / P / "by hand/raw").mkdir(parents=True)
    before = everything(disk.root)
    fill(disk)
    with pytest.raises(DiskFull) as refused:
        disk.does(operation, **wanted)
    assert refused.value.status == 507
    assert "No space left" in str(refused.value)
    assert str(disk.root) not in str(refused.value)
    assert everything(disk.root) == before
    assert disk.does("session.show", project=P, session=S).title == "S"
    disk.make_room()
    disk.does(operation, **wanted)


@pytest.mark.parametrize("fill", [Disk.fill_bytes, Disk.fill_inodes], ids=["bytes", "inodes"])
def test_looking_and_removing_go_on(disk: Disk, fill: Callable[[Disk], None]) -> None:
    """A full disk hinders nobody from looking, and an empty session can be given up to make room."""
    disk.does("project.create", name="p")
    disk.does("session.create", project=P, name=S)
    (disk.root / P / S / "raw/a.dm4").write_bytes(b"123")
    disk.does("session.create", project=P, name="empty")
    fill(disk)
    assert disk.does("project.list").total == 1
    assert disk.does("session.show", project=P, session=S).files == 1
    assert disk.does("folder.list", path=f"{P}/{S}/raw").total == 1
    disk.does("session.remove", project=P, session="empty")
    assert not (disk.root / P / "empty").exists()
    assert disk.does("session.rename", project=P, session=S, name="t").name == "t"


@pytest.mark.parametrize("fill", [Disk.fill_bytes, Disk.fill_inodes], ids=["bytes", "inodes"])
def test_full_state_folder_refuses_before_anything_is_done(
    disk: Disk, fill: Callable[[Disk], None], tmp_path: Path
) -> None:
    """What cannot be written down in the audit is not done; a job neither."""
    tree = tmp_path / "tree"
    (tree / P / S / "raw").mkdir(parents=True)
    before = everything(tree)
    store = DiskStore(Site(root=str(tree)), state=disk.root / "state", cache=disk.root / "cache")
    actor = Actor(store.me(), Via.CLI)
    fill(disk)
    create, sort = OPERATIONS["project.create"], OPERATIONS["folder.sort"]
    with pytest.raises(DiskFull, match="audit of your account"):
        perform(create, create.wanted(name="q"), actor=actor, store=store)
    runner = Runner(store)
    with pytest.raises(DiskFull, match="writing down that this job begins"):
        runner.start(sort, sort.wanted(path=P), actor)
    assert everything(tree) == before
    assert store.summary(TreePath(P), 10).files == 0, "counts that cannot be remembered are right all the same"
    disk.make_room()
    assert perform(create, create.wanted(name="q"), actor=actor, store=store).name == "q"
    runner.close()
    store.close()


def test_state_folder_that_fills_up_does_not_stop_the_work(disk: Disk, tmp_path: Path) -> None:
    """A job that runs ends as it would have; only what is written down of it is not up to date."""
    tree = tmp_path / "tree"
    (tree / "adhoc").mkdir(parents=True)
    for number in range(12_000):
        os.mknod(tree / f"adhoc/{number}")
    store = DiskStore(Site(root=str(tree)), state=disk.root / "state", cache=disk.root / "cache")
    runner = Runner(store)
    told = []

    def fill(job: Any) -> None:
        if not told:
            disk.fill_bytes()
        told.append(job)

    sort = OPERATIONS["folder.sort"]
    page = runner.run(sort, sort.wanted(path="adhoc", sort="-size"), Actor(store.me(), Via.CLI), fill)
    assert page.total == 12_000
    assert told[-1].state is JobState.DONE
    runner.close()
    store.close()
