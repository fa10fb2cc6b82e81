"""Projects: made whole, described, renamed, found again."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import AlreadyExists, Invalid, NotAllowed, NotFound, SealingInProgress
from jupyter_modama.core.model import Actor, Area, Person, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath, encoded
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.memory import MemoryStore


def test_project_on_the_disk(do: Any, root: Path) -> None:
    """Private to its owner, sticky, with a record; an open one can be read by all."""
    project = do("project.create", name="p", title="Needles", description="of gold")
    assert stat.S_IMODE((root / "adhoc/p").stat().st_mode) == 0o3700
    assert json.loads((root / "adhoc/p/.modama/project.json").read_text())["uuid"] == project.uuid
    assert (project.visibility, project.sessions, project.adopted) == ("private", 0, True)
    do("project.create", name="o", visibility="open")
    assert stat.S_IMODE((root / "adhoc/o").stat().st_mode) == 0o3755
    assert do("project.show", project="adhoc/o").visibility == "open"
    assert sorted(os.listdir(root / "adhoc")) == ["o", "p"]


def test_umask_does_not_matter(do: Any, root: Path) -> None:
    """What the program has as its umask changes no mode of ours."""
    for umask in (0o777 if os.geteuid() == 0 else 0o077, 0o000):  # at 0o777 nobody but root enters a new folder
        before = os.umask(umask)
        try:
            do("project.create", name=f"p{umask}", visibility="open")
            do("session.create", project=f"adhoc/p{umask}", name="s")
        finally:
            os.umask(before)
        made = root / f"adhoc/p{umask}"
        assert stat.S_IMODE(made.stat().st_mode) == 0o3755
        assert [stat.S_IMODE((made / path).stat().st_mode) for path in ("s", "s/raw", "s/analysis", "s/notes.md")] == [
            0o2755,
            0o2755,
            0o2755,
            0o644,
        ]
        assert stat.S_IMODE((made / ".modama/project.json").stat().st_mode) == 0o644
        assert stat.S_IMODE((made / ".modama").stat().st_mode) == 0o755


def test_area_is_made_where_it_is_missing(do: Any, root: Path) -> None:
    do("project.create", name="p", area="facility")
    assert (root / "facility/p").is_dir()


@pytest.mark.parametrize("area", ["a/b", "../x", "/x", ".hidden", "a:b", "NUL"])
def test_area_that_cannot_be_is_refused(do: Any, root: Path, area: str) -> None:
    with pytest.raises(Invalid):
        do("project.create", name="p", area=area)
    assert os.listdir(root) == []


def test_areas_of_a_site_are_the_only_ones(root: Path, actor: Actor) -> None:
    """One in which the facility makes the projects says so."""
    areas = (Area("adhoc"), Area("visitors", layout="{beamline}/{proposal}/{visit}/raw"), Area("closed", create="none"))
    store = DiskStore(Site(root=str(root), areas=areas, any_area=False))
    create = OPERATIONS["project.create"]
    with pytest.raises(Invalid, match="areas are adhoc, visitors, closed"):
        perform(create, create.wanted(name="p", area="other"), actor=actor, store=store)
    with pytest.raises(NotAllowed, match="facility"):
        perform(create, create.wanted(name="p", area="visitors"), actor=actor, store=store)
    (root / "visitors/b/p").mkdir(parents=True)
    rename = OPERATIONS["project.rename"]
    with pytest.raises(NotAllowed, match="facility"):
        perform(rename, rename.wanted(project="visitors/b/p", name="q"), actor=actor, store=store)
    store.close()


def test_projects_of_an_area_are_created_by_administrators_only() -> None:
    site = Site(root="/x", areas=(Area("closed", create="administrators"),), any_area=False)
    store = MemoryStore(site)
    store.put("closed", None, mode=0o777)
    eve = Person(7, "eve")
    create = OPERATIONS["project.create"]
    with pytest.raises(NotAllowed, match="administrators only"):
        perform(create, create.wanted(name="p", area="closed"), actor=Actor(eve), store=store.seen_by(eve))
    assert perform(create, create.wanted(name="p", area="closed"), actor=Actor(Person(0, "root")), store=store)


def test_folders_made_by_hand_are_projects(do: Any, root: Path) -> None:
    """Without a record; files, links and hidden folders beside them are none."""
    (root / "adhoc/by hand/s/raw").mkdir(parents=True)
    (root / "adhoc/file").write_text("")
    (root / "adhoc/.hidden").mkdir()
    (root / "adhoc/link").symlink_to("by hand")
    (root / ".snapshots/x").mkdir(parents=True)
    page = do("project.list")
    assert [(p.path, p.sessions, p.adopted, p.uuid) for p in page.items] == [("adhoc/by hand", 1, False, "")]
    with pytest.raises(NotFound):
        do("project.show", project="adhoc/link")
    with pytest.raises(NotFound):
        do("project.show", project="adhoc/file")


def test_pages_search_and_order(do: Any) -> None:
    for name in ("Beta", "alpha", "Grün", "gamma"):
        do("project.create", name=name)
    names = [p.name for p in do("project.list", sort="name").items]
    assert names == ["alpha", "Beta", "gamma", "Grün"]
    assert [p.name for p in do("project.list", sort="-created").items] == ["gamma", "Grün", "alpha", "Beta"]
    first = do("project.list", sort="name", limit=3)
    rest = do("project.list", sort="name", limit=3, cursor=first.cursor)
    assert ([p.name for p in rest.items], rest.cursor, rest.total) == (["Grün"], "", 4)
    assert [p.name for p in do("project.list", search="GRU\u0308N").items] == ["Grün"]
    assert do("project.list", area="elsewhere").total == 0


@pytest.mark.parametrize(
    "wanted", [{"sort": "smell"}, {"cursor": "x"}, {"cursor": "-1"}, {"cursor": "²"}, {"cursor": "9" * 5000}]
)
def test_list_that_cannot_be_meant_is_refused(do: Any, wanted: dict[str, str]) -> None:
    do("project.create", name="p")
    for operation, more in (("project.list", {}), ("session.list", {"project": "adhoc/p"})):
        with pytest.raises(Invalid):
            do(operation, **wanted, **more)


def test_project_that_vanishes_while_it_is_listed_is_left_out(do: Any, store: DiskStore, monkeypatch: Any) -> None:
    """Between its name and the look at it; the others are shown."""
    do("project.create", name="a")
    do("project.create", name="b")
    plain = DiskStore.owner_uids

    def vanishing(self: DiskStore, project: TreePath) -> tuple[int, ...]:
        if project.name == "a" and Path(self.disk_path(project)).exists():
            os.rename(self.disk_path(project), self.disk_path(TreePath("gone")))
        return plain(self, project)

    monkeypatch.setattr(DiskStore, "owner_uids", vanishing)
    assert [p.name for p in do("project.list", sort="name").items] == ["b"]


def test_update_changes_what_is_named_and_no_more(do: Any) -> None:
    """None leaves, an empty text clears; what is too long for a record is refused."""
    do("project.create", name="p", title="T", description="D")
    do("project.update", project="adhoc/p", sample="gold", licence="CC-BY-4.0")
    found = do("project.update", project="adhoc/p", description="", sample=None)
    assert (found.title, found.description, found.fields) == ("T", "", {"sample": "gold", "licence": "CC-BY-4.0"})
    with pytest.raises(Invalid, match="20,001 characters"):
        do("project.update", project="adhoc/p", title="x" * 20_001)
    with pytest.raises(Invalid):
        do("project.create", name="q", title="x" * 20_001)
    with pytest.raises(NotFound):
        do("project.show", project="adhoc/q")


def test_updates_at_once_do_not_lose_each_other(store: DiskStore, do: Any, actor: Actor) -> None:
    """Each changes a field of its own, and all of them stay."""
    do("project.create", name="p")
    row = OPERATIONS["project.update"]
    names = ("title", "sample", "operator", "technique", "licence", "embargo")

    def update(name: str) -> None:
        perform(row, row.wanted(project="adhoc/p", **{name: name}), actor=actor, store=store)

    threads = [threading.Thread(target=update, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = store.read_record(TreePath("adhoc/p"), "project") or {}
    assert {name: record.get(name) for name in names} == {name: name for name in names}


def test_rename_keeps_record_and_sessions(do: Any, root: Path) -> None:
    """To its own name it is no change, in other capitals neither a clash."""
    made = do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    assert do("project.rename", project="adhoc/p", name="P").path == "adhoc/P"
    assert do("project.rename", project="adhoc/P", name="P").path == "adhoc/P"
    do("project.create", name="other")
    with pytest.raises(AlreadyExists):
        do("project.rename", project="adhoc/P", name="Other")
    found = do("project.show", project="adhoc/P")
    assert (found.uuid, found.sessions) == (made.uuid, 1)
    assert sorted(os.listdir(root / "adhoc")) == ["P", "other"]


def test_project_is_not_renamed_under_running_work(do: Any, store: DiskStore) -> None:
    """A seal that runs in one of its sessions would lose its way."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    with (
        store.lock(TreePath("adhoc/p/s"), "sealing by anna"),
        pytest.raises(SealingInProgress, match="sealing by anna"),
    ):
        do("project.rename", project="adhoc/p", name="q")
    assert do("project.rename", project="adhoc/p", name="q").path == "adhoc/q"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"title": ', "\x00", "[" * 100_000])
