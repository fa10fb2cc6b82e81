"""The site file, or what stands in for it when there is only a root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jupyter_modama.core.hub_rules import HubRules, MailRules, PagesRules, ServiceRules, setting


@dataclass(frozen=True, slots=True)
class Level:
    """One level of an area's folders: who owns it, with which mode (text may hold {fields} of the layout)."""

    owner: str = setting("", "account that owns the folder; empty: as the system does it")
    group: str = setting("", "group of the folder; both may hold {names} of the layout")
    mode: str = setting("2770", "rights of the folder, in octal digits")


@dataclass(frozen=True, slots=True)
class Area:
    """A top-level folder with a layout."""

    name: str
    layout: str = setting("{project}/{session}/raw", "folders below the area, the last {name} being the session's")
    create: str = setting("everyone", "who may make projects: everyone, or administrators")
    delete: str = setting(
        "folder-owner",
        "folder-owner: whoever made a folder may delete in it; strict: own files only, folders by the system",
    )
    write: str = setting("members", "members: everybody changes all files; own-files: only one's own")
    derived: str = setting("analysis", "the folder beside raw that is made with a session")
    session_name: str = setting("{date:%Y-%m-%d}-", "how the name of a new session is proposed")
    members: str = setting("acl", "acl: set by owners here; group: filled elsewhere, shown only")
    levels: tuple[Level, ...] = setting((), "owner, group and mode of each level, from the first folder down to raw")


@dataclass(frozen=True, slots=True)
class SealRules:
    undo_minutes: int = setting(15, "how long whoever sealed can undo it; 0: never")
    confirm: str = setting("dialog", "where a seal is confirmed: dialog, or page (one that notebooks cannot reach)")
    reverify_days: int = setting(180, "after which the nightly pass reads a sealed session again; 0: never")


@dataclass(frozen=True, slots=True)
class AuditRules:
    keep_days: int = setting(3650, "how long lines of the audit are kept")
    rotate_mb: int = setting(64, "size at which a file of the audit is closed")


@dataclass(frozen=True, slots=True)
class Tool:
    """A row of the table of tools: a URL or command template, and what it opens (extensions, file, folder, any)."""

    name: str = field(metadata={"says": "what it is called; the name of a built-in one replaces that"})
    opens: tuple[str, ...] = setting(("any",), "endings of files, or file, folder, any")
    url: str = setting("", "address to open; may hold {path}, {hub} and the other services")
    command: str = setting("", "line to run in a shell")
    text: str = setting("", "text to paste")
    icon: str = setting("", "name of an icon")
    group: str = setting("open", "where it is shown: open, transfer, mount or copy")
    note: str = setting("", "a sentence beside it")
    needs: tuple[str, ...] = setting((), "services without which the row does not show")
    kernel: str = setting("", "of a line of Python: the notebook kernel that can run it, where not every one can")


@dataclass(frozen=True, slots=True)
class Site:
    """The site file, or what stands in for it when there is only a root."""

    root: str = field(metadata={"says": "path of the tree's root on this machine; needed"})
    name: str = setting("modama", "name of the site, and of the folder in which people find the tree")
    account: str = setting("", "account that owns projects and sessions; empty: root")
    administrators: str = setting("", "group of the system whose members administrate the data, and may unseal")
    minimum_uid: int = setting(1000, "the smallest number of a person's account")
    externals: str = setting("", "group of the accounts whose people belong to other institutions")
    instruments: tuple[str, ...] = setting((), "accounts that microscopes write with; @name is a group of them")
    instruments_quiet_s: int = setting(60, "seconds after its last change when a microscope's file is finished")
    areas: tuple[Area, ...] = ()
    any_area: bool = True  # every top-level folder is an area (MODAMA_ROOT alone)
    seal: SealRules = SealRules()
    audit: AuditRules = AuditRules()
    services: dict[str, Any] = field(default_factory=dict)
    hub: HubRules = field(default_factory=HubRules)
    service: ServiceRules = field(default_factory=ServiceRules)
    mail: MailRules = field(default_factory=MailRules)
    pages: PagesRules = field(default_factory=PagesRules)
    tools: tuple[Tool, ...] = ()
    delegates: dict[str, Any] = field(default_factory=dict)
    managed_by: str = ""  # the service's address where `<root>/.modama/site.json` says so
