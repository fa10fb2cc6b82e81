"""From names to paths and from paths to names: what the layout of an area makes of a folder.

A layout such as `{project}/{session}/raw` or `{beamline}/{proposal}/{visit}/raw` has its raw folder last, the session
before it, and the project is all before that.
"""

from __future__ import annotations

from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Area, Site
from jupyter_modama.core.paths import TreePath

RECORDS = ".modama"
NOWHERE = TreePath("")


@frozen
class Place:
    """Where a path lies: empty paths where it lies in no project or no session."""

    path: TreePath
    area: Area | None
    project: TreePath = NOWHERE
    session: TreePath = NOWHERE
    raw: TreePath = NOWHERE

    @property
    def layout(self) -> Area:
        """The area that a project or session lies in.

        Raises: NotFound for a place in none.
        """
        if self.area is None:
            raise NotFound(what=f"area for “{self.path.shown}”")
        return self.area

    @property
    def in_raw(self) -> bool:
        return bool(self.raw) and self.path.below(self.raw)

    @property
    def role_in_tree(self) -> str:
        """What the layout makes of exactly this folder: area, project, session, raw, derived, or nothing."""
        if self.area is None or not self.path:
            return ""
        named = {
            self.raw: "raw",
            self.session: "session",
            self.project: "project",
            TreePath(self.area.name): "area",
        }
        if self.session and self.path == self.session / self.area.derived:
            return "derived"
        return named.get(self.path, "")


def area_of(site: Site, path: TreePath) -> Area | None:
    """The area that a path lies in; where the site names none, every top-level folder is one of the first layout."""
    if not path.parts:
        return None
    name = path.parts[0]
    for area in site.areas:
        if area.name == name:
            return area
    return Area(name=name) if site.any_area and not name.startswith(".") else None


def depth(area: Area) -> int:
    """How many folders below its area a project lies."""
    return len(area.layout.split("/")) - 2


def place(site: Site, path: TreePath) -> Place:
    """What the layout says of a path. The disk is not asked whether the session has a raw folder."""
    area = area_of(site, path)
    if area is None:
        return Place(path, None)
    levels = 1 + depth(area)
    parts = path.parts
    if RECORDS in parts[: levels + 2]:
        return Place(path, area)
    project = TreePath("/".join(parts[:levels])) if len(parts) >= levels else TreePath("")
    session = TreePath("/".join(parts[: levels + 1])) if len(parts) > levels else TreePath("")
    raw = session / area.layout.rsplit("/", 1)[-1] if session else TreePath("")
    return Place(path, area, project, session, raw)


def is_records(site: Site, path: TreePath) -> bool:
    """Whether a path is one of the folders in which we keep records: of the tree, an area, a project or a session.

    A folder of that name further down is somebody's data.
    """
    if path.name != RECORDS:
        return False
    area = area_of(site, path)
    return area is None or len(path.parts) <= depth(area) + 3


def project_place(site: Site, project: TreePath) -> Place:
    """The place of a project's path.

    Raises: NotFound where the layout has no project at that depth.
    """
    found = place(site, project)
    if not found.project or found.project != project:
        raise NotFound(what=f"project {project.shown}")
    return found


def session_place(site: Site, session: TreePath) -> Place:
    """The place of a session's path.

    Raises: NotFound where the layout has no session at that depth.
    """
    found = place(site, session)
    if not found.session or found.session != session:
        raise NotFound(what=f"session {session.shown}")
    return found
