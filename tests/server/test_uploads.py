"""Files that come from the browser in pieces."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_modama.core.errors import Conflict, DiskFull, Invalid, ModamaError, NotAllowed
from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.core.paths import TreePath
from jupyter_modama.runner import local_actor
from jupyter_modama.store import survey, uploads
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.uploads import Coming, Uploads
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.somebody import as_person

FOLDER = f"{trees.PROJECT}/{trees.SESSION}/raw"
CONTENT = bytes(range(256)) * 40
CHANGED_MS = 1_500_000_000_123
NAME = "50% ä #&'.dm4"


@pytest.fixture
def raw(root: Path) -> Iterator[Path]:
    yield trees.make_session(root, {}) / "raw"
    trees.clear(root)


@pytest.fixture
def coming_in(store: DiskStore, actor: Actor) -> Uploads:
    return Uploads(store, actor)


def wanted(name: str = NAME, content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    return {"path": FOLDER, "name": name, "size_bytes": len(content), "modified_ms": CHANGED_MS, **more}


@pytest.fixture
def piece(jp_fetch: Any) -> Any:
    """Send a piece; answers the JSON, of an error too."""

    async def put(offset: int, body: bytes, asked: dict[str, Any] | None = None) -> Any:
        params = {k: str(v) for k, v in {**(asked or wanted()), "offset": offset}.items()}
        try:
            response = await jp_fetch("modama", "api", "upload", method="PUT", body=body, params=params)
        except HTTPClientError as error:
            return json.loads(error.response.body if error.response else b"null")
        return json.loads(response.body)

    return put


def finished(content: bytes = CONTENT, name: str = NAME) -> dict[str, Any]:
    return wanted(name, content, sha256=hashlib.sha256(content).hexdigest())


async def test_a_file_comes_in_pieces_and_keeps_its_time(call: Any, piece: Any, raw: Path) -> None:
    """It has its name only when all is there and compared; until then a seal takes it for unfinished."""
    assert await call("upload.begin", **wanted()) == {"offset": 0}
    assert await piece(0, CONTENT[:5000]) == {"offset": 5000}
    (part,) = os.listdir(raw)
    assert survey.JUNK_NAMES.match(part)
    assert await call("upload.begin", **wanted()) == {"offset": 5000}
    assert await piece(5000, CONTENT[5000:]) == {"offset": len(CONTENT)}
    assert await call("upload.finish", **finished()) == {"checked": len(CONTENT), "done": True}
    assert trees.contents(raw) == {NAME.encode(): CONTENT}
    assert (raw / NAME).stat().st_mtime_ns == CHANGED_MS * 1_000_000


async def test_a_piece_goes_only_where_the_file_ends(call: Any, piece: Any, raw: Path) -> None:
    """A piece sent twice, or too early, is told where the file goes on; what is whole too soon is not finished."""
    await call("upload.begin", **wanted())
    await piece(0, CONTENT[:100])
    for offset in (0, 200):
        answer = await piece(offset, CONTENT[:100])
        assert (answer["type"], answer["offset"]) == ("urn:modama:conflict", 100)
    assert (await call("upload.finish", **finished()))["offset"] == 100
    assert (await piece(100, CONTENT))["type"] == "urn:modama:invalid"
    assert (await piece(0, b"x", wanted("never-begun")))["type"] == "urn:modama:not-found"


async def test_what_arrives_otherwise_than_it_was_sent_is_not_kept(call: Any, piece: Any, raw: Path) -> None:
    """A checksum that differs removes what came, so the next attempt begins anew."""
    await call("upload.begin", **wanted())
    await piece(0, b"?" + CONTENT[1:])
    assert (await call("upload.finish", **finished()))["type"] == "urn:modama:checksum-differs"
    assert os.listdir(raw) == []


async def test_the_checksum_is_compared_a_few_seconds_at_a_time(
    call: Any, piece: Any, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large a file is, each answer comes before a proxy has enough of waiting."""
    monkeypatch.setattr(uploads, "READ", 4096)
    monkeypatch.setattr(uploads, "CHECKED_PER_STEP_S", -1.0)
    await call("upload.begin", **wanted())
    await piece(0, CONTENT)
    steps = [await call("upload.finish", **finished()) for _ in range(3)]
    assert steps == [
        {"checked": 4096, "done": False},
        {"checked": 8192, "done": False},
        {"checked": len(CONTENT), "done": True},
    ]


