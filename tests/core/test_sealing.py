"""Sealing a session with the operations that people use: what is refused, what is done, who may take it back."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, Person, Protection, SealRules, Session, SessionState, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath, encoded
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person
from jupyter_modama.testing.trees import PROJECT, SESSION

ALICE, BOB = 61001, 61002
NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag and for other users"),
]
S = SessionState


@pytest.fixture
def session(root: Path) -> Iterator[Path]:
    """A session with three files, cleared of flags at the end."""
    root.chmod(0o755)
    yield trees.make_session(root)
    trees.clear(root)


@pytest.fixture
def do(store: DiskStore, session: Path, actor: Actor) -> Any:
    def does(operation: str, /, *, by: Actor = actor, **wanted: Any) -> Any:
        row = OPERATIONS[operation]
        answer = perform(row, row.wanted(**{**NAMED, **wanted}), actor=by, store=store)
        return trees.driven(answer) if row.kind.value == "long" else answer

    return does


def state(store: DiskStore) -> SessionState:
    return read_state(store, PATH)[0]


def someone(uid: int) -> Actor:
    return Actor(Person(uid, str(uid)), Via.LAB)


# what a seal does ----------------------------------------------------------------------------------------------------


def test_seal_protects_raw_and_leaves_the_rest_writable(do: Any, session: Path, store: DiskStore) -> None:
    """After a seal nothing in raw can be changed, and results beside it can."""
    answer: Session = do("session.seal", note="done for today")
    assert answer.state is S.SEALED
    assert answer.seal is not None
    assert (answer.seal.files, answer.seal.note) == (3, "done for today")
    assert answer.protection in {Protection.IMMUTABLE, Protection.READ_ONLY}
    (session / "analysis" / "result.txt").write_text("fine")
    (session / "notes.md").write_text("fine")
    assert trees.checked(session).returncode == 0


def test_seal_of_a_sealed_session_is_refused(do: Any) -> None:
    """What is sealed is not sealed again."""
    do("session.seal")
    with pytest.raises(errors.AlreadySealed):
        do("session.seal")


def test_empty_raw_is_not_sealed(do: Any, session: Path, store: DiskStore) -> None:
    """A raw with folders and no files is no data, and a refused seal changes nothing."""
    for name in ("a.dat", "deep/b.dat", "deep/er/c.dat"):
        (session / "raw" / name).unlink()
    with pytest.raises(errors.NothingToSeal):
        do("session.seal")
    assert state(store) is S.WRITABLE
    (session / "raw" / "more.dat").write_text("still writable")


def test_every_name_is_sealed_and_checked_by_sha256sum(do: Any, session: Path) -> None:
    """Names with signs, line feeds, backslashes and bytes that are no UTF-8 are in the manifest as GNU writes them."""
    names: list[str | bytes] = [
        "ä #&%'.dat",
        "new\nline",
        "back\\slash",
        "both\\\n",
        b"no-utf8-\xff\xfe",
        " spaces ",
        "*",
        "-x",
    ]
    for name in names:
        trees.write(session / "raw", name, b"x" * 100)
    answer = do("session.seal")
    assert answer.seal.files == 3 + len(names)
    said = trees.checked(session)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert do("session.verify").files == 3 + len(names)


def test_name_with_a_carriage_return_is_verified(do: Any, session: Path) -> None:
    """A carriage return in a name is escaped, and our own verification knows it."""
    trees.write(session / "raw", "carriage\rreturn", b"x")
    do("session.seal")
    assert do("session.verify").files == 4


def test_links_pipes_and_empty_folders_stay_as_they_are(do: Any, session: Path) -> None:
    """A link is never followed, and a pipe never opened: both are kept, neither is hashed."""
    outside = session / "analysis" / "outside.txt"
    outside.write_text("outside")
    (session / "raw" / "link").symlink_to(outside)
    (session / "raw" / "folder-link").symlink_to(session / "analysis")
    os.mkfifo(session / "raw" / "pipe")
    (session / "raw" / "empty").mkdir()
    assert do("session.seal").seal.files == 3
    assert (session / "raw" / "link").is_symlink()
    assert (session / "raw" / "pipe").is_fifo()
    outside.write_text("can still be changed")
    assert do("session.verify").files == 3


def test_file_named_as_the_manifest_is_moved_aside(do: Any, session: Path) -> None:
    """A file of somebody's own with the manifest's name is kept under another."""
    (session / "manifest-sha256.txt").write_text("my own list")
    do("session.seal")
    assert trees.checked(session).returncode == 0
    kept = [p for p in session.rglob("*") if p.is_file() and p.read_bytes() == b"my own list"]
    assert len(kept) == 1


@pytest.mark.parametrize("squatter", ["folder", "link", "dangling", "pipe"])
def test_nothing_is_written_through_a_squatter(do: Any, session: Path, squatter: str) -> None:
    """Whatever has the manifest's name, it is neither followed nor overwritten."""
    place, victim = session / "manifest-sha256.txt", session / "analysis" / "victim"
    victim.write_text("precious")
    if squatter == "folder":
        place.mkdir()
    elif squatter == "link":
        place.symlink_to(victim)
    elif squatter == "dangling":
        place.symlink_to(session / "analysis" / "nowhere")
    else:
        os.mkfifo(place)
    do("session.seal")
    assert place.is_file()
    assert not place.is_symlink()
    assert trees.checked(session).returncode == 0
    assert victim.read_text() == "precious"
    assert not (session / "analysis" / "nowhere").exists()


