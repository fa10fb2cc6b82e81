"""Who is let in: the sign-in classes of the hub, all of which end at an account of the system.

Made by `configure`; every setting can be changed after it, as `c.OpenIDSignIn.login_pattern = ...`.
"""

from __future__ import annotations

import html
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.auth import Authenticator, PAMAuthenticator
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from tornado.web import HTTPError
from traitlets import Any as AnyTrait
from traitlets import Integer, List, Unicode, default

from hub_config.accounts import ANY_LOGIN, AccountRules, account_of
from hub_config.id_tokens import LOOPBACK
from hub_config.secret_files import read_secret
from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed

Arrival = Callable[[str, str], Awaitable[None]]


class KnownAccount(Authenticator):  # type: ignore[misc]
    """What all have in common: the hub's name of a person is their account, exactly as the system spells it."""

    login_claim = Unicode("preferred_username", config=True, help="The claim that names the person.")
    login_pattern = Unicode(
        ANY_LOGIN,
        config=True,
        help="What the whole claim must match; the first group is the system's login.",
    )
    minimum_uid = Integer(1000, config=True, help="Accounts below are the system's, and never let in.")
    of_system = List(Unicode(), config=True, help="Further accounts that are no person's.")
    arrival: Any = AnyTrait(None, allow_none=True, config=True, help="Told login and verified address at each sign-in.")

    @property
    def rules(self) -> AccountRules:
        return AccountRules(self.login_claim, self.login_pattern, self.minimum_uid, frozenset(self.of_system))

    def normalize_username(self, username: str) -> str:
        """As it is: the hub's own rule makes Alice and alice one name, and they can be two accounts."""
        return username

    def known(self, login: str) -> str:
        """The account's own spelling of a login.

        Raises: HTTPError 403, with the reason on the page.
        """
        try:
            return str(account_of(login, self.rules).pw_name)
        except NotAllowed as error:
            self.log.warning("Nobody is let in as %r: %s", login[:100], error)
            raise refusal(error, self.way_out()) from None

    def way_out(self) -> str:
        """Where people can sign out, to come back as somebody else; empty where there is no such place."""
        return ""

    def is_still_known(self, login: str) -> bool:
        """Whether the account of somebody who signed in earlier is there, and a person's."""
        try:
            return bool(account_of(login, self.rules).pw_name == login)
        except NotAllowed as error:
            self.log.warning("%s is let in no more: %s", login, error)
            return False

    async def refresh_user(self, user: Any, handler: Any = None, **more: Any) -> Any:
        """Somebody whose account is gone has to sign in again, which is refused then."""
        return self.is_still_known(user.name)

    async def arrived(self, login: str, address: str) -> None:
        """Tell whoever wants to know; that this does not work keeps nobody out."""
        if self.arrival is None or not address:
            return
        try:
            await self.arrival(login, address)
        except Exception as error:  # what others do at a sign-in must not prevent it
            self.log.error("What follows the sign-in of %s did not work: %s", login, error)


def refusal(error: ModamaError, way_out: str = "") -> HTTPError:
    """The page that says why somebody is not let in."""
    sentence = str(error)
    sentence = sentence[:1].upper() + sentence[1:] + "."
    page = HTTPError(error.status, "%s", sentence, reason="You are not let in")
    page.jupyterhub_message = sentence  # type: ignore[attr-defined]  # JupyterHub 5 would show the reason alone
    if way_out:
        link = f'<a href="{html.escape(way_out, quote=True)}">Sign out at the sign-in service</a>'
        page.jupyterhub_html_message = f"{html.escape(sentence)}</p><p>{link}, to come back as somebody else."  # type: ignore[attr-defined]
    return page


class PamSignIn(KnownAccount, PAMAuthenticator):  # type: ignore[misc]
    """The password of the system's account."""

    async def authenticate(self, handler: Any, data: Any = None) -> str | None:
        login = await super().authenticate(handler, data)
        return None if login is None else self.known(login)


class DemoSignIn(KnownAccount, SharedPasswordAuthenticator):  # type: ignore[misc]
    """One password for everybody: whoever knows it is whoever they like. On one's own machine only."""

    password_file = Unicode("", config=True, help="The file with the password, readable by its owner alone.")

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        address = getattr(self.parent, "bind_url", "")
        if not is_loopback(address):
            raise Invalid(
                what=f"the demo's shared password is refused on {address or 'an unknown address'}: anybody who knows "
                "it is anybody. Listen on http://127.0.0.1, or sign people in by oidc, nextcloud or pam"
            )

    @default("user_password")
    def _password(self) -> str:
        return read_secret(Path(self.password_file), "the demo's password")

    async def authenticate(self, handler: Any, data: Any = None) -> Any:
        found = await super().authenticate(handler, data)
        return None if found is None else {**found, "name": self.known(found["name"])}


def is_loopback(address: str) -> bool:
    """Whether only programs on this machine can come there."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return host in LOOPBACK


def secret_of(file: str, what: str) -> str:
    """The secret of a file, where one is named."""
    return read_secret(Path(os.path.abspath(file)), what) if file else ""
