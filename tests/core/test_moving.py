"""Folders become sessions, and entries come into sessions: by renaming, with the rights of where they are then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import AlreadyExists, Conflict, Invalid, ModamaError, NotAllowed, NotFound
from jupyter_modama.core.model import SessionState
from jupyter_modama.store import changes
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts

P = "adhoc/p"
root_only = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]


@pytest.fixture
def folder(do: Any, root: Path) -> Path:
    """A folder with files in a project, beside a session."""
    do("project.create", name="p")
    do("session.create", project=P, name="s")
    made = root / P / "old"
    (made / "deep").mkdir(parents=True)
    (made / "a.dat").write_bytes(b"a")
    (made / "deep/b.dat").write_bytes(b"b")
    return made


def inodes(top: Path) -> dict[str, int]:
    return {str(path.relative_to(top)): path.stat().st_ino for path in top.rglob("*")}


# make a session ------------------------------------------------------------------------------------------------------


def test_folder_becomes_the_raw_of_a_session(do: Any, folder: Path) -> None:
    """Of its name; the folder itself is raw now, so nothing was copied."""
    before, itself = inodes(folder), folder.stat().st_ino
    made = do("session.make", project=P, session="old", title="Old times")
    assert (made.name, made.title, made.state) == ("old", "Old times", SessionState.WRITABLE)
    assert sorted(os.listdir(folder)) == [".modama", "analysis", "notes.md", "raw"]
    assert (inodes(folder / "raw"), (folder / "raw").stat().st_ino) == (before, itself)
    assert sorted(s.name for s in do("session.list", project=P).items) == ["old", "s"]


@pytest.mark.parametrize(
    ("name", "error"), [("s", AlreadyExists), ("none", NotFound), ("file", NotFound), (".modama", ModamaError)]
)
def test_what_cannot_become_a_session(do: Any, folder: Path, name: str, error: type[ModamaError]) -> None:
    (folder.parent / "file").write_bytes(b"")
    with pytest.raises(error):
        do("session.make", project=P, session=name)


@pytest.mark.parametrize("step", ["rename", "dress", "mend"])
def test_failure_on_the_way_loses_nothing(do: Any, folder: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever step: the content is found under the folder's name, also its empty folders."""
    (folder / "empty").mkdir()
    before = inodes(folder)

    def fails(*_: object, **__: object) -> Any:
        raise OSError(5, "Input/output error")

    target = {
        "rename": "jupyter_modama.store.disk.DiskStore.rename",
        "dress": "jupyter_modama.store.gates.DiskGates.read",
        "mend": "jupyter_modama.core.moving.mend_part",
    }[step]
    with monkeypatch.context() as broken:
        broken.setattr(target, fails)
        with pytest.raises((OSError, ModamaError)):
            do("session.make", project=P, session="old")
    found = folder / "raw" if (folder / "raw").exists() else folder
    assert inodes(found) == before
    if found != folder:
        assert do("session.make", project=P, session="old").name == "old"


def test_crash_on_the_way_is_cleared_up_by_the_next_one(
    do: Any, folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was left under a hidden name has its name again, and all that was in it."""
    before = inodes(folder)
    with monkeypatch.context() as broken:
        broken.setattr(changes, "discard", lambda *_: None)  # as if the process were gone
        broken.setattr("jupyter_modama.store.disk.DiskStore.rename", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            do("session.make", project=P, session="old")
    assert not folder.exists()
    (hidden,) = [path for path in (root / P).iterdir() if path.name.startswith(".modama-new-")]
    os.utime(hidden, (0, 0))
    do("session.create", project=P, name="next")
    assert inodes(folder / "raw") == before


def test_name_that_is_taken_meanwhile(do: Any, folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a program that is none of ours: the content gets another name beside it."""
    before, real = inodes(folder), changes.move

    def slow(*args: Any) -> None:
        real(*args)
        if args[3] == "raw":
            folder.mkdir()

    monkeypatch.setattr(changes, "move", slow)
    with pytest.raises(AlreadyExists):
        do("session.make", project=P, session="old")
    (other,) = (root / P).glob("old-*")
    assert inodes(other / "raw") == before


# move ----------------------------------------------------------------------------------------------------------------


def test_entries_move_into_raw(do: Any, folder: Path, root: Path) -> None:
    """Folders and files, from a folder or from another session; it is the same inode."""
    before = (folder / "deep").stat().st_ino
    moved = do("entry.move", path=f"{P}/old/deep", to=f"{P}/s/raw")
    assert (moved.path, moved.kind) == (f"{P}/s/raw/deep", "folder")
    assert (root / P / "s/raw/deep").stat().st_ino == before
    do("entry.move", path=f"{P}/s/raw/deep/b.dat", to=f"{P}/s/analysis")
    do("entry.move", path=f"{P}/old", to=f"{P}/s/raw")
    assert (root / P / "s/raw/old/a.dat").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("path", "to", "error"),
    [
        (f"{P}/old/none", f"{P}/s/raw", NotFound),
        (f"{P}/old/a.dat", f"{P}/s/none", Invalid),
        (f"{P}/old/a.dat", f"{P}/s/raw/x", AlreadyExists),
        (f"{P}/old/a.dat", "adhoc", Invalid),
        (f"{P}/old", f"{P}/old/deep", Invalid),
        (f"{P}/s", f"{P}/old", Invalid),
        (f"{P}/s/raw", f"{P}/old", Invalid),
        (f"{P}/s/analysis", f"{P}/old", Invalid),
        (P, f"{P}/old", Invalid),
        ("adhoc", f"{P}/old", Invalid),
        (f"{P}/.modama", f"{P}/old", Invalid),
        (f"{P}/s/.modama", f"{P}/old", Invalid),
    ],
)
def test_what_cannot_be_moved(do: Any, folder: Path, root: Path, path: str, to: str, error: type[ModamaError]) -> None:
    """What holds the tree together stays; nothing is replaced."""
    (root / P / "s/raw/x").mkdir()
    (root / P / "s/raw/x/a.dat").write_bytes(b"mine")
    before = {str(each) for each in root.rglob("*")}
    with pytest.raises(error):
        do("entry.move", path=path, to=to)
    assert {str(each) for each in root.rglob("*")} == before
    assert (root / P / "s/raw/x/a.dat").read_bytes() == b"mine"


