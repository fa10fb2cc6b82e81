"""Sealing: the flags beside `chattr -R +i`, the checksums beside `sha256sum` on all cores."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags
from jupyter_modama.store.hashing import Hashes, Wanted, hash_files
from jupyter_modama.store.manifest import written as lines_of
from jupyter_modama.store.walk import walk
from tests.bench.measure import Line, Skipped, interleaved, median, rate, ratio, seconds, timed
from tests.bench.places import RAW, large_file, small_files, store_of, temporary_tree, thaw

FILES = 100_000
ROUNDS = 5
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

        found = interleaved(ROUNDS, {"ours": protect, "chattr": chattr}, lambda name: _as_new(raw))
        thaw(raw)
        probe = median([timed(lambda: store.sealing.survey(TreePath(RAW))) for _ in range(ROUNDS)])
    ours, peer = median(found["ours"]), median(found["chattr"])
    note = f"with the modes, which the peer leaves; the look for writers before it takes {seconds(probe)}"
    yield Line(
        "seal, flags only, 100,000 files", seconds(ours), f"{seconds(peer)} chattr -R +i", ratio(ours / peer),
        "<= 0.8x", ours <= 0.8 * peer, note, found,
    )  # fmt: skip


def _as_new(raw: Path) -> None:
    """Unprotected, and on the disk: what was written before must not be waited for in a measured time."""
    thaw(raw)
    os.sync()


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
    """Look for the files, hash them as a seal does, write the manifest; all from the page cache."""
    cores = os.cpu_count() or 1
    with temporary_tree("manifest") as root:
        for number in range(LARGE_FILES):
            large_file(root / RAW / f"scan_{number}.raw", LARGE_BYTES)
        yield _hashing(root, f"{LARGE_FILES} files of 512 MiB", LARGE_BYTES * LARGE_FILES, cores, each=1)
    with temporary_tree("manifest") as root:
        small_files(root / RAW, SMALL_FILES, SMALL_BYTES)
        yield _hashing(root, f"{SMALL_FILES:,} files of 10 kB", SMALL_BYTES * SMALL_FILES, cores, each=200)


def _hashing(root: Path, what: str, total: int, cores: int, each: int) -> Line:
    raw, mine, theirs = root / RAW, root / "mine", root / "theirs"
    command = f"find . -type f -print0 | xargs -0 -n {each} -P {cores} sha256sum > ../../../../theirs"

    def ours() -> None:
        fd = os.open(raw, os.O_RDONLY)
        try:
            files = [Wanted(node.path, node.status.st_size) for node in walk(fd) if node.is_file]
            hashed = Hashes()
            for batch in hash_files(fd, files):
                for one in batch:
                    hashed.add(one)
        finally:
            os.close(fd)
        with mine.open("wb") as file:
            file.writelines(lines_of(TreePath(""), hashed))

    def peer() -> None:
        subprocess.run(["sh", "-c", command], cwd=raw, check=True)

    ours()
    peer()
    _same(mine, theirs)
    found = interleaved(ROUNDS, {"ours": ours, "sha256sum": peer})
    speed, other = (total / median(found[name]) for name in ("ours", "sha256sum"))
    return Line(
        f"manifest, {what}", rate(speed), f"{rate(other)} xargs -P{cores} sha256sum", ratio(speed / other), ">= 0.9x",
        speed >= 0.9 * other, "", found,
    )  # fmt: skip


def _same(mine: Path, theirs: Path) -> None:
    """Both have hashed the same to the same."""
    ours, peers = set(mine.read_text().splitlines()), set(theirs.read_text().replace("  ./", "  ").splitlines())
    if ours != peers:
        raise AssertionError(f"{len(ours ^ peers)} checksums differ from those of sha256sum")
