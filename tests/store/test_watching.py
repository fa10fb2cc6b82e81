"""The watcher: people make folders on a file system of its own, and it mends them, or leaves them alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_modama.core.errors import StorageError
from jupyter_modama.core.gate import Gate, templates
from jupyter_modama.core.model import Area, Role, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl, flags
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.gates import write_gate
from jupyter_modama.store.watching import Watcher
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to watch a file system and to make accounts"),
]
PATIENCE_S = 30.0
AREA = Area("adhoc")


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    """An ext4 with a tree, and a folder beside the tree."""
    with trees.reachable_folder() as folder, trees.mounted(folder, "ext4", 256) as place:
        yield place


def gate_of(people: Accounts, **more: Role) -> Gate:
    uids = {people.alice.uid: Role.OWNER, people.bob.uid: Role.MEMBER}
    return Gate(uids | {getattr(people, name).uid: role for name, role in more.items()})


def make_project(root: Path, name: str, gate: Gate, area: Area = AREA) -> Path:
    """A project of the system's, with its gate."""
    folder = root / area.name / name
    folder.mkdir(parents=True)
    fd = os.open(folder, os.O_RDONLY)
    try:
        write_gate(fd, Gate(), gate, area)
    finally:
        os.close(fd)
    return folder


@pytest.fixture
def tree(disk: Path, people: Accounts) -> Iterator[Path]:
    """A tree with one project of Alice's, of which Bob is a member."""
    root = disk / "tree"
    make_project(root, "p", gate_of(people))
    yield root
    trees.clear(disk)
    subprocess.run(["rm", "-rf", root, disk / "elsewhere"], check=True)


@pytest.fixture
def store(tree: Path) -> Iterator[DiskStore]:
    opened = DiskStore(Site(root=str(tree)))
    yield opened
    opened.close()


@contextmanager
def running(store: DiskStore) -> Iterator[Watcher]:
    """A watcher at work, until the end of the block."""
    watcher = Watcher(store)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        watcher.close()


def soon(true: Callable[[], bool]) -> bool:
    """Whether something becomes true before patience ends."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def is_right(folder: Path, gate: Gate, area: Area = AREA) -> bool:
    """Whether a folder has exactly the lists of its project, and is sticky."""
    wanted = templates(gate, area)
    fd = os.open(folder, os.O_RDONLY)
    try:
        lists = acl.raw_lists(fd, is_folder=True)
        sticky = os.fstat(fd).st_mode & 0o3000 == 0o3000
    finally:
        os.close(fd)
    return sticky and lists == (acl.encode(wanted.folder), acl.encode(wanted.inherited))


def test_folders_made_quickly_are_all_mended(tree: Path, store: DiskStore, people: Accounts) -> None:
    """Nested and many at once; then Bob cannot delete what Alice made in them, and can work there."""
    with running(store) as watcher:
        made = "mkdir -p a/b/c/d/e && for i in $(seq 200); do mkdir -p many/$i/below; done"
        people.alice.shell(made, cwd=tree / "adhoc/p")
        folders = [path for path in (tree / "adhoc/p").rglob("*") if path.is_dir()]
        assert len(folders) == 5 + 401
        assert soon(lambda: all(is_right(folder, gate_of(people)) for folder in folders))
    assert watcher.seen.mended >= len(folders)
    assert watcher.seen.failed == watcher.seen.lost == 0
    people.alice.shell("echo hers > a/b/c/file", cwd=tree / "adhoc/p")
    assert not people.bob.removes(tree / "adhoc/p/a/b/c/file")
    assert people.bob.makes(tree / "adhoc/p/a/b/c/his")


@pytest.mark.parametrize(("kind", "megabytes"), [("xfs", 320), ("btrfs", 128), ("tmpfs", 16)])
def test_other_file_systems_are_watched_alike(kind: str, megabytes: int, people: Accounts) -> None:
    """What the kernel tells has the same form on each; an area that is a mount of its own is watched, too."""
    if kind != "tmpfs" and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed (Debian packages xfsprogs, btrfs-progs)")
    with trees.reachable_folder() as root:
        (root / "other").mkdir()
        with trees.mounted(root, kind, megabytes) as area:
            folders = [make_project(root, "p", gate_of(people), Area(name)) for name in ("other", area.name)]
            store = DiskStore(Site(root=str(root)))
            try:
                with running(store):
                    for folder in folders:
                        people.alice.does("mkdir", "-p", folder / "a/b")
                        assert soon(lambda folder=folder: is_right(folder / "a/b", gate_of(people)))  # type: ignore[misc]
            finally:
                store.close()


def test_without_a_watcher_others_delete(tree: Path, people: Accounts) -> None:
    """What the watcher is for: the sticky bit is not passed on."""
    people.alice.shell("mkdir a && echo hers > a/file", cwd=tree / "adhoc/p")
    assert people.bob.removes(tree / "adhoc/p/a/file")


def test_tree_moved_in_is_mended_with_all_that_it_brings(
    disk: Path, tree: Path, store: DiskStore, people: Accounts
) -> None:
    """The kernel tells of its top only; files and folders below get the project's lists, too."""
    own = disk / "elsewhere"
    own.mkdir()
    os.chown(own, people.alice.uid, people.alice.gid)
    people.alice.shell("mkdir -p new/deep/er && echo hers > new/deep/er/file", cwd=own)
    with running(store):
        people.alice.does("mv", own / "new", tree / "adhoc/p/new")
        assert soon(lambda: is_right(tree / "adhoc/p/new/deep/er", gate_of(people)))
    assert people.bob.appends(tree / "adhoc/p/new/deep/er/file")
    assert not people.carol.reads(tree / "adhoc/p/new/deep/er/file")


