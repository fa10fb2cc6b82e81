"""What real people can do after members, owners and visibility were changed, with the kernel as the judge."""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import Invalid, NotAllowed
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import Actor, Area, Role, SessionState, Visibility
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, account, group
from jupyter_modama.testing.doing import Does, opened_store

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]
P = "adhoc/p"


@dataclass
class Shared:
    """A project of alice's with a session, in which she has a file and a folder with a file."""

    by: Callable[[Account], Any]
    people: Accounts
    folder: Path

    @property
    def raw(self) -> Path:
        return self.folder / "s/raw"

    @property
    def files(self) -> list[Path]:
        return [self.raw / "a", self.raw / "deep/b", self.folder / "s/analysis/c"]

    def set_members(self, *add: str, remove: tuple[str, ...] = ()) -> Any:
        return self.by(self.people.alice)("project.set_members", project=P, add=add, remove=remove)

    def set_visibility(self, visibility: Visibility) -> None:
        self.by(self.people.alice)("project.set_visibility", project=P, visibility=visibility)

    def seal(self) -> None:
        sealed = self.by(self.people.alice)("session.seal", project=P, session="s")
        assert sealed.state is SessionState.SEALED


@pytest.fixture
def shared(by: Any, people: Accounts, root: Path) -> Iterator[Shared]:
    by(people.alice)("project.create", name="p")
    by(people.alice)("session.create", project=P, name="s")
    made = Shared(by, people, root / P)
    people.alice.shell(
        "mkdir s/raw/deep; for f in s/raw/a s/raw/deep/b s/analysis/c; do echo x > $f; done", cwd=made.folder
    )
    yield made
    trees.clear(root)


def test_added_member_works_in_what_was_there(shared: Shared) -> None:
    """Reads, writes and makes files everywhere, deletes only own ones; others see nothing."""
    alice, bob, carol = shared.people
    assert not any(bob.reads(file) for file in shared.files)
    shared.set_members(bob.login)
    for file in shared.files:
        assert bob.reads(file)
        assert bob.appends(file)
        assert bob.makes(file.with_name("of-bob"))
        assert alice.appends(file.with_name("of-bob"))
        assert not bob.removes(file)
        assert not bob.can("mv", file, file.with_name("z"))
        assert bob.removes(file.with_name("of-bob"))
        assert not carol.reads(file)


def test_reader_reads(shared: Shared) -> None:
    bob = shared.people.bob
    shared.set_members(f"{bob.login}:reader")
    for file in shared.files:
        assert bob.reads(file)
        assert not bob.appends(file)
        assert not bob.makes(file.with_name("of-bob"))
    shared.set_members(bob.login)
    assert bob.makes(shared.raw / "of-bob")
    shared.set_members(f"{bob.login}:reader")
    assert not bob.makes(shared.raw / "another")


def test_removed_member_is_out_at_once(shared: Shared) -> None:
    """Also of what belongs to them; at the gate, before anything behind it has changed."""
    bob = shared.people.bob
    shared.set_members(bob.login)
    assert bob.makes(shared.raw / "of-bob")
    steps = shared.by(shared.people.alice).begun("project.set_members", project=P, remove=(bob.login,))
    assert next(steps).phase == "gate"
    trees.driven(steps)
    assert not bob.reads(shared.raw / "of-bob")
    assert people_in(shared.raw / "of-bob") == {shared.people.alice.uid}


def people_in(path: Path) -> set[int]:
    return set(acl.decode(os.getxattr(path, acl.ACCESS)).users)


def test_visibility_opens_and_closes(shared: Shared) -> None:
    carol = shared.people.carol
    for visibility, expected in ((Visibility.OPEN, True), (Visibility.PRIVATE, False)):
        shared.set_visibility(visibility)
        for file in shared.files:
            assert carol.reads(file) is expected
            assert not carol.appends(file)
            assert not carol.makes(file.with_name("x"))
    assert oct(shared.folder.stat().st_mode)[-4:] == "3770"


