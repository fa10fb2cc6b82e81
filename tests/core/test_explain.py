"""Why one can, or cannot, write somewhere: each reason made for real, each sentence read."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.explain import ExplainEntry, explain_entry
from jupyter_modama.core.model import Actor, Explanation, Person, Site, Via
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.sealing import SealSession, seal_session
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.flags import set_immutable
from jupyter_modama.testing.somebody import as_person

ANNA, BERTA = 12001, 12002
PROJECT, RAW = "adhoc/p", "adhoc/p/s/raw"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def tree(root: Path) -> Path:
    """A private project of the system's with a session, into which Anna is let by name."""
    root.chmod(0o755)
    for path, mode in (
        ("adhoc", 0o755),
        (PROJECT, 0o3770),
        (f"{PROJECT}/s", 0o2775),
        (RAW, 0o2775),
        (f"{PROJECT}/s/analysis", 0o2775),
    ):
        (root / path).mkdir()
        (root / path).chmod(mode)
    if os.geteuid() == 0:
        for path in (PROJECT, f"{PROJECT}/s", RAW, f"{PROJECT}/s/analysis"):
            setfacl(root / path, f"u:{ANNA}:rwx,m::rwx")
    return root


def setfacl(path: Path, entries: str) -> None:
    if shutil.which("setfacl") is None:
        pytest.skip("setfacl is not installed")
    subprocess.run(["setfacl", "-m", entries, str(path)], check=True)


def explained(store: DiskStore, path: str, uid: int | None = None, groups: tuple[int, ...] = ()) -> Explanation:
    """The explanation that a person gets; of whoever runs the tests where none is named."""

    def ask() -> Explanation:
        actor = Actor(Person(os.geteuid(), "me"), Via.CLI)
        return explain_entry(store, actor, ExplainEntry(path=path))

    return ask() if uid is None else as_person(uid, ask, groups=groups)


def codes(found: Explanation) -> list[str]:
    return [reason.code for reason in found.reasons]


def make(path: Path, uid: int, mode: int) -> Path:
    path.touch()
    path.chmod(mode)
    os.chown(path, uid, uid)
    return path


def test_own_folder_can_be_written(store: DiskStore, tree: Path) -> None:
    """Where nothing is in the way, the sentence says just that."""
    found = explained(store, f"{PROJECT}/s/analysis")
    assert (found.writable, found.sentence, found.reasons) == (True, "You can write in this folder.", ())


@needs_root
@pytest.mark.root
def test_who_is_no_member_is_told_whom_to_ask(store: DiskStore, tree: Path) -> None:
    """The gate is closed: everything below it is answered with the project, not with its content."""
    found = explained(store, f"{RAW}/whatever", BERTA)
    assert codes(found) == ["not-a-member"]
    assert found.sentence == f"You cannot write here, because you do not belong to the project “{PROJECT}”."
    assert found.reasons[0].next_step == "ask an owner of it, or an administrator, to make you a member"


@needs_root
@pytest.mark.root
def test_closed_folder_below_the_gate_is_named(store: DiskStore, tree: Path) -> None:
    """A member's own closed folder is not mistaken for the project."""
    (tree / RAW / "mine").mkdir(mode=0o700)
    os.chown(tree / RAW / "mine", BERTA, BERTA)
    found = explained(store, f"{RAW}/mine/x", ANNA)
    assert codes(found) == ["not-enterable"]
    assert f"“{RAW}/mine”" in found.sentence


@needs_root
@pytest.mark.root
def test_reader_of_an_open_project_is_told_so(store: DiskStore, tree: Path) -> None:
    """Who may read only is told that it is the project, and not a fault of the file."""
    (tree / PROJECT).chmod(0o3775)
    store.set_owners(TreePath(PROJECT), (ANNA,))
    found = explained(store, RAW, BERTA)
    assert codes(found) == ["reader-only"]
    assert "do not belong to those who write in it" in found.sentence
    assert found.reasons[0].next_step == f"ask {ANNA} to make you a member"


