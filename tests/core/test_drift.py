"""What programs do to the rights of files, on file systems of several kinds: found, said in a sentence, and mended."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.model import Actor, Area, Visibility
from jupyter_modama.core.spreading import SENTENCES, DriftReport, drift_sentence
from jupyter_modama.store.drift import Drift
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.doing import Does, opened_store

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts and to mount"),
]
KINDS = {"here": 0, "ext4": 24, "xfs": 320, "btrfs": 128, "tmpfs": 16}
NAMES = count()


@pytest.fixture(scope="module", params=list(KINDS))
def disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, or the one that tests have their folders on."""
    kind = request.param
    if kind not in {"here", "tmpfs"} and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed (Debian packages e2fsprogs, xfsprogs, btrfs-progs)")
    with trees.reachable_folder() as folder, ExitStack() as kept:
        yield folder if kind == "here" else kept.enter_context(trees.mounted(folder, kind, KINDS[kind]))


@dataclass
class Shared:
    """A project of alice's and bob's with a session; and a folder of alice's elsewhere on the same file system."""

    alice: Account
    bob: Account
    carol: Account
    folder: Path
    elsewhere: Path
    does: Callable[[Account | None], Does]

    @property
    def raw(self) -> Path:
        return self.folder / "s/raw"

    @property
    def path(self) -> str:
        return f"adhoc/{self.folder.name}"

    def look(self) -> DriftReport:
        found: DriftReport = self.does(self.bob)("project.check", project=self.path)
        return found

    def mend(self) -> DriftReport:
        found: DriftReport = self.does(self.bob)("project.repair", project=self.path)
        return found

    def works(self, script: str, who: Account | None = None) -> None:
        """Have alice do something in raw; $E is the folder elsewhere."""
        (who or self.alice).shell(f"E={self.elsewhere}; {script}", cwd=self.raw)


@pytest.fixture
def make(disk: Path, people: Accounts) -> Iterator[Callable[..., Shared]]:
    with open_all() as opened:
        yield lambda **rules: opened(disk, people, rules)
    trees.clear(disk)


class open_all:
    """Stores that a test opens, closed at its end."""

    def __enter__(self) -> Callable[..., Shared]:
        self.opened: list[Any] = []
        return self.make

    def __exit__(self, *_: object) -> None:
        for store in self.opened:
            store.__exit__(None, None, None)

    def make(self, disk: Path, people: Accounts, rules: dict[str, Any]) -> Shared:
        (disk / "tree").mkdir(exist_ok=True)
        kept = opened_store(disk / "tree", Area("adhoc", **rules))
        store = kept.__enter__()
        self.opened.append(kept)
        name = f"p{next(NAMES)}"
        does = lambda who=None: Does(store, who.actor if who else Actor(store.me()))  # noqa: E731
        does(people.alice)("project.create", name=name)
        does(people.alice)("project.set_members", project=f"adhoc/{name}", add=(people.bob.login,))
        does(people.alice)("session.create", project=f"adhoc/{name}", name="s")
        elsewhere = disk / f"elsewhere-{name}"
        elsewhere.mkdir()
        os.chown(elsewhere, people.alice.uid, people.alice.gid)
        people.alice.shell(
            "umask 022; mkdir d; echo x > f; echo x > d/f; echo x > private; chmod 600 private", cwd=elsewhere
        )
        return Shared(*people, disk / "tree/adhoc" / name, elsewhere, does)


@pytest.fixture
def shared(make: Callable[..., Shared]) -> Shared:
    return make()


# what programs do ----------------------------------------------------------------------------------------------------

