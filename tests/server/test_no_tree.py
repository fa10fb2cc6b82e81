"""A server that has no data tree yet says so, and makes one on request."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_modama": True}, "allow_unauthenticated_access": False}}


async def test_without_a_tree_everything_says_how_to_get_one(jp_fetch: Any, call: Any) -> None:
    """Status names the folder that would be made; every operation answers in words."""
    status = json.loads((await jp_fetch("modama", "api", "status")).body)
    assert status["mode"] == "no-tree"
    assert status["suggested_root"] == os.path.join(os.environ["HOME"], "modama-data")
    for operation in ("project.list", "folder.list", "doctor.run"):
        answer = await call(operation)
        assert answer["type"] == "urn:modama:not-found", operation
        assert "data tree" in answer["detail"]


async def test_one_click_makes_a_tree_that_stays(jp_fetch: Any, call: Any) -> None:
    """After `root.make` projects can be made, and a second call changes nothing."""
    made = await call("root.make")
    assert made["mode"] == "embedded"
    project = await call("project.create", name="first")
    assert (Path(made["root"]) / project["path"]).is_dir()
    again = await call("root.make")
    assert again["root"] == made["root"]
    assert [p["name"] for p in (await call("project.list"))["items"]] == ["first"]
