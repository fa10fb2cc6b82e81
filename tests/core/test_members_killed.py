"""A change of members that is killed in the middle: the gate counts at once, and what lies behind follows later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.paths import TreePath
from jupyter_modama.runner import Runner
from jupyter_modama.store import acl
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.accounts import Accounts

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]
P = "adhoc/p"
FOLDERS, FILES = 60, 100

# Begins a change as a job, says when the walk is under way, and waits to be killed.
CHILD = """
import sys
from jupyter_modama import runner as running
from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.runner import Runner
from jupyter_modama.store import people
from jupyter_modama.store.disk import DiskStore

running.TOLD_EVERY_S = 0.0  # every step is told, so that the walk waits here
root, uid, change = sys.argv[1:]
store = DiskStore(Site(root=root))
row = OPERATIONS["project.set_members"]
add, remove = ((change[1:],), ()) if change[0] == "+" else ((), (change[1:],))

def told(job):
    if job.phase == "rights" and 1000 <= job.done < 5000:
        print("walking", flush=True)
        sys.stdin.read()

runner = Runner(store)
wanted = row.wanted(project="adhoc/p", add=add, remove=remove)
runner.run(row, wanted, Actor(people.person(int(uid)), Via.CLI), told)
"""


@pytest.fixture
def big(by: Any, people: Accounts, root: Path) -> Path:
    """A project with some thousand files, which alice made."""
    by(people.alice)("project.create", name="p")
    by(people.alice)("session.create", project=P, name="s")
    raw = root / P / "s/raw"
    people.alice.shell(
        f"for d in $(seq {FOLDERS}); do mkdir $d; (cd $d; seq -f f%g {FILES} | xargs touch); done", cwd=raw
    )
    return raw


def killed(root: Path, people: Accounts, change: str) -> None:
    """Begin a change in a process of its own, and kill it while it walks."""
    words = [sys.executable, "-c", CHILD, str(root), str(people.alice.uid), change]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "walking\n"
        child.send_signal(signal.SIGKILL)


def named(raw: Path, uid: int) -> int:
    """In how many lists of files somebody is named."""
    files = (path for path in raw.rglob("*") if path.is_file())
    return sum(uid in acl.decode(os.getxattr(path, acl.ACCESS)).users for path in files)


def test_removed_member_is_out_although_the_walk_was_killed(
    big: Path, by: Any, people: Accounts, root: Path, do: Any
) -> None:
    """Nightly finishes it, and nobody has to ask again."""
    alice, bob, _ = people
    by(alice)("project.set_members", project=P, add=(bob.login,))
    assert bob.appends(big / "1/f1")
    killed(root, people, f"-{bob.login}")
    assert not bob.reads(big / "1/f1")
    assert not bob.reads(big / f"{FOLDERS}/f1")
    left = named(big, bob.uid)
    assert 0 < left < FOLDERS * FILES, "it was killed in the middle"
    assert do.store.read_record(TreePath(P), "members")["spreading"] is True
    report = do("site.nightly")
    assert (report.finished, named(big, bob.uid)) == (1, 0)
    assert report.mended < FOLDERS * FILES, "what was changed already is only looked at"
    assert do("project.check", project=P).found == ()


@pytest.mark.parametrize("adds", [True, False])
def test_job_goes_on_after_a_kill(
    big: Path, people: Accounts, root: Path, store: DiskStore, by: Any, adds: bool
) -> None:
    """Under its old id, although its first effect changed what it was judged by."""
    alice, bob, _ = people
    if not adds:
        by(alice)("project.set_members", project=P, add=(bob.login,))
    killed(root, people, f"{'+' if adds else '-'}{bob.login}")
    assert bob.can("ls", root / P) is adds, "the gate counts at once"
    assert 0 < named(big, bob.uid) < FOLDERS * FILES
    runner = Runner(store)
    try:
        (job,) = runner.resume_interrupted(alice.actor)
        deadline = time.monotonic() + 30
        while not store.jobs.get(job.id).state.ended and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        runner.close()
    assert store.jobs.get(job.id).state == "done", store.jobs.get(job.id).problem
    assert named(big, bob.uid) == (FOLDERS * FILES if adds else 0)
    assert bob.appends(big / f"{FOLDERS}/f1") is adds


def test_killed_before_the_gate_changes_nothing(big: Path, people: Accounts, by: Any, do: Any) -> None:
    """The record of the beginning alone does not say who is a member."""
    steps = by(people.alice).begun("project.set_members", project=P, add=(people.bob.login,))
    next(steps)
    steps.close()
    assert not people.bob.reads(big / "1/f1")
    assert do("site.nightly").mended == 0
