"""A selection that goes to the browser as one zip file."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_modama.core.model import Actor, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import packing, zipping
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees

SESSION = f"{trees.PROJECT}/{trees.SESSION}"
NAMES = {"50% ä #&'.dm4": b"x" * 5000, "deep/er/empty": b"", b"no\xfftext.dat": b"bytes"}


@pytest.fixture
def session(root: Path) -> Path:
    made = trees.make_session(root, NAMES)  # type: ignore[arg-type]
    os.utime(made / "raw/deep/er/empty", (1_500_000_001, 1_500_000_001))
    (made / "raw/link").symlink_to("/etc/passwd")
    (made / ".modama").mkdir()
    (made / ".modama/session.json").write_text("{}")
    return made


@pytest.fixture
def packed(store: DiskStore, actor: Actor) -> Callable[..., zipfile.ZipFile]:
    """The zip of some paths; `meanwhile` runs after the first piece."""

    def pack(*paths: str, meanwhile: Callable[[], Any] = lambda: None) -> zipfile.ZipFile:
        pieces = zipping.zip_of(store, actor, tuple(map(TreePath, paths)))
        first = next(pieces)
        meanwhile()
        return zipfile.ZipFile(io.BytesIO(first + b"".join(pieces)))

    return pack


def told(packed: zipfile.ZipFile) -> str:
    """What the last entry says."""
    assert packed.namelist()[-1] == zipping.LAST
    return packed.read(zipping.LAST).decode()


async def test_a_selection_is_counted_and_then_fetched(call: Any, jp_fetch: Any, session: Path) -> None:
    """The size comes first; the zip holds the files with their names and times, and nothing of our records."""
    found = await call("download.prepare", paths=[{"path": SESSION}])
    assert (found["files"], found["bytes"], found["folders"]) == (3, 5005, 5)
    assert (found["complete"], found["name"], found["rsync"]) == (True, f"{trees.SESSION}.zip", "")
    assert found["include"] == f"{trees.SESSION}\n"
    response = await jp_fetch("modama", "api", "download.zip", params={"ticket": found["ticket"]})
    assert "filename*=UTF-8''" in response.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(response.body)) as packed:
        assert packed.testzip() is None
        names = set(packed.namelist())
        assert f"{trees.SESSION}/raw/50% ä #&'.dm4" in names
        assert not [name for name in names if ".modama" in name or name.endswith("link")]
        assert "no_xfftext.dat” here" in told(packed)
        assert "raw/link: left out: it is a symbolic link" in told(packed)
        assert packed.getinfo(f"{trees.SESSION}/raw/deep/er/").is_dir()


async def test_a_ticket_of_nobodys_fetches_nothing(call: Any, jp_fetch: Any, root: Path) -> None:
    """Without a selection there is no zip, and what one cannot see is not counted."""
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("modama", "api", "download.zip", params={"ticket": "guessed"})
    assert refused.value.code == 404
    for paths, code in (([], "invalid"), ([{"path": ""}], "invalid"), ([{"path": "../etc"}], "path-refused")):
        assert (await call("download.prepare", paths=paths))["type"] == f"urn:modama:{code}"
    assert (await call("download.prepare", paths=[{"path": "adhoc/none"}]))["status"] == 404


def test_programs_unpack_it_as_it_was(
    packed: Callable[..., zipfile.ZipFile], session: Path, tmp_path: Path, store: DiskStore, actor: Actor
) -> None:
    """Info-ZIP, which reads the headers more strictly than Python does, unpacks the same bytes and times."""
    file = tmp_path / "all.zip"
    file.write_bytes(b"".join(zipping.zip_of(store, actor, (TreePath(SESSION),))))
    subprocess.run(["unzip", "-q", file, "-d", tmp_path / "out"], check=True, capture_output=True)
    out = tmp_path / "out" / trees.SESSION / "raw"
    assert (out / "50% ä #&'.dm4").read_bytes() == b"x" * 5000
    assert (out / "deep/er/empty").stat().st_mtime == 1_500_000_001


def test_what_changes_or_vanishes_meanwhile_is_told(
    packed: Callable[..., zipfile.ZipFile], session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip is never silently other than the disk: its last entry names what grew, shrank, went, or is closed."""
    monkeypatch.setattr(zipping, "AT_ONCE", 1)
    monkeypatch.setattr(zipping, "READ", 1000)
    raw = session / "raw"
    for name in ("grows", "shrinks"):
        (raw / name).write_bytes(b"y" * 3000)

    def meanwhile() -> None:
        with (raw / "grows").open("ab") as file:
            file.write(b"more")
        (raw / "shrinks").write_bytes(b"less")

    def slowly(name: str) -> zipfile.ZipFile:
        return packed(f"{SESSION}/raw/{name}", meanwhile=meanwhile)

    grown, shrunk = slowly("grows"), slowly("shrinks")
    assert grown.read("grows") == b"y" * 3000
    assert shrunk.testzip() is None
    for made, name in ((grown, "grows"), (shrunk, "shrinks")):
        assert f"{name}: changed while it was read" in told(made)
    assert "Everything is here" in told(packed(f"{SESSION}/raw/grows"))
    gone = packed(f"{SESSION}/raw/deep", f"{SESSION}/raw/grows", meanwhile=(raw / "grows").unlink)
    assert "NOT everything" in told(gone)
    assert gone.testzip() is None


def test_large_files_and_many_are_told_in_64_bits(
    packed: Callable[..., zipfile.ZipFile], session: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beyond 4 GiB and 65,535 entries the zip64 records take over; read by Python and by Info-ZIP."""
    monkeypatch.setattr(zipping, "LARGE", 100)
    monkeypatch.setattr(zipping, "MANY", 2)
    made = packed(f"{SESSION}/raw")
    assert made.testzip() is None
    assert made.read("raw/50% ä #&'.dm4") == b"x" * 5000
    file = tmp_path / "large.zip"
    assert made.fp is not None
    made.fp.seek(0)
    file.write_bytes(made.fp.read())
    subprocess.run(["unzip", "-tq", file], check=True, capture_output=True)


def test_counting_has_an_end(store: DiskStore, session: Path) -> None:
    """Whatever a selection holds, its size is told soon, with the word that it is at least that much."""
    assert not packing.count(store, (TreePath(SESSION),), -1.0).complete
    assert packing.count(store, (TreePath(SESSION),), 60.0).files == 3


def test_the_list_for_rsync_is_of_the_folder_around(root: Path, session: Path, actor: Actor) -> None:
    """Where the site names a computer for ssh, the command fetches what the list names, from the right place."""
    from jupyter_modama.core.links import fetch_of_list

    opened = DiskStore(Site(root=str(root), services={"ssh": {"host": "data.example.org"}}))
    try:
        command = fetch_of_list(opened, actor, TreePath(SESSION))
    finally:
        opened.close()
    assert "--files-from=modama-files.txt" in command
    assert command.endswith(f"@data.example.org:{root}/{SESSION}/ ./")
