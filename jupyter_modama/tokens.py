"""Which service a tree belongs to, and with which token one asks it.

MODAMA_SERVICE            the service's address, where it is not reached at the one that the tree names
MODAMA_TOKEN              a token of the hub
JUPYTERHUB_API_TOKEN      the one that a server on the hub has
~/.config/modama/tokens.json      those that `modama login` keeps, for the person alone

The first that there is counts. A token is in no argument of a program, since everybody sees these.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from jupyter_modama.core.addresses import checked_address
from jupyter_modama.core.errors import Invalid, ManagedTree, NotAllowed, from_os
from jupyter_modama.core.model import Site, Via
from jupyter_modama.site import config_folder

if TYPE_CHECKING:
    from jupyter_modama.client import ServiceClient

NAME = "tokens.json"
OF_HUB = "/services/"


def service_of(site: Site | None, environ: Mapping[str, str] = os.environ) -> str:
    """The address of the service of a tree; without a tree the one that is named, or that one signed in to last.

    Raises: Invalid for an address in the environment that is none.
    """
    named = environ.get("MODAMA_SERVICE", "")
    if site is not None and not site.managed_by:
        return ""
    if named:
        return checked_address(named)
    if site is None:
        return str(_kept(environ).get("last", ""))
    with suppress(Invalid):  # a notice of root's that cannot be read: managed, and nobody knows by whom
        return checked_address(site.managed_by)
    return ""


def token_for(address: str, environ: Mapping[str, str] = os.environ) -> str:
    """The token for a service; nothing where there is none.

    Raises: NotAllowed where others can read the file of tokens.
    """
    for name in ("MODAMA_TOKEN", "JUPYTERHUB_API_TOKEN"):
        if environ.get(name):
            return environ[name].strip()
    return _tokens(environ).get(address, "")


def client_of(site: Site | None, via: Via, environ: Mapping[str, str] = os.environ) -> ServiceClient:
    """The caller of the service of a tree.

    Raises: ManagedTree where nobody knows the service or has a token for it; NotAllowed, Invalid.
    """
    from jupyter_modama.client import ServiceClient  # what speaks HTTP is imported only by who does

    address = service_of(site, environ)
    token = token_for(address, environ) if address else ""
    if not token:
        raise ManagedTree(service=address or (site.managed_by if site else "") or "its service")
    return ServiceClient(address, token, via)


def token_page(address: str) -> str:
    """The page of the hub on which one makes a token, for a service of it."""
    parts = urlsplit(address)
    hub = parts.path.partition(OF_HUB)[0]
    return urlunsplit((parts.scheme, parts.netloc, f"{hub}/hub/token", "", ""))


# What `modama login` keeps -------------------------------------------------------------------------------------------


def remember(address: str, token: str, environ: Mapping[str, str] = os.environ) -> None:
    """Keep a token. Disk: `tokens.json` in the person's configuration, mode 0600. Raises: StorageError and its kind."""
    _write({"last": address, "tokens": {**_tokens(environ), address: token}}, environ)


def forget(address: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Forget the token for a service; answers whether there was one."""
    tokens = _tokens(environ)
    was_there = tokens.pop(address, None) is not None
    if was_there:
        _write({"last": next(reversed(tokens), ""), "tokens": tokens}, environ)
    return was_there


def _tokens(environ: Mapping[str, str]) -> dict[str, str]:
    found = _kept(environ).get("tokens")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _kept(environ: Mapping[str, str]) -> dict[str, Any]:
    file = config_folder(environ) / NAME
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return {}
    with os.fdopen(fd, "rb") as opened:
        if os.fstat(fd).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NotAllowed(
                what=f"others can read {file}, which holds your token: please revoke it on the hub's token page, "
                "remove the file and sign in again with `modama login`"
            )
        try:
            kept = json.loads(opened.read(1 << 20))
        except ValueError:
            return {}
    return kept if isinstance(kept, dict) else {}


def _write(kept: dict[str, Any], environ: Mapping[str, str]) -> None:
    folder = config_folder(environ)
    fresh = folder / f".{NAME}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(kept, file)
            fresh.replace(folder / NAME)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise from_os(error, f"keeping the token in {folder}") from error
