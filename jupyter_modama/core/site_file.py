"""From the tables of a site file to the site: every key known, every type checked, every template tried."""

from __future__ import annotations

import dataclasses
import re
import string
from dataclasses import replace
from datetime import datetime
from typing import Any, get_origin, get_type_hints
from urllib.parse import urlsplit

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.hub_rules import (
    ExtraMount,
    HubRules,
    MailRules,
    PagesRules,
    ServiceRules,
    SignInRules,
    Tile,
)
from jupyter_modama.core.model import Area, AuditRules, Level, SealRules, Site
from jupyter_modama.core.names import broken_rule
from jupyter_modama.core.tools import near, read_tool

CHOICES = {
    "create": ("everyone", "administrators"),
    "delete": ("folder-owner", "strict"),
    "write": ("members", "own-files"),
    "members": ("acl", "group"),
    "confirm": ("dialog", "page"),
    "spawner": ("local", "systemd", "docker", "kube", "batch"),
    "mounts": ("acl", "plan", "live"),
    "security": ("starttls", "tls", "none"),
}
# Each service of the table [services]: its keys with what they are; a text alone stands for its first key.
SERVICES: dict[str, dict[str, str]] = {
    "hub": {"url": "url", "tree": "text"},
    "nextcloud": {"url": "url", "mount": "text"},
    "eln": {"url": "url", "kind": "text"},
    "permalink": {"url": "url"},
    "smb": {"host": "host", "share": "name"},
    "ssh": {"host": "host", "port": "port", "user": "user", "path": "folder", "options": "options"},
    "workstation": {"path": "folder"},
    "backup": {"stamp": "folder"},  # a file that each backup leaves anew: its date is that of the last one
}
AS_TEXT = {"hub", "permalink"}
SIGN_IN = "sign-in"  # the delegate that is the hub itself
SITE_KEYS = (
    *("name", "root", "account", "administrators", "minimum_uid"),
    *("externals", "instruments", "instruments_quiet_s"),
)
TABLES = ("site", "areas", "seal", "audit", "services", "hub", "service", "mail", "pages", "tool", "delegates")
KINDS = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table", list: "a list", tuple: "a list"}


def site_from(tables: dict[str, Any], file: str) -> Site:
    """The site that a site file describes.

    Raises: Invalid, naming file, table, key, what is expected, and what may have been meant.
    """
    _known(tables, TABLES, file, "table")
    head = _fields(Site, _table(tables, "site", file), f"{file}: [site]", SITE_KEYS)
    root = head.get("root", "")
    if not root.startswith("/"):
        raise Invalid(what=f'{file}: [site] root is to be the path of a folder from / on, such as "/storage/data"')
    if "instruments" in head:
        head["instruments"] = _accounts(head["instruments"], f"{file}: [site] instruments")
    areas = tuple(area(name, raw, f"{file}: [areas.{name}]") for name, raw in _table(tables, "areas", file).items())
    seal = SealRules(**_fields(SealRules, _table(tables, "seal", file), f"{file}: [seal]"))
    if seal.undo_minutes < 0:
        raise Invalid(what=f"{file}: [seal] undo_minutes is to be 0 or more")
    if seal.reverify_days < 0:
        raise Invalid(what=f"{file}: [seal] reverify_days is to be 0 (never) or more")
    audit = AuditRules(**_fields(AuditRules, _table(tables, "audit", file), f"{file}: [audit]"))
    for key in ("keep_days", "rotate_mb"):
        if getattr(audit, key) < 1:
            raise Invalid(what=f"{file}: [audit] {key} is to be 1 or more")
    rows = tables.get("tool", [])
    if not isinstance(rows, list):
        raise Invalid(what=f"{file}: tools are written as [[tool]], with two brackets")
    return Site(
        **{**head, "root": "/" + root.strip("/")},
        areas=areas,
        any_area=not areas,
        seal=seal,
        audit=audit,
        services=services(_table(tables, "services", file), f"{file}: [services]"),
        hub=hub(_table(tables, "hub", file), file),
        service=ServiceRules(**_fields(ServiceRules, _table(tables, "service", file), f"{file}: [service]")),
        mail=MailRules(**_fields(MailRules, _table(tables, "mail", file), f"{file}: [mail]")),
        pages=pages(_table(tables, "pages", file), file),
        tools=tuple(read_tool(row, f"{file}: [[tool]] number {n}") for n, row in enumerate(rows, 1)),
        delegates=_delegates(_table(tables, "delegates", file), file),
    )


