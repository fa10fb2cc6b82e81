"""What is sealed by its path keeps its place through us, and is found again where people renamed folders above it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import sealed_path_moves
from jupyter_modama.core.errors import Conflict, ManifestMismatch, NotFound
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.doing import Does

P, S = "adhoc/p", "adhoc/p/s"
PAPER, FIGURES = f"{P}/out/paper", f"{P}/out/paper/figures"
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the immutable flag"),
]


@pytest.fixture
def tree(root: Path, do: Does) -> Iterator[Path]:
    """A project with a sealed folder and a sealed file, two folders deep."""
    root.chmod(0o755)
    do("project.create", name="p")
    do("session.create", project=P, name="s")
    figures = root / FIGURES
    (figures / "deep").mkdir(parents=True)
    (figures / "one.png").write_text("1")
    (figures / "deep" / "two\nlines ä.png").write_text("2")
    (figures / "link").symlink_to("one.png")
    (figures / "empty").mkdir()
    (root / PAPER / "text.tex").write_text("text")
    do("path.seal", path=FIGURES, note="Figure 3")
    do("path.seal", path=f"{PAPER}/text.tex")
    yield root
    trees.clear(root)


def rows(root: Path, home: str = P) -> dict[str, Any]:
    """By path, what a record says."""
    file = root / home / ".modama/sealed-paths.json"
    found = json.loads(file.read_text())["paths"].values() if file.exists() else ()
    return {row["path"]: row for row in found}


def check_sums(root: Path, home: str = P) -> list[int]:
    """What sha256sum answers of each list of checksums, from the folder that they are of."""
    lists = (root / home / ".modama/sealed-paths").glob("*.txt")
    checked = (
        subprocess.run(["sha256sum", "--check", "--strict", p], cwd=root / home, capture_output=True, check=False)
        for p in lists
    )
    return [done.returncode for done in checked]


@pytest.mark.parametrize("path", [FIGURES, f"{FIGURES}/deep", PAPER, f"{P}/out", f"{PAPER}/text.tex"])
def test_what_holds_something_sealed_is_not_moved(tree: Path, do: Does, path: str) -> None:
    """Nor what is sealed, nor what lies in it; nothing has changed then."""
    with pytest.raises(Conflict, match="keeps its place"):
        do("entry.move", path=path, to=f"{S}/analysis")
    assert (tree / path).exists()
    assert sorted(rows(tree)) == ["out/paper/figures", "out/paper/text.tex"]


def test_folder_with_something_sealed_becomes_no_session(tree: Path, do: Does) -> None:
    with pytest.raises(Conflict, match="keeps its place"):
        do("session.make", project=P, session="out")
    assert not (tree / P / "out/raw").exists()


def test_folder_above_that_was_renamed_on_the_disk_is_found(tree: Path, do: Does) -> None:
    """By the next night: seal and checksums tell of the new path, and hold there."""
    (tree / P / "out").rename(tree / P / "published ä")
    report = do("site.nightly")
    assert any("published ä/paper/figures" in said for said in report.problems)
    assert sorted(rows(tree)) == ["published ä/paper/figures", "published ä/paper/text.tex"]
    assert check_sums(tree) == [0, 0]
    for path, files in ((f"{P}/published ä/paper/figures", 2), (f"{P}/published ä/paper/text.tex", 1)):
        assert do("path.verify", path=path).files == files
        assert next(r.code for r in do("entry.explain", path=path).reasons) == "path-sealed"
        assert trees.changeable(tree / path) == []
    assert do("site.nightly").problems == ()
    assert do("path.unseal", path=f"{P}/published ä/paper/figures", reason="r").state == "open"
    assert sorted(rows(tree)) == ["published ä/paper/text.tex"]


def test_it_is_found_in_a_session_too(tree: Path, do: Does) -> None:
    """Whose record tells of it then, and the project's not any more."""
    (tree / PAPER).rename(tree / S / "analysis/paper")
    do("site.nightly")
    assert rows(tree) == {}
    assert sorted(rows(tree, S)) == ["analysis/paper/figures", "analysis/paper/text.tex"]
    assert check_sums(tree, S) == [0, 0]
    assert check_sums(tree) == []
    do("path.verify", path=f"{S}/analysis/paper/figures")


