"""One file or folder: what the disk says of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotFound, PathRefused, Unsupported


@pytest.fixture(autouse=True)
def raw(do: Any, root: Path) -> Path:
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    (root / "adhoc/p/s/raw/a.dm4").write_bytes(b"12345")
    return root / "adhoc/p/s/raw"


RAW = "adhoc/p/s/raw"


def test_file_is_shown_with_where_it_belongs(do: Any, raw: Path) -> None:
    """Times here and of the file, owner, names on the disk, project and session."""
    os.link(raw / "a.dm4", raw / "b.dm4")
    os.utime(raw / "a.dm4", (0, 0))
    shown = do("entry.show", path=f"{RAW}/a.dm4")
    assert (shown.entry.size_bytes, shown.links, shown.entries) == (5, 2, None)
    assert (shown.project, shown.session, shown.session_state, shown.in_raw) == ("adhoc/p", "s", "writable", True)
    assert shown.entry.modified == datetime(1970, 1, 1, tzinfo=UTC)
    assert datetime.now(UTC) - timedelta(minutes=5) < shown.changed
    assert shown.owner.uid == os.getuid()
    assert shown.sha256 == ""


def test_folder_is_shown_with_the_number_of_its_entries(do: Any) -> None:
    assert do("entry.show", path=RAW).entries == 1
    assert do("entry.show", path="adhoc/p").entries == 1, "records are not counted"
    root = do("entry.show", path="")
    assert (root.entries, root.project, root.session_state) == (1, "", None)


@pytest.mark.parametrize("path", [f"{RAW}/none", f"{RAW}/a.dm4/x", "elsewhere"])
@pytest.mark.parametrize("operation", ["entry.show", "entry.metadata"])
def test_what_is_not_there_is_not_found(do: Any, operation: str, path: str) -> None:
    with pytest.raises(NotFound):
        do(operation, path=path)


@pytest.mark.parametrize("path", ["../etc/passwd", "/etc/passwd", "a\0b"])
def test_paths_out_of_the_tree_are_refused(do: Any, path: str) -> None:
    for operation in ("entry.show", "entry.explain", "entry.links", "entry.metadata", "folder.list"):
        with pytest.raises(PathRefused):
            do(operation, path=path)


def test_links_and_devices_have_no_metadata(do: Any, raw: Path) -> None:
    """They are not opened at all."""
    (raw / "link.dm4").symlink_to("a.dm4")
    os.mkfifo(raw / "pipe.dm4")
    for name in ("link.dm4", "pipe.dm4"):
        with pytest.raises(Unsupported, match="no ordinary file"):
            do("entry.metadata", path=f"{RAW}/{name}")


def test_unreadable_metadata_is_a_normal_answer(do: Any) -> None:
    """Without readers it is said that there are none."""
    found = do("entry.metadata", path=f"{RAW}/a.dm4")
    assert not found.readable
    assert found.why


def test_times_that_no_calendar_holds(do: Any, raw: Path) -> None:
    """A disk can store them, and the entry is shown all the same."""
    for seconds in (-(2**31), 2**33):
        os.utime(raw / "a.dm4", (seconds, seconds))
        shown = do("entry.show", path=f"{RAW}/a.dm4").entry.modified
        assert shown.tzinfo is not None