def test_own_manifest_of_the_same_length_is_not_lost(do: Any, session: Path) -> None:
    """A list made by hand before the seal may be evidence, though it is as long as ours."""
    do("session.seal")
    ours = (session / "manifest-sha256.txt").read_bytes()
    do("session.undo_seal")
    by_hand = ours.replace(ours[:64], b"0" * 64)
    (session / "manifest-sha256.txt").write_bytes(by_hand)
    do("session.seal")
    assert [p for p in session.rglob("*") if p.is_file() and p.read_bytes() == by_hand]


def test_hard_link_to_the_outside_becomes_a_copy(do: Any, session: Path) -> None:
    """A file that has a name outside raw is copied, so that the other name can still be changed."""
    outside = session / "analysis" / "same.dat"
    os.link(session / "raw" / "a.dat", outside)
    inside = session / "raw" / "twin.dat"
    os.link(session / "raw" / "deep" / "b.dat", inside)
    survey = do("session.survey")
    assert survey.hard_links == ("a.dat",)
    do("session.seal")
    outside.write_text("changed")
    assert (session / "raw" / "a.dat").read_text() == "first"
    assert inside.stat().st_ino == (session / "raw" / "deep" / "b.dat").stat().st_ino
    assert do("session.verify").files == 4


def test_survey_changes_nothing_and_names_what_would_be_frozen(do: Any, session: Path, store: DiskStore) -> None:
    """Left-overs, empty files and links are counted before the seal."""
    junk = ["x.part", "Thumbs.db", ".DS_Store", ".ipynb_checkpoints/a.ipynb", "~$table.xlsx", "y.tmp", "desktop.ini"]
    for name in junk:
        trees.write(session / "raw", name, b"1234")
    trees.write(session / "raw", "empty.dat", b"")
    before = sorted((p, p.lstat().st_mode, p.lstat().st_ctime_ns) for p in session.rglob("*"))
    survey = do("session.survey")
    assert sorted((p, p.lstat().st_mode, p.lstat().st_ctime_ns) for p in session.rglob("*")) == before
    assert survey.state is S.WRITABLE
    assert (survey.files, survey.empty_files, survey.problem) == (3 + len(junk) + 1, 1, "")
    assert {name.rsplit("/", 1)[-1] for name in survey.junk} >= {n.rsplit("/", 1)[-1] for n in junk} - {"a.ipynb"}
    assert survey.junk_count >= len(junk)


# writers -------------------------------------------------------------------------------------------------------------


def test_open_writer_is_named_and_nothing_is_changed(do: Any, session: Path, store: DiskStore) -> None:
    """A program that still writes makes the seal wait for a decision; the answer names it and its file."""
    with (session / "raw" / "deep" / "b.dat").open("ab"):
        survey = do("session.survey")
        assert (survey.writer_count, survey.writers[0].path, survey.writers[0].pid) == (1, "deep/b.dat", os.getpid())
        with pytest.raises(errors.OpenWriters, match="Nothing has been changed") as refusal:
            do("session.seal")
    assert refusal.value.facts["writers"][0]["path"] == "deep/b.dat"
    assert state(store) is S.WRITABLE
    (session / "raw" / "more.dat").write_text("still writable")
    do("session.seal")


def test_reader_of_a_file_does_not_count_as_a_writer(do: Any, session: Path) -> None:
    """Who only looks at a file does not keep it from being sealed."""
    with (session / "raw" / "a.dat").open("rb"):
        assert do("session.seal").state is S.SEALED


def test_waiting_goes_on_when_the_writer_is_done(store: DiskStore, session: Path, actor: Actor) -> None:
    """With `wait` the seal begins once the last program has closed its file."""
    row = OPERATIONS["session.seal"]
    writer = (session / "raw" / "a.dat").open("ab")
    wanted = row.wanted(**NAMED, writers="wait", wait_s=60)
    wanted = replace(
        wanted, writers=type(wanted.writers)("wait") if isinstance(wanted.writers, str) else wanted.writers
    )
    steps = perform(row, wanted, actor=actor, store=store)
    waiting = next(step for step in steps if step.phase == "waiting")
    assert "a.dat" in waiting.message
    assert os.access(session / "raw", os.W_OK)
    writer.write(b" and last")
    writer.close()
    assert trees.driven(steps).state is S.SEALED
    assert do_verify(store, actor).files == 3


