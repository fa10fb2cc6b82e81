"""Where the service finds the hub, the keeper and its own state: by the site file, and by what the hub tells it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import Site
from jupyter_modama.service.scopes import SERVICE
from jupyter_modama.site import described, managed_by

# The hub gives its certificates to itself alone, and the service has an account of its own.
NO_INTERNAL_SSL = (
    "c.JupyterHub.internal_ssl cannot be used with this service: the hub keeps the keys for it in a folder of its own, "
    "which the service's account cannot read. Please leave it off; on one machine the parts talk over loopback"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """One service."""

    site: Site
    site_file: Path
    hub_api: str
    hub_token: str = field(repr=False)
    prefix: str = f"/services/{SERVICE}/"
    host: str = "127.0.0.1"
    port: int = 8765

    @property
    def state(self) -> Path:
        return Path(self.site.service.state)


def settings_of(site_file: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a service that a hub manages, or that has the same variables from a file.

    Raises: Invalid.
    """
    if environ.get("JUPYTERHUB_SSL_KEYFILE"):
        raise Invalid(what=NO_INTERNAL_SSL)
    site = described(site_file)
    site = replace(site, managed_by=managed_by(site.root))
    if not site.managed_by:
        raise Invalid(
            what=f"{site.root} is not managed by a service: root is to write {site.root}/.modama/site.json first"
        )
    missing = [name for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN") if not environ.get(name)]
    if missing:
        raise Invalid(what=f"the environment does not say where the hub is: {' and '.join(missing)} are missing")
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX") or f"/services/{SERVICE}/"
    host, port = _address(environ.get("JUPYTERHUB_SERVICE_URL", ""), site.service.port)
    return Settings(
        site=site,
        site_file=site_file,
        hub_api=environ["JUPYTERHUB_API_URL"].rstrip("/"),
        hub_token=environ["JUPYTERHUB_API_TOKEN"],
        prefix="/" + prefix.strip("/") + "/",
        host=host,
        port=port,
    )


def _address(url: str, port: int) -> tuple[str, int]:
    """Where to listen. Raises: Invalid."""
    if not url:
        return "127.0.0.1", port
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname and parts.port:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise Invalid(what=f"the address of the service, {url}, is to be of the form http://127.0.0.1:8765")
