"""Sealing single files and folders outside raw."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import (
    Conflict,
    Invalid,
    ManifestMismatch,
    NotAllowed,
    NotFound,
    OpenWriters,
    ReasonMissing,
)
from jupyter_modama.core.model import Protection, Site, Via
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.doing import Does

P, S = "adhoc/p", "adhoc/p/s"
RESULT, FIGURES = f"{S}/analysis/result.dat", f"{S}/analysis/figures"
By = Callable[[Account], Does]
needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag and for other users"),
]


def fill(root: Path) -> None:
    figures = root / FIGURES
    (figures / "deep").mkdir(parents=True)
    (figures / "empty").mkdir()
    for name in ("one.png", "deep/two.png", "new\nline"):
        (figures / name).write_text(name)
    (figures / "link").symlink_to("one.png")
    (root / RESULT).write_text("result")
    (root / P / "paper.pdf").write_text("paper")
    (root / S / "raw/a.dat").write_text("raw")


@pytest.fixture
def tree(root: Path, do: Does) -> Iterator[Path]:
    """A session with results, figures beside its raw files, and a paper in the project."""
    root.chmod(0o755)
    do("project.create", name="p")
    do("session.create", project=P, name="s")
    fill(root)
    yield root
    trees.clear(root)


@pytest.mark.parametrize("path", [RESULT, FIGURES, f"{P}/paper.pdf"])
def test_sealed_path_holds_is_verified_and_opens_again(tree: Path, do: Does, path: str) -> None:
    """A file, a folder with all in it, and a file of the project that lies in no session."""
    sealed = do("path.seal", path=path, note="published")
    assert (sealed.path, sealed.state, sealed.note) == (path, "sealed", "published")
    assert sealed.files == (3 if path == FIGURES else 1)
    if sealed.protection is Protection.IMMUTABLE:
        assert trees.changeable(tree / path) == []
        with pytest.raises(PermissionError):
            (tree / path).rename(tree / "elsewhere")
    report = do("path.verify", path=path)
    assert (report.files, report.warnings, report.folder) == (sealed.files, (), path)
    opened = do("path.unseal", path=path, reason="a mistake in it")
    assert opened.state == "open"
    (tree / path).rename(tree / P / "moved")
    with pytest.raises(Conflict, match="not sealed"):
        do("path.verify", path=f"{P}/moved")


def test_explanation_says_who_sealed_it_and_why(tree: Path, do: Does) -> None:
    """Of the folder and of what lies in it; nothing of it where it is open again."""
    do("path.seal", path=FIGURES, note="Figure 3 of the paper")
    for path in (FIGURES, f"{FIGURES}/deep/two.png"):
        [first, *_] = do("entry.explain", path=path).reasons
        assert first.code == "path-sealed"
        assert f"“{FIGURES}” was sealed by " in first.sentence
        assert "Figure 3 of the paper" in first.sentence
        assert "unseal" in first.next_step
    do("path.unseal", path=FIGURES, reason="new colours")
    assert "path-sealed" not in {reason.code for reason in do("entry.explain", path=FIGURES).reasons}


def test_checksums_are_those_of_sha256sum(tree: Path, do: Does) -> None:
    """From the session's folder, with any names."""
    do("path.seal", path=FIGURES)
    [manifest] = (tree / S / ".modama/sealed-paths").glob("*.txt")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", manifest], cwd=tree / S, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("change", ["changed", "new", "missing", "missing folder", "link", "manifest"])
