"""NFSv4 access lists: as nfs4_getfacl prints them, as the kernel keeps them in an attribute, and as lists of ours.

An entry allows (A) or denies (D) something to its owner, a group, a number or everybody; the first entry that speaks of
a permission decides. Entries that are passed on carry flags instead of a second list. Sources: RFC 8881, section 6;
nfs4_acl(5); the attribute is the XDR of nfsace4<>.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.gate import ALL, ENTER, READ, WRITE, AccessList

ATTRIBUTE = "system.nfs4_acl"
OWNER, GROUP, EVERYONE = "OWNER@", "GROUP@", "EVERYONE@"
KINDS = "ADUL"  # allow, deny, audit, alarm; in the order of their numbers
FLAGS = {"f": 0x01, "d": 0x02, "n": 0x04, "i": 0x08, "S": 0x10, "F": 0x20, "g": 0x40}
PERMISSIONS = {
    **{"r": 0x01, "w": 0x02, "a": 0x04, "D": 0x40, "d": 0x10000, "x": 0x20, "t": 0x80, "T": 0x100},
    **{"n": 0x08, "N": 0x10, "c": 0x20000, "C": 0x40000, "o": 0x80000, "y": 0x100000},
}
ALIASES = {"R": "rntcy", "W": "watTNcCy", "X": "xtcy"}  # of a folder, W includes D
LONGEST_NAME, MOST_ENTRIES = 1024, 10_000
_HEAD = struct.Struct(">4I")
_PASSED_ON = FLAGS["f"] | FLAGS["d"]


@frozen
class Entry:
    """One entry: `kind` is a letter of KINDS; `who` a number, a name, OWNER@, GROUP@ or EVERYONE@."""

    kind: str
    flags: int
    who: str
    may: int

    @property
    def is_group(self) -> bool:
        return bool(self.flags & FLAGS["g"])

    @property
    def counts_here(self) -> bool:
        """Whether it says something of what it stands at, and not only of what will be made there."""
        return self.kind in "AD" and not self.flags & FLAGS["i"]

    @property
    def is_passed_on(self) -> bool:
        """Whether all that will be made below gets it, files and folders, at every depth."""
        return self.kind in "AD" and self.flags & (_PASSED_ON | FLAGS["n"]) == _PASSED_ON


# Text ----------------------------------------------------------------------------------------------------------------


def parse(text: str, *, is_folder: bool = True) -> tuple[Entry, ...]:
    """The entries of a listing; comments and empty lines are passed over, commas separate as lines do.

    Raises: ValueError, with the entry that cannot be read.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    return tuple(_entry(word, is_folder) for line in lines for word in re.split(r"[,\s]+", line) if word)


def _entry(word: str, is_folder: bool) -> Entry:
    parts = word.split(":")
    if len(parts) != 4 or parts[0] not in list(KINDS) or not parts[2]:
        raise ValueError(f"“{word}” is no entry such as A:fdi:20335:rwaDxtcy")
    kind, flags, who, letters = parts
    for alias, stands_for in ALIASES.items():
        letters = letters.replace(alias, stands_for + ("D" if alias == "W" and is_folder else ""))
    return Entry(kind, _bits(flags, FLAGS, word), who, _bits(letters, PERMISSIONS, word))


def _bits(letters: str, known: dict[str, int], word: str) -> int:
    found = 0
    for letter in letters:
        if letter not in known:
            raise ValueError(f"“{letter}” in “{word}” is not known; possible are {''.join(known)}")
        found |= known[letter]
    return found


def shown(entries: Iterable[Entry]) -> str:
    """The listing, one entry a line, letters in the order in which nfs4_getfacl has them.

    Raises: ValueError for what has no letter.
    """
    return "".join(f"{e.kind}:{_letters(e.flags, FLAGS)}:{e.who}:{_letters(e.may, PERMISSIONS)}\n" for e in entries)


def _letters(bits: int, known: dict[str, int]) -> str:
    if bits & ~sum(known.values()):
        raise ValueError(f"{bits:#x} has bits for which there is no letter")
    return "".join(letter for letter, bit in known.items() if bits & bit)


# Attribute -----------------------------------------------------------------------------------------------------------


def encode(entries: Iterable[Entry]) -> bytes:
    """The attribute of a list.

    Raises: ValueError where a name is too long.
    """
    packed = []
    for entry in entries:
        who = entry.who.encode("utf-8")
        if len(who) > LONGEST_NAME:
            raise ValueError(f"“{entry.who[:20]}…” is too long for a name")
        packed.append(_HEAD.pack(KINDS.index(entry.kind), entry.flags, entry.may, len(who)) + who + _padding(len(who)))
    return struct.pack(">I", len(packed)) + b"".join(packed)


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)


def decode(raw: bytes) -> tuple[Entry, ...]:
    """The list in an attribute; bits that nobody knows are kept as they are.

    Raises: ValueError where it is none.
    """
    try:
        (count,) = struct.unpack_from(">I", raw)
        if count > MOST_ENTRIES:
            raise ValueError(f"{count} entries are too many")
        entries, at = [], 4
        for _ in range(count):
            kind, flags, may, length = _HEAD.unpack_from(raw, at)
            at += _HEAD.size
            who = raw[at : at + length]
            at += length + len(_padding(length))
            if length > LONGEST_NAME or len(who) < length or at > len(raw):
                raise ValueError("an entry ends too early")
            entries.append(Entry(KINDS[kind], flags, who.decode("utf-8"), may))
    except (struct.error, IndexError) as error:
        raise ValueError("no NFSv4 access list") from error
    if at != len(raw):
        raise ValueError("something stands behind the last entry")
    return tuple(entries)


