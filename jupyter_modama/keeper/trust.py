"""What the keeper believes when it starts, and whether others could have written it: then it does not start."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from jupyter_modama.core.errors import NotAllowed, from_os
from jupyter_modama.core.model import Site

ROOT = frozenset({0})


def check_start(site_file: Path, site: Site, system_uids: Collection[int], state: Path) -> None:
    """Raises: NotAllowed, naming what others could write; NotFound and its kind."""
    if not site.managed_by:
        raise NotAllowed(
            what=f"{site.root} is no managed tree: root is to write the service's address into "
            f"{site.root}/.modama/site.json first"
        )
    package = Path(__file__).parents[1]
    for path in (site_file, Path(sys.executable), state, package, *_imported_from()):
        _check(path, ROOT)
    for path in _inside(package):
        _check_one(path, os.lstat(path), ROOT, is_last=True)
    _check(Path(site.root), frozenset(system_uids))


def check_folder(path: Path) -> None:
    """Raises: NotAllowed where others could put something else in the place of what lies in a folder."""
    _check(path, ROOT)


def _imported_from() -> Iterator[Path]:
    return (Path(folder) for folder in sys.path if folder and os.path.exists(folder))


def _inside(package: Path) -> Iterator[Path]:
    """The modules of this package, and the folders that they lie in."""
    for folder, _, names in os.walk(package):
        yield Path(folder)
        yield from (Path(folder, name) for name in names if name.endswith((".py", ".pyc", ".so")))


def _check(path: Path, owners: Collection[int]) -> None:
    """Raises: NotAllowed where somebody but these could change what lies there, or what leads there."""
    try:
        for spelling in {os.path.abspath(path), os.path.realpath(path)}:
            for above in reversed((Path(spelling), *Path(spelling).parents)):
                is_last = str(above) == spelling
                _check_one(above, os.lstat(above), owners if is_last else {*ROOT, *owners}, is_last=is_last)
    except OSError as error:
        raise from_os(error, f"looking at {path}") from error


def _check_one(path: Path, found: os.stat_result, owners: Collection[int], *, is_last: bool) -> None:
    """A folder on the way may be open to all where it is sticky, as /tmp: what is root's in it stays root's."""
    # Whoever could change a link may write in the folder that it is in.
    open_to = 0 if stat.S_ISLNK(found.st_mode) else found.st_mode & 0o022
    if found.st_gid == 0:
        open_to &= ~0o020
    if not is_last and found.st_mode & stat.S_ISVTX and found.st_uid == 0:
        open_to = 0
    if found.st_uid not in owners or open_to:
        who = f"uid {found.st_uid}" if found.st_uid not in owners else "others"
        raise NotAllowed(
            what=f"{path} can be written by {who}, so that the keeper does not start; it is to belong to root, and "
            "nobody else may write there"
        )
