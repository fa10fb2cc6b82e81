"""The demo's storage: made once, never overwritten, and every file of it can be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_modama import demo
from jupyter_modama.readers import Pool
from jupyter_modama.readers.formats import format_of


def files_of(root: Path) -> dict[str, tuple[int, int]]:
    """The files below a folder, each with its inode and time."""
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole demo, made by its command."""
    for package in ("hyperspy", "holospy", "exspy"):
        pytest.importorskip(package, reason=f"the demo's package {package} is not installed (extra `demo`)")
    root = tmp_path_factory.mktemp("demo") / "storage"
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_modama.demo", "make", str(root)],
        check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.count("made adhoc/") == len(demo.SESSIONS)
    return root


def test_demo_has_two_projects_with_sessions(storage: Path) -> None:
    """Each session has its raw data, a folder for what is derived, and notes; no records of ours."""
    projects = sorted(path.name for path in (storage / "adhoc").iterdir())
    assert projects == ["grain-boundary-4dstem", "skyrmion-holography"]
    for session in demo.SESSIONS:
        assert {path.name for path in (storage / session.place).iterdir()} == {"raw", "analysis", "notes.md"}
    assert not list(storage.rglob(".modama"))


def test_demo_is_small(storage: Path) -> None:
    assert sum(path.stat().st_size for path in storage.rglob("*") if path.is_file()) < 250_000_000
    assert max(path.stat().st_size for path in storage.rglob("*") if path.is_file()) <= 64 << 20


def test_every_raw_file_of_the_demo_is_shown(storage: Path, pool: Pool) -> None:
    """All formats have a picture and are readable; of the series, three are enough."""
    found = [path for path in storage.glob("adhoc/*/*/raw/**/*") if path.is_file()]
    series = sorted(path for path in found if path.parent.name == "field-series")
    assert len(series) == 200
    for path in [path for path in found if path not in series] + series[::99]:
        assert pool.preview(path).png, path
        assert pool.metadata(path).readable, path
    assert {format_of(path.name).name for path in found} >= {"DigitalMicrograph", "MRC", "TIFF", "HyperSpy", "numpy"}


def test_demo_is_made_once(storage: Path) -> None:
    """A second run touches nothing."""
    before = files_of(storage)
    assert demo.make(storage) == []
    assert files_of(storage) == before


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions with one small file each."""

    def fill(raw: Path) -> None:
        (raw / "frame.txt").write_text("counts")

    sessions = tuple(demo.DemoSession("p", name, "notes", fill) for name in ("2024-01-01-a", "2024-01-02-b"))
    monkeypatch.setattr(demo, "SESSIONS", sessions)


@pytest.mark.usefixtures("quick")
def test_renamed_or_removed_session_is_not_made_again(tmp_path: Path) -> None:
    demo.make(tmp_path)
    (tmp_path / "adhoc/p/2024-01-01-a").rename(tmp_path / "adhoc/p/my-session")
    (tmp_path / "adhoc/p").rename(tmp_path / "adhoc/my-project")
    before = files_of(tmp_path)
    assert demo.make(tmp_path) == []
    assert files_of(tmp_path) == before


@pytest.mark.usefixtures("quick")
def test_existing_folder_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    """What people made under the name of a demo session is theirs."""
    theirs = tmp_path / "adhoc/p/2024-01-01-a/raw"
    theirs.mkdir(parents=True)
    (theirs / "frame.txt").write_text("mine")
    assert demo.make(tmp_path) == ["adhoc/p/2024-01-02-b"]
    assert (theirs / "frame.txt").read_text() == "mine"


@pytest.mark.usefixtures("quick")
def test_run_that_broke_off_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is there as a whole or not at all; the next run makes what is missing."""

    def breaks(raw: Path) -> None:
        (raw / "half").write_text("half")
        raise OSError(28, "No space left on device")

    first, second = demo.SESSIONS
    monkeypatch.setattr(demo, "SESSIONS", (first, demo.DemoSession("p", second.name, "", breaks)))
    with pytest.raises(OSError, match="No space"):
        demo.make(tmp_path)
    assert not (tmp_path / second.place).exists()
    monkeypatch.setattr(demo, "SESSIONS", (first, second))
    assert demo.make(tmp_path) == [second.place]
    assert sorted(path.name for path in (tmp_path / "adhoc/p").iterdir()) == [first.name, second.name]
    assert [path.name for path in (tmp_path / second.place / "raw").iterdir()] == ["frame.txt"]


@pytest.mark.usefixtures("quick")
def test_place_that_cannot_be_written_ends_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert demo.main(["make", str(tmp_path / "file" / "storage")]) == 1
    assert "could not be made" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_command_says_what_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["make", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == ["made adhoc/p/2024-01-01-a", "made adhoc/p/2024-01-02-b"]
    assert demo.main(["make", str(tmp_path)]) == 0
    assert "there already" in capsys.readouterr().out
