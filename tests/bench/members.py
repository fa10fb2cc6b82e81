"""Changing members beside `setfacl -R`: one person more in a project of eight, and a pass that finds nothing to do.

The peer leaves the masks as they are (`-n`), as we do: else it would have members run all files, and change each of
them in every round.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace

from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from tests.bench.measure import Line, Skipped, interleaved, median, ratio, seconds
from tests.bench.places import RAW, small_files, store_of, temporary_tree

FILES = 100_000
ROUNDS = 5
EIGHT = {50_000 + number: Role.MEMBER for number in range(8)}
NINTH = 60_000
PROJECT = "adhoc/bench"


def change() -> Iterator[Line]:
    """Add a ninth member to a project of 100,000 files; eight again before each round. Then the same, already so."""
    if os.geteuid() != 0:
        raise Skipped("the folders belong to the system; please run this row as root")
    if shutil.which("setfacl") is None:
        raise Skipped("the peer, setfacl, is not installed (Debian package acl)")
    with temporary_tree("members") as root, store_of(root) as store:
        small_files(root / RAW, FILES, 10)
        top, path = root / PROJECT, TreePath(PROJECT)
        store.gates.adopt(path)
        eight = Gate({0: Role.OWNER, **EIGHT})
        nine = replace(eight, people={**eight.people, NINTH: Role.MEMBER})

        def ours() -> None:
            store.gates.write(path, eight, nine)
            _through(store, path, nine)

        def setfacl() -> None:
            entry = f"u:{NINTH}:rwx,d:u:{NINTH}:rwx"
            subprocess.run(["setfacl", "-R", "-n", "-m", entry, str(top)], check=True)

        def eight_again() -> None:
            store.gates.write(path, nine, eight)
            _through(store, path, eight)
            os.sync()

        found = interleaved(ROUNDS, {"ours": ours, "setfacl": setfacl}, lambda name: eight_again())
        works = {"ours": lambda: _through(store, path, nine), "setfacl": setfacl, "setfacl, idle": setfacl}
        ours()
        again = interleaved(ROUNDS, works, lambda name: eight_again() if name == "setfacl" else None)
    for what, times, peer, most, shown in (
        ("a member more, 100,000 files", found, "setfacl", 0.8, "setfacl -R -m"),
        ("nothing to change, 100,000 files", again, "setfacl", 0.3, "setfacl -R -m that changes all"),
        ("the same", again, "setfacl, idle", None, "setfacl -R -m with nothing to change"),
    ):
        mine, other = median(times["ours"]), median(times[peer])
        yield Line(
            what, seconds(mine), f"{seconds(other)} {shown}", ratio(mine / other),
            f"<= {most}x" if most else "", mine <= most * other if most else None, "", times,
        )  # fmt: skip


def _through(store: DiskStore, path: TreePath, gate: Gate) -> None:
    *_, seen = store.gates.go_through(path, gate, (), mend=True, report=False)
    assert seen > FILES, seen
