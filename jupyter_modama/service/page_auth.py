"""Who looks at a page: known by the cookie of the hub's OAuth, never by a token.

What changes something, and what a script asks for, carries the value that stands in the page (XSRF), and comes from a
page of the same origin.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthenticated
from tornado.web import HTTPError

from jupyter_modama.core.errors import NotAllowed, NotSignedIn, Unreachable
from jupyter_modama.core.model import Actor
from jupyter_modama.service.auth import Caller
from jupyter_modama.service.scopes import ACCESS
from jupyter_modama.service.settings import Settings

SECRET_BYTES = 32
VIA = "pages"


def oauth(settings: Settings) -> HubOAuth:
    """The service as a client of the hub's OAuth; what is not given here comes from the hub's environment."""
    return HubOAuth(
        api_url=settings.hub_api,
        api_token=settings.hub_token,
        base_url=settings.prefix,
        cache_max_age=settings.site.service.token_cache_s,
        access_scopes={ACCESS, ACCESS.split("!", 1)[0]},
        oauth_client_id=os.environ.get("JUPYTERHUB_CLIENT_ID") or "service-modama",
    )


def cookie_secret(state: Path) -> bytes:
    """What cookies are signed with; kept, so that a restart signs nobody out.

    Disk: `cookie_secret` in the state folder, for the service alone.
    """
    file = state / "cookie_secret"
    with suppress(FileExistsError):
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as new:
            new.write(secrets.token_bytes(SECRET_BYTES))
    found = file.read_bytes()
    return found if len(found) == SECRET_BYTES else secrets.token_bytes(SECRET_BYTES)


class ByCookie(HubOAuthenticated):  # type: ignore[misc]
    """A handler's half that finds out who asks; the other half is a ServiceHandler."""

    request: Any
    room: Any
    actor: Actor | None

    async def signed_in(self) -> tuple[Caller, Actor]:
        """Who asks. Raises: NotSignedIn, NotAllowed, Unreachable."""
        self._check_origin()
        caller = await self.caller()
        self.actor = await self.room.actor(caller, VIA, "")
        return caller, self.actor

    async def caller(self) -> Caller:
        """The person whom the hub knows by the cookie.

        Raises: NotSignedIn, NotAllowed for a token, Unreachable.
        """
        if self.request.headers.get("Authorization"):
            raise NotAllowed(what="pages take no tokens; programs ask at the address api/ of the service")
        try:
            model = await self.hub_auth.get_user(self, sync=False)
        except HTTPError as error:
            why = "it does not answer who you are; please try again in a moment"
            raise Unreachable(what="the hub", why=why) from error
        self._hub_auth_user_cache = model
        if not model or getattr(self, "_token_authenticated", False):
            raise NotSignedIn()
        return Caller(str(model["name"]), str(model.get("kind")), frozenset(model.get("scopes") or ()))

    def _check_origin(self) -> None:
        """Raises: NotAllowed where another site's page asks."""
        site = self.request.headers.get("Sec-Fetch-Site", "")
        origin = self.request.headers.get("Origin", "")
        if site in {"cross-site", "same-site"} or (origin and urlsplit(origin).netloc != self.request.host):
            raise NotAllowed(what="this was asked by a page of another site, and is not done")
