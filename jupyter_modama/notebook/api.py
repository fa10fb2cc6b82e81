"""What `import jupyter_modama as modama` offers in a notebook.

    modama.projects()                                             the projects that one can see
    modama.project("adhoc/p").session("2024-11-12-test")          a session
    modama.session("adhoc/p", "2024-11-12-test")                  the same
    modama.here()                                                 the session (or project) that the notebook lies in
    modama.load("adhoc/p/2024-11-12-test/raw/frame.dm4")          the data of a file, lazily

The tree is the one that the site file or MODAMA_ROOT names; everything is done with the rights of the kernel's person.
A path is written from the root of the tree, as on the disk, from the folder of the notebook, or as a permalink. In a
managed tree the service makes the changes, with the token of the server or of `modama login`.
Errors are the classes of `jupyter_modama.core.errors`.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import ProjectPage
from jupyter_modama.core.permalinks import is_link
from jupyter_modama.core.projects import is_folder
from jupyter_modama.notebook import loading
from jupyter_modama.notebook.entries import PAGE
from jupyter_modama.notebook.rows import Rows
from jupyter_modama.notebook.things import Project, Session, find_project, find_session
from jupyter_modama.notebook.tree import Named, the_tree

__all__ = ["here", "load", "project", "projects", "session"]


def projects(search: str = "") -> Rows[Project]:
    """The projects that one can see, the last changed first; `search` is a part of the name."""
    tree = the_tree()
    found: list[Project] = []
    cursor = "0"
    while cursor:
        page: ProjectPage = tree.do("project.list", search=search, cursor=cursor, limit=PAGE)
        found += [Project(tree, facts) for facts in page.items]
        cursor = page.cursor
    return Rows("project", ("project", "sessions", "you are", "changed", ""), found, f"in {tree.store.site.root}")


def project(path: Named) -> Project:
    """One project, such as `adhoc/skyrmions`, or that which a permalink leads into. Raises: NotFound, PathRefused."""
    tree = the_tree()
    found = tree.path(path)
    return find_project(tree, (place(tree.store.site, found).project or found) if is_link(path) else found)


def session(project: Named, name: str = "") -> Session:
    """One session of a project, by its folder's name; or, without a name, that which a permalink leads into.

    Raises: NotFound, PathRefused.
    """
    tree = the_tree()
    if not name:
        where = place(tree.store.site, tree.path(project))
        if not where.session:
            raise Invalid(what=f"“{where.path.shown}” lies in no session; please give the name of one")
        return find_session(tree, where.project, where.session.name)
    return find_session(tree, tree.path(project), name)


def here() -> Session | Project:
    """The session that the notebook's own folder lies in, else its project.

    Raises: Invalid where it lies in none, PathRefused where it lies outside the tree.
    """
    tree = the_tree()
    found = place(tree.store.site, tree.path(os.getcwd()))
    if found.session and is_folder(tree.store, found.raw):
        return find_session(tree, found.project, found.session.name)
    if found.project:
        return find_project(tree, found.project)
    raise Invalid(what=f"this notebook lies in no project: its folder is {os.getcwd()}")


def load(path: Named, with_: Literal["", "hyperspy", "libertem"] = "", **given: Any) -> Any:
    """The data of a file, in place and lazily: nothing is read before it is asked for.

    `with_="hyperspy"`: a lazy HyperSpy signal (a list where the file holds several). `with_="libertem"`: a LiberTEM
    data set, in an executor of this process that opens no port (`jupyter_modama.libertem.context.context()`).
    Without it: HyperSpy, but LiberTEM for the formats that only it reads (seq, frms6, gtg, hdr, toml, raw numbers).
    `given` goes to HyperSpy's `load`, or to LiberTEM's, for example `navigation_shape=(8, 8)` or `dtype="u2"`.
    Raises: NotFound, NotAllowed, PathRefused, Unsupported, Unreachable where the library is not installed.
    """
    tree = the_tree()
    return loading.load(tree, tree.path(path), with_, **given)