def test_what_is_no_project_of_the_system_is_left_alone(
    disk: Path, tree: Path, store: DiskStore, people: Accounts
) -> None:
    """A folder beside the tree on the same file system, one that people call a project, an area, and our records."""
    for folder in (disk / "elsewhere", tree / "adhoc/by-hand", tree / "adhoc/p/.modama"):
        folder.mkdir()
        folder.chmod(0o755)
        os.chown(folder, people.alice.uid, people.alice.gid)
    with running(store):
        for folder in (disk / "elsewhere", tree / "adhoc/by-hand", tree / "adhoc/p/.modama"):
            people.alice.does("mkdir", "-p", folder / "a/b")
        (tree / "newarea").mkdir()
        people.alice.does("mkdir", tree / "adhoc/p/last")
        assert soon(lambda: is_right(tree / "adhoc/p/last", gate_of(people)))
    for folder in (disk / "elsewhere/a", tree / "adhoc/by-hand/a", tree / "newarea"):
        assert (folder.stat().st_mode & 0o7777, os.listxattr(folder)) == (0o755, [])
    assert not (tree / "adhoc/p/.modama/a").stat().st_mode & 0o1000


def test_strict_area_takes_folders_over(disk: Path, people: Accounts, tree: Path) -> None:
    """Where deleting is strict, a new folder is the system's: its maker cannot delete Bob's file there."""
    area = Area("strict", delete="strict")
    folder = make_project(tree, "s", gate_of(people), area)
    store = DiskStore(Site(root=str(tree), areas=(AREA, area), any_area=False))
    try:
        with running(store):
            people.alice.does("mkdir", folder / "hers")
            assert soon(lambda: (folder / "hers").stat().st_uid == 0)
            assert soon(lambda: is_right(folder / "hers", gate_of(people), area))
    finally:
        store.close()
    assert people.bob.makes(folder / "hers/his")
    assert not people.alice.removes(folder / "hers/his")
    assert people.alice.makes(folder / "hers/mine")


