"""Permalinks: made, read, and found again after renames; nothing of what one may not see."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.errors import Invalid, NotFound
from jupyter_modama.core.links import ListLinks, list_links
from jupyter_modama.core.model import Actor, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.permalinks import LocateEntry, locate_entry, parse
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.doing import Does

BASE = "https://hub.example.org/services/modama"
UUID = "12345678-1234-1234-1234-1234567890ab"
SITE = Site(root="/data", managed_by=BASE)


def test_a_managed_tree_has_permalinks_by_the_address_of_its_service(do: Does, root: Path, actor: Actor) -> None:
    """By the nearest record: of the session, else of the project, else the path."""
    project = do("project.create", name="p")
    session = do("session.create", project="adhoc/p", name="s")
    store = DiskStore(Site(root=str(root), managed_by=BASE))
    try:

        def link(path: str) -> str:
            rows = list_links(store, actor, ListLinks(path)).items
            return next(row.value for row in rows if row.tool == "Permalink")

        assert link("adhoc/p/s/raw") == f"{BASE}/at/{session.uuid}/raw"
        assert link("adhoc/p") == f"{BASE}/at/{project.uuid}"
        assert link("adhoc") == f"{BASE}/path/adhoc"
    finally:
        store.close()


def test_what_was_renamed_is_found_where_it_is_now(do: Does) -> None:
    """Project and session, with a hint that is right, one that is old, and none."""
    project = do("project.create", name="p")
    session = do("session.create", project="adhoc/p", name="s")
    do("project.rename", project="adhoc/p", name="q ä")
    do("session.rename", project="adhoc/q ä", session="s", name="t")
    for hint in ("", "adhoc/p/s", "adhoc/q ä/t", "adhoc/none"):
        found = do("entry.locate", uuid=session.uuid.upper(), rest="raw", hint=hint)
        assert (found.path, found.folder) == ("adhoc/q ä/t/raw", "adhoc/q ä/t")
    assert do("entry.locate", uuid=project.uuid, rest="t/notes.md").path == "adhoc/q ä/t/notes.md"


def test_what_is_gone_is_not_found(do: Does, root: Path) -> None:
    """A file that went, a project that went, and an id that never was."""
    project = do("project.create", name="p")
    with pytest.raises(NotFound):
        do("entry.locate", uuid=project.uuid, rest="none")
    with pytest.raises(NotFound):
        do("entry.locate", uuid=UUID)
    shutil.rmtree(root / "adhoc/p")
    with pytest.raises(NotFound, match="permalink"):
        do("entry.locate", uuid=project.uuid)


@pytest.mark.parametrize("uuid", ["", "1", "../../etc", UUID + "0", UUID.replace("-", ""), "*" * 36])
def test_what_is_no_id_is_said_to_be_none(do: Does, uuid: str) -> None:
    """Half of an address was copied."""
    with pytest.raises(Invalid, match="copy it again"):
        do("entry.locate", uuid=uuid)


def test_rest_leads_nowhere_else(do: Does, root: Path) -> None:
    """Neither upwards nor through a link out of the tree."""
    project = do("project.create", name="p")
    (root / "adhoc/p/out").symlink_to("/etc")
    for rest in ("../../secret", "/etc", "out/passwd"):
        with pytest.raises((Invalid, NotFound)):
            do("entry.locate", uuid=project.uuid, rest=rest)


@pytest.mark.root
def test_others_projects_answer_as_if_they_were_not(
    by: Callable[[Account], Does], people: Accounts, root: Path
) -> None:
    """For somebody who may not come in, an id that is and one that is not answer alike."""
    made = by(people.alice)("project.create", name="p")
    bobs = DiskStore(Site(root=str(root)))
    said = []
    try:
        for uuid in (made.uuid, UUID):
            pid = os.fork()
            if pid == 0:
                os.setgroups([])
                os.setresgid(people.bob.gid, people.bob.gid, people.bob.gid)
                os.setresuid(people.bob.uid, people.bob.uid, people.bob.uid)
                try:
                    locate_entry(bobs, people.bob.actor, LocateEntry(uuid, hint="adhoc/p"))
                except NotFound as error:
                    os._exit(17 if str(error) == _NOT_THERE else 1)
                os._exit(2)
            said.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    finally:
        bobs.close()
    assert said == [17, 17]


_NOT_THERE = str(NotFound(what="project or session with the id of this permalink"))


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=9)))
def test_every_path_comes_back_from_its_address(names: list[str]) -> None:
    """Whatever signs are in it."""
    path = "/".join(name for name in names if name not in {".", ".."})
    found = parse(SITE, f"{BASE}/at/{UUID}/{quote(path.encode(), safe='/')}?page#x")
    assert found is not None
    assert found.uuid == UUID
    assert found.rest == TreePath.parse(path)


def test_names_that_are_no_text_come_back() -> None:
    """Byte by byte."""
    found = parse(SITE, f"{BASE}/path/adhoc/%FF%20x")
    assert found is not None
    assert (found.uuid, os.fsencode(found.rest)) == ("", b"adhoc/\xff x")


@pytest.mark.parametrize(
    "text",
    ["https://evil.example.org/at/x", f"{BASE}/manage", "http://hub.example.org/services/modama/at/", f"{BASE}x/at/1"],
)
def test_addresses_of_other_sites_are_refused_in_words(text: str) -> None:
    """A permalink of another facility is not taken for a path of this one."""
    with pytest.raises(Invalid, match=f"permalinks here begin with {BASE}/"):
        parse(SITE, text)


def test_plain_paths_are_no_permalinks() -> None:
    """They go their own way."""
    assert parse(SITE, "adhoc/p") is None
    assert parse(SITE, "https:/adhoc") is None