def _known(raw: dict[str, Any], keys: tuple[str, ...], where: str, noun: str = "key") -> None:
    for key in raw:
        if key not in keys:
            raise Invalid(what=f"{where}: there is no {noun} “{key}”{near(key, keys)}")


def _table(tables: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    found = tables.get(name, {})
    if not isinstance(found, dict):
        raise Invalid(what=f"{where}: {name} is to be a table, not {_kind(found)}")
    return found


def _fields(cls: type, raw: dict[str, Any], where: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """The keys of a table, each of the type that the dataclass has for it."""
    hints = get_type_hints(cls)
    _known(raw, keys or tuple(f.name for f in dataclasses.fields(cls)), where)
    for key, value in raw.items():
        wanted = get_origin(hints[key]) or hints[key]
        if not _is(value, list if wanted is tuple else wanted):
            raise Invalid(what=f"{where} {key} is to be {KINDS[wanted]}, not {_kind(value)}")
        if key in CHOICES and value not in CHOICES[key]:
            raise Invalid(what=f"{where} {key} cannot be “{value}”{near(value, CHOICES[key])}")
    return dict(raw)


def _accounts(value: list[Any], where: str) -> tuple[str, ...]:
    """Logins, and groups with an @ before them."""
    for one in value:
        if not isinstance(one, str) or not re.fullmatch(r"@?[A-Za-z0-9_][A-Za-z0-9._@-]*", one):
            raise Invalid(what=f'{where} is to be a list of accounts and groups, such as ["mic1", "@microscopes"]')
    return tuple(value)


def _is(value: Any, wanted: Any) -> bool:
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _kind(value: Any) -> str:
    shown = f" (“{value}”)" if isinstance(value, (str, int, float)) else ""
    return KINDS.get(type(value), f"a {type(value).__name__}") + shown


# Areas ---------------------------------------------------------------------------------------------------------------


def area(name: str, raw: Any, where: str) -> Area:
    """One area with its layout."""
    if not isinstance(raw, dict):
        raise Invalid(what=f"{where} is to be a table, not {_kind(raw)}")
    if broken := broken_rule(name):
        raise Invalid(what=f"{where}: “{name}” is no name for a folder: {broken}")
    keys = tuple(f.name for f in dataclasses.fields(Area) if f.name != "name")
    found = _fields(Area, raw, where, keys)
    found["levels"] = tuple(_level(row, f"{where} levels, row {n}") for n, row in enumerate(found.get("levels", ()), 1))
    made = Area(name=name, **found)
    names = _check_layout(made.layout, where)
    _check_levels(made, names, where)
    _check_session_name(made, where)
    if broken := broken_rule(made.derived):
        raise Invalid(what=f"{where} derived “{made.derived}” is no name for a folder: {broken}")
    return made


def _check_layout(layout: str, where: str) -> tuple[str, ...]:
    """The names of the folders in a layout."""
    parts = layout.split("/")
    names = [part[1:-1] for part in parts[:-1] if re.fullmatch(r"\{[a-z_]+\}", part)]
    if len(parts) < 3 or len(names) != len(parts) - 1 or len(set(names)) != len(names):
        raise Invalid(
            what=f"{where} layout “{layout}” is to be {{names}} of folders, the last one the session's, and then the "
            "name of the raw folder, such as “{project}/{session}/raw”"
        )
    if broken := broken_rule(parts[-1]) or ("it holds a brace" if set(parts[-1]) & set("{}") else ""):
        raise Invalid(what=f"{where} layout “{layout}” is to end in the name of a raw folder: {broken}")
    return tuple(names)


def _level(raw: Any, where: str) -> Level:
    if not isinstance(raw, dict):
        raise Invalid(what=f"{where} is to be a table of owner, group and mode")
    level = Level(**_fields(Level, raw, where))
    if not re.fullmatch(r"[0-7]{3,4}", level.mode):
        raise Invalid(what=f"{where} mode “{level.mode}” is to be three or four digits from 0 to 7, such as “2770”")
    return level


def _check_levels(made: Area, names: tuple[str, ...], where: str) -> None:
    if made.levels and len(made.levels) != len(names) + 1:
        raise Invalid(
            what=f"{where} levels has {len(made.levels)} row(s), and the layout needs {len(names) + 1}: "
            "one for each of its folders, from the first down to raw"
        )
    for number, level in enumerate(made.levels, 1):
        for text in (level.owner, level.group):
            for _, name, _, _ in _parsed(text, f"{where} levels, row {number}"):
                if name is not None and name not in names:
                    raise Invalid(
                        what=f"{where} levels, row {number}: there is no folder “{{{name}}}”{near(name, names)}"
                    )


def _parsed(template: str, where: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(template))
    except ValueError as error:
        raise Invalid(what=f"{where}: “{template}” cannot be read: {error}") from error


def _check_session_name(made: Area, where: str) -> None:
    try:
        tried = made.session_name.format(date=datetime(2026, 11, 21))
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise Invalid(
            what=f"{where} session_name “{made.session_name}” cannot be filled in: it can hold "
            "{date:%Y-%m-%d} and text"
        ) from error
    if tried and (broken := broken_rule(tried.rstrip("-") + "x")):
        raise Invalid(what=f"{where} session_name would propose “{tried}”, which is no name for a folder: {broken}")


# The hub -------------------------------------------------------------------------------------------------------------


def hub(raw: dict[str, Any], file: str) -> HubRules:
    """How people's servers are started, what they find there, and how they sign in."""
    where = f"{file}: [hub]"
    inner: dict[str, Any] = {key: raw[key] for key in ("sign_in", "mount") if key in raw}
    plain = {key: value for key, value in raw.items() if key not in inner}
    keys = tuple(f.name for f in dataclasses.fields(HubRules))
    found = _fields(HubRules, plain, where, keys)
    rows = inner.get("mount", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid(what=f"{file}: further mounts are written as [[hub.mount]], with two brackets")
    mounts = tuple(_texts(ExtraMount, row, f"{file}: [[hub.mount]] number {n}") for n, row in enumerate(rows, 1))
    for number, mount in enumerate(mounts, 1):
        if problem := mount.problem():
            raise Invalid(what=f"{file}: [[hub.mount]] number {number}: {problem}")
    sign_in: SignInRules = _texts(SignInRules, _table(inner, "sign_in", where), f"{file}: [hub.sign_in]")
    if problem := sign_in.problem():
        raise Invalid(what=f"{file}: [hub.sign_in] {problem}")
    return HubRules(**found, sign_in=sign_in, mount=mounts)


def pages(raw: dict[str, Any], file: str) -> PagesRules:
    """What the pages say to people."""
    plain = {key: value for key, value in raw.items() if key != "tile"}
    found: PagesRules = _texts(PagesRules, plain, f"{file}: [pages]")
    rows = raw.get("tile", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid(what=f"{file}: tiles are written as [[pages.tile]], with two brackets")
    tiles = tuple(_tile(row, f"{file}: [[pages.tile]] number {n}") for n, row in enumerate(rows, 1))
    if found.report and not re.match(r"(mailto:[^\s?]+@[^\s?]+|https?://\S+)$", found.report):
        raise Invalid(what=f"{file}: [pages] report is to be mailto:help@example.org or the web address of a form")
    return replace(found, tile=tiles)


def _tile(raw: dict[str, Any], where: str) -> Tile:
    tile: Tile = _texts(Tile, raw, where)
    if not tile.name:
        raise Invalid(what=f"{where}: the name is missing")
    if tile.url and not re.match(r"\{(hub|nextcloud|eln|pages)\}|https?://|mailto:", tile.url):
        raise Invalid(what=f"{where} url “{tile.url}” is to begin with https:// or with a service such as {{hub}}")
    return tile


def _texts(cls: type, raw: dict[str, Any], where: str) -> Any:
    """A table whose lists hold texts."""
    found = _fields(cls, raw, where)
    for key, value in found.items():
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                raise Invalid(what=f"{where} {key} is to be a list of texts")
            found[key] = tuple(value)
    return cls(**found)


# Services ------------------------------------------------------------------------------------------------------------


def services(raw: dict[str, Any], where: str) -> dict[str, Any]:
    """What is around the tree; each as the site file has it, addresses without their last slash."""
    _known(raw, tuple(SERVICES), where, "service")
    found: dict[str, Any] = {}
    for name, value in raw.items():
        keys = SERVICES[name]
        if isinstance(value, str) and name in AS_TEXT:
            found[name] = _checked(keys["url"], value, f"{where} {name}")
            continue
        if not isinstance(value, dict):
            raise Invalid(what=f"{where} {name} is to be a table with {', '.join(keys)}, not {_kind(value)}")
        _known(value, tuple(keys), f"{where} {name}")
        first = next(iter(keys))
        if first not in value:
            raise Invalid(what=f"{where} {name}: the key “{first}” is missing")
        table = {key: _checked(keys[key], item, f"{where} {name}.{key}") for key, item in value.items()}
        found[name] = table["url"] if name == "permalink" else table
    return found


def _checked(kind: str, value: Any, where: str) -> Any:
    if kind == "port":
        if not _is(value, int) or not 0 < value < 65536:
            raise Invalid(what=f"{where} is to be a number from 1 to 65535")
        return value
    if kind == "options":
        return _options(value, where)
    if not isinstance(value, str):
        raise Invalid(what=f"{where} is to be a text, not {_kind(value)}")
    if kind == "url":
        return _url(value, where)
    pattern, example = PATTERNS[kind]
    if not re.fullmatch(pattern, value):
        raise Invalid(what=f"{where} “{value}” is to look like {example}")
    return value


PATTERNS = {
    "text": (r"[^\x00-\x1f]*", "a text of one line"),
    "host": (r"[A-Za-z0-9][A-Za-z0-9._-]*", "data.example.org"),
    "user": (r"[A-Za-z0-9_][A-Za-z0-9._@-]*", "the name of an account"),
    "name": (r"[^\x00-\x1f/\\:\"<>|?*%]+", "the name of a share"),
    "folder": (r"/[^\x00-\x1f]*", "a path from / on"),
}


def _options(value: Any, where: str) -> tuple[str, ...]:
    """Options of ssh as `Name=value`; those with spaces or quotes would need one more level of quoting in rsync."""
    if not isinstance(value, list) or not all(
        isinstance(o, str) and re.fullmatch(r"[A-Za-z]+=[^\s'\"]+", o) for o in value
    ):
        raise Invalid(
            what=f'{where} is to be a list of options of ssh without spaces, such as ["ProxyJump=gate.example.org"]'
        )
    return tuple(value)


def _url(value: str, where: str) -> str:
    try:
        parts = urlsplit(value)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s<>\"'{}\\]", value)
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment:
        raise Invalid(what=f"{where} “{value}” is to be a web address such as https://hub.example.org")
    return value.rstrip("/")


def _delegates(raw: dict[str, Any], file: str) -> dict[str, Any]:
    """The programs of the site, and the hub itself, which tells which address has signed in."""
    if SIGN_IN in raw:
        raise Invalid(what=f"{file}: [delegates.{SIGN_IN}] is the hub's own and cannot be written down")
    named = {name: _delegate(row, f"{file}: [delegates.{name}]") for name, row in raw.items()}
    return {**named, SIGN_IN: {"operations": ("invitation.accept",)}}


def _delegate(raw: Any, where: str) -> dict[str, Any]:
    """What another program may do on behalf of people."""
    if not isinstance(raw, dict):
        raise Invalid(what=f"{where} is to be a table with operations")
    _known(raw, ("operations",), where)
    operations = raw.get("operations", [])
    if not isinstance(operations, list) or not all(isinstance(op, str) for op in operations):
        raise Invalid(what=f'{where} operations is to be a list such as ["project.*", "entry.show"]')
    for op in operations:
        if not re.fullmatch(r"[a-z_]+\.([a-z_]+|\*)", op):
            raise Invalid(what=f"{where}: “{op}” is no operation such as “session.seal” or “share.*”")
    if any(op.startswith("invitation.") for op in operations):
        raise Invalid(what=f"{where}: whom an invitation is for is known by the hub's own sign-in only")
    if any(op in {"session.unseal", "session.*"} for op in operations):
        raise Invalid(what=f"{where}: nobody unseals on behalf of others; name the operations of sessions one by one")
    return {"operations": tuple(operations)}