def do_verify(store: DiskStore, actor: Actor) -> Any:
    row = OPERATIONS["session.verify"]
    return trees.driven(perform(row, row.wanted(**NAMED), actor=actor, store=store))


def test_waiting_ends_with_the_patience(do: Any, session: Path, store: DiskStore) -> None:
    """When nobody closes the file in time the answer is the writer, and nothing is changed."""
    from jupyter_modama.core.sealing import Writers

    with (session / "raw" / "a.dat").open("ab"), pytest.raises(errors.OpenWriters):
        do("session.seal", writers=Writers.WAIT, wait_s=0)
    assert state(store) is S.WRITABLE


def test_quiet_part_is_sealed_by_choice(do: Any, session: Path, store: DiskStore) -> None:
    """With `quiet` the files that nobody writes are protected, the busy one goes on, a later seal takes the rest."""
    from jupyter_modama.core.sealing import Writers

    with (session / "raw" / "deep" / "b.dat").open("ab") as writer:
        answer = do("session.seal", writers=Writers.QUIET)
        assert answer.state is S.PARTIAL
        writer.write(b"goes on")
        writer.flush()
        (session / "raw" / "deep" / "next.dat").write_text("next frame")
    answer = do("session.seal")
    assert (answer.state, answer.seal.files) == (S.SEALED, 4)
    assert trees.checked(session).returncode == 0


def test_override_is_kept_with_the_seal(do: Any, session: Path) -> None:
    """Files that a program holds open only to look at them can be sealed, and the seal says so."""
    from jupyter_modama.core.sealing import Writers

    with (session / "raw" / "a.dat").open("r+b"):
        answer = do("session.seal", writers=Writers.OVERRIDE)
    assert answer.state is S.SEALED
    assert "overridden" in answer.seal.writers


# undo, unseal --------------------------------------------------------------------------------------------------------


def test_sealer_undoes_within_the_time(do: Any, session: Path, store: DiskStore) -> None:
    """A seal by mistake is taken back, the files are as before, and the old manifest is kept."""
    before = trees.contents(session / "raw")
    do("session.seal")
    text = (session / "manifest-sha256.txt").read_bytes()
    answer = do("session.undo_seal")
    assert (answer.state, answer.protection, answer.seal) == (S.WRITABLE, Protection.NONE, None)
    assert trees.contents(session / "raw") == before
    (session / "raw" / "deep" / "b.dat").write_text("can be changed")
    (session / "raw" / "deep" / "new.dat").write_text("can be added")
    assert not (session / "manifest-sha256.txt").exists()
    assert [p for p in session.rglob("*") if p.is_file() and p.read_bytes() == text]
    assert do("session.seal").seal.files == 4
    assert trees.checked(session).returncode == 0


def test_modes_are_back_after_an_unseal(do: Any, session: Path) -> None:
    """Files are as writable as the session's folder, and for others no more readable than that."""
    session.chmod(0o2770)
    for path in (session / "raw", session / "raw" / "deep"):
        path.chmod(0o2770)
    (session / "raw" / "a.dat").chmod(0o660)
    do("session.seal")
    do("session.unseal", reason="the operator forgot a file")
    assert (session / "raw").stat().st_mode & 0o777 == 0o770
    assert (session / "raw" / "a.dat").stat().st_mode & 0o777 == 0o660


def test_undo_is_for_the_sealer_only(do: Any, store: DiskStore, session: Path) -> None:
    """Somebody else cannot undo, whatever else they may."""
    from jupyter_modama.core.unsealing import UndoSeal, check_undo

    do("session.seal")
    with pytest.raises(errors.UndoExpired, match="administrator"):
        check_undo(store, someone(ALICE), UndoSeal(**NAMED))


def test_undo_ends_with_the_time(do: Any, session: Path) -> None:
    """After the minutes of the site it is for administrators."""
    do("session.seal")
    record_file = session / ".modama" / "seal.json"
    trees.clear(session / ".modama")
    record = json.loads(record_file.read_text())
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    for key, value in (("at", long_ago), ("undo_until", long_ago + timedelta(minutes=15))):
        if key in record:
            record[key] = value.isoformat()
    record_file.chmod(0o644)
    record_file.write_text(json.dumps(record))
    with pytest.raises(errors.UndoExpired):
        do("session.undo_seal")
    assert do("session.unseal", reason="two frames are missing").state is S.WRITABLE


