"""Sealing: the flags beside `chattr -R +i`, the checksums beside `sha256sum` on all cores."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags
from jupyter_modama.store.disk import DiskStore
from tests.bench.measure import Line, Skipped, interleaved, median, rate, ratio, seconds, timed
from tests.bench.places import RAW, SESSION, large_file, small_files, store_of, temporary_tree, thaw

FILES = 100_000
ROUNDS = 3
LARGE_BYTES, LARGE_FILES = 512 << 20, 4
SMALL_BYTES, SMALL_FILES = 10_000, 40_000


def flags_only() -> Iterator[Line]:
    """Protect 100,000 files in folders of a hundred, modes and flags, race-safe; undone before each round."""
    if os.geteuid() != 0:
        raise Skipped("only root can set the immutable flag; please run this row as root")
    if shutil.which("chattr") is None:
        raise Skipped("the peer, chattr, is not installed (Debian package e2fsprogs)")
    with temporary_tree("seal") as root, store_of(root) as store:
        raw = root / RAW
        small_files(raw, FILES, 10)
        _demand_flag(raw)

        def protect() -> None:
            *_, done = store.sealing.protect(TreePath(RAW), Protection.IMMUTABLE, ())
            assert done == FILES, done

        def chattr() -> None:
            subprocess.run(["chattr", "-R", "+i", str(raw)], check=True)

        found = interleaved(ROUNDS, {"ours": protect, "chattr": chattr}, lambda name: thaw(raw))
        thaw(raw)
        probe = median([timed(lambda: store.sealing.survey(TreePath(RAW))) for _ in range(ROUNDS)])
    ours, peer = median(found["ours"]), median(found["chattr"])
    note = f"with the modes, which the peer leaves; the look for writers before it takes {seconds(probe)}"
    yield Line(
        "seal, flags only, 100,000 files", seconds(ours), f"{seconds(peer)} chattr -R +i", ratio(ours / peer),
        "<= 0.8x", ours <= 0.8 * peer, note, found,
    )  # fmt: skip


def _demand_flag(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        if not flags.can_set(fd):
            raise Skipped(
                f"the file system of {folder} takes no immutable flag here; please set TMPDIR to one that does"
            )
    finally:
        os.close(fd)


def manifest() -> Iterator[Line]:
    """Hash as a seal does, the notes for going on after a crash included, from the page cache."""
    cores = os.cpu_count() or 1
    with temporary_tree("manifest") as root, store_of(root) as store:
        for number in range(LARGE_FILES):
            large_file(root / RAW / f"scan_{number}.raw", LARGE_BYTES)
        yield _hashing(store, root, "large files", LARGE_BYTES * LARGE_FILES, cores, each=1)
    with temporary_tree("manifest") as root, store_of(root) as store:
        small_files(root / RAW, SMALL_FILES, SMALL_BYTES)
        yield _hashing(store, root, f"{SMALL_FILES:,} files of 10 kB", SMALL_BYTES * SMALL_FILES, cores, each=200)


def _hashing(store: DiskStore, root: Path, what: str, total: int, cores: int, each: int) -> Line:
    raw = root / RAW
    command = f"find . -type f -print0 | xargs -0 -n {each} -P {cores} sha256sum > {root / 'sums'}"

    def ours() -> None:
        steps = store.sealing.hash(TreePath(SESSION), TreePath(RAW), remember=True)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            store.sealing.write_manifest(TreePath(SESSION), "raw", end.value)

    def peer() -> None:
        subprocess.run(["sh", "-c", command], cwd=raw, check=True)

    def forget(name: str) -> None:
        with suppress(FileNotFoundError):
            (root / SESSION / ".modama" / "hashes.jsonl").unlink()

    ours()
    peer()
    _same(root)
    found = interleaved(ROUNDS, {"ours": ours, "sha256sum": peer}, forget)
    mine, other = (total / median(found[name]) for name in ("ours", "sha256sum"))
    return Line(
        f"manifest, {what}", rate(mine), f"{rate(other)} xargs -P{cores} sha256sum", ratio(mine / other), ">= 0.9x",
        mine >= 0.9 * other, "", found,
    )  # fmt: skip


def _same(root: Path) -> None:
    """Both have hashed the same to the same."""
    ours = {line.replace("  raw/", "  ") for line in (root / SESSION / "manifest-sha256.txt").read_text().splitlines()}
    peers = {line.replace("  ./", "  ") for line in (root / "sums").read_text().splitlines()}
    if ours != peers:
        raise AssertionError(f"{len(ours ^ peers)} checksums differ from those of sha256sum")
