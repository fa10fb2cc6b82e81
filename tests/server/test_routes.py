"""Every route: who is let in, and what a refusal looks like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import HTTPError, RequestHandler

from jupyter_modama.core.operations import OPERATIONS, Kind
from jupyter_modama.server.handlers import ModamaHandler, _as_modama
from jupyter_modama.server.openapi import contract, document
from jupyter_modama.server.page import PageAssets, PageHandler

pytestmark = pytest.mark.usefixtures("http_server")

OTHERS = {
    "status": "GET",
    "openapi.json": "GET",
    "events": "GET",
    "preview": "GET",
    "frame": "GET",
    "libertem.open": "POST",
    "root.make": "POST",
    "upload": "PUT",
    "upload.begin": "POST",
    "upload.finish": "POST",
    "upload.cancel": "POST",
    "folder.make": "POST",
    "download.prepare": "POST",
    "download.zip": "GET",
}
ROUTES = {**{name: "POST" for name in OPERATIONS}, **OTHERS, "no.such": "POST"}
POSTS = [name for name, method in ROUTES.items() if method == "POST"]
CHANGING = {name: method for name, method in ROUTES.items() if method != "GET"}


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
        f"{jp_serverapp.connection_url}modama/api/{name}", method, None if method == "GET" else "{}"
    )
    assert response.code in {401, 403}
    problem(response)


@pytest.mark.parametrize("name", sorted(CHANGING))
async def test_a_cookie_without_xsrf_changes_nothing(jp_serverapp: Any, name: str) -> None:
    """A foreign page can send the person's cookie, but not the XSRF header."""
    cookie = await login_cookie(jp_serverapp)
    url = f"{jp_serverapp.connection_url}modama/api/{name}"
    response = await plain_fetch(url, CHANGING[name], "{}", Cookie=cookie)
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