def test_site_can_switch_undo_off(session: Path, root: Path, actor: Actor) -> None:
    """With 0 minutes nobody undoes."""
    store = DiskStore(Site(root=str(root), seal=SealRules(undo_minutes=0)))
    try:
        for name, refused in (("session.seal", False), ("session.undo_seal", True)):
            row = OPERATIONS[name]
            if refused:
                with pytest.raises(errors.UndoExpired):
                    perform(row, row.wanted(**NAMED), actor=actor, store=store)
            else:
                trees.driven(perform(row, row.wanted(**NAMED), actor=actor, store=store))
    finally:
        store.close()


def test_unseal_needs_a_reason(do: Any, store: DiskStore) -> None:
    """Without a reason the seal stays."""
    do("session.seal")
    with pytest.raises(errors.ReasonMissing):
        do("session.unseal", reason="  ")
    assert state(store) is S.SEALED


def test_writable_session_has_nothing_to_unseal(do: Any) -> None:
    """There is no seal to take away from an open session."""
    with pytest.raises(errors.NotSealed):
        do("session.unseal", reason="why not")
    with pytest.raises(errors.NotSealed):
        do("session.undo_seal")
    with pytest.raises(errors.NotSealed):
        do("session.verify")


def test_old_hashes_do_not_survive_an_unseal(do: Any, session: Path, store: DiskStore, actor: Actor) -> None:
    """A file that is changed after an interrupted and unsealed seal is hashed anew, even with the old size and time."""
    row = OPERATIONS["session.seal"]
    steps = perform(row, row.wanted(**NAMED), actor=actor, store=store)
    for step in steps:
        if step.phase in {"recording", "checking"}:
            break
    steps.close()
    assert state(store) is S.INTERRUPTED
    do("session.unseal", reason="not done yet")
    file = session / "raw" / "a.dat"
    times = file.stat()
    file.write_text("FIRST")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    do("session.seal")
    assert trees.checked(session).returncode == 0


# verify --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(do: Any, session: Path) -> Path:
    """A sealed session whose protection somebody with power took away."""
    trees.write(session / "raw", "big.dat", bytes(range(256)) * 8192)
    do("session.seal")
    trees.clear(session)
    for path, _ in trees.entries(session / "raw"):
        os.chmod(path, 0o755)  # noqa: S103
    return session


def test_one_flipped_bit_is_found(sealed: Path, do: Any) -> None:
    """Same size, same times, one bit: the file is named, and the shell learns of it by exit code 6."""
    file = sealed / "raw" / "big.dat"
    times, content = file.stat(), bytearray(file.read_bytes())
    content[1_234_567] ^= 0x10
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(errors.ManifestMismatch) as found:
        do("session.verify")
    assert found.value.exit == 6
    assert found.value.facts["changed"] == ["raw/big.dat"]
    assert found.value.facts["missing"] == found.value.facts["new"] == []


def test_missing_new_and_renamed_files_are_found(sealed: Path, do: Any) -> None:
    """A renamed file is missing and new, with the hint that the content is the same."""
    (sealed / "raw" / "a.dat").unlink()
    (sealed / "raw" / "deep" / "b.dat").rename(sealed / "raw" / "deep" / "renamed.dat")
    (sealed / "raw" / "added.dat").write_text("added")
    with pytest.raises(errors.ManifestMismatch) as found:
        do("session.verify")
    facts = found.value.facts
    assert facts["missing"] == ["raw/a.dat", "raw/deep/b.dat"]
    assert facts["new"] == ["raw/added.dat", "raw/deep/renamed.dat"]
    assert facts["moved"] == [{"from": "raw/deep/b.dat", "to": "raw/deep/renamed.dat"}]
    assert (facts["count_missing"], facts["count_new"], facts["count_changed"]) == (2, 2, 0)


def test_sub_folder_is_verified_alone(sealed: Path, do: Any) -> None:
    """A change elsewhere does not disturb the verification of one folder, and one in it does."""
    (sealed / "raw" / "a.dat").write_text("changed")
    assert do("session.verify", folder="deep").files == 2
    assert do("session.verify", folder="raw/deep/er").files == 1
    (sealed / "raw" / "deep" / "er" / "c.dat").write_text("changed")
    with pytest.raises(errors.ManifestMismatch) as found:
        do("session.verify", folder="deep")
    assert found.value.facts["changed"] == ["raw/deep/er/c.dat"]


def test_folder_that_is_not_there_cannot_be_verified(sealed: Path, do: Any) -> None:
    """A folder outside raw, or none at all, is refused in words."""
    with pytest.raises((errors.NotFound, errors.Invalid)):
        do("session.verify", folder="nowhere")
    with pytest.raises((errors.NotFound, errors.Invalid)):
        do("session.verify", folder="../analysis")