def test_damaged_record_is_a_warning(do: Any, root: Path, text: str) -> None:
    """The project still works, and the next change keeps the damaged record beside the new one."""
    do("project.create", name="p", title="T")
    do("session.create", project="adhoc/p", name="s")
    for record in (root / "adhoc/p/.modama/project.json", root / "adhoc/p/s/.modama/session.json"):
        record.write_text(text)
    project = do("project.show", project="adhoc/p")
    assert "cannot be read" in project.warning
    assert project.sessions == 1
    assert [p.name for p in do("project.list").items] == ["p"]
    assert "cannot be read" in do("session.show", project="adhoc/p", session="s").warning
    assert do("project.update", project="adhoc/p", title="new").warning == ""
    kept = [p for p in (root / "adhoc/p/.modama").iterdir() if "damaged" in p.name]
    assert [p.read_text() for p in kept] == [text]


def test_record_of_any_content_is_shown(do: Any, root: Path) -> None:
    """Numbers, lists and halves of characters where text was meant do not break a page."""
    do("project.create", name="p")
    record = {"title": ["a"], "description": "\ud800", "uuid": 5, "sample": {"a": 1}, "owners": "x", "operator": None}
    (root / "adhoc/p/.modama/project.json").write_text(json.dumps(record))
    found = do("project.show", project="adhoc/p")
    assert (found.title, found.uuid) == ("['a']", "5")
    found.description.encode()


