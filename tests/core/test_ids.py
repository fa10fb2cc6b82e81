"""Ids are found through an index that may be lost, damaged or wrong; copies get ids of their own."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import ids
from jupyter_modama.core.errors import Invalid, NotFound
from jupyter_modama.core.ids import places_of, renew_doubles, uuid_of
from jupyter_modama.core.model import Actor, Located, Site
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.permalinks import LocateEntry, with_paths
from jupyter_modama.core.ports import ProjectIds
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.ids import ALL_AGAIN_S
from jupyter_modama.testing.doing import Does

BASE = "https://hub.example.org/services/modama"
SITE = Site(root="/data", managed_by=BASE)


@pytest.fixture
def made(do: Does) -> Any:
    """A project with two sessions."""
    project = do("project.create", name="p ä")
    for name in ("s", "t"):
        do("session.create", project=project.path, name=name)
    return project


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which projects are read."""
    looks: list[str] = []
    read = ids._read

    def looked(store: Any, project: TreePath) -> Any:
        looks.append(project.name)
        return read(store, project)

    monkeypatch.setattr(ids, "_read", looked)
    return looks


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was changed at all was so long enough ago."""
    monkeypatch.setattr(ids, "SETTLED", timedelta(0))


def test_the_tree_is_looked_through_once(
    store: DiskStore, do: Does, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is found again without looking; another process reads the same index."""
    looks = counted(monkeypatch)
    session = do("session.show", project=made.path, session="s")
    assert places_of(store, made.uuid) == (made.path,)
    assert places_of(store, session.uuid) == (session.path,)
    other = DiskStore(Site(root=store.site.root))
    assert places_of(other, session.uuid) == (session.path,)
    other.close()
    assert len(looks) == 1


@pytest.mark.parametrize("harm", ["lost", "damaged", "no-folder", "a-link"])
def test_an_index_that_is_gone_or_damaged_costs_time_only(
    store: DiskStore, made: Any, harm: str, tmp_path: Path
) -> None:
    """The answer comes from the tree, and the next one from the new index."""
    places_of(store, made.uuid)
    file = store.ids.file
    file.unlink()
    if harm == "damaged":
        file.write_bytes(b"no database" * 100)
    elif harm == "no-folder":
        shutil.rmtree(file.parent)
        file.parent.write_text("in the way")
    elif harm == "a-link":
        file.symlink_to(tmp_path / "nowhere/at/all")
    assert places_of(store, made.uuid) == (made.path,)
    assert places_of(store, made.uuid) == (made.path,)


def test_an_index_that_lies_is_not_believed(store: DiskStore, made: Any) -> None:
    """Only what the record on the disk says counts."""
    lies = ((made.uuid, TreePath("adhoc/p ä/s")), ("0" * 36, TreePath("adhoc/p ä")))
    store.ids.remember([ProjectIds(made.path, lies, {})], {made.path}, whole=True)
    assert places_of(store, made.uuid) == (made.path,)
    assert places_of(store, "0" * 36) == ()