def test_new_owner_has_what_the_old_had(shared: Shared) -> None:
    """The role of an owner is in the attribute, which nobody but the system writes."""
    alice, bob, _ = shared.people
    shared.by(alice)("project.transfer", project=P, to=bob.login, stay="reader")
    assert shared.by(bob)("project.show", project=P).role == "owner"
    assert not alice.appends(shared.folder / "s/analysis/of-nobody")
    assert not bob.can("setfattr", "-n", "user.modama.owners", "-v", str(alice.uid), shared.folder)
    with pytest.raises(NotAllowed):
        shared.set_members(shared.people.carol.login)


class TestAfterASeal:
    """The gate decides who comes in, since a sealed list cannot be changed any more."""

    def test_who_is_added_reads(self, shared: Shared) -> None:
        _, bob, carol = shared.people
        shared.seal()
        assert not bob.reads(shared.raw / "a")
        shared.set_members(bob.login)
        for file in (shared.raw / "a", shared.raw / "deep/b"):
            assert bob.reads(file)
            assert not bob.appends(file)
            assert not bob.makes(file.with_name("x"))
            assert not carol.reads(file)
        assert bob.appends(shared.folder / "s/analysis/c")

    def test_who_is_removed_reads_no_more(self, shared: Shared) -> None:
        """Although the sealed list still names them, and the sealed files are theirs."""
        _, bob, _ = shared.people
        shared.set_members(bob.login)
        assert bob.makes(shared.raw / "of-bob")
        shared.seal()
        shared.set_members(remove=(bob.login,))
        assert bob.uid in people_in(shared.raw / "a")
        assert not bob.reads(shared.raw / "a")
        assert not bob.reads(shared.raw / "of-bob")

    def test_visibility_changes(self, shared: Shared) -> None:
        carol = shared.people.carol
        shared.seal()
        before = (shared.raw / "a").stat()
        for visibility, expected in ((Visibility.OPEN, True), (Visibility.PRIVATE, False)):
            shared.set_visibility(visibility)
            assert carol.reads(shared.raw / "deep/b") is expected
        assert (shared.raw / "a").stat().st_ctime_ns == before.st_ctime_ns

    def test_manifest_is_read_by_members_only(self, shared: Shared) -> None:
        _, bob, carol = shared.people
        shared.seal()
        shared.set_members(bob.login)
        assert bob.can("sha256sum", "--quiet", "-c", "manifest-sha256.txt", cwd=shared.folder / "s")
        assert not carol.reads(shared.folder / "s/manifest-sha256.txt")


class TestLimits:
    """How many names a file system keeps at one folder, met before anything is changed."""

    @pytest.mark.parametrize(("kind", "megabytes"), [("ext4", 24), ("tmpfs", 16)])
    def test_what_fits_is_tried(self, tmp_path: Path, people: Accounts, kind: str, megabytes: int) -> None:
        """Without a trace at the project. On ext4 all lists of a folder share one block."""
        with trees.mounted(tmp_path, kind, megabytes) as place, opened_store(place) as store:
            Does(store, people.alice.actor)("project.create", name="p")
            before = _facts(place / P)
            assert store.gates.fits(TreePath(P), _with(store, 40))
            assert store.gates.fits(TreePath(P), _with(store, 300)) is (kind != "ext4")
            assert _facts(place / P) == before

    def test_too_many_are_refused_in_words(self, tmp_path: Path, people: Accounts) -> None:
        """Nothing is changed, neither at the gate nor behind it; up to the last one that fits all is well."""
        with trees.mounted(tmp_path, "ext4", 24) as place, opened_store(place) as store:
            does = Does(store, people.alice.actor)
            does("project.create", name="p")
            most = next(n for n in range(40, 300) if not store.gates.fits(TreePath(P), _with(store, n))) - 1
            gate = store.gates.read(TreePath(P))
            store.gates.write(TreePath(P), gate, _with(store, most - 1))
            does("project.set_members", project=P, add=(people.bob.login,))
            before = _facts(place / P)
            with pytest.raises(Invalid, match=rf"cannot keep {most + 2} people by name .* nothing was changed"):
                does("project.set_members", project=P, add=(people.carol.login,))
            assert _facts(place / P) == before
            does("project.set_members", project=P, add=(people.carol.login,), remove=(people.bob.login,))