# Our lists -----------------------------------------------------------------------------------------------------------

_ALWAYS = sum(PERMISSIONS[letter] for letter in "tcy")  # whoever passes may look at attributes and list
_OWNER_TOO = sum(PERMISSIONS[letter] for letter in "TC")
_CHANGES = PERMISSIONS["w"] | PERMISSIONS["a"]


def from_list(
    wanted: AccessList, inherited: AccessList | None = None, *, is_folder: bool, others_delete: bool = True
) -> tuple[Entry, ...]:
    """The entries that grant what a list does, and pass on what another one does.

    `others_delete`: whoever may make entries in a folder may remove those of others, too, as far as a sticky bit does
    not keep them from it. Without it nobody but the owner of the folder may, at every depth.
    """
    entries = _plain(wanted, is_folder, others_delete)
    if inherited is not None:
        flags = _PASSED_ON | FLAGS["i"]
        entries += [replace(e, flags=e.flags | flags) for e in _plain(inherited, True, others_delete)]
    return tuple(entries)


def _plain(wanted: AccessList, is_folder: bool, others_delete: bool) -> list[Entry]:
    def may(bits: int, mine: bool = False) -> int:
        changes = _CHANGES | (PERMISSIONS["D"] if is_folder and (others_delete or mine) else 0)
        return sum(
            had for bit, had in ((READ, PERMISSIONS["r"]), (WRITE, changes), (ENTER, PERMISSIONS["x"])) if bits & bit
        )

    top = wanted.upper
    users = [(str(uid), 0, bits & top) for uid, bits in sorted(wanted.users.items())]
    groups = [(GROUP, 0, wanted.group & top)]
    groups += [(str(gid), FLAGS["g"], bits & top) for gid, bits in sorted(wanted.groups.items())]
    by_groups = wanted.other
    for _, _, bits in groups:
        by_groups |= bits
    after = by_groups
    for _, _, bits in users:
        after |= bits
    found = _denied(OWNER, 0, may(after & ~wanted.owner))
    found.append(Entry("A", 0, OWNER, may(wanted.owner, mine=True) | _ALWAYS | _OWNER_TOO))
    for who, flags, bits in users:
        found += [*_denied(who, flags, may(by_groups & ~bits)), Entry("A", flags, who, may(bits) | _ALWAYS)]
    # Of several groups any may grant something; only then what everybody has is kept from those that have less.
    found += [Entry("A", flags, who, may(bits) | _ALWAYS) for who, flags, bits in groups]
    for who, flags, bits in groups:
        found += _denied(who, flags, may(wanted.other & ~bits))
    return [*found, Entry("A", 0, EVERYONE, may(wanted.other) | _ALWAYS)]


def _denied(who: str, flags: int, may: int) -> list[Entry]:
    return [Entry("D", flags, who, may)] if may else []


Number = Callable[[str, bool], int | None]


def number(who: str, is_group: bool) -> int | None:
    """The number that stands for somebody in an entry, as servers without a mapping of names send it."""
    return int(who) if re.fullmatch(r"[0-9]{1,10}", who) and int(who) < 0xFFFFFFFF else None


def to_lists(entries: Iterable[Entry], number: Number = number) -> tuple[AccessList, AccessList | None]:
    """What entries grant, and what they pass on (None where that is nothing).

    Writing counts only where changing and appending are both granted. A uid is judged without its groups.
    Raises: ValueError for a name that has no number: what it is granted must not get lost.
    """
    every = tuple(entries)
    here = [entry for entry in every if entry.counts_here]
    passed_on = [entry for entry in every if entry.is_passed_on]
    return _list(here, number), _list(passed_on, number) if passed_on else None


def _list(entries: list[Entry], number: Number) -> AccessList:
    users: dict[int, int] = {}
    groups: dict[int, int] = {}
    for entry in entries:
        if entry.who in {OWNER, GROUP, EVERYONE}:
            continue
        found = number(entry.who, entry.is_group)
        if found is None:
            raise ValueError(f"nobody here is called “{entry.who}”")
        (groups if entry.is_group else users)[found] = _granted(entries, entry.who, entry.is_group)
    return AccessList(
        owner=_granted(entries, OWNER),
        group=_granted(entries, GROUP),
        other=_granted(entries, EVERYONE),
        users=users,
        groups=groups,
        mask=ALL if users or groups else None,
    )


def _granted(entries: list[Entry], who: str, is_group: bool = False) -> int:
    """The bits that the entries for somebody and for everybody grant; the first one that speaks of a bit decides."""
    allowed = decided = 0
    for entry in entries:
        special = entry.who in {OWNER, GROUP, EVERYONE}
        if entry.who not in {who, EVERYONE} or (not special and entry.is_group != is_group):
            continue
        fresh = entry.may & ~decided
        decided |= fresh
        allowed |= fresh if entry.kind == "A" else 0
    read = READ if allowed & PERMISSIONS["r"] else 0
    write = WRITE if allowed & _CHANGES == _CHANGES else 0
    return read | write | (ENTER if allowed & PERMISSIONS["x"] else 0)
