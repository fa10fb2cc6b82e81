"""What the site file says of the hub: how people sign in, what is mounted for them, the service, mail and pages.

Each setting says what it is for; the administrator's guide is made from that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


def setting(default: Any, says: str) -> Any:
    """A field of a table of the site file, with the line that the guide has for it."""
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True, slots=True)
class SignInRules:
    """[hub.sign_in]: who is let in, and which account of the system they are."""

    kind: str = setting(
        "oidc", "oidc, nextcloud (its own OAuth2), pam, or demo (one shared password; never on a network)"
    )
    issuer: str = setting("", "address of the OpenID provider or of Nextcloud; what else is needed is asked there")
    client_id: str = setting("", "the hub's name at the provider")
    client_secret_file: str = setting("", "file with the hub's secret at the provider, readable by root only")
    scopes: tuple[str, ...] = setting(("openid", "profile", "email"), "what the provider is asked for")
    login_claim: str = setting("preferred_username", "the claim that names the person")
    login_pattern: str = setting(
        r"([a-z_][a-z0-9_.-]{0,31})",
        "expression that the whole claim must match; its first group is the system's login",
    )
    email_claim: str = setting("email", "the claim with the address, which must be verified, for invitations")
    groups_claim: str = setting(
        "", "the claim with the groups, such as groups; empty: groups are not taken from the provider"
    )
    allowed_groups: tuple[str, ...] = setting(
        (), "who is let in, by group (of the provider; with pam, of the system); empty: everybody with an account"
    )
    administrator_groups: tuple[str, ...] = setting((), "groups whose members administer the hub (not the data)")
    title: str = setting("", "what stands on the button of the sign-in page; empty: the provider's host")
    days: int = setting(7, "after which people sign in again, at the latest")
    password_file: str = setting("", "file with the shared password of the demo, readable by root only")

    def problem(self) -> str:
        """What is wrong with the table, in a sentence; empty where nothing is."""
        return next(filter(None, (check(self) for check in _SIGN_IN_CHECKS)), "")


@dataclass(frozen=True, slots=True)
class ExtraMount:
    """[[hub.mount]]: something beside the data tree that people find in their servers."""

    name: str = setting("", "what it is called in messages")
    kind: str = setting("folder", "folder, or nextcloud (the person's own files, by their own token)")
    source: str = setting(
        "", "folder on this machine, or the person's WebDAV address, which ends in /remote.php/dav/files/{login}"
    )
    target: str = setting("", "where it appears: a folder of root's, or {home}/name; {login} is the person")
    read_only: bool = setting(False, "whether it can be read only")
    groups: tuple[str, ...] = setting((), "groups of the system whose members get it; empty: everybody")

    def problem(self) -> str:
        """What is wrong with it, nothing where it is fine."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}", self.name):
            return "name is to be one word of letters, digits and -, such as “scratch”"
        if self.kind not in {"folder", "nextcloud"}:
            return f"kind cannot be “{self.kind}”; possible are folder and nextcloud"
        start, example = ("/", "/scratch/{login}") if self.kind == "folder" else ("http", "https://cloud.example.org/…")
        if not self.source.startswith(start) or "/../" in self.source + "/":
            return f"source “{self.source}” is to be like {example}"
        if not re.fullmatch(r"(\{home\})?(/[^/\x00-\x1f]+)+", self.target) or "/../" in self.target + "/":
            return f"target “{self.target}” is to be a path from / on, or {{home}}/ and a name"
        return ""