def _with(store: DiskStore, count: int) -> Gate:
    """The gate of the project with so many members more."""
    gate = store.gates.read(TreePath(P))
    return replace(gate, people={**gate.people, **{40_000 + n: Role.MEMBER for n in range(count)}})


def _facts(folder: Path) -> tuple[Any, ...]:
    return (
        folder.stat().st_ctime_ns,
        os.getxattr(folder, acl.ACCESS),
        os.getxattr(folder, acl.DEFAULT),
        os.getxattr(folder, "user.modama.owners"),
        sorted(os.listdir(folder / ".modama")),
        (folder / ".modama/project.json").read_bytes(),
    )


class TestGroups:
    """Where a user office fills a group, that group is who is let in."""

    def test_members_come_from_elsewhere(self, root: Path, people: Accounts) -> None:
        """They are shown, cannot be changed here, and the sentence says where they come from."""
        with (
            account("dora") as dora,
            group("prop42", dora) as gid,
            opened_store(root, Area("visitors", members="group")) as store,
        ):
            folder = root / "visitors/p"
            folder.mkdir(parents=True)
            os.chown(folder, 0, gid)
            folder.chmod(0o3770)
            (folder / "s/raw").mkdir(parents=True)
            does = Does(store, dora.actor)
            shown = does("project.show", project="visitors/p")
            assert shown.role == "member"
            assert "prop42" in shown.members_from
            root_does = Does(store, Actor(store.me()))
            with pytest.raises(NotAllowed, match=r"those of the group prop42-.* filled elsewhere.* user office"):
                root_does("project.set_members", project="visitors/p", add=(people.bob.login,))
            with pytest.raises(NotAllowed, match="filled elsewhere"):
                root_does("project.transfer", project="visitors/p", to=people.bob.login)
            report = root_does("project.repair", project="visitors/p")
            assert report.mended > 0
            member = Account(dora.name, dora.login, dora.uid, dora.gid, (gid,))
            assert member.makes(folder / "s/raw/of-dora")
            assert not people.bob.reads(folder / "s")
            root_does("project.set_visibility", project="visitors/p", visibility=Visibility.OPEN)
            assert people.bob.reads(folder / "s/raw/of-dora")
            assert not people.bob.appends(folder / "s/raw/of-dora")
            root_does("session.create", project="visitors/p", name="t")
            assert (folder / "t/raw").stat().st_gid == gid
            assert member.makes(folder / "t/raw/of-dora")


def test_records_of_members_are_the_systems(shared: Shared) -> None:
    """Bob cannot make himself an owner, neither in the record nor by the attribute nor by setfacl."""
    alice, bob, carol = shared.people
    shared.set_members(bob.login)
    for attempt in (
        f"echo '{{\"owners\": [{bob.uid}]}}' > .modama/project.json",
        "mv .modama old",
        f"setfattr -n user.modama.owners -v {bob.uid} .",
        f"setfacl -m u:{carol.login}:rwx .",
        "chmod 777 .",
    ):
        assert not bob.can("sh", "-ec", attempt, cwd=shared.folder), attempt
    assert shared.by(bob)("project.show", project=P).role == "member"
    assert [owner.uid for owner in shared.by(alice)("project.show", project=P).owners] == [alice.uid]


