"""What a microscope's account wrote becomes the session owner's: with real accounts, on a file system of its own."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_watching import SWAPPER, TRIES, gate_of, is_right, make_project, soon

from jupyter_modama.core import ingest as rules
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Area, Role, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.ingest import Ingest
from jupyter_modama.store.watching import Watcher
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, account, group

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts and to give files away"),
]
SESSION = TreePath("adhoc/p/s")
AT_ONCE = timedelta(seconds=-1)


@pytest.fixture(scope="module")
def mic() -> Iterator[Account]:
    """The account of a microscope."""
    with account("mic1") as made:
        yield made


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with trees.reachable_folder() as folder, trees.mounted(folder, "ext4", 64) as place:
        yield place


@pytest.fixture
def gate(people: Accounts, mic: Account) -> Gate:
    """Alice owns, Bob and the microscope are members."""
    return Gate({**gate_of(people).people, mic.uid: Role.MEMBER})


@pytest.fixture
def session(disk: Path, gate: Gate, people: Accounts) -> Iterator[Path]:
    """A session that Bob created, in a project of Alice's."""
    project = make_project(disk / "tree", "p", gate)
    folder = project / "s"
    for each in (folder, folder / "raw", folder / "analysis"):
        each.mkdir()
    store = DiskStore(Site(root=str(disk / "tree")))
    store.write_record(SESSION, "session", {"created_by": people.bob.login})
    for _ in store.gates.go_through(TreePath("adhoc/p"), gate, (), mend=True, report=False):
        pass
    store.close()
    yield folder
    trees.clear(disk)
    subprocess.run(["rm", "-rf", disk / "tree"], check=True)


@pytest.fixture
def store(disk: Path, session: Path, mic: Account) -> Iterator[DiskStore]:
    opened = DiskStore(Site(root=str(disk / "tree"), instruments=(mic.login,)))
    yield opened
    opened.close()


def audited(store: DiskStore) -> list[dict[str, object]]:
    """The audit's lines of files that were given to people: begin and end of each."""
    lines = store.audit.lines()
    begun = {line["line"]: line for line in lines if line.get("op") == rules.OPERATION}
    return [{**begun[line["line"]], **line} for line in lines if line["line"] in begun and "outcome" in line]


def owner(path: Path) -> int:
    return path.stat().st_uid


def test_images_become_the_session_owners_and_can_be_deleted(
    store: DiskStore, session: Path, people: Accounts, mic: Account, gate: Gate
) -> None:
    """Before, Bob cannot delete a bad image of the session that he created; after it he can, and Alice cannot."""
    mic.shell("umask 007; echo bad > raw/bad; mkdir -p raw/a/b; echo good > raw/a/b/good", cwd=session)
    before = (session / "raw/a/b/good").stat()
    assert not people.bob.removes(session / "raw/bad")
    assert Ingest(store, AT_ONCE).session(SESSION) == 4
    assert owner(session / "raw/bad") == owner(session / "raw/a") == people.bob.uid
    after = (session / "raw/a/b/good").stat()
    assert (after.st_mode, after.st_gid, after.st_mtime_ns) == (before.st_mode, before.st_gid, before.st_mtime_ns)
    assert mic.appends(session / "raw/a/b/good")
    assert people.alice.appends(session / "raw/a/b/good")
    assert not people.alice.removes(session / "raw/bad")
    assert people.bob.removes(session / "raw/bad")
    assert Ingest(store, AT_ONCE).session(SESSION) == 0


def test_audit_tells_which_account_wrote_what_and_when(
    store: DiskStore, session: Path, people: Accounts, mic: Account
) -> None:
    """On the disk that is gone afterwards."""
    for name in ("one", "two", "odd\nname"):
        mic.python("import sys; open(sys.argv[1], 'w').write('12345')", session / "raw" / name)
    Ingest(store, AT_ONCE).session(SESSION)
    [line] = audited(store)
    wanted = line["wanted"]
    assert isinstance(wanted, dict)
    assert (line["target"], line["outcome"], wanted["account"], wanted["to"]) == (
        *("adhoc/p/s", "done", mic.login),
        people.bob.login,
    )
    assert (wanted["bytes"], len(wanted["paths"])) == (15, 3)
    assert {"raw/one", "raw/two"} < set(wanted["paths"])
    assert len(wanted["arrived"]) == 2
    assert "\n" not in json.dumps(wanted["paths"])


def test_many_files_are_all_named(store: DiskStore, session: Path, mic: Account) -> None:
    """In lines of bounded length, however many there are."""
    mic.shell("cd raw; for i in $(seq 450); do : > f$i; done", cwd=session)
    assert Ingest(store, AT_ONCE).session(SESSION) == 450
    lines = audited(store)
    paths = [path for line in lines for path in line["wanted"]["paths"]]  # type: ignore[index]
    assert len(lines) == 3
    assert sorted(paths) == sorted(f"raw/f{i}" for i in range(1, 451))


