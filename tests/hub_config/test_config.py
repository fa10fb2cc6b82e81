"""The settings of a hub that `configure(c)` makes of a site file, held against the hub's own classes."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import jupyterhub.services.service
import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.crypto import CryptKeeper
from jupyterhub.proxy import ConfigurableHTTPProxy
from jupyterhub.spawner import LocalProcessSpawner
from traitlets.config import Config

from hub_config import configure
from hub_config.sign_in import DemoSignIn, PamSignIn
from hub_config.sign_in_oauth import NextcloudSignIn, OpenIDSignIn
from hub_config.watching import EVERY_S
from jupyter_modama.core.errors import Invalid
from jupyter_modama.service.port import started_at, started_by
from jupyter_modama.service.scopes import user_scopes

PAM = '[hub.sign_in]\nkind = "pam"\n'


@pytest.fixture
def c() -> Any:
    return Config()


class Written:
    """Writes a site file, with a state folder and a root that are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "storage").mkdir()

    def __call__(
        self, hub: str = "", sign_in: str = PAM, more: str = "", public: str = "https://hub.example.org"
    ) -> Path:
        file = self.folder / "site.toml"
        services = f'[services]\nhub = "{public}"\n' if public else ""
        file.write_text(
            f'[site]\nname = "here"\nroot = "{self.folder}/storage"\n{services}'
            f'[hub]\nstate = "{self.folder}/hub"\n{hub}\n{sign_in}\n{more}\n'
        )
        return file

    def secret(self, text: str = "very-secret", mode: int = 0o600) -> Path:
        file = self.folder / "client-secret"
        file.write_text(text + "\n")
        file.chmod(mode)
        return file

    def oidc(self, more: str = "", secret: Path | None = None) -> str:
        return (
            '[hub.sign_in]\nkind = "oidc"\nissuer = "https://idp.example.org"\nclient_id = "hub"\n'
            f'client_secret_file = "{secret or self.secret()}"\n{more}'
        )


@pytest.fixture
def site_file(tmp_path: Path) -> Written:
    return Written(tmp_path)


def applied(cls: type, c: Any, **more: Any) -> Any:
    """An object of the hub with these settings; unknown ones and wrong types are errors of its own."""
    return cls(config=c, **more)


def test_internal_ssl_is_refused_in_words(c: Any, site_file: Written) -> None:
    """The hub gives no other account the keys for it, so that the service could not be reached."""
    c.JupyterHub.internal_ssl = True
    with pytest.raises(Invalid, match="internal_ssl cannot be used with this service"):
        configure(c, site_file())


def test_the_hub_takes_every_setting(c: Any, site_file: Written) -> None:
    """No name is misspelled and no value has another type than the installed version of the hub wants."""
    configure(c, site_file())
    hub = applied(JupyterHub, c)
    assert hub.bind_url == "http://127.0.0.1:8000/"
    for section, cls in (("JupyterHub", JupyterHub), ("PamSignIn", PamSignIn), ("Authenticator", PamSignIn)):
        assert set(c[section]) <= set(cls.class_traits(config=True)), section
    assert set(c.ConfigurableHTTPProxy) <= set(ConfigurableHTTPProxy.class_traits(config=True))
    assert set(c.Spawner) <= set(hub.spawner_class.class_traits(config=True))


def test_servers_of_people_outlive_the_hub_and_the_proxy_is_found_again(c: Any, site_file: Written) -> None:
    configure(c, site_file())
    again = Config()
    configure(again, site_file())
    assert c.JupyterHub.cleanup_servers is False
    assert c.ConfigurableHTTPProxy.auth_token == again.ConfigurableHTTPProxy.auth_token != ""
    assert c.CryptKeeper["keys"] == again.CryptKeeper["keys"]
    assert len(applied(CryptKeeper, c).keys[0]) == 32


def test_secrets_lie_in_files_that_nobody_else_reads(c: Any, site_file: Written) -> None:
    configure(c, site_file())
    state = site_file.folder / "hub"
    assert state.stat().st_mode & 0o077 == 0
    assert [file.name for file in state.iterdir() if file.stat().st_mode & 0o077] == []


def test_cookies_of_a_site_with_tls_are_never_sent_without(c: Any, site_file: Written) -> None:
    configure(c, site_file())
    assert c.JupyterHub.tornado_settings["cookie_options"] == {"secure": True, "samesite": "Lax"}
    assert c.JupyterHub.cookie_host_prefix_enabled is False
    assert c.JupyterHub.cookie_max_age_days == 7


