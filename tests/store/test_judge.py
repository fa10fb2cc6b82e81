"""What the kernel answers somebody else: asked by root, answered as if the person had asked."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_modama.core.errors import NotAllowed
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.judge import as_person, groups_of
from jupyter_modama.testing.accounts import Accounts, account, group

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to ask as somebody else")]
NOBODY_HAS = 61_234


@pytest.fixture
def closed(root: Path, people: Accounts) -> Path:
    """A folder of alice's, that nobody else enters, with a file in it."""
    folder = root / "closed"
    folder.mkdir(mode=0o700)
    (folder / "a").write_bytes(b"x")
    for path in (folder, folder / "a"):
        os.chown(path, people.alice.uid, people.alice.gid)
    return folder


def test_person_is_answered_as_the_kernel_would(closed: Path, people: Accounts) -> None:
    """With the person's own rights and none of root's."""
    file = closed / "a"
    assert as_person(people.alice.uid, file.read_bytes) == b"x"
    for uid in (people.bob.uid, NOBODY_HAS):
        with pytest.raises(PermissionError):
            as_person(uid, file.read_bytes)


def test_nothing_can_be_changed_as_nobody(closed: Path, people: Accounts) -> None:
    """A capability that stayed would let root's thread do all that the person may not."""
    file = closed / "a"
    closed.chmod(0o755)
    file.chmod(0o644)
    for change in (
        file.unlink,
        lambda: file.write_bytes(b"y"),
        lambda: file.chmod(0o777),
        lambda: os.chown(file, 0, 0),
    ):
        with pytest.raises(PermissionError):
            as_person(people.bob.uid, change)
    assert file.read_bytes() == b"x"


def test_this_process_stays_who_it_is(closed: Path, people: Accounts) -> None:
    """In its other threads, and in the one that asked."""
    before = (os.getresuid(), os.getgroups())
    as_person(people.alice.uid, lambda: (closed / "b").write_bytes(b""))
    assert (closed / "b").stat().st_uid == people.alice.uid
    (closed / "c").write_bytes(b"")
    assert (closed / "c").stat().st_uid == 0
    assert (os.getresuid(), os.getgroups()) == before
    assert threading.active_count() < 50


def test_further_groups_count(closed: Path) -> None:
    """As the directory knows them, also where they are new."""
    with account("dora") as dora, group("proposal", dora) as gid:
        os.chown(closed, -1, gid)
        closed.chmod(0o750)
        assert set(groups_of(dora.uid)[1]) == {dora.gid, gid}
        assert as_person(dora.uid, lambda: os.listdir(closed)) == ["a"]
    with pytest.raises(PermissionError):
        as_person(dora.uid, lambda: os.listdir(closed))


def test_roots_groups_are_nobodys(closed: Path, people: Accounts) -> None:
    os.chown(closed, -1, 0)
    closed.chmod(0o070)
    for uid in (people.bob.uid, NOBODY_HAS):
        with pytest.raises(PermissionError):
            as_person(uid, lambda: os.listdir(closed))


def test_many_at_once_do_not_mix(closed: Path, people: Accounts) -> None:
    def asked(number: int) -> bool:
        uid = (people.alice.uid, people.bob.uid)[number % 2]
        try:
            return as_person(uid, lambda: os.listdir(closed) == ["a"])
        except PermissionError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asked, range(400))) == [True, False] * 200


def test_store_answers_for_a_person(closed: Path, people: Accounts, root: Path) -> None:
    """Access at a path, along which each folder is asked about too."""
    (closed / "deep").mkdir(mode=0o777)
    store = DiskStore(Site(root=str(root)))
    try:
        mine = store.access(TreePath("closed/deep"), people.alice.uid)
        assert (mine.read, mine.write, mine.enter) == (True, False, True)
        with pytest.raises(NotAllowed):
            store.access(TreePath("closed/deep"), people.bob.uid)
        assert store.access(TreePath("closed/deep")).write
    finally:
        store.close()