def test_verifying_names_what_changed(tree: Path, do: Does, change: str) -> None:
    """Somebody with root's rights took the protection away, and changed something, or the proof."""
    do("path.seal", path=FIGURES)
    trees.clear(tree)
    figures = tree / FIGURES
    for path in (figures, figures / "deep", figures / "one.png"):
        path.chmod(0o700)
    if change == "changed":
        (figures / "one.png").write_text("other")
    elif change == "new":
        (figures / "deep/three.png").write_text("3")
    elif change == "missing":
        (figures / "deep/two.png").unlink()
    elif change == "missing folder":
        (figures / "empty").rmdir()
    elif change == "link":
        (figures / "link").unlink()
        (figures / "link").symlink_to("deep")
    else:
        [manifest] = (tree / S / ".modama/sealed-paths").glob("*.txt")
        manifest.chmod(0o600)
        manifest.write_text(manifest.read_text().replace("a", "b"))
        manifest.chmod(0o444)
    with pytest.raises(ManifestMismatch):
        do("path.verify", path=FIGURES)
    if change == "changed":
        assert do("path.verify", path=f"{FIGURES}/deep").files == 1, "a part of it that is as it was"


def test_lost_protection_is_said(tree: Path, do: Does) -> None:
    do("path.seal", path=RESULT)
    trees.clear(tree)
    (tree / RESULT).chmod(0o644)
    [warning] = do("path.verify", path=RESULT).warnings
    assert "not protected any more" in warning


def test_seal_keeps_its_record_when_session_and_project_are_renamed(tree: Path, do: Does) -> None:
    do("path.seal", path=RESULT)
    do("session.rename", project=P, session="s", name="t")
    do("project.rename", project=P, name="q")
    assert do("path.verify", path="adhoc/q/t/analysis/result.dat").files == 1
    do("path.unseal", path="adhoc/q/t/analysis/result.dat", reason="r")


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        (f"{S}/raw", Invalid, "seal session"),
        (f"{S}/raw/a.dat", Invalid, "seal session"),
        (S, Invalid, "seal session"),
        (P, Invalid, "no file or folder in a project"),
        ("adhoc", Invalid, "no file or folder in a project"),
        (f"{P}/.modama", Invalid, "records"),
        (f"{S}/.modama/session.json", Invalid, "records"),
        (f"{S}/manifest-sha256.txt", Invalid, "records"),
        (f"{S}/analysis/none", NotFound, "none"),
        (f"{FIGURES}/link", Invalid, "neither a file nor a folder"),
        (f"{FIGURES}/empty", Conflict, "no files"),
    ],
)
def test_what_cannot_be_sealed_by_itself(tree: Path, do: Does, path: str, error: type[Exception], words: str) -> None:
    for operation, more in (("path.seal", {}), ("path.unseal", {"reason": "r"})):
        if error is Conflict and more:
            continue
        with pytest.raises(error, match=words):
            do(operation, path=path, **more)
    assert not (tree / S / ".modama/sealed-paths.json").exists()


def test_seals_of_paths_do_not_overlap_and_need_a_reason_to_go(tree: Path, do: Does) -> None:
    do("path.seal", path=FIGURES)
    for path in (FIGURES, f"{FIGURES}/one.png", f"{S}/analysis"):
        with pytest.raises(Conflict, match="is sealed already"):
            do("path.seal", path=path)
    with pytest.raises(ReasonMissing):
        do("path.unseal", path=FIGURES, reason=" ")
    with pytest.raises(Conflict, match="as part of"):
        do("path.unseal", path=f"{FIGURES}/one.png", reason="r")
    with pytest.raises(Conflict, match="nothing to unseal"):
        do("path.unseal", path=RESULT, reason="r")


def test_second_name_and_open_writers_stand_in_the_way(tree: Path, do: Does) -> None:
    """A writer is overridden only where that is asked for."""
    os.link(tree / RESULT, tree / S / "other")
    with pytest.raises(Conflict, match="second name"):
        do("path.seal", path=RESULT)
    (tree / S / "other").unlink()
    for path, file in ((RESULT, RESULT), (FIGURES, f"{FIGURES}/one.png")):
        with (tree / file).open("a"):
            with pytest.raises(OpenWriters):
                do("path.seal", path=path)
            do("path.seal", path=path, despite_writers=True)


