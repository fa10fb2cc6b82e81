"""A seal while users do what they can to get around it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sealing_child import in_child

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, Protection, SessionState
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.sealing import Writers
from jupyter_modama.store import flags, writers
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
RENAME_EXCHANGE = 2
S = SessionState
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag"),
]


@pytest.fixture
def session(root: Path) -> Iterator[Path]:
    root.chmod(0o755)
    yield trees.make_session(root)
    trees.clear(root)


def seal(store: DiskStore, actor: Actor, **wanted: Any) -> Any:
    row = OPERATIONS["session.seal"]
    return perform(row, row.wanted(**NAMED, **wanted), actor=actor, store=store)


@contextmanager
def program(text: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A program of some user's, which has said that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline().strip() == "ready"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


CREATES = """
import os, sys
raw = sys.argv[1]
print("ready", flush=True)
n = 0
while True:
    n += 1
    for folder in ("", "deep/", "deep/er/", f"new{n % 7}/"):
        try:
            os.makedirs(os.path.join(raw, folder), exist_ok=True)
            with open(f"{raw}/{folder}late{n}", "x") as file:
                file.write("late")
        except OSError:
            pass
"""


def test_nothing_that_is_made_meanwhile_stays_changeable(store: DiskStore, session: Path, actor: Actor) -> None:
    """While a program makes files and folders all the time, no entry is left unsealed or missing in the manifest."""
    for number in range(300):
        trees.write(session / "raw", f"many{number % 30}/f{number}", b"x")
    with program(CREATES, session / "raw"):
        for _ in range(20):  # a file that is open for writing at the moment of a probe is refused: tried again
            try:
                answer = trees.driven(seal(store, actor, writers=Writers.OVERRIDE))
                break
            except (errors.OpenWriters, errors.StorageError):
                continue
    assert answer.state is S.SEALED
    assert trees.changeable(session / "raw") == []
    assert answer.seal.files == len(trees.contents(session / "raw"))
    assert trees.checked(session).returncode == 0


def test_one_pass_leaves_nothing_behind(store: DiskStore, session: Path) -> None:
    """Folders are closed before they are listed: one walk catches all that is made during it, without a second."""
    for number in range(600):
        trees.write(session / "raw", f"many{number % 60}/f{number}", b"x")
    with program(CREATES, session / "raw"):
        for _ in store.sealing.protect(TreePath(f"{PROJECT}/{SESSION}/raw"), Protection.IMMUTABLE, ()):
            pass
    assert trees.changeable(session / "raw") == []


SWAPS = """
import ctypes, os, sys
a, b = (os.fsencode(name) for name in sys.argv[1:])
libc = ctypes.CDLL(None)
print("ready", flush=True)
while True:
    libc.renameat2(-100, a, -100, b, 2)