@dataclass(frozen=True, slots=True)
class HubRules:
    """[hub]: servers of people."""

    spawner: str = setting("local", "what starts servers: local, systemd, docker, kube or batch")
    mounts: str = setting(
        "acl", "acl (the whole tree, rights decide), plan (own projects only), live (follows membership)"
    )
    target: str = setting("", "where the tree lies inside a container; empty: where it lies on this machine")
    claim: str = setting("", "kube: the claim (PVC) that holds the tree; empty: the same folder on each node")
    claim_folder: str = setting("", "kube: the folder of the tree in that claim; empty: its top")
    home_link: bool = setting(True, "whether people find the tree as ~/<site name>")
    bind: str = setting("http://127.0.0.1:8000", "where the hub's proxy listens; TLS is the web server's before it")
    state: str = setting("/var/lib/modama-hub", "folder for the hub's data base and secrets, closed to others")
    command: str = setting("", "path of jupyterhub-singleuser in people's servers; empty: beside the hub's own")
    idle_minutes: int = setting(720, "after which a server without activity is stopped; 0: never")
    token_days: int = setting(30, "the longest that a token for programs is valid")
    subdomain_host: str = setting("", "address whose subdomains are people's servers, such as https://hub.example.org")
    sign_in: SignInRules = field(default_factory=SignInRules)
    mount: tuple[ExtraMount, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """[service]: the process between people and the keeper."""

    account: str = setting("modama-service", "the account that it runs as, with which nobody can log in")
    port: int = setting(8765, "where it listens on this machine's loopback, behind the hub's proxy")
    keeper: str = setting("/run/modama/keeper.sock", "the keeper's socket")
    state: str = setting("/var/lib/modama", "folder for its own state")
    token_cache_s: int = setting(5, "how long the hub's answer about a token is believed")
    requests_a_minute: int = setting(600, "the most that one person may ask in a minute")


@dataclass(frozen=True, slots=True)
class MailRules:
    """[mail]: reminders and results by e-mail; without a server none are sent."""

    server: str = setting("", "host of the mail server")
    port: int = setting(25, "its port")
    sender: str = setting("", "address that mails come from")
    security: str = setting("starttls", "starttls, tls or none")
    user_file: str = setting("", "file with `login:password`, where the server wants that")
    domain: str = setting("", "people's addresses are login@domain where nothing else is known")
    quiet_days: int = setting(14, "after which owners are reminded of a session that is quiet and not sealed; 0: never")


@dataclass(frozen=True, slots=True)
class Tile:
    """[[pages.tile]]: a tile of the landing page."""

    name: str = setting("", "which tile; one of the built-in names replaces that tile")
    title: str = setting("", "what stands on it")
    text: str = setting("", "what one can do there")
    url: str = setting("", "where it leads; {hub}, {nextcloud}, {eln}, and {pages} for a page of our own")
    label: str = setting("", "the words of the link")
    vpn_only: bool = setting(False, "whether it can be reached from inside only")


@dataclass(frozen=True, slots=True)
class PagesRules:
    """[pages]: what the pages say to people."""

    title: str = setting("", "heading of the landing page; empty: the name of the site")
    intro: str = setting("", "a sentence below it")
    contact: str = setting("", "whom to ask for access: a name, an e-mail address or a web address")
    report: str = setting("", "where problems go: mailto:help@example.org, or the address of a form for new issues")
    vpn_only: tuple[str, ...] = setting((), "names of tiles that can be reached from inside only")
    tile: tuple[Tile, ...] = ()


# What the table of sign-in cannot mean -------------------------------------------------------------------------------

KINDS_OF_SIGN_IN = ("oidc", "nextcloud", "pam", "demo")


def _kind(rules: SignInRules) -> str:
    if rules.kind in KINDS_OF_SIGN_IN:
        return ""
    return f"kind “{rules.kind}” is to be one of {', '.join(KINDS_OF_SIGN_IN)}"


def _pattern(rules: SignInRules) -> str:
    try:
        compiled = re.compile(rules.login_pattern)
    except re.error as error:
        return f"login_pattern “{rules.login_pattern}” is no expression: {error}"
    return "" if compiled.groups else f"login_pattern “{rules.login_pattern}” needs a group, in round brackets"


def _groups(rules: SignInRules) -> str:
    asked = rules.allowed_groups or rules.administrator_groups
    if not asked or rules.groups_claim or rules.kind in {"pam", "nextcloud"}:
        return ""
    return "allowed_groups and administrator_groups need groups_claim, the name of the claim with the groups"


def _days(rules: SignInRules) -> str:
    return "" if rules.days > 0 else "days is to be 1 or more"


_SIGN_IN_CHECKS = (_kind, _pattern, _groups, _days)
