"""What is measured at many files: each work on a tree with one project, and in a process of its own for its memory.

python -m tests.bench.works seal <root>
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Protection, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.runner import local_actor
from jupyter_modama.store import totals
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.totals import Following
from jupyter_modama.testing.doing import Does
from tests.bench.places import RAW, SESSION, store_of

PROJECT = TreePath("adhoc/bench")
EIGHT = Gate({0: Role.OWNER, **{50_000 + number: Role.MEMBER for number in range(8)}})
NINE = replace(EIGHT, people={**EIGHT.people, 60_000: Role.MEMBER})


def seal(store: DiskStore) -> None:
    """Modes and immutable flags of all that lies in the raw folder."""
    *_, _ = store.sealing.protect(TreePath(RAW), Protection.IMMUTABLE, ())


def probe(store: DiskStore) -> None:
    """The look for writers, and whatever else a seal looks for before it."""
    store.sealing.survey(TreePath(RAW))


def whole(store: DiskStore) -> None:
    """A seal from beginning to end, as it is asked for: looked for writers, protected, hashed, written down."""
    Does(store, local_actor(store))("session.seal", project=str(PROJECT), session=SESSION.rpartition("/")[2])


def verify(store: DiskStore) -> None:
    """All of what is sealed is read again and held against its checksums."""
    Does(store, local_actor(store))("session.verify", project=str(PROJECT), session=SESSION.rpartition("/")[2])


def members(store: DiskStore) -> None:
    """A ninth member: the gate, and all that lies behind it."""
    store.gates.write(PROJECT, EIGHT, NINE)
    *_, _ = store.gates.go_through(PROJECT, NINE, (), mend=True, report=False)


def eight(store: DiskStore) -> None:
    """Eight members again."""
    store.gates.write(PROJECT, NINE, EIGHT)
    *_, _ = store.gates.go_through(PROJECT, EIGHT, (), mend=True, report=False)


def check(store: DiskStore) -> None:
    """`project.check` where all is as it should be."""
    *_, _ = store.gates.go_through(PROJECT, store.gates.read(PROJECT), (), mend=False, report=True)


def index(store: DiskStore) -> None:
    """Count all projects into a new index, without the rests that it takes in a keeper."""
    with tempfile.TemporaryDirectory(prefix="modama-bench-index-") as own:
        following = without_rests(Following(store, Path(own) / "totals.sqlite"))
        while following.turn():
            pass
        following.close()


def without_rests(following: Following) -> Following:
    following._pace.rest = lambda: 0.0  # type: ignore[method-assign]
    totals.SETTLED_S = totals.TOLD_EVERY_S = totals.FACTOR = 0.0
    return following


WORKS: dict[str, Callable[[DiskStore], None]] = {
    work.__name__: work for work in (seal, probe, whole, verify, members, eight, check, index)
}


def peak(work: str, root: Path) -> int:
    """The bytes that a process of its own had in memory at most when it did one of the works."""
    words = [sys.executable, "-m", "tests.bench.works", work, str(root)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(done.stdout.split()[-1])


def main() -> int:
    name, root = sys.argv[1:]
    with store_of(Path(root)) as store, suppress(BrokenPipeError):
        WORKS[name](store)
        print(_peak())
    return 0


def _peak() -> int:
    """Of this very process: what getrusage(2) says holds the parent's memory, too, as it was at the start."""
    for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


if __name__ == "__main__":
    sys.exit(main())