PAGES = [
    "modama/page",
    "modama/page/",
    "modama/page/assets/page.js",
    "modama/page/assets/page.css",
    "modama/page/assets/",
    "modama/page/assets/no-such-file.js",
    "modama/page/assets/../page.js",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", PAGES)
async def test_no_page_is_shown_without_a_token(jp_serverapp: Any, path: str, method: str) -> None:
    """The plain page and its files send a stranger away: to the login, or with a refusal."""
    body = "{}" if method in {"POST", "PUT", "PATCH"} else None
    response = await plain_fetch(jp_serverapp.connection_url + path, method, body)
    if method == "OPTIONS" and response.code == 204:  # a browser's question what may be asked; it is told nothing else
        assert not response.body
    elif response.code == 302:
        assert "/login" in response.headers["Location"]
    else:
        assert response.code in {401, 403, 404, 405}
    assert b"modama/page/assets" not in response.body


@pytest.mark.parametrize("path", ["modama/page/assets/%2e%2e/__init__.py", "modama/page/assets/..%2f__init__.py"])
async def test_assets_lead_nowhere_else(jp_serverapp: Any, path: str) -> None:
    """Only the page's own files are served there, to those who are signed in, too."""
    token = f"token {jp_serverapp.identity_provider.token}"
    response = await plain_fetch(jp_serverapp.connection_url + path, "GET", Authorization=token)
    assert response.code in {403, 404}
    assert b"import" not in response.body


MALFORMED_PREVIEWS = [
    "",
    "path=adhoc/none.dm4",
    "path=../../etc/passwd",
    "path=/etc/passwd",
    "path=a%00b",
    "path=%ff",
    "path_b64=%21%21%21",
    "path_b64=\u00e4",
    "path=adhoc&size=abc",
    "path=adhoc/a.npy&size=abc",
    "path=adhoc/a.npy&size=-1",
    "path=adhoc/a.npy&size=999999999",
    "path=adhoc/a.npy&size=" + "9" * 5000,
    "path=adhoc/a.npy&contrast=shrill",
    "path=adhoc/a.npy&gamma=nan",
    "path=adhoc/a.npy&gamma=1e999",
    "path=adhoc/a.npy&gamma=0",
    "path=adhoc/a.npy&low=99&high=1",
    "path=adhoc/a.npy&frame=-7",
    "path=adhoc/a.npy&frame=1.5",
    "path=adhoc/a.npy&signal=-1",
    "path=adhoc/a.npy&colour=red",
    "path=adhoc/a.npy&%ff=1",
]


@pytest.mark.parametrize("query", MALFORMED_PREVIEWS)
async def test_malformed_previews_are_refused_in_words(jp_serverapp: Any, root: Path, query: str) -> None:
    """Whatever the address of a preview holds, the answer is a 4xx that says what is wrong with it."""
    (root / "adhoc").mkdir()
    (root / "adhoc/a.npy").write_bytes(b"\x93NUMPY")
    response = await get_with_token(jp_serverapp, f"preview?{quote(query, safe='%=&/')}")
    assert response.code in {404, 415, 422}
    problem(response)


@pytest.mark.parametrize("query", ["no_such_field=1", "%ff=1", "project=%ff&path=%ff", "path_b64=%21", "limit=many"])
@pytest.mark.parametrize("name", sorted(n for n, op in OPERATIONS.items() if op.kind is Kind.READ))
async def test_malformed_questions_are_refused_in_words(jp_serverapp: Any, name: str, query: str) -> None:
    """What only reads takes its fields in the address as well, and judges them as it does those of a body."""
    known = {field.name for field in fields(OPERATIONS[name].wanted)}
    if (
        not known & {pair.partition("=")[0] for pair in query.split("&")}
        and "no_such" not in query
        and "ff=" not in query
    ):
        query += "&no_such_field=1"
    response = await get_with_token(jp_serverapp, f"{name}?{query}")
    assert response.code == 422
    assert problem(response)["type"] in {"urn:modama:invalid", "urn:modama:path-refused"}


@pytest.mark.parametrize("address", ["preview?path=adhoc/a.png&1700000000000", "folder.list?path=adhoc&1700000000000"])
async def test_what_keeps_a_browser_from_its_cache_is_no_field(jp_serverapp: Any, root: Path, address: str) -> None:
    """JupyterLab adds the time to each address."""
    (root / "adhoc").mkdir()
    Image.new("L", (16, 16)).save(root / "adhoc/a.png")
    assert (await get_with_token(jp_serverapp, address)).code == 200


async def get_with_token(server: Any, address: str) -> HTTPResponse:
    """A GET of an address below the API, signed in."""
    token = f"token {server.identity_provider.token}"
    return await plain_fetch(f"{server.connection_url}modama/api/{address}", "GET", Authorization=token)


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


# What is no part of the interface: for people's eyes, and what stands for all other addresses.
NOT_DESCRIBED = {"/modama/page/?", "/modama/page/assets/(.*)", "/modama/api/.*"}


def test_openapi_holds_every_route(jp_serverapp: Any) -> None:
    """Each address that the server has is in the document with its methods, or is named as a page; and no other."""
    paths = document()["paths"]
    base = re.escape(jp_serverapp.web_app.settings["base_url"].rstrip("/"))
    found: dict[str, set[str]] = {}
    for rule in rules_of(jp_serverapp.web_app.default_router):
        pattern = rule.matcher.regex.pattern.rstrip("$")
        if issubclass(rule.target, (ModamaHandler, PageHandler, PageAssets)):
            found[pattern.removeprefix(base)] = methods_of(rule)
    described = {p: m for p, m in found.items() if p not in NOT_DESCRIBED}
    assert found.keys() - described.keys() == NOT_DESCRIBED
    assert {p.replace("\\", ""): m for p, m in described.items()} == {p: set(row) for p, row in paths.items()}


def methods_of(rule: Any) -> set[str]:
    """What can be asked of a route; of the operations only those that read take a GET."""
    target, operation = rule.target, rule.target_kwargs.get("operation")
    own = {name for name in ("get", "post", "put") if getattr(target, name) is not getattr(RequestHandler, name)}
    return own - {"get"} if operation is not None and operation.kind is not Kind.READ else own


def rules_of(router: Any) -> Iterator[Any]:
    """The routes of a router and of the routers in it."""
    for rule in router.rules:
        if hasattr(rule.target, "rules"):
            yield from rules_of(rule.target)
        elif hasattr(rule.matcher, "regex") and isinstance(rule.target, type):
            yield rule


@pytest.mark.parametrize(
    ("path", "kind"), [("preview", "image/png"), ("events", "text/event-stream"), ("status", "application/json")]
)
def test_openapi_says_what_comes(path: str, kind: str) -> None:
    """A picture and a stream are described as such, and their errors as problems like all others."""
    responses = document()["paths"][f"/modama/api/{path}"]["get"]["responses"]
    assert list(responses["200"]["content"]) == [kind]
    assert list(responses["default"]["content"]) == ["application/problem+json"]


def test_the_committed_openapi_is_current() -> None:
    """`openapi.json` in the tree is what the table makes."""
    from jupyter_modama.server.openapi import text

    committed = Path(__file__).parents[2] / "labextension/src/api/openapi.json"
    assert committed.read_text() == text(), "run `make types`"


def test_both_halves_name_the_same_interface() -> None:
    """The sidebar knows the interface that it was built for by the name that the server gives it."""
    built_for = Path(__file__).parents[2] / "labextension/src/api/contract.ts"
    assert f"'{contract()}'" in built_for.read_text(), "run `make types`"


def test_hub_that_cannot_be_asked_who_it_is_is_named() -> None:
    """What lets people in at a hub raises this while the hub is away; nothing is wrong inside this server."""
    error = _as_modama(HTTPError(500, "Failed to connect to Hub API at http://127.0.0.1:1/hub/api"), 500)
    assert (error.code, error.status) == ("unreachable", 503)
    assert "the hub" in str(error)
    assert "127.0.0.1" not in str(error)
    assert _as_modama(RuntimeError("inside"), 500).code == "storage-error"