def _seal_until_killed(root: str, state: str, operation: str, steps: int, more: dict[str, Any]) -> None:
    """Do it, and be killed before the call of the system with this number."""
    left = steps

    def counted(call: Any) -> Any:
        def or_killed(*args: Any, **kw: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*args, **kw)

        return or_killed

    from jupyter_modama.runner import local_actor

    store = DiskStore(Site(root=root), state=Path(state))
    import fcntl

    for module, name in ((os, "rename"), (os, "unlink"), (os, "fchmod"), (fcntl, "ioctl")):
        setattr(module, name, counted(getattr(module, name)))
    Does(store, local_actor(Via.CLI))(operation, path=FIGURES, **more)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag")
def test_kill_at_any_step_is_gone_on_from(tree: Path, do: Does, tmp_path: Path) -> None:
    """Sealing again ends sealed and verified, unsealing again ends open."""
    context = multiprocessing.get_context("fork")

    def killed(operation: str, steps: int, **more: str) -> bool:
        words = (str(tree), str(tmp_path / "state"), operation, steps, more)
        child = context.Process(target=_seal_until_killed, args=words)
        child.start()
        child.join(30)
        assert child.exitcode in {0, -signal.SIGKILL}
        return child.exitcode != 0

    seal_steps, unseal_steps = 0, 0
    while killed("path.seal", seal_steps):
        with suppress(Conflict):  # where it was done but for the end of the line in the audit
            do("path.seal", path=FIGURES)
        assert do("path.verify", path=FIGURES).warnings == ()
        assert trees.changeable(tree / FIGURES) == []
        do("path.unseal", path=FIGURES, reason="r")
        (tree / FIGURES / "one.png").write_text("one.png")
        seal_steps += 5
    while killed("path.unseal", unseal_steps, reason="r"):
        if json.loads((tree / S / ".modama/sealed-paths.json").read_text())["paths"]:
            do("path.unseal", path=FIGURES, reason="again")
        (tree / FIGURES / "deep/two.png").write_text("deep/two.png")
        do("path.seal", path=FIGURES)
        unseal_steps += 5
    assert seal_steps > 20
    assert unseal_steps > 20


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for other users")
def test_people_cannot_seal_paths_nor_change_what_administrators_sealed(
    root: Path, store: DiskStore, do: Does, by: By, people: Accounts
) -> None:
    """Its owner neither; members verify it; who comes later reads it, and who may write does so when it is open."""
    root.chmod(0o755)
    alice = by(people.alice)
    alice("project.create", name="p")
    alice("session.create", project=P, name="s")
    people.alice.shell(f"mkdir {root / FIGURES}; umask 077; echo 1 > {root / FIGURES}/one.png")
    alice("project.set_members", project=P, add=(f"{people.bob.login}:member",))
    for who in (people.alice, people.bob):
        with pytest.raises(NotAllowed, match="administrators"):
            by(who)("path.seal", path=FIGURES)
    people.alice.shell(f"echo 1 > {root / RESULT}")
    for path in (FIGURES, RESULT):
        do("path.seal", path=path)
    for who in (people.alice, people.bob):
        assert not who.appends(root / FIGURES / "one.png")
        assert not who.makes(root / FIGURES / "two.png")
        assert not who.removes(root / FIGURES)
        assert by(who)("path.verify", path=FIGURES).files == 1
        with pytest.raises(NotAllowed, match="administrators"):
            by(who)("path.unseal", path=FIGURES, reason="r")
    with pytest.raises(NotFound):
        by(people.carol)("path.verify", path=FIGURES)
    alice("project.set_members", project=P, add=(f"{people.carol.login}:member",))
    assert people.carol.reads(root / FIGURES / "one.png")
    assert people.carol.reads(root / RESULT)
    do("project.repair", project=P)
    assert trees.changeable(root / FIGURES) == trees.changeable(root / RESULT) == []
    for path in (FIGURES, RESULT):
        do("path.unseal", path=path, reason="r")
    assert people.carol.appends(root / RESULT)
    assert people.carol.makes(root / FIGURES / "two.png")
    assert [line.outcome for line in alice("audit.list", project=P, op="path.*").items].count("refused") == 5