def test_sealed_raw_is_left_alone(tree: Path, store: DiskStore, people: Accounts) -> None:
    """A session that is sealed by mode alone comes into view again: what is below its raw stays closed."""
    session = tree / "adhoc/p/s"
    (session / "raw/deep").mkdir(parents=True)
    (session / "raw/deep").chmod(0o555)
    for folder in (session / "raw/deep", session / "raw"):
        fd = os.open(folder, os.O_RDONLY)
        flags.set_immutable(fd, True)
        os.close(fd)
    with running(store):
        people.alice.does("mkdir", tree / "adhoc/p/other")
        os.rename(session, tree / "adhoc/p/t")
        assert soon(lambda: is_right(tree / "adhoc/p/t", gate_of(people)))
    assert (tree / "adhoc/p/t/raw/deep").stat().st_mode & 0o7777 == 0o555


SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
for i in range(20):
    os.makedirs(f"d{i}/raw")
    os.symlink(sys.argv[2], f"l{i}")
print("swapping", flush=True)
while os.getppid() == int(sys.argv[1]):
    for i in range(20):
        if libc.renameat2(-100, f"d{i}".encode(), -100, f"l{i}".encode(), 2) != 0:
            sys.exit("it cannot be swapped")
"""
TRIES = 10_000


def test_swapping_folders_and_links_leads_nowhere_else(
    disk: Path, tree: Path, store: DiskStore, people: Accounts
) -> None:
    """Alice swaps her new folders with links to a folder of root's as fast as she can: that one stays as it was."""
    target = disk / "elsewhere"
    (target / "raw").mkdir(parents=True)
    for folder in (target, target / "raw"):
        folder.chmod(0o700)
    before = [
        (f.stat().st_mode, f.stat().st_uid, f.stat().st_ctime_ns, os.listxattr(f)) for f in (target, target / "raw")
    ]
    words = ["/usr/bin/python3", "-I", "-S", "-c", SWAPPER, str(os.getpid()), str(target)]
    alice = people.alice
    program = subprocess.Popen(
        words, cwd=tree / "adhoc/p", user=alice.uid, group=alice.gid, extra_groups=(), stdout=subprocess.PIPE, text=True
    )
    watcher = Watcher(store)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "swapping\n"
        for n in range(TRIES):
            path = TreePath(f"adhoc/p/d{n % 20}/raw" if n % 3 else f"adhoc/p/d{n % 20}")
            watcher._tried(lambda path=path: watcher._mend(path))  # type: ignore[misc]
            if n % 500 == 0:
                watcher.turn()
        assert program.poll() is None
    finally:
        program.kill()
        program.communicate()
        watcher.close()
    after = [
        (f.stat().st_mode, f.stat().st_uid, f.stat().st_ctime_ns, os.listxattr(f)) for f in (target, target / "raw")
    ]
    assert after == before
    assert 100 < watcher.seen.folders < 2 * TRIES  # often the folder was there, often the link
    assert watcher.seen.hints > 1000
    assert watcher.seen.failed == 0


