"""From the site file to the settings of the hub, with secure defaults where the hub's own are not.

Lists and tables that others add to as well (services, roles, scopes) are added to; all else is set, and whatever
`jupyterhub_config.py` says after `configure(c)` wins.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from traitlets.config.loader import LazyConfigValue

from hub_config.config_sign_in import set_sign_in
from hub_config.secret_files import kept_secret
from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import Site
from jupyter_modama.core.site_file import SIGN_IN
from jupyter_modama.service.port import STARTED_BY, named_starter
from jupyter_modama.service.scopes import ACCESS, SERVICE, custom_scopes, user_scopes
from jupyter_modama.service.settings import NO_INTERNAL_SSL
from jupyter_modama.site import described, managed_by

SITE_FILE = "/etc/modama/site.toml"
IDLE = "modama-idle"
DAY_S = 24 * 3600
# What the idle culler needs, as its own documentation lists it.
IDLE_SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
# What the token of a person's server may do besides what the service opens: tell of its activity, and be reached.
SERVER_SCOPES = ["users:activity!user", "access:servers!server"]
_LOG = logging.getLogger("modama.hub")


def configured(c: Any, site_file: str | os.PathLike[str] | None = None) -> Site:
    """Raises: Invalid."""
    _check_plain_inside(c)
    file = Path(os.path.abspath(site_file or os.environ.get("MODAMA_SITE") or SITE_FILE))
    site = described(file)
    site = replace(site, managed_by=managed_by(site.root))
    public = public_address(site)
    _set_hub(c, site, public)
    _set_cookies(c, site, public)
    _set_proxy(c, site, public)
    _set_servers(c, site, file)
    _set_roles(c)
    _set_service(c, site, file)
    _set_delegates(c, site)
    _set_idle(c, site)
    set_sign_in(c, site, public)
    _set_arrival(c, site)
    for sentence in advice(site, public):
        _LOG.warning("%s", sentence)
    return site


def _check_plain_inside(c: Any) -> None:
    """Raises: Invalid for `internal_ssl`, which the service cannot take part in."""
    if c.JupyterHub.get("internal_ssl"):
        raise Invalid(what=NO_INTERNAL_SSL)


def public_address(site: Site) -> str:
    """Where people find the hub, without the last slash.

    Raises: Invalid.
    """
    hub = site.services.get("hub")
    address = hub.get("url", "") if isinstance(hub, dict) else hub or site.hub.bind
    return str(address).rstrip("/")


def service_address(site: Site) -> str:
    """What `site.json` is to name as the tree's service."""
    return f"{public_address(site)}/services/{SERVICE}"


def advice(site: Site, public: str) -> list[str]:
    """What is allowed, and less safe than it could be."""
    found = []
    if site.seal.confirm == "page" and not site.hub.subdomain_host:
        found.append(
            '[seal] confirm = "page" asks on a page that notebooks cannot reach. Without [hub] subdomain_host their '
            "servers have the same origin as that page, and what runs in a notebook can press its button"
        )
    if urlsplit(public).scheme != "https" and not site.hub.bind.startswith("http://127.0.0.1"):
        found.append(f"people reach the hub at {public} without TLS: passwords and cookies can be read on the way")
    if site.managed_by and site.managed_by != service_address(site):
        found.append(
            f"{site.root}/.modama/site.json names {site.managed_by}, and the service is at {service_address(site)}: "
            "programs would ask elsewhere. `python -m hub_config prepare` writes it anew"
        )
    return found


def state_of(site: Site) -> Path:
    """The folder of the hub's own data."""
    return Path(site.hub.state)


def _set_hub(c: Any, site: Site, public: str) -> None:
    state = state_of(site)
    kept_secret(state / "crypt-key")  # makes the folder, closed
    path = urlsplit(public).path.rstrip("/")
    c.JupyterHub.bind_url = site.hub.bind.rstrip("/") + path + "/"
    if urlsplit(public).scheme == "https":
        c.JupyterHub.public_url = public + "/"
    c.JupyterHub.db_url = f"sqlite:///{state / 'hub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(state / "cookie-secret")
    c.CryptKeeper.keys = [bytes.fromhex(kept_secret(state / "crypt-key"))]
    # People's servers go on while the hub restarts.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = True
    c.JupyterHub.token_expires_in_max_seconds = site.hub.token_days * DAY_S
    if _hub_has("oauth_require_pkce"):
        c.JupyterHub.oauth_require_pkce = True
    if site.hub.subdomain_host:
        c.JupyterHub.subdomain_host = site.hub.subdomain_host


def _set_cookies(c: Any, site: Site, public: str) -> None:
    is_https = urlsplit(public).scheme == "https"
    c.JupyterHub.cookie_max_age_days = site.hub.sign_in.days
    _add(c.JupyterHub, "tornado_settings", {"cookie_options": {"secure": is_https, "samesite": "Lax"}})
    # The prefix keeps subdomains from planting cookies; on one host it would hand every server the cookies of all.
    c.JupyterHub.cookie_host_prefix_enabled = bool(is_https and site.hub.subdomain_host)