def test_file_that_is_still_written_is_left(store: DiskStore, session: Path, people: Accounts, mic: Account) -> None:
    """While the microscope holds it open, and while it changed a moment ago."""
    mic.shell("echo 1 > raw/open; echo 2 > raw/fresh", cwd=session)
    with (session / "raw/open").open("ab"):
        assert Ingest(store, AT_ONCE).session(SESSION) == 1
    assert owner(session / "raw/open") == mic.uid
    assert owner(session / "raw/fresh") == people.bob.uid
    assert Ingest(store).session(SESSION) == 0
    assert Ingest(store, AT_ONCE).session(SESSION) == 1


def test_only_files_of_instruments_are_given(store: DiskStore, session: Path, people: Accounts, mic: Account) -> None:
    """Alice's file stays hers; links, pipes, second names and records stay as they are."""
    people.alice.shell("umask 007; echo hers > raw/hers", cwd=session)
    mic.shell("mkfifo raw/pipe; ln -s hers raw/link; echo 1 > raw/one; ln raw/one raw/two", cwd=session)
    assert Ingest(store, AT_ONCE).session(SESSION) == 0
    assert owner(session / "raw/hers") == people.alice.uid
    assert (session / "raw/link").lstat().st_uid == owner(session / "raw/pipe") == owner(session / "raw/one") == mic.uid
    assert audited(store) == []


def test_without_instruments_nothing_is_given(store: DiskStore, session: Path, mic: Account) -> None:
    """Also where the system's own account is named as one by mistake."""
    mic.shell("echo 1 > raw/one", cwd=session)
    (session / "raw/system").write_text("x")
    for instruments in ((), ("root",), ("nobody-of-this-name",), ("@no-such-group",)):
        other = DiskStore(Site(root=store.site.root, instruments=instruments))
        try:
            assert Ingest(other, AT_ONCE).session(SESSION) == 0
        finally:
            other.close()
    assert owner(session / "raw/system") == 0


def test_group_of_instruments_counts(store: DiskStore, session: Path, people: Accounts, mic: Account) -> None:
    """With an @ before its name, as Samba and sudo write it."""
    import grp

    mic.shell("echo 1 > raw/one", cwd=session)
    with group("microscopes", mic) as gid:
        other = DiskStore(Site(root=store.site.root, instruments=(f"@{grp.getgrgid(gid).gr_name}",)))
        try:
            assert Ingest(other, AT_ONCE).session(SESSION) == 1
        finally:
            other.close()
    assert owner(session / "raw/one") == people.bob.uid


def test_who_left_the_project_gets_nothing(store: DiskStore, session: Path, people: Accounts, mic: Account) -> None:
    """The creator of the session is no member any more: the owner of the project gets the files."""
    project = TreePath("adhoc/p")
    store.gates.write(project, store.gates.read(project), Gate({people.alice.uid: Role.OWNER, mic.uid: Role.MEMBER}))
    mic.shell("echo 1 > raw/one", cwd=session)
    assert Ingest(store, AT_ONCE).session(SESSION) == 1
    assert owner(session / "raw/one") == people.alice.uid


def test_record_of_somebody_else_says_nothing(store: DiskStore, session: Path, people: Accounts, mic: Account) -> None:
    """Carol, let in as a member, plants a record that makes her the session's creator: it is not believed."""
    subprocess.run(["rm", "-rf", session / ".modama"], check=True)
    people.alice.does("mkdir", session / ".modama")
    planted = json.dumps({"created_by": people.carol.login})
    people.alice.python(
        "import sys; open(sys.argv[1], 'w').write(sys.argv[2])", session / ".modama/session.json", planted
    )
    mic.shell("echo 1 > raw/one", cwd=session)
    assert Ingest(store, AT_ONCE).session(SESSION) == 1
    assert owner(session / "raw/one") == people.alice.uid


def test_project_made_by_hand_is_left_alone(store: DiskStore, session: Path, people: Accounts, mic: Account) -> None:
    """Nothing in it is changed until an administrator adopts it."""
    mic.shell("echo 1 > raw/one", cwd=session)
    os.chown(session.parent, people.alice.uid, -1)
    assert Ingest(store, AT_ONCE).session(SESSION) == 0
    os.chown(session.parent, 0, -1)
    assert Ingest(store, AT_ONCE).session(SESSION) == 1


def test_sealed_session_is_left_alone(store: DiskStore, session: Path, mic: Account) -> None:
    """Nothing is tried where raw is immutable."""
    mic.shell("echo 1 > raw/one", cwd=session)
    fd = os.open(session / "raw", os.O_RDONLY)
    flags.set_immutable(fd, True)
    try:
        assert Ingest(store, AT_ONCE).session(SESSION) == 0
    finally:
        flags.set_immutable(fd, False)
        os.close(fd)
    assert owner(session / "raw/one") == mic.uid
    assert audited(store) == []