def test_many_who_look_at_once_look_once(store: DiskStore, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight who ask for an id that is not there: one looks, the others, who came meanwhile, share the next look."""
    looks: list[int] = []

    def slow(store: Any) -> None:
        looks.append(1)
        time.sleep(0.5)

    monkeypatch.setattr(ids, "_look", slow)
    threads = [threading.Thread(target=places_of, args=(store, f"{n:036d}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(looks) <= 2


NOBODYS = "12345678-1234-1234-1234-1234567890ab"


def test_asking_for_what_is_not_there_reads_nothing_twice(
    store: DiskStore, do: Does, made: Any, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    """Whoever asks for ids at random has the folders of projects looked at, and no record; each index for its own."""
    do("project.create", name="q")
    looks = counted(monkeypatch)
    for number in range(50):
        assert places_of(store, f"{number:08d}{NOBODYS[8:]}") == ()
    assert sorted(looks) == ["p ä", "q"]
    assert places_of(store, made.uuid) == (made.path,)


def test_what_was_made_a_second_ago_is_found(
    store: DiskStore, do: Does, made: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project, a session in an old one, one that was renamed, one that got its record only now."""
    (root / "adhoc/p ä/by-hand/raw").mkdir(parents=True)
    monkeypatch.setattr(ids, "SETTLED", timedelta(0))
    assert places_of(store, NOBODYS) == ()
    looks = counted(monkeypatch)
    new = do("project.create", name="new")
    assert places_of(store, new.uuid) == (new.path,)
    assert looks == ["new"]
    session = do("session.create", project=made.path, name="late")
    assert places_of(store, session.uuid) == (session.path,)
    do("session.update", project=made.path, session="by-hand", title="T")
    [by_hand] = [row for row in do("session.list", project=made.path).items if row.name == "by-hand"]
    given = by_hand.uuid or given_id(root / "adhoc/p ä/by-hand")
    assert places_of(store, given) == ("adhoc/p ä/by-hand",)
    (root / "adhoc/p ä").rename(root / "adhoc/elsewhere")
    assert places_of(store, made.uuid) == ("adhoc/elsewhere",)
    assert places_of(store, NOBODYS) == ()
    assert not store.ids.stamps().keys() & {TreePath("adhoc/p ä")}


def given_id(session: Path) -> str:
    """An id in the record of a session, as another program would write it."""
    found = session / ".modama/session.json"
    fresh = found.with_name("fresh")
    fresh.write_text(json.dumps({**json.loads(found.read_text()), "uuid": NOBODYS.replace("9", "8")}))
    fresh.replace(found)
    return NOBODYS.replace("9", "8")


def test_what_changed_a_moment_ago_is_read_again(store: DiskStore, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second change within the same tick of a clock would not be seen by the times."""
    looks = counted(monkeypatch)
    places_of(store, NOBODYS)
    places_of(store, NOBODYS)
    assert looks == ["p ä", "p ä"]


def test_an_id_that_changed_unseen_is_found_when_all_is_read_again(
    store: DiskStore, made: Any, root: Path, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    """As after `project.repair`, which gives a copy another id: the folder's times stay as they were."""
    places_of(store, NOBODYS)
    record = root / "adhoc/p ä/s/.modama/session.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "uuid": NOBODYS}))
    assert places_of(store, NOBODYS) == ()
    later = time.time() + ALL_AGAIN_S + 1
    monkeypatch.setattr("jupyter_modama.store.ids.time.time", lambda: later)
    assert places_of(store, NOBODYS) == ("adhoc/p ä/s",)


def copied(root: Path) -> None:
    shutil.copytree(root / "adhoc/p ä", root / "adhoc/copy")
    shutil.copytree(root / "adhoc/p ä/s", root / "adhoc/p ä/s2")


def test_of_two_with_one_id_the_older_is_found(store: DiskStore, made: Any, root: Path) -> None:
    """A copy made with `cp -a` does not take the links of what it is a copy of."""
    copied(root)
    assert places_of(store, made.uuid)[0] == made.path


def test_repair_gives_copies_ids_of_their_own(store: DiskStore, do: Does, made: Any, root: Path) -> None:
    """In that project only; the report says so, and the original keeps its id."""
    original = do("session.show", project=made.path, session="s").uuid
    copied(root)
    report = do("project.repair", project=made.path)
    assert [row.code for row in report.found] == ["double-id"]
    assert report.found[0].examples == ("adhoc/p ä/s2",)
    assert "1 copy" in report.sentence
    assert uuid_of(store, TreePath("adhoc/p ä/s"), "session") == original
    assert uuid_of(store, TreePath("adhoc/p ä/s2"), "session") not in {"", original}
    assert uuid_of(store, TreePath("adhoc/copy"), "project") == made.uuid
    title = json.loads((root / "adhoc/p ä/s2/.modama/session.json").read_text())
    assert title.keys() >= {"uuid"}


def test_the_night_gives_all_copies_ids_of_their_own(store: DiskStore, do: Does, made: Any, root: Path) -> None:
    """A copied project and its sessions, once; the second night finds none."""
    copied(root)
    assert "4 copies got ids of their own" in do("site.nightly").sentence
    assert renew_doubles(store) == ()
    assert uuid_of(store, TreePath("adhoc/p ä"), "project") == made.uuid


# In the place of paths -----------------------------------------------------------------------------------------------


def located(wanted: LocateEntry) -> Located:
    assert wanted.uuid == "12345678-1234-1234-1234-1234567890ab"
    rest = f"/{wanted.rest}" if wanted.rest else ""
    return Located(f"adhoc/p/s{rest}", "", "adhoc/p/s", "")


AT = f"{BASE}/at/12345678-1234-1234-1234-1234567890ab"


@pytest.mark.parametrize(
    ("operation", "fields", "expected"),
    [
        ("entry.show", {"path": f"{AT}/raw/%C3%A4%20%26%25.dm4"}, {"path": "adhoc/p/s/raw/ä &%.dm4"}),
        ("entry.show", {"path": f"{BASE}/path/adhoc/p"}, {"path": "adhoc/p"}),
        ("project.show", {"project": AT}, {"project": "adhoc/p"}),
        ("project.show", {"project": f"{BASE}/path/adhoc/p/s/raw"}, {"project": "adhoc/p"}),
        ("entry.move", {"path": "adhoc/a", "to": f"{AT}/raw"}, {"path": "adhoc/a", "to": "adhoc/p/s/raw"}),
        ("entry.show", {"path": "adhoc/http:"}, {"path": "adhoc/http:"}),
    ],
)
def test_permalinks_stand_in_for_paths(operation: str, fields: dict[str, str], expected: dict[str, str]) -> None:
    """Wherever a path is expected; a project's may lead to something in the project."""
    found = with_paths(SITE, located, OPERATIONS[operation].wanted(**fields))
    assert {name: getattr(found, name) for name in expected} == expected


def test_bytes_in_a_permalink_reach_the_file(do: Does, root: Path, made: Any, actor: Actor) -> None:
    """A name that is no UTF-8."""
    os.close(os.open(os.fsencode(root) + "/adhoc/p ä/f".encode() + b"\xff", os.O_WRONLY | os.O_CREAT))
    site = Site(root=str(root), managed_by=BASE)
    wanted = OPERATIONS["entry.show"].wanted(path=f"{BASE}/at/{made.uuid}/f%FF")
    found = with_paths(site, lambda w: do("entry.locate", uuid=w.uuid, rest=w.rest, rest_b64=w.rest_b64), wanted)
    assert do("entry.show", path=found.path).entry.name == "f\\xff"


def test_entry_show_has_the_permalink(root: Path, made: Any, actor: Actor) -> None:
    """What one copies leads back."""
    store = DiskStore(Site(root=str(root), managed_by=BASE))
    shown = Does(store, actor)("entry.show", path="adhoc/p ä/s/raw")
    where = with_paths(
        store.site,
        lambda w: Does(store, actor)("entry.locate", uuid=w.uuid, rest=w.rest),
        OPERATIONS["folder.list"].wanted(path=shown.permalink),
    )
    assert where.path == "adhoc/p ä/s/raw"
    store.close()


def test_what_leads_nowhere_is_said(do: Does, store: DiskStore) -> None:
    """An address of another site; an id that nobody has."""
    with pytest.raises(Invalid, match="no address of data"):
        with_paths(SITE, located, OPERATIONS["entry.show"].wanted(path="https://example.org/x"))
    with pytest.raises(NotFound, match="permalink"):
        do("entry.locate", uuid="12345678-1234-1234-1234-1234567890ab")
