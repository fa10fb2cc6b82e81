"""A real Jupyter server with our extension, on a tree of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_core import *  # noqa: F403  fixtures and the hooks that run coroutines
from pytest_jupyter.jupyter_server import *  # noqa: F403

# As a plugin they would have to be named at the top, and their loop would be made for every other test too.


@pytest.fixture
def jp_server_config(root: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_modama": True}, "allow_unauthenticated_access": False},
        "ModamaExtension": {"root": str(root)},
    }


@pytest.fixture
def call(jp_fetch: Any) -> Any:
    """POST an operation and answer its JSON, of an error too."""

    async def post(operation: str, /, **wanted: Any) -> Any:
        from tornado.httpclient import HTTPClientError

        try:
            response = await jp_fetch("modama", "api", operation, method="POST", body=json.dumps(wanted))
        except HTTPClientError as error:
            return json.loads(error.response.body if error.response else b"null")
        return json.loads(response.body)

    return post