def test_another_folder_in_its_place_is_not_taken_for_it(tree: Path, do: Does) -> None:
    """Somebody renamed the folder above, and made the old path anew."""
    (tree / P / "out").rename(tree / P / "old")
    (tree / FIGURES).mkdir(parents=True)
    (tree / FIGURES / "one.png").write_text("other")
    with pytest.raises(ManifestMismatch):
        do("path.verify", path=FIGURES)
    do("site.nightly")
    assert sorted(rows(tree)) == ["old/paper/figures", "old/paper/text.tex"]
    with pytest.raises(Conflict, match="not sealed"):
        do("path.verify", path=FIGURES)
    do("path.verify", path=f"{P}/old/paper/figures")


def test_folder_of_the_project_that_became_a_session_by_hand(tree: Path, do: Does) -> None:
    """The record of the project tells of what is sealed in it still."""
    (tree / P / "out/raw").mkdir()
    assert do("path.verify", path=FIGURES).files == 2
    with pytest.raises(Conflict, match="sealed already"):
        do("path.seal", path=f"{FIGURES}/deep")
    assert do("path.unseal", path=FIGURES, reason="r").state == "open"
    assert sorted(rows(tree)) == ["out/paper/text.tex"]


def test_unsealing_what_was_renamed_says_how_it_is_called(tree: Path, do: Does) -> None:
    (tree / P / "out").rename(tree / P / "new")
    with pytest.raises(Conflict, match="is called “adhoc/p/new/paper/figures” now"):
        do("path.unseal", path=FIGURES, reason="r")
    assert trees.changeable(tree / P / "new/paper/figures") == []


def test_what_is_gone_is_unsealed_by_taking_out_its_row(tree: Path, do: Does) -> None:
    """Somebody with root's rights removed it; the checksums are kept."""
    trees.clear(tree / FIGURES)
    subprocess.run(["rm", "-rf", tree / FIGURES], check=True)
    [said] = do("site.nightly").problems
    assert "nothing of it can be found" in said
    assert do("site.nightly").problems == ()  # once is enough
    assert do("path.unseal", path=FIGURES, reason="removed with the paper").state == "gone"
    assert sorted(rows(tree)) == ["out/paper/text.tex"]
    assert len(list((tree / P / ".modama/sealed-paths/old").glob("*.txt"))) == 1
    with pytest.raises(NotFound):
        do("path.unseal", path=FIGURES, reason="again")


def test_checksums_that_are_not_those_of_the_seal_are_not_written_anew(tree: Path, do: Does) -> None:
    trees.clear(tree / P / ".modama")
    for proof in (tree / P / ".modama/sealed-paths").glob("*.txt"):
        proof.chmod(0o644)
        proof.write_text(proof.read_text().replace("1", "2"))
        proof.chmod(0o444)
    before = rows(tree)
    (tree / P / "out").rename(tree / P / "new")
    assert all("not those of the seal" in said for said in do("site.nightly").problems)
    assert rows(tree) == before


def test_failure_on_the_way_is_gone_on_from(
    tree: Path, do: Does, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the new checksums and the row, and between the row and the old checksums."""
    (tree / P / "out").rename(tree / P / "new")

    def fails(*args: Any, **more: Any) -> None:
        raise Conflict(what="stopped here")

    for module, name in ((sealed_path_moves, "write_row"), (store.path_seals, "retire_proof")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fails)
            assert any("stopped here" in said for said in do("site.nightly").problems)
    do("site.nightly")
    assert sorted(rows(tree)) == ["new/paper/figures", "new/paper/text.tex"]
    for row in rows(tree):
        do("path.verify", path=f"{P}/{row}")
    assert store.read_record(TreePath(P), "sealed-paths") is not None
