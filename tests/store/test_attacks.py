"""A member of a project does what they can while root seals, changes members, adopts and repairs there.

Whatever happens, nothing outside the tree is touched: not a mode, an owner, a list, a flag or a byte, which the change
times of the inodes tell. One try is one entry that changes under root's hands in one pass; MODAMA_ATTACKS says how many
there are of each kind, and a few hundred are tried without it.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.model import Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.runner import wanted_from
from jupyter_modama.store import flags, menders, mending_files
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, group
from jupyter_modama.testing.accounts import _python as everybodys_python

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be attacked")]
ATTACKS = int(os.environ.get("MODAMA_ATTACKS", "300"))
PAIRS = 20
PROJECT, SESSION = "adhoc/p", "s"
NAMED = {"project": PROJECT, "session": SESSION}

SWAPS = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.prctl(1, 9, 0, 0, 0)  # it ends with the test, whatever ends that
pairs = [os.fsencode(name) for name in sys.stdin.read().split("\\0")]
pairs = list(zip(pairs[::2], pairs[1::2]))
print("ready", flush=True)
while True:
    for a, b in pairs:
        libc.renameat2(-100, a, -100, b, 2)
"""


@dataclass
class Scene:
    """A project of alice's in a managed tree, and what lies outside."""

    store: DiskStore
    root: Path
    outside: Path
    alice: Account
    bob: Account
    carol: Account
    admin: Account
    passes: int = 0

    @property
    def raw(self) -> Path:
        return self.root / PROJECT / SESSION / "raw"

    def do(self, who: Account, operation: str, **wanted: Any) -> Any:
        row = OPERATIONS[operation]
        answer = perform(row, wanted_from(row, wanted), actor=who.actor, store=self.store)
        return trees.driven(answer) if row.kind.value == "long" else answer

    def tries(self, who: Account, operation: str, **wanted: Any) -> None:
        """The same; that it is refused under attack is fine."""
        with suppress(ModamaError):
            self.do(who, operation, **wanted)
            self.passes += 1


def look(top: Path) -> dict[str, object]:
    """All that can change of what lies below a folder, and of the folder."""
    found: dict[str, object] = {}
    for path in sorted([top, *top.rglob("*")]):
        status = os.lstat(path)
        facts: list[object] = [status.st_mode, status.st_uid, status.st_gid, status.st_ctime_ns, status.st_size]
        if stat.S_ISREG(status.st_mode):
            facts.append(path.read_bytes())
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            facts += [sorted((name, os.getxattr(path, name)) for name in os.listxattr(path)), is_immutable(path)]
        found[str(path)] = facts
    return found


