"""How every store behaves: the same tests for memory and for the disk.

A test module makes a subclass and gives it two fixtures: `store`, empty, and `put(path, text)`, which makes a file in
it (a folder where the text is None) as another program would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_modama.core.errors import (
    AlreadyExists,
    CursorExpired,
    NotEmpty,
    NotFound,
    RecordCorrupt,
    SealingInProgress,
)
from jupyter_modama.core.model import Actor, EntryKind, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store

Put = Callable[..., Any]
P = TreePath


def do(store: Store, operation: str, **wanted: Any) -> Any:
    """What an operation answers to whoever runs the tests."""
    row = OPERATIONS[operation]
    return perform(row, row.wanted(**wanted), actor=Actor(store.me(), Via.CLI), store=store)


class StoreSuite:
    """Looking, changing and recording, as the core asks for it."""

    # looking

    def test_stat_tells_files_from_folders(self, store: Store, put: Put) -> None:
        """A file has a size, a folder is one, and a birth is not after a change."""
        put("a/b.dat", b"12345")
        file = store.stat(P("a/b.dat"))
        assert (file.kind, file.size_bytes, file.path) == (EntryKind.FILE, 5, "a/b.dat")
        assert store.stat(P("a")).kind is EntryKind.FOLDER
        assert store.stat(P("")).kind is EntryKind.FOLDER
        assert file.born is None or file.born <= file.changed

    @pytest.mark.parametrize("path", ["x", "a/x", "a/b.dat/x"])
    def test_what_is_not_there_is_not_found(self, store: Store, put: Put, path: str) -> None:
        """Every look at it says so, also below a file."""
        put("a/b.dat", b"")
        for look in (store.stat, store.access, store.owner_uids):
            with pytest.raises(NotFound):
                look(P(path))
        with pytest.raises(NotFound):
            list(store.children(P(path)))
        with pytest.raises(NotFound):
            store.listing(P(path), start=0, limit=1, cursor="", sort="name", filter="")

    def test_children_are_all_that_is_in_a_folder(self, store: Store, put: Put) -> None:
        put("a/b", b"")
        put("a/c/d", b"")
        assert sorted(stat.path for stat in store.children(P("a"))) == ["a/b", "a/c"]

    def test_children_of_a_file_are_not_found(self, store: Store, put: Put) -> None:
        put("a", b"")
        with pytest.raises(NotFound):
            list(store.children(P("a")))

    def test_pages_of_a_listing(self, store: Store, put: Put) -> None:
        """Folders first, then names; the cursor goes on with the same names."""
        for name in ("c", "a", "b"):
            put(f"f/{name}", b"")
        put("f/z", None)
        first = self._listing(store, limit=2)
        assert [s.path for s in first.stats] == ["f/z", "f/a"]
        assert (first.total, first.start, first.changed) == (4, 0, False)
        second = self._listing(store, start=2, limit=9, cursor=first.cursor)
        assert [s.path for s in second.stats] == ["f/b", "f/c"]
        assert self._listing(store, start=99, cursor=first.cursor).stats == ()

    def test_cursor_is_pinned_while_files_come_and_go(self, store: Store, put: Put) -> None:
        put("f/a", b"")
        first = self._listing(store)
        put("f/b", b"")
        again = self._listing(store, cursor=first.cursor)
        assert (again.total, again.changed) == (1, True)
        anew = self._listing(store)
        assert (anew.total, anew.changed) == (2, False)

    def test_cursor_of_something_else_has_expired(self, store: Store, put: Put) -> None:
        put("f/a", b"")
        put("g/a", b"")
        cursor = self._listing(store).cursor
        for other in ({"path": "g"}, {"sort": "-name"}, {"filter": "a"}, {"cursor": "nobody-has-it"}):
            with pytest.raises(CursorExpired):
                self._listing(store, **{"cursor": cursor, **other})

    def test_our_records_are_not_listed(self, store: Store, put: Put) -> None:
        """They are hidden where they can be, and a folder of their name in raw is somebody's data."""
        put("adhoc/p/s/raw/.modama/mine.dat", b"")
        put("adhoc/p/s/.modama/session.json", b"{}")
        assert [s.path for s in self._listing(store, path="adhoc/p/s").stats] == ["adhoc/p/s/raw"]
        assert self._listing(store, path="adhoc/p/s/raw").total == 1
        assert store.summary(P("adhoc/p/s"), 5).files == 1
        assert store.summary(P("adhoc/p"), 5).files == 1

    def test_summary_counts_files_by_format(self, store: Store, put: Put) -> None:
        put("f/a.DM4", b"123")
        put("f/g/b.dm4", b"1")
        put("f/g/c", b"")
        found = store.summary(P("f"), 5)
        assert (found.files, found.bytes, found.folders, found.complete) == (3, 4, 1, True)
        assert [(f.format, f.files, f.bytes) for f in found.formats] == [("dm4", 2, 4), ("", 1, 0)]

    def _listing(self, store: Store, path: str = "f", **more: Any) -> Any:
        asked = {"start": 0, "limit": 10, "cursor": "", "sort": "name", "filter": "", **more}
        return store.listing(P(path), **asked)

    # changing

    def test_folder_is_made_once(self, store: Store, put: Put) -> None:
        store.make_folder(P("adhoc"), like="area")
        with pytest.raises(AlreadyExists):
            store.make_folder(P("adhoc"), like="area")

    def test_folder_in_nothing_is_not_made(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.make_folder(P("no/p"), like="project")

    def test_modes_of_projects(self, store: Store, put: Put) -> None:
        """A private project is its owner's, an open one is read by all; both are sticky and keep the group."""
        put("adhoc", None)
        assert store.make_folder(P("adhoc/p"), like="project").mode == 0o3700
        assert store.make_folder(P("adhoc/o"), like="project", visibility="open").mode == 0o3755
        assert store.make_folder(P("adhoc/p/s"), like="session").mode == 0o2700

    def test_new_folder_is_there_whole_or_not_at_all(self, store: Store, put: Put) -> None:
        put("adhoc/p", None)
        with store.new_folder(P("adhoc/p/s"), like="session") as building:
            store.make_file(building / "notes.md", "x")
            with pytest.raises(NotFound):
                store.stat(P("adhoc/p/s"))
        assert [s.path for s in store.children(P("adhoc/p/s"))] == ["adhoc/p/s/notes.md"]
        assert [s.path for s in store.children(P("adhoc/p"))] == ["adhoc/p/s"]

    def test_new_folder_that_fails_leaves_nothing(self, store: Store, put: Put) -> None:
        put("adhoc/p", None)
        with pytest.raises(KeyError), store.new_folder(P("adhoc/p/s"), like="session") as building:  # noqa: PT012
            store.make_file(building / "notes.md", "x")
            store.write_record(building, "session", {"a": 1})
            store.make_folder(building / "raw", like="raw")
            raise KeyError
        assert list(store.children(P("adhoc/p"))) == []

    def test_new_folder_never_replaces(self, store: Store, put: Put) -> None:
        put("adhoc/p", None)
        with pytest.raises(AlreadyExists), store.new_folder(P("adhoc/p/s"), like="session"):
            put("adhoc/p/s", None)
        assert [s.path for s in store.children(P("adhoc/p"))] == ["adhoc/p/s"]

    def test_file_is_made_once(self, store: Store, put: Put) -> None:
        put("f", None)
        assert store.make_file(P("f/notes.md"), "grüße").size_bytes == 7
        with pytest.raises(AlreadyExists):
            store.make_file(P("f/notes.md"), "other")
        assert store.stat(P("f/notes.md")).size_bytes == 7

    def test_rename_never_replaces(self, store: Store, put: Put) -> None:
        """An empty folder in the way stays, too."""
        put("f/a/x", b"")
        put("f/b", None)
        with pytest.raises(AlreadyExists):
            store.rename(P("f/a"), P("f/b"))
        store.rename(P("f/a"), P("f/c"))
        assert sorted(s.path for s in store.children(P("f"))) == ["f/b", "f/c"]
        with pytest.raises(NotFound):
            store.rename(P("f/gone"), P("f/d"))

    def test_move_into_another_folder_never_replaces(self, store: Store, put: Put) -> None:
        """It is the same inode afterwards, whether file or folder."""
        put("f/a/x", b"1")
        put("g/a/y", b"2")
        inode = store.stat(P("f/a")).inode
        with pytest.raises(AlreadyExists):
            store.move(P("f/a"), P("g/a"))
        store.move(P("f/a"), P("g/b"))
        assert (store.stat(P("g/b")).inode, store.stat(P("g/b/x")).size_bytes) == (inode, 1)
        store.move(P("g/b/x"), P("f/x"))
        assert [s.path for s in store.children(P("f"))] == ["f/x"]
        for old, new in (("f/gone", "g/z"), ("f/x", "none/x")):
            with pytest.raises(NotFound):
                store.move(P(old), P(new))

    def test_lock_is_held_by_one(self, store: Store, put: Put) -> None:
        """And says for what; it is free again afterwards."""
        put("adhoc/p/s/raw", None)
        session = P("adhoc/p/s")
        assert store.lock_holder(session) == ""
        with store.lock(session, "sealing by anna"):
            assert store.lock_holder(session) == "sealing by anna"
            with pytest.raises(SealingInProgress, match="sealing by anna"), store.lock(session, "removing"):
                pass
        assert store.lock_holder(session) == ""
        with pytest.raises(KeyError), store.lock(session, "failing"):
            raise KeyError
        with store.lock(session, "again"):
            pass

    # records

    def test_record_is_read_as_written(self, store: Store, put: Put) -> None:
        put("adhoc/p", None)
        assert store.read_record(P("adhoc/p"), "project") is None
        store.write_record(P("adhoc/p"), "project", {"title": "Grüße \U0001f52c", "n": [1]})
        store.write_record(P("adhoc/p"), "project", {"title": "new"})
        assert store.read_record(P("adhoc/p"), "project") == {"title": "new"}

    @pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe", b'{"a": ' * 50])
    def test_damaged_record_is_said_and_kept(self, store: Store, put: Put, text: bytes) -> None:
        """It is no record, and what is written next leaves it beside the new one."""
        put("adhoc/p/.modama/project.json", text)
        with pytest.raises(RecordCorrupt, match=r"adhoc/p/.modama/project.json"):
            store.read_record(P("adhoc/p"), "project")
        store.write_record(P("adhoc/p"), "project", {"title": "new"})
        assert store.read_record(P("adhoc/p"), "project") == {"title": "new"}
        kept = [s for s in store.children(P("adhoc/p/.modama")) if "damaged" in s.path.name]
        assert [s.size_bytes for s in kept] == [len(text)]

    # whole operations

    def test_project_and_session_through_their_life(self, store: Store, put: Put) -> None:
        """Created, described, renamed, listed; removed only while there is nothing to lose."""
        project = do(store, "project.create", name="p", title="Holograms")
        assert (project.path, project.title, bool(project.uuid)) == ("adhoc/p", "Holograms", True)
        do(store, "project.update", project="adhoc/p", sample="gold")
        do(store, "project.rename", project="adhoc/p", name="q")
        shown = do(store, "project.show", project="adhoc/q")
        assert (shown.uuid, shown.fields, shown.title) == (project.uuid, {"sample": "gold"}, "Holograms")
        session = do(store, "session.create", project="adhoc/q", name="s", operator="Anna")
        assert (session.raw, session.derived) == ("adhoc/q/s/raw", "adhoc/q/s/analysis")
        do(store, "session.update", project="adhoc/q", session="s", title="First", operator="")
        do(store, "session.rename", project="adhoc/q", session="s", name="t")
        again = do(store, "session.show", project="adhoc/q", session="t")
        assert (again.uuid, again.title, again.fields) == (session.uuid, "First", {})
        assert [s.name for s in do(store, "session.list", project="adhoc/q").items] == ["t"]
        put("adhoc/q/t/raw/a.dat", b"data")
        with pytest.raises(NotEmpty, match=r"raw/a\.dat"):
            do(store, "session.remove", project="adhoc/q", session="t")
        do(store, "session.create", project="adhoc/q", name="empty")
        do(store, "session.remove", project="adhoc/q", session="empty")
        assert [s.name for s in do(store, "session.list", project="adhoc/q").items] == ["t"]

    @pytest.mark.parametrize(
        "path",
        ["analysis/result.txt", "notes.md", "raw/.modama/x", ".modama/old/x/seal.json", ".modama/mine", "else"],
    )
    def test_session_with_any_file_is_not_removed(self, store: Store, put: Put, path: str) -> None:
        """Results, written notes, old seals and foreign files in our folders all count."""
        do(store, "project.create", name="p")
        do(store, "session.create", project="adhoc/p", name="s")
        put(f"adhoc/p/s/{path}", b"of value")
        with pytest.raises(NotEmpty):
            do(store, "session.remove", project="adhoc/p", session="s")
        assert store.stat(P(f"adhoc/p/s/{path}")).size_bytes == 8
        assert store.stat(P("adhoc/p/s/raw")).kind is EntryKind.FOLDER
