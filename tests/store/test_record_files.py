"""Records: written whole or not at all, and believed only where nobody else could have written them."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import DiskFull, NotAllowed, RecordCorrupt
from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import records
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person

P = TreePath("adhoc/p")
S = TreePath("adhoc/p/s")
ALICE, BOB = 4711, 4712
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


@pytest.fixture
def project(root: Path) -> Path:
    (root / "adhoc/p/s/raw").mkdir(parents=True)
    return root / "adhoc/p"


@pytest.mark.parametrize("step", ["write", "fsync", "rename", "fchmod"])
def test_write_that_fails_leaves_the_old_record(store: DiskStore, project: Path, monkeypatch: Any, step: str) -> None:
    """At whichever step: no half record, no temporary file."""
    store.write_record(P, "project", {"title": "old"})

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(records.os, step, full)
    with pytest.raises(DiskFull, match="writing the record project of"):
        store.write_record(P, "project", {"title": "new"})
    monkeypatch.undo()
    assert store.read_record(P, "project") == {"title": "old"}
    assert os.listdir(project / ".modama") == ["project.json"]


def test_short_writes_are_finished(store: DiskStore, project: Path, monkeypatch: Any) -> None:
    plain = os.write
    monkeypatch.setattr(records.os, "write", lambda fd, view: plain(fd, view[:7]))
    store.write_record(P, "project", {"title": "x" * 100})
    assert store.read_record(P, "project") == {"title": "x" * 100}


def test_readers_see_old_or_new_and_nothing_between(store: DiskStore, project: Path) -> None:
    """While it is written again and again."""
    store.write_record(P, "project", {"n": 0, "text": ""})
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.write_record(P, "project", {"n": number, "text": "x" * (number * 997 % 50_000)})

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(300):
            found = store.read_record(P, "project")
            assert found is not None
            assert len(found["text"]) == found["n"] * 997 % 50_000
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_record_that_others_can_write_is_not_believed(store: DiskStore, project: Path, mode: int) -> None:
    """The file as well as its folder."""
    store.write_record(P, "project", {"title": "T"})
    for path in (project / ".modama/project.json", project / ".modama"):
        before = path.stat().st_mode & 0o7777
        path.chmod(before | mode)
        assert store.read_record(P, "project") is None
        path.chmod(before)
        assert store.read_record(P, "project") == {"title": "T"}


def test_default_acl_does_not_open_our_records(store: DiskStore, project: Path) -> None:
    """What members may write by inheritance ends at .modama."""
    done = subprocess.run(["setfacl", "-d", "-m", "u:4711:rwx,m::rwx", str(project)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("no ACLs here")
    store.write_record(P, "project", {"title": "T"})
    assert (project / ".modama").stat().st_mode & 0o777 == 0o755
    assert (project / ".modama/project.json").stat().st_mode & 0o777 == 0o644
    assert store.read_record(P, "project") == {"title": "T"}


@pytest.mark.root
@needs_root
def test_forged_record_is_not_believed(store: DiskStore, project: Path) -> None:
    """A record, or the folder of records, of somebody who made neither project nor session."""
    os.chown(project, ALICE, ALICE)
    os.chown(project / "s", ALICE, ALICE)
    for folder, name in ((P, "project"), (S, "session")):
        box = project.parent.parent / folder / ".modama"
        box.mkdir()
        record = box / f"{name}.json"
        record.write_text('{"title": "forged"}')
        for file, folder_owner, believed in (
            (BOB, ALICE, False),
            (ALICE, BOB, False),
            (ALICE, ALICE, True),
            (0, 0, True),
        ):
            os.chown(record, file, file)
            os.chown(box, folder_owner, folder_owner)
            assert (store.read_record(folder, name) is not None) is believed, (folder, file, folder_owner)
        os.chown(box, BOB, BOB)
        with pytest.raises(NotAllowed, match="could forge records"):
            store.write_record(folder, name, {})


@pytest.mark.root
@needs_root
def test_managed_tree_believes_the_system_only(root: Path, project: Path) -> None:
    os.chown(project, ALICE, ALICE)
    store = DiskStore(Site(root=str(root), managed_by="https://hub.example.org"))
    (project / ".modama").mkdir()
    (project / ".modama/project.json").write_text('{"title": "T"}')
    assert store.read_record(P, "project") == {"title": "T"}
    os.chown(project / ".modama/project.json", ALICE, ALICE)
    assert store.read_record(P, "project") is None
    store.close()


@pytest.mark.root
@needs_root
def test_member_creates_and_describes_an_own_session(root: Path, project: Path, tmp_path: Path) -> None:
    """In somebody else's project; who owns the project sees what the member wrote, others cannot forge it."""
    trees.readable_by_all(tmp_path)
    for folder in (
        root,
        root / "adhoc",
    ):
        folder.chmod(0o755)
    os.chown(project, ALICE, ALICE)
    project.chmod(0o1777)

    def does(operation: str, **wanted: Any) -> Any:
        store = DiskStore(Site(root=str(root)), state=tmp_path / f"state-{os.getuid()}", cache=tmp_path / "none")
        row = OPERATIONS[operation]
        try:
            return perform(row, row.wanted(**wanted), actor=Actor(store.me(), Via.CLI), store=store)
        finally:
            store.close()

    for uid in (ALICE, BOB):
        (tmp_path / f"state-{uid}").mkdir()
        os.chown(tmp_path / f"state-{uid}", uid, uid)
    made = as_person(BOB, lambda: does("session.create", project="adhoc/p", name="bobs", title="By Bob"))
    assert made.title == "By Bob"
    assert as_person(ALICE, lambda: does("session.show", project="adhoc/p", session="bobs")).title == "By Bob"
    (project / "bobs/.modama/session.json").chmod(0o666)
    assert as_person(ALICE, lambda: does("session.show", project="adhoc/p", session="bobs")).title == ""
    (project / "bobs/.modama/session.json").chmod(0o644)
    as_person(BOB, lambda: does("session.remove", project="adhoc/p", session="bobs"))
    assert sorted(os.listdir(project)) == ["s"]


@pytest.mark.root
@needs_root
def test_closed_records_do_not_close_a_project(root: Path, project: Path, tmp_path: Path) -> None:
    """Who may not look at the records sees the project without them."""
    trees.readable_by_all(tmp_path)
    root.chmod(0o755)
    box = project / ".modama"
    box.mkdir()
    (box / "project.json").write_text('{"title": "T"}')

    def read() -> Any:
        return DiskStore(Site(root=str(root)), state=tmp_path, cache=tmp_path).read_record(P, "project")

    assert as_person(BOB, read) == {"title": "T"}
    for mode, file_mode in ((0o700, 0o644), (0o755, 0o600)):
        box.chmod(mode)
        (box / "project.json").chmod(file_mode)
        assert as_person(BOB, read) is None
    box.chmod(0o711)
    (box / "project.json").chmod(0o644)
    assert as_person(BOB, read) == {"title": "T"}


def test_large_record_is_damaged_and_not_read_to_its_end(store: DiskStore, project: Path) -> None:
    (project / ".modama").mkdir()
    with (project / ".modama/project.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RecordCorrupt):
        store.read_record(P, "project")