def _set_proxy(c: Any, site: Site, public: str) -> None:
    """A proxy that outlives the hub has to know its token again."""
    state = state_of(site)
    c.ConfigurableHTTPProxy.auth_token = kept_secret(state / "proxy-token")
    c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")


def _set_servers(c: Any, site: Site, file: Path) -> None:
    command = site.hub.command or str(Path(sys.executable).parent / "jupyterhub-singleuser")
    if not os.path.isabs(command):
        raise Invalid(what=f"{file}: [hub] command “{command}” is to be the whole path of a program")
    c.Spawner.cmd = [command]
    c.Spawner.default_url = "/lab"
    # Mounts that show a person's own projects only do not show the notice that the tree is managed.
    _add(c.Spawner, "environment", {"MODAMA_SITE": str(file), "MODAMA_SERVICE": service_address(site)})
    c.Spawner.start_timeout = 120
    c.Spawner.http_timeout = 60
    c.Spawner.server_token_scopes = [*SERVER_SCOPES, *user_scopes()]
    c.JupyterHub.allow_named_servers = False
    from hub_config.spawner import spawner_class  # needs the packages of the hub

    c.JupyterHub.spawner_class = spawner_class(site, str(file))


def _set_roles(c: Any) -> None:
    """What everybody who is signed in may ask the service for; over a project the tree decides."""
    _add(c.JupyterHub, "custom_scopes", custom_scopes())
    if _hub_has("extra_user_scopes"):
        _add(c.JupyterHub, "extra_user_scopes", set(user_scopes()))
    else:  # JupyterHub 5
        _add(c.JupyterHub, "load_roles", [{"name": "user", "scopes": ["self", *user_scopes()]}])


def _set_service(c: Any, site: Site, file: Path) -> None:
    row: dict[str, Any] = {
        "name": SERVICE,
        "url": f"http://127.0.0.1:{site.service.port}",
        "command": [sys.executable, "-I", "-m", "jupyter_modama.service", "--site", str(file)],
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": user_scopes()[1:],
        # This process is the hub.
        "environment": {"MODAMA_SITE": str(file), STARTED_BY: named_starter(os.getpid())},
    }
    _add_service(c, site, row, ["list:users", "read:users:name", "read:users:groups"])
    from hub_config.watching import look_after_services  # needs the packages of the hub

    look_after_services()


def _set_delegates(c: Any, site: Site) -> None:
    """A token for each program that may ask for people, in a file of its own."""
    for name in site.delegates:
        token = kept_secret(state_of(site) / "delegates" / f"{name}.token")
        _add(c.JupyterHub, "services", [{"name": name, "api_token": token}])
        _add(c.JupyterHub, "load_roles", [{"name": f"modama-delegate-{name}", "services": [name], "scopes": [ACCESS]}])


def _set_arrival(c: Any, site: Site) -> None:
    """Who signs in with a verified address takes the invitations to it."""
    from hub_config.arrival import Arrival  # needs the packages of the hub

    prefix = f"{urlsplit(public_address(site)).path}/services/{SERVICE}"
    token = state_of(site) / "delegates" / f"{SIGN_IN}.token"
    c[c.JupyterHub.authenticator_class.__name__].arrival = Arrival(
        f"http://127.0.0.1:{site.service.port}{prefix}", token
    )


def _set_idle(c: Any, site: Site) -> None:
    if site.hub.idle_minutes <= 0:
        return
    if find_spec("jupyterhub_idle_culler") is None:
        raise Invalid(
            what="stopping idle servers needs a package: pip install jupyterhub-idle-culler; or say idle_minutes = 0 "
            "in [hub]"
        )
    timeout = site.hub.idle_minutes * 60
    command = [sys.executable, "-I", "-m", "jupyterhub_idle_culler", f"--timeout={timeout}"]
    _add_service(c, site, {"name": IDLE, "command": [*command, f"--cull-every={min(timeout, 300)}"]}, IDLE_SCOPES)


def _add_service(c: Any, site: Site, row: dict[str, Any], scopes: list[str]) -> None:
    """A process that the hub runs, as the service's account where the hub is root."""
    if os.geteuid() == 0:
        row["user"] = site.service.account
        row["cwd"] = "/"
    _add(c.JupyterHub, "services", [row])
    _add(c.JupyterHub, "load_roles", [{"name": f"modama-{row['name']}", "services": [row["name"]], "scopes": scopes}])


def _hub_has(trait: str) -> bool:
    """Whether this version of the hub knows a setting."""
    from jupyterhub.app import JupyterHub

    return bool(JupyterHub.class_traits(config=True).get(trait))


def _add(section: Any, name: str, ours: Any) -> None:
    """Add to a list, set or table beside what is there already; a plain value, to which others can add as well."""
    before = section.get(name, type(ours)())
    if isinstance(before, LazyConfigValue):
        before = before.get_value(type(ours)())
    section[name] = [*before, *ours] if isinstance(ours, list) else type(ours)(before) | ours