def test_nothing_moves_into_or_out_of_a_seal(do: Any, folder: Path, root: Path) -> None:
    try:
        do("entry.move", path=f"{P}/old/a.dat", to=f"{P}/s/raw")
        do("session.seal", project=P, session="s")
        for path, to in ((f"{P}/old/deep", f"{P}/s/raw"), (f"{P}/s/raw/a.dat", f"{P}/old")):
            with pytest.raises(NotAllowed, match="is sealed"):
                do("entry.move", path=path, to=to)
    finally:
        trees.clear(root)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_another_file_system_is_not_copied_from(do: Any, folder: Path) -> None:
    """The sentence says what to do instead."""
    with trees.mounted(folder / "deep", "tmpfs", 8) as place:
        (place / "big.dat").write_bytes(b"x")
        with pytest.raises(Conflict, match=r"another file system.*would be copying.*rsync"):
            do("entry.move", path=f"{P}/old/deep/mnt-tmpfs/big.dat", to=f"{P}/s/raw")
        assert (place / "big.dat").exists()


class TestWithPeople:
    """The system moves for a person what this person could move."""

    pytestmark = root_only

    @pytest.fixture
    def shared(self, by: Any, people: Accounts, root: Path) -> Path:
        alice, bob, _ = people
        by(alice)("project.create", name="p")
        by(alice)("project.set_members", project=P, add=(bob.login,))
        by(alice)("session.create", project=P, name="s")
        alice.shell("mkdir hers; echo x > hers/a; chmod 600 hers/a; mkdir hers/d", cwd=root / P)
        bob.shell("mkdir his; echo x > his/b; chmod 600 his/b", cwd=root / P)
        return root / P

    def test_made_session_has_the_projects_rights(self, shared: Path, by: Any, people: Accounts) -> None:
        """Its folders are the system's, and members work in what was closed to them."""
        alice, bob, carol = people
        by(bob)("session.make", project=P, session="his")
        for path in (shared / "his", shared / "his/raw", shared / "his/analysis"):
            assert (path.stat().st_uid, oct(path.stat().st_mode)[-4:]) == (0, "3770")
        assert alice.appends(shared / "his/raw/b")
        assert not alice.removes(shared / "his/raw/b")
        assert alice.makes(shared / "his/raw/of-alice")
        assert not bob.can("mv", shared / "his/raw", shared / "his/x")
        assert not carol.reads(shared / "his")
        found = {row.code for row in by(alice)("project.check", project=P).found}
        assert found == {"masked", "not-sticky"}, "hers is as it was"

    def test_what_belongs_to_others_stays(self, shared: Path, by: Any, people: Accounts) -> None:
        """A member moves own things; an owner of the project those of all."""
        alice, bob, carol = people
        for wanted in ({"path": f"{P}/hers/a"}, {"path": f"{P}/hers"}):
            with pytest.raises(NotAllowed, match=r"belongs to alice.* an owner of the project can"):
                by(bob)("entry.move", to=f"{P}/s/raw", **wanted)
        with pytest.raises(NotAllowed, match="belongs to alice"):
            by(bob)("session.make", project=P, session="hers")
        with pytest.raises(NotFound):
            by(carol)("entry.move", path=f"{P}/hers/a", to=f"{P}/s/raw")
        by(alice)("entry.move", path=f"{P}/his", to=f"{P}/s/raw")
        assert (shared / "s/raw/his").stat().st_uid == bob.uid

    def test_moved_into_another_project_it_has_that_ones_rights(self, shared: Path, by: Any, people: Accounts) -> None:
        alice, bob, carol = people
        by(alice)("project.create", name="q")
        by(alice)("project.set_members", project="adhoc/q", add=(carol.login,))
        by(alice)("session.create", project="adhoc/q", name="t")
        for name in ("a", "d"):
            by(alice)("entry.move", path=f"{P}/hers/{name}", to="adhoc/q/t/raw")
        raw = shared.parent / "q/t/raw"
        assert carol.appends(raw / "a")
        assert carol.makes(raw / "d/x")
        assert not bob.reads(raw / "a")
        assert by(alice)("project.check", project="adhoc/q").found == ()
        with pytest.raises(NotFound):
            by(bob)("entry.move", path=f"{P}/his/b", to="adhoc/q/t/raw")
