"""Sign-in by the system's own passwords, at a Nextcloud, and with the demo's password: a real hub, real accounts."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from running_sign_in import Hub, free_port, running_hub

from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, account

pytestmark = [
    pytest.mark.root,
    pytest.mark.network,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="accounts can be made by root only"),
]
PASSWORD = "a pass & word 7"


class Browser:
    """Something that keeps cookies and follows where it is sent."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.jar = hub, CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, address at the end, and text."""
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with self.opener.open(self.hub.url + path, data, timeout=60) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.url, error.read().decode()

    def sign_in(self, login: str, password: str) -> tuple[int, str, str]:
        """By the hub's own form."""
        self.open("/hub/login")
        xsrf = next(cookie.value for cookie in self.jar if cookie.name == "_xsrf")
        return self.open("/hub/login", {"username": login, "password": password, "_xsrf": str(xsrf)})

    @property
    def is_in(self) -> bool:
        return self.open("/hub/home")[1].endswith("/hub/home")


@pytest.fixture
def folder() -> Iterator[Path]:
    with trees.reachable_folder() as made:
        yield made


@pytest.fixture
def mia() -> Iterator[Account]:
    """An account with a password of the system."""
    with account("mia") as made:
        subprocess.run(["chpasswd"], input=f"{made.login}:{PASSWORD}", text=True, check=True)
        yield made


def test_the_systems_password_lets_in_and_no_other_one(folder: Path, mia: Account) -> None:
    with running_hub(folder, free_port(), 'kind = "pam"') as hub:
        stranger = Browser(hub)
        stranger.sign_in(mia.login, "guessed")
        assert not stranger.is_in
        right = Browser(hub)
        right.sign_in(mia.login, PASSWORD)
        assert right.is_in
        assert isinstance(hub.ask(f"users/{mia.login}"), dict)
        assert PASSWORD not in hub.log


def test_a_number_below_the_sites_minimum_is_refused_with_the_right_password(folder: Path, mia: Account) -> None:
    with running_hub(folder, free_port(), 'kind = "pam"', "c.PamSignIn.minimum_uid = 60000") as hub:
        visitor = Browser(hub)
        status, _, text = visitor.sign_in(mia.login, PASSWORD)
        assert status == 403
        assert "is an account of the system and no person" in text
        assert not visitor.is_in


def test_the_demos_password_is_for_accounts_that_are_there(folder: Path, mia: Account) -> None:
    file = folder / "password"
    file.touch(mode=0o600)
    file.write_text("cedar-coral-delta\n")
    with running_hub(folder, free_port(), f'kind = "demo"\npassword_file = "{file}"') as hub:
        right = Browser(hub)
        right.sign_in(mia.login, "cedar-coral-delta")
        assert right.is_in
        for login, says in (("nobody-has-this", "there is no account"), ("root", "account of the system")):
            status, _, text = Browser(hub).sign_in(login, "cedar-coral-delta")
            assert (status, says.lower() in text.lower()) == (403, True)


class Nextcloud(BaseHTTPRequestHandler):
    """Answers as Nextcloud's OAuth2 app does (developer manual, "OAuth2", and the OCS user API)."""

    who: ClassVar[dict[str, Any]] = {}
    secret: ClassVar[str] = "nextclouds-secret"

    def log_message(self, *_: object) -> None:
        pass

    def _json(self, value: Any, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(parts.query))
        if parts.path == "/index.php/apps/oauth2/authorize":
            self.send_response(303)
            said = urllib.parse.urlencode({"state": asked["state"], "code": "the-code"})
            self.send_header("Location", f"{asked['redirect_uri']}?{said}")
            self.end_headers()
        elif parts.path == "/ocs/v2.php/cloud/user" and self.headers["OCS-APIRequest"] == "true":
            known = self.headers["Authorization"] == "Bearer the-token"
            self._json({"ocs": {"meta": {"status": "ok"}, "data": self.who}} if known else {}, 200 if known else 401)
        else:
            self._json({}, 404)

    def do_POST(self) -> None:
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if self.path != "/index.php/apps/oauth2/api/v1/token" or form.get("code") != "the-code":
            self._json({"error": "invalid_request"}, 400)
        elif (form.get("client_id"), form.get("client_secret")) != ("hub", self.secret):
            self._json({"error": "invalid_client"}, 400)
        else:
            self._json({"access_token": "the-token", "token_type": "Bearer", "expires_in": 3600, "user_id": "x"})


@contextmanager
def nextcloud(**who: Any) -> Iterator[str]:
    """Its address; who signs in there is `who`."""
    handler = type("Answering", (Nextcloud,), {"who": who})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def nextcloud_sign_in(folder: Path, address: str) -> str:
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(Nextcloud.secret)
    return (
        f'kind = "nextcloud"\nissuer = "{address}"\nclient_id = "hub"\nclient_secret_file = "{secret}"\n'
        'allowed_groups = ["microscopy"]\n'
    )


def test_somebody_of_the_nextcloud_is_let_in_with_the_groups_there(folder: Path, mia: Account) -> None:
    with (
        nextcloud(id=mia.login, groups=["microscopy"], email="mia@example.org") as address,
        running_hub(folder, free_port(), nextcloud_sign_in(folder, address)) as hub,
    ):
        visitor = Browser(hub)
        visitor.open("/hub/oauth_login")
        assert visitor.is_in
        model = hub.ask(f"users/{mia.login}")
        assert isinstance(model, dict)
        assert model["groups"] == ["microscopy"]


@pytest.mark.parametrize(
    ("who", "says"),
    [({"groups": ["others"]}, "only members of “microscopy”"), ({"id": "daemon"}, "account of the system")],
)
def test_others_of_the_nextcloud_are_refused(folder: Path, mia: Account, who: dict[str, Any], says: str) -> None:
    with (
        nextcloud(**{"id": mia.login, "groups": ["microscopy"], **who}) as address,
        running_hub(folder, free_port(), nextcloud_sign_in(folder, address)) as hub,
    ):
        visitor = Browser(hub)
        status, _, text = visitor.open("/hub/oauth_login")
        assert (status, says in text) == (403, True)
        assert not visitor.is_in


def test_a_provider_that_is_away_is_said(folder: Path) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    rows = nextcloud_sign_in(folder, gone).replace('"nextcloud"', '"oidc"').replace("allowed_groups", "scopes")
    with running_hub(folder, free_port(), rows) as hub:
        status, _, text = Browser(hub).open("/hub/oauth_login")
        assert status == 503
        assert "The sign-in service cannot be used now" in text
