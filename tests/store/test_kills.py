"""Creating, describing, renaming and removing, killed before every single change on the disk, one after the other."""

from __future__ import annotations

import json
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.store import changes
from jupyter_modama.store.disk import DiskStore

CHANGES = (
    "mkdir",
    "rmdir",
    "fchmod",
    "write",
    "pwrite",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "unlink",
    "setxattr",
)
MOST = 80


def does(root: Path, operation: str, **wanted: Any) -> Any:
    store = DiskStore(Site(root=str(root)), state=root.parent / "state", cache=root.parent / "cache")
    row = OPERATIONS[operation]
    try:
        return perform(row, row.wanted(**wanted), actor=Actor(store.me(), Via.CLI), store=store)
    finally:
        store.close()


def killed_at(step: int, root: Path, operation: str, **wanted: Any) -> bool:
    """Perform in a child that kills itself before its n-th change on the disk; answers whether it came to that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have threads; the child uses none of them
        child = os.fork()
    if child == 0:
        try:
            count_down(step)
            does(root, operation, **wanted)
            os._exit(0)
        except BaseException:
            os._exit(70)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}
    return code != 0


def count_down(left: int) -> None:
    """From now on this process dies right before its n-th change on the disk."""

    def before(change: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*args, **kwargs)

        return dying

    for name in CHANGES:
        setattr(os, name, before(getattr(os, name)))
    plain = os.open
    creating = before(plain)
    os.open = lambda path, flags, *a, **k: (creating if flags & os.O_CREAT else plain)(path, flags, *a, **k)  # type: ignore[assignment]
    changes.rename = before(changes.rename)


def each_step(tmp_path: Path, prepare: Callable[[Path], None], operation: str, **wanted: Any) -> Any:
    """A new tree for each step at which the operation is killed; yields it afterwards."""
    for step in range(1, MOST):
        root = tmp_path / str(step) / "storage"
        root.mkdir(parents=True)
        prepare(root)
        if not killed_at(step, root, operation, **wanted):
            assert step > 5, "nothing was killed"
            return
        yield root
    raise AssertionError(f"more than {MOST} steps")


def nothing(root: Path) -> None: ...


def a_project(root: Path) -> None:
    does(root, "project.create", name="p", title="T")


def a_session(root: Path) -> None:
    a_project(root)
    does(root, "session.create", project="adhoc/p", name="s", title="S")


def names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith(".modama"))


@pytest.mark.timeout(60)
def test_project_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """And can be created afterwards, whenever the first try died."""
    states = set()
    for root in each_step(tmp_path, nothing, "project.create", name="p", title="T"):
        shown = does(root, "project.list").items
        states.add(len(shown))
        if shown:
            assert (shown[0].title, bool(shown[0].uuid), shown[0].adopted) == ("T", True, True)
        else:
            assert does(root, "project.create", name="p", title="T").title == "T"
    assert states == {0, 1}


@pytest.mark.timeout(60)
def test_session_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """With notes, record, raw and the folder for results."""
    states = set()
    for root in each_step(tmp_path, a_project, "session.create", project="adhoc/p", name="s", title="S"):
        states.add(tuple(names(root / "adhoc/p")))
        if names(root / "adhoc/p"):
            assert names(root / "adhoc/p/s") == ["analysis", "notes.md", "raw"]
            shown = does(root, "session.show", project="adhoc/p", session="s")
            assert (shown.title, bool(shown.uuid)) == ("S", True)
        else:
            assert does(root, "session.list", project="adhoc/p").total == 0
            does(root, "session.create", project="adhoc/p", name="s", title="S")
    assert states == {(), ("s",)}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("operation", ["project.update", "session.update"])
def test_record_is_the_old_or_the_new_one(tmp_path: Path, operation: str) -> None:
    titles = set()
    wanted = {"project": "adhoc/p", "title": "new", **({"session": "s"} if operation == "session.update" else {})}
    for root in each_step(tmp_path, a_session, operation, **wanted):
        noun = operation.split(".")[0]
        file = root / "adhoc/p" / ("s" if noun == "session" else "") / ".modama" / f"{noun}.json"
        titles.add(json.loads(file.read_text())["title"])
        assert does(root, operation, **wanted).title == "new"
    assert len(titles) == 2


@pytest.mark.timeout(60)
@pytest.mark.parametrize("operation", ["project.rename", "session.rename"])
def test_name_is_the_old_or_the_new_one(tmp_path: Path, operation: str) -> None:
    """And the record went along."""
    wanted = {"project": "adhoc/p", "name": "new", **({"session": "s"} if operation == "session.rename" else {})}
    seen = set()
    for root in each_step(tmp_path, a_session, operation, **wanted):
        folder = root / "adhoc" / ("p" if operation == "session.rename" else "")
        (name,) = names(folder)
        seen.add(name)
        assert (folder / name / ".modama").is_dir()
    assert len(seen) == 2


@pytest.mark.timeout(60)
def test_session_being_removed_is_one_or_gone(tmp_path: Path) -> None:
    """Killed at any step: a session that can be removed, or only a hidden leftover that is cleared away later."""
    states = set()
    for root in each_step(tmp_path, a_session, "session.remove", project="adhoc/p", session="s"):
        left = names(root / "adhoc/p")
        states.add(tuple(left))
        if left:
            assert does(root, "session.show", project="adhoc/p", session="s").state == "writable"
            does(root, "session.remove", project="adhoc/p", session="s")
        for hidden in (root / "adhoc/p").glob(".modama-*"):
            os.utime(hidden, (0, 0))
        does(root, "session.create", project="adhoc/p", name="s")
        assert sorted(os.listdir(root / "adhoc/p")) == [".modama", "s"]
    assert states == {(), ("s",)}


@pytest.mark.timeout(60)
def test_audit_of_what_was_killed_is_closed(tmp_path: Path) -> None:
    """Whatever was begun and not ended is interrupted at the next start."""
    for root in each_step(tmp_path, nothing, "project.create", name="p"):
        store = DiskStore(Site(root=str(root)), state=root.parent / "state", cache=root.parent / "cache")
        begun = [entry["line"] for entry in store.audit.lines() if "op" in entry]
        store.audit.close_interrupted()
        ended = [entry["line"] for entry in store.audit.lines() if "outcome" in entry]
        assert begun == ended
        if not begun:
            assert names(root) == [], "nothing is done before it is in the audit"
        store.close()


def test_leftover_never_hides_a_name(tmp_path: Path) -> None:
    """Right after a crash, not only an hour later."""
    root = tmp_path / "storage"
    root.mkdir()
    a_project(root)
    for step in range(4, 40, 6):
        killed_at(step, root, "session.create", project="adhoc/p", name=f"s{step}")
        if not (root / f"adhoc/p/s{step}").exists():
            does(root, "session.create", project="adhoc/p", name=f"s{step}")
    assert does(root, "session.list", project="adhoc/p").total == 6
