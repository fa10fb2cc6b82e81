"""On a file system that keeps NFSv4 lists, roles are written to them and read from them, and nothing else is.

The file system is a real mount with the attribute `system.nfs4_acl`, which hands lists on as a server does; it does not
go by them, so that what is asked here is what is written and what is made of it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.errors import DiskFull
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl, nfs4
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.lists import Kind, kind_of_lists, lists_of
from jupyter_modama.testing import nfs4_mount
from jupyter_modama.testing.doing import Does

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount"),
    pytest.mark.skipif(bool(nfs4_mount.missing()), reason=nfs4_mount.missing()),
]
P = TreePath("adhoc/p")
ANNA, BERT, CARL = 20335, 20336, 20337
GATE = Gate({ANNA: Role.OWNER, BERT: Role.MEMBER, CARL: Role.READER}, {}, False)


@pytest.fixture(scope="module")
def mount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("nfs4")
    for name in ("source", "place"):
        (folder / name).mkdir()
    with nfs4_mount.mounted(folder / "source", folder / "place") as place:
        yield place


@pytest.fixture
def root(mount: Path, request: pytest.FixtureRequest) -> Path:
    folder = mount / request.node.name.replace("/", "-")
    folder.mkdir()
    return folder


@pytest.fixture
def project(root: Path, store: DiskStore, do: Does) -> Path:
    """A project with a session, some files, and these people at its gate."""
    do("project.create", name="p")
    do("session.create", project=P, name="s")
    (root / P / "s/raw/a.dat").write_text("a")
    (root / P / "deep").mkdir()
    (root / P / "deep/b.dat").write_text("b")
    store.gates.write(P, store.gates.read(P), GATE)
    return root / P


def listed(path: Path) -> list[str]:
    return nfs4.shown(nfs4.decode(os.getxattr(path, nfs4.ATTRIBUTE))).splitlines()


def passed(store: DiskStore, mend: bool = True) -> dict[str, int]:
    steps = store.gates.go_through(P, store.gates.read(P), (), mend=mend, report=True)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return {str(drift): count for drift, count in end.value.counts.items()}


def test_this_file_system_keeps_nfs4_lists_only(root: Path) -> None:
    """Otherwise the tests here say nothing."""
    with pytest.raises(OSError, match="not supported") as raised:
        os.setxattr(root, "system.posix_acl_access", acl.encode(acl.from_mode(0o755)))
    assert raised.value.errno == errno.ENOTSUP
    fd = os.open(root, os.O_RDONLY)
    assert kind_of_lists(fd) is lists_of(fd).kind is Kind.NFS4
    os.close(fd)


def test_roles_are_written_and_read_there(project: Path, store: DiskStore) -> None:
    """In the words of the listing that users see: what a member gets, and what is passed on."""
    found = store.gates.read(P)
    assert dict(found.people) == dict(GATE.people)
    assert not found.is_open
    rows = listed(project)
    assert f"A::{BERT}:rwaDxtcy" in rows
    assert f"A:fdi:{BERT}:rwaDxtcy" in rows
    assert f"A::{CARL}:rxtcy" in rows
    assert "A::EVERYONE@:tcy" in rows
    assert os.stat(project).st_mode & 0o7000 == 0o3000


def test_pass_mends_what_lies_behind_the_gate(project: Path, store: DiskStore) -> None:
    """What was there before, and what somebody took the list from; a second pass finds nothing to do."""
    assert passed(store)
    assert passed(store) == {}
    assert passed(store, mend=False) == {}
    for path in ("deep", "deep/b.dat", "s/raw/a.dat", "s"):
        who = {row.split(":")[2] for row in listed(project / path)}
        assert {str(ANNA), str(BERT), str(CARL)} <= who, path
    assert f"A::{CARL}:rtcy" in listed(project / "deep/b.dat")
    assert f"A::{BERT}:rwatcy" in listed(project / "deep/b.dat")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A::OWNER@:rwatTcCy A::EVERYONE@:tcy", "no-list"),
        ("A::OWNER@:rwatTcCy A::EVERYONE@:rtcy", "opened"),
        (f"A::OWNER@:rwatTcCy A::{ANNA}:rwatcy A::4711:rwatcy A::EVERYONE@:tcy", "other-names"),
        ("A::OWNER@:rwatTcCy A::nobody@example.org:rwatcy A::EVERYONE@:tcy", "no-list"),
    ],
)
def test_what_programs_did_is_found_and_mended(project: Path, store: DiskStore, text: str, kind: str) -> None:
    passed(store)
    file = project / "deep/b.dat"
    before = listed(file)
    os.setxattr(file, nfs4.ATTRIBUTE, nfs4.encode(nfs4.parse(text)))
    os.chmod(file, 0o600)
    assert passed(store, mend=False) == {kind: 1}
    assert passed(store) == {kind: 1}
    assert listed(file) == before


def test_other_words_for_the_same_are_left_alone(project: Path, store: DiskStore) -> None:
    """As a server writes a list: letters more, in another order, denials that deny nothing."""
    passed(store)
    file = project / "deep/b.dat"
    rows = listed(file)
    text = "\n".join(f"{row}n" if row.startswith("A::OWNER@") else row for row in rows) + "\nD::EVERYONE@:x"
    os.setxattr(file, nfs4.ATTRIBUTE, nfs4.encode(nfs4.parse(text)))
    assert passed(store) == {}
    assert listed(file) != rows


def test_who_is_removed_is_out_everywhere(project: Path, store: DiskStore) -> None:
    passed(store)
    gate = store.gates.read(P)
    store.gates.write(P, gate, gate.without((BERT,)))
    assert BERT not in store.gates.read(P).people
    assert not any(str(BERT) in row for row in listed(project))
    passed(store)
    for path in ("deep", "deep/b.dat", "s/raw/a.dat"):
        assert not any(str(BERT) in row for row in listed(project / path))


def test_what_is_made_inherits(project: Path, store: DiskStore) -> None:
    """From the folder's list alone; only what the folder cannot hand on, the sticky bit, has to be mended."""
    passed(store)
    (project / "deep/new").mkdir()
    (project / "deep/new/c.dat").write_text("c")
    assert f"A:fdi:{BERT}:rwaDxtcy" in listed(project / "deep/new")
    assert set(passed(store)) <= {"not-sticky", "masked", "other-names"}
    assert passed(store) == {}


def test_records_are_for_the_system_alone(project: Path) -> None:
    """What the project passes on does not count for them."""
    rows = listed(project / ".modama")
    assert not any(str(uid) in row for uid in (BERT, CARL) for row in rows)
    assert "A::EVERYONE@:rxtcy" in rows


def test_failure_puts_the_old_list_back(project: Path, store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owners could not be written down."""
    before = listed(project)

    def full(fd: int, uids: tuple[int, ...]) -> None:
        if uids == (ANNA, BERT):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jupyter_modama.store.gates.write_owners", full)
    gate = store.gates.read(P)
    with pytest.raises(DiskFull):
        store.gates.write(P, gate, Gate({ANNA: Role.OWNER, BERT: Role.OWNER}, {}, True))
    assert listed(project) == before
