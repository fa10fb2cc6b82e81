"""The data tree that a notebook works on, opened once, and the one way to do an operation in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound, PathRefused, printable
from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.permalinks import Permalink, parse
from jupyter_modama.notebook.progress import Line
from jupyter_modama.runner import Runner, local_actor
from jupyter_modama.site import load_site
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.tokens import client_of

Named = str | os.PathLike[str]


class Tree:
    """One data tree as the person who runs the kernel sees it."""

    def __init__(self, site: Site) -> None:
        self.store = DiskStore(site)
        self.runner = Runner(self.store, threads=1)
        self.actor: Actor = local_actor(Via.NOTEBOOK)

    def do(self, operation: str, /, **wanted: Any) -> Any:
        """The answer of an operation; a long one shows a line of progress and is waited for.

        Raises: what the operation raises.
        """
        row = OPERATIONS[operation]
        asked = row.wanted(**wanted)
        if self.store.site.managed_by and row.kept:
            return self._at_service(row, asked)
        if row.kind is not Kind.LONG:
            return perform(row, asked, actor=self.actor, store=self.store)
        with Line(row.name) as line:
            return self.runner.run(row, asked, self.actor, line)

    def _at_service(self, row: Operation, asked: Any) -> Any:
        """What changes a managed tree is done by its service, with the token of the server or of `modama login`."""
        client = client_of(self.store.site, Via.NOTEBOOK)
        if row.kind is not Kind.LONG:
            return client.do(row, asked)
        with Line(row.name) as line:
            return client.wait(row, asked, line)

    def path(self, named: Named) -> TreePath:
        """The path below the root that somebody means, written in any of four ways.

        From the root (`adhoc/p/s/raw/a.dm4`), as it lies on the disk (`/storage/adhoc/...`), from the folder of the
        notebook (`raw/a.dm4`, `../s/raw`), or as a permalink. What exists from the root counts first.
        Raises: PathRefused, Invalid and NotFound for a permalink that leads nowhere.
        """
        text = os.fspath(named)
        if (link := parse(self.store.site, text)) is not None:
            return self._linked(link)
        if not text.startswith("/"):
            below = _plainly(text)
            if below is not None and self._is_there(below):
                return below
            nearby = self._below(os.path.join(os.getcwd(), text))
            if nearby is not None and (below is None or self._is_there(nearby)):
                return nearby
            return TreePath.parse(text)
        found = self._below(text)
        if found is None:
            raise PathRefused(path=printable(text), rule=f"it does not lie in the data tree, {self.store.site.root}")
        return found

    def _linked(self, link: Permalink) -> TreePath:
        if not link.uuid:
            return link.rest
        found = self.do("entry.locate", uuid=link.uuid, rest=link.rest.shown, rest_b64=link.rest.b64)
        return TreePath.parse(found.path, found.path_b64)

    def _below(self, disk: str) -> TreePath | None:
        """A path on the disk as one below the root; links on the way to the root are followed, none below it."""
        root = self.store.site.root
        for top, path in ((os.path.abspath(root), os.path.abspath(disk)), (os.path.realpath(root), _real_folder(disk))):
            if path == top:
                return TreePath("")
            if path.startswith(top.rstrip("/") + "/"):
                return TreePath.parse(path[len(top.rstrip("/")) + 1 :])
        return None

    def _is_there(self, path: TreePath) -> bool:
        try:
            self.store.stat(path)
        except (NotFound, NotAllowed):
            return False
        return True

    def disk(self, path: TreePath) -> Path:
        """Where a path lies on the disk."""
        return Path(self.store.disk_path(path))

    def close(self) -> None:
        self.runner.close()
        self.store.close()


def _plainly(text: str) -> TreePath | None:
    try:
        return TreePath.parse(text)
    except PathRefused:
        return None


def _real_folder(disk: str) -> str:
    folder, name = os.path.split(os.path.abspath(disk))
    return os.path.join(os.path.realpath(folder), name)


_guard = threading.Lock()
_open: list[tuple[Site, Tree]] = []


def the_tree() -> Tree:
    """The tree that the site file or MODAMA_ROOT names now.

    Raises: Invalid where there is none yet, and where the site file is not right.
    """
    site = load_site()
    if site is None:
        raise Invalid(
            what="no data tree has been named here yet: set MODAMA_ROOT to its folder before the notebook starts, "
            "or make one in the sidebar"
        )
    with _guard:
        for known, tree in _open:
            if known == site:
                return tree
        _open.append((site, Tree(site)))
        return _open[-1][1]
