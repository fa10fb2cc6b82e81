"""Addresses at which links from outside arrive: where they lead, what they refuse, and that they change nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from jupyter_modama.core.paths import encoded
from jupyter_modama.testing import trees

pytestmark = pytest.mark.usefixtures("http_server")

ODD = "adhoc/a ä #&%' </script><b>/s"
NO_TEXT = os.fsdecode(b"adhoc/not-utf8-\xff")
WAYS = ("lab", "libertem")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    trees.make_session(tmp_path / "storage")
    return tmp_path / "storage"


async def opened(server: Any, way: str, query: str, *, signed_in: bool = True, method: str = "GET") -> HTTPResponse:
    """What a browser gets that follows a link, before it goes on."""
    headers = {"Authorization": f"token {server.identity_provider.token}"} if signed_in else {}
    url = f"{server.connection_url}modama/open/{way}?{query}"
    body = "" if method == "POST" else None
    fetch = AsyncHTTPClient().fetch
    return await fetch(url, raise_error=False, follow_redirects=False, headers=headers, method=method, body=body)


async def test_link_to_a_folder_leads_to_lab_which_is_told_the_path(jp_serverapp: Any) -> None:
    found = await opened(jp_serverapp, "lab", f"path={quote(ODD, safe='')}")
    assert found.code == 302
    to = urlsplit(found.headers["Location"])
    assert to.path == f"{jp_serverapp.base_url}lab"
    assert not to.netloc
    assert parse_qs(to.query) == {"modama-path": [ODD]}


@pytest.mark.parametrize("query", [f"path_b64={encoded(NO_TEXT)}", "path=adhoc/not-utf8-%FF"])
async def test_path_that_is_no_text_travels_as_its_bytes(jp_serverapp: Any, query: str) -> None:
    """Both ways of writing it down name the same path."""
    found = await opened(jp_serverapp, "lab", query)
    asked = parse_qs(urlsplit(found.headers["Location"]).query)
    assert asked["modama-path_b64"] == [encoded(NO_TEXT)]


async def test_link_to_a_data_set_leads_to_a_page_that_opens_it(jp_serverapp: Any) -> None:
    """The path stands in the page as a value, whatever is in it."""
    found = await opened(jp_serverapp, "libertem", f"path={quote(ODD, safe='')}")
    assert found.code == 200
    text = found.body.decode()
    said = re.search('<script id="modama-site" type="application/json">(.*?)</script>', text)
    assert said is not None
    assert json.loads(said[1]) == {"page": "open", "base": jp_serverapp.base_url, "path": ODD, "path_b64": ""}
    assert "<b>" not in text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("query", ["path=../../etc", "path=/etc/passwd", "path=a%00b", "path_b64=%21%21%21"])
async def test_path_that_is_none_is_refused_in_words(jp_serverapp: Any, way: str, query: str) -> None:
    found = await opened(jp_serverapp, way, query)
    assert found.code == 422
    assert b"not a path in the data tree" in found.body
    assert b"Traceback" not in found.body


@pytest.mark.parametrize("way", WAYS)
async def test_stranger_is_sent_to_sign_in_whether_or_not_the_path_is_there(jp_serverapp: Any, way: str) -> None:
    """Both answers differ in the address alone that the stranger brought."""
    answers = []
    for path in (f"{trees.PROJECT}/{trees.SESSION}", "adhoc/not-there"):
        found = await opened(jp_serverapp, way, f"path={quote(path, safe='')}", signed_in=False)
        assert found.code == 302
        to = urlsplit(found.headers["Location"])
        assert to.path == f"{jp_serverapp.base_url}login"
        answers.append((found.code, to.path, found.body))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("way", WAYS)
async def test_following_a_link_changes_nothing(jp_serverapp: Any, way: str, root: Path, call: Any) -> None:
    """The tree and the book of what was done are as before; and nothing can be sent there."""
    before = trees.contents(root), await call("audit.list")
    assert (await opened(jp_serverapp, way, f"path={trees.PROJECT}")).code < 400
    assert (await opened(jp_serverapp, way, f"path={trees.PROJECT}", method="POST")).code in {403, 405}
    assert (trees.contents(root), await call("audit.list")) == before
