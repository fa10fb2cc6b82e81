"""Access lists: as the attributes that the kernel keeps, as getfacl shows them, and as the kernel goes by them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from jupyter_modama.core.gate import AccessList
from jupyter_modama.store import acl
from jupyter_modama.store.judge import as_person
from jupyter_modama.testing.accounts import Account, account, group

BITS = some.integers(0, 7)
IDS = some.dictionaries(some.integers(1, 2**32 - 2), BITS, max_size=6)
LISTS = some.builds(AccessList, BITS, BITS, BITS, IDS, IDS, BITS)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    """A folder whose file system keeps access lists."""
    opened = os.open(tmp_path, os.O_RDONLY)
    if not acl.supported(opened):
        os.close(opened)
        pytest.skip("the file system of the temporary folder keeps no access lists")
    yield opened
    os.close(opened)


@given(LISTS)
def test_list_is_read_as_written(wanted: AccessList) -> None:
    assert acl.decode(acl.encode(wanted)) == wanted


@given(some.integers(0, 0o777))
def test_mode_is_a_list(mode: int) -> None:
    assert acl.mode_of(acl.from_mode(mode)) == mode
    assert acl.decode(acl.encode(acl.from_mode(mode))) == acl.from_mode(mode)


@given(some.binary(max_size=80) | some.binary(max_size=80).map(lambda rest: b"\x02\0\0\0" + rest))
def test_what_is_no_list_is_refused(raw: bytes) -> None:
    """In words, or it is one; nothing else happens to bytes that anybody could have put there."""
    try:
        found = acl.decode(raw)
    except ValueError:
        return
    assert 0 <= found.owner <= 7


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=LISTS)
def test_kernel_keeps_what_was_written(fd: int, wanted: AccessList) -> None:
    """Both lists, bit by bit; and the mode shows the mask in the group's place."""
    for write, read in ((acl.write, acl.read), (acl.write_default, acl.read_default)):
        write(fd, wanted)
        found = read(fd)
        assert found is not None
        if wanted.named or read is acl.read_default:
            assert found == wanted
    acl.write(fd, wanted)
    assert os.fstat(fd).st_mode & 0o777 == acl.mode_of(wanted if wanted.named else acl.bounded(wanted))


@pytest.mark.skipif(shutil.which("getfacl") is None, reason="needs Debian's acl")
def test_getfacl_shows_what_was_written(fd: int, tmp_path: Path) -> None:
    acl.write(fd, AccessList(7, 0, 5, {4001: 7, 12: 5}, {4003: 6}, 5))
    acl.write_default(fd, AccessList(7, 5, 0, {4001: 6}, {}, 7))
    assert _shown("-n", tmp_path) == [
        "user::rwx",
        "user:12:r-x",
        "user:4001:rwx",
        "group::---",
        "group:4003:rw-",
        "mask::r-x",
        "other::r-x",
        "default:user::rwx",
        "default:user:4001:rw-",
        "default:group::r-x",
        "default:mask::rwx",
        "default:other::---",
    ]
    acl.write(fd, AccessList(7, 5, 0))
    acl.write_default(fd, None)
    acl.write_default(fd, None)
    assert _shown("-n", tmp_path) == ["user::rwx", "group::r-x", "other::---"]


@pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs Debian's acl")
def test_what_setfacl_wrote_is_read(fd: int, tmp_path: Path) -> None:
    text = "u::rwx,u:4001:rw-,u:4002:---,g::r-x,g:77:r--,m::rw-,o::--x"
    subprocess.run(["setfacl", "--set", text, tmp_path], check=True)
    subprocess.run(["setfacl", "-d", "--set", text, tmp_path], check=True)
    wanted = AccessList(7, 5, 1, {4001: 6, 4002: 0}, {77: 4}, 6)
    assert (acl.read(fd), acl.read_default(fd)) == (wanted, wanted)


def test_special_bits_stay(fd: int, tmp_path: Path) -> None:
    """Sticky and setgid are no part of a list."""
    tmp_path.chmod(0o3700)
    acl.write(fd, AccessList(7, 0, 0, {4001: 7}))
    assert tmp_path.stat().st_mode & 0o7777 == 0o3770
    acl.write(fd, AccessList(7, 0, 5))
    assert tmp_path.stat().st_mode & 0o7777 == 0o3705


def test_list_of_what_can_be_held_by_its_path_only(tmp_path: Path, fd: int) -> None:
    """As of a file that this process may not read."""
    file = tmp_path / "a"
    file.write_bytes(b"")
    path_only = os.open(file, os.O_PATH)
    try:
        wanted = AccessList(6, 4, 0, {4001: 6}, {}, 6)
        acl.write(path_only, wanted)
        assert acl.read(path_only) == wanted
    finally:
        os.close(path_only)


@pytest.fixture(scope="module")
def dora() -> Iterator[Account]:
    with account("dora") as made, group("proposal", made) as gid, group("others", made) as other:
        yield Account(made.name, made.login, made.uid, made.gid, (gid, other))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to ask as somebody else")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=some.data())
def test_for_user_answers_as_the_kernel(dora: Account, fd: int, data: some.DataObject) -> None:
    """Owner, by name, by one of several groups, or as everybody; with a mask or without."""
    ids = some.sampled_from([dora.uid, 4001, 4002])
    gids = some.sampled_from([dora.gid, *dora.groups, 4003])
    wanted = data.draw(
        some.builds(
            AccessList,
            BITS,
            BITS,
            BITS,
            some.dictionaries(ids, BITS, max_size=3),
            some.dictionaries(gids, BITS, max_size=4),
            BITS,
        )
    )
    owner, owning = data.draw(ids), data.draw(gids)
    os.chown(fd, owner, owning)
    acl.write(fd, wanted)
    granted = as_person(dora.uid, lambda: _each(fd))
    mine = wanted.for_user(dora.uid, owner, frozenset({dora.gid, *dora.groups}), owning)
    assert all(granted[bit] for bit in (1, 2, 4) if mine & bit)
    asked = {bits for bits in range(1, 8) if granted[bits]}
    matching = {bits for bits in range(1, 8) if bits & mine == bits}
    # Several groups can each grant something else: then the most that one of them grants is answered.
    assert matching <= asked
    assert not asked or max(bits.bit_count() for bits in asked) == mine.bit_count()
    os.chown(fd, 0, 0)


def _each(fd: int) -> dict[int, bool]:
    """What the kernel grants, for every combination of reading 4, writing 2 and entering 1."""
    return {bits: os.access(f"/proc/self/fd/{fd}", bits, effective_ids=True) for bits in range(1, 8)}


def _shown(option: str, path: Path) -> list[str]:
    told = subprocess.run(["getfacl", "-pcE", option, path], check=True, capture_output=True, text=True).stdout
    return [line for line in told.split("\n") if line]
