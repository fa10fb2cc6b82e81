"""What the disk says of an entry."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.model import EntryKind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.status import moment, stat_at


def look(folder: Path, name: str) -> object:
    fd = os.open(folder, os.O_RDONLY)
    try:
        return stat_at(fd, name, TreePath(name))
    finally:
        os.close(fd)


def test_all_that_os_stat_says(tmp_path: Path) -> None:
    """The same numbers, and the birth beside them."""
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    file.chmod(0o1640)
    os.link(file, tmp_path / "b")
    os.utime(file, ns=(10**9, 2 * 10**9 + 1_500))
    found, plain = look(tmp_path, "a"), file.stat()
    assert (found.size_bytes, found.uid, found.gid, found.nlink, found.inode, found.device, found.mode) == (  # type: ignore[attr-defined]
        5,
        plain.st_uid,
        plain.st_gid,
        2,
        plain.st_ino,
        plain.st_dev,
        0o1640,
    )
    assert found.modified == datetime(1970, 1, 1, 0, 0, 2, 1, tzinfo=UTC)  # type: ignore[attr-defined]
    assert abs(found.changed.timestamp() - plain.st_ctime) < 1e-3  # type: ignore[attr-defined]
    born = found.born  # type: ignore[attr-defined]
    assert born is None or abs(born.timestamp() - time.time()) < 3600


def test_kinds(tmp_path: Path) -> None:
    """Whatever a disk can hold; links are not followed, not even into nothing."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/nowhere/\udcff")
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.close()
    kinds = {name: look(tmp_path, name).kind for name in os.listdir(tmp_path)}  # type: ignore[attr-defined]
    assert kinds == {
        "file": EntryKind.FILE,
        "folder": EntryKind.FOLDER,
        "link": EntryKind.LINK,
        "pipe": EntryKind.OTHER,
        "socket": EntryKind.OTHER,
    }
    assert look(tmp_path, "link").target == "/nowhere/\udcff"  # type: ignore[attr-defined]
    with pytest.raises(FileNotFoundError):
        look(tmp_path, "none")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999))
def test_every_time_of_a_disk_is_a_time(seconds: int, nanoseconds: int) -> None:
    """The nearest that a calendar has, in UTC, never earlier for a later one."""
    found = moment(seconds, nanoseconds)
    assert found.tzinfo is UTC
    if abs(seconds) < 10**10:
        assert found == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    assert moment(seconds - 1 if seconds > -(2**63) else seconds) <= found
