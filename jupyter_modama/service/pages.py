"""The pages for people: start, details, management, browse, permalinks. Each is one page of the interface.

What a page shows it asks of `<prefix>pages/api/`, which is the API with the cookie instead of a token.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from tornado import web

import jupyter_modama
from jupyter_modama.core import json_ld
from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, NotSignedIn
from jupyter_modama.core.landing import address_of, help_pages, report_link, tiles_of
from jupyter_modama.core.model import Actor
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.service.handlers import ServiceHandler, as_error
from jupyter_modama.service.page_auth import VIA, ByCookie
from jupyter_modama.store.judge import is_in_group

FOLDER = Path(jupyter_modama.__file__).parent / "_page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<title>{title}</title>
<link rel="stylesheet" href="{prefix}assets/page.css">
{described}</head>
<body>
<div id="modama" data-base="{prefix}" data-api="pages/api/"></div>
<script id="modama-site" type="application/json">{site}</script>
<script src="{prefix}assets/page.js"></script>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
"""
HINTS = 10_000
DESCRIBED = '<script type="application/ld+json">{}</script>\n'


class PageHandler(ByCookie, ServiceHandler):
    """What all pages share."""

    def initialize(self, room: Any, auth: Any) -> None:  # type: ignore[override]
        super().initialize(room)
        self.hub_auth = auth

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Referrer-Policy", "same-origin")

    async def somebody(self) -> Actor | None:
        """Who looks; None where nobody is signed in. Raises: NotAllowed, Unreachable."""
        try:
            caller = await self.caller()
        except NotSignedIn:
            return None
        self.actor = await self.room.actor(caller, VIA, "")
        return self.actor

    async def person(self) -> Actor:
        """Who looks; sends to the hub to sign in where nobody is signed in.

        Raises: NotAllowed, Unreachable, _SentAway.
        """
        actor = await self.somebody()
        if actor is None:
            self.redirect(self.get_login_url())
            raise _SentAway
        return actor

    async def ask(self, actor: Actor, name: str, **wanted: Any) -> dict[str, Any]:
        """What an operation answers to the person."""
        operation = OPERATIONS[name]
        _, answer = await self.room.perform(operation, operation.wanted(**wanted), actor)
        return dict(answer)

    def show(self, page: str, *, described: Mapping[str, Any] | None = None, title: str = "", **facts: Any) -> None:
        """Answer with a page."""
        site = self.room.site
        said = self._site(page) | facts
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            PAGE.format(
                title=_escaped(f"{title} – {site.name}" if title else site.name),
                prefix=self.room.settings.prefix,
                described=DESCRIBED.format(json_ld.in_a_page(described)) if described else "",
                site=json_ld.in_a_page(said),
            )
        )

    def _site(self, page: str) -> dict[str, Any]:
        """What the page says of itself (`PageSite` of the interface); to a stranger nothing but the way in."""
        site, prefix, actor = self.room.site, self.room.settings.prefix, self.actor
        here = self.request.uri or prefix
        said = {
            "page": page,
            "base": prefix,
            "name": site.name,
            "title": site.pages.title,
            "intro": site.pages.intro,
            "contact": site.pages.contact,
            "sign_in": f"{prefix}sign-in?{urlencode({'next': here})}",
            "tiles": [dataclasses.asdict(tile) for tile in tiles_of(site, prefix)],
            "xsrf": self._xsrf_text(),
        }
        if actor is None:
            return said
        versions = {"service": jupyter_modama.__version__}
        return said | {
            "login": actor.person.login,
            "display": actor.person.display,
            "administrator": is_in_group(actor.person.uid, site.administrators),
            "hub": address_of(site, "hub"),
            "sign_out": f"{self.hub_auth.hub_host}{self.hub_auth.hub_prefix}logout",
            "report": report_link(site, "", versions),
            "help": [dataclasses.asdict(page) for page in help_pages(site)],
        }

    def _xsrf_text(self) -> str:
        token = self.xsrf_token
        return token.decode("ascii") if isinstance(token, bytes) else str(token)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """An error as a page with its sentence and the next step."""
        raised = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(raised, _SentAway):
            return
        error = as_error(raised, status_code)
        self.set_status(error.status)
        self.show("problem", problem=str(error), request=self.request_id)

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        if not isinstance(value, (_SentAway, ModamaError)):
            super().log_exception(kind, value, trace)


class _SentAway(Exception):
    """The answer is a redirect, and has been made."""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Landing(PageHandler):
    """The first page; it is shown to everybody, and says to strangers how to get in."""

    async def get(self) -> None:
        problem = ""
        try:
            await self.somebody()
        except NotAllowed as error:  # signed in at the hub, and nobody here
            problem = str(error)
        self.show("landing", problem=problem)


class SignIn(PageHandler):
    """Through the hub, and back to where somebody was."""

    async def get(self) -> None:
        await self.person()
        self.redirect(self._wanted())

    def _wanted(self) -> str:
        """An address of ours, whatever is asked for: nothing here leads to other sites."""
        prefix = str(self.room.settings.prefix)
        wanted = self.get_argument("next", prefix)
        fine = wanted.startswith(prefix) and "\\" not in wanted and not set(wanted) & set("\r\n\t")
        return wanted if fine else prefix