@pytest.mark.parametrize("what", ["folder", "fifo", "link"])
def test_record_that_is_no_file(do: Any, root: Path, what: str) -> None:
    """Nobody waits for it, nothing is read through it, and the project works."""
    do("project.create", name="p")
    record = root / "adhoc/p/.modama/project.json"
    record.unlink()
    if what == "folder":
        record.mkdir()
    elif what == "fifo":
        os.mkfifo(record)
    else:
        (root / "secret.json").write_text('{"title": "secret"}')
        record.symlink_to(root / "secret.json")
    found = do("project.show", project="adhoc/p")
    assert found.title == ""
    assert do("project.update", project="adhoc/p", title="new").title == "new"
    assert what != "link" or (root / "secret.json").read_text() == '{"title": "secret"}'


@pytest.mark.parametrize("squatter", ["link", "file"])
def test_records_folder_that_leads_elsewhere(do: Any, root: Path, squatter: str) -> None:
    """A link or a file called .modama is not followed, nothing is written through it, and it is said."""
    (root / "adhoc/p/s/raw").mkdir(parents=True)
    (root / "elsewhere").mkdir()
    (root / "elsewhere/project.json").write_text('{"title": "forged"}')
    for box in (root / "adhoc/p/.modama", root / "adhoc/p/s/.modama"):
        box.symlink_to(root / "elsewhere") if squatter == "link" else box.write_text("x")
    assert do("project.show", project="adhoc/p").title == ""
    for operation, wanted in (("project.update", {}), ("session.update", {"session": "s"})):
        with pytest.raises(NotAllowed, match=r"\.modama"):
            do(operation, project="adhoc/p", title="x", **wanted)
    with pytest.raises(NotAllowed, match=r"\.modama"):
        do("session.rename", project="adhoc/p", session="s", name="t")
    assert os.listdir(root / "elsewhere") == ["project.json"]


def test_names_that_are_no_text_work_everywhere(do: Any, root: Path) -> None:
    """A project of such a name is listed, shown, described and renamed by its bytes."""
    raw = os.fsencode(root) + b"/adhoc/caf\xe9"
    os.makedirs(raw + b"/s\xff/raw")
    page = do("project.list")
    assert [p.name for p in page.items] == ["caf\\xe9"]
    b64 = page.items[0].path_b64
    assert b64 == encoded("adhoc/caf\udce9")
    assert do("project.show", project="shown", path_b64=b64).sessions == 1
    assert do("project.update", project="shown", path_b64=b64, title="T").title == "T"
    sessions = do("session.list", project="shown", path_b64=b64)
    assert [s.name for s in sessions.items] == ["s\\xff"]
    s64 = sessions.items[0].path_b64
    assert do("session.show", project="x", session="y", path_b64=s64).name == "s\\xff"
    page = do("folder.list", path="x", path_b64=s64)
    assert (page.project, page.session) == ("adhoc/caf\\xe9", "s\\xff")
    assert do("session.update", project="x", session="y", path_b64=s64, title="S").title == "S"
    assert do("session.create", project="x", path_b64=b64, name="new").path == "adhoc/caf\\xe9/new"
    renamed = do("session.rename", project="x", session="y", path_b64=s64, name="text")
    assert (renamed.name, renamed.title) == ("text", "S")
    assert do("project.rename", project="x", path_b64=b64, name="café").path == "adhoc/café"
    do("session.remove", project="adhoc/café", session="new")
    assert [s.name for s in do("session.list", project="adhoc/café").items] == ["text"]


def test_audit_names_what_was_done_by_its_bytes(do: Any, root: Path, store: DiskStore) -> None:
    """A harmless text beside the bytes of another path deceives nobody."""
    for name in ("innocent", "other"):
        do("project.create", name=name)
    do("project.update", project="adhoc/innocent", path_b64=encoded("adhoc/other"), title="T")
    line = [entry for entry in store.audit.lines() if entry.get("op") == "project.update"][-1]
    assert line["target"] == "adhoc/other"


def test_actor_is_named_in_record(do: Any, root: Path, actor: Actor) -> None:
    assert actor.via is Via.CLI
    do("project.create", name="p")
    record = json.loads((root / "adhoc/p/.modama/project.json").read_text())
    assert (record["created_by"], record["owners"]) == (actor.person.login, [actor.person.uid])
