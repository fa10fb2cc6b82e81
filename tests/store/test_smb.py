"""A real Samba server with the example configuration: what microscopes make, what members may, what a seal refuses."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_watching import gate_of, is_right, make_project, soon

from jupyter_modama.core.audit import ListAudit, list_audit
from jupyter_modama.core.errors import OpenWriters
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Area, Role, SessionState, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.runner import local_actor
from jupyter_modama.store import writers
from jupyter_modama.store.connections import Connections
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.ingest import Ingest
from jupyter_modama.testing import samba, trees
from jupyter_modama.testing.accounts import Account, Accounts, account
from jupyter_modama.testing.samba import Samba

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts and to serve files"),
    pytest.mark.skipif(bool(samba.missing()), reason=samba.missing()),
]
SESSION = TreePath("adhoc/p/s")
RAW = r"adhoc\p\s\raw"


@pytest.fixture(scope="module")
def mic() -> Iterator[Account]:
    """The account of a microscope."""
    with account("mic1") as made:
        yield made


@pytest.fixture(scope="module")
def gate(people: Accounts, mic: Account) -> Gate:
    return Gate({**gate_of(people).people, mic.uid: Role.MEMBER})


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with trees.reachable_folder() as folder, trees.mounted(folder, "ext4", 64) as place:
        yield place


@pytest.fixture(scope="module")
def server(disk: Path, tmp_path_factory: pytest.TempPathFactory, people: Accounts, mic: Account) -> Iterator[Samba]:
    (disk / "tree").mkdir()
    with samba.samba(disk / "tree", tmp_path_factory.mktemp("samba"), mic, *people) as running:
        yield running


@pytest.fixture
def session(disk: Path, gate: Gate, people: Accounts) -> Iterator[Path]:
    """A session of the system's that Alice created."""
    folder = make_project(disk / "tree", "p", gate) / "s"
    (folder / "raw").mkdir(parents=True)
    store = DiskStore(Site(root=str(disk / "tree")))
    store.write_record(SESSION, "session", {"created_by": people.alice.login})
    trees.driven(store.gates.go_through(TreePath("adhoc/p"), gate, (), mend=True, report=False))
    store.close()
    yield folder
    trees.clear(disk)
    subprocess.run(["rm", "-rf", disk / "tree/adhoc"], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "image.dat"
    file.write_bytes(b"image" * 1000)
    return file


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_what_a_microscope_makes_is_the_projects(
    server: Samba, session: Path, mic: Account, image: Path, gate: Gate
) -> None:
    """Folders 3770 with the project's lists, files 0660 that pass them on, at every depth, without any mending."""
    done, said = server.run(mic, f"cd {RAW}", "mkdir a", r"mkdir a\b", rf"put {image} a\b\one", f"put {image} two")
    assert done, said
    assert [mode(session / "raw" / name) for name in ("a", "a/b", "a/b/one", "two")] == [0o3770, 0o3770, 0o660, 0o660]
    assert is_right(session / "raw/a/b", gate)
    assert (session / "raw/a/b/one").read_bytes() == image.read_bytes()


def test_members_append_and_create_and_do_not_delete(
    server: Samba, session: Path, mic: Account, image: Path, people: Accounts
) -> None:
    """On the server and over the network alike; who is no member does not see it."""
    assert server.run(mic, f"cd {RAW}", "mkdir a", rf"put {image} a\one")[0]
    assert people.bob.appends(session / "raw/a/one")
    assert people.bob.makes(session / "raw/a/bobs")
    assert not people.bob.removes(session / "raw/a/one")
    assert server.run(people.bob, f"cd {RAW}", rf"put {image} a\more")[0]
    for command in (r"del a\one", r"rename a\one a\uno"):
        done, said = server.run(people.bob, f"cd {RAW}", command)
        assert not done, said
    assert (session / "raw/a/one").exists()
    assert "NT_STATUS_ACCESS_DENIED" in server.run(people.carol, f"cd {RAW}", "ls")[1]
    assert not people.carol.reads(session / "raw/a/one")


def test_records_are_not_shown_and_links_lead_nowhere(
    server: Samba, session: Path, mic: Account, image: Path, people: Accounts, tmp_path: Path
) -> None:
    """Neither read nor written through the share."""
    people.alice.does("ln", "-s", "/etc", session / "raw/link")
    for commands in (
        (r"cd adhoc\p\s\.modama", "ls"),
        (rf"get adhoc\p\s\.modama\session.json {tmp_path}/got",),
        (rf"put {image} adhoc\p\s\.modama\x",),
        (rf"cd {RAW}\link", "ls"),
        (rf"get {RAW}\link\passwd {tmp_path}/got",),
    ):
        done, said = server.run(mic, *commands)
        assert not done, said
    assert not (tmp_path / "got").exists()
    assert ".modama" not in server.run(mic, r"cd adhoc\p\s", "ls")[1]


def test_image_of_the_microscope_is_the_session_owners_after_it_is_closed(
    server: Samba, disk: Path, session: Path, mic: Account, image: Path, people: Accounts
) -> None:
    """Alice created the session: she deletes a bad image, over the network too, and the microscope goes on."""
    assert server.run(mic, f"cd {RAW}", "mkdir a", rf"put {image} a\bad", rf"put {image} a\good")[0]
    assert not people.alice.removes(session / "raw/a/bad")
    store = DiskStore(Site(root=str(disk / "tree"), instruments=(mic.login,)))
    try:
        assert Ingest(store, timedelta(seconds=-1)).session(SESSION) == 3
        [begun] = [line for line in store.audit.lines() if line.get("op") == "session.own_ingest"]
    finally:
        store.close()
    assert begun["wanted"]["account"] == mic.login
    assert server.run(people.alice, rf"del {RAW}\a\bad")[0]
    assert not (session / "raw/a/bad").exists()
    assert server.run(mic, rf"put {image} {RAW}\a\next")[0]
    assert server.run(mic, rf"put {image} {RAW}\a\good")[0]


def test_audit_tells_from_where_the_microscope_was_connected(
    server: Samba, disk: Path, session: Path, mic: Account, image: Path, people: Accounts
) -> None:
    """By Samba's own word; of a file from before the connection it is said that the address is not known."""
    assert server.run(mic, rf"put {image} {RAW}\before")[0]
    time.sleep(0.1)  # the connection of the first file is another one
    store = DiskStore(Site(root=str(disk / "tree"), instruments=(mic.login,)))
    store.connections = Connections(server.config)
    ingest = Ingest(store, timedelta(seconds=-1))
    try:
        with server.connected(mic, rf"put {image} {RAW}\while"):
            assert soon(lambda: (session / "raw/while").exists() and (session / "raw/while").stat().st_size == 5000)
            ingest.closed(SESSION / "raw/while")  # as the watcher says it
        ingest.closed(SESSION / "raw/before")
        assert soon(lambda: ingest.due() == 2 or (session / "raw/while").stat().st_uid == people.alice.uid)
        begun = [line for line in store.audit.lines() if line.get("op") == "session.own_ingest"]
        told = [line.sentence for line in list_audit(store, local_actor(Via.CLI), ListAudit(project="adhoc/p")).items]
    finally:
        store.close()
    came = {path: line["wanted"]["address"] for line in begun for path in line["wanted"]["paths"]}
    assert came == {"raw/before": "not known", "raw/while": "127.0.0.1"}
    assert {
        f"{mic.login} (from 127.0.0.1) brought files into adhoc/p/s.",
        f"{mic.login} (from an address that is not known) brought files into adhoc/p/s.",
    } <= set(told)


@pytest.fixture
def do(disk: Path) -> Iterator[Any]:
    """Operations, performed by the system."""
    store = DiskStore(Site(root=str(disk / "tree")))

    def does(name: str, **wanted: Any) -> Any:
        row = OPERATIONS[name]
        steps = perform(
            row, row.wanted(project="adhoc/p", session="s", **wanted), actor=local_actor(Via.CLI), store=store
        )
        return trees.driven(steps)

    does.store = store  # type: ignore[attr-defined]
    yield does
    store.close()


def test_sealed_session_refuses_every_change_over_the_network(
    server: Samba, session: Path, mic: Account, image: Path, people: Accounts, do: Any
) -> None:
    """Delete, overwrite, append, create, rename, folders, attributes: for the file's owner, too; reading goes on."""
    assert server.run(mic, f"cd {RAW}", "mkdir a", rf"put {image} a\one")[0]
    do("session.seal")
    assert read_state(do.store, SESSION)[0] is SessionState.SEALED
    other = image.with_name("other.dat")
    other.write_bytes(b"changed")
    changes = [
        r"del a\one",
        rf"put {other} a\one",
        rf"reput {other} a\one",
        rf"put {other} a\new",
        rf"put {other} new",
        r"rename a\one a\uno",
        "rename a b",
        "mkdir new",
        "rmdir a",
        "deltree a",
        r"setmode a\one +r",
        r"utimes a\one 2020:01:01-00:00:00 2020:01:01-00:00:00 2020:01:01-00:00:00 2020:01:01-00:00:00",
    ]
    before = (session / "raw/a/one").stat()
    for who in (mic, people.alice, people.bob):
        for change in changes:
            _, said = server.run(who, f"cd {RAW}", change)
            assert "NT_STATUS_" in said, f"{who.name}: {change}: {said}"
        for path in (RAW, r"adhoc\p\s"):
            assert "NT_STATUS_" in server.run(who, rf"rename {path} adhoc\p\elsewhere")[1]
            assert "NT_STATUS_" in server.run(who, rf"deltree {path}")[1]
    got = image.with_name("got.dat")
    assert server.run(people.bob, rf"get {RAW}\a\one {got}")[0]
    assert got.read_bytes() == image.read_bytes() == (session / "raw/a/one").read_bytes()
    after = (session / "raw/a/one").stat()
    assert (after.st_ctime_ns, after.st_mode, sorted(os.listdir(session / "raw"))) == (
        *(before.st_ctime_ns, before.st_mode),
        ["a"],
    )
    assert trees.checked(session).returncode == 0


def test_program_that_writes_over_the_network_stops_a_seal(
    server: Samba, session: Path, mic: Account, people: Accounts, do: Any
) -> None:
    """An image that is open on the microscope is found before anything is changed."""
    with (session / "raw/feed").open("wb") as feed:
        feed.write(b"x" * 1000)
    os.chown(session / "raw/feed", mic.uid, -1)
    with server.connected(mic, f"open {RAW}\\feed"):
        with (session / "raw/feed").open("rb") as feed:
            assert soon(lambda: writers.probe(feed.fileno()) is writers.Probe.WRITTEN)
        with pytest.raises(OpenWriters):
            do("session.seal")
        assert read_state(do.store, SESSION)[0] is SessionState.WRITABLE
    do("session.seal")
    assert read_state(do.store, SESSION)[0] is SessionState.SEALED


def test_strict_area_holds_over_the_network(
    server: Samba, disk: Path, mic: Account, image: Path, people: Accounts, gate: Gate, session: Path
) -> None:
    """Bob's folder was taken over by the system: he cannot remove what the microscope put there."""
    area = Area("strict", delete="strict")
    folder = make_project(disk / "tree", "q", gate, area)
    assert server.run(people.bob, r"mkdir strict\q\bobs")[0]
    assert server.run(mic, rf"put {image} strict\q\bobs\one")[0]
    store = DiskStore(Site(root=str(disk / "tree"), areas=(area,), any_area=False))
    try:
        trees.driven(store.gates.go_through(TreePath("strict/q"), gate, (), mend=True, report=False))
    finally:
        store.close()
    assert "NT_STATUS_ACCESS_DENIED" in server.run(people.bob, r"del strict\q\bobs\one")[1]
    assert (folder / "bobs/one").exists()
    subprocess.run(["rm", "-rf", disk / "tree/strict"], check=True)
