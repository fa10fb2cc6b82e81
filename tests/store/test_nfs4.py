"""NFSv4 lists: the listing of a real project, the attribute, and what they grant compared with lists of ours."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jupyter_modama.core.gate import ALL, LOOK, AccessList, Gate, templates
from jupyter_modama.core.model import Area, Role
from jupyter_modama.store import acl, lists, nfs4
from jupyter_modama.store.gates import read_gate
from jupyter_modama.store.lists import Kind, Nfs4Lists, PosixLists
from jupyter_modama.store.nfs4 import FLAGS, KINDS, PERMISSIONS, Entry

MEMBERS = (20335, 20710, 20831, 26010006)
PROJECT = "A::OWNER@:rwaDxtTcCy\n" + "".join(f"A::{uid}:rwaDxtcy\n" for uid in MEMBERS)
PROJECT += "A::GROUP@:rxtcy\nA::EVERYONE@:rxtcy\n"
LISTING = PROJECT + PROJECT.replace("A::", "A:fdi:")
SLIDES = Path(__file__).parents[3] / "shared" / "seeds"

BITS = some.integers(0, 7)
IDS = some.dictionaries(some.integers(1, 2**32 - 2), BITS, max_size=5)
LISTS = some.builds(AccessList, BITS, BITS, BITS, IDS, IDS, BITS)
NAMES = some.sampled_from(["OWNER@", "GROUP@", "EVERYONE@", "20335", "alice@example.org"])
ENTRIES = some.lists(
    some.builds(
        Entry,
        some.sampled_from(list(KINDS)),
        some.sets(some.sampled_from(list(FLAGS.values()))).map(sum),
        NAMES,
        some.sets(some.sampled_from(list(PERMISSIONS.values()))).map(sum),
    ),
    max_size=12,
).map(tuple)


# The listing ---------------------------------------------------------------------------------------------------------


def test_listing_of_a_project_is_understood_and_made_again() -> None:
    """Owner, members and everybody, each with what is passed on, to the letter."""
    here, passed_on = nfs4.to_lists(nfs4.parse(LISTING))
    members = dict.fromkeys(MEMBERS, ALL)
    assert here == passed_on == AccessList(ALL, LOOK, LOOK, members, {}, ALL)
    assert nfs4.shown(nfs4.from_list(here, passed_on, is_folder=True)) == LISTING


def test_listing_is_the_one_of_the_slides() -> None:
    """As nfs4_getfacl printed it, with its comment and the blanks at the ends of lines."""
    found = [text for path in sorted(SLIDES.glob("*.txt")) for text in [path.read_text("utf-8")] if "A:fdi:" in text]
    if not found:
        pytest.skip("the slides are not here")
    [block] = re.findall(r"# file: .*\n(?:A:.*\n)+", found[0])
    assert nfs4.parse(block) == nfs4.parse(LISTING)


def test_listing_becomes_a_gate_with_the_same_members() -> None:
    """What is read from it grants what the lists of such a project do."""
    here, _ = nfs4.to_lists(nfs4.parse(LISTING))
    gate = Gate({0: Role.OWNER, **dict.fromkeys(MEMBERS, Role.MEMBER)}, {}, is_open=True)
    wanted = templates(gate, Area("adhoc")).folder
    assert {uid: bits for uid, bits in wanted.users.items() if uid} == here.users
    assert (wanted.owner, wanted.other) == (here.owner, here.other)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("A::1:R", "A::1:rtncy"),
        ("A::1:W", "A::1:waDtTNcCy"),
        ("A::1:RX", "A::1:rxtncy"),
        ("A::1:Wdo", "A::1:waDdtTNcCoy"),
    ],
)
def test_short_forms_stand_for_permissions(short: str, long: str) -> None:
    """R, W and X are what nfs4_setfacl takes them for, of a folder."""
    assert nfs4.shown(nfs4.parse(short)) == long + "\n"
    assert PERMISSIONS["D"] & nfs4.parse("A::1:W", is_folder=False)[0].may == 0


@pytest.mark.parametrize(
    "text",
    [
        "X::1:r",
        "A:1:r",
        "A::FDI:OWNER@:rwaDTCcY",
        "A::1:rY",
        "A:q:1:r",
        "A:::r",
        "::1:r",
        "AD::1:r",
        "A::1:r:",
        "hello",
    ],
)
def test_what_is_no_entry_is_refused_and_named(text: str) -> None:
    """Also the listing that somebody typed from a picture: nothing is guessed."""
    with pytest.raises(ValueError, match="“"):
        nfs4.parse(f"A::OWNER@:r\n{text}\n")


@given(ENTRIES)
def test_text_and_attribute_keep_every_entry(entries: tuple[Entry, ...]) -> None:
    """Types, flags, names and permissions come back as they were, in their order."""
    assert nfs4.parse(nfs4.shown(entries)) == entries
    assert nfs4.decode(nfs4.encode(entries)) == entries
    assert nfs4.parse(nfs4.shown(entries).replace("\n", ",")) == entries


def test_attribute_is_xdr() -> None:
    """Numbers of four bytes, the highest first; names filled up to four."""
    one = struct.pack(">IIIII", 1, 0, 0x4B, 0x1601E7, 5) + b"20335\0\0\0"
    assert nfs4.decode(one) == nfs4.parse("A:fdig:20335:rwaDxtTcCy")
    assert nfs4.encode(nfs4.parse("A:fdig:20335:rwaDxtTcCy")) == one


def test_bits_without_a_letter_are_kept_in_the_attribute() -> None:
    """A server's own permissions survive; a listing does not leave them out in silence."""
    odd = (Entry("A", 0x80, "OWNER@", 0x600),)
    assert nfs4.decode(nfs4.encode(odd)) == odd
    with pytest.raises(ValueError, match="no letter"):
        nfs4.shown(odd)


