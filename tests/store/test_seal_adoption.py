"""Seals by root in trees that people made: what is taken into the system's care, what is refused, what they keep."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import SessionState as S
from jupyter_modama.core.model import Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.somebody import as_person
from jupyter_modama.testing.trees import PROJECT, SESSION

ALICE, BOB, CAROL = 61001, 61002, 61003
NAMED = {"project": PROJECT, "session": SESSION}
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag and for other users"),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can reach."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    trees.clear(folder)
    shutil.rmtree(folder)


@pytest.fixture
def session(place: Path) -> Path:
    """Alice's session in a project of the system's, sticky as it should be."""
    folder = trees.make_session(place)
    for path, _ in trees.entries(folder):
        os.chown(path, ALICE, ALICE)
    folder.parent.chmod(0o1777)
    return folder


def does(place: Path, operation: str, **wanted: Any) -> Any:
    state = place / f".state-{os.geteuid()}"
    store = DiskStore(Site(root=str(place)), state=state, cache=state)
    row = OPERATIONS[operation]
    try:
        answer = perform(row, row.wanted(**{**NAMED, **wanted}), actor=local_actor(Via.CLI), store=store)
        return trees.driven(answer) if row.kind.value == "long" else answer
    finally:
        store.close()


def tree_state(top: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    for path, fd in trees.entries(top):
        status = os.fstat(fd)
        found[path] = (status.st_mode, status.st_uid, status.st_mtime_ns, int(trees.flags.is_immutable(fd)))
    return {path: what for path, what in found.items() if "/.modama" not in path and path != str(top)}


def can(uid: int, change: Callable[[], object]) -> bool:
    def tries() -> bool:
        try:
            change()
        except PermissionError:
            return False
        return True

    return as_person(uid, tries)


def test_owner_keeps_working_in_a_session_that_was_adopted(place: Path, session: Path) -> None:
    """The session becomes the system's; who made it can add to it, and cannot move the seal away."""
    assert does(place, "session.seal").state is S.SEALED
    assert session.stat().st_uid == 0
    assert can(ALICE, lambda: (session / "report.txt").write_text("fine"))
    assert can(ALICE, (session / "report.txt").unlink)
    assert can(ALICE, lambda: (session / "analysis" / "more.txt").write_text("fine"))
    assert not can(ALICE, lambda: session.rename(session.parent / "gone"))
    assert not can(ALICE, lambda: (session / "raw").rename(session / "gone"))
    assert not can(ALICE, lambda: (session / ".modama").rename(session / "gone"))
    assert not can(BOB, lambda: (session / "report.txt").write_text("nobody let Bob in"))


def test_adoption_keeps_the_acl_and_widens_nothing(place: Path, session: Path) -> None:
    """People named in the ACL can do what they could, and not more, though the mask is wider now."""
    subprocess.run(["setfacl", "-m", f"u:{BOB}:rwx,u:{CAROL}:rwx,m::r-x", session], check=True)
    subprocess.run(["setfacl", "-d", "-m", f"u:{BOB}:rwx", session], check=True)
    does(place, "session.seal")
    text = subprocess.run(["getfacl", "-cnp", session], check=True, capture_output=True, text=True).stdout
    assert f"user:{ALICE}:rwx" in text
    assert f"user:{BOB}:r-x" in text
    assert f"default:user:{BOB}:rwx" in text
    assert can(ALICE, lambda: (session / "report.txt").write_text("fine"))
    assert not can(CAROL, lambda: (session / "other.txt").write_text("the mask did not let Carol write"))


def test_description_of_an_adopted_session_is_kept(place: Path, session: Path) -> None:
    """What the owner wrote down about the session is still believed when the system owns it."""
    as_person(ALICE, lambda: does_as_alice(place, "session.update", title="Holograms of a needle"))
    assert does(place, "session.show").title == "Holograms of a needle"
    answer = does(place, "session.seal")
    assert (answer.state, answer.title) == (S.SEALED, "Holograms of a needle")
    assert does(place, "session.verify").files == 3


