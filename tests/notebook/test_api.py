"""The verbs of a notebook on a real tree."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

import jupyter_modama as modama
from jupyter_modama.core.errors import (
    AlreadySealed,
    Invalid,
    ManifestMismatch,
    NameRefused,
    NotAllowed,
    NotFound,
    OpenWriters,
    PathRefused,
    Unreachable,
    Unsupported,
)
from jupyter_modama.core.model import Protection, SessionState, Via
from jupyter_modama.notebook import tree
from jupyter_modama.notebook.things import Project, Session
from jupyter_modama.testing import trees

FIRST = "frame-1 ä #&%'.npy"


@pytest.fixture
def sealed(session: Session) -> Session:
    """The session, sealed."""
    return session.seal("checked by eye")


def test_projects_and_sessions_are_listed(session: Session) -> None:
    """What there is stands in lists that are read by number and by name."""
    assert [p.path for p in modama.projects()] == ["adhoc/mässig #1 100% &'x"]
    assert len(modama.projects("no such thing")) == 0
    sessions = modama.projects()[0].sessions()
    assert sessions["2024-11-12 ä #&%'"].path == session.path
    with pytest.raises(KeyError):
        sessions["another"]


def test_many_projects_come_in_pages(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Lists longer than a page are whole."""
    monkeypatch.setattr("jupyter_modama.notebook.api.PAGE", 3)
    for number in range(7):
        (root / "adhoc" / f"p{number}").mkdir(parents=True)
    assert sorted(p.name for p in modama.projects()) == [f"p{number}" for number in range(7)]


def test_sessions_are_found_in_every_way(session: Session) -> None:
    """By project and name, by the project's path on the disk, and by the notebook's own folder."""
    project = session.project.path
    assert modama.project(project).session(session.name).raw == session.raw
    assert modama.session(project, session.name).path == session.path
    assert modama.session(session.raw.parents[1], session.name).path == session.path


