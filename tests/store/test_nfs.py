"""A real NFS server: a seal refuses every change that comes by it, and a private project stays closed.

Debian's nfs-ganesha 4.3 judges by mode bits and does not know the names in POSIX access lists: through it not even the
members of a private project come in. So these sessions are open to everybody by their modes. The kernel's own server
does know them, and cannot be started here.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_watching import gate_of, make_project

from jupyter_modama.core.model import SessionState, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import ganesha, trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.ganesha import Nfs

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts and to serve files"),
    pytest.mark.skipif(bool(ganesha.missing()), reason=ganesha.missing()),
]
SESSION = TreePath("adhoc/p/s")
RAW = "/adhoc/p/s/raw"
REFUSED = {errno.EPERM, errno.EACCES}


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with trees.reachable_folder() as folder, trees.mounted(folder, "ext4", 64) as place:
        yield place


@pytest.fixture(scope="module")
def port(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    (disk / "tree").mkdir()
    with ganesha.ganesha(disk / "tree", tmp_path_factory.mktemp("nfs")) as running:
        yield running


@pytest.fixture
def store(disk: Path, port: int) -> Iterator[DiskStore]:
    opened = DiskStore(Site(root=str(disk / "tree")))
    yield opened
    opened.close()


@pytest.fixture
def session(disk: Path, store: DiskStore) -> Iterator[Path]:
    """A session of the system's in which everybody may write, as the modes say."""
    folder = disk / "tree/adhoc/p/s"
    (folder / "raw").mkdir(parents=True)
    for each in (folder, folder / "raw"):
        each.chmod(0o1777)
    yield folder
    trees.clear(disk)
    subprocess.run(["rm", "-rf", disk / "tree/adhoc"], check=True)


def refused(change: Callable[[], object]) -> bool:
    try:
        change()
    except OSError as error:
        return error.errno in REFUSED
    return False


def test_people_work_through_nfs_before_the_seal(port: int, session: Path, people: Accounts) -> None:
    """What is refused later works now: files are who made them's, and the sticky bit holds."""
    with Nfs(port, people.alice) as alice, Nfs(port, people.bob) as bob:
        alice.make(f"{RAW}/one", b"first ", 0o666)
        alice.mkdir(f"{RAW}/hers")
        bob.append(f"{RAW}/one", b"second")
        assert alice.read(f"{RAW}/one") == b"first second"
        assert refused(lambda: bob.unlink(f"{RAW}/one"))
        assert refused(lambda: bob.rename(f"{RAW}/one", f"{RAW}/uno"))
        assert refused(lambda: bob.rename("/adhoc/p/s", "/adhoc/p/t"))
        assert (session / "raw/one").stat().st_uid == people.alice.uid
        alice.overwrite(f"{RAW}/one", b"x")
        alice.truncate(f"{RAW}/one", 0)
        alice.chmod(f"{RAW}/one", 0o600)
        alice.link(f"{RAW}/one", f"{RAW}/two")
        alice.symlink("one", f"{RAW}/sym")
        alice.rename(f"{RAW}/one", f"{RAW}/uno")
        alice.unlink(f"{RAW}/uno")
        alice.rmdir(f"{RAW}/hers")
    assert sorted(os.listdir(session / "raw")) == ["sym", "two"]


def test_private_project_stays_closed(port: int, disk: Path, session: Path, people: Accounts) -> None:
    """Nobody comes in by this way who does not on the server."""
    project = make_project(disk / "tree", "private", gate_of(people))
    (project / "file").write_text("theirs")
    with Nfs(port, people.carol) as carol:
        assert refused(lambda: carol.read("/adhoc/private/file"))
        assert refused(lambda: carol.make("/adhoc/private/x", b"x"))


def test_sealed_session_refuses_every_change_through_nfs(
    port: int, session: Path, store: DiskStore, people: Accounts
) -> None:
    """For the owner of the files, for a member, and for root of another machine; reading goes on."""
    people.alice.shell("mkdir a; printf image > a/one; chmod 777 a; chmod 666 a/one", cwd=session / "raw")
    row = OPERATIONS["session.seal"]
    trees.driven(perform(row, row.wanted(project="adhoc/p", session="s"), actor=local_actor(Via.CLI), store=store))
    assert read_state(store, SESSION)[0] is SessionState.SEALED
    before = (session / "raw/a/one").stat()
    root = Account("root", "root", 0, 0)
    for who in (people.alice, people.bob, root):
        with Nfs(port, who) as nfs:
            changes: dict[str, Callable[[], object]] = {
                "overwrite": lambda nfs=nfs: nfs.overwrite(f"{RAW}/a/one", b"IMAGE"),  # type: ignore[misc]
                "append": lambda nfs=nfs: nfs.append(f"{RAW}/a/one", b"more"),  # type: ignore[misc]
                "truncate": lambda nfs=nfs: nfs.truncate(f"{RAW}/a/one", 0),  # type: ignore[misc]
                "delete": lambda nfs=nfs: nfs.unlink(f"{RAW}/a/one"),  # type: ignore[misc]
                "rename": lambda nfs=nfs: nfs.rename(f"{RAW}/a/one", f"{RAW}/a/uno"),  # type: ignore[misc]
                "move away": lambda nfs=nfs: nfs.rename(f"{RAW}/a/one", "/adhoc/p/one"),  # type: ignore[misc]
                "create": lambda nfs=nfs: nfs.make(f"{RAW}/a/new", b"x"),  # type: ignore[misc]
                "make a folder": lambda nfs=nfs: nfs.mkdir(f"{RAW}/new"),  # type: ignore[misc]
                "remove a folder": lambda nfs=nfs: nfs.rmdir(f"{RAW}/a"),  # type: ignore[misc]
                "second name": lambda nfs=nfs: nfs.link(f"{RAW}/a/one", f"{RAW}/a/two"),  # type: ignore[misc]
                "second name outside": lambda nfs=nfs: nfs.link(f"{RAW}/a/one", "/adhoc/p/two"),  # type: ignore[misc]
                "symbolic link": lambda nfs=nfs: nfs.symlink("one", f"{RAW}/a/sym"),  # type: ignore[misc]
                "mode": lambda nfs=nfs: nfs.chmod(f"{RAW}/a/one", 0o777),  # type: ignore[misc]
                "raw away": lambda nfs=nfs: nfs.rename(RAW, "/adhoc/p/s/other"),  # type: ignore[misc]
            }
            for name, change in changes.items():
                assert refused(change), f"{who.name}: {name}"
            assert nfs.read(f"{RAW}/a/one") == b"image"
    for who in (people.alice, people.bob):
        with Nfs(port, who) as nfs:
            assert refused(lambda: nfs.rename("/adhoc/p/s", "/adhoc/p/t"))
            assert refused(lambda: nfs.rename("/adhoc/p", "/adhoc/q"))
    after = (session / "raw/a/one").stat()
    assert (after.st_ctime_ns, after.st_mode, after.st_nlink) == (before.st_ctime_ns, before.st_mode, 1)
    assert sorted(os.listdir(session / "raw/a")) == ["one"]
    assert trees.checked(session).returncode == 0