def does_as_alice(place: Path, operation: str, **wanted: Any) -> None:
    os.environ["HOME"] = str(place / PROJECT / SESSION / "analysis")
    state = place / PROJECT / SESSION / "analysis" / ".state"
    store = DiskStore(Site(root=str(place)), state=state, cache=state)
    row = OPERATIONS[operation]
    perform(row, row.wanted(**NAMED, **wanted), actor=local_actor(Via.CLI), store=store)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o755])
def test_project_out_of_which_a_seal_could_be_moved_is_refused(place: Path, session: Path, mode: int) -> None:
    """Where others may write and nothing is sticky the folder is named, and nothing at all is changed."""
    session.parent.chmod(mode)
    if mode == 0o775:
        os.chown(session.parent, 0, ALICE)
    if mode == 0o755:  # the group is root's own, so that only the ACL says it
        subprocess.run(["setfacl", "-m", f"u:{BOB}:rwx", session.parent], check=True)
    before = tree_state(session)
    with pytest.raises(errors.NotAdoptable, match="everybody who may write") as refusal:
        does(place, "session.seal")
    assert refusal.value.facts["folder"] == f"{PROJECT}/{SESSION}"
    assert tree_state(session) == before
    assert session.stat().st_uid == ALICE
    assert not does(place, "session.survey").adoptable


def test_area_of_a_user_is_refused(place: Path, session: Path) -> None:
    """A folder further up that belongs to a user is a way as well."""
    os.chown(place / "adhoc", BOB, BOB)
    with pytest.raises(errors.NotAdoptable) as refusal:
        does(place, "session.seal")
    assert refusal.value.facts["folder"] == PROJECT
    assert session.stat().st_uid == ALICE


@pytest.mark.parametrize("squatter", ["link", "file", "foreign folder"])
def test_squatter_in_the_place_of_our_records_is_not_followed(place: Path, session: Path, squatter: str) -> None:
    """Whatever has the name of our folder: the refusal is in words, nothing is lost, and nothing outside is written."""
    box, outside = session / ".modama", place / "outside"
    outside.mkdir()
    if squatter == "link":
        box.symlink_to(outside)
    elif squatter == "file":
        box.write_text("mine")
    else:
        box.mkdir()
        (box / "mine.txt").write_text("mine")
        os.chown(box, BOB, BOB)
    before = tree_state(session)
    with pytest.raises(errors.ModamaError):
        does(place, "session.seal")
    assert list(outside.iterdir()) == []
    assert tree_state(session) == before
    if squatter != "link":
        assert "mine" in {path.read_text() for path in (box, box / "mine.txt") if path.is_file()}


def test_members_write_again_after_an_unseal(place: Path, session: Path) -> None:
    """Who was named in the ACL of a file, and whoever made the session, can write again; programs stay programs."""
    session.chmod(0o770)
    program = session / "raw" / "deep" / "run.sh"
    program.write_text("true")
    os.chown(program, ALICE, ALICE)
    program.chmod(0o750)
    subprocess.run(["setfacl", "-R", "-m", f"u:{BOB}:rwX", "-m", f"d:u:{BOB}:rwX", session], check=True)
    does(place, "session.seal")
    assert not can(BOB, lambda: (session / "raw" / "deep" / "b.dat").write_text("sealed"))
    does(place, "session.unseal", reason="a frame is missing")
    assert program.stat().st_mode & 0o100
    for uid in (ALICE, BOB):
        assert can(uid, lambda: (session / "raw" / "deep" / "b.dat").write_text("again"))
        assert can(uid, lambda uid=uid: (session / "raw" / f"new-{uid}.dat").write_text("new"))
        assert can(uid, lambda uid=uid: (session / "raw" / "deep" / "er" / f"new-{uid}.dat").write_text("new"))