def test_with_subdomains_cookies_carry_the_prefix(c: Any, site_file: Written) -> None:
    configure(c, site_file('subdomain_host = "https://hub.example.org"'))
    assert c.JupyterHub.cookie_host_prefix_enabled is True
    assert c.JupyterHub.subdomain_host == "https://hub.example.org"


def test_a_hub_below_a_path_listens_there(c: Any, site_file: Written) -> None:
    configure(c, site_file(sign_in=site_file.oidc(), public="https://www.example.org/jupyter"))
    assert c.JupyterHub.bind_url == "http://127.0.0.1:8000/jupyter/"
    assert c.OpenIDSignIn.oauth_callback_url == "https://www.example.org/jupyter/hub/oauth_callback"


def test_tokens_of_people_end(c: Any, site_file: Written) -> None:
    configure(c, site_file("token_days = 3"))
    assert c.JupyterHub.token_expires_in_max_seconds == 3 * 86400


def test_the_service_runs_as_its_own_account_and_people_may_use_it(c: Any, site_file: Written) -> None:
    file = site_file(more='[service]\naccount = "modama"\nport = 8777')
    configure(c, file)
    hub = applied(JupyterHub, c)
    row = next(row for row in hub.services if row["name"] == "modama")
    assert row["url"] == "http://127.0.0.1:8777"
    assert row["command"] == [sys.executable, "-I", "-m", "jupyter_modama.service", "--site", str(file)]
    assert row.get("user") == ("modama" if os.geteuid() == 0 else None)
    roles = [role["scopes"] for role in hub.load_roles if role["name"] == "user"]  # JupyterHub 5
    assert set(user_scopes()) <= set(getattr(hub, "extra_user_scopes", None) or roles[0])
    assert set(user_scopes()) <= set(c.Spawner.server_token_scopes)
    assert {scope for scope in user_scopes() if scope.startswith("custom:")} == set(hub.custom_scopes)


def test_the_service_knows_its_hub_and_is_looked_after(c: Any, site_file: Written) -> None:
    """The hub, which is this process, says who it is; and looks every few seconds whether its services run."""
    configure(c, site_file())
    row = next(row for row in c.JupyterHub.services if row["name"] == "modama")
    assert started_by(row["environment"]) == (os.getpid(), started_at(os.getpid()))
    assert jupyterhub.services.service._ServiceSpawner().poll_interval == EVERY_S
    assert LocalProcessSpawner().poll_interval == 30


def test_a_delegate_has_a_token_in_a_file_and_reaches_the_service_only(c: Any, site_file: Written) -> None:
    configure(c, site_file(more='[delegates.nextcloud]\noperations = ["session.seal"]'))
    hub = applied(JupyterHub, c)
    token = (site_file.folder / "hub/delegates/nextcloud.token").read_text().strip()
    assert {"name": "nextcloud", "api_token": token} in hub.services
    role = next(role for role in hub.load_roles if role.get("services") == ["nextcloud"])
    assert role["scopes"] == ["access:services!service=modama"]


def test_idle_servers_are_stopped_unless_the_site_says_never(site_file: Written) -> None:
    busy, idle = Config(), Config()
    configure(idle, site_file("idle_minutes = 90"))
    configure(busy, site_file("idle_minutes = 0"))
    row = next(row for row in applied(JupyterHub, idle).services if row["name"] == "modama-idle")
    assert "--timeout=5400" in row["command"]
    assert [row["name"] for row in applied(JupyterHub, busy).services] == ["modama", "sign-in"]


def test_what_comes_before_and_after_the_call_stays(c: Any, site_file: Written) -> None:
    """Services of the site's own are kept, and a later word wins."""
    c.JupyterHub.services = [{"name": "mine", "api_token": "x" * 20}]
    configure(c, site_file())
    c.JupyterHub.services.append({"name": "later", "api_token": "y" * 20})
    c.Spawner.environment["HTTP_PROXY"] = "http://proxy.example.org"
    c.JupyterHub.cookie_max_age_days = 1
    c.PamSignIn.minimum_uid = 5000
    hub = applied(JupyterHub, c)
    assert {row["name"] for row in hub.services} == {"mine", "modama", "modama-idle", "sign-in", "later"}
    assert hub.cookie_max_age_days == 1
    assert applied(PamSignIn, c).minimum_uid == 5000
    assert dict(c.Spawner.environment)["HTTP_PROXY"] == "http://proxy.example.org"


