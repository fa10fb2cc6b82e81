"""Jupyter's own file browser and editor in the data tree."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_modama.store.disk import state_folder
from jupyter_modama.testing import trees

HERE = f"data tree/{trees.PROJECT}/{trees.SESSION}"
SENTENCE = f"because session {trees.SESSION} was sealed by"
TEXT = {"type": "file", "format": "text", "content": "other"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The tree lies in the folder that Jupyter shows, as in a home."""
    folder = tmp_path / "jupyter" / "data tree"
    folder.mkdir(parents=True)
    yield folder
    trees.clear(folder)


@pytest.fixture
def jp_root_dir(root: Path) -> Path:
    return root.parent


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    return {**jp_server_config, "FileContentsManager": {"delete_to_trash": False}}


@pytest.fixture
def session(root: Path) -> Path:
    return trees.make_session(root, {"a.txt": b"first", "50% #&'ä.txt": b"second"})


@pytest.fixture
def contents(jp_fetch: Any) -> Any:
    """A request to Jupyter's contents; answers its status and its JSON, of an error too."""

    async def ask(path: str, method: str = "GET", /, **body: Any) -> tuple[int, Any]:
        sent = json.dumps(body) if method in {"PUT", "PATCH", "POST"} else None
        try:
            response = await jp_fetch("api", "contents", *path.split("/"), method=method, body=sent)
        except HTTPClientError as error:
            return error.code, json.loads(error.response.body if error.response else b"null")
        return response.code, json.loads(response.body or b"null")

    return ask


async def seal(call: Any) -> None:
    job = (await call("session.seal", project=trees.PROJECT, session=trees.SESSION))["job"]
    while job["state"] in {"queued", "running"}:
        await asyncio.sleep(0.05)
        job = await call("job.show", id=job["id"])
    assert job["state"] == "done", job


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "raw/a.txt", TEXT),
    ("PUT", "raw/50% #&'ä.txt", TEXT),
    ("PUT", "raw/new.txt", TEXT),
    ("DELETE", "raw/a.txt", {}),
    ("DELETE", "raw", {}),
    ("PATCH", "raw/a.txt", {"path": f"{HERE}/raw/b.txt"}),
    ("PATCH", "raw/a.txt", {"path": f"{HERE}/analysis/a.txt"}),
    ("PATCH", "notes.txt", {"path": f"{HERE}/raw/notes.txt"}),
    ("POST", "raw", {"type": "notebook"}),
    ("POST", "raw", {"copy_from": f"{HERE}/notes.txt"}),
]


async def test_what_a_seal_refuses_says_so_in_jupyters_own_browser(contents: Any, call: Any, session: Path) -> None:
    """Save, delete, rename, move, copy and new in sealed data end in the seal's sentence, and leave nothing behind."""
    (session / "notes.txt").write_text("mine")
    before = trees.contents(session)
    await seal(call)
    for method, path, body in REFUSED:
        status, answer = await contents(f"{HERE}/{path}", method, **body)
        assert (status, SENTENCE in answer["message"]) == (403, True), (method, path, answer)
        assert "%%" not in answer["message"]
    after = trees.contents(session)
    assert {name: after.get(name) for name in before} == before
    assert not [name for name in after if name.startswith(b"analysis/")]


async def test_a_folder_with_sealed_data_is_not_deleted_half(contents: Any, call: Any, session: Path) -> None:
    """A session or project that holds sealed data keeps all that is in it, and not only what is sealed."""
    (session / "analysis/result.txt").write_text("mine")
    await seal(call)
    for path in (HERE, f"data tree/{trees.PROJECT}"):
        status, answer = await contents(path, "DELETE")
        assert (status, SENTENCE in answer["message"]) == (403, True)
        assert "holds sealed data" in answer["message"]
    assert (session / "analysis/result.txt").read_text() == "mine"


async def test_beside_sealed_data_all_goes_on(contents: Any, call: Any, session: Path) -> None:
    """What lies beside raw is saved, renamed and deleted as ever; the page of notes too."""
    await seal(call)
    assert (await contents(f"{HERE}/notes.md", "PUT", **TEXT))[0] == 201
    assert (await contents(f"{HERE}/notes.md", "PATCH", path=f"{HERE}/analysis/n.md"))[0] == 200
    assert (await contents(f"{HERE}/analysis/n.md", "DELETE"))[0] == 204
    assert (await contents(f"{HERE}/analysis/none", "DELETE"))[0] == 404
    assert (await contents("elsewhere.txt", "PUT", **TEXT))[0] == 201


async def test_no_checkpoint_is_made_inside_raw(contents: Any, session: Path) -> None:
    """A checkpoint of a file in raw lies in the person's own state, and brings the file back all the same."""
    path = f"{HERE}/raw/a.txt"
    status, made = await contents(f"{path}/checkpoints", "POST")
    assert status == 201
    assert (await contents(path, "PUT", **TEXT))[0] == 200
    assert (await contents(f"{path}/checkpoints/{made['id']}", "POST"))[0] == 204
    assert (session / "raw/a.txt").read_bytes() == b"first"
    assert sorted(f.name for f in (session / "raw").iterdir()) == ["50% #&'ä.txt", "a.txt"]
    assert len(list((state_folder() / "checkpoints").rglob("*.txt"))) == 1
    (session / "notes.txt").write_text("x")
    await contents(f"{HERE}/notes.txt/checkpoints", "POST")
    assert [f.name for f in (session / ".ipynb_checkpoints").iterdir()] == ["notes-checkpoint.txt"]
