"""The manifest in the syntax of GNU sha256sum, and hashing on all cores."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows
from jupyter_modama.store import hashing, manifest
from jupyter_modama.store.hashing import Hashed, Hashes, Wanted, hash_files
from jupyter_modama.store.sorted_file import sha256_in
from jupyter_modama.testing import trees

NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), max_size=12)
RAW = TreePath("raw")


def sums_of(paths: list[bytes]) -> dict[bytes, str]:
    return {path: hashlib.sha256(path).hexdigest() for path in paths}


def hashes(sums: dict[bytes, str], size: int = 0) -> Hashes:
    """What was hashed, by the paths' bytes."""
    found = Hashes()
    for path, sha256 in sums.items():
        found.add(Hashed(TreePath(os.fsdecode(path)), sha256, size, 0, 0, 0))
    return found


@given(PATHS)
def test_what_is_written_is_read(paths: list[bytes]) -> None:
    """Every name that a disk can hold comes back as it was, in the order of the bytes."""
    sums = sums_of(paths)
    text = b"".join(manifest.written(RAW, hashes(sums)))
    found = list(manifest.read(manifest.lines_of(BytesIO(text))))
    assert found == [(b"raw/" + path, sums[path].encode()) for path in sorted(sums)]


@given(PATHS, NAMES)
def test_one_line_is_found_without_reading_the_others(paths: list[bytes], other: bytes) -> None:
    """Whatever the names are; what is not in it has no checksum."""
    sums = sums_of(paths)
    with tempfile.TemporaryFile() as file:
        file.writelines(manifest.written(RAW, hashes(sums)))
        file.flush()
        for path in (*sums, other):
            assert sha256_in(file.fileno(), b"raw/" + path) == sums.get(path, "")


@given(st.binary())
def test_any_text_is_read_or_refused(text: bytes) -> None:
    """What is no manifest ends in a ValueError and nothing else."""
    with suppress(ValueError):
        assert all(len(sha256) == 64 for _, sha256 in manifest.read(manifest.lines_of(BytesIO(text))))


@given(st.binary())
def test_damaged_entries_are_passed_over(text: bytes) -> None:
    """A half-written line costs itself."""
    links, folders, found = Rows(), Rows(), manifest.Recorded()
    links.add("link", b"../target")
    folders.add("\udcff")
    good = b"".join(manifest.entries_written(RAW, hashes({"ä".encode(): "0" * 64}, 7), links, folders))
    found.read_entries(manifest.lines_of(BytesIO(text + b"\n" + good)))
    assert "raw/ä\0007".encode() in list(found.sizes)
    assert b"raw/link\0../target" in list(found.links)
    assert b"raw/\xff\0" in list(found.folders)
    assert found.entries_sha256 == hashlib.sha256(text + b"\n" + good).hexdigest()


def test_order_is_that_of_the_bytes() -> None:
    """The same files give the same manifest, whatever the locale."""
    sums = {name.encode(): "0" * 64 for name in ("b", "B", "ä", "a", "a-b", "a/b")}
    paths = [path for path, _ in manifest.read(manifest.written(RAW, hashes(sums)))]
    assert paths == [b"raw/B", b"raw/a", b"raw/a-b", b"raw/a/b", b"raw/b", "raw/ä".encode()]


def test_same_text_as_gnu_sha256sum(tmp_path: Path) -> None:
    """Byte for byte what the program writes for the same files."""
    names: list[bytes] = [
        b"plain",
        b"back\\slash",
        b"new\nline",
        b"\xff\xfe",
        "ä #&%'\"".encode(),
        b" lead",
        b"*star",
        b"a*b",
    ]
    for name in names:
        trees.write(tmp_path, name, name)
    said = subprocess.run(["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    sums = {name: hashlib.sha256(name).hexdigest() for name in names}
    assert sorted(manifest.written(TreePath(""), hashes(sums))) == sorted(said.splitlines(keepends=True))


# hashing -------------------------------------------------------------------------------------------------------------


def wanted(folder: Path) -> list[Wanted]:
    return [Wanted(TreePath(os.fsdecode(path)), len(text)) for path, text in trees.contents(folder).items()]


def all_hashed(folder: Path, files: list[Wanted]) -> dict[str, Hashed]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return {h.path: h for batch in hash_files(fd, files) for h in batch}
    finally:
        os.close(fd)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More small files than one process is asked for, with odd names, an empty and some large ones."""
    for number in range(hashing.MANY + 100):
        trees.write(tmp_path, f"d{number % 7}/e/f{number}", b"%d" % number)
    for name in (b"new\nline", b"\xff", b"d0/\xfe/back\\slash", b"empty"):
        trees.write(tmp_path, name, b"" if name == b"empty" else name)
    trees.write(tmp_path, "large", os.urandom(hashing.SMALL * 9))
    return tmp_path


def test_every_file_is_hashed_by_whoever_does_it(many: Path) -> None:
    """Processes for small files and threads for large ones find the same as hashlib does."""
    expected = {os.fsdecode(path): hashlib.sha256(text).hexdigest() for path, text in trees.contents(many).items()}
    found = all_hashed(many, wanted(many))
    assert {path: h.sha256 for path, h in found.items()} == expected
    status = (many / "large").stat()
    large = found["large"]
    assert large[2:6] == (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def test_killed_process_costs_nothing(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a process that hashes is killed, its files are hashed all the same."""
    plain = hashing._started
    started = []

    def killed(fd: int) -> subprocess.Popen[bytes]:
        process = plain(fd)
        if not started:
            process.send_signal(signal.SIGKILL)
            process.wait()
        started.append(process)
        return process

    monkeypatch.setattr(hashing, "_started", killed)
    files = wanted(many)
    found = all_hashed(many, files)
    assert started
    assert len(found) == len(files)
    assert not [h for h in found.values() if h.error or len(h.sha256) != 64]


def test_vanished_and_replaced_files_are_said(many: Path) -> None:
    """A file that is gone, or a link in its place, has an error and no checksum, and the others have theirs."""
    files = wanted(many)
    (many / "d1" / "e" / "f1").unlink()
    (many / "d2" / "e" / "f2").unlink()
    (many / "d2" / "e" / "f2").symlink_to("/etc/hostname")
    (many / "large").unlink()
    os.mkfifo(many / "large")
    (many / "d3" / "e").rename(many / "d3" / "elsewhere")
    (many / "d3" / "e").symlink_to("elsewhere")
    found = all_hashed(many, files)
    failed = {path for path, h in found.items() if h.error}
    assert {"d1/e/f1", "d2/e/f2"} <= failed
    assert {path for path in found if path.startswith("d3/e/")} <= failed
    assert "large" not in failed or found["large"].sha256 == ""
    assert len(found) == len(files)


def test_stopping_ends_the_processes(many: Path) -> None:
    """Whoever stops asking leaves no process behind."""
    fd = os.open(many, os.O_RDONLY | os.O_DIRECTORY)
    steps = hash_files(fd, wanted(many))
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    os.close(fd)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    mine = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children if Path(f"/proc/{child}").exists()]
    assert not [line for line in mine if b"hasher.py" in line]