ATOMIC = """python3 -c '
import os, tempfile
fd, name = tempfile.mkstemp(dir=".")
os.write(fd, b"x"); os.close(fd); os.rename(name, "f")'"""
# What alice runs in raw, that the file `f` (or `d/f`) lies there afterwards; the kinds of drift that this is.
PROGRAMS = {
    "cp -a": ("cp -a $E/f .", {"opened"}),
    "cp -a of a private file": ("cp -a $E/private f", {"no-list"}),
    "cp -a of a folder": ("cp -a $E/d .", {"opened"}),
    "cp": ("cp $E/f .", {"masked"}),
    "cp -r": ("cp -r $E/d .", {"masked"}),
    "rsync -a": ("rsync -a $E/f .", {"opened"}),
    "rsync -a of a folder": ("rsync -a $E/d .", {"opened"}),
    "tar": ("tar -C $E -c d | tar x", {"masked"}),
    "mkstemp and rename": (ATOMIC, {"masked"}),
    "chmod 600": ("echo x > f; chmod 600 f", {"masked"}),
    "chmod 666": ("echo x > f; chmod 666 f", {"opened"}),
    "chmod 700 of a folder": ("mkdir d; echo x > d/f; chmod 700 d", {"masked"}),
    "mv from elsewhere": ("mv $E/f .", {"opened"}),
    "mv of a private file": ("mv $E/private f", {"no-list"}),
    "mv of a folder": ("mv $E/d .", {"opened"}),
    "setfacl for somebody else": ("echo x > f; setfacl -m u:4242:rwx f", {"other-names"}),
    "setfacl that takes away": ("echo x > f; setfacl -x u:{bob} f", {"other-names"}),
    "setfacl -b": ("echo x > f; setfacl -b f", {"no-list"}),
    "setfacl -k of a folder": ("mkdir d; setfacl -k d; echo x > d/f", {"not-sticky", "opened"}),
    "chmod -t": ("mkdir d; echo x > d/f; chmod -t d", {"not-sticky"}),
    "mkdir": ("mkdir d; echo x > d/f", {"not-sticky"}),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_did_is_found_and_mended(shared: Shared, program: str) -> None:
    """With a sentence; afterwards members work with the file, others do not, and a second repair changes nothing."""
    script, expected = PROGRAMS[program]
    shared.works(script.replace("{bob}", shared.bob.login))
    found = {row.code: row for row in shared.look().found}
    assert set(found) - {"not-sticky"} == expected - {"not-sticky"}
    assert expected <= set(found)
    for code, row in found.items():
        assert row.sentence == drift_sentence(code, row.count)
        assert all(each.startswith(f"{shared.path}/s/raw/") for each in row.examples)
    assert shared.mend().mended == sum(row.count for row in found.values())
    file = shared.raw / ("d/f" if (shared.raw / "d").exists() else "f")
    assert shared.bob.appends(file)
    assert shared.bob.reads(file)
    assert not shared.bob.removes(file)
    assert not shared.carol.reads(file)
    if file.parent != shared.raw:
        assert shared.bob.makes(file.with_name("of-bob"))
        assert shared.alice.appends(file.with_name("of-bob"))
    assert shared.look().found == ()
    before = {path: os.lstat(path).st_ctime_ns for path in shared.folder.rglob("*") if ".modama" not in path.parts}
    assert shared.mend().mended == 0
    assert {path: os.lstat(path).st_ctime_ns for path in before} == before


def test_umask_does_nothing(shared: Shared) -> None:
    """What a folder passes on counts instead."""
    shared.alice.shell("echo x > f", cwd=shared.raw, umask=0o077)
    assert shared.bob.appends(shared.raw / "f")
    assert shared.look().found == ()


def test_sticky_is_missing_until_it_is_mended(shared: Shared) -> None:
    """In a folder that alice made bob can delete her file, and after the repair no more."""
    shared.works("mkdir d; echo x > d/a; echo x > d/b")
    assert shared.bob.removes(shared.raw / "d/a")
    assert [row.code for row in shared.mend().found] == ["not-sticky"]
    assert not shared.bob.removes(shared.raw / "d/b")
    assert shared.bob.makes(shared.raw / "d/c")
    assert shared.alice.removes(shared.raw / "d/c"), "who made a folder may delete in it"


def test_programs_stay_programs(shared: Shared) -> None:
    """What its owner may execute can be executed by members."""
    shared.works("cp -a /usr/bin/true f; mv $E/f g; chmod 755 g")
    shared.mend()
    assert shared.bob.can("sh", "-c", "exec ./f", cwd=shared.raw)
    assert shared.bob.appends(shared.raw / "g")


def test_folder_that_passes_nothing_on(shared: Shared) -> None:
    """Found although it is fine itself."""
    shared.works("mkdir d")
    shared.mend()
    shared.works("setfacl -k d")
    assert [row.code for row in shared.mend().found] == ["not-passed-on"]
    shared.works("echo x > d/f")
    assert shared.bob.appends(shared.raw / "d/f")


def test_open_project_is_read_by_all(shared: Shared) -> None:
    """And written by members; what is open more than that is found."""
    shared.does(shared.alice)("project.set_visibility", project=shared.path, visibility=Visibility.OPEN)
    shared.works("echo x > f; cp $E/private g; mv $E/f h; chmod 666 h")
    assert {row.code for row in shared.mend().found} == {"masked", "opened"}
    for name in "fgh":
        assert shared.carol.reads(shared.raw / name)
        assert not shared.carol.appends(shared.raw / name)
        assert shared.bob.appends(shared.raw / name)


# what is left alone --------------------------------------------------------------------------------------------------


def test_second_names_are_reported_and_left_alone(shared: Shared) -> None:
    """The other one can lie outside: whoever mended it would change the rights of somebody's file elsewhere."""
    shared.works("ln $E/private f")
    os.chmod(shared.elsewhere / "private", 0o600)
    rows = {row.code: row for row in shared.mend().found}
    assert (rows["hard-link"].mendable, rows["hard-link"].examples) == (False, (f"{shared.path}/s/raw/f",))
    assert oct((shared.elsewhere / "private").stat().st_mode)[-3:] == "600"
    assert not shared.bob.reads(shared.raw / "f")
    shared.does(shared.alice)("project.set_members", project=shared.path, add=(shared.carol.login,))
    assert oct((shared.elsewhere / "private").stat().st_mode)[-3:] == "600", "neither when members change"


def test_pipes_and_links_are_left_alone(shared: Shared) -> None:
    """What a link points to is somebody else's matter."""
    shared.works("mkfifo pipe; ln -s $E/private link; ln -s $E/d folder")
    report = shared.mend()
    assert [(row.code, row.count, row.mendable) for row in report.found] == [("special", 1, False)]
    assert oct((shared.elsewhere / "d").stat().st_mode)[-3:] == "755"
    assert "see what was noticed" in shared.look().sentence


@pytest.mark.parametrize("read_only", [False, True])
def test_sealed_raw_is_not_touched(shared: Shared, read_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one with the flag, nor one that is read-only for want of it; members added later read it all the same."""
    shared.works("echo x > f; mkdir d; echo x > d/f")
    if read_only:
        monkeypatch.setattr("jupyter_modama.store.flags.can_set", lambda fd: False)
    shared.does(shared.alice)("session.seal", project=shared.path, session="s")
    before = {path: os.lstat(path).st_ctime_ns for path in (shared.raw, *shared.raw.rglob("*"))}
    shared.does(shared.alice)("project.set_members", project=shared.path, add=(shared.carol.login,))
    shared.mend()
    assert {path: os.lstat(path).st_ctime_ns for path in before} == before
    assert shared.carol.reads(shared.raw / "d/f")
    assert not shared.carol.appends(shared.raw / "d/f")
    assert shared.look().found == ()


def test_immutable_file_in_an_open_session_is_not_touched(shared: Shared) -> None:
    shared.works("echo x > f; chmod 600 f; echo x > g; chmod 600 g")
    trees_flag(shared.raw / "f", True)
    try:
        report = shared.mend()
        assert (report.mended, report.sealed) == (1, 1)
        assert shared.bob.appends(shared.raw / "g")
        assert not shared.bob.reads(shared.raw / "f")
    finally:
        trees_flag(shared.raw / "f", False)


def trees_flag(path: Path, on: bool) -> None:
    from jupyter_modama.store import flags

    fd = os.open(path, os.O_RDONLY)
    try:
        flags.set_immutable(fd, on)
    finally:
        os.close(fd)


# rules of an area ----------------------------------------------------------------------------------------------------


def test_strict_deleting(make: Callable[..., Shared]) -> None:
    """Folders become the system's: who made one deletes nothing of others in it, and works in it as before."""
    shared = make(delete="strict")
    shown = shared.does(shared.bob)("project.show", project=shared.path)
    assert shown.rules[1] == "You may delete your own files only, also in folders that you made."
    shared.works("mkdir d; echo x > d/a")
    assert shared.bob.makes(shared.raw / "d/of-bob")
    shared.mend()
    assert (shared.raw / "d").stat().st_uid == 0
    assert not shared.alice.removes(shared.raw / "d/of-bob")
    assert not shared.bob.removes(shared.raw / "d/a")
    assert shared.alice.makes(shared.raw / "d/b")
    assert shared.alice.removes(shared.raw / "d/b")
    assert shared.look().found == ()
    os.chown(shared.raw / "d", shared.alice.uid, -1)
    assert [row.code for row in shared.look().found] == ["own-folder"]


def test_own_files(make: Callable[..., Shared]) -> None:
    """Each writes in own files only, and all make files everywhere; in folders of people's once these are mended."""
    shared = make(write="own-files")
    shown = shared.does(shared.bob)("project.show", project=shared.path)
    assert shown.rules[0] == "Each member may change own files only, and read those of the others."
    shared.works("echo x > f; chmod 666 f; mkdir d; echo x > d/a")
    assert not shared.bob.makes(shared.raw / "d/early")
    shared.mend()
    for path in (shared.raw / "f", shared.raw / "d/a"):
        assert shared.bob.reads(path)
        assert not shared.bob.appends(path)
        assert shared.alice.appends(path)
    assert shared.bob.makes(shared.raw / "d/b")
    assert not shared.alice.appends(shared.raw / "d/b")
    assert shared.look().found == ()


def test_every_kind_of_drift_has_a_sentence() -> None:
    assert set(SENTENCES) == {str(drift) for drift in Drift}


@pytest.mark.parametrize("code", SENTENCES)
def test_one_is_not_told_as_many(code: str) -> None:
    """Every sentence has a singular; the numbers are those that were found."""
    one, many = drift_sentence(code, 1), drift_sentence(code, 1200)
    assert many == f"1,200 {SENTENCES[code]}"
    assert one.startswith("1 ")
    assert not re.search(r"\b(are|have|do|let|belong|them)\b", one), one
