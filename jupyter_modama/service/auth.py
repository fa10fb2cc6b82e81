"""Who asks: the hub says whose a token is, and the system which account that person has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyterhub.services.auth import HubAuth
from tornado.web import HTTPError

from jupyter_modama.core.errors import NotAllowed, NotSignedIn, Unreachable
from jupyter_modama.core.model import Actor, PersonKind, Site, Via
from jupyter_modama.core.operations import Operation
from jupyter_modama.service.scopes import ACCESS, OPENED_BY, SERVICE
from jupyter_modama.store import people

PATIENCE_S = 10.0  # a hub that starts its own things can be slow
_HEADER = re.compile(r"(?:token|bearer) +([\x21-\x7e]{1,512})", re.IGNORECASE)
DELEGATE, TOKEN = "delegate", "hub-token"


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a token as the hub knows it, and what the token may be used for."""

    name: str
    kind: str  # user | service
    scopes: frozenset[str]

    def has(self, scope: str) -> bool:
        """Whether the token holds a scope, at least for its owner."""
        wide = scope.split("!", 1)[0]
        return bool({scope, wide, f"{wide}!{self.kind}={self.name}"} & self.scopes)


def token_in(header: str) -> str:
    """The token in an `Authorization` header.

    Raises: NotSignedIn.
    """
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        raise NotSignedIn()
    return match[1]


class Hub:
    """Asks the hub, whose answers are believed for some seconds."""

    def __init__(self, api: str, token: str, cache_s: int) -> None:
        self._auth = HubAuth(api_url=api, api_token=token, cache_max_age=cache_s, hub_prefix="/hub/")
        self._asked: dict[str, asyncio.Task[Any]] = {}

    async def caller(self, token: str) -> Caller:
        """The owner of a token.

        Raises: NotSignedIn, Unreachable.
        """
        task = self._asked.get(token)
        if task is None:  # many requests with one token ask once
            task = self._asked[token] = asyncio.create_task(self._ask(token))
            task.add_done_callback(lambda _: self._asked.pop(token, None))
        found = await asyncio.shield(task)
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            raise NotSignedIn()
        scopes = found.get("scopes")
        return Caller(found["name"], str(found.get("kind")), frozenset(scopes if isinstance(scopes, list) else ()))

    async def _ask(self, token: str) -> Any:
        try:
            return await asyncio.wait_for(self._auth.user_for_token(token, sync=False), PATIENCE_S)
        except (HTTPError, TimeoutError) as error:
            why = "it does not answer whose this token is. Nothing has been changed; please try again in a moment"
            raise Unreachable(what="the hub", why=why) from error


# From the caller to the person ---------------------------------------------------------------------------------------


def actor_of(site: Site, caller: Caller, via: str, on_behalf_of: str, own_uid: int) -> Actor:
    """The person for whom something is done. Asks the system for the account, so not on the event loop.

    Raises: NotAllowed.
    """
    if not caller.has(ACCESS):
        raise NotAllowed(
            what=f"this token may not be used for the service “{SERVICE}”; please make one that has {ACCESS}"
        )
    if caller.kind == "service":
        return _on_behalf(site, caller, on_behalf_of, own_uid)
    if caller.kind != "user":
        raise NotAllowed(what=f"people use this service, and this token belongs to a {caller.kind}")
    if on_behalf_of:
        raise NotAllowed(what="people do nothing on behalf of others; please leave Modama-On-Behalf-Of out")
    return _account(site, caller.name, own_uid, _via(via), TOKEN, "")


def _on_behalf(site: Site, caller: Caller, login: str, own_uid: int) -> Actor:
    if caller.name not in site.delegates:
        raise NotAllowed(what=f"the service “{caller.name}” is not among the delegates of this site")
    if not login:
        raise NotAllowed(what=f"the service “{caller.name}” is to say for whom it asks, with Modama-On-Behalf-Of")
    via = Via(caller.name) if caller.name in set(Via) else Via.PAGES
    return _account(site, login, own_uid, via, DELEGATE, caller.name)


def _account(site: Site, login: str, own_uid: int, via: Via, known_by: str, behalf: str) -> Actor:
    uid = people.uid_of(login)
    person = None if uid is None else people.person(uid)
    if uid is None or person is None or person.kind is PersonKind.UNKNOWN:
        raise NotAllowed(
            what=f"“{login}” has no account on the machine of the data; please ask your administrator for one"
        )
    if uid < site.minimum_uid or uid == own_uid or uid == people.NOBODY or uid == people.uid_of(site.account or "root"):
        raise NotAllowed(what=f"“{login}” is an account of the system, for which nothing is done here")
    return Actor(person, via, known_by, behalf)


def _via(text: str) -> Via:
    """From where a person asks, as their program says; it stands in the audit and opens nothing."""
    return Via(text) if text in set(Via) - {Via.NEXTCLOUD, Via.INSTRUMENT} else Via.CLI


def admit(caller: Caller, actor: Actor, operation: Operation, listed: Callable[[str], None]) -> None:
    """Whether the token may be used for an operation; whether the person may is for the tree to say.

    `listed` raises where a delegate may not.
    Raises: NotAllowed.
    """
    if actor.known_by == DELEGATE:
        listed(operation.name)
        return
    scope = OPENED_BY.get(operation.name)
    if scope is not None and not caller.has(scope):
        raise NotAllowed(
            what=f"this token may not be used for {operation.name}, since it lacks the permission {scope}; "
            "please make one that has it, or restart your server if you were given it only now"
        )