class Plain(PageHandler):
    """A page that is the same for all paths."""

    def initialize(self, room: Any, auth: Any, page: str) -> None:  # type: ignore[override]
        super().initialize(room, auth)
        self.page = page

    async def get(self, *rest: str) -> None:
        await self.person()
        self.show(self.page)


class HelpPages(PageHandler):
    async def get(self, name: str) -> None:
        await self.person()
        if name not in {page.name for page in help_pages(self.room.site)}:
            raise NotFound(what=f"page “{name[:60]}”")
        self.show("help", path=name)


class Administration(PageHandler):
    async def get(self) -> None:
        actor = await self.person()
        if not is_in_group(actor.person.uid, self.room.site.administrators):
            raise NotAllowed(what="this page is for administrators of the site; please ask one")
        self.show("administration")


# One path ------------------------------------------------------------------------------------------------------------


class PathPage(PageHandler):
    """What browse and permalinks share."""

    def path_of(self, raw: bytes | str | None) -> TreePath:
        """The path in the address, byte by byte. Raises: PathRefused."""
        text = raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else raw or ""
        return TreePath.parse(text.strip("/"))

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        return value.decode("utf-8", "surrogateescape")  # names that are no text, too

    async def show_path(self, actor: Actor, path: TreePath) -> None:
        """The page of a path, with what it says to programs."""
        if not path:
            self.show("browse")
            return
        wanted = {"path": path.shown, "path_b64": path.b64}
        details = await self.ask(actor, "entry.show", **wanted)
        described = await self._described(actor, details, await self._address(actor, wanted))
        if "application/ld+json" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "application/ld+json")
            self.finish(described)
            return
        report = report_link(self.room.site, path.shown, {"service": jupyter_modama.__version__})
        self.show("browse", described=described, title=path.shown.rsplit("/", 1)[-1], report=report, **wanted)

    async def _address(self, actor: Actor, wanted: Mapping[str, str]) -> str:
        links = (await self.ask(actor, "entry.links", **wanted))["items"]
        permalinks = [link["value"] for link in links if link["tool"] == "Permalink"]
        return str(permalinks[0]) if permalinks else str(self.request.full_url())

    async def _described(self, actor: Actor, details: Mapping[str, Any], address: str) -> dict[str, Any]:
        kind, name = details["entry"]["role_in_tree"], self.room.site.name
        if kind not in {"project", "session"}:
            return json_ld.of_entry(details, address, name)
        project = await self.ask(actor, "project.show", project=details["project"])
        if kind == "project":
            return json_ld.of_project(project, address, name)
        wanted = {"project": details["project"], "session": details["session"]}
        return json_ld.of_session(await self.ask(actor, "session.show", **wanted), project, address, name)


class Browse(PathPage):
    async def get(self, raw: str = "") -> None:
        actor = await self.person()
        await self.show_path(actor, self.path_of(raw))


class Permalink(PathPage):
    """`at/<uuid>/<rest>` and `path/<path>`: sends people to where they work; to a stranger it tells only how to ask.

    With `?page` it shows the path here.
    """

    async def get(self, *found: str) -> None:
        try:
            actor = await self.somebody()
        except NotAllowed:
            if cloud := address_of(self.room.site, "nextcloud"):
                self.redirect(cloud)  # what was shared with people outside is there
                return
            raise
        if actor is None:
            self.set_status(401)
            self.show("stranger")
            return
        path = await self.resolved(actor, *found)
        hub = address_of(self.room.site, "hub")
        if not hub or "page" in self.request.query_arguments:
            await self.show_path(actor, path)
            return
        where = {"path_b64": path.b64} if path.b64 else {"path": path.shown}
        self.redirect(f"{hub}/hub/user-redirect/modama/open/lab?{urlencode(where, quote_via=quote)}")

    async def resolved(self, actor: Actor, *found: str) -> TreePath:
        """Raises: NotFound."""
        path = self.path_of(found[0])
        await self.ask(actor, "entry.show", path=path.shown, path_b64=path.b64)
        return path


class UuidPermalink(Permalink):
    """By the id of a project or session; where it lay last is remembered, and believed by nobody without a look."""

    def initialize(self, room: Any, auth: Any, hints: dict[str, tuple[str, str]]) -> None:  # type: ignore[override]
        super().initialize(room, auth)
        self.hints = hints

    async def resolved(self, actor: Actor, *found: str) -> TreePath:
        """Where it lies now. Raises: NotFound, Invalid."""
        uuid, rest = found[0].lower(), self.path_of(found[1])
        hint, hint_b64 = self.hints.get(uuid, ("", ""))
        located = await self.ask(
            actor, "entry.locate", uuid=uuid, rest=rest.shown, rest_b64=rest.b64, hint=hint, hint_b64=hint_b64
        )
        if len(self.hints) > HINTS:
            self.hints.clear()
        self.hints[uuid] = (located["folder"], located["folder_b64"])
        return TreePath.parse(located["path"], located["path_b64"])


class Assets(web.StaticFileHandler):
    """The script and the style of all pages; they hold nothing of anybody."""

    headers: ClassVar[Mapping[str, str]] = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

    def set_extra_headers(self, path: str) -> None:
        for name, value in self.headers.items():
            self.set_header(name, value)


class NothingHere(PageHandler):
    """Any other address below the prefix that is not the API's."""

    async def get(self, *rest: str) -> None:
        if await self.somebody() is None:
            raise NotSignedIn()
        raise NotFound(what="such page")
