"""Records that others than the system could write for a while: told of, and believed again where that is safe."""

from __future__ import annotations

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS, project_place
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import session_names

DOUBTED = (
    "could be written by others than the system, as after “chmod -R g+w” or “setfacl -R”, and are not believed "
    "meanwhile: titles, last days and seals that stand there are missing"
)
AGAIN = "could be written by others, hold what was last written here, and are believed again"
ASIDE = (
    "could be written by others, and hold something else than was last written here; they were put aside under another "
    "name (…doubted-…), and an administrator can look at them. What stood there, such as titles and last days of "
    "memberships, has to be entered again"
)
LEFT = (
    "could be written by others, and hold something else than was last written here; an owner or an administrator can "
    "have them put aside by “repair”"
)


@frozen
class RecordsFound:
    """Records of a project and of its sessions: still doubted, believed again, put aside, left as they are."""

    doubted: tuple[TreePath, ...] = ()
    again: tuple[TreePath, ...] = ()
    aside: tuple[TreePath, ...] = ()
    left: tuple[TreePath, ...] = ()

    @property
    def rows(self) -> tuple[tuple[str, tuple[TreePath, ...], str], ...]:
        """Code, paths and what is so of them; of kinds that there are."""
        every = (
            ("records-open", self.doubted, DOUBTED),
            ("records-again", self.again, AGAIN),
            ("records-aside", self.aside, ASIDE),
            ("records-left", self.left, LEFT),
        )
        return tuple(row for row in every if row[1])


def look_at_records(store: Store, project: TreePath) -> RecordsFound:
    """The records of a project and of its sessions that are not believed."""
    found = ((folder, store.record_trust.doubted(folder)) for folder in _folders(store, project))
    return RecordsFound(tuple(path for folder, names in found for path in _paths(folder, names)))


def renew_records(store: Store, project: TreePath, *, aside: bool) -> RecordsFound:
    """Have them believed again where they are what was last written here.

    `aside`: those that are not get another name, so that there are new ones; else their folder is left as it is.
    Raises: NotFound, NotAllowed, StorageError.
    """
    again: list[TreePath] = []
    away: list[TreePath] = []
    left: list[TreePath] = []
    for folder in _folders(store, project):
        done = store.record_trust.renew(folder, aside=aside)
        for paths, names in ((again, done.again), (away, done.aside), (left, done.left)):
            paths.extend(_paths(folder, names))
    return RecordsFound((), tuple(again), tuple(away), tuple(left))


def learn_records(store: Store, project: TreePath) -> None:
    """Remember what the believed records of a project and of its sessions hold."""
    for folder in _folders(store, project):
        store.record_trust.learn(folder)


def _folders(store: Store, project: TreePath) -> tuple[TreePath, ...]:
    area = project_place(store.site, project).layout
    return (project, *session_names(store, project, area))


def _paths(folder: TreePath, names: tuple[str, ...]) -> tuple[TreePath, ...]:
    return tuple(folder / RECORDS if name == "." else folder / RECORDS / name for name in names)
