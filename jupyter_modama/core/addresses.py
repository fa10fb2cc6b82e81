"""Web addresses of services."""

from __future__ import annotations

from urllib.parse import urlsplit

from jupyter_modama.core.errors import Invalid, printable


def checked_address(address: str) -> str:
    """An address as one asks it, without a slash at the end.

    Raises: Invalid.
    """
    try:
        parts = urlsplit(address.strip())
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        good = good and not parts.username and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise Invalid(what=f"“{printable(address)}” is no address such as https://hub.example.org/services/modama")
    return address.strip().rstrip("/")