@given(some.binary(max_size=120), some.integers(0, 3))
def test_any_bytes_are_a_list_or_refused(raw: bytes, count: int) -> None:
    """What a server sends can break nothing."""
    for given_ in (raw, struct.pack(">I", count) + raw):
        try:
            entries = nfs4.decode(given_)
        except ValueError:
            continue
        assert nfs4.decode(nfs4.encode(entries)) == entries


# What they grant -----------------------------------------------------------------------------------------------------


def _each(one: AccessList) -> dict[str, int]:
    """The bits of everybody whom a list speaks of, and of somebody else."""
    found = {"owner": one.owner, "other": one.other, "group": one.group & one.upper}
    found |= {f"user {uid}": bits & one.upper for uid, bits in one.users.items()}
    return found | {f"group {gid}": bits & one.upper for gid, bits in one.groups.items()}


@given(LISTS, some.none() | LISTS, some.booleans())
def test_entries_grant_what_the_list_does(here: AccessList, below: AccessList | None, is_folder: bool) -> None:
    """Everybody named has the same bits, whatever others have, through the mask and back."""
    below = below if is_folder else None
    found, passed_on = nfs4.to_lists(nfs4.from_list(here, below, is_folder=is_folder))
    assert _each(found) == _each(here)
    assert (passed_on is None) == (below is None)
    if below is not None and passed_on is not None:
        assert _each(passed_on) == _each(below)


def _kernel(entries: tuple[Entry, ...], whos: set[tuple[str, bool]], bit: int) -> bool:
    """RFC 8881, 6.2.1: the first entry that matches and speaks of a bit decides; without one it is denied."""
    for entry in entries:
        special = entry.who in {"OWNER@", "GROUP@", "EVERYONE@"}
        matches = (entry.who, not special and entry.is_group) in whos or entry.who == "EVERYONE@"
        if matches and entry.counts_here and entry.may & bit:
            return entry.kind == "A"
    return False


@given(LISTS, some.data())
def test_somebody_in_several_groups_gets_what_any_of_them_has(one: AccessList, data: some.DataObject) -> None:
    """As acl(5) has it: groups add up, everybody's bits do not come on top of them, and a name stands before all."""
    entries = nfs4.from_list(one, is_folder=False)
    mine = data.draw(some.sets(some.sampled_from(sorted(one.groups)))) if one.groups else set()
    uid = data.draw(some.none() | some.sampled_from(sorted(one.users))) if one.users else None
    whos = {(str(gid), True) for gid in mine} | ({(str(uid), False)} if uid is not None else set())
    bits = [(4, PERMISSIONS["r"]), (2, PERMISSIONS["w"]), (1, PERMISSIONS["x"])]
    if uid is not None:
        wanted = one.users[uid] & one.upper
    elif mine:
        wanted = 0
        for gid in mine:
            wanted |= one.groups[gid] & one.upper
    else:
        wanted = one.other
    assert sum(ours for ours, theirs in bits if _kernel(entries, whos, theirs)) == wanted


