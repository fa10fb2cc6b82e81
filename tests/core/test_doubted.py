"""Records that others than the system could write, after somebody changed the rights of a whole project by hand."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotAllowed
from jupyter_modama.core.model import SessionState, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, _python
from jupyter_modama.testing.doing import Does

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]
P, NAMED = "adhoc/p", {"project": "adhoc/p", "session": "s"}


@pytest.fixture
def kept(root: Path, tmp_path: Path) -> Iterator[DiskStore]:
    """The tree as its keeper has it."""
    root.chmod(0o755)
    store = DiskStore(Site(root=str(root), managed_by="the service"), state=tmp_path / "state", keeps_tree=True)
    yield store
    store.close()
    trees.clear(root)


@pytest.fixture
def asks(kept: DiskStore) -> Callable[[Account], Does]:
    return lambda who: Does(kept, who.actor)


@pytest.fixture
def box(asks: Callable[[Account], Does], root: Path, people: Accounts) -> Path:
    """The records of a project of alice's with a title, with bob as a member, and with a sealed session."""
    alice = asks(people.alice)
    alice("project.create", name="p", title="Needles")
    alice("project.set_members", project=P, add=(f"{people.bob.login}:member:2099-01-31",))
    alice("session.create", project=P, name="s", title="First")
    people.alice.fill(root / P / "s/raw", {"a.dat": "1\n"})
    alice("session.seal", **NAMED)
    return root / P / ".modama"


def opened_to_members(root: Path, who: Account) -> None:
    """What an administrator does who wants to help."""
    subprocess.run(["setfacl", "-R", "-m", f"u:{who.uid}:rwX", str(root / P)], check=False, capture_output=True)


def codes(report: Any) -> set[str]:
    return {row.code for row in report.found if row.code.startswith("records")}


@pytest.mark.parametrize("means", ["chmod", "setfacl"])
@pytest.mark.parametrize("by", ["owner", "member", "nightly"])
def test_what_still_holds_what_was_written_is_believed_again(
    box: Path, asks: Callable[[Account], Does], kept: DiskStore, root: Path, people: Accounts, means: str, by: str
) -> None:
    """Said in the meantime, where nothing of it is believed; and the seal is one again."""
    alice, bob, _ = people
    before = asks(alice)("project.show", project=P)
    if means == "chmod":
        subprocess.run(["chmod", "-R", "g+w", str(root / P)], check=False, capture_output=True)
    else:
        opened_to_members(root, bob)
    seen = asks(bob)("project.show", project=P)
    assert (seen.title, seen.uuid) == ("", "")
    assert "is not believed meanwhile" in seen.warning
    assert asks(bob)("session.show", **NAMED).state is SessionState.SEALED_BARE
    with pytest.raises(NotAllowed, match="can mend that by “repair”"):
        asks(alice)("project.update", project=P, title="Threads")
    report = asks(bob)("project.check", project=P)
    assert codes(report) == {"records-open"}
    assert "are not believed meanwhile" in report.sentence
    if by == "nightly":
        assert Does(kept, local_actor(kept))("site.nightly").problems == ()
    else:
        report = asks(alice if by == "owner" else bob)("project.repair", project=P)
        assert codes(report) == {"records-again"}
    assert asks(bob)("project.show", project=P).title == "Needles"
    after = asks(alice)("project.show", project=P)
    assert (after.uuid, after.members, after.warning) == (before.uuid, before.members, "")
    shown = asks(bob)("session.show", **NAMED)
    assert (shown.state, shown.title) == (SessionState.SEALED, "First")
    assert asks(alice)("session.verify", **NAMED).files == 1
    assert codes(asks(bob)("project.check", project=P)) == set()
    asks(alice)("project.update", project=P, title="Threads")
    assert asks(bob)("project.show", project=P).title == "Threads"


def test_what_a_member_forged_is_put_aside(
    box: Path, asks: Callable[[Account], Does], kept: DiskStore, root: Path, people: Accounts
) -> None:
    """By whoever owns the project; not what others wrote into it stands there afterwards, however they hold it open."""
    alice, bob, _ = people
    opened_to_members(root, bob)
    forged = box / "project.json"
    text = forged.read_text().replace("Needles", "Forged").replace("2099", "2199")
    bob.python("import sys; open(sys.argv[1], 'r+').write(sys.argv[2])", forged, text)
    assert "2199" in forged.read_text()
    report = asks(bob)("project.check", project=P)
    assert codes(report) == {"records-open"}
    with pytest.raises(NotAllowed):
        asks(bob)("project.repair", project=P)
    assert kept.read_record(TreePath(P), "project") is None
    assert "Forged" in forged.read_text(), "a member changes nothing of it"
    assert Does(kept, local_actor(kept))("site.nightly").problems
    report = asks(alice)("project.repair", project=P)
    assert codes(report) == {"records-again", "records-aside"}
    assert not forged.exists()
    (aside,) = box.glob("project.json.doubted-*")
    assert "Forged" in aside.read_text()
    assert aside.stat().st_mode & 0o777 == 0o600
    shown = asks(alice)("project.show", project=P)
    assert (shown.title, shown.warning) == ("", "")
    assert {member.person.uid for member in shown.members} >= {bob.uid}
    asks(alice)("project.update", project=P, title="Needles again")
    assert not bob.can("sh", "-c", f"echo > {forged}")
    assert asks(bob)("project.show", project=P).title == "Needles again"


