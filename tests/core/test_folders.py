"""Folders page by page, and what stands in each row."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import CursorExpired, Invalid, NotFound
from jupyter_modama.core.folders import ListFolder, list_folder, mode_text
from jupyter_modama.core.model import EntryKind, Site, Via
from jupyter_modama.core.paths import TreePath
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore


@pytest.fixture(autouse=True)
def raw(do: Any, root: Path) -> Path:
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    return root / "adhoc/p/s/raw"


RAW = "adhoc/p/s/raw"
AWKWARD = [
    b"a b",
    b"#1 & 2%.dm4",
    b"new\nline",
    b"caf\xe9.dm4",
    b"'quote'",
    b'"',
    b"\\xe9",
    b"-rf",
    b"\x01",
    "ü".encode(),
    b"*",
]


def test_rows_say_what_an_entry_is(do: Any, raw: Path) -> None:
    """Kind, size, owner, mode as `ls` writes it, what can open it, and where a link leads."""
    (raw / "a.dm4").write_bytes(b"12345")
    (raw / "a.dm4").chmod(0o640)
    (raw / "link").symlink_to("/etc/passwd")
    (raw / "deep").mkdir()
    os.mkfifo(raw / "pipe")
    rows = {e.name: e for e in do("folder.list", path=RAW).items}
    assert [rows[n].kind for n in ("a.dm4", "link", "deep", "pipe")] == ["file", "link", "folder", "other"]
    assert (rows["a.dm4"].size_bytes, rows["deep"].size_bytes) == (5, None)
    assert (rows["a.dm4"].mode, rows["a.dm4"].path) == ("-rw-r-----", f"{RAW}/a.dm4")
    assert "LiberTEM" in rows["a.dm4"].tools
    assert (rows["link"].target, rows["link"].writable) == ("/etc/passwd", False)
    assert rows["a.dm4"].writable


def test_folder_says_where_it_lies(do: Any) -> None:
    """So that a page can show project, session, and what each folder of the layout is."""
    assert [e.role_in_tree for e in do("folder.list").items] == ["area"]
    assert [e.role_in_tree for e in do("folder.list", path="adhoc/p").items] == ["session"]
    page = do("folder.list", path="adhoc/p/s")
    assert {e.name: e.role_in_tree for e in page.items} == {"raw": "raw", "analysis": "derived", "notes.md": ""}
    assert (page.project, page.session, page.writable, page.sealed) == ("adhoc/p", "s", True, False)


def test_folder_at_the_depth_of_sessions_without_raw_is_none(do: Any, root: Path) -> None:
    (root / "adhoc/p/papers").mkdir()
    rows = {e.name: e.role_in_tree for e in do("folder.list", path="adhoc/p").items}
    assert rows == {"s": "session", "papers": ""}
    assert do("folder.list", path="adhoc/p/papers").session == ""


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_are_listed_opened_and_filtered(do: Any, raw: Path, name: bytes) -> None:
    """Every byte that the disk allows: the row leads back to the file, as text or by its bytes."""
    folder = os.fsencode(raw) + b"/" + name
    os.mkdir(folder)
    with open(folder + b"/" + name, "wb") as file:
        file.write(b"123")
    row = do("folder.list", path=RAW).items[0]
    row.name.encode()
    inside = do("folder.list", path=row.path, path_b64=row.path_b64)
    assert [e.size_bytes for e in inside.items] == [3]
    shown = do("entry.show", path=inside.items[0].path, path_b64=inside.items[0].path_b64)
    assert (shown.entry.size_bytes, shown.in_raw, shown.session) == (3, True, "s")
    assert do("folder.list", path=RAW, filter=os.fsdecode(name).replace("*", "[*]")).total == 1
    again = do("folder.list", path=row.path, path_b64=row.path_b64, cursor=inside.cursor)
    assert again.total == 1


def test_cursor_of_another_folder_is_refused(do: Any, raw: Path) -> None:
    """Also when another folder has taken the place of the first."""
    for name in ("a", "b"):
        (raw / name).mkdir()
        (raw / name / f"in {name}").touch()
    cursor = do("folder.list", path=f"{RAW}/a").cursor
    with pytest.raises(CursorExpired):
        do("folder.list", path=f"{RAW}/b", cursor=cursor)
    (raw / "a").rename(raw / "old")
    (raw / "b").rename(raw / "a")
    with pytest.raises(CursorExpired):
        do("folder.list", path=f"{RAW}/a", cursor=cursor)


def test_pages_are_never_too_long_nor_too_short(do: Any, raw: Path) -> None:
    for number in range(3):
        (raw / str(number)).touch()
    assert len(do("folder.list", path=RAW, limit=0).items) == 1
    assert len(do("folder.list", path=RAW, limit=-5).items) == 1
    assert len(do("folder.list", path=RAW, limit=10**9).items) == 3
    assert do("folder.list", path=RAW, start=-1).start == 0
    assert (do("folder.list", path=RAW, start=10**9).start, do("folder.list", path=RAW, start=10**9).items) == (3, ())


def test_order_that_is_unknown_is_refused(do: Any) -> None:
    """At once, for the job as well."""
    for operation in ("folder.list", "folder.sort"):
        with pytest.raises(Invalid, match="possible are name"):
            do(operation, path=RAW, sort="smell")


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("modified", ["old", "new", "b", "a"]),
        ("-modified", ["new", "old", "a", "b"]),
        ("size", ["old", "new", "a", "b"]),
        ("-size", ["new", "old", "b", "a"]),
        ("name", ["new", "old", "a", "b"]),
    ],
)
def test_sorting_as_a_job_gives_the_same_order(do: Any, raw: Path, sort: str, names: list[str]) -> None:
    """And the cursor of its page goes on with that order."""
    for name, size, when in (("a", 1, 40), ("b", 2, 30)):
        (raw / name).write_bytes(b"x" * size)
        os.utime(raw / name, (0, when))
    for name, when in (("old", 10), ("new", 20)):
        (raw / name).mkdir()
        os.utime(raw / name, (0, when))
    if sort.endswith("size"):
        names = sorted(names[:2], reverse=sort == "-size") + names[2:]
        if (raw / "old").stat().st_size == (raw / "new").stat().st_size:
            names[:2] = ["new", "old"] if sort == "size" else ["old", "new"]
    page = do("folder.sort", path=RAW, sort=sort, limit=3)
    assert [e.name for e in page.items] == names[:3]
    assert [e.name for e in do("folder.list", path=RAW, sort=sort, cursor=page.cursor, start=3).items] == names[3:]
    assert [e.name for e in do("folder.list", path=RAW, sort=sort).items] == names


def test_entry_that_vanishes_between_name_and_look_says_so(do: Any, store: DiskStore, raw: Path) -> None:
    """Its row stays in the snapshot, with the reason; the folder has moved on."""
    for name in ("a", "b"):
        (raw / name).touch()
    cursor = do("folder.list", path=RAW).cursor
    (raw / "a").unlink()
    page = do("folder.list", path=RAW, cursor=cursor)
    assert [(e.name, e.problem) for e in page.items] == [("a", "it is gone"), ("b", "")]
    assert page.changed
    assert [e.name for e in do("folder.list", path=RAW).items] == ["b"]


def test_file_is_no_folder(do: Any, raw: Path) -> None:
    (raw / "a").touch()
    for path in (f"{RAW}/a", f"{RAW}/none", f"{RAW}/a/b"):
        with pytest.raises(NotFound):
            do("folder.list", path=path)


def test_symbolic_links_are_not_followed(do: Any, raw: Path, tmp_path: Path) -> None:
    """Neither as the folder itself nor on the way."""
    (tmp_path / "outside/deep").mkdir(parents=True)
    (tmp_path / "outside/secret").write_text("x")
    (raw / "link").symlink_to(tmp_path / "outside")
    (raw / "up").symlink_to("..")
    for path in ("link", "link/deep", "up", "up/raw"):
        with pytest.raises(NotFound):
            do("folder.list", path=f"{RAW}/{path}")
    with pytest.raises(NotFound):
        do("entry.show", path=f"{RAW}/link/secret")
    assert do("entry.show", path=f"{RAW}/link").entry.kind == "link"


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (0o644, "-rw-r--r--"),
        (0o1777, "-rwxrwxrwt"),
        (0o1776, "-rwxrwxrwT"),
        (0o2750, "-rwxr-s---"),
        (0o2740, "-rwxr-S---"),
        (0o4711, "-rws--x--x"),
        (0, "----------"),
    ],
)
def test_mode_is_written_as_ls_does(store: DiskStore, raw: Path, mode: int, text: str) -> None:
    (raw / "a").touch()
    (raw / "a").chmod(mode)
    assert mode_text(store.stat(TreePath(f"{RAW}/a"))) == text


def test_entry_kinds_have_letters(store: DiskStore, raw: Path) -> None:
    assert mode_text(store.stat(TreePath(RAW)))[0] == "d"
    (raw / "l").symlink_to("x")
    assert mode_text(store.stat(TreePath(f"{RAW}/l"))) == "lrwxrwxrwx"
    assert store.stat(TreePath(f"{RAW}/l")).kind is EntryKind.LINK


# Addresses -----------------------------------------------------------------------------------------------------------

SERVICES = {"hub": "https://hub.example.org", "nextcloud": {"url": "https://cloud.example.org", "mount": "/ER-C"}}


def test_a_listing_has_the_web_addresses_of_each_entry_when_they_are_asked_for(root: Path, raw: Path) -> None:
    """What a table with a column per tool shows; without asking nothing is looked up."""
    for name in ("a ä#&%'.dm4", "notes.txt", os.fsdecode(b"\xff.dm4")):
        (raw / name).write_bytes(b"x")
    store = DiskStore(Site(root=str(root), services=SERVICES))
    try:
        asked = list_folder(store, local_actor(Via.LAB), ListFolder(RAW, addresses=True))
        plain = list_folder(store, local_actor(Via.LAB), ListFolder(RAW))
    finally:
        store.close()
    assert all(entry.addresses == () for entry in plain.items)
    found = {entry.name: {a.tool: a.url for a in entry.addresses} for entry in asked.items}
    image = found["a ä#&%'.dm4"]
    assert set(image) == {"JupyterHub", "Nextcloud", "LiberTEM"}
    assert image["LiberTEM"].endswith(f"open/libertem?path={RAW}/a%20%C3%A4%23%26%25%27.dm4")
    assert "LiberTEM" not in found["notes.txt"]
    assert set(found["\\xff.dm4"]) == {"JupyterHub", "LiberTEM"}, "Nextcloud cannot hold that name"
