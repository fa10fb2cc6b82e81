"""Who passes the root of a project, and what each kind of folder and file in it is to grant to whom.

Pure values: the store reads a gate from the access list and the owners' attribute of the project's folder, and writes
the lists that `templates` makes. Bits are 4 read, 2 write, 1 enter, as in a mode.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import date

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Area, Role

READ, WRITE, ENTER = 4, 2, 1
ALL = READ | WRITE | ENTER
LOOK = READ | ENTER


@frozen
class AccessList:
    """What one inode grants: to its owner, its group, people and groups by number, and everybody else.

    `mask` bounds all but owner and other (POSIX); None where the list has no named entries.
    """

    owner: int
    group: int
    other: int
    users: Mapping[int, int] = field(default_factory=dict)
    groups: Mapping[int, int] = field(default_factory=dict)
    mask: int | None = None

    @property
    def named(self) -> int:
        return len(self.users) + len(self.groups)

    @property
    def upper(self) -> int:
        """What named entries can have at most."""
        return ALL if self.mask is None else self.mask

    def for_user(self, uid: int, owner_uid: int, gids: frozenset[int], owner_gid: int) -> int:
        """The bits that the kernel grants to somebody, by the algorithm of acl(5).

        Linux does not look at a list at all whose mask is empty: then the owning group has nothing, and everybody else,
        by name as well, what is for everybody.
        """
        if uid == owner_uid:
            return self.owner
        if self.mask == 0:
            return 0 if owner_gid in gids else self.other
        if uid in self.users:
            return self.users[uid] & self.upper
        matching = [bits for gid, bits in self.groups.items() if gid in gids]
        if owner_gid in gids:
            matching.append(self.group)
        if matching:  # one entry has to grant all that is asked for; the most generous one is what can be asked
            return max((bits & self.upper for bits in matching), key=lambda bits: (bits.bit_count(), bits))
        return self.other


@frozen
class Gate:
    """Who passes the root of a project: people with their roles, owners too, groups, and whether all may look."""

    people: Mapping[int, Role] = field(default_factory=dict)
    groups: Mapping[int, Role] = field(default_factory=dict)
    is_open: bool = False
    until: Mapping[int, date] = field(default_factory=dict)  # the last day of a membership

    @property
    def owners(self) -> tuple[int, ...]:
        return tuple(sorted(uid for uid, role in self.people.items() if role is Role.OWNER))

    @property
    def is_shared(self) -> bool:
        """Whether it lets in anybody beside one person."""
        return self.is_open or len(self.people) + len(self.groups) > 1

    @property
    def version(self) -> str:
        """A short text that differs as soon as anything of this differs."""
        facts = [
            sorted((uid, role.name) for uid, role in self.people.items()),
            sorted((gid, role.name) for gid, role in self.groups.items()),
            self.is_open,
            sorted((uid, day.isoformat()) for uid, day in self.until.items()),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def ended(self, today: date) -> tuple[int, ...]:
        """Whose membership was over before today."""
        return tuple(sorted(uid for uid, day in self.until.items() if day < today and self._may_end(uid)))

    def _may_end(self, uid: int) -> bool:
        return self.people.get(uid, Role.OWNER) is not Role.OWNER

    def without(self, uids: tuple[int, ...]) -> Gate:
        return replace(
            self,
            people={uid: role for uid, role in self.people.items() if uid not in uids},
            until={uid: day for uid, day in self.until.items() if uid not in uids},
        )


@frozen
class Templates:
    """The access lists of a project: of its folders, of what these pass on to new entries, and of its files.

    `strict`: folders that people made belong to the system, so that nobody can delete others' files in them.
    """

    folder: AccessList
    inherited: AccessList
    file: AccessList
    strict: bool = False

    def of_file(self, executable: bool) -> AccessList:
        """The list of a file; one that its owner may execute stays so."""
        if not executable:
            return self.file
        return replace(
            self.file,
            owner=self.file.owner | ENTER,
            group=_with_enter(self.file.group),
            mask=None if self.file.mask is None else _with_enter(self.file.mask),
            other=_with_enter(self.file.other),
        )


def _with_enter(bits: int) -> int:
    return bits | ENTER if bits & READ else bits


def templates(gate: Gate, area: Area) -> Templates:
    """What the folders and files of a project grant, from who passes its gate and the rules of its area.

    With `write = "own-files"` what people inherit is reading only, so that a file is never open to others' changes;
    folders get the right to make entries in them when they are mended.
    """
    if area.members == "group":
        other = LOOK if gate.is_open else 0
        folder = AccessList(ALL, ALL, other)
        own = area.write == "own-files"
        inherited = AccessList(ALL, LOOK if own else ALL, other)
        file = AccessList(READ | WRITE, READ if own else READ | WRITE, other & READ)
        return Templates(folder, inherited, file, strict=area.delete == "strict")
    return _by_name(gate, area)


def _by_name(gate: Gate, area: Area) -> Templates:
    working = {uid: ALL if role >= Role.MEMBER else LOOK for uid, role in gate.people.items()}
    groups = {gid: ALL if role >= Role.MEMBER else LOOK for gid, role in gate.groups.items()}
    looking, looking_groups = dict.fromkeys(working, LOOK), dict.fromkeys(groups, LOOK)
    other = LOOK if gate.is_open else 0
    own = area.write == "own-files"
    folder = AccessList(ALL, 0, other, working, groups, ALL)
    inherited = AccessList(ALL, 0, other, looking, looking_groups, ALL) if own else folder
    file = AccessList(READ | WRITE, 0, other & READ, inherited.users, inherited.groups, READ | WRITE)
    return Templates(folder, inherited, file, strict=area.delete == "strict")
