"""`modama login`, `logout` and `whoami`: who one is to the service of a managed tree."""

from __future__ import annotations

import getpass
import sys
from urllib.parse import urlsplit

from jupyter_modama.client import ServiceClient
from jupyter_modama.core.addresses import checked_address
from jupyter_modama.core.errors import Invalid, ManagedTree
from jupyter_modama.core.model import Site, Via
from jupyter_modama.shell.arguments import Parser
from jupyter_modama.shell.tables import text_of
from jupyter_modama.site import load_site
from jupyter_modama.store import people
from jupyter_modama.tokens import client_of, forget, remember, service_of, token_for, token_page

HERE = {"127.0.0.1", "::1", "localhost"}


def login(words: list[str]) -> int:
    """Ask for a token of the hub, see whether it counts, and keep it for this person alone."""
    parser = Parser(prog="modama login", description="Sign in to the service of a data tree with a token of the hub.")
    parser.add_argument("address", nargs="?", default="", metavar="ADDRESS", help="(otherwise the one the tree names)")
    address = _address(parser.parse_args(words).address)
    say = sys.stderr.write
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname not in HERE:
        say(f"{address} is not encrypted: whoever is on the way can read the token.\n")
    say(f"Make a token on {token_page(address)} and paste it here; it is not shown.\n")
    token = _read()
    person = ServiceClient(address, token, Via.CLI).status().person
    remember(address, token)
    name = text_of(person.login) if person else "somebody whom it does not name"
    sys.stdout.write(f"Signed in to {address} as {name}.\n")
    if token_for(address) != token:
        say("Another token is in the environment (MODAMA_TOKEN or JUPYTERHUB_API_TOKEN), and counts before this one.\n")
    return 0


def _address(given: str) -> str:
    if given and not given.startswith(("http://", "https://")):  # not shown again: it can be a token
        raise Invalid(
            what="`modama login` takes the address of a service, such as https://hub.example.org/services/modama, and "
            "asks for the token; if this was a token, revoke it on the hub's page, since it stands in your history now"
        )
    address = checked_address(given) if given else service_of(load_site())
    if address:
        return address
    site = load_site()
    if site is not None and not site.managed_by:
        raise Invalid(what=f"the data tree {site.root} has no service, so there is nothing to sign in to")
    raise Invalid(what="please name the service: modama login https://hub.example.org/services/modama")


def _read() -> str:
    try:
        token = (getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    except EOFError:
        token = ""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Invalid(what="that is no token; on the hub's page it is a line of letters and digits")
    return token


def logout(words: list[str]) -> int:
    """Forget the token that `modama login` keeps."""
    parser = Parser(prog="modama logout", description="Forget the token that `modama login` keeps.")
    parser.add_argument("address", nargs="?", default="", metavar="ADDRESS")
    given = parser.parse_args(words).address
    address = checked_address(given) if given else service_of(load_site()) or service_of(None)
    if not address or not forget(address):
        sys.stdout.write("You were not signed in.\n")
        return 0
    sys.stdout.write(f"Signed out of {address}. The token itself is good until you revoke it: {token_page(address)}\n")
    return 0


def whoami(words: list[str]) -> int:
    """Say who one is here, and to the service."""
    Parser(prog="modama whoami", description="Who you are, here and to the service.").parse_args(words)
    me = people.me()
    sys.stdout.write(f"on this machine: {text_of(me.login)} (uid {me.uid})\n")
    site = load_site()
    address = service_of(site) or _unmounted(site)
    if not address:
        return 0
    try:
        person = client_of(Site(root="", managed_by=address), Via.CLI).status().person
    except ManagedTree:
        sys.stdout.write(f"to {address}: nobody; sign in with `modama login`\n")
        return 0
    who = f"{text_of(person.login)} (uid {person.uid})" if person else "somebody whom it does not name"
    sys.stdout.write(f"to {address}: {who}\n")
    return 0


def _unmounted(site: Site | None) -> str:
    return service_of(None) if site is None else ""