def test_more_than_the_kernel_keeps_is_counted(tree: Path, store: DiskStore, people: Accounts) -> None:
    """The queue runs over: that is known, what is left of it is worked on, and repair finds the rest."""
    queue = int(Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
    if queue > 30_000:
        pytest.skip(f"the kernel keeps {queue:,} events")
    watcher = Watcher(store)
    try:
        made = "import os, sys\nfor i in range(int(sys.argv[1])): open(f'f{i}', 'w').close()\nos.mkdir('late')"
        people.alice.python(made, str(queue + 100), cwd=tree / "adhoc/p")
        assert watcher.turn().lost == 1
        people.alice.does("mkdir", tree / "adhoc/p/after")
        watcher.turn()
        assert is_right(tree / "adhoc/p/after", gate_of(people))
        assert not is_right(tree / "adhoc/p/late", gate_of(people))
    finally:
        watcher.close()
    _repaired(store, people)
    assert is_right(tree / "adhoc/p/late", gate_of(people))


def _repaired(store: DiskStore, people: Accounts) -> int:
    """The whole pass, as the nightly one does it: how much it mended."""
    steps = store.gates.go_through(TreePath("adhoc/p"), gate_of(people), (), mend=True, report=False)
    found = trees.driven(steps)
    return int(found.mended)


CHILD = """
import sys
from jupyter_modama.core.model import Site
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.watching import Watcher
watcher = Watcher(DiskStore(Site(root=sys.argv[1])))
print("watching", flush=True)
watcher.run()
"""


def test_killed_watcher_loses_nothing(tree: Path, store: DiskStore, people: Accounts) -> None:
    """Killed while it mends: the pass finds the rest, and mends to the same; a pass after it finds nothing."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, tree], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "watching\n"
        people.alice.shell("for i in $(seq 300); do mkdir -p m/$i/x; done", cwd=tree / "adhoc/p")
        assert soon(lambda: is_right(tree / "adhoc/p/m/1", gate_of(people)))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    people.alice.shell("mkdir -p after/below", cwd=tree / "adhoc/p")
    assert _repaired(store, people) >= 2
    assert all(is_right(path, gate_of(people)) for path in (tree / "adhoc/p").rglob("*") if path.is_dir())
    assert _repaired(store, people) == 0


def test_begun_with_more_rights_it_goes_on_with_the_keepers(tree: Path, people: Accounts) -> None:
    """CAP_SYS_ADMIN is needed for the mark alone; strict areas, lists and sticky bits need what the keeper has."""
    area = Area("strict", delete="strict")
    folder = make_project(tree, "s", gate_of(people), area)
    down = "from jupyter_modama.keeper.capabilities import held, lay_down\nlay_down()\n"
    down += "assert not held().effective >> 21 & 1\nprint"
    script = CHILD.replace("print", down, 1).replace(
        "Site(root=sys.argv[1])", 'Site(root=sys.argv[1], areas=(Area("strict", delete="strict"),), any_area=False)'
    )
    script = script.replace("import Site", "import Area, Site")
    child = subprocess.Popen([sys.executable, "-c", script, tree], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "watching\n"
        people.alice.does("mkdir", "-p", folder / "a/b")
        assert soon(lambda: is_right(folder / "a/b", gate_of(people), area))
        assert (folder / "a/b").stat().st_uid == 0
    finally:
        child.kill()
        child.communicate()


def test_members_of_now_count_and_not_those_of_the_start(tree: Path, store: DiskStore, people: Accounts) -> None:
    """Carol was added after the watcher began: new folders name her."""
    now = gate_of(people, carol=Role.READER)
    with running(store):
        store.gates.write(TreePath("adhoc/p"), gate_of(people), now)
        people.alice.does("mkdir", tree / "adhoc/p/new")
        assert soon(lambda: is_right(tree / "adhoc/p/new", now))
    assert people.carol.reads(tree / "adhoc/p/new")


def test_files_that_are_closed_are_told_of(tree: Path, store: DiskStore, people: Accounts) -> None:
    """Each once, however often it was written; one that fails costs only itself."""
    told: list[str] = []

    def closed(path: TreePath) -> None:
        told.append(path)
        if path.name == "bad":
            raise StorageError(what="x", why="y")

    watcher = Watcher(store, closed)
    try:
        people.alice.shell("echo 1 > a; echo 2 >> a; echo 3 > bad; echo 4 > c", cwd=tree / "adhoc/p")
        assert watcher.turn().failed == 1
    finally:
        watcher.close()
    assert told == ["adhoc/p/a", "adhoc/p/bad", "adhoc/p/c"]


def test_without_roots_rights_it_says_so(tree: Path, people: Accounts) -> None:
    """An ordinary account cannot watch, and learns what finds changes instead."""
    script = CHILD.replace(
        "watcher = ", "import os; os.setresgid(1234, 1234, 1234); os.setresuid(1234, 1234, 1234)\nwatcher = "
    )
    tree.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script, tree], capture_output=True, text=True, check=False)
    assert "StorageError" in done.stderr
    assert "root's rights" in done.stderr
