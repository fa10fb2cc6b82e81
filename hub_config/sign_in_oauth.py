"""Sign-in at an OpenID provider or at Nextcloud, by oauthenticator."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jwt
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Unicode, default

from hub_config.accounts import groups_in, login_in, verified_email
from hub_config.id_tokens import (
    Provider,
    UnknownKey,
    checked_id_token,
    discovery_address,
    needs_safe_issuer,
    provider_of,
)
from hub_config.sign_in import KnownAccount, refusal, secret_of
from jupyter_modama.core.errors import ModamaError, NotAllowed, Unreachable

BELIEVED_S = 3600.0  # how long a provider is what it said
KEYS_AGAIN_S = 60.0  # no more often are its keys asked for, whatever people send
PATIENCE_S = 15.0


class ProviderLogin(OAuthLoginHandler):  # type: ignore[misc]
    """Sends people to the provider."""

    async def get(self) -> None:
        await self.authenticator.found()
        super().get()


class ProviderCallback(OAuthCallbackHandler):  # type: ignore[misc]
    """Where people come back to."""

    def check_arguments(self) -> None:
        """Raises: HTTPError with words for people; what exactly was wrong is in the log."""
        try:
            super().check_arguments()
        except HTTPError as error:
            self.log.warning("A sign-in was refused: %s", error)
            told = self.get_argument("error", "")
            why = "the sign-in was broken off there" if told else "it was begun in another window, or too long ago"
            raise HTTPError(error.status_code, "%s", f"You are not signed in: {why}. Please sign in again.") from None


class ProviderSignIn(KnownAccount, GenericOAuthenticator):  # type: ignore[misc]
    """What sign-in by OpenID and at Nextcloud have in common."""

    login_handler = ProviderLogin
    callback_handler = ProviderCallback

    issuer = Unicode("", config=True, help="The address of the provider.")
    client_secret_file = Unicode("", config=True, help="The file with the secret, readable by its owner alone.")
    email_claim = Unicode("email", config=True, help="The claim with the address.")
    groups_claim = Unicode("", config=True, help="The claim with the groups; empty: no groups are taken.")

    @default("client_secret")
    def _secret(self) -> str:
        return secret_of(self.client_secret_file, "the hub's secret at the sign-in service")

    async def found(self) -> None:
        """Have the provider's addresses. Raises: HTTPError 503."""

    def claims_of(self, user_info: Any) -> dict[str, Any]:
        """What the provider says of the person."""
        return user_info if isinstance(user_info, dict) else {}

    def user_info_to_username(self, user_info: Any) -> str:
        try:
            login = login_in(self.claims_of(user_info), self.rules)
        except NotAllowed as error:
            self.log.warning("Nobody is let in: %s", error)
            raise refusal(error, self.way_out()) from None
        return self.known(login)

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        return groups_in(self.claims_of(auth_state[self.user_auth_state_key]), self.groups_claim)

    async def check_allowed(self, username: str, auth_model: Any) -> bool:
        """Raises: HTTPError 403 that names the groups."""
        if await super().check_allowed(username, auth_model):
            return True
        self.log.warning("%s is in none of the groups %s", username, sorted(self.allowed_groups))
        named = ", ".join(f"“{group}”" for group in sorted(self.allowed_groups))
        raise refusal(
            NotAllowed(
                what=f"you are signed in as {username}, and only members of {named or 'no group at all'} are let in "
                "here; please ask your administrator"
            ),
            self.way_out(),
        )

    async def run_post_auth_hook(self, handler: Any, auth_model: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = await super().run_post_auth_hook(handler, auth_model)
        claims = self.claims_of((made.get("auth_state") or {}).get(self.user_auth_state_key))
        await self.arrived(made["name"], verified_email(claims, self.email_claim))
        return made

    async def refresh_user(self, user: Any, handler: Any = None, **more: Any) -> Any:
        """Ask the provider again, as far as it still answers.

        Its tokens mostly last an hour, and a server works through the night: that one is too old takes nothing away
        from a person. That the account or all allowed groups are gone does.
        """
        if not self.is_still_known(user.name):
            return False
        try:
            refreshed = await super().refresh_user(user, handler, **more)
            if not isinstance(refreshed, dict):
                return True
            if refreshed["name"] != user.name:
                return False
            await self.check_allowed(user.name, refreshed)
        except HTTPError as error:
            return error.status_code != 403
        except (HTTPClientError, OSError, ModamaError) as error:
            self.log.info("The sign-in service does not say anything about %s now: %s", user.name, error)
            return True
        return refreshed

    async def httpfetch(self, url: str, label: str = "fetching", **more: Any) -> Any:
        """Raises: HTTPError 503 where the provider does not answer."""
        try:
            return await super().httpfetch(url, label, **{"request_timeout": PATIENCE_S, **more})
        except HTTPClientError as error:
            if error.code < 500:
                raise
            self.log.error("%s: %s", label, error)
        except (OSError, ValueError) as error:
            self.log.error("%s: %s", label, error)
        raise HTTPError(503, "%s", "The sign-in service does not answer now. Please try again in a few minutes.")


class OpenIDSignIn(ProviderSignIn):
    """Sign-in at an OpenID provider, which says of itself where its parts are."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        needs_safe_issuer(self.issuer)
        self._provider: Provider | None = None
        self._asked_at = 0.0
        self._keys: Any = None
        self._keys_at = 0.0
        self._asking = asyncio.Lock()

    async def found(self) -> None:
        """Ask the provider where its parts are; what it said is believed for a time, and longer while it is away."""
        async with self._asking:
            if self._provider is not None and time.monotonic() - self._asked_at < BELIEVED_S:
                return
            try:
                said = await self.httpfetch(discovery_address(self.issuer), "Asking the provider what it is")
                self._provider = provider_of(said, self.issuer)
            except (HTTPError, HTTPClientError, Unreachable) as error:
                self.log.error("The provider %s cannot be used: %s", self.issuer, error)
                if self._provider is None:
                    raise HTTPError(
                        503, "%s", "The sign-in service cannot be used now. Please try again in a few minutes."
                    ) from None
            else:
                self._asked_at = time.monotonic()
        provider = self.provider
        self.authorize_url, self.token_url, self.userdata_url = provider.authorize, provider.token, provider.userinfo

    @property
    def provider(self) -> Provider:
        """What `found` has found."""
        if self._provider is None:
            raise Unreachable(what=f"the sign-in service {self.issuer}", why="it was not asked yet")
        return self._provider

    def way_out(self) -> str:
        return self._provider.logout if self._provider else ""

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """The provider's tokens; the id token is checked here, when it is new."""
        await self.found()
        try:
            told: dict[str, Any] = await super().get_token_info(handler, params)
            if params.get("grant_type") == "authorization_code" or told.get("id_token"):
                await self._check(told.get("id_token"))
        except HTTPClientError as error:  # a code that was used before, or made up
            self.log.warning("The provider gave no token: %s", error)
            raise HTTPError(403, "%s", "You are not signed in: please sign in again.") from None
        except NotAllowed as error:
            self.log.warning("The id token was refused: %s", error)
            raise refusal(error) from None
        return told

    async def _check(self, token: Any) -> None:
        """Raises: NotAllowed, HTTPError 503."""
        if not isinstance(token, str):
            raise NotAllowed(what="the sign-in service gave no id token; please tell your administrator")
        for_whom = {"issuer": self.provider.issuer, "client_id": self.client_id}
        try:
            checked_id_token(token, await self._known_keys(), **for_whom)
        except NotAllowed as error:
            if not isinstance(error.__cause__, UnknownKey) or time.monotonic() - self._keys_at < KEYS_AGAIN_S:
                raise
            checked_id_token(token, await self._known_keys(anew=True), **for_whom)

    async def _known_keys(self, *, anew: bool = False) -> Any:
        if self._keys is None or anew or time.monotonic() - self._keys_at > BELIEVED_S:
            self._keys = await self.httpfetch(self.provider.keys, "Asking the provider for its keys")
            self._keys_at = time.monotonic()
        return self._keys

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """What the provider says of the person, in the id token and when asked; both must mean the same one."""
        await self.found()
        said = await super().token_to_user(token_info)
        if not isinstance(said, dict):
            raise HTTPError(503, "%s", "The sign-in service answers nothing that can be understood.")
        token = token_info.get("id_token")
        first = jwt.decode(token, options={"verify_signature": False}) if token else {}  # checked when it came
        if first and first.get("sub") != said.get("sub"):
            self.log.error("The provider speaks of %r and of %r", first.get("sub"), said.get("sub"))
            raise HTTPError(403, "%s", "The sign-in service speaks of two people at once. Please sign in again.")
        if "email" in said:  # an address and whether it is verified come from one place
            first.pop("email_verified", None)
        return {**first, **said}


class NextcloudSignIn(ProviderSignIn):
    """Sign-in by the OAuth2 of a Nextcloud, which is no OpenID provider.

    People change their address there by themselves, so nothing is made of it.
    """

    @default("authorize_url")
    def _authorize(self) -> str:
        return self.issuer.rstrip("/") + "/index.php/apps/oauth2/authorize"

    @default("token_url")
    def _token(self) -> str:
        return self.issuer.rstrip("/") + "/index.php/apps/oauth2/api/v1/token"

    @default("userdata_url")
    def _userdata(self) -> str:
        return self.issuer.rstrip("/") + "/ocs/v2.php/cloud/user?format=json"

    @default("scope")
    def _scopes(self) -> list[str]:
        return []  # Nextcloud knows none

    @default("login_claim")
    def _claim(self) -> str:
        return "id"

    @default("groups_claim")
    def _groups(self) -> str:
        return "groups"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        needs_safe_issuer(self.issuer)

    def claims_of(self, user_info: Any) -> dict[str, Any]:
        try:
            told = user_info["ocs"]["data"]
        except (KeyError, TypeError):
            return {}
        return {"id": told.get("id"), "groups": told.get("groups")} if isinstance(told, dict) else {}

    def build_userdata_request_headers(self, access_token: str, token_type: str) -> dict[str, str]:
        headers: dict[str, str] = super().build_userdata_request_headers(access_token, token_type)
        return {**headers, "OCS-APIRequest": "true"}
