"""Every key of the site file as a page of the docs, made from the classes that the file is read into."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_origin, get_type_hints

from jupyter_modama.core.hub_rules import (
    ExtraMount,
    HubRules,
    MailRules,
    PagesRules,
    ServiceRules,
    SignInRules,
    Tile,
)
from jupyter_modama.core.model import Area, AuditRules, Level, SealRules, Site, Tool
from jupyter_modama.core.site_file import SERVICES, SITE_KEYS

HEAD = """\
# Settings of the site file

Made from the code by `python -m hub_config settings`; `make drift` fails where it is not. What is not set has the value
in the second column. Unknown keys, wrong types and values that cannot be meant are refused with file, table and key.
"""
TABLES: tuple[tuple[str, str, type], ...] = (
    ("[site]", "The tree.", Site),
    ("[areas.NAME]", "A top-level folder with its layout; without any, every top-level folder is one.", Area),
    ("[areas.NAME] levels", "One row for each level of an area whose rights come from a facility's system.", Level),
    ("[seal]", "What a seal asks and how long it can be taken back.", SealRules),
    ("[audit]", "The book of what was done.", AuditRules),
    ("[hub]", "Servers of people.", HubRules),
    ("[hub.sign_in]", "Who is let in, and which account of the system they are.", SignInRules),
    ("[[hub.mount]]", "What people find beside the tree.", ExtraMount),
    ("[service]", "The process between people and the keeper.", ServiceRules),
    ("[mail]", "Invitations and reminders by e-mail; without a server none are sent.", MailRules),
    ("[pages]", "What the pages say.", PagesRules),
    ("[[pages.tile]]", "A tile of the landing page.", Tile),
    ("[[tool]]", "A row of the table of tools: something to open a path with, or to copy.", Tool),
)
SERVICE_SAYS: dict[str, dict[str, str]] = {
    "hub": {"url": "address of the hub as people see it", "tree": "where the tree lies inside servers"},
    "nextcloud": {"url": "address of the Nextcloud", "mount": "folder in it that shows the tree"},
    "eln": {"url": "address of the electronic lab notebook", "kind": "which program it is"},
    "permalink": {"url": "address that links which are to last begin with"},
    "smb": {"host": "host of the network drive", "share": "name of the share"},
    "ssh": {
        "host": "host for ssh, rsync and sftp",
        "port": "its port",
        "user": "login there, where it is not the person's own",
        "path": "where the tree lies there",
        "options": "options of ssh as Name=value",
    },
    "workstation": {"path": "where the tree lies on workstations"},
    "backup": {"stamp": "a file that each backup touches: its date is shown as that of the last backup"},
}
KINDS = {str: "text", int: "number", bool: "true/false", tuple: "list", dict: "table"}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, says, cls in TABLES:
        keys = SITE_KEYS if cls is Site else tuple(field.name for field in dataclasses.fields(cls))
        rows = [row for name in keys if (row := _row(cls, name)) is not None]
        parts.append(_table(title, says, rows))
    rows = [
        (f"{name}.{key}", kind, "", SERVICE_SAYS[name][key])
        for name, keys in SERVICES.items()
        for key, kind in keys.items()
    ]
    parts.append(_table("[services]", "What is around the tree; what is named shows up in links and on pages.", rows))
    operations = ("operations", "list", "", "operations such as session.seal or share.*; never unseal")
    parts.append(
        _table("[delegates.NAME]", "Another program that may ask for people, with the token of its name.", [operations])
    )
    return "\n".join(parts)


def _row(cls: type, name: str) -> tuple[str, str, str, str] | None:
    """Name, kind, default and purpose of one key; None for what is a table of its own, or the name of the table.

    Raises: LookupError where a key does not say what it is for.
    """
    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    hint = get_type_hints(cls)[name]
    inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
    if (dataclasses.is_dataclass(inner) and inner is not Level) or (cls is Area and name == "name"):
        return None
    if "says" not in field.metadata:
        raise LookupError(f"{cls.__name__}.{name} does not say what it is for: give it `setting(default, says)`")
    return name, KINDS[get_origin(hint) or hint], _default(field.default), field.metadata["says"]


def _default(value: Any) -> str:
    if value is dataclasses.MISSING or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def _table(title: str, says: str, rows: list[tuple[str, str, str, str]]) -> str:
    lines = [f"## `{title}`\n", f"{says}\n", "| key | default | kind | what it is for |", "|---|---|---|---|"]
    for name, kind, default, purpose in rows:
        shown = f"`{_cell(default)}`" if default else ""
        lines.append(f"| `{name}` | {shown} | {kind} | {_cell(purpose)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