async def test_nothing_is_replaced(call: Any, piece: Any, raw: Path) -> None:
    """A name that is taken is refused at the beginning, and at the end if it was taken meanwhile."""
    await call("upload.begin", **wanted())
    await piece(0, CONTENT)
    (raw / NAME).write_bytes(b"theirs")
    for operation, asked in (("upload.finish", finished()), ("upload.begin", wanted())):
        assert (await call(operation, **asked))["type"] == "urn:modama:already-exists"
    assert (raw / NAME).read_bytes() == b"theirs"


async def test_two_different_files_of_one_name_do_not_mix(call: Any, piece: Any, raw: Path) -> None:
    """Each has a part of its own; the first that is whole gets the name."""
    other = wanted(content=CONTENT[::-1], modified_ms=CHANGED_MS + 1)
    await call("upload.begin", **wanted())
    await call("upload.begin", **other)
    await piece(0, CONTENT[:300])
    await piece(0, CONTENT[::-1], other)
    done = {**other, "sha256": hashlib.sha256(CONTENT[::-1]).hexdigest()}
    assert (await call("upload.finish", **done))["done"]
    await piece(300, CONTENT[300:])
    assert (await call("upload.finish", **finished()))["type"] == "urn:modama:already-exists"
    assert (raw / NAME).read_bytes() == CONTENT[::-1]


async def test_cancel_leaves_nothing(call: Any, piece: Any, raw: Path) -> None:
    """What had come is removed; to cancel what is not there is no mistake."""
    await call("upload.begin", **wanted())
    await piece(0, CONTENT[:300])
    for _ in range(2):
        assert await call("upload.cancel", **wanted()) == {"offset": 0}
    assert os.listdir(raw) == []


async def test_folders_come_along_and_empty_files_too(call: Any, raw: Path) -> None:
    """A file's name may hold folders, which are made; an empty file is a file."""
    empty = wanted("tree/inner/empty.txt", b"")
    assert await call("upload.begin", **empty) == {"offset": 0}
    assert (await call("upload.finish", **finished(b"", "tree/inner/empty.txt")))["done"]
    assert (raw / "tree/inner/empty.txt").read_bytes() == b""
    assert (await call("folder.make", path=FOLDER, name="none in it"))["path"] == f"{FOLDER}/none in it"
    assert (await call("folder.make", path=FOLDER, name="none in it"))["type"] == "urn:modama:already-exists"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../x", "path-refused"),
        ("a/../x", "path-refused"),
        ("/etc/x", "path-refused"),
        ("a//x", "path-refused"),
        ("", "name-refused"),
        (".modama/session.json", "name-refused"),
        (".hidden", "name-refused"),
        ("a:b", "name-refused"),
        ("a\u0308.dm4", "name-refused"),
        ("x" * 201, "name-refused"),
        ("CON.txt", "name-refused"),
        ("new\nline", "name-refused"),
    ],
)
def test_a_name_that_no_new_file_may_have_is_refused(coming_in: Uploads, raw: Path, name: str, code: str) -> None:
    """The rules for new names hold for what is brought, and no name leads anywhere else."""
    with pytest.raises(ModamaError) as refused:
        coming_in.begin(Coming(TreePath(FOLDER), name, 1, 1))
    assert refused.value.code == code
    assert os.listdir(raw) == []


def test_a_folder_does_not_become_a_session_by_what_is_brought(coming_in: Uploads, raw: Path) -> None:
    """A folder called raw, dropped into a project's folder, would make one of it."""
    with pytest.raises(Invalid, match="would make a session"):
        coming_in.begin(Coming(TreePath(trees.PROJECT), "pictures/raw/a.dat", 1, 1))
    with pytest.raises(Invalid, match="put into a project"):
        coming_in.begin(Coming(TreePath("adhoc"), "new/a.dat", 1, 1))
    assert sorted(os.listdir(raw.parents[1])) == [trees.SESSION]


