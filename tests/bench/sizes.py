"""The same works at ten thousand, a hundred thousand and a million files (`SIZE=1000000`), with the memory of each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.totals import Following
from tests.bench import works
from tests.bench.measure import Line, Samples, Skipped, interleaved, median, ratio, seconds
from tests.bench.places import RAW, small_files, store_of, temporary_tree, thaw
from tests.bench.works import PROJECT, peak, without_rests

DEFAULT = "10000,100000"
MOST_BYTES = 200 << 20
SETFACL = ("setfacl", "-R", "-n", "-m", "u:60000:rwx,d:u:60000:rwx")  # -n: the masks as we have them
FEW = 300_000  # above that each round takes minutes


def many_files() -> Iterator[Line]:
    """Seal, look for writers, members, check, index: each beside its peer, with the memory that it takes."""
    if os.geteuid() != 0:
        raise Skipped("the folders belong to the system; please run this row as root")
    if missing := [name for name in ("chattr", "setfacl", "du") if shutil.which(name) is None]:
        raise Skipped(f"the peers {', '.join(missing)} are not installed (Debian packages e2fsprogs, acl, coreutils)")
    for size in (int(text) for text in os.environ.get("SIZE", DEFAULT).split(",")):
        with temporary_tree("sizes") as root, store_of(root) as store:
            small_files(root / RAW, size, 10)
            yield from lines(root, store, size)


def lines(root: Path, store: DiskStore, size: int) -> Iterator[Line]:
    """All lines of one tree, which has so many files."""
    rounds = 5 if size <= FEW else 2
    store.gates.adopt(PROJECT)
    store.gates.write(PROJECT, works.NINE, works.EIGHT)
    *_, _ = store.gates.go_through(PROJECT, works.EIGHT, (), mend=True, report=False)
    yield _members(root, store, size, rounds)
    yield _check(root, store, size, rounds)
    yield _build(root, store, size, rounds)
    yield _update(root, store, size, rounds)
    yield from _seal(root, store, size, rounds)
    yield _whole(
        root, size, "seal, whole", "whole", "with a new process, the flags, the look for writers and the manifest"
    )
    yield _whole(root, size, "verify", "verify", "with a new process, the look at each entry and the comparison")


def _command(*words: str) -> Callable[[], None]:
    def run() -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    return run


def _line(
    what: str, size: int, times: dict[str, Samples], peer: str, most: float | None, bytes_: int, note: str = ""
) -> Line:
    """One line; memory has to be below its bound whatever the time is."""
    mine, other = median(times["ours"]), median(times[peer])
    fits = bytes_ <= MOST_BYTES
    met = fits if most is None else fits and mine <= most * other
    budget = "<= 200 MB" if most is None else f"<= {most}x, <= 200 MB"
    memory = f"{bytes_ / 1e6:.0f} MB"
    value = f"{ratio(mine / other)}, {memory}" if bytes_ else ratio(mine / other)
    return Line(f"{what}, {size:,} files", seconds(mine), f"{seconds(other)} {peer}", value, budget, met, note, times)


def _members(root: Path, store: DiskStore, size: int, rounds: int) -> Line:
    peer = _command(*SETFACL, str(root / PROJECT))

    def again(name: str) -> None:
        works.eight(store)
        os.sync()

    found = interleaved(rounds, {"ours": lambda: works.members(store), "setfacl -R -m": peer}, again)
    works.eight(store)
    return _line("a member more", size, found, "setfacl -R -m", 0.8, peak("members", root))


def _check(root: Path, store: DiskStore, size: int, rounds: int) -> Line:
    peer = _command(*SETFACL, str(root / PROJECT))
    works.members(store)
    found = interleaved(rounds, {"ours": lambda: works.check(store), "setfacl -R -m": peer})
    return _line("check, nothing to mend", size, found, "setfacl -R -m", None, peak("check", root))


def _build(root: Path, store: DiskStore, size: int, rounds: int) -> Line:
    peer = _command("du", "-s", str(root / PROJECT))
    found = interleaved(rounds, {"ours": lambda: works.index(store), "du -s": peer})
    note = "in a keeper it takes four times as long, since it rests for three quarters of the time"
    return _line("index, built anew", size, found, "du -s", None, peak("index", root), note)


def _update(root: Path, store: DiskStore, size: int, rounds: int) -> Line:
    """One file more, until it is in the record of the project."""
    following = without_rests(Following(store, store.index.file.with_name("totals.sqlite")))
    while following.turn():
        pass
    folder = sorted((root / RAW).iterdir())[0]
    heard = [TreePath(f"{RAW}/{folder.name}")]
    before = following.total(PROJECT)

    def one_more() -> None:
        (folder / "one more").touch()
        following.heard(heard)
        while following.turn():
            pass

    def one_less(name: str) -> None:
        (folder / "one more").unlink(missing_ok=True)
        following.heard(heard)
        while following.turn():
            pass

    found = interleaved(rounds, {"ours": one_more, "du -s": _command("du", "-s", str(root / PROJECT))}, one_less)
    (folder / "one more").touch()
    one_more()
    after = following.total(PROJECT)
    assert before is not None, "it was not counted"
    assert after is not None, "it is not counted any more"
    assert after[0] == before[0] + 1, (before, after)
    following.close()
    one_less("")
    return _line("index, one file more", size, found, "du -s", None, 0)


def _seal(root: Path, store: DiskStore, size: int, rounds: int) -> Iterator[Line]:
    raw = root / RAW

    def as_new(name: str) -> None:
        thaw(raw)
        os.sync()

    peer = {"chattr -R +i": _command("chattr", "-R", "+i", str(raw))}
    found = interleaved(rounds, {"ours": lambda: works.seal(store), **peer}, as_new)
    as_new("")
    yield _line("seal, flags only", size, found, "chattr -R +i", 0.8, peak("seal", root), "with the modes")
    found = interleaved(rounds, {"ours": lambda: works.probe(store), **peer}, as_new)
    as_new("")
    yield _line("look for writers before it", size, found, "chattr -R +i", None, peak("probe", root))


def _whole(root: Path, size: int, what: str, work: str, note: str) -> Line:
    """A seal or a verification as people ask for it; told for its memory, since no peer does all of it."""
    command = "find . -type f -print0 | xargs -0 -n 200 -P $(nproc) sha256sum > /dev/null"

    def sha256sum() -> None:
        subprocess.run(["sh", "-c", command], cwd=root / RAW, check=True)

    taken: list[int] = []
    found = interleaved(1, {"sha256sum": sha256sum, "ours": lambda: taken.append(peak(work, root))})
    return _line(what, size, found, "sha256sum", None, taken[0], f"{note}; the peer hashes")
