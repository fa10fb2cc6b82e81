"""What projects hold: followed without a walk, found again after whatever was missed, never in the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.totals import recorded_totals
from jupyter_modama.store import totals
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.totals import Following, Pace

P = TreePath("adhoc/p")
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened is looked at without waiting for more."""
    monkeypatch.setattr(totals, "SETTLED_S", 0.0)
    monkeypatch.setattr(totals, "TOLD_EVERY_S", 0.0)
    monkeypatch.setattr(totals, "FACTOR", 0.0)


@pytest.fixture
def project(root: Path) -> Path:
    """Two files of 3 and 5 bytes, in two of three folders, and our records."""
    folder = root / P
    (folder / "s/raw/deep").mkdir(parents=True)
    (folder / ".modama").mkdir()
    (folder / ".modama/project.json").write_text("{}")
    (folder / "s/raw/a").write_bytes(b"123")
    (folder / "s/raw/deep/b").write_bytes(b"12345")
    return folder


@pytest.fixture
def following(store: DiskStore, tmp_path: Path) -> Iterator[Following]:
    made = Following(store, tmp_path / "totals.sqlite")
    yield made
    made.close()


def done(following: Following) -> None:
    """Let it do all that there is to do."""
    while following.turn():
        pass
    following.turn()


def told(store: DiskStore, project: TreePath = P) -> tuple[int, int, int] | None:
    found = recorded_totals(store.read_record(project, "totals") or {})
    return found and (found.files, found.bytes, found.folders)


def looked(monkeypatch: pytest.MonkeyPatch) -> list[TreePath]:
    """The folders that are looked at from now on."""
    seen: list[TreePath] = []
    real = Following._counted

    def counted(self: Following, fd: int, folder: TreePath) -> tuple[int, int, dict[str, int]]:
        seen.append(folder)
        return real(self, fd, folder)

    monkeypatch.setattr(Following, "_counted", counted)
    return seen


def test_projects_are_counted_at_the_start(store: DiskStore, project: Path, following: Following) -> None:
    """And it is told in a record; our own records are nobody's data."""
    done(following)
    assert told(store) == following.total(P) == (2, 8, 3)