def test_here_is_where_the_notebook_lies(session: Session, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """In a session, anywhere below it; else in a project; else a sentence."""
    for folder in (session.raw / "sub [1]", session.derived, session.raw.parent):
        monkeypatch.chdir(folder)
        assert modama.here().path == session.path
    monkeypatch.chdir(session.raw.parents[1])
    assert isinstance(modama.here(), Project)
    monkeypatch.chdir(root)
    with pytest.raises(Invalid, match="lies in no project"):
        modama.here()
    monkeypatch.chdir(root.parent)
    with pytest.raises(PathRefused, match="does not lie in the data tree"):
        modama.here()


def test_without_a_tree_the_error_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who starts from nothing is told what to do."""
    monkeypatch.delenv("MODAMA_ROOT")
    with pytest.raises(Invalid, match="set MODAMA_ROOT"):
        modama.projects()


def test_what_is_not_there_is_said_so(session: Session) -> None:
    """The classes are those of the core."""
    for path in ("adhoc/nobody", "nowhere/p", "adhoc"):
        with pytest.raises(NotFound):
            modama.project(path)
    with pytest.raises(NotFound):
        session.project.session("2020-01-01")
    with pytest.raises(NameRefused):
        session.project.create_session("a/b")


def test_changes_are_audited_as_from_a_notebook(session: Session) -> None:
    """The audit says by which way somebody came."""
    assert tree.the_tree().actor.via is Via.NOTEBOOK
    lines = (Path(os.environ["XDG_STATE_HOME"]) / "modama" / "audit.jsonl").read_text()
    assert "via notebook" in lines
    assert "session.create" in lines


# Files ---------------------------------------------------------------------------------------------------------------


def test_files_are_found_below_raw_too(session: Session) -> None:
    """In natural order, those of folders after those beside them."""
    assert [f.name for f in session.files("*.npy")] == [
        FIRST, "frame-2 ä #&%'.npy", "frame-10 ä #&%'.npy", "scan [x]*.npy",
    ]  # fmt: skip
    assert [f.name for f in session.files("FRAME-1")] == [FIRST, "frame-10 ä #&%'.npy"]
    assert [f.path for f in session.files(folder="sub [1]")] == [f"{session.path}/raw/sub [1]/scan [x]*.npy"]
    with pytest.raises(NotFound):
        session.files(folder="gone")
    with pytest.raises(PathRefused):
        session.files(folder="../..")


def test_files_of_large_folders_come_in_pages(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is lost or doubled between two pages, and links are left out."""
    monkeypatch.setattr("jupyter_modama.notebook.entries.PAGE", 3)
    for number in range(10):
        (session.raw / f"t{number}.txt").touch()
    (session.raw / "link.txt").symlink_to("t1.txt")
    assert sorted(f.name for f in session.files("*.txt")) == [f"t{number}.txt" for number in range(10)]


def test_names_that_are_no_text_are_found(session: Session) -> None:
    """Bytes that are no UTF-8 are shown escaped, and lead to the file."""
    (session.raw / "sub [1]" / os.fsdecode(b"\xff.npy")).write_bytes((session.raw / FIRST).read_bytes())
    found = session.files(r"*.npy", "sub [1]")
    assert [f.name for f in found] == ["scan [x]*.npy", r"\xff.npy"]
    assert found[1].disk.read_bytes() == (session.raw / FIRST).read_bytes()
    assert r"\xff" in repr(found)


def test_a_path_is_taken_however_it_is_written(session: Session, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """From the root, as on the disk, through a link to the root, from the notebook's folder; as text, Path or entry."""
    (root.parent / "short").symlink_to(root)
    monkeypatch.chdir(session.derived)
    below = f"{session.path}/raw/{FIRST}"
    ways = [below, root / below, root.parent / "short" / below, f"../raw/{FIRST}", session.files(FIRST[:8])[0]]
    for way in ways:
        assert tree.the_tree().path(way) == below, way
    monkeypatch.chdir(session.raw)
    assert tree.the_tree().path(FIRST) == below


def test_paths_that_leave_the_tree_are_refused(session: Session, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither upwards, nor on the disk, nor through a link inside the tree."""
    monkeypatch.chdir(root)
    secret = root.parent / "secret.npy"
    np.save(secret, np.ones(3))
    for path in (secret, "../secret.npy", f"{session.path}/raw/../../../../../secret.npy"):
        with pytest.raises(PathRefused):
            modama.load(path)
    (session.raw / "way out.npy").symlink_to(secret)
    with pytest.raises(Unsupported, match="link"):
        modama.load(session.raw / "way out.npy")


# Loading -------------------------------------------------------------------------------------------------------------


def test_load_is_lazy_and_in_place(session: Session) -> None:
    """HyperSpy gets the very file, [ ] and * in its name included."""
    scan = modama.load(session.raw / "sub [1]" / "scan [x]*.npy")
    assert scan._lazy
    assert scan.data.shape == (2, 3, 8, 8)
    assert int(session.files(FIRST[:8])[0].load().data.sum().compute()) == 24


def test_options_go_to_the_reader(session: Session) -> None:
    """What one would give to HyperSpy's own load is given on."""
    assert not modama.load(session.raw / FIRST, lazy=False)._lazy


def test_what_cannot_be_loaded_is_said_so(session: Session) -> None:
    """A sentence for each: damaged, unknown, a folder, not installed, a word that is none."""
    (session.raw / "damaged.dm4").write_bytes(b"\0" * 100)
    (session.raw / "numbers.raw").write_bytes(b"\0" * 100)
    (session.raw / "video.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(Unsupported, match=r"damaged\.dm4 cannot be shown: HyperSpy says"):
        modama.load(session.raw / "damaged.dm4")
    with pytest.raises(Unsupported, match=r"video\.mp4 cannot be shown"):
        modama.load(session.raw / "video.mp4")
    with pytest.raises(Unsupported, match="with_='libertem'"):
        modama.load(session.raw / "numbers.raw", with_="hyperspy")
    with pytest.raises(Unsupported, match="it is a folder"):
        modama.load(session.raw)
    with pytest.raises(Invalid, match="'hyperspy' and 'libertem'"):
        modama.load(session.raw / FIRST, with_="excel")  # type: ignore[arg-type]


def test_formats_of_libertem_alone_go_to_libertem(session: Session) -> None:
    """The rule looks at the name only, not at what is installed."""
    (session.raw / "numbers.raw").write_bytes(b"\0" * 100)
    here = "libertem" in metadata.packages_distributions()
    with pytest.raises(Unsupported if here else Unreachable, match=r"its shape|pip install libertem|choose the kernel"):
        modama.load(session.raw / "numbers.raw")


# Sealing -------------------------------------------------------------------------------------------------------------


def test_seal_and_verify(sealed: Session, root: Path) -> None:
    """The same seal as everywhere: state, protection, manifest, and checksums that match."""
    assert sealed.state is SessionState.SEALED
    assert sealed.facts.protection in {Protection.IMMUTABLE, Protection.READ_ONLY}
    assert sealed.facts.seal is not None
    assert sealed.facts.seal.note == "checked by eye"
    assert len((sealed.raw.parent / "manifest-sha256.txt").read_text().splitlines()) == 4
    assert "checksums match" in repr(sealed.verify())
    assert sealed.verify("sub [1]").facts.files == 1
    with pytest.raises(AlreadySealed):
        sealed.seal()


def test_sealed_data_says_why_it_cannot_be_written(sealed: Session) -> None:
    """The explanation names the seal, and is false where a program asks."""
    why = sealed.explain()
    assert not why
    assert "sealed" in repr(why)
    assert sealed.files()[0].explain().facts.reasons[0].code
    assert sealed.explain("analysis")


def test_a_change_under_the_seal_is_found(sealed: Session) -> None:
    """Somebody who gets past the protection is found out, by name."""
    trees.clear(sealed.raw)
    (sealed.raw / FIRST).chmod(0o600)
    (sealed.raw / FIRST).write_bytes(b"other")
    with pytest.raises(ManifestMismatch) as caught:
        sealed.verify()
    assert FIRST in str(caught.value.facts["changed"])


def test_a_file_that_is_still_written_stops_the_seal(session: Session) -> None:
    """Nothing is changed, and the error names the file."""
    with open(session.raw / FIRST, "ab"), pytest.raises(OpenWriters, match="Nothing has been changed"):
        session.seal()
    assert session.refresh().state is SessionState.WRITABLE
    assert session.survey().files == 4


def test_only_administrators_unseal(sealed: Session) -> None:
    """With a reason; the sealer may undo in time."""
    if os.geteuid() == 0:
        assert sealed.unseal("test of unsealing").state is SessionState.WRITABLE
    else:
        with pytest.raises(NotAllowed):
            sealed.unseal("because")
        assert sealed.undo_seal().state is SessionState.WRITABLE


# Showing -------------------------------------------------------------------------------------------------------------


def test_html_is_escaped(session: Session) -> None:
    """Titles and names are text, whatever signs they hold."""
    shown = [
        modama.projects(), modama.projects()[0], session, session.files(), session.files()[0], session.links(),
        session.explain(), session.project.sessions(),
    ]  # fmt: skip
    for thing in shown:
        html = thing._repr_html_()  # type: ignore[attr-defined]
        assert "<script>" not in html
        assert "<b>" not in html
        assert "&'" not in html
        assert repr(thing)
    assert "&lt;script&gt;" in session._repr_html_()


def test_file_is_shown_by_its_path(session: Session) -> None:
    """A cell's output names the file for the viewer of the sidebar, beside text and HTML for other programs."""
    found, _ = DisplayFormatter().format(session.files()[0])
    shown = found["application/vnd.modama.entry+json"]
    assert shown == {"path": f"{session.path}/raw/{FIRST}", "path_b64": ""}
    assert {"text/plain", "text/html"} <= found.keys()
    assert sum(len(str(each)) for each in found.values()) < 3000
    (session.raw / "notes.txt").touch()
    found, _ = DisplayFormatter().format(session.files("notes.txt")[0])
    assert not any("modama" in kind for kind in found)


def test_long_lists_are_short_to_read(session: Session) -> None:
    """A million files do not fill the notebook."""
    for number in range(30):
        (session.raw / f"t{number}.txt").touch()
    files = session.files("*.txt")
    assert repr(files).count("\n") == 20
    assert repr(files).startswith("30 files, the first 20 are shown")
    assert files._repr_html_().count("<tr>") == 21
    assert len(files[3:5]) == 2


def test_addresses_are_text_to_paste(session: Session) -> None:
    """The path on this computer is among them."""
    assert str(session.raw.parent) in [str(address) for address in session.links()]


# In a kernel that has LiberTEM ---------------------------------------------------------------------------------------

WITH_LIBERTEM = """
import sys, jupyter_modama as modama
session = modama.project(sys.argv[1]).session(sys.argv[2])
scan = session.files("scan")[0].load("libertem")
numbers = modama.load(sys.argv[3], dtype="u2", nav_shape=(2, 2), sig_shape=(4, 4))
for data in (scan, numbers):
    print(type(data).__name__, tuple(data.shape))
"""


@pytest.mark.libertem
def test_load_gives_a_libertem_data_set(session: Session) -> None:
    """By its word for any format, without it for raw numbers."""
    from jupyter_modama.libertem import environment

    try:
        python = environment.find()
    except Unreachable as missing:
        pytest.skip(str(missing))
    np.ones((2, 2, 4, 4), "u2").tofile(session.raw / "numbers ä.raw")
    arguments = [session.project.path, session.name, f"{session.path}/raw/numbers ä.raw"]
    done = subprocess.run(
        [str(python), "-P", "-c", WITH_LIBERTEM, *arguments],
        check=False, capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    told = [line for line in done.stdout.splitlines() if "DataSet" in line]
    assert told == ["NPYDataSet (2, 3, 8, 8)", "RawFileDataSet (2, 2, 4, 4)"], done.stderr