@needs_root
@pytest.mark.root
def test_area_says_that_projects_are_made_there(store: DiskStore, tree: Path) -> None:
    """Above projects the next step is a project of one's own."""
    found = explained(store, "adhoc", BERTA)
    assert codes(found) == ["above-projects"]
    assert "create a project" in found.reasons[0].next_step


@needs_root
@pytest.mark.root
def test_own_file_without_write_permission_can_be_mended_by_oneself(store: DiskStore, tree: Path) -> None:
    """The owner is told the command that gives it back."""
    make(tree / RAW / "a", ANNA, 0o444)
    found = explained(store, f"{RAW}/a", ANNA)
    assert codes(found) == ["own-mode"]
    assert "mode (444)" in found.sentence
    assert "chmod u+w" in found.reasons[0].next_step
    assert "you can write in “adhoc/p/s/analysis”" in found.sentence


@needs_root
@pytest.mark.root
def test_file_of_somebody_else_with_a_narrow_mode(store: DiskStore, tree: Path) -> None:
    """A member is told whose file it is and who can change its mode."""
    make(tree / RAW / "a", BERTA, 0o644)
    found = explained(store, f"{RAW}/a", ANNA)
    assert codes(found) == ["mode"]
    assert f"belongs to {BERTA}" in found.sentence
    found = explained(store, f"{RAW}/a", ANNA, groups=(BERTA,))
    assert f"and your group {BERTA} may not" in found.sentence


@needs_root
@pytest.mark.root
def test_mask_of_an_acl_is_found(store: DiskStore, tree: Path) -> None:
    """A program that asks for 0644 cuts the mask: the entry has w, the mask takes it away."""
    file = make(tree / RAW / "a", BERTA, 0o660)
    setfacl(file, f"u:{ANNA}:rw-,m::r--")
    found = explained(store, f"{RAW}/a", ANNA)
    assert codes(found) == ["acl-mask"]
    assert "a program made the file with mode 640" in found.sentence


@needs_root
@pytest.mark.root
def test_entry_of_an_acl_without_write(store: DiskStore, tree: Path) -> None:
    """Somebody who is named with reading only is told that, not a mode."""
    setfacl(make(tree / RAW / "a", BERTA, 0o660), f"u:{ANNA}:r--,m::rw-")
    assert codes(explained(store, f"{RAW}/a", ANNA)) == ["acl"]


@needs_root
@pytest.mark.root
def test_sticky_folder_lets_change_but_not_delete(store: DiskStore, tree: Path) -> None:
    """A member can write into somebody else's file, and is told what will not work."""
    (tree / RAW).chmod(0o3775)
    setfacl(tree / RAW, f"u:{ANNA}:rwx,m::rwx")
    setfacl(make(tree / RAW / "a", BERTA, 0o660), f"u:{ANNA}:rw-,m::rw-")
    found = explained(store, f"{RAW}/a", ANNA)
    assert (found.writable, codes(found)) == (True, ["sticky"])
    assert (
        found.sentence
        == f"You can change this file, but it belongs to {BERTA}, so only {BERTA} can delete or rename it."
    )
    make(tree / RAW / "own", ANNA, 0o660)
    assert explained(store, f"{RAW}/own", ANNA).reasons == ()


@needs_root
@pytest.mark.root
def test_file_in_a_closed_folder_cannot_be_renamed(store: DiskStore, tree: Path) -> None:
    """One can write the file and not the folder above it."""
    (tree / RAW / "theirs").mkdir()
    (tree / RAW / "theirs").chmod(0o755)
    make(tree / RAW / "theirs/a", ANNA, 0o644)
    found = explained(store, f"{RAW}/theirs/a", ANNA)
    assert (found.writable, codes(found)) == (True, ["folder-closed"])


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """A file or folder with the flag, for a while."""
    fd = os.open(path, os.O_RDONLY)
    try:
        try:
            set_immutable(fd, True)
        except OSError as error:
            pytest.skip(f"no immutable flag here: {error}")
        yield
    finally:
        set_immutable(fd, False)
        os.close(fd)