def test_lost_protection_is_a_warning(sealed: Path, do: Any) -> None:
    """Unchanged files that could be changed are no mismatch, but it is said."""
    report = do("session.verify")
    assert (report.files, len(report.warnings)) == (4, 1)
    assert "protect" in report.warnings[0]


def test_forged_manifest_is_found(sealed: Path, do: Any) -> None:
    """Who changes a file and its line in the manifest alike is found by the seal's own checksum of the manifest."""
    import hashlib

    manifest = sealed / "manifest-sha256.txt"
    manifest.chmod(0o644)
    old = hashlib.sha256(b"first").hexdigest()
    (sealed / "raw" / "a.dat").write_bytes(b"forged")
    manifest.write_text(manifest.read_text().replace(old, hashlib.sha256(b"forged").hexdigest()))
    with pytest.raises(errors.ManifestMismatch) as found:
        do("session.verify")
    assert "manifest-sha256.txt" in str(found.value.facts)


def test_missing_manifest_is_said(sealed: Path, do: Any) -> None:
    """Without the manifest nothing passes for verified."""
    (sealed / "manifest-sha256.txt").unlink()
    with pytest.raises((errors.ManifestMismatch, errors.NotFound), match=r"manifest|NOT as it was"):
        do("session.verify")


# states --------------------------------------------------------------------------------------------------------------


def test_lost_seal_is_verified_and_protected_again(sealed: Path, do: Any, store: DiskStore) -> None:
    """A session restored from a backup keeps who sealed it and when, and is protected again once it is verified."""
    found, _, seal = read_state(store, PATH)
    assert found is S.SEAL_LOST
    assert seal is not None
    answer = do("session.seal")
    assert answer.state is S.SEALED
    assert (answer.seal.at, answer.seal.by) == (seal.at, seal.by)


def test_lost_seal_of_changed_files_is_not_renewed(sealed: Path, do: Any, store: DiskStore) -> None:
    """Changed data is not protected as if it were what was sealed."""
    (sealed / "raw" / "a.dat").write_text("changed")
    with pytest.raises(errors.ManifestMismatch):
        do("session.seal")
    assert state(store) is S.SEAL_LOST


def test_lost_seal_is_not_renewed_while_somebody_writes(sealed: Path, do: Any, store: DiskStore) -> None:
    """Unprotected files may be open in a program: that is looked for before a lost seal is renewed."""
    with (sealed / "raw" / "a.dat").open("r+b"), pytest.raises(errors.OpenWriters):
        do("session.seal")
    assert state(store) is S.SEAL_LOST