def test_what_lies_in_the_place_of_a_part_is_not_touched(coming_in: Uploads, raw: Path, tmp_path: Path) -> None:
    """Links and files with further names, put where a part would be, are passed by, and nothing is written through."""
    coming, theirs = Coming(TreePath(FOLDER), NAME, len(CONTENT), CHANGED_MS), tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    names = [coming.part_name(os.geteuid(), number) for number in range(uploads.TRIES)]
    (raw / names[0]).symlink_to(theirs)
    os.link(theirs, raw / names[1])
    (raw / names[2]).mkdir()
    os.mkfifo(raw / names[3])
    brought(coming_in, coming)
    assert (raw / NAME).read_bytes() == CONTENT
    assert theirs.read_bytes() == b"theirs"
    (raw / NAME).unlink()
    (raw / names[4]).symlink_to(theirs)
    with pytest.raises(Conflict, match="in the place of the parts"):
        coming_in.begin(coming)


def brought(coming_in: Uploads, coming: Coming, content: bytes = CONTENT) -> None:
    """Have a file come, all of it."""
    offset = coming_in.begin(coming)
    coming_in.write(coming, offset, content[offset:])
    assert coming_in.finish(coming, hashlib.sha256(content).hexdigest()) == len(content)


def test_a_seal_meanwhile_is_said_with_its_reason(coming_in: Uploads, do: Does, raw: Path) -> None:
    """What was on its way into raw when that was sealed stops with the seal's sentence, whatever step it was at."""
    (raw / "a.dat").write_bytes(b"first")
    coming = Coming(TreePath(FOLDER), NAME, len(CONTENT), CHANGED_MS)
    coming_in.begin(coming)
    coming_in.write(coming, 0, CONTENT)
    do("session.seal", project=trees.PROJECT, session=trees.SESSION)
    digest = hashlib.sha256(CONTENT).hexdigest()
    steps: list[Callable[[], Any]] = [
        lambda: coming_in.finish(coming, digest),
        lambda: coming_in.cancel(coming),
        lambda: coming_in.begin(coming),
        lambda: coming_in.make_folder(TreePath(FOLDER), "new"),
    ]
    for step in steps:
        with pytest.raises(NotAllowed, match=r"(is|was) sealed"):
            step()


def test_a_full_disk_is_said_before_and_meanwhile(tmp_path: Path, actor: Actor) -> None:
    """What does not fit is refused at once; one that fills up keeps what came, and it goes on from there."""
    with trees.mounted(tmp_path, "tmpfs", 2) as root:
        raw = trees.make_session(root, {}) / "raw"
        opened = DiskStore(Site(root=str(root)), state=tmp_path / "state", cache=tmp_path / "cache")
        try:
            coming_in, content = Uploads(opened, actor), b"z" * 1_500_000
            with pytest.raises(DiskFull, match="room for"):
                coming_in.begin(Coming(TreePath(FOLDER), "huge.dat", 1 << 40, CHANGED_MS))
            coming = Coming(TreePath(FOLDER), "half.dat", len(content), CHANGED_MS)
            (raw / "huge.dat").unlink(missing_ok=True)
            coming_in.begin(coming)
            (raw / "others.dat").write_bytes(b"o" * 1_000_000)
            with pytest.raises(DiskFull):
                coming_in.write(coming, 0, content)
            (raw / "others.dat").unlink()
            brought(coming_in, coming, content)
            assert trees.contents(raw)[b"half.dat"] == content
        finally:
            opened.close()


def begins(root: Path) -> str:
    """What whoever runs this has of a file already, and adds to it; or the sentence that refuses it."""
    store = DiskStore(Site(root=str(root)))
    coming = Coming(TreePath(FOLDER), "a.dat", 1000, 1)
    try:
        coming_in = Uploads(store, local_actor(Via.LAB))
        offset = coming_in.begin(coming)
        coming_in.write(coming, offset, b"x" * 100)
    except ModamaError as error:
        return str(error)
    finally:
        store.close()
    return str(offset)


def test_people_bring_with_their_own_rights(root: Path, people: Accounts) -> None:
    """Who may not write in a folder brings nothing into it, and learns why; nobody goes on with another's part."""
    raw = trees.make_session(root, {}) / "raw"
    raw.chmod(0o777)
    begun = [as_person(who.uid, lambda: begins(root)) for who in (people.alice, people.alice, people.bob)]
    assert begun == ["0", "100", "0"]
    raw.chmod(0o755)
    assert "You cannot write in this folder" in as_person(people.carol.uid, lambda: begins(root))