def test_nobody_deletes_what_others_made_where_lists_can_say_so() -> None:
    """Without delete-child, for all but the owner of a folder: no sticky bit is needed for that."""
    one = AccessList(ALL, 0, 0, {20335: ALL}, {}, ALL)
    entries = nfs4.from_list(one, one, is_folder=True, others_delete=False)
    assert [entry.who for entry in entries if entry.may & PERMISSIONS["D"]] == ["OWNER@", "OWNER@"]
    assert not any(entry.may & PERMISSIONS["d"] for entry in entries)
    assert nfs4.to_lists(entries) == (one, one)


def test_first_entry_decides() -> None:
    """A denial counts for what stands below it, and only for that."""
    here, passed_on = nfs4.to_lists(nfs4.parse("D::7:wa A::7:rwax A::8:rwax D::8:rwax A::EVERYONE@:rx"))
    assert (here.users, here.other, passed_on) == ({7: 5, 8: 7}, 5, None)


def test_entry_that_only_some_of_what_is_made_gets_is_not_passed_on() -> None:
    """Files alone, folders alone, or one level only: that is not what a project passes on."""
    for flags in ("fi", "di", "fdni"):
        assert nfs4.to_lists(nfs4.parse(f"A::OWNER@:rwax A:{flags}:7:rwax"))[1] is None


def test_changing_needs_writing_and_appending() -> None:
    """Half of it is not called writing."""
    assert nfs4.to_lists(nfs4.parse("A::7:w A::8:a A::9:wa"))[0].users == {7: 0, 8: 0, 9: 2}


def test_name_without_a_number_is_not_left_out_in_silence() -> None:
    """Where a server sends names they have to be known; somebody would lose their rights otherwise."""
    entries = nfs4.parse("A::alice@example.org:rwax")
    with pytest.raises(ValueError, match=r"alice@example\.org"):
        nfs4.to_lists(entries)
    assert nfs4.to_lists(entries, lambda who, is_group: 7)[0].users == {7: 7}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """A folder whose file system keeps access lists."""
    fd = os.open(tmp_path, os.O_RDONLY)
    if not acl.supported(fd):
        os.close(fd)
        pytest.skip("the file system of the temporary folder keeps no access lists")
    yield fd
    os.close(fd)


# Files ---------------------------------------------------------------------------------------------------------------


def test_file_system_says_which_lists_it_keeps(folder: int) -> None:
    """The disks of tests have POSIX lists; /proc has none."""
    assert lists.kind_of_lists(folder) is Kind.POSIX
    assert isinstance(lists.lists_of(folder), PosixLists)
    other = os.open("/proc", os.O_RDONLY)
    try:
        assert lists.kind_of_lists(other) is Kind.NONE
    finally:
        os.close(other)


@pytest.mark.parametrize("kept", [PosixLists(), Nfs4Lists("user.modama.nfs4")], ids=lambda one: str(one.kind))
def test_both_kinds_keep_what_is_written(folder: int, tmp_path: Path, kept: lists.Lists) -> None:
    """A folder with what it passes on, and its list alone changed after that."""
    file = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT)
    one = AccessList(ALL, 0, LOOK, {20335: ALL, 20710: LOOK}, {5000: LOOK}, ALL)
    other = replace(one, users={20710: ALL})
    try:
        kept.write_folder(folder, one, other)
        assert (kept.read(folder), kept.read_default(folder)) == (one, other)
        kept.write(folder, other)
        assert (kept.read(folder), kept.read_default(folder)) == (other, other)
        kept.write_folder(folder, one, None)
        assert (kept.read(folder), kept.read_default(folder)) == (one, None)
        kept.write(file, one)
        assert kept.read(file) == one
    finally:
        os.close(file)


def test_list_that_cannot_be_understood_is_an_error(folder: int) -> None:
    """It is not taken for an empty one, which a repair would write back."""
    os.setxattr(folder, "user.modama.nfs4", b"\0\0\0\1rubbish")
    with pytest.raises(OSError, match="cannot be understood"):
        Nfs4Lists("user.modama.nfs4").read(folder)


def test_gate_is_read_from_the_listing_of_a_project(folder: int) -> None:
    """Members and openness come out of the list of the slides, once it is on a disk."""
    here, passed_on = nfs4.to_lists(nfs4.parse(LISTING))
    PosixLists().write_folder(folder, here, passed_on)
    gate = read_gate(folder, (0,), {}, by_group=False)
    assert gate.people == {0: Role.OWNER, **dict.fromkeys(MEMBERS, Role.MEMBER)}
    assert gate.is_open
