"""The last look of a seal: what became of raw since it was hashed, or since a lost seal was verified."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Actor, SessionState
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.store import flags
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
PATH = TreePath(f"{PROJECT}/{SESSION}")
S = SessionState


@pytest.fixture
def session(root: Path) -> Iterator[Path]:
    root.chmod(0o755)
    session = trees.make_session(root)
    (session / "raw" / "link").symlink_to("a.dat")
    yield session
    trees.clear(root)


def sealing(store: DiskStore, actor: Actor) -> Any:
    row = OPERATIONS["session.seal"]
    return perform(row, row.wanted(**NAMED), actor=actor, store=store)


def verified(store: DiskStore, actor: Actor) -> Any:
    row = OPERATIONS["session.verify"]
    return trees.driven(perform(row, row.wanted(**NAMED), actor=actor, store=store))


# what somebody with power does ---------------------------------------------------------------------------------------


@contextmanager
def loosened(*paths: Path) -> Iterator[None]:
    """Take away the protection of entries while the block runs, and put it back where they are there still."""
    with ExitStack() as kept:
        for path in paths:
            mode = path.stat().st_mode & 0o7777
            kept.callback(set_flag, path, set_flag(path, False))
            kept.callback(lambda path=path, mode=mode: path.exists() and path.chmod(mode))
            path.chmod(mode | 0o200)
        yield


def set_flag(path: Path, on: bool) -> bool:
    """Set the immutable flag where it was or can be; answers whether it was there."""
    if not path.exists():
        return False
    fd = os.open(path, os.O_RDONLY)
    try:
        was = flags.is_immutable(fd)
        if was != on:
            flags.set_immutable(fd, on)
        return was
    finally:
        os.close(fd)


def protected(path: Path) -> None:
    """Protect a new entry like its folder."""
    path.chmod(0o555)
    fd = os.open(path.parent, os.O_RDONLY)
    set_flag(path, flags.is_immutable(fd) or flags.can_set(fd))
    os.close(fd)


def rewritten(raw: Path) -> None:
    with loosened(raw / "a.dat"):
        (raw / "a.dat").write_bytes(b"FIRST")


def grown(raw: Path) -> None:
    times = (raw / "deep" / "b.dat").stat()
    with loosened(raw / "deep" / "b.dat"):
        with (raw / "deep" / "b.dat").open("ab") as file:
            file.write(b"more")
        os.utime(raw / "deep" / "b.dat", ns=(times.st_atime_ns, times.st_mtime_ns))


def removed(raw: Path) -> None:
    with loosened(raw, raw / "a.dat"):
        (raw / "a.dat").unlink()


def added(raw: Path) -> None:
    with loosened(raw):
        (raw / "late.dat").write_bytes(b"late")
        protected(raw / "late.dat")


def folder_added(raw: Path) -> None:
    with loosened(raw):
        (raw / "late").mkdir()
        protected(raw / "late")


def link_changed(raw: Path) -> None:
    with loosened(raw):
        (raw / "link").unlink()
        (raw / "link").symlink_to("deep/b.dat")


def bared(raw: Path) -> None:
    set_flag(raw / "deep" / "b.dat", False)
    (raw / "deep" / "b.dat").chmod(0o644)


def named_elsewhere(raw: Path) -> None:
    with loosened(raw / "a.dat"):
        os.link(raw / "a.dat", raw.parent / "analysis" / "same.dat")


CHANGES = [
    (rewritten, "a.dat"),
    (grown, "deep/b.dat"),
    (removed, "a.dat"),
    (added, "late.dat"),
    (folder_added, "late"),
    (link_changed, "link"),
    (bared, "deep/b.dat"),
    (named_elsewhere, "a.dat"),
]


@pytest.mark.parametrize(("change", "named"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_change_between_hashing_and_the_seal_is_seen(
    store: DiskStore, session: Path, actor: Actor, change: Callable[[Path], None], named: str
) -> None:
    """No seal is written over what nobody has hashed; the session can be sealed again as it is then."""
    steps = sealing(store, actor)
    while next(steps).phase != "checking":
        pass
    change(session / "raw")
    with pytest.raises(errors.StorageError, match=f"“{named}” .*please seal again"):
        trees.driven(steps)
    assert read_state(store, PATH)[0] is S.INTERRUPTED
    assert not (session / ".modama" / "seal.json").exists()
    set_flag(session / "analysis" / "same.dat", False)
    (session / "analysis" / "same.dat").unlink(missing_ok=True)
    assert trees.driven(sealing(store, actor)).state is S.SEALED
    assert trees.checked(session).returncode == 0
    assert verified(store, actor).files == len(trees.contents(session / "raw"))


@pytest.mark.parametrize(
    ("change", "named"),
    [(rewritten, "a.dat"), (added, "late.dat"), (folder_added, "late"), (link_changed, "link")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_change_before_a_lost_seal_is_renewed_is_seen(
    store: DiskStore, session: Path, actor: Actor, change: Callable[[Path], None], named: str
) -> None:
    """What was changed between the proof and the protection is not protected as if it were what was sealed."""
    trees.driven(sealing(store, actor))
    trees.clear(session)
    for path, _ in trees.entries(session / "raw"):
        Path(path).chmod(0o755)
    assert read_state(store, PATH)[0] is S.SEAL_LOST
    steps = sealing(store, actor)
    while next(steps).phase != "protecting":
        pass
    change(session / "raw")
    with pytest.raises(errors.StorageError, match=f"“{named}” changed"):
        trees.driven(steps)
    assert read_state(store, PATH)[0] is S.INTERRUPTED
    with pytest.raises(errors.ManifestMismatch):
        trees.driven(sealing(store, actor))