def test_unsealed_raw_is_open_to_who_is_a_member_now(shared: Shared) -> None:
    """Whoever was added after the seal writes, whoever was removed does not; with or without the flag on the way."""
    alice, bob, carol = shared.people
    shared.set_members(bob.login)
    shared.seal()
    shared.set_members(carol.login, remove=(bob.login,))
    shared.by(alice)("session.undo_seal", project=P, session="s")
    for file in (shared.raw / "a", shared.raw / "deep/b"):
        assert people_in(file) == people_in(file.parent) == {alice.uid, carol.uid}
        assert carol.appends(file)
        assert not carol.removes(file)
        assert carol.makes(file.with_name("of-carol"))
        assert not bob.reads(file)
    assert shared.by(alice)("project.check", project=P).found == ()


def test_group_of_a_folder_made_by_hand_stays_in(root: Path, people: Accounts) -> None:
    """Where its owner adds a member, those who were let in by its group still are; until then nothing is mended."""
    alice, bob, carol = people
    with group("team", carol) as gid, opened_store(root) as store:
        folder = root / P
        (folder / "s/raw").mkdir(parents=True)
        for path in (folder, folder / "s", folder / "s/raw"):
            os.chown(path, alice.uid, gid)
            path.chmod(0o2775)
        in_team = replace(carol, groups=(gid,))
        does = Does(store, Actor(store.me()))
        assert "nothing to compare" in does("project.repair", project=P).sentence
        assert "nothing to compare" in does("project.check", project=P).sentence
        told = f"Everybody in the group {grp.getgrgid(gid).gr_name} can read and change files here, too."
        assert does("project.show", project=P).groups == (told,)
        assert does("project.set_members", project=P, add=(bob.login,)).groups == (told,)
        for who in (bob, in_team):
            assert who.makes(folder / "s/raw" / who.name)
        assert carol.reads(folder / "s/raw/bob"), "it was open to read"


def test_people_are_found_by_login_and_by_name(by: Any, people: Accounts) -> None:
    """By the beginning of the login or of a word of the name; whoever is new is found after a while."""
    alice, bob, _ = people
    found = by(alice)("person.find", text=bob.login[:6], limit=20).items
    assert bob.person in found
    word = bob.person.display.split()[1]
    assert bob.person in by(alice)("person.find", text=word, limit=20).items
    assert by(alice)("person.find", text="root").items == ()
    assert by(alice)("person.find", text="nobody").items == ()
    assert by(alice)("person.find", text=bob.login[1:]).items == ()


def test_member_whose_account_is_gone_is_a_number(shared: Shared) -> None:
    """And can be removed by it."""
    with account("dora") as dora:
        shared.set_members(dora.login)
    shown = shared.by(shared.people.alice)("project.show", project=P)
    assert [(m.person.login, m.person.kind) for m in shown.members] == [(str(dora.uid), "unknown")]
    assert shared.set_members(remove=(str(dora.uid),)).members == ()


def test_people_from_elsewhere_are_told_as_such(root: Path, people: Accounts) -> None:
    """Who is in the site's group of externals, as member, owner and when looked for; it grants and forbids nothing."""
    alice, bob, carol = people
    root.chmod(0o755)
    with (
        group("guests", carol) as gid,
        opened_store(root, externals=grp.getgrgid(gid).gr_name) as store,
    ):
        does = Does(store, Actor(alice.person))
        does("project.create", name="p")
        shown = does("project.set_members", project=P, add=(bob.login, carol.login))
        assert {m.person.login: m.person.kind for m in shown.members} == {
            bob.login: "internal",
            carol.login: "external",
        }
        assert [one.kind for one in does("person.find", text=carol.login).items] == ["external"]
        assert [one.kind for one in does("person.find", text=bob.login).items] == ["internal"]
        assert store.person(4_000_000).kind == "unknown"
        assert carol.makes(root / P / "hers")
        shown = does("project.transfer", project=P, to=carol.login)
        assert [(one.login, one.kind) for one in shown.owners] == [(carol.login, "external")]


@pytest.mark.parametrize("name", ["", "no-such-group", "\0"])
def test_without_a_group_of_externals_nobody_is_one(root: Path, people: Accounts, name: str) -> None:
    with opened_store(root, externals=name) as store:
        assert store.person(people.carol.uid).kind == "internal"
