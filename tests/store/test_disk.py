"""The store on the disk behaves as any store."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import ModamaError, NotAllowed, StorageError
from jupyter_modama.core.model import Actor, Role, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person
from jupyter_modama.testing.store_suite import StoreSuite


def put_into(root: Path) -> Callable[..., Path]:
    """Makes files below a root as any program does."""

    def put(path: str, text: bytes | None = b"") -> Path:
        file = root / path
        if text is None:
            file.mkdir(parents=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        return file

    return put


class TestDisk(StoreSuite):
    @pytest.fixture
    def put(self, root: Path) -> Callable[..., Path]:
        return put_into(root)


# With rights that the kernel judges ----------------------------------------------------------------------------------

ALICE, BOB = 4711, 4712
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


class Shared:
    """A tree that belongs to nobody here, with a project of alice's; state folders for her and for bob."""

    def __init__(self, root: Path, tmp_path: Path) -> None:
        self.root, self.tmp_path = root, tmp_path
        trees.readable_by_all(tmp_path)
        root.chmod(0o755)
        (root / "adhoc/p/s/raw").mkdir(parents=True)
        (root / "adhoc/p/s/raw/a.dm4").write_text("data")
        for path in (root / "adhoc/p", *(root / "adhoc/p").rglob("*")):
            os.chown(path, ALICE, ALICE)
        for uid in (ALICE, BOB):
            (tmp_path / str(uid)).mkdir()
            os.chown(tmp_path / str(uid), uid, uid)

    def does(self, uid: int, operation: str, **wanted: Any) -> Any:
        """The answer that a person gets, or the code and the words of the refusal."""

        def perform_it() -> Any:
            mine = self.tmp_path / str(os.getuid())
            store = DiskStore(Site(root=str(self.root)), state=mine, cache=mine)
            row = OPERATIONS[operation]
            try:
                return perform(row, row.wanted(**wanted), actor=Actor(store.me(), Via.CLI), store=store)
            except ModamaError as error:
                return error.code, str(error)
            finally:
                store.close()

        return as_person(uid, perform_it)


@pytest.fixture
def shared(root: Path, tmp_path: Path) -> Shared:
    return Shared(root, tmp_path)


@pytest.mark.root
@as_root
def test_closed_project_is_not_there_for_others(shared: Shared) -> None:
    """Neither in the list nor by its name, and a refusal is in the audit of who tried."""
    (shared.root / "adhoc/p").chmod(0o700)
    assert shared.does(BOB, "project.list").total == 0
    assert shared.does(ALICE, "project.list").total == 1
    wanted = {"project": "adhoc/p", "session": "s", "path": "adhoc/p/s/raw", "name": "new", "title": "T"}
    wanted |= {"to": "root", "visibility": "open", "email": "carla@example.org"}
    for name, row in OPERATIONS.items():
        fields = row.wanted.__dataclass_fields__  # type: ignore[attr-defined]
        if row.scope.value == "site" or row.least <= Role.SIGNED_IN or row.least >= Role.ADMINISTRATOR:
            continue
        asked = {key: value for key, value in wanted.items() if key in fields}
        code, words = shared.does(BOB, name, **asked)
        assert code == "not-found", name
        assert "that you can see" in words
    lines = [json.loads(line) for line in (shared.tmp_path / str(BOB) / "audit.jsonl").read_text().splitlines()]
    assert {line["outcome"] for line in lines if "outcome" in line} == {"refused"}


@pytest.mark.root
@as_root
def test_reader_looks_and_changes_nothing(shared: Shared) -> None:
    (shared.root / "adhoc/p").chmod(0o755)
    assert shared.does(BOB, "session.show", project="adhoc/p", session="s").role == "reader"
    page = shared.does(BOB, "folder.list", path="adhoc/p/s/raw")
    assert (page.writable, page.items[0].writable, bool(page.reason)) == (False, False, True)
    for operation, wanted in (
        ("session.create", {}),
        ("session.rename", {"session": "s", "name": "t"}),
        ("project.rename", {"name": "q"}),
        ("session.remove", {"session": "s"}),
        ("session.update", {"session": "s"}),
        ("project.update", {}),
    ):
        assert shared.does(BOB, operation, project="adhoc/p", **wanted)[0] == "not-allowed", operation
    assert sorted(os.listdir(shared.root / "adhoc/p")) == ["s"]


@pytest.mark.root
@as_root
def test_unreadable_folders_among_others(shared: Shared) -> None:
    """Are listed, counted around and explained; inside there is nothing to see."""
    raw = shared.root / "adhoc/p/s/raw"
    for name, mode in (("closed", 0o000), ("names only", 0o744), ("pass only", 0o711)):
        (raw / name).mkdir()
        (raw / name / "file").write_text("x")
        (raw / name).chmod(mode)
        os.chown(raw / name, ALICE, ALICE)
    assert [e.name for e in shared.does(BOB, "folder.list", path="adhoc/p/s/raw").items] == [
        "closed",
        "names only",
        "pass only",
        "a.dm4",
    ]
    assert shared.does(BOB, "folder.list", path="adhoc/p/s/raw/closed")[0] == "not-allowed"
    assert shared.does(BOB, "folder.list", path="adhoc/p/s/raw/pass only")[0] == "not-allowed"
    assert shared.does(BOB, "entry.show", path="adhoc/p/s/raw/pass only/file").entry.size_bytes == 1
    inside = shared.does(BOB, "folder.list", path="adhoc/p/s/raw/names only")
    assert [(e.name, e.problem) for e in inside.items] == [("file", "you may not look at it")]
    assert shared.does(BOB, "session.show", project="adhoc/p", session="s").files == 1
    code, words = shared.does(BOB, "entry.show", path="adhoc/p/s/raw/closed/file")
    assert code == "not-allowed"
    assert str(shared.root) not in words


