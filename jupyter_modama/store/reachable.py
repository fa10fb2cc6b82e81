"""Which projects the running person can reach: looked up in the tree, so that the kernel is the judge."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import area_of, depth
from jupyter_modama.core.model import Area, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FOLDER, PATH_ONLY, open_beneath
from jupyter_modama.store.status import is_immutable_at, may

MOST_RAW = 500  # beyond that the immutable flag alone protects sealed data: each mount costs at the start


@frozen
class Reachable:
    """A project whose gate a person passes, and the sealed raw folders in it."""

    path: TreePath
    sealed: tuple[TreePath, ...] = ()


def reachable(root_fd: int, site: Site, *, sealed: bool = True) -> list[Reachable]:
    """The projects whose gate the running person passes, and where wanted the sealed folders in them.

    Sealed folders are not looked for any more when they are too many to be mounted.
    """
    found: list[Reachable] = []
    raw = 0
    for path, area, fd in _projects(root_fd, site):
        try:
            inner = tuple(_sealed(fd, path, area)) if sealed and raw <= MOST_RAW else ()
        finally:
            os.close(fd)
        raw += len(inner)
        found.append(Reachable(path, inner))
    return found


def _projects(root_fd: int, site: Site) -> Iterator[tuple[TreePath, Area, int]]:
    """Each project with its area and a descriptor, which is the receiver's."""
    for name in _listed(root_fd):
        path = TreePath(name)
        if (area := area_of(site, path)) is not None:
            yield from _below(root_fd, path, area, depth(area))


def _below(above: int, path: TreePath, area: Area, levels: int) -> Iterator[tuple[TreePath, Area, int]]:
    try:
        fd = open_beneath(above, path.name, PATH_ONLY | os.O_DIRECTORY)
    except OSError:  # a file, a link, or closed to them
        return
    if not levels:
        if may(fd, os.R_OK | os.X_OK):
            yield path, area, fd
        else:
            os.close(fd)
        return
    try:
        for name in _listed(fd):
            yield from _below(fd, path / name, area, levels - 1)
    finally:
        os.close(fd)


def _sealed(fd: int, project: TreePath, area: Area) -> Iterator[TreePath]:
    """The raw folders of a project that carry the immutable flag."""
    raw = area.layout.rsplit("/", 1)[-1]
    for name in _listed(fd):
        try:
            inner = open_beneath(fd, f"{name}/{raw}", PATH_ONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            if is_immutable_at(inner):
                yield project / name / raw
        except OSError:
            continue
        finally:
            os.close(inner)


def _listed(fd: int) -> list[str]:
    """The names in a folder (any descriptor of it); none where it cannot be read."""
    try:
        listed = os.open(".", FOLDER, dir_fd=fd)
    except OSError:
        return []
    try:
        return sorted(name for name in os.listdir(listed) if not name.startswith("."))
    except OSError:
        return []
    finally:
        os.close(listed)


def to_json(found: list[Reachable]) -> str:
    return json.dumps([[one.path, list(one.sealed)] for one in found])


def from_json(text: str) -> list[Reachable]:
    """Raises: ValueError, TypeError."""
    return [Reachable(TreePath.parse(path), tuple(map(TreePath.parse, sealed))) for path, sealed in json.loads(text)]
