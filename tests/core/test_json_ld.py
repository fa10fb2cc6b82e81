"""What pages say to programs about projects, sessions and files."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core import json_ld
from jupyter_modama.core.model import EntryDetails, Person, Project, Session
from jupyter_modama.runner import plain
from jupyter_modama.testing.doing import Does

ADDRESS = "https://hub.example.org/services/modama/at/1234"


def test_a_project_says_whose_it_is(do: Does) -> None:
    """Title rather than folder, owners by name, nothing that is empty."""
    made: Project = do("project.create", name="p", title="Fancy method")
    found = json_ld.of_project(plain(made), ADDRESS, "er-c-data")
    assert found["@type"] == "Dataset"
    assert found["name"] == "Fancy method"
    assert found["identifier"] == made.uuid
    assert [person["@type"] for person in found["creator"]] == ["Person"]
    assert all(value not in ("", None, []) for value in found.values())


def test_a_session_says_its_state_and_where_it_belongs(do: Does) -> None:
    """What was written down about it becomes keywords and licence."""
    project: Project = do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s", instrument="Titan")
    made: Session = do("session.show", project="adhoc/p", session="s")
    found = json_ld.of_session(plain(made), plain(project), ADDRESS, "er-c-data")
    assert found["creativeWorkStatus"] == "writable"
    assert found["isPartOf"]["name"] == "p"
    assert found["keywords"] == ["Titan"]


def test_a_file_is_a_media_object_with_its_size(do: Does, root: object) -> None:
    """An untouched notes file is enough to show it."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    details: EntryDetails = do("entry.show", path="adhoc/p/s/notes.md")
    found = json_ld.of_entry(plain(details), ADDRESS, "er-c-data")
    assert found["@type"] == "MediaObject"
    assert found["contentSize"] == f"{details.entry.size_bytes} B"


@given(st.text())
def test_no_title_ends_the_element_that_it_stands_in(title: str) -> None:
    """`</script>` in a title is text, and the text comes back as it was."""
    person = Person(1000, "mia", "Mia")
    row = json_ld.of_project(plain(Project("adhoc/p", "p", "adhoc", title=title, owners=(person,))), ADDRESS, "s")
    text = json_ld.in_a_page(row)
    assert not set("<>&") & set(text)
    if title:
        assert json.loads(text)["name"] == plain(Project("a", "p", "a", title=title))["title"]
