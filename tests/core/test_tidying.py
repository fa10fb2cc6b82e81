"""Entries are renamed and removed by those who made them, also where the folders are the system's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    ModamaError,
    NameRefused,
    NotAllowed,
    NotEmpty,
    NotFound,
)
from jupyter_modama.core.model import Area, EntryKind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.makers import MADE_BY
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.doing import Does, opened_store

P = "adhoc/p"
By = Callable[[Account], Does]
root_only = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]


# one person, one's own rights ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(do: Does, root: Path) -> Iterator[Path]:
    """A folder with entries in a project, beside a session."""
    do("project.create", name="p")
    do("session.create", project=P, name="s")
    made = root / P / "old"
    (made / "empty").mkdir(parents=True)
    (made / "full").mkdir()
    for name in ("a.dat", "ä #&%'.dat", "full/b.dat"):
        (made / name).write_bytes(b"x")
    with open(os.fsencode(made) + b"/\xff.dat", "wb"):
        pass
    (made / "link").symlink_to("a.dat")
    yield made
    trees.clear(root)


@pytest.mark.parametrize("name", ["a.dat", "ä #&%'.dat", "link", "empty", "\udcff.dat"])
def test_entry_is_removed(do: Does, folder: Path, name: str) -> None:
    """A file, a link and not what it leads to, an empty folder; by any name."""
    path = TreePath(f"{P}/old/{name}")
    before = set(os.listdir(folder))
    removed = do("entry.remove", path=path.shown, path_b64=path.b64)
    assert removed.path == path.shown
    assert before - set(os.listdir(folder)) == {name}
    with pytest.raises(NotFound):
        do("entry.remove", path=path.shown, path_b64=path.b64)


def test_folder_with_something_in_it_stays(do: Does, folder: Path) -> None:
    with pytest.raises(NotEmpty):
        do("entry.remove", path=f"{P}/old/full")
    assert (folder / "full/b.dat").exists()


@pytest.mark.parametrize("name", ["a.dat", "full", "link"])
def test_entry_gets_another_name(do: Does, folder: Path, name: str) -> None:
    """In its folder, as the same inode."""
    before = (folder / name).lstat().st_ino
    made = do("entry.rename", path=f"{P}/old/{name}", name="neu ü")
    assert made.path == f"{P}/old/neu ü"
    assert (folder / "neu ü").lstat().st_ino == before
    assert not os.path.lexists(folder / name)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("A.DAT", AlreadyExists),
        ("full", AlreadyExists),
        ("x/y", NameRefused),
        (".hidden", NameRefused),
        ("..", NameRefused),
        ("", NameRefused),
        ("CON", NameRefused),
        ("raw", Invalid),
    ],
)
def test_names_that_cannot_be(do: Does, folder: Path, name: str, error: type[ModamaError]) -> None:
    """Nor one that differs by its spelling only, nor one that makes a session of the folder."""
    before = sorted(os.listdir(folder))
    with pytest.raises(error):
        do("entry.rename", path=f"{P}/old/empty", name=name)
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize(
    "path", ["", "adhoc", P, f"{P}/s", f"{P}/s/raw", f"{P}/s/analysis", f"{P}/.modama", f"{P}/s/.modama/session.json"]
)
def test_what_holds_the_tree_together_stays(do: Does, folder: Path, path: str) -> None:
    for operation, more in (("entry.remove", {}), ("entry.rename", {"name": "other"})):
        with pytest.raises((Invalid, NotFound)):
            do(operation, path=path, **more)


def test_what_is_sealed_stays(do: Does, folder: Path) -> None:
    """In raw, by its path, and the folders above that."""
    (folder.parent / "s/raw/a.dat").write_bytes(b"a")
    do("session.seal", project=P, session="s")
    do("path.seal", path=f"{P}/old/full")
    paths = (f"{P}/s/raw/a.dat", f"{P}/old/full", f"{P}/old/full/b.dat", f"{P}/old")
    for path in paths:
        for operation, more in (("entry.remove", {}), ("entry.rename", {"name": "other"})):
            with pytest.raises((NotAllowed, Conflict), match="sealed"):
                do(operation, path=path, **more)
    assert sorted(os.listdir(folder.parent / "s/raw")) == ["a.dat"]


def test_what_was_replaced_meanwhile_stays(do: Does, folder: Path, store: DiskStore) -> None:
    """Another file came under the name since it was looked at."""
    seen = store.stat(TreePath(f"{P}/old/a.dat"))
    (folder / "new").write_bytes(b"important")
    (folder / "new").rename(folder / "a.dat")
    with pytest.raises(Conflict, match="replaced meanwhile"):
        store.remove(seen)
    assert (folder / "a.dat").read_bytes() == b"important"


# with people ---------------------------------------------------------------------------------------------------------


class TestWithPeople:
    pytestmark = root_only

    @pytest.fixture(params=["strict", "folder-owner"])
    def area(self, request: pytest.FixtureRequest) -> Area:
        return Area("adhoc", delete=request.param)

    @pytest.fixture
    def by(self, area: Area, root: Path, people: Accounts) -> Iterator[By]:
        """What the system does for people in an area with this rule, in a project of alice's with bob and carol."""
        root.chmod(0o755)
        alice, bob, carol = people
        with opened_store(root, area) as store:
            by = lambda who: Does(store, who.actor)  # noqa: E731
            by(alice)("project.create", name="p")
            by(alice)("project.set_members", project=P, add=(bob.login, f"{carol.login}:reader"))
            by(alice)("session.create", project=P, name="s")
            bob.shell("mkdir bobs bobs/empty; echo 1 > bobs/of-bob; echo 1 > bobs/more-of-bob", cwd=root / P)
            alice.shell("echo 1 > bobs/of-alice; mkdir bobs/alices", cwd=root / P)
            by(alice)("project.repair", project=P)
            yield by
        trees.clear(root)

    def test_who_made_a_folder_is_kept_in_mind(self, by: By, root: Path, people: Accounts, area: Area) -> None:
        """Though it is the system's now; and nobody can say otherwise."""
        folder = root / P / "bobs"
        is_strict = area.delete == "strict"
        assert folder.stat().st_uid == (0 if is_strict else people.bob.uid)
        by(people.bob)("entry.rename", path=f"{P}/bobs", name="mine")
        assert (root / P / "mine").is_dir()
        assert (root / P / "mine").stat().st_uid == (0 if is_strict else people.bob.uid)

    def test_people_remove_what_is_their_own(self, by: By, root: Path, people: Accounts) -> None:
        """And not what others made."""
        alice, bob, carol = people
        by(bob)("entry.remove", path=f"{P}/bobs/of-bob")
        by(bob)("entry.remove", path=f"{P}/bobs/empty")
        for who in (alice, carol):
            with pytest.raises(NotAllowed):
                by(who)("entry.remove", path=f"{P}/bobs/more-of-bob")
        by(alice)("entry.remove", path=f"{P}/bobs/of-alice")
        assert sorted(os.listdir(root / P / "bobs")) == ["alices", "more-of-bob"]

    def test_folder_of_somebody_gets_its_name_from_them(self, by: By, root: Path, people: Accounts) -> None:
        """Or from an owner of the project, who also removes it when it is empty; a member of it does neither."""
        alice, bob, carol = people
        for operation, more in (("entry.rename", {"name": "x"}), ("entry.remove", {})):
            with pytest.raises(NotAllowed, match=f"belongs to {alice.login}"):
                by(bob)(operation, path=f"{P}/bobs/alices", **more)
            with pytest.raises(NotAllowed):
                by(carol)(operation, path=f"{P}/bobs/alices", **more)
        assert by(bob)("entry.rename", path=f"{P}/bobs", name="mine").kind is EntryKind.FOLDER
        by(alice)("entry.rename", path=f"{P}/mine", name="ours")
        by(alice)("entry.remove", path=f"{P}/ours/empty")
        assert bob.makes(root / P / "ours/new")

    def test_rule_of_the_area_counts_for_files_of_others(
        self, by: By, root: Path, people: Accounts, area: Area
    ) -> None:
        """In a folder that one made: there one may remove them, unless the area is strict."""
        path = f"{P}/bobs/of-alice"
        if area.delete == "strict":
            with pytest.raises(NotAllowed, match=f"belongs to {people.alice.login}"):
                by(people.bob)("entry.remove", path=path)
        else:
            by(people.bob)("entry.remove", path=path)
        assert (root / path).exists() == (area.delete == "strict")

    def test_nobody_writes_down_another_maker(self, by: By, root: Path, people: Accounts, area: Area) -> None:
        """Members cannot write the attribute; what its owner wrote before is written over."""
        alice, bob, _ = people
        script = "import os, sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())"
        folder = root / P / "bobs"
        if area.delete == "strict":
            with pytest.raises(AssertionError, match="Operation not permitted"):
                alice.python(script, folder, MADE_BY, str(alice.uid))
        bob.shell("mkdir later", cwd=root / P)
        bob.python(script, root / P / "later", MADE_BY, str(alice.uid))
        by(alice)("project.repair", project=P)
        by(bob)("entry.rename", path=f"{P}/later", name="later-of-bob")
        assert (root / P / "later-of-bob").is_dir()

    def test_outsider_learns_nothing(self, by: By, root: Path, people: Accounts) -> None:
        by(people.alice)("project.set_members", project=P, remove=(people.carol.login,))
        for operation, more in (("entry.rename", {"name": "x"}), ("entry.remove", {})):
            for name in ("bobs/of-bob", "bobs/none"):
                with pytest.raises(NotFound):
                    by(people.carol)(operation, path=f"{P}/{name}", **more)
        assert (root / P / "bobs/of-bob").exists()


def test_what_was_removed_is_in_the_audit(do: Does, folder: Path) -> None:
    do("entry.remove", path=f"{P}/old/a.dat")
    do("entry.rename", path=f"{P}/old/full", name="other")
    assert {"entry.remove", "entry.rename"} <= {line.op for line in do("audit.list").items}