def test_who_has_a_record_open_writes_into_it_no_longer(
    box: Path, asks: Callable[[Account], Does], root: Path, people: Accounts
) -> None:
    """A descriptor from the time when that was possible leads to a file that is not there any more."""
    opened_to_members(root, people.bob)
    words = ["sh", "-c", f"exec 3>>{box}/project.json; echo open; read line; echo forged >&3; echo done"]
    who = {"user": people.bob.uid, "group": people.bob.gid, "extra_groups": []}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **who) as held:  # type: ignore[call-overload]
        assert held.stdout.readline() == "open\n"
        assert codes(asks(people.alice)("project.repair", project=P)) == {"records-again"}
        held.stdin.write("now\n")
        held.stdin.flush()
        assert held.stdout.readline() == "done\n"
    assert json.loads((box / "project.json").read_text())["title"] == "Needles"


def test_what_was_planted_meanwhile_leads_nowhere(
    box: Path, asks: Callable[[Account], Does], root: Path, people: Accounts
) -> None:
    """Second names of files elsewhere, links, folders, another record under a name: nothing outside is changed."""
    alice, bob, carol = people
    outside = root / "outside"
    outside.mkdir()
    for name in ("one", "two"):
        (outside / name).write_text('{"title": "Outside"}')
        (outside / name).chmod(0o666)
        os.chown(outside / name, bob.uid, bob.gid)
    os.chown(outside / "two", carol.uid, carol.gid)
    opened_to_members(root, bob)
    bob.shell(
        f"rm -f project.json members.lock totals.json; ln {outside}/one project.json; ln {outside}/two a.json; "
        f"ln -s {outside}/two members.lock; mkdir b.json; ln -s {outside} c; cp members.json d.json; "
        "mv members.json e.json",
        cwd=box,
    )
    before = [os.lstat(outside / name) for name in ("one", "two")]
    report = asks(alice)("project.repair", project=P)
    assert codes(report) == {"records-again", "records-aside"}
    for name, then in zip(("one", "two"), before, strict=True):
        now = os.lstat(outside / name)
        assert (now.st_mode, now.st_uid, now.st_size, now.st_nlink) == (then.st_mode, then.st_uid, then.st_size, 2)
    assert asks(alice)("project.show", project=P).title == ""
    assert list(box.glob("*.json")) == []
    asks(alice)("project.set_members", project=P, remove=(bob.login,))
    assert codes(asks(alice)("project.check", project=P)) == set()


def test_lock_that_a_member_took_is_nobodys(
    box: Path, asks: Callable[[Account], Does], root: Path, people: Accounts
) -> None:
    """Whoever opened it meanwhile keeps nobody out afterwards."""
    opened_to_members(root, people.bob)
    script = (
        "import fcntl, os, struct, sys; fd = os.open(sys.argv[1], os.O_RDWR); print('open', flush=True); "
        "sys.stdin.readline(); fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)); "
        "print('locked', flush=True); sys.stdin.readline()"
    )
    words = [_python(), "-c", script, str(box / "members.lock")]
    who = {"user": people.bob.uid, "group": people.bob.gid, "extra_groups": []}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **who) as held:  # type: ignore[call-overload]
        assert held.stdout.readline() == "open\n"
        asks(people.alice)("project.repair", project=P)
        held.stdin.write("now\n")
        held.stdin.flush()
        assert held.stdout.readline() == "locked\n"
        asks(people.alice)("project.set_members", project=P, add=(people.carol.login,))
        held.stdin.close()


def test_checksums_that_are_damaged_make_nobody_believe(kept: DiskStore, box: Path, tmp_path: Path) -> None:
    """The file is put aside, and the next night fills a new one."""
    file = kept.written.file
    file.write_bytes(b"no table at all, and long enough to be one" * 100)
    opened = os.open(box, os.O_RDONLY)
    try:
        content = (box / "project.json").read_bytes()
        checksum = hashlib.sha256(content).hexdigest()
        assert not kept.written.knows(opened, "project.json", checksum)
        kept.record_trust.learn(TreePath(P))
        assert kept.written.knows(opened, "project.json", checksum)
        assert not kept.written.knows(opened, "members.json", checksum)
    finally:
        os.close(opened)
    assert list(file.parent.glob("written.sqlite.damaged-*"))