@needs_root
@pytest.mark.root
def test_immutable_flag_outside_of_sessions(store: DiskStore, tree: Path) -> None:
    """A flag that no session set is told as such, to root as well."""
    make(tree / "adhoc/p/a", 0, 0o644)
    with immutable(tree / "adhoc/p/a"):
        found = explained(store, "adhoc/p/a")
    assert (found.writable, codes(found)) == (False, ["immutable"])
    with immutable(tree / "adhoc/p"):
        assert codes(explained(store, "adhoc/p/a")) == ["folder-immutable"]


@needs_root
@pytest.mark.root
def test_sealed_session_says_who_and_when_and_where_else(store: DiskStore, tree: Path, do: Any) -> None:
    """The seal is the first reason; the folder for results is offered."""
    make(tree / RAW / "a", ANNA, 0o664)
    do("session.seal", project=PROJECT, session="s")
    try:
        found = explained(store, f"{RAW}/a", ANNA)
        assert (found.writable, codes(found)[0]) == (False, "sealed")
        assert found.sentence.startswith("You cannot change this file, because session s was sealed by root on ")
        assert found.sentence.endswith("; you can write in “adhoc/p/s/analysis”.")
        assert "administrator can unseal" in found.reasons[0].next_step
        assert codes(explained(store, RAW, ANNA))[0] == "sealed"
        assert explained(store, f"{PROJECT}/s/analysis", ANNA).writable
        for proof in ("manifest-sha256.txt", ".modama/seal.json"):
            assert codes(explained(store, f"{PROJECT}/s/{proof}")) == ["sealed"], proof
    finally:
        do("session.unseal", project=PROJECT, session="s", reason="end of the test")


@needs_root
@pytest.mark.root
def test_weaker_seal_is_no_invitation_to_undo_it_by_hand(store: DiskStore, tree: Path) -> None:
    """Where a seal only took write permission away, its owner is told of the seal and not of chmod."""
    for folder in (PROJECT, f"{PROJECT}/s", RAW, f"{PROJECT}/s/analysis"):
        os.chown(tree / folder, ANNA, ANNA)
    make(tree / RAW / "a", ANNA, 0o664)

    def seal_and_ask() -> Explanation:
        actor = Actor(Person(ANNA, "anna"), Via.CLI)
        for _ in seal_session(store, actor, SealSession(PROJECT, "s")):
            pass
        return explain_entry(store, actor, ExplainEntry(path=f"{RAW}/a"))

    found = as_person(ANNA, seal_and_ask)
    assert codes(found) == ["sealed"]
    assert "(by taking write permission away)" in found.sentence