@pytest.mark.root
@as_root
def test_session_whose_raw_is_closed_is_still_shown(shared: Shared) -> None:
    """Without the sizes that one may not look at."""
    (shared.root / "adhoc/p/s/raw").chmod(0o700)
    shown = shared.does(BOB, "session.show", project="adhoc/p", session="s")
    assert (shown.name, shown.summary) == ("s", None)
    assert [s.name for s in shared.does(BOB, "session.list", project="adhoc/p").items] == ["s"]


@pytest.mark.root
@as_root
def test_member_of_a_shared_project(shared: Shared) -> None:
    """Makes sessions of own; what others made cannot be renamed or removed where the project is sticky."""
    (shared.root / "adhoc/p").chmod(0o1777)
    made = shared.does(BOB, "session.create", project="adhoc/p", name="mine")
    assert (made.role, made.title) == ("member", "")
    for operation, more in (("session.rename", {"name": "t"}), ("session.remove", {})):
        assert shared.does(BOB, operation, project="adhoc/p", session="s", **more)[0] == "not-allowed"
    assert shared.does(BOB, "session.rename", project="adhoc/p", session="mine", name="new").name == "new"
    assert sorted(os.listdir(shared.root / "adhoc/p")) == ["new", "s"]


@pytest.mark.root
@as_root
def test_read_only_file_system(shared: Shared, tmp_path: Path) -> None:
    """Everything can be looked at; each change says why not, to root as well."""
    subprocess.run(["mount", "--bind", shared.root, shared.root], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", shared.root], check=True)
        assert shared.does(ALICE, "project.show", project="adhoc/p").files == 1
        code, words = shared.does(ALICE, "project.update", project="adhoc/p", title="T")
        assert (code, "read-only" in words) == ("not-allowed", True)
        store = DiskStore(Site(root=str(shared.root)), state=tmp_path / "0", cache=tmp_path / "0")
        for operation, wanted in (
            ("project.create", {"name": "q"}),
            ("session.create", {"project": "adhoc/p"}),
            ("session.rename", {"project": "adhoc/p", "session": "s", "name": "t"}),
        ):
            row = OPERATIONS[operation]
            with pytest.raises(NotAllowed, match="read-only"):
                perform(row, row.wanted(**wanted), actor=Actor(store.me(), Via.CLI), store=store)
        store.close()
    finally:
        subprocess.run(["umount", "-l", shared.root], check=True)


@pytest.mark.root
@as_root
def test_owners_are_those_that_the_system_wrote_down(shared: Shared) -> None:
    """In an attribute of the project's folder, honoured while that is the system's and sticky; else in its record."""
    project, path = shared.root / "adhoc/p", TreePath("adhoc/p")
    store = DiskStore(Site(root=str(shared.root)))
    os.setxattr(project, "user.modama.owners", f"{BOB}".encode())
    assert store.owner_uids(path) == ()
    os.chown(project, 0, 0)
    project.chmod(0o755)
    assert store.owner_uids(path) == ()
    project.chmod(0o1755)
    assert store.owner_uids(path) == (BOB,)
    assert shared.does(BOB, "project.show", project="adhoc/p").role == "owner"
    os.setxattr(project, "user.modama.owners", b"\xff")
    assert store.owner_uids(path) == ()
    os.removexattr(project, "user.modama.owners")
    for text, owners in (('{"owners": [4712, true, "x"]}', (BOB,)), ('{"owners": 5}', ()), ("{", ()), ("[]", ())):
        (project / ".modama").mkdir(exist_ok=True)
        (project / ".modama/project.json").write_text(text)
        assert store.owner_uids(path) == owners
    store.close()


def test_root_that_is_not_there_is_said(tmp_path: Path) -> None:
    for place in (tmp_path / "none", Path(__file__)):
        with pytest.raises(StorageError, match="opening the data tree"):
            DiskStore(Site(root=str(place)))


def test_nothing_stays_open(store: DiskStore, do: Any, root: Path) -> None:
    """After work and after refusals: descriptors are given back."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    (root / "adhoc/p/link").symlink_to("s")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        for operation, wanted in (
            ("project.list", {}),
            ("session.show", {"project": "adhoc/p", "session": "s"}),
            ("folder.list", {"path": "adhoc/p/s"}),
            ("folder.list", {"path": "adhoc/p/link"}),
            ("entry.show", {"path": "adhoc/p/s/notes.md/x"}),
            ("session.create", {"project": "adhoc/p", "name": "s"}),
            ("session.update", {"project": "adhoc/p", "session": "s", "title": "T"}),
            ("project.create", {"name": "p"}),
            ("session.rename", {"project": "adhoc/p", "session": "s", "name": "link"}),
            ("session.remove", {"project": "adhoc/p", "session": "none"}),
        ):
            with suppress(ModamaError):
                do(operation, **wanted)
    assert len(os.listdir("/proc/self/fd")) == before
