"""Seals that are cancelled and go on, what is looked at meanwhile, and what is written down about all that."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealing_child import Child, in_child

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, JobState, SessionState
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.sealing import Writers
from jupyter_modama.runner import Runner
from jupyter_modama.store import hashing, links, locks, sealing
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
S = SessionState


@pytest.fixture
def session(root: Path) -> Iterator[Path]:
    root.chmod(0o755)
    yield trees.make_session(root)
    trees.clear(root)


def begun(store: DiskStore, actor: Actor, operation: str = "session.seal", **wanted: Any) -> Any:
    row = OPERATIONS[operation]
    return perform(row, row.wanted(**NAMED, **wanted), actor=actor, store=store)


def state(store: DiskStore) -> SessionState:
    return read_state(store, PATH)[0]


def up_to(steps: Any, phase: str) -> None:
    """Drive a seal until it is in a phase."""
    for step in steps:
        if step.phase == phase:
            return
    raise AssertionError(f"there was no {phase}")


# going on ------------------------------------------------------------------------------------------------------------


class Reads:
    """Notes which files are read for their checksums."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        plain = hashing.hash_files

        def noted(top_fd: int, files: Any, told: Any, rows: Any) -> Any:
            for batch in plain(top_fd, files, told, rows):
                self.paths += [h.path for h in batch]
                yield batch

        monkeypatch.setattr(sealing, "hash_files", noted)