# Other file systems --------------------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_root
@pytest.mark.root
def test_read_only_mount(store: DiskStore, tree: Path) -> None:
    """Nobody can write there, root neither, and the words are those of the mount."""
    with mounted(tree / RAW / "disk", "-t", "tmpfs", "-o", "ro", "tmpfs"):
        found = explained(store, f"{RAW}/disk")
    assert codes(found) == ["read-only-mount"]
    assert "mounted read-only" in found.sentence


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@needs_root
@pytest.mark.root
def test_full_disk(store: DiskStore, tree: Path) -> None:
    """The kernel would let one write, and there is no room."""
    with mounted(tree / RAW / "disk", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs") as disk:
        assert explained(store, f"{RAW}/disk").writable
        fill(disk / "filler")
        found = explained(store, f"{RAW}/disk")
        assert (found.writable, codes(found)) == (False, ["disk-full"])


@needs_root
@pytest.mark.root
def test_disk_without_inodes(store: DiskStore, tree: Path) -> None:
    """New files cannot be made although there is space; old ones can be changed."""
    with mounted(tree / RAW / "disk", "-t", "tmpfs", "-o", "nr_inodes=3,mode=0777", "tmpfs") as disk:
        (disk / "a").touch()
        (disk / "b").touch()
        assert codes(explained(store, f"{RAW}/disk")) == ["no-inodes"]
        assert explained(store, f"{RAW}/disk/a").writable


@needs_root
@pytest.mark.root
def test_used_up_quota(store: DiskStore, tree: Path, tmp_path: Path) -> None:
    """Anna's quota is used up, Berta's is not."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "quota", "-E", "quotatype=usrquota", str(image)], check=True)
    with mounted(tree / RAW / "disk", "-o", "loop,usrquota", str(image)) as disk:
        disk.chmod(0o777)
        make(disk / "a", ANNA, 0o644).write_bytes(b"x" * 100_000)
        limit_quota(disk, ANNA, 64)
        assert codes(explained(store, f"{RAW}/disk", ANNA)) == ["quota"]
        assert explained(store, f"{RAW}/disk", BERTA).writable


def limit_quota(disk: Path, uid: int, kib: int) -> None:
    """Set the hard limit of blocks of one user; see quotactl(2)."""
    limits = struct.pack("=QQQQQQQQIxxxx", kib, kib, 0, 0, 0, 0, 0, 0, 1)
    fd = os.open(disk, os.O_RDONLY)
    try:
        assert ctypes.CDLL(None).syscall(443, fd, 0x800008 << 8, uid, limits) == 0
    finally:
        os.close(fd)


class Spent(DiskStore):
    """A disk on which the quota of everybody is used up, for kernels that know no quotas."""

    def quota_left(self, path: TreePath) -> tuple[int, int]:
        return 0, 100


def test_quota_is_said_before_one_tries(tree: Path) -> None:
    """What the disk says of quotas becomes the reason."""
    store = Spent(Site(root=str(tree)))
    assert codes(explained(store, f"{PROJECT}/s/analysis")) == ["quota"]
    store.close()


# What is no file -----------------------------------------------------------------------------------------------------


def test_path_that_is_gone_names_the_part_that_is_missing(store: DiskStore, tree: Path) -> None:
    """The first part of the way that is not there is named, and where it is missing."""
    found = explained(store, f"{PROJECT}/old/raw/a")
    assert codes(found) == ["gone"]
    assert f"there is no “old” in “{PROJECT}”" in found.sentence


def test_path_through_a_file(store: DiskStore, tree: Path) -> None:
    """A file on the way is said to be a file."""
    (tree / RAW / "a").touch()
    assert f"“{RAW}/a” is a file" in explained(store, f"{RAW}/a/b").sentence


@pytest.mark.parametrize(("target", "words"), [("/etc/passwd", "outside of this tree"), ("a", "to “a”")])
def test_symbolic_link_tells_its_target(store: DiskStore, tree: Path, target: str, words: str) -> None:
    """Links are not followed, at the end of a path or on the way, and the target is told."""
    (tree / RAW / "link").symlink_to(target)
    for path in (f"{RAW}/link", f"{RAW}/link/x"):
        found = explained(store, path)
        assert codes(found) == ["link"]
        assert words in found.sentence


def test_pipe_is_no_place_for_data(store: DiskStore, tree: Path) -> None:
    """Devices, sockets and pipes are told as what they are; nothing waits for them."""
    os.mkfifo(tree / RAW / "pipe")
    assert codes(explained(store, f"{RAW}/pipe"))[0] == "not-a-file"


def test_managed_tree_says_who_makes_changes(store: DiskStore, tree: Path) -> None:
    """Files can be written as the kernel says; projects, sessions and seals are the service's."""
    store.site = replace(store.site, managed_by="https://hub.example.org/services/modama")
    found = explained(store, f"{PROJECT}/s/analysis")
    assert (found.writable, codes(found)) == (True, ["managed"])
    assert "https://hub.example.org/services/modama" in found.reasons[0].sentence


def test_name_that_is_no_text_is_explained_like_any_other(store: DiskStore, tree: Path) -> None:
    """Bytes that are no UTF-8 are shown escaped."""
    name = os.fsdecode(b"\xff")
    (tree / RAW / name).touch()
    found = explained(store, f"{RAW}/{name}")
    assert (found.path, found.writable) == (f"{RAW}/\\xff", True)
    found.sentence.encode("utf-8")


def test_explaining_changes_nothing(store: DiskStore, tree: Path) -> None:
    """No time and no lock of the tree is touched by a question."""
    (tree / RAW / "a").touch()
    before = [(path, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in sorted(tree.rglob("*"))]
    explained(store, f"{RAW}/a")
    assert before == [(path, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in sorted(tree.rglob("*"))]