"""


def test_folder_swapped_for_a_link_leads_nowhere(store: DiskStore, session: Path, actor: Actor, tmp_path: Path) -> None:
    """A folder and a link to the outside change places while we seal, unseal and verify: nothing outside is touched."""
    outside = tmp_path / "outside"
    trees.write(outside, "er/secret.dat", b"secret")
    trees.write(outside, "b.dat", b"secret")
    for path, fd in trees.entries(outside):
        os.chmod(path, 0o700 if os.path.isdir(path) else 0o600)
        flags.set_immutable(fd, os.path.isfile(path))
    for number in range(60):
        trees.write(session / "raw", f"deep/er/f{number}/c.dat", b"third")
        trees.write(outside, f"er/f{number}/c.dat", b"secret")
    evil = session / "raw" / "evil"
    evil.symlink_to(outside)
    before = looks(outside)
    sealed = 0
    with program(SWAPS, session / "raw" / "deep", evil):
        end = time.monotonic() + 8
        while time.monotonic() < end:
            for operation, wanted in (("seal", {}), ("verify", {}), ("unseal", {"reason": "a test"})):
                row = OPERATIONS[f"session.{operation}"]
                with suppress(errors.ModamaError):
                    trees.driven(perform(row, row.wanted(**NAMED, **wanted), actor=actor, store=store))
                    sealed += operation == "seal"
                assert looks(outside) == before, operation
    trees.clear(outside)
    assert sealed


def looks(folder: Path) -> list[tuple[str, int, int, bool]]:
    """Everything about the entries of a folder that a seal or an unseal could change."""
    found = [(path, os.fstat(fd), flags.is_immutable(fd)) for path, fd in trees.entries(folder)]
    return sorted((path, status.st_mode, status.st_ctime_ns, held) for path, status, held in found)


HOLDS = """
import os, sys
file = open(sys.argv[1], "r+b")
print("ready", flush=True)
sys.stdin.read()
"""
MAPS = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("text", [HOLDS, MAPS], ids=["descriptor", "memory"])
def test_other_program_is_named(store: DiskStore, session: Path, actor: Actor, text: str) -> None:
    """The program that has a file open, or has closed it and writes through memory, is named with its process."""
    with program(text, session / "raw" / "a.dat") as other, pytest.raises(errors.OpenWriters) as refusal:
        seal(store, actor)
    writer = refusal.value.facts["writers"][0]
    assert (writer["path"], writer["pid"]) == ("a.dat", other.pid)
    assert "python" in writer["program"]
    assert read_state(store, PATH)[0] is S.WRITABLE


def test_writer_that_comes_between_the_probes(store: DiskStore, session: Path, actor: Actor) -> None:
    """A program that opens a file after the first look is found by the second: protection stays, nothing is hashed."""
    steps = seal(store, actor)
    step = next(steps)
    while step.phase == "looking":
        step = next(steps)
    with (session / "raw" / "a.dat").open("ab"), pytest.raises(errors.OpenWriters, match="stays") as refusal:
        trees.driven(steps)
    assert "Nothing has been changed" not in str(refusal.value)
    assert read_state(store, PATH)[0] is S.INTERRUPTED
    assert not (session / "manifest-sha256.txt").exists()
    assert trees.driven(seal(store, actor)).state is S.SEALED


OPENS = """
import os, sys
names = [os.path.join(sys.argv[1], f"f{n}") for n in range(2)]
print("ready", flush=True)
rounds = 0
while os.getppid() == int(sys.argv[2]):
    for name in names:
        open(name, "r+b").close()
    rounds += 1
    if rounds == 1000:
        print("went on", flush=True)
"""


def test_probing_does_not_kill_and_does_not_hold(session: Path) -> None:
    """Programs that open files for writing while we probe do not end us by a signal, and go on themselves."""
    for number in range(2):
        trees.write(session / "raw", f"f{number}", b"x")
    found: set[writers.Probe] = set()

    def probes() -> None:
        for number in range(60_000):
            fd = os.open(session / "raw" / f"f{number % 2}", os.O_RDONLY)
            found.add(writers.probe(fd))
            os.close(fd)
        assert found == {writers.Probe.QUIET, writers.Probe.WRITTEN}, found

    with program(OPENS, session / "raw", os.getpid()) as other:
        assert in_child(probes, 0) == 0
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "went on"


def test_hard_link_made_during_the_seal_is_found(store: DiskStore, session: Path, actor: Actor) -> None:
    """A second name that a user makes between the look and the protection does not freeze a file elsewhere."""
    steps = seal(store, actor)
    step = next(steps)
    while step.phase == "looking":
        step = next(steps)
    outside = session / "analysis" / "late-link.dat"
    os.link(session / "raw" / "deep" / "b.dat", outside)
    assert trees.driven(steps).state is S.SEALED
    outside.write_text("changed")
    assert (session / "raw" / "deep" / "b.dat").read_text() == "second"
    assert trees.checked(session).returncode == 0


def test_deep_tree_is_sealed(store: DiskStore, session: Path, actor: Actor) -> None:
    """A tree as deep as a path can be is sealed without running out of anything."""
    subprocess.run(["mkdir", "-p", session / "raw" / "/".join(["d"] * 1200)], check=True)
    (session / "raw" / "/".join(["d"] * 1200) / "end.dat").write_bytes(b"deep")
    try:
        assert trees.driven(seal(store, actor)).state is S.SEALED
        assert trees.changeable(session / "raw") == []
    finally:
        trees.clear(session)
        subprocess.run(["rm", "-rf", session / "raw" / "d"], check=True)  # Python's own would run out of stack


def test_libc_exchange_is_there() -> None:
    """The attack above needs renameat2; without it that test would prove nothing."""
    assert hasattr(ctypes.CDLL(None), "renameat2")