def test_strict_area_keeps_its_folders(disk: Path, session: Path, people: Accounts, gate: Gate, mic: Account) -> None:
    """Where folders are the system's, the files are given and the folders are not."""
    area = Area("strict", delete="strict")
    raw = make_project(disk / "tree", "q", gate, area) / "s/raw"
    raw.mkdir(parents=True)
    store = DiskStore(Site(root=str(disk / "tree"), areas=(area,), any_area=False, instruments=(mic.login,)))
    try:
        for _ in store.gates.go_through(TreePath("strict/q"), gate, (), mend=True, report=False):
            pass
        mic.shell("mkdir a; echo 1 > a/one", cwd=raw)
        assert Ingest(store, AT_ONCE).session(TreePath("strict/q/s")) == 1
    finally:
        store.close()
    assert (owner(raw / "a"), owner(raw / "a/one")) == (mic.uid, people.alice.uid)


def test_swapping_what_was_found_gives_nothing_else(
    disk: Path, store: DiskStore, session: Path, people: Accounts, mic: Account
) -> None:
    """Between looking and giving, the path becomes a link, another's file, a second name: nothing changes hands."""
    (disk / "outside").write_text("root's")
    mic.shell("cd raw; echo 1 > a; echo 2 > b; echo 3 > c; mkdir d; echo 4 > d/e", cwd=session)
    one = Ingest(store, AT_ONCE)
    found = [one._arrival(SESSION / f"raw/{name}", one.instruments) for name in ("a", "b", "c", "d/e")]
    assert all(found)
    mic.shell("cd raw; rm a b; ln -s ../../../../../outside a; ln c c2; mv d gone; ln -s gone d", cwd=session)
    (session / "raw/b").write_text("the system's")
    assert [one._give(each, people.bob.uid) for each in found if each] == [False] * 4
    assert owner(disk / "outside") == owner(session / "raw/b") == 0
    assert owner(session / "raw/c") == owner(session / "raw/gone/e") == mic.uid
    (disk / "outside").unlink()


def test_swapping_folders_and_links_gives_nothing_from_elsewhere(
    disk: Path, store: DiskStore, session: Path, people: Accounts, mic: Account
) -> None:
    """The microscope's account swaps folders with links to a folder outside, in which a file of its own lies."""
    outside = disk / "outside/raw"
    outside.mkdir(parents=True)
    (outside / "f").write_text("not of this project")
    os.chown(outside / "f", mic.uid, -1)
    words = ["/usr/bin/python3", "-I", "-S", "-c", SWAPPER, str(os.getpid()), str(disk / "outside")]
    program = subprocess.Popen(
        words, cwd=session / "raw", user=mic.uid, group=mic.gid, extra_groups=(), stdout=subprocess.PIPE, text=True
    )
    one = Ingest(store, AT_ONCE)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "swapping\n"
        when = datetime.now(UTC)
        for n in range(TRIES):
            path = SESSION / f"raw/d{n % 20}/raw/f"
            assert one._arrival(path, one.instruments) is None
            assert not one._give(rules.Arrival(path, mic.uid, 1, when), people.bob.uid)
        assert program.poll() is None
    finally:
        program.kill()
        program.communicate()
    assert owner(outside / "f") == mic.uid
    subprocess.run(["rm", "-rf", disk / "outside"], check=True)


def test_watcher_gives_files_as_soon_as_they_are_quiet(
    store: DiskStore, session: Path, people: Accounts, mic: Account, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    """A folder with an image is mended at once, and given when nothing has changed for a while."""
    monkeypatch.setattr("jupyter_modama.store.watching.AGAIN_S", 0.05)
    one = Ingest(store, timedelta(seconds=0.2))
    watcher = Watcher(store, one.closed, one.due)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        mic.shell("mkdir raw/a; echo 1 > raw/a/one; echo 2 >> raw/a/one", cwd=session)
        assert soon(lambda: is_right(session / "raw/a", gate))
        assert soon(lambda: owner(session / "raw/a/one") == people.bob.uid)
        assert soon(lambda: bool(audited(store)))
    finally:
        watcher.stop()
        thread.join(30)
        watcher.close()
    assert watcher.seen.failed == 0


def test_waiting_begins_anew_with_each_closing(
    store: DiskStore, session: Path, people: Accounts, mic: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A series that is written for an hour is given once it is over, and not forgotten."""
    now = time.monotonic()
    monkeypatch.setattr("jupyter_modama.store.ingest.time.monotonic", lambda: now)
    one = Ingest(store, timedelta(seconds=60))
    mic.shell("echo 1 > raw/one", cwd=session)
    os.utime(session / "raw/one", (0, 0))
    one.closed(SESSION / "raw/one")
    now += 50
    one.closed(SESSION / "raw/one")
    now += 50
    assert one._waiting
    assert one.due() == 0
    assert one._waiting
