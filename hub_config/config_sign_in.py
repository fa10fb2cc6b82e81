"""The hub's settings for sign-in, of one of four kinds."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from hub_config.id_tokens import LOOPBACK
from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.hub_rules import SignInRules
from jupyter_modama.core.model import Site


def set_sign_in(c: Any, site: Site, public: str) -> None:
    """Raises: Invalid."""
    from hub_config.sign_in import DemoSignIn, PamSignIn
    from hub_config.sign_in_oauth import NextcloudSignIn, OpenIDSignIn

    rules = site.hub.sign_in
    classes: dict[str, type] = {
        "oidc": OpenIDSignIn,
        "nextcloud": NextcloudSignIn,
        "pam": PamSignIn,
        "demo": DemoSignIn,
    }
    chosen = classes[rules.kind]
    c.JupyterHub.authenticator_class = chosen
    own = c[chosen.__name__]
    own.minimum_uid = site.minimum_uid
    own.of_system = sorted({name for name in ("root", site.account, site.service.account) if name})
    c.Authenticator.allow_all = not rules.allowed_groups
    if rules.kind == "demo":
        _demo(own, rules, site)
    elif rules.kind == "pam":
        own.allowed_groups, own.admin_groups = set(rules.allowed_groups), set(rules.administrator_groups)
    else:
        _provider(own, rules, public)


def _demo(own: Any, rules: SignInRules, site: Site) -> None:
    """Refused here already, before anything listens; the class looks again at what the hub really binds."""
    if urlsplit(site.hub.bind).hostname not in LOOPBACK:
        raise Invalid(
            what=f"[hub.sign_in] kind = “demo” is one password for everybody, and [hub] bind {site.hub.bind} can be "
            "reached from elsewhere; take oidc, nextcloud or pam"
        )
    if not rules.password_file:
        raise Invalid(what="[hub.sign_in] password_file is missing: the file with the demo's password")
    own.password_file = rules.password_file


def _provider(own: Any, rules: SignInRules, public: str) -> None:
    for key in ("issuer", "client_id", "client_secret_file"):
        if not getattr(rules, key):
            raise Invalid(what=f"[hub.sign_in] {key} is missing, which kind = “{rules.kind}” needs")
    own.issuer, own.client_id, own.client_secret_file = rules.issuer, rules.client_id, rules.client_secret_file
    own.oauth_callback_url = f"{public}/hub/oauth_callback"
    own.login_service = rules.title or urlsplit(rules.issuer).hostname or "the provider"
    own.login_pattern = rules.login_pattern
    own.enable_auth_state = True
    own.auth_refresh_age = 900
    if rules.kind == "oidc":
        own.scope = list(rules.scopes)
        own.login_claim, own.email_claim = rules.login_claim, rules.email_claim
        own.groups_claim = rules.groups_claim
    own.manage_groups = bool(rules.groups_claim) or rules.kind == "nextcloud"
    if own.manage_groups:
        own.allowed_groups, own.admin_groups = set(rules.allowed_groups), set(rules.administrator_groups)