def test_one_folder_is_looked_at_for_a_new_file(
    store: DiskStore, project: Path, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the tree; a file that grows, and one that goes, count as well."""
    done(following)
    seen = looked(monkeypatch)
    (project / "s/raw/deep/c").write_bytes(b"1")
    (project / "s/raw/deep/b").write_bytes(b"1234567")
    following.heard([P / "s/raw/deep"])
    done(following)
    assert seen == [P / "s/raw/deep"]
    assert told(store) == (3, 11, 3)
    (project / "s/raw/deep/b").unlink()
    following.heard([P / "s/raw/deep"])
    done(following)
    assert told(store) == (2, 4, 3)


def test_folders_that_come_go_and_move_are_followed(store: DiskStore, project: Path, following: Following) -> None:
    """With all that is in them, and from one project to another."""
    other = project.with_name("q")
    other.mkdir()
    (other / ".modama").mkdir()
    done(following)
    assert told(store, TreePath("adhoc/q")) == (0, 0, 0)
    (project / "s/raw/deep").rename(other / "moved")
    following.heard([P / "s/raw", TreePath("adhoc/q"), P / "s/raw/deep", TreePath("adhoc/q/moved")])
    done(following)
    assert told(store) == (1, 3, 2)
    assert told(store, TreePath("adhoc/q")) == (1, 5, 1)
    shutil.rmtree(project / "s")
    following.heard([P])
    done(following)
    assert told(store) == (0, 0, 0)


def test_a_folder_that_replaces_another_is_counted_anew(store: DiskStore, project: Path, following: Following) -> None:
    """Also where only the folder above was heard of, and where the new one has the old one's inode."""
    done(following)
    (project / "s/raw/deep").rename(project / "s/aside")
    (project / "s/raw/deep").mkdir()
    following.heard([P / "s", P / "s/raw"])
    done(following)
    assert told(store) == (2, 8, 4)
    shutil.rmtree(project / "s/aside")
    (project / "s/aside").mkdir()  # mostly with the inode that has just become free
    following.heard([P / "s", P / "s/aside"])
    done(following)
    assert told(store) == (1, 3, 4)


def test_projects_that_come_move_and_go(store: DiskStore, project: Path, following: Following) -> None:
    done(following)
    project.rename(project.with_name("renamed"))
    following.heard([P, TreePath("adhoc/renamed")])
    done(following)
    assert following.total(P) is None
    assert told(store, TreePath("adhoc/renamed")) == (2, 8, 3)


def test_what_nobody_told_of_is_found_when_it_is_counted_anew(
    store: DiskStore, project: Path, following: Following, tmp_path: Path
) -> None:
    """After the kernel had too much to tell, and after the start of a new process."""
    done(following)
    (project / "s/raw/deep/c").write_bytes(b"1")
    done(following)
    assert told(store) == (2, 8, 3)
    following.lost()
    done(following)
    assert told(store) == (3, 9, 3)
    shutil.rmtree(project / "s/raw/deep")
    following.close()
    again = Following(store, tmp_path / "totals.sqlite")
    done(again)
    assert told(store) == (1, 3, 2)
    again.close()


def test_too_many_folders_at_once_become_projects(
    store: DiskStore, project: Path, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of a storm of changes is bounded."""
    done(following)
    monkeypatch.setattr(totals, "MOST_HEARD", 1)
    (project / "s/raw/deep/c").write_bytes(b"1")
    following.heard([P / "s/raw"])
    following.heard([P / "s/raw/deep"])
    done(following)
    assert told(store) == (3, 9, 3)


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b"no database at all" * 100),
        lambda file: run(file, "DROP TABLE folder"),
        lambda file: run(file, "DROP TABLE project"),
        lambda file: run(file, "ALTER TABLE folder RENAME COLUMN files TO other"),
        lambda file: os.truncate(file, file.stat().st_size // 2),
    ],
    ids=["deleted", "overwritten", "no folders", "no projects", "another form", "half"],
)
@pytest.mark.parametrize("meanwhile", [True, False], ids=["while in use", "before the start"])
def test_the_index_can_be_lost_at_any_time(
    store: DiskStore, project: Path, tmp_path: Path, harm: Callable[[Path], None], meanwhile: bool
) -> None:
    """Deleted or damaged, while it is in use or not: it is made anew, and what was told stays until then."""
    file = tmp_path / "totals.sqlite"
    following = Following(store, file)
    done(following)
    if not meanwhile:
        following.close()
    harm(file)
    assert told(store) == (2, 8, 3)
    (project / "s/raw/c").write_bytes(b"1")
    if not meanwhile:
        following = Following(store, file)
    with at_work(following):
        following.heard([P / "s/raw"])
        assert soon(lambda: told(store) == (3, 9, 3))
    assert run(file, "SELECT files FROM project") == [(3,)]


def test_it_works_for_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three quarters of the time it rests, and not at all after next to nothing."""
    now = [100.0]
    monkeypatch.setattr(totals.time, "monotonic", lambda: now[0])

    class Waits(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            now[0] += timeout or 0.0
            return False

    pace = Pace(Waits())
    now[0] += 0.001
    assert pace.rest() == 0.0
    now[0] += 0.999
    assert pace.rest() == pytest.approx(3.0)
    now[0] += 10.0
    pace.begin()
    assert pace.rest() == 0.0


def test_a_large_folder_is_not_looked_at_all_the_time(
    store: DiskStore, project: Path, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What took a second is left alone for twenty, however often something happens in it."""
    done(following)
    monkeypatch.setattr(totals, "FACTOR", 1e6)
    seen = looked(monkeypatch)
    for _ in range(3):
        following.heard([P / "s/raw"])
        following.turn()
    assert seen == [P / "s/raw"]


def test_what_people_made_by_hand_stays_as_it_is(root: Path, tmp_path: Path) -> None:
    """No record is written into a folder of somebody's own that has none."""
    (root / P / "s/raw").mkdir(parents=True)
    (root / P / "s/raw/a").write_bytes(b"123")
    os.chown(root / P, 4711, -1) if os.geteuid() == 0 else None
    store = DiskStore(Site(root=str(root)))
    following = Following(store, tmp_path / "totals.sqlite")
    try:
        done(following)
        assert following.total(P) == (1, 3, 2)
        assert os.geteuid() != 0 or not (root / P / ".modama").exists()
    finally:
        following.close()
        store.close()


def test_names_that_are_no_text_are_counted(store: DiskStore, project: Path, following: Following) -> None:
    odd = os.path.join(os.fsencode(project), b"s/raw/\xff \n#&%'")
    os.mkdir(odd)
    with open(odd + b"/\xe4", "wb") as file:
        file.write(b"12")
    done(following)
    assert told(store) == (3, 10, 4)
    os.unlink(odd + b"/\xe4")
    following.heard([P / "s/raw" / os.fsdecode(b"\xff \n#&%'")])
    done(following)
    assert told(store) == (2, 8, 4)


@contextmanager
def at_work(following: Following) -> Iterator[None]:
    thread = threading.Thread(target=following.run)
    thread.start()
    try:
        yield
    finally:
        following.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def soon(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def run(file: Path, *statements: str) -> list[tuple[int]]:
    base = sqlite3.connect(file)
    found: list[tuple[int]] = []
    for statement in statements:
        found = base.execute(statement).fetchall()
    base.commit()
    base.close()
    return found
