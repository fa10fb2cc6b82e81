"""What is not as a project wants it, and what a pass through it has seen of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from jupyter_modama.core.gate import AccessList
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl

EXAMPLES = 5


class Drift(StrEnum):
    """What is not as the project wants it; in this order, the first that is true of an entry counts."""

    NO_LIST = "no-list"  # the list is gone: cp -a, mv from elsewhere
    MASKED = "masked"  # names are there, and bounded by a mask: cp, tar, mkstemp, chmod, an open with mode 0600
    OPENED = "opened"  # everybody may more than the project says: rsync -a, chmod
    OTHER_NAMES = "other-names"  # names or their rights differ
    NOT_STICKY = "not-sticky"  # whoever may write in the folder may delete others' files
    NOT_PASSED_ON = "not-passed-on"  # what is made in the folder would not inherit the list
    OTHER_GROUP = "other-group"  # where the group of a folder is what lets people in
    OWN_FOLDER = "own-folder"  # a folder of somebody's own where folders are to be the system's
    UNKNOWN_OWNER = "unknown-owner"
    HARD_LINK = "hard-link"  # a file with a second name, which may lie outside
    SPECIAL = "special"  # a pipe, socket or device
    MOUNT = "mount"
    UNREADABLE = "unreadable"


MENDED = tuple(Drift)[:8]


@dataclass(slots=True)
class Found:
    """What a pass has seen so far."""

    files: int = 0
    folders: int = 0
    sealed: int = 0
    mended: int = 0
    counts: dict[Drift, int] = field(default_factory=dict)
    examples: dict[Drift, list[TreePath]] = field(default_factory=dict)
    left: dict[Drift, int] = field(default_factory=dict)  # what this process may not mend
    mendable: tuple[Drift, ...] = MENDED

    def add(self, drift: Drift, at: TreePath) -> None:
        self.add_many(drift, 1, [at])

    def add_many(self, drift: Drift, count: int, some: list[TreePath]) -> None:
        """`some`: the first of them."""
        self.counts[drift] = self.counts.get(drift, 0) + count
        examples = self.examples.setdefault(drift, [])
        examples += some[: EXAMPLES - len(examples)]


def list_drift(mine: bytes, wanted: bytes, mode: int, templ: AccessList) -> Drift | None:
    """How a list differs from the wanted one; both as attributes, empty where the mode alone counts."""
    if mine == wanted and (wanted or not (mode ^ acl.mode_of(templ)) & 0o777):
        return None
    try:
        have = acl.decode(mine)
    except ValueError:
        have = acl.from_mode(mode)
    if have.other & ~templ.other:
        return Drift.OPENED
    if templ.named and not have.named:
        return Drift.NO_LIST
    if dict(have.users) == dict(templ.users) and dict(have.groups) == dict(templ.groups):
        return Drift.MASKED
    return Drift.OTHER_NAMES
