"""What the layout of an area makes of a path, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.layout import area_of, is_records, place, project_place, session_place
from jupyter_modama.core.model import Area, Site
from jupyter_modama.core.paths import TreePath

SITE = Site(
    root="/x",
    areas=(Area("adhoc"), Area("visitors", layout="{beamline}/{proposal}/{visit}/raw", derived="process")),
    any_area=False,
)
P = TreePath

PLACES = [
    # path, project, session, raw, what it is
    ("", "", "", "", ""),
    ("adhoc", "", "", "", "area"),
    ("adhoc/p", "adhoc/p", "", "", "project"),
    ("adhoc/p/s", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw", "session"),
    ("adhoc/p/s/raw", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw", "raw"),
    ("adhoc/p/s/analysis", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw", "derived"),
    ("adhoc/p/s/raw/a/b.dm4", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw", ""),
    ("adhoc/p/.modama/x", "", "", "", ""),
    ("adhoc/p/s/.modama/session.json", "", "", "", ""),
    ("adhoc/p/s/raw/.modama/a.dm4", "adhoc/p", "adhoc/p/s", "adhoc/p/s/raw", ""),
    ("visitors", "", "", "", "area"),
    ("visitors/b", "", "", "", ""),
    ("visitors/b/p", "visitors/b/p", "", "", "project"),
    ("visitors/b/p/v", "visitors/b/p", "visitors/b/p/v", "visitors/b/p/v/raw", "session"),
    ("visitors/b/p/v/process", "visitors/b/p", "visitors/b/p/v", "visitors/b/p/v/raw", "derived"),
    ("visitors/b/p/v/raw/x", "visitors/b/p", "visitors/b/p/v", "visitors/b/p/v/raw", ""),
    ("elsewhere/p/s/raw", "", "", "", ""),
]


@pytest.mark.parametrize(("path", "project", "session", "raw", "role"), PLACES)
def test_place_of_a_path(path: str, project: str, session: str, raw: str, role: str) -> None:
    found = place(SITE, P(path))
    assert (found.project, found.session, found.raw, found.role_in_tree) == (project, session, raw, role)
    assert found.in_raw is (bool(raw) and (path + "/").startswith(raw + "/"))


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", "..", ".modama"}
)


@given(st.lists(names, min_size=2, max_size=2))
def test_names_to_path_and_back(parts: list[str]) -> None:
    """A project's and a session's path stand for themselves, in a plain layout."""
    project, session = P("adhoc") / parts[0], P("adhoc") / parts[0] / parts[1]
    assert project_place(SITE, project).project == project
    found = session_place(SITE, session)
    assert (found.project, found.session, found.raw) == (project, session, session / "raw")


@given(st.lists(names, min_size=3, max_size=3))
def test_names_to_path_and_back_in_a_deep_layout(parts: list[str]) -> None:
    """And in that of a facility with beamlines."""
    session = P("visitors/" + "/".join(parts))
    found = session_place(SITE, session)
    assert (found.project, found.session, found.raw) == (session.parent, session, session / "raw")
    assert project_place(SITE, session.parent).project == session.parent


@pytest.mark.parametrize("path", ["", "adhoc", "adhoc/p/s", "visitors/b", "elsewhere/p", "adhoc/.modama"])
def test_what_is_at_another_depth_is_no_project(path: str) -> None:
    with pytest.raises(NotFound):
        project_place(SITE, P(path))


@pytest.mark.parametrize("path", ["", "adhoc/p", "adhoc/p/s/raw", "visitors/b/p", "adhoc/p/.modama", "elsewhere/p/s"])
def test_what_is_at_another_depth_is_no_session(path: str) -> None:
    with pytest.raises(NotFound):
        session_place(SITE, P(path))


def test_without_a_site_file_every_top_folder_is_an_area() -> None:
    """Hidden ones are none."""
    site = Site(root="/x")
    assert area_of(site, P("anything/p")) == Area("anything")
    assert area_of(site, P(".snapshots/p")) is None
    assert area_of(site, P("")) is None
    assert area_of(SITE, P("anything/p")) is None


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        (".modama", True),
        ("adhoc/.modama", True),
        ("adhoc/p/.modama", True),
        ("adhoc/p/s/.modama", True),
        ("adhoc/p/s/raw/.modama", False),
        ("adhoc/p/s/analysis/x/.modama", False),
        ("visitors/b/p/v/.modama", True),
        ("visitors/b/p/v/raw/.modama", False),
        ("adhoc/p/s/modama", False),
    ],
)
def test_our_records_lie_at_the_top_only(path: str, ours: bool) -> None:
    """Further down a folder of that name is somebody's data."""
    assert is_records(SITE, P(path)) is ours


def test_place_in_no_area_says_so() -> None:
    with pytest.raises(NotFound, match="elsewhere"):
        _ = place(SITE, P("elsewhere/p")).layout
