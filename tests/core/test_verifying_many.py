"""What a seal writes and a verification finds is the same, whether its lists are held in memory or lie on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors, rows, verifying
from jupyter_modama.core.model import Actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.trees import PROJECT, SESSION

NAMED = {"project": PROJECT, "session": SESSION}
ODD = (b"new\nline", b"back\\slash", b"\xff", b"deep-er", "ä #&%'".encode())
WRITTEN = ("manifest-sha256.txt", ".modama/manifest.jsonl")


@pytest.fixture(params=[4 << 20, 150], ids=["in memory", "on the disk"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many bytes of each list are held in memory."""
    monkeypatch.setattr(rows, "HELD_BYTES", request.param)
    monkeypatch.setattr(rows, "PIECE", 64)
    return int(request.param)


@pytest.fixture
def session(root: Path) -> Any:
    """A session with odd names, a link and an empty folder."""
    session = trees.make_session(root)
    for number in range(30):
        trees.write(session, f"raw/deep/f{number:02}", b"%d" % number)
    for name in ODD:
        trees.write(session, b"raw/odd/" + name, name)
    (session / "raw" / "link").symlink_to("deep/f00")
    (session / "raw" / "empty" / "inner").mkdir(parents=True)
    yield session
    trees.clear(root)


def in_the_old_way(session: Path) -> bytes:
    """The manifest made of all files at once."""
    found = {b"raw/" + path: text for path, text in trees.contents(session / "raw").items()}
    lines = []
    for path, text in sorted(found.items()):
        escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        mark = b"\\" if escaped != path else b""
        lines.append(mark + hashlib.sha256(text).hexdigest().encode() + b"  " + escaped + b"\n")
    return b"".join(lines)


@pytest.mark.usefixtures("held")
def test_manifest_is_the_same_byte_for_byte(session: Path, store: DiskStore, actor: Actor) -> None:
    """In the order of the paths' bytes; GNU sha256sum agrees, and the record has its checksum."""
    done = Does(store, actor)("session.seal", **NAMED)
    text, entries = ((session / name).read_bytes() for name in WRITTEN)
    assert text == in_the_old_way(session)
    assert trees.checked(session).returncode == 0
    assert done.seal.manifest_sha256 == hashlib.sha256(text).hexdigest()
    assert hashlib.sha256(entries).hexdigest().encode() in (session / ".modama" / "seal.json").read_bytes()
    assert entries.endswith(b'{"path": "raw/odd", "folder": true}\n')
    assert Does(store, actor)("session.verify", **NAMED).files == len(text.splitlines())


@pytest.mark.usefixtures("held")
def test_every_difference_is_named(session: Path, store: DiskStore, actor: Actor) -> None:
    """Files that are missing, changed, new or moved, links, and folders that nothing else tells of."""
    Does(store, actor)("session.seal", **NAMED)
    trees.clear(session)
    raw = session / "raw"
    shutil.rmtree(raw / "empty")
    (raw / "deep" / "f01").unlink()
    (raw / "deep" / "f02").chmod(0o644)
    (raw / "deep" / "f02").write_text("other")
    (raw / "deep" / "f03").rename(raw / os.fsdecode(b"moved\xff"))
    (raw / "link").unlink()
    (raw / "link").symlink_to("deep/f01")
    (raw / "fresh" / "inner").mkdir(parents=True)
    shutil.rmtree(raw / "odd")
    with pytest.raises(errors.ManifestMismatch) as caught:
        Does(store, actor)("session.verify", **NAMED)
    facts = caught.value.facts
    odd = [os.fsdecode(b"raw/odd/" + name).encode("utf-8", "surrogateescape") for name in sorted(ODD)]
    assert facts["missing"][:2] == ["raw/deep/f01", "raw/deep/f03"]
    assert facts["missing"][-1] == "raw/empty/inner/"
    assert facts["count_missing"] == len(facts["missing"]) == 3 + len(odd)
    assert facts["changed"] == ["raw/deep/f02", "raw/link"]
    assert [name.encode("utf-8", "replace")[:9] for name in facts["new"]] == [b"raw/moved", b"raw/fresh"]
    assert [pair["from"] for pair in facts["moved"]] == ["raw/deep/f03"]


@pytest.mark.usefixtures("held")
def test_counts_are_whole_where_names_are_not(
    session: Path, store: DiskStore, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first are named, in their order, and all are counted; so is what was moved."""
    Does(store, actor)("session.seal", **NAMED)
    trees.clear(session)
    monkeypatch.setattr(verifying, "NAMED", 4)
    (session / "raw" / "deep").rename(session / "raw" / "deeper")
    with pytest.raises(errors.ManifestMismatch) as caught:
        Does(store, actor)("session.verify", **NAMED)
    facts = caught.value.facts
    assert facts["missing"] == ["raw/deep/b.dat", "raw/deep/er/c.dat", "raw/deep/f00", "raw/deep/f01"]
    assert facts["moved"][0] == {"from": "raw/deep/b.dat", "to": "raw/deeper/b.dat"}
    assert facts["count_missing"] == facts["count_new"]
    assert facts["count_missing"] >= 30
    assert len(facts["new"]) == len(facts["moved"]) == 4
    part = Does(store, actor)("session.verify", folder="raw/odd", **NAMED)
    assert part.files == len(ODD)
