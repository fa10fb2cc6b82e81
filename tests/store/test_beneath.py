"""Opening below a root never leads out of it, with one call of the kernel and piece by piece."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import beneath
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, open_beneath, opened
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person


@pytest.fixture(params=["openat2", "by component"])
def top(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A root with a folder beside it that is not to be reached."""
    if request.param == "by component":
        monkeypatch.setattr(beneath, "_has_openat2", lambda: False)
    elif not beneath._has_openat2():
        pytest.skip("this kernel has no openat2")
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/a/b/file").write_text("inside")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/file").write_text("outside")
    (tmp_path / "root/a/out").symlink_to(tmp_path / "secret")
    (tmp_path / "root/a/up").symlink_to("../..")
    (tmp_path / "root/a/in").symlink_to("b")
    fd = os.open(tmp_path / "root", os.O_RDONLY)
    yield fd
    os.close(fd)


def test_ordinary_paths_are_opened(top: int) -> None:
    with opened(top, TreePath("a/b/file"), FILE) as fd:
        assert os.read(fd, 100) == b"inside"
    with opened(top, TreePath("a/b")) as fd:
        assert os.listdir(fd) == ["file"]
    with opened(top, TreePath("")) as fd:
        assert os.listdir(fd) == ["a"]


@pytest.mark.parametrize(
    "path", ["a/out/file", "a/up/secret/file", "a/in/file", "a/out", "a/in", "../secret/file", "a/../../secret/file"]
)
@pytest.mark.parametrize("flags", [FILE, FOLDER, PATH_ONLY | os.O_DIRECTORY])
def test_no_link_is_followed_and_no_way_leads_up(top: int, path: str, flags: int) -> None:
    """Neither out of the root nor within it."""
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is looked at
        open_beneath(top, path, flags)
    assert refused.value.errno in {errno.ELOOP, errno.EXDEV, errno.ENOTDIR}


def test_a_link_itself_can_be_looked_at(top: int) -> None:
    fd = open_beneath(top, "a/out", PATH_ONLY)
    assert os.readlink("", dir_fd=fd).endswith("/secret")
    os.close(fd)


def test_folders_that_can_only_be_passed_are_passed(top: int, tmp_path: Path) -> None:
    """A gate without permission to list it does not close what lies below."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    trees.readable_by_all(tmp_path)
    for folder in (
        tmp_path / "root",
        tmp_path / "root/a/b",
    ):
        folder.chmod(0o755)
    (tmp_path / "root/a").chmod(0o711)

    def read() -> bytes:
        with opened(top, TreePath("a/b/file"), FILE) as fd:
            return os.read(fd, 100)

    assert as_person(4711, read) == b"inside"


def test_paths_longer_than_the_kernel_takes(top: int) -> None:
    """Are opened piece by piece."""
    fd = os.dup(top)
    for _ in range(30):
        os.mkdir("x" * 250, dir_fd=fd)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=fd))
    os.close(fd)
    with opened(top, TreePath("/".join(["x" * 250] * 30 + ["file"])), FILE) as fd:
        assert os.fstat(fd).st_size == 0


def test_folder_exchanged_for_a_link_all_the_time(top: int, tmp_path: Path) -> None:
    """Whoever swaps a folder and a link never gets us to read what the link leads to."""
    (tmp_path / "root/a/b/deep").mkdir()
    (tmp_path / "root/a/b/deep/file").write_text("inside")
    (tmp_path / "secret/deep").mkdir()
    (tmp_path / "secret/deep/file").write_text("outside")
    stop = threading.Event()

    def swap() -> None:
        a = tmp_path / "root/a"
        while not stop.is_set():
            (a / "b").rename(a / "c")
            (a / "out").rename(a / "b")
            (a / "b").rename(a / "out")
            (a / "c").rename(a / "b")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for _ in range(3000):
            try:
                with opened(top, TreePath("a/b/deep/file"), FILE) as fd:
                    seen.add(os.read(fd, 100))
            except OSError as error:
                seen.add(error.errno)
    finally:
        stop.set()
        thread.join()
    assert b"outside" not in seen
    assert seen <= {b"inside", errno.ENOENT, errno.ELOOP, errno.ENOTDIR}


def test_nothing_stays_open(top: int) -> None:
    """After success and failure."""
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a/b/file", "a/out/file", "none/none", "a/b/file/x"):
        try:
            with opened(top, TreePath(path), FILE):
                pass
        except OSError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before