@pytest.mark.parametrize(
    ("kind", "cls"), [("oidc", OpenIDSignIn), ("nextcloud", NextcloudSignIn), ("pam", PamSignIn), ("demo", DemoSignIn)]
)
def test_each_kind_of_sign_in_makes_its_class(c: Any, site_file: Written, kind: str, cls: type) -> None:
    rows = site_file.oidc().replace('"oidc"', f'"{kind}"')
    if kind == "demo":
        rows += f'password_file = "{site_file.secret()}"\n'
    configure(c, site_file(sign_in=rows, public=""))
    assert c.JupyterHub.authenticator_class is cls
    made = applied(cls, c, parent=applied(JupyterHub, c))
    assert made.minimum_uid == 1000
    assert set(made.of_system) == {"root", "modama-service"}
    assert made.allow_all


def test_the_clients_secret_is_read_from_its_file_and_stands_in_no_setting(c: Any, site_file: Written) -> None:
    configure(c, site_file(sign_in=site_file.oidc()))
    assert "very-secret" not in repr(c)
    assert applied(OpenIDSignIn, c).client_secret == "very-secret"


def test_a_secret_that_others_can_read_is_refused(c: Any, site_file: Written) -> None:
    configure(c, site_file(sign_in=site_file.oidc(secret=site_file.secret(mode=0o644))))
    with pytest.raises(Invalid, match=r"others can read the file .*: chmod 600"):
        _ = applied(OpenIDSignIn, c).client_secret


def test_allowed_groups_close_the_hub_for_everybody_else(c: Any, site_file: Written) -> None:
    rows = site_file.oidc('groups_claim = "groups"\nallowed_groups = ["staff"]\nadministrator_groups = ["it"]\n')
    configure(c, site_file(sign_in=rows))
    made = applied(OpenIDSignIn, c)
    assert (made.allow_all, made.allowed_groups, made.admin_groups) == (False, {"staff"}, {"it"})
    assert made.manage_groups


@pytest.mark.parametrize(
    ("sign_in", "says"),
    [
        ('kind = "oidc"', "issuer is missing"),
        ('kind = "ldap"', "kind “ldap” is to be one of oidc, nextcloud, pam, demo"),
        ('kind = "pam"\nlogin_pattern = "(["', "is no expression"),
        ('kind = "pam"\nlogin_pattern = ".*"', "needs a group"),
        ('kind = "oidc"\nallowed_groups = ["a"]', "need groups_claim"),
        ('kind = "pam"\ndays = 0', "days is to be 1 or more"),
        ('kind = "demo"', "password_file is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_key(c: Any, site_file: Written, sign_in: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        configure(c, site_file(sign_in=f"[hub.sign_in]\n{sign_in}\n"))


@pytest.mark.parametrize("issuer", ["http://idp.example.org", "idp.example.org", "ftp://idp.example.org"])
def test_a_provider_without_tls_is_refused(c: Any, site_file: Written, issuer: str) -> None:
    configure(c, site_file(sign_in=site_file.oidc().replace("https://idp.example.org", issuer)))
    with pytest.raises(Invalid, match="is to be the https address"):
        applied(OpenIDSignIn, c)


@pytest.mark.parametrize("bind", ["http://0.0.0.0:8000", "http://192.0.2.7:8000", "http://:8000"])
def test_the_shared_password_is_refused_on_a_network(c: Any, site_file: Written, bind: str) -> None:
    rows = f'[hub.sign_in]\nkind = "demo"\npassword_file = "{site_file.secret()}"\n'
    with pytest.raises(Invalid, match="can be reached from elsewhere"):
        configure(c, site_file(f'bind = "{bind}"', sign_in=rows))
    configure(c, site_file(sign_in=rows, public=""))
    c.JupyterHub.bind_url = bind  # and after the call neither
    with pytest.raises(Invalid, match="the demo's shared password is refused on"):
        applied(DemoSignIn, c, parent=applied(JupyterHub, c))


def test_a_confirmation_on_a_page_that_notebooks_reach_is_warned_of(
    c: Any, site_file: Written, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modama.hub"):
        configure(c, site_file(more='[seal]\nconfirm = "page"'))
    assert "subdomain_host" in caplog.text
    caplog.clear()
    configure(Config(), site_file('subdomain_host = "https://hub.example.org"', more='[seal]\nconfirm = "page"'))
    assert caplog.text == ""


def test_a_site_file_that_is_not_there_is_named(c: Any, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none\.toml cannot be read"):
        configure(c, tmp_path / "none.toml")