def test_reader_of_instruments_files_cannot_spoil_a_seal(do: Any, store: DiskStore, session: Path) -> None:
    """Metadata is best effort: whatever a reader of files does, the session is sealed; what it could read is kept."""
    from jupyter_modama.core.model import EntryMetadata, MetadataField

    class Reads:
        def metadata(self, path: TreePath) -> EntryMetadata:
            if path.name == "a.dat":
                raise RuntimeError("a reader's own error")
            field = MetadataField("Acquisition", "voltage", "300", "kV", "x.y")
            return EntryMetadata(path.shown, "made up", True, fields=(field,))

    store.readers = Reads()
    assert do("session.seal").state is S.SEALED
    rows = [json.loads(row) for row in (session / ".modama" / "metadata.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == ["deep/b.dat", "deep/er/c.dat"]
    assert rows[0]["fields"][0]["source"] == "x.y"


def test_damaged_seal_record_is_no_crash(do: Any, session: Path, store: DiskStore) -> None:
    """A record that cannot be read costs the facts of the seal, not the session, and it is said."""
    do("session.seal")
    trees.clear(session / ".modama")
    record = session / ".modama" / "seal.json"
    record.chmod(0o644)
    for text in ("{ half a rec", "[]", '{"by": "x"}', '{"by": 0, "at": 7, "files": null}', ""):
        record.write_text(text)
        shown = do("session.show")
        assert shown.seal is None
        assert shown.state in {S.SEALED_BARE, S.INTERRUPTED}
        assert shown.warning


def test_damaged_journal_is_no_crash(do: Any, session: Path, store: DiskStore, actor: Actor) -> None:
    """A journal of which only half is there still means an interrupted seal, which goes on."""
    row = OPERATIONS["session.seal"]
    steps = perform(row, row.wanted(**NAMED), actor=actor, store=store)
    for step in steps:
        if step.phase == "hashing":
            break
    steps.close()
    journal = session / ".modama" / "sealing.json"
    journal.write_text(journal.read_text()[:10])
    (session / ".modama" / "hashes.jsonl").write_bytes(b'["a.dat", "00')
    assert state(store) is S.INTERRUPTED
    do("session.seal")
    assert trees.checked(session).returncode == 0
    assert state(store) is S.SEALED


def test_second_seal_at_once_is_refused(store: DiskStore, session: Path, actor: Actor, do: Any) -> None:
    """While one seal runs another does not begin, and the state says that it is being sealed."""
    row = OPERATIONS["session.seal"]
    steps = perform(row, row.wanted(**NAMED), actor=actor, store=store)
    next(steps)
    assert state(store) is S.SEALING
    with pytest.raises(errors.SealingInProgress):
        do("session.seal")
    trees.driven(steps)
    assert state(store) is S.SEALED


def test_cancel_before_protection_changes_nothing(store: DiskStore, session: Path, actor: Actor) -> None:
    """Cancelled while it still looks, a seal has done nothing."""
    row = OPERATIONS["session.seal"]
    steps = perform(row, row.wanted(**NAMED), actor=actor, store=store)
    next(steps)
    with pytest.raises(errors.Cancelled):
        steps.throw(errors.Cancelled(consequence="stopped when asked to"))
    assert state(store) is S.WRITABLE
    (session / "raw" / "a.dat").write_text("can be changed")


def test_cancel_later_keeps_the_protection(store: DiskStore, session: Path, actor: Actor, do: Any) -> None:
    """Cancelled while it hashes, the protection stays, and the next seal goes on."""
    row = OPERATIONS["session.seal"]
    steps = perform(row, row.wanted(**NAMED), actor=actor, store=store)
    for step in steps:
        if step.phase == "hashing":
            break
    with pytest.raises(errors.Cancelled, match="protected"):
        steps.throw(errors.Cancelled(consequence="stopped when asked to"))
    assert state(store) is S.INTERRUPTED
    assert do("session.seal").state is S.SEALED
    assert trees.checked(session).returncode == 0


# as root -------------------------------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag")
class TestImmutable:
    def test_root_makes_everything_immutable(self, do: Any, session: Path) -> None:
        """Every file and folder of raw, the manifest and the seal's record carry the flag."""
        assert do("session.seal").protection is Protection.IMMUTABLE
        assert trees.changeable(session / "raw") == []
        assert trees.changeable(session / "manifest-sha256.txt") == []
        assert trees.changeable(session / ".modama" / "seal.json") == []
        for change in (
            lambda: (session / "raw" / "a.dat").write_text("x"),
            (session / "raw" / "new").touch,
            (session / "raw" / "deep" / "b.dat").unlink,
            lambda: (session / "raw").rename(session / "old"),
            (session / "manifest-sha256.txt").unlink,
        ):
            with pytest.raises(PermissionError):
                change()

    def test_session_sealed_long_ago_gets_checksums(self, do: Any, session: Path, store: DiskStore) -> None:
        """Flags without a manifest are sealed-bare, and checksums are added without unsealing."""
        for _, fd in trees.entries(session / "raw"):
            trees.flags.set_immutable(fd, True)
        assert state(store) is S.SEALED_BARE
        assert do("session.seal").state is S.SEALED
        assert trees.changeable(session / "raw") == []
        assert trees.checked(session).returncode == 0

    def test_mount_point_in_raw_is_refused(self, do: Any, session: Path, store: DiskStore, tmp_path: Path) -> None:
        """A seal does not reach into another file system, and says which folder it is."""
        with trees.mounted(tmp_path, "tmpfs", 4) as other:
            place = session / "raw" / "mounted"
            place.mkdir()
            (other / "file").write_text("elsewhere")
            trees.subprocess.run(["mount", "--bind", other, place], check=True)
            try:
                with pytest.raises(errors.Conflict, match="mounted"):
                    do("session.seal")
                assert state(store) is S.WRITABLE
            finally:
                trees.subprocess.run(["umount", place], check=True)

    def test_folder_mounted_from_the_same_disk_is_refused(self, do: Any, session: Path, store: DiskStore) -> None:
        """A bind mount of the same file system is noticed as well."""
        place = session / "raw" / "mounted"
        place.mkdir()
        trees.subprocess.run(["mount", "--bind", session / "analysis", place], check=True)
        try:
            with pytest.raises(errors.Conflict, match="mounted"):
                do("session.seal")
            assert state(store) is S.WRITABLE
        finally:
            trees.subprocess.run(["umount", place], check=True)

    def test_session_of_a_user_is_adopted(self, do: Any, session: Path) -> None:
        """Root takes a person's session into the system's care, and the person can still work beside raw."""
        for path, _ in trees.entries(session):
            os.chown(path, ALICE, ALICE)
        trees.readable_by_all(session)
        do("session.seal")
        assert session.stat().st_uid == 0

        def works() -> list[str]:
            failed = []
            for name, change in {
                "rename raw": lambda: (session / "raw").rename(session / "old"),
                "remove manifest": (session / "manifest-sha256.txt").unlink,
                "rename session": lambda: session.rename(session.parent / "other"),
            }.items():
                try:
                    change()
                except OSError:
                    failed.append(name)
            (session / "analysis" / "more.txt").write_text("fine")
            (session / "report.txt").write_text("fine")
            return failed

        assert as_person(ALICE, works) == ["rename raw", "remove manifest", "rename session"]

    def test_project_of_a_user_is_not_sealed_by_root(self, do: Any, session: Path, store: DiskStore) -> None:
        """Who owns the project's folder could move the session away, so root refuses and names the folder."""
        os.chown(session.parent, ALICE, ALICE)
        with pytest.raises(errors.NotAdoptable):
            do("session.seal")
        assert set(trees.changeable(session / "raw")) == {
            ".",
            "a.dat",
            "deep",
            "deep/b.dat",
            "deep/er",
            "deep/er/c.dat",
        }
        assert state(store) is S.WRITABLE
        survey = do("session.survey")
        assert not survey.adoptable
        assert survey.problem

    def test_members_added_later_can_read(self, do: Any, session: Path) -> None:
        """A private file behind the project's gate is readable for whoever passes: its ACL cannot change any more."""
        (session / "raw" / "a.dat").chmod(0o600)
        session.parent.chmod(0o1700)
        do("session.seal")
        assert (session / "raw" / "a.dat").stat().st_mode & 0o777 == 0o444

    def test_forged_seal_record_is_not_believed(self, session: Path, store: DiskStore) -> None:
        """A record that a user could have written says nothing about the seal."""
        box = session / ".modama"
        box.mkdir()
        (box / "seal.json").write_text(
            json.dumps({"by": 0, "at": datetime.now(UTC).isoformat(), "files": 1, "bytes": 1, "manifest_sha256": "0"})
        )
        for path in (box / "seal.json", box):
            os.chown(path, ALICE, ALICE)
        found, protection, seal = read_state(store, PATH)
        assert (found, protection, seal) == (S.WRITABLE, Protection.NONE, None)


# as an ordinary user -------------------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
class TestOrdinaryUser:
    @pytest.fixture
    def tree(self) -> Iterator[Path]:
        """A tree that belongs to one user, as in their home; not below pytest's own folder, which it keeps closing."""
        with tempfile.TemporaryDirectory(prefix="modama-test-") as home:
            root = Path(home)
            session = trees.make_session(root)
            for path, _ in trees.entries(root):
                os.chown(path, ALICE, ALICE)
            root.chmod(0o755)
            yield session
            trees.clear(root)

    @staticmethod
    def does(session: Path, operation: str, **wanted: Any) -> Any:
        """Perform as the user who runs this, and answer the result or the error's code and sentence."""
        os.environ["HOME"] = str(session.parent)
        for name in ("STATE", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = str(session / "analysis" / f".{name.lower()}")
        store = DiskStore(Site(root=str(session.parents[2])))
        row = OPERATIONS[operation]
        try:
            answer = perform(row, row.wanted(**{**NAMED, **wanted}), actor=local_actor(Via.LAB), store=store)
            return trees.driven(answer) if row.kind.value == "long" else answer
        except errors.ModamaError as error:
            return error.code, str(error)

    def test_own_tree_is_sealed_read_only(self, tree: Path) -> None:
        """Without the flag write permission goes, also from the ACL's mask, and it is said which protection that is."""
        trees.subprocess.run(["setfacl", "-m", f"u:{BOB}:rw", tree / "raw" / "a.dat"], check=True)
        answer = as_person(ALICE, lambda: self.does(tree, "session.seal"))
        assert (answer.state, answer.protection) == (S.SEALED, Protection.READ_ONLY)
        assert trees.checked(tree).returncode == 0

        def tries() -> list[str]:
            refused = []
            for name in ("a.dat", "deep/b.dat", "new.dat", "deep/new.dat"):
                try:
                    (tree / "raw" / name).write_text("x")
                except PermissionError:
                    refused.append(name)
            return refused

        assert as_person(ALICE, tries) == ["a.dat", "deep/b.dat", "new.dat", "deep/new.dat"]
        assert as_person(BOB, tries) == ["a.dat", "deep/b.dat", "new.dat", "deep/new.dat"]
        assert as_person(ALICE, lambda: self.does(tree, "session.verify")).files == 3

    def test_undo_gives_the_files_back(self, tree: Path) -> None:
        """The sealer can write again after an undo."""
        as_person(ALICE, lambda: self.does(tree, "session.seal"))
        assert as_person(ALICE, lambda: self.does(tree, "session.undo_seal")).state is S.WRITABLE
        as_person(ALICE, lambda: (tree / "raw" / "deep" / "b.dat").write_text("again"))

    def test_change_behind_the_back_shows_when_verifying(self, tree: Path) -> None:
        """The owner can give write permission back; a change is then found."""
        as_person(ALICE, lambda: self.does(tree, "session.seal"))

        def cheats() -> None:
            (tree / "raw" / "a.dat").chmod(0o644)
            (tree / "raw" / "a.dat").write_text("FIRST")
            (tree / "raw" / "a.dat").chmod(0o444)

        as_person(ALICE, cheats)
        assert as_person(ALICE, lambda: self.does(tree, "session.verify"))[0] == "manifest-mismatch"

    def test_unreadable_own_files_are_made_readable_or_named(self, tree: Path) -> None:
        """A file whose mode lets not even its owner read it is sealed with all, or named before anything changes."""
        (tree / "raw" / "a.dat").chmod(0)
        answer = as_person(ALICE, lambda: self.does(tree, "session.seal"))
        if isinstance(answer, tuple):
            assert answer[0] == "not-allowed"
            assert "a.dat" in answer[1]
            assert (tree / "raw").stat().st_mode & 0o200
        else:
            assert trees.checked(tree).returncode == 0

    def test_files_of_others_are_named_before_anything_is_changed(self, tree: Path) -> None:
        """What belongs to somebody else cannot be protected by us, and that is said first."""
        os.chown(tree / "raw" / "deep" / "b.dat", BOB, BOB)
        before = {path: os.stat(path).st_mode for path, _ in trees.entries(tree / "raw")}
        survey = as_person(ALICE, lambda: self.does(tree, "session.survey"))
        assert survey.writers_checked == "partly"
        assert survey.problem
        code, said = as_person(ALICE, lambda: self.does(tree, "session.seal"))
        assert code == "not-allowed"
        assert "deep/b.dat" in said
        assert {path: os.stat(path).st_mode for path, _ in trees.entries(tree / "raw")} == before

    def test_member_seals_in_somebody_elses_project_and_hears_what_is_weak(self, tree: Path) -> None:
        """Where the project's folder belongs to another person, the survey says who could move the seal away."""
        tree.parent.chmod(0o1777)
        for path, _ in trees.entries(tree):
            os.chown(path, BOB, BOB)
        survey = as_person(BOB, lambda: self.does(tree, "session.survey"))
        assert survey.adoptable
        assert any("can be renamed or removed by 61001" in warning for warning in survey.warnings), survey.warnings
        answer = as_person(BOB, lambda: self.does(tree, "session.seal"))
        assert (answer.state, answer.protection) == (S.SEALED, Protection.READ_ONLY)

    def test_seal_by_root_cannot_be_taken_away_by_a_user(self, tree: Path, store: DiskStore) -> None:
        """An immutable seal is not touched by whoever may not clear the flag, and the refusal is in words."""
        for _, fd in trees.entries(tree / "raw"):
            trees.flags.set_immutable(fd, True)
        code, said = as_person(ALICE, lambda: self.does(tree, "session.unseal", reason="I want"))
        assert code == "not-allowed", said
        assert trees.changeable(tree / "raw") == []
        assert as_person(ALICE, lambda: self.does(tree, "session.show")).state is S.SEALED_BARE

    def test_reader_cannot_seal(self, tree: Path) -> None:
        """Who may only read gets an answer, and nothing is left behind."""
        code, _ = as_person(BOB, lambda: self.does(tree, "session.seal"))
        assert code in {"not-allowed", "not-found"}
        assert not (tree / ".modama").exists()

    def test_reader_can_verify(self, tree: Path) -> None:
        """Proof is for everybody who may read."""
        as_person(ALICE, lambda: self.does(tree, "session.seal"))
        assert (
            as_person(BOB, lambda: self.does(tree.parent.parent.parent / PROJECT / SESSION, "session.verify"))
            is not None
        )


def test_path_with_bytes_that_are_no_utf8(root: Path, store: DiskStore, actor: Actor) -> None:
    """A session whose own name is no UTF-8 is sealed like any other."""
    name = os.fsdecode(b"2026-\xff")
    session = trees.make_session(root, session=name)
    try:
        row = OPERATIONS["session.seal"]
        wanted = row.wanted(project=PROJECT, session="2026-\\xff", path_b64=encoded(f"{PROJECT}/{name}"))
        assert trees.driven(perform(row, wanted, actor=actor, store=store)).state is S.SEALED
        assert trees.checked(session).returncode == 0
    finally:
        trees.clear(root)


def test_seal_time_is_the_servers(do: Any) -> None:
    """The seal says when it was made and until when it can be undone."""
    answer = do("session.seal")
    assert abs((answer.seal.at - datetime.fromtimestamp(time.time(), UTC)).total_seconds()) < 60
    assert answer.seal.undo_until - answer.seal.at == timedelta(minutes=15)
