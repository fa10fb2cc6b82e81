"""Every route: who is let in, and what a refusal looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from jupyter_modama.core.operations import OPERATIONS, Kind
from jupyter_modama.server.openapi import document

pytestmark = pytest.mark.usefixtures("http_server")

OTHERS = {
    "status": "GET",
    "openapi.json": "GET",
    "events": "GET",
    "preview": "GET",
    "libertem.open": "POST",
    "root.make": "POST",
}
ROUTES = {**{name: "POST" for name in OPERATIONS}, **OTHERS, "no.such": "POST"}
POSTS = [name for name, method in ROUTES.items() if method == "POST"]


async def plain_fetch(url: str, method: str, body: str | None = None, **headers: str) -> HTTPResponse:
    """A request with no credentials other than those given."""
    return await AsyncHTTPClient().fetch(
        url, raise_error=False, method=method, body=body, headers=headers, follow_redirects=False
    )


def problem(response: HTTPResponse) -> dict[str, Any]:
    """The body of an error, which has one shape everywhere and leaks nothing."""
    assert response.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(response.body)
    assert found["type"].startswith("urn:modama:")
    assert found["status"] == response.code
    assert found["detail"]
    assert found["instance"]
    assert b"Traceback" not in response.body
    assert b"site-packages" not in response.body
    return found


@pytest.mark.parametrize("name", sorted(ROUTES))
async def test_nobody_gets_in_without_a_token(jp_serverapp: Any, name: str) -> None:
    """A request without token or cookie is refused, whatever it asks."""
    method = ROUTES[name]
    response = await plain_fetch(
        f"{jp_serverapp.connection_url}modama/api/{name}", method, "{}" if method == "POST" else None
    )
    assert response.code in {401, 403}
    problem(response)


@pytest.mark.parametrize("name", sorted(POSTS))
async def test_a_cookie_without_xsrf_changes_nothing(jp_serverapp: Any, name: str) -> None:
    """A foreign page can send the person's cookie, but not the XSRF header."""
    cookie = await login_cookie(jp_serverapp)
    response = await plain_fetch(f"{jp_serverapp.connection_url}modama/api/{name}", "POST", "{}", Cookie=cookie)
    assert response.code == 403
    assert "XSRF" in problem(response)["detail"].upper()


async def login_cookie(server: Any) -> str:
    """The cookie that a browser has after signing in with the token."""
    response = await plain_fetch(f"{server.connection_url}tree?token={server.identity_provider.token}", "GET")
    pairs = [text.split(";")[0] for text in response.headers.get_list("Set-Cookie")]
    assert any(pair.startswith("username-") for pair in pairs), pairs
    return "; ".join(pair for pair in pairs if not pair.startswith("_xsrf"))


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "null", "\x00", '{"no_such_field": 1}'])
@pytest.mark.parametrize("name", sorted(set(POSTS) - {"no.such"}))
async def test_a_malformed_body_is_refused_in_words(jp_serverapp: Any, name: str, body: str) -> None:
    """Whatever a body holds, the answer is a 4xx that says what is wrong with it."""
    if body == '{"no_such_field": 1}' and name not in OPERATIONS:
        return
    response = await plain_fetch(
        f"{jp_serverapp.connection_url}modama/api/{name}",
        "POST",
        body,
        Authorization=f"token {jp_serverapp.identity_provider.token}",
    )
    assert response.code == 422
    assert problem(response)["type"] == "urn:modama:invalid"


@pytest.mark.parametrize("name", sorted(n for n, op in OPERATIONS.items() if op.kind is not Kind.READ))
async def test_a_link_never_changes_anything(jp_serverapp: Any, name: str) -> None:
    """A change or a long operation cannot be asked for with a GET."""
    response = await plain_fetch(
        f"{jp_serverapp.connection_url}modama/api/{name}",
        "GET",
        Authorization=f"token {jp_serverapp.identity_provider.token}",
    )
    assert response.code == 405
    problem(response)


async def test_an_unknown_operation_is_not_found(jp_serverapp: Any) -> None:
    """An address below the API that does not exist answers like any other error."""
    response = await plain_fetch(
        f"{jp_serverapp.connection_url}modama/api/session.explode",
        "POST",
        "{}",
        Authorization=f"token {jp_serverapp.identity_provider.token}",
    )
    assert response.code == 404
    assert "session.explode" in problem(response)["detail"]


def test_openapi_holds_every_route() -> None:
    """The document has each operation and each route of the server's own."""
    paths = document()["paths"]
    assert {f"/modama/api/{name}" for name in OPERATIONS} <= set(paths)
    assert {f"/modama/api/{name}" for name in ("status", "libertem.open", "root.make")} <= set(paths)


def test_the_committed_openapi_is_current() -> None:
    """`openapi.json` in the tree is what the table makes."""
    from jupyter_modama.server.openapi import text

    committed = Path(__file__).parents[2] / "labextension/src/api/openapi.json"
    assert committed.read_text() == text(), "run `make types`"
