"""The whole story of a project with three people, a microscope and an administrator, through the keeper."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.runner import wanted_from
from jupyter_modama.testing import samba, trees
from jupyter_modama.testing.accounts import Account, Accounts, account
from jupyter_modama.testing.keys_suite import done
from jupyter_modama.testing.running_keeper import Facility, Running
from jupyter_modama.testing.samba import Samba

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts and to serve files"),
    pytest.mark.skipif(bool(samba.missing()), reason=samba.missing()),
]
PATIENCE_S = 30.0
IMAGES = ("good.dat", "bad.dat")
PROJECT, SESSION = "adhoc/needles", "2026-11-21-first"
NAMED = {"project": PROJECT, "session": SESSION}


@pytest.fixture
def mic() -> Iterator[Account]:
    """The account of a microscope."""
    with account("mic1") as made:
        yield made


@pytest.fixture
def keeper(facility: Facility, mic: Account, share: Samba) -> Iterator[Running]:
    """One that knows the microscope, takes its files to be finished at once, and asks the test's own Samba."""
    text = facility.site_file.read_text()
    more = f'instruments = ["{mic.login}"]\ninstruments_quiet_s = 0\n'
    facility.site_file.write_text(text.replace("[site]\n", f"[site]\n{more}"))
    in_its_place = f'mount --bind "{share.config}" /etc/samba/smb.conf && exec "$@"'
    with facility.keeper(under=("unshare", "--mount", "sh", "-c", in_its_place, "sh")) as running:
        yield running


@pytest.fixture
def share(root: Path, people: Accounts, mic: Account) -> Iterator[Samba]:
    folder = Path(tempfile.mkdtemp(prefix="modama-samba-"))
    with samba.samba(root, folder, mic, *people) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "image.dat"
    file.write_bytes(b"image" * 1000)
    return file


def soon(holds: Callable[[], bool]) -> None:
    """Wait until the watcher has done it."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def read(keeper: Running, who: Account, operation: str, **wanted: Any) -> dict[str, Any]:
    """What a worker that reads for somebody answers."""
    reader = keeper.read_as(who.actor)
    answer: dict[str, Any] = trees.driven(reader.do(operation, wanted_from(OPERATIONS[operation], wanted)))
    return answer


def test_three_people_a_microscope_and_a_seal(
    facility: Facility,
    keeper: Running,
    root: Path,
    people: Accounts,
    admin: Account,
    mic: Account,
    share: Samba,
    image: Path,
) -> None:
    """From the first day to the proof, and the audit tells it back."""
    alice, bob, carol, keys = people.alice, people.bob, people.carol, keeper.keys
    session = root / PROJECT / SESSION
    raw = session / "raw"

    # create and share
    done(keys, alice, "project.create", name="needles", title="Gold needles")
    done(keys, alice, "session.create", project=PROJECT, name=SESSION)
    assert not bob.reads(root / PROJECT)
    with pytest.raises(NotFound):
        done(keys, bob, "project.set_members", project=PROJECT, add=[bob.login])
    project = done(
        keys, alice, "project.set_members", project=PROJECT, add=[f"{bob.login}:member", f"{mic.login}:member"]
    )
    assert {member["person"]["login"] for member in project["members"]} == {bob.login, mic.login}

    # work: both make files, nobody deletes the other's; the folders of the system stay
    assert alice.makes(raw / "alices")
    assert bob.makes(raw / "bobs")
    assert bob.appends(raw / "alices")
    assert not bob.removes(raw / "alices")
    assert not alice.removes(raw / "bobs")
    bob.does("mkdir", raw / "bobs-folder")
    soon(lambda: bool((raw / "bobs-folder").stat().st_mode & 0o1000))
    assert alice.makes(raw / "bobs-folder" / "alices")
    assert not alice.can("mv", session, f"{session}-moved")
    assert not alice.can("rmdir", session / "analysis")
    assert read(keeper, bob, "entry.explain", path=f"{PROJECT}/{SESSION}/raw/alices")["writable"] is True
    assert not carol.reads(raw / "alices")

    # the microscope writes by SMB; a bad image is deleted by who owns the session
    there = PROJECT.replace("/", "\\") + f"\\{SESSION}\\raw"
    with share.connected(mic, *(f"put {image} {there}\\{name}" for name in IMAGES)):
        soon(lambda: all((raw / name).exists() and (raw / name).stat().st_uid == alice.uid for name in IMAGES))
    assert share.run(alice, f"cd {there}", "del bad.dat")[0]
    assert not (raw / "bad.dat").exists()

    # seal, and try everything
    sealed = done(keys, bob, "session.seal", **NAMED, note="end of the day")
    assert (sealed["state"], sealed["protection"]) == ("sealed", "immutable")
    before = trees.contents(raw)
    for who in (alice, bob):
        assert not who.appends(raw / "good.dat")
        assert not who.makes(raw / "late")
        assert not who.removes(raw / "alices")
        assert not who.can("chmod", "600", raw / "alices")
        assert not who.can("mv", raw, session / "away")
    for command in (
        "del good.dat",
        f"put {image} good.dat",
        f"put {image} new.dat",
        "rename good.dat other.dat",
        "mkdir x",
    ):
        assert not share.run(mic, f"cd {there}", command)[0], command
    with pytest.raises(ModamaError):
        done(keys, alice, "session.remove", **NAMED)
    assert trees.contents(raw) == before

    why = read(keeper, alice, "entry.explain", path=f"{PROJECT}/{SESSION}/raw/good.dat")["sentence"]
    assert f"sealed by {bob.person.display}" in why

    # somebody joins after the seal, and reads; another role, another day
    done(keys, alice, "project.set_members", project=PROJECT, add=[f"{carol.login}:reader"])
    assert carol.reads(raw / "good.dat")
    assert not carol.makes(session / "analysis" / "carols")
    assert bob.makes(session / "analysis" / "bobs")

    # prove, and nobody but an administrator unseals after the time to undo
    proof = read(keeper, carol, "session.verify", **NAMED)
    assert proof["files"] == len(before)
    assert "not written down for others" in proof["remark"]
    assert not (session / ".modama" / "verified.json").exists()
    with pytest.raises(NotAllowed):
        done(keys, alice, "session.unseal", **NAMED, reason="I would like to")
    done(keys, admin, "session.unseal", **NAMED, reason="the wrong sample")
    assert alice.appends(raw / "good.dat")
    assert carol.reads(raw / "good.dat")
    assert not carol.appends(raw / "good.dat")

    # what the audit tells, newest first
    told = done(keys, alice, "audit.list", project=PROJECT)["items"]
    logins = {one.login: one.name for one in (alice, bob, carol, admin, mic)}
    assert [(line["op"], logins[line["person"]], line["outcome"]) for line in reversed(told)] == [
        ("project.create", "alice", "done"),
        ("session.create", "alice", "done"),
        ("project.set_members", "bob", "refused"),
        ("project.set_members", "alice", "done"),
        ("session.own_ingest", "mic1", "done"),
        ("session.seal", "bob", "done"),
        ("session.remove", "alice", "failed"),
        ("project.set_members", "alice", "done"),
        ("session.unseal", "alice", "refused"),
        ("session.unseal", "dora", "done"),
    ]
    sentences = [line["sentence"] for line in told]
    [came] = [line["sentence"] for line in told if line["op"] == "session.own_ingest"]
    assert f"{mic.login} (from 127.0.0.1) brought" in came
    assert [line["sentence"] for line in done(keys, bob, "audit.list", project=PROJECT)["items"]] == sentences
    assert done(keys, carol, "audit.list", project=PROJECT)["items"] == []  # who only reads