def is_immutable(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return flags.is_immutable(fd)
    finally:
        os.close(fd)


@contextmanager
def swapping(who: Account, pairs: list[tuple[Path, Path]]) -> Iterator[subprocess.Popen[str]]:
    """Somebody exchanges the names of each pair, all the time."""
    process = subprocess.Popen(
        [everybodys_python(), "-I", "-S", "-c", SWAPS],
        user=who.uid,
        group=who.gid,
        extra_groups=[],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write("\0".join(str(path) for pair in pairs for path in pair))
        process.stdin.close()
        assert process.stdout.readline().strip() == "ready"
        yield process
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def halted(process: subprocess.Popen[str]) -> Iterator[None]:
    """While the test itself, which follows paths, puts things back."""
    process.send_signal(signal.SIGSTOP)
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
    yield
    process.send_signal(signal.SIGCONT)


LEFTOVERS = (".modama-new-*", ".modama-removed-*", "*.moved-*", ".modama/old", "*/.modama/old", "*/*.moved-*", "u")


def given_back(scene: Scene, *folders: Path) -> None:
    """What was adopted is alice's again; what earlier passes left is gone, or ten thousand would walk through it."""
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            trees.clear(folder)
            for left in [path for pattern in LEFTOVERS for path in folder.glob(pattern)]:
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink(missing_ok=True)
            os.chown(folder, scene.alice.uid, -1)


@pytest.fixture
def outside(root: Path) -> Iterator[Path]:
    """On the same file system as the tree, so that files could have names in both."""
    trees.readable_by_all(root)
    folder = Path(tempfile.mkdtemp(prefix="modama-outside-", dir=root.parent))
    yield folder / "outside"
    trees.clear(folder)
    shutil.rmtree(folder)


@pytest.fixture
def scene(root: Path, outside: Path, tmp_path: Path, people: Accounts) -> Iterator[Scene]:
    root.chmod(0o755)
    outside.parent.chmod(0o755)
    outside.mkdir()
    with group("modama-admins", people.carol) as gid:
        import grp

        site = Site(root=str(root), managed_by="the service", administrators=grp.getgrgid(gid).gr_name)
        store = DiskStore(site, state=tmp_path / "state", keeps_tree=True)
        made = Scene(store, root, outside, people.alice, people.bob, people.carol, people.carol)
        made.do(people.alice, "project.create", name="p")
        made.do(people.alice, "session.create", project=PROJECT, name=SESSION)
        yield made
        store.close()
    trees.clear(root)


def witness(scene: Scene, kind: str) -> dict[str, object]:
    """Things outside that are none of anybody's business here: folders and files of root's, closed, some flagged."""
    for number in range(PAIRS):
        inner = scene.outside / f"n{number}"
        (inner / "deep").mkdir(parents=True)
        (inner / "a").write_text("secret")
        (inner / "deep/b").write_text("secret")
        (inner / "a").chmod(0o600)
        (inner / "deep/b").chmod(0o4711)
        inner.chmod(0o700)
        if kind == "immutable" and number % 2:
            fd = os.open(inner / "a", os.O_RDONLY)
            flags.set_immutable(fd, True)
            os.close(fd)
    scene.outside.chmod(0o755)
    return look(scene.outside)


def folders_and_links(scene: Scene) -> list[tuple[Path, Path]]:
    """Folders of alice's with files in them, in raw and deeper, each with a link to the outside beside it."""
    pairs = []
    for number in range(PAIRS):
        above = scene.raw / "x" / "y" if number % 2 else scene.raw
        mine, evil = above / f"n{number}", above / f"evil{number}"
        scene.alice.shell(
            f"mkdir -p {mine}/deep; echo 1 > {mine}/a; echo 2 > {mine}/deep/b; ln -s {scene.outside}/n{number} {evil}"
        )
        pairs.append((mine, evil))
    return pairs


def files_and_links(scene: Scene) -> list[tuple[Path, Path]]:
    """Files of alice's, each with a link to a file outside beside it."""
    pairs = []
    for number in range(PAIRS):
        mine, evil = scene.raw / f"n{number}", scene.raw / f"evil{number}"
        scene.alice.shell(f"echo 1 > {mine}; ln -s {scene.outside}/n{number}/a {evil}")
        pairs.append((mine, evil))
    return pairs


def files_and_pipes(scene: Scene) -> list[tuple[Path, Path]]:
    """Files of alice's, each with a pipe beside it: to open one for reading would wait for ever."""
    pairs = []
    for number in range(PAIRS):
        mine, evil = scene.raw / f"n{number}", scene.raw / f"evil{number}"
        scene.alice.shell(f"echo 1 > {mine}; mkfifo {evil}")
        pairs.append((mine, evil))
    return pairs


def files_and_files(scene: Scene) -> list[tuple[Path, Path]]:
    """Files that replace each other between a check and the use."""
    pairs = []
    for number in range(PAIRS):
        mine, evil = scene.raw / f"n{number}", scene.raw / f"evil{number}"
        scene.alice.shell(f"echo 1 > {mine}; echo 22 > {evil}")
        pairs.append((mine, evil))
    return pairs


def seals(scene: Scene, number: int) -> None:
    scene.tries(scene.alice, "session.seal", **NAMED, writers="override")
    with suppress(ModamaError):
        scene.do(scene.admin, "session.unseal", **NAMED, reason="a test")


def changes_members(scene: Scene, number: int) -> None:
    who = (scene.bob.login,)
    scene.tries(scene.alice, "project.set_members", project=PROJECT, **{"remove" if number % 2 else "add": who})


def changes_visibility(scene: Scene, number: int) -> None:
    visibility = "private" if number % 2 else "open"
    scene.tries(scene.alice, "project.set_visibility", project=PROJECT, visibility=visibility)


def repairs(scene: Scene, number: int) -> None:
    """After somebody has closed all that is theirs."""
    scene.alice.can("chmod", "-R", "go-rwx,u+rwX", scene.raw)
    scene.tries(scene.alice, "project.repair", project=PROJECT)


def adopts(scene: Scene, number: int) -> None:
    """A project that is alice's own folder each time, without lists."""
    project = scene.root / PROJECT
    os.chown(project, scene.alice.uid, -1)
    scene.tries(scene.admin, "project.adopt", project=PROJECT, owner=scene.alice.login)


VERBS = (seals, changes_members, changes_visibility, repairs, adopts)
TRICKS = (folders_and_links, files_and_links, files_and_pipes, files_and_files)


@pytest.mark.timeout(3600 if ATTACKS > 1000 else 120)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("trick", TRICKS)
def test_what_changes_its_place_leads_nowhere(
    scene: Scene, verb: Callable[[Scene, int], None], trick: Callable[[Scene], list[tuple[Path, Path]]]
) -> None:
    """A member exchanges entries while root works on them."""
    scene.do(scene.alice, "project.set_members", project=PROJECT, add=(f"{scene.carol.login}:member",))
    pairs = trick(scene)
    before = witness(scene, "immutable")
    with swapping(scene.alice, pairs):
        for number in range(-(-ATTACKS // PAIRS)):
            verb(scene, number)
            assert look(scene.outside) == before, f"pass {number}"
    assert scene.passes


@pytest.mark.timeout(3600 if ATTACKS > 1000 else 120)
@pytest.mark.parametrize(("verb", "trick"), [(changes_members, folders_and_links), (repairs, files_and_links)])
def test_what_changes_its_place_leads_processes_nowhere(
    scene: Scene,
    verb: Callable[[Scene, int], None],
    trick: Callable[[Scene], list[tuple[Path, Path]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same where the processes that otherwise come with many files do the work."""
    monkeypatch.setattr(mending_files, "MANY", 0)
    monkeypatch.setattr(menders, "MOST", 2)
    monkeypatch.setattr(menders, "HELPS_AT_FIRST", False)
    test_what_changes_its_place_leads_nowhere(scene, verb, trick)


def test_attack_would_work_on_who_follows_paths(scene: Scene) -> None:
    """The same tricks, against a program as people write them: otherwise the tests above say nothing."""
    pairs = folders_and_links(scene)
    before = witness(scene, "")
    with swapping(scene.alice, pairs):
        for _ in range(2000):
            for path in (scene.raw / f"n{n}" for n in range(0, PAIRS, 2)):
                with suppress(OSError):
                    if not path.is_symlink():
                        os.chmod(path / "a", 0o644)
            if look(scene.outside) != before:
                return
    pytest.fail("nothing outside was changed")


# second names ---------------------------------------------------------------------------------------------------------


def carols_files(scene: Scene) -> list[Path]:
    """Files of carol's outside the tree that alice may write, and so give a second name in raw."""
    shared = scene.outside / "shared"
    shared.mkdir()
    found = []
    for number in range(PAIRS):
        file = shared / f"c{number}"
        file.write_text("carol's")
        os.chown(file, scene.carol.uid, scene.carol.gid)
        file.chmod(0o666)
        found.append(file)
    shared.chmod(0o755)
    scene.outside.chmod(0o755)
    return found


def lasting(files: list[Path]) -> list[object]:
    """What may not change of files whose second names come and go."""
    stats = [os.lstat(file) for file in files]
    return [
        [(s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns, s.st_ino) for s in stats],
        [file.read_bytes() for file in files],
        [os.listxattr(file) for file in files],
        [is_immutable(file) for file in files],
    ]


@pytest.mark.timeout(3600 if ATTACKS > 1000 else 120)
@pytest.mark.parametrize("verb", VERBS)
def test_second_names_lead_nowhere(scene: Scene, verb: Callable[[Scene, int], None]) -> None:
    """Files of somebody else's get a second name in raw, which changes places with files of alice's."""
    scene.do(scene.alice, "project.set_members", project=PROJECT, add=(f"{scene.carol.login}:member",))
    files = carols_files(scene)
    pairs = [(scene.raw / f"n{number}", scene.raw / f"evil{number}") for number in range(PAIRS)]
    script = "\n".join(
        f"rm -f {evil}; ln {file} {evil} || true; test -e {mine} || echo 1 > {mine}"
        for file, (mine, evil) in zip(files, pairs, strict=True)
    )
    scene.alice.shell(script)
    assert files[0].stat().st_nlink == 2
    before = lasting(files)
    with swapping(scene.alice, pairs):
        for number in range(-(-ATTACKS // PAIRS)):
            verb(scene, number)
            assert lasting(files) == before, f"pass {number}"
            scene.alice.can("sh", "-c", script)
    assert scene.passes


def test_second_name_outside_changes_nothing_in_a_seal(scene: Scene) -> None:
    """A name that a file of raw got elsewhere: what is written there later is not in the seal."""
    place = scene.outside
    place.chmod(0o777)
    scene.alice.shell(f"echo one > {scene.raw}/a; ln {scene.raw}/a {place}/a")
    scene.do(scene.alice, "session.seal", **NAMED)
    scene.alice.shell(f"echo two > {place}/a")
    assert (scene.raw / "a").read_text() == "one\n"
    assert trees.checked(scene.raw.parent).returncode == 0
    assert trees.changeable(scene.raw) == []


# planted things -------------------------------------------------------------------------------------------------------

PLANTED = ("manifest-sha256.txt", ".modama", ".modama/seal.json", ".modama/session.json", "raw/.modama", "notes.md")


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("as_link", [True, False])
def test_planted_names_lead_nowhere(scene: Scene, name: str, as_link: bool) -> None:
    """In a session that somebody made by hand: links to the outside, or files, where ours are to be."""
    before = witness(scene, "")
    session = scene.root / PROJECT / "t"
    scene.alice.shell(f"mkdir -p {session}/raw; echo 1 > {session}/raw/a; mkdir -p $(dirname {session}/{name})")
    target = scene.outside / ("n0" if name.endswith(".modama") else "n0/a")
    scene.alice.shell(f"ln -s {target} {session}/{name}" if as_link else f"echo forged > {session}/{name}")
    named = {"project": PROJECT, "session": "t"}
    for who, operation, wanted in (
        (scene.alice, "session.update", {**named, "title": "mine"}),
        (scene.alice, "session.seal", named),
        (scene.admin, "session.unseal", {**named, "reason": "a test"}),
        (scene.alice, "session.rename", {**named, "name": "u"}),
        (scene.alice, "project.repair", {"project": PROJECT}),
        (scene.alice, "project.set_members", {"project": PROJECT, "add": (scene.bob.login,)}),
    ):
        scene.tries(who, operation, **wanted)
        assert look(scene.outside) == before, operation
    assert scene.passes


@pytest.mark.timeout(3600 if ATTACKS > 1000 else 120)
def test_records_that_change_their_place_lead_nowhere(scene: Scene) -> None:
    """`.modama` and the manifest of a session of one's own, exchanged with links to the outside all the time."""
    before = witness(scene, "")
    session = scene.root / PROJECT / "t"
    scene.alice.shell(
        f"mkdir -p {session}/raw; echo 1 > {session}/raw/a; echo 1 > {session}/manifest-sha256.txt; "
        f"cd {session}; ln -s {scene.outside}/n0 r; ln -s {scene.outside}/n0/a m; ln -s {scene.outside}/n1 w"
    )
    pairs = [
        (session / ".modama", session / "r"),
        (session / "manifest-sha256.txt", session / "m"),
        (session / "raw", session / "w"),
    ]
    named = {"project": PROJECT, "session": "t"}
    scene.do(scene.alice, "session.update", **named, title="mine")  # makes .modama, in a folder that is alice's
    with swapping(scene.alice, pairs) as process:
        for number in range(-(-ATTACKS // len(pairs))):
            for who, operation, wanted in (
                (scene.alice, "session.update", {**named, "title": f"mine {number}"}),
                (scene.alice, "session.seal", {**named, "writers": "override"}),
                (scene.admin, "session.unseal", {**named, "reason": "a test"}),
            ):
                scene.tries(who, operation, **wanted)
            assert look(scene.outside) == before, f"pass {number}"
            with halted(process):
                given_back(scene, session, session / "raw", session / "w")
    assert scene.passes


@pytest.mark.timeout(3600 if ATTACKS > 1000 else 120)
def test_projects_that_change_their_place_lead_nowhere(scene: Scene) -> None:
    """In an area where everybody may make folders: a whole project becomes a link to the outside."""
    before = witness(scene, "")
    area = scene.root / "adhoc"
    area.chmod(0o1777)
    project, evil = area / "hers", area / "evil"
    scene.alice.shell(f"mkdir -p {project}/t/raw; echo 1 > {project}/t/raw/a; ln -s {scene.outside}/n0 {evil}")
    with swapping(scene.alice, [(project, evil)]) as process:
        for number in range(ATTACKS):
            for who, operation, wanted in (
                (scene.admin, "project.adopt", {"project": "adhoc/hers", "owner": scene.alice.login}),
                (scene.alice, "session.seal", {"project": "adhoc/hers", "session": "t"}),
                (scene.admin, "project.set_members", {"project": "adhoc/hers", "add": (scene.bob.login,)}),
                (scene.alice, "session.create", {"project": "adhoc/hers", "name": "u"}),
                (scene.alice, "session.remove", {"project": "adhoc/hers", "session": "u"}),
            ):
                scene.tries(who, operation, **wanted)
            assert look(scene.outside) == before, f"pass {number}"
            with halted(process):
                given_back(scene, project, evil)
    assert scene.passes


# strange things -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_devices_and_pipes_are_left_alone(scene: Scene, verb: Callable[[Scene, int], None]) -> None:
    """Nobody waits for them, and nobody gets at them."""
    scene.do(scene.alice, "project.set_members", project=PROJECT, add=(f"{scene.carol.login}:member",))
    scene.alice.shell(f"echo 1 > {scene.raw}/a; mkfifo {scene.raw}/pipe")
    strange = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "socket": stat.S_IFSOCK}
    for name, kind in strange.items():
        os.mknod(scene.raw / name, kind | 0o600, os.makedev(1, 5) if kind != stat.S_IFSOCK else 0)
        os.chmod(scene.raw / name, 0o600)
    paths = [scene.raw / name for name in (*strange, "pipe")]
    before = [(s.st_mode, s.st_uid, s.st_gid, s.st_ctime_ns) for s in map(os.lstat, paths)]
    verb(scene, 0)
    if verb is not repairs:  # which closes what is alice's first
        assert [(s.st_mode, s.st_uid, s.st_gid, s.st_ctime_ns) for s in map(os.lstat, paths)] == before
    assert [oct(os.lstat(path).st_mode & 0o777) for path in paths[:3]] == ["0o600"] * 3
    assert scene.passes


@pytest.mark.parametrize("verb", VERBS)
def test_mount_below_the_tree_is_left_alone(scene: Scene, verb: Callable[[Scene, int], None]) -> None:
    """Another file system in a project is none of the project's."""
    scene.do(scene.alice, "project.set_members", project=PROJECT, add=(f"{scene.carol.login}:member",))
    scene.alice.shell(f"mkdir {scene.raw}/other {scene.raw}/bound; echo 1 > {scene.raw}/a")
    before = witness(scene, "")
    other, bound = scene.raw / "other", scene.raw / "bound"
    subprocess.run(["mount", "-t", "tmpfs", "modama-test", other], check=True)
    try:
        subprocess.run(["mount", "--bind", scene.outside, bound], check=True)
        try:
            (other / "deep").mkdir()
            (other / "deep/a").write_text("x")
            there = look(other)
            verb(scene, 0)
            assert look(other) == there
            assert look(scene.outside) == before
        finally:
            subprocess.run(["umount", bound], check=True)
    finally:
        subprocess.run(["umount", other], check=True)


# writers -------------------------------------------------------------------------------------------------------------

STORM = """
import os, sys
files = [os.path.join(sys.argv[1], name) for name in os.listdir(sys.argv[1])]
print("ready", flush=True)
while True:
    for file in files:
        try:
            fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            os.write(fd, b"x")
        except OSError:
            pass
        os.close(fd)
"""


@pytest.mark.timeout(3600 if ATTACKS > 1000 else 120)
@pytest.mark.parametrize("how", ["refuse", "override"])
def test_writers_do_not_get_past_the_probe(scene: Scene, how: str) -> None:
    """A program opens, writes and closes all files without end: a seal is refused, or it is of what is there."""
    scene.alice.shell(f"cd {scene.raw}; for n in $(seq {PAIRS}); do echo $n > f$n; done")
    process = subprocess.Popen(
        [everybodys_python(), "-I", "-S", "-c", STORM, scene.raw],
        user=scene.alice.uid,
        group=scene.alice.gid,
        extra_groups=[],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "ready"
        for number in range(-(-ATTACKS // PAIRS)):
            before = scene.passes
            scene.tries(scene.alice, "session.seal", **NAMED, writers=how)
            if scene.passes > before:
                sealed = trees.contents(scene.raw)
                assert trees.changeable(scene.raw) == [], f"pass {number}"
                assert trees.checked(scene.raw.parent).returncode == 0, f"pass {number}"
                assert trees.contents(scene.raw) == sealed, f"pass {number}"
            with suppress(ModamaError):
                scene.do(scene.admin, "session.unseal", **NAMED, reason="a test")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert scene.passes or how == "refuse"