def test_what_was_hashed_is_not_read_again(
    store: DiskStore, session: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a cancelled seal only files without a checksum are read; a half-written note counts for nothing."""
    for number in range(6):
        trees.write(session / "raw", f"large-{number}.dat", bytes([number]) * (1 << 20))
    monkeypatch.setattr(sealing, "REMEMBERED_AT_ONCE", 1)
    reads = Reads(monkeypatch)
    steps = begun(store, actor)
    up_to(steps, "hashing")
    while len(reads.paths) < 4:
        next(steps)
    with pytest.raises(errors.Cancelled, match="stays protected"):
        steps.throw(errors.Cancelled(consequence="stopped when asked to"))
    assert state(store) is S.INTERRUPTED
    first = set(reads.paths)
    notes = session / ".modama" / "hashes.jsonl"
    assert notes.exists()
    with notes.open("a") as file:
        file.write('["deep/b.dat", "0000')
    reads.paths.clear()
    trees.driven(begun(store, actor))
    assert state(store) is S.SEALED
    assert reads.paths
    assert not set(reads.paths) & first
    assert trees.checked(session).returncode == 0
    assert not notes.exists()


def test_note_of_a_file_that_was_changed_is_not_believed(
    store: DiskStore, session: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, time and inode can be made the same again; the time of the last change of the inode cannot."""
    monkeypatch.setattr(sealing, "REMEMBERED_AT_ONCE", 1)
    steps = begun(store, actor)
    up_to(steps, "recording")
    steps.close()
    trees.clear(session)
    file = session / "raw" / "a.dat"
    times = file.stat()
    file.chmod(0o644)
    file.write_bytes(b"FIRST")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    trees.driven(begun(store, actor))
    assert trees.checked(session).returncode == 0


def test_cancelled_job_says_what_stands(store: DiskStore, session: Path, actor: Actor) -> None:
    """A seal that is cancelled while it hashes ends as a cancelled job, with the consequence in its sentence."""
    (session / "raw" / "large.dat").write_bytes(b"")
    os.truncate(session / "raw" / "large.dat", 8 << 30)
    runner = Runner(store)
    hashes = threading.Event()
    runner.listen(lambda job: hashes.set() if job.phase == "hashing" else None)
    row = OPERATIONS["session.seal"]
    job = runner.start(row, row.wanted(**NAMED), actor)
    try:
        assert hashes.wait(20)
        perform(OPERATIONS["job.cancel"], OPERATIONS["job.cancel"].wanted(job.id), actor=actor, store=store)
        runner._pool.shutdown(wait=True)
        ended = store.jobs.get(job.id)
        assert ended.state is JobState.CANCELLED
        assert ended.problem is not None
        assert "stays protected" in ended.problem["detail"]
        assert state(store) is S.INTERRUPTED
    finally:
        runner.close()


def test_partial_seal_that_stops_while_it_goes_on_is_interrupted(
    store: DiskStore, session: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open raw does not mean that all in it can be changed: part of it has been protected before."""
    with (session / "raw" / "deep" / "b.dat").open("ab"):
        trees.driven(begun(store, actor, writers=Writers.QUIET))
    assert state(store) is S.PARTIAL

    def fails(*_: object) -> Any:
        raise errors.DiskFull(what="protecting", why="no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store.sealing, "protect", fails)
        with pytest.raises(errors.DiskFull):
            trees.driven(begun(store, actor))
    assert os.access(session / "raw", os.W_OK)
    assert state(store) is S.INTERRUPTED
    assert trees.driven(begun(store, actor)).state is S.SEALED


# meanwhile -----------------------------------------------------------------------------------------------------------


def test_seal_by_another_program_shows_and_is_in_the_way(store: DiskStore, session: Path, actor: Actor) -> None:
    """While another process holds the session's lock its state is `sealing`; looking works, a second seal does not."""

    def holds() -> Any:
        fd = os.open(session / ".modama" / "session.lock", os.O_RDWR | os.O_CREAT)
        locks.acquire(fd, "sealing by somebody")
        return fd

    (session / ".modama").mkdir(mode=0o755)
    with Child(holds):
        assert state(store) is S.SEALING
        assert begun(store, actor, "session.survey").files == 3
        with pytest.raises(errors.SealingInProgress, match="sealing by somebody"):
            begun(store, actor)
    assert state(store) is S.WRITABLE
    trees.driven(begun(store, actor))


def test_verify_works_while_the_same_session_is_verified(store: DiskStore, session: Path, actor: Actor) -> None:
    """Two people can prove the same at once, and looking does not wait for them."""
    trees.driven(begun(store, actor))
    one, other = (begun(store, actor, "session.verify") for _ in range(2))
    up_to(one, "hashing")
    assert begun(store, actor, "session.survey").files == 3
    assert trees.driven(other).files == 3
    assert trees.driven(one).files == 3
    assert state(store) is S.SEALED


def test_list_of_sessions_does_not_walk(
    store: DiskStore, root: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The states of many sessions are read without listing any raw folder."""
    for number in range(40):
        trees.make_session(root, session=f"2026-11-21-{number:03}")
    listed: list[str] = []
    plain_listdir, plain_scandir = os.listdir, os.scandir

    def name(folder: Any) -> str:
        return os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) else os.fspath(folder)

    monkeypatch.setattr(os, "listdir", lambda folder=".": (listed.append(name(folder)), plain_listdir(folder))[1])
    monkeypatch.setattr(os, "scandir", lambda folder=".": (listed.append(name(folder)), plain_scandir(folder))[1])
    row = OPERATIONS["session.list"]
    found = perform(row, row.wanted(project=PROJECT), actor=actor, store=store)
    assert {item.state for item in found.items} == {S.WRITABLE}
    assert listed
    assert not [path for path in listed if "/raw" in path]


# what is no ordinary file --------------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a device")
def test_sockets_pipes_and_devices_are_kept_and_never_opened(store: DiskStore, session: Path, actor: Actor) -> None:
    """They hold no data: counted, kept where they are, not hashed."""
    raw = session / "raw"
    os.mkfifo(raw / "pipe")
    os.mknod(raw / "device", 0o20644, os.makedev(1, 3))
    here = os.getcwd()
    os.chdir(raw)  # the address of a socket is short
    try:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind("socket")
    finally:
        os.chdir(here)
    listening.close()
    survey = begun(store, actor, "session.survey")
    assert any("3 entries are no files" in warning for warning in survey.warnings)
    assert trees.driven(begun(store, actor)).seal.files == 3
    assert trees.checked(session).returncode == 0
    with pytest.raises(PermissionError):
        (raw / "pipe").unlink()


def test_linked_file_that_is_written_by_its_other_name_is_no_half_copy(
    store: DiskStore, session: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes by the name outside while the copy is made: the seal stops, nothing is lost, it goes on later."""
    outside = session / "analysis" / "same.dat"
    (session / "raw" / "b.dat").write_bytes(b"0" * (4 << 20))
    os.link(session / "raw" / "b.dat", outside)
    monkeypatch.setattr(links, "PIECE", 1 << 20)
    monkeypatch.setattr(links, "FICLONE", 0x40049400)  # no such call: bytes are copied, as on ext4
    steps = begun(store, actor)
    up_to(steps, "protecting")
    next(steps)
    os.truncate(outside, 1 << 20)
    with pytest.raises(errors.StorageError, match="changed there while it was copied"):
        trees.driven(steps)
    assert (session / "raw" / "b.dat").stat().st_ino == outside.stat().st_ino
    trees.driven(begun(store, actor))
    assert (session / "raw" / "b.dat").stat().st_size == 1 << 20
    assert (session / "raw" / "b.dat").stat().st_ino != outside.stat().st_ino
    assert trees.checked(session).returncode == 0


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount something")
def test_unseal_leaves_alone_what_was_mounted_meanwhile(
    store: DiskStore, session: Path, actor: Actor, tmp_path: Path
) -> None:
    """Taking a seal away does not reach into another file system, nor into another folder of the same."""
    elsewhere = tmp_path / "elsewhere"
    trees.write(elsewhere, "er/protected.dat", b"precious")
    trees.driven(begun(store, actor))
    for _, fd in trees.entries(elsewhere):
        trees.flags.set_immutable(fd, True)
    subprocess.run(["mount", "--bind", elsewhere, session / "raw" / "deep"], check=True)
    try:
        trees.driven(begun(store, actor, "session.unseal", reason="try"))
        assert trees.changeable(elsewhere) == []
        (session / "raw" / "a.dat").write_bytes(b"can be changed")
    finally:
        subprocess.run(["umount", session / "raw" / "deep"], check=True)
        trees.clear(elsewhere)


# written down --------------------------------------------------------------------------------------------------------


def audited(store: DiskStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.audit.file.read_text().splitlines() if line.strip()]


def test_override_undo_and_refusals_are_in_the_audit(store: DiskStore, session: Path, actor: Actor) -> None:
    """Who sealed over an open writer, took a seal back, gave a reason, or was refused, can be found out later."""
    with (session / "raw" / "a.dat").open("r+b"):
        assert trees.driven(begun(store, actor, writers=Writers.OVERRIDE)).seal.writers == "overridden"
    with pytest.raises(errors.AlreadySealed):
        begun(store, actor)
    trees.driven(begun(store, actor, "session.undo_seal"))
    trees.driven(begun(store, actor))
    trees.driven(begun(store, actor, "session.unseal", reason="two frames are missing"))
    text = json.dumps(audited(store))
    for said in ("override", "already-sealed", "session.undo_seal", "two frames are missing"):
        assert said in text
    kept = sorted((session / ".modama" / "old").iterdir())
    assert len(kept) == 2
    assert all((folder / "manifest-sha256.txt").exists() and (folder / "seal.json").exists() for folder in kept)


@pytest.mark.parametrize("text", [b"", b"garbage\n", b"\xff\xfe\x00", b"0" * 64 + b"  raw/a.dat\n"])
def test_manifest_that_is_not_the_sealed_one_proves_nothing(
    store: DiskStore, session: Path, actor: Actor, text: bytes
) -> None:
    """Emptied, overwritten or cut short: never an answer that all is well."""
    trees.driven(begun(store, actor))
    trees.clear(session)
    manifest = session / "manifest-sha256.txt"
    manifest.chmod(0o644)
    manifest.write_bytes(text)
    with pytest.raises((errors.ManifestMismatch, errors.RecordCorrupt)) as found:
        trees.driven(begun(store, actor, "session.verify"))
    assert "manifest-sha256.txt" in str(found.value) + str(found.value.facts)
    assert found.value.exit != 0


@pytest.mark.parametrize("change", ["grown", "cut", "emptied", "rewritten", "unreadable", "link"])
def test_every_kind_of_change_is_named(store: DiskStore, session: Path, actor: Actor, change: str) -> None:
    """Whatever became of a file, verifying names it, as a conflict for programs and with an exit code for the shell."""
    trees.driven(begun(store, actor))
    trees.clear(session)
    file = session / "raw" / "a.dat"
    (session / "raw").chmod(0o755)
    file.chmod(0o644)
    if change == "grown":
        with file.open("ab") as more:
            more.write(b"\0")
    elif change == "cut":
        os.truncate(file, 4)
    elif change == "emptied":
        os.truncate(file, 0)
    elif change == "rewritten":
        file.write_bytes(b"FIRST")
    elif change == "link":  # to the very same content
        file.rename(session / "analysis" / "a.dat")
        file.symlink_to(session / "analysis" / "a.dat")
    else:
        file.chmod(0)

    def verifies() -> None:
        with pytest.raises(errors.ManifestMismatch) as found:
            trees.driven(begun(DiskStore(store.site), actor, "session.verify"))
        kind = {"unreadable": "unreadable", "link": "missing"}.get(change, "changed")
        assert found.value.facts[kind] == ["raw/a.dat"], found.value.facts
        assert (found.value.status, found.value.exit) == (409, 6)

    if change == "unreadable" and os.geteuid() == 0:
        os.environ["XDG_STATE_HOME"] = str(session.parents[2] / "state")
        (session.parents[2] / "state").mkdir(mode=0o777)
        os.chmod(session.parents[2] / "state", 0o777)  # noqa: S103
        trees.readable_by_all(session)
        assert in_child(verifies, 61001) == 0
    else:
        verifies()


def test_interrupted_unseal_can_be_sealed_again(store: DiskStore, session: Path, actor: Actor) -> None:
    """A seal that somebody began to take away and did not can be made anew, and is whole then."""
    trees.driven(begun(store, actor))
    steps = begun(store, actor, "session.unseal", reason="try")
    next(steps)
    steps.close()
    assert state(store) in {S.INTERRUPTED, S.WRITABLE}
    answer = trees.driven(begun(store, actor))
    assert answer.state is S.SEALED
    assert trees.checked(session).returncode == 0


# after the seal's record ---------------------------------------------------------------------------------------------


class Crash(Exception):
    """What is not caught anywhere, as the end of the process."""


@pytest.fixture
def endless(store: DiskStore, session: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session whose seal stopped when its record was written, some ticks of the disk's clock after raw was closed."""

    def crashes(*_: object) -> None:
        raise Crash

    steps = begun(store, actor)
    up_to(steps, "checking")
    ticked(session)
    with monkeypatch.context() as patched:
        patched.setattr(store.proof, "freeze", crashes)
        with pytest.raises(Crash):
            trees.driven(steps)
    ticked(session)
    assert state(store) is S.INTERRUPTED
    return session


def ticked(session: Path) -> None:
    """Wait until the disk's clock has gone on."""
    file = session / "analysis" / "tick"
    file.touch()
    first = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == first:
        file.touch()


def test_seal_that_lacks_its_end_only_is_not_read_again(
    store: DiskStore, endless: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No inode was touched since the last look: the seal is as it was written, and is ended."""
    record = json.loads((endless / ".modama" / "seal.json").read_text())
    reads = Reads(monkeypatch)
    answer = trees.driven(begun(store, actor))
    assert (answer.state, answer.seal.at.isoformat(), reads.paths) == (S.SEALED, record["at"], [])
    assert {path.name for path in (endless / ".modama").glob("*.json*")} == {
        "seal.json",
        "manifest.jsonl",
        "metadata.jsonl",
    }
    assert trees.driven(begun(store, actor, "session.verify")).files == 3


def touched(session: Path) -> None:
    opened_for(session / "raw" / "a.dat", os.utime)


def rewritten(session: Path) -> None:
    def rewrite(file: Path) -> None:
        times = file.stat()
        file.write_bytes(b"FIRST")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    opened_for(session / "raw" / "a.dat", rewrite)


def opened_for(file: Path, change: Any) -> None:
    """Change a protected file, and protect it again."""
    fd = os.open(file, os.O_RDONLY)
    was, mode = trees.flags.is_immutable(fd), file.stat().st_mode & 0o7777
    trees.flags.set_immutable(fd, False) if was else None
    file.chmod(mode | 0o200)
    change(file)
    file.chmod(mode)
    trees.flags.set_immutable(fd, True) if was else None
    os.close(fd)


def forgot(session: Path) -> None:
    """Another list of entries than the seal has a checksum of."""
    entries = session / ".modama" / "manifest.jsonl"
    entries.chmod(0o644)
    entries.write_text(entries.read_text() + "\n")


@pytest.mark.parametrize(
    ("change", "differs"),
    [(touched, False), (rewritten, True), (forgot, True)],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_seal_that_lacks_its_end_is_read_again_where_anything_was_touched(
    store: DiskStore, endless: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch, change: Any, differs: bool
) -> None:
    """Whatever else looks the same: the time of an inode's last change cannot be set."""
    change(endless)
    reads = Reads(monkeypatch)
    if differs:
        with pytest.raises(errors.ManifestMismatch):
            trees.driven(begun(store, actor))
    else:
        assert trees.driven(begun(store, actor)).state is S.SEALED
    assert sorted(reads.paths) == ["a.dat", "deep/b.dat", "deep/er/c.dat"]


def test_renewed_seal_that_lacks_its_end_is_read_again(
    store: DiskStore, endless: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is older than its protection, so nothing is proved by times."""
    journal = endless / ".modama" / "sealing.json"
    journal.write_text(json.dumps({**json.loads(journal.read_text()), "again": True}))
    reads = Reads(monkeypatch)
    assert trees.driven(begun(store, actor)).state is S.SEALED
    assert len(reads.paths) == 3
