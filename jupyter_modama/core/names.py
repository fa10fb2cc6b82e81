"""The rules for names that we create: they must work on Linux, Windows, macOS and in a web address.

Names that exist are never changed and always usable; these rules are for new ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from jupyter_modama.core.errors import AlreadyExists, NameRefused
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath

FORBIDDEN = '<>:"|?*\\/'
DEVICES = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "CONIN$",
    "CONOUT$",
    *(f"{d}{n}" for d in ("COM", "LPT") for n in "123456789¹²³"),
}
WINDOWS_PATH = 260
WINDOWS_ROOM = 120


def checked_name(name: str, siblings: Iterable[str], what: str) -> str:
    """The name in NFC, fit to be created beside `siblings`; `what` is the noun for the message.

    Raises: NameRefused (which rule), AlreadyExists.
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NameRefused(name=name, rule="it holds bytes that are no text (not UTF-8)") from error
    name = unicodedata.normalize("NFC", name)
    rule = broken_rule(name)
    if rule:
        raise NameRefused(name=name, rule=rule)
    folded = fold(name)
    for sibling in siblings:
        if fold(sibling) == folded:
            same = (
                "" if sibling == name else f" (only the spelling differs from “{name}”, and some computers cannot tell)"
            )
            raise AlreadyExists(what=f"{what} “{sibling}”{same}")
    return name


def broken_rule(name: str) -> str:
    """The rule that a new name breaks, in words; nothing where it breaks none."""
    if not name.strip():
        return "it is empty"
    if "/" in name:
        return "it holds a /, as a path does; what is wanted is the name alone, without what it lies in"
    for sign in name:
        if sign in FORBIDDEN:
            return f"it holds the character {sign} (also not possible: {' '.join(c for c in FORBIDDEN if c != sign)})"
        if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            return f"it holds an invisible character (U+{ord(sign):04X})"
    if name.startswith("."):
        return "it begins with a dot, which hides it"
    if name[0].isspace():
        return "it begins with a space"
    if name[-1] == "." or name[-1].isspace():
        return "it ends in a dot or a space, which Windows cannot open"
    if name.split(".")[0].strip().upper() in DEVICES:
        return "Windows keeps this name for a device"
    if len(name.encode("utf-8")) > 200:
        return "it is longer than 200 bytes"
    return ""


def fold(name: str) -> str:
    """What two names share that some computers cannot tell apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def windows_path(site: Site, path: TreePath) -> str:
    """The path as a Windows computer sees it, on the share of the site or on a mapped drive."""
    smb = site.services.get("smb") or {}
    top = f"\\\\{smb['host']}\\{smb.get('share', '')}" if smb.get("host") else "Z:"
    return "\\".join((top, *path.shown.split("/")))


def windows_warning(site: Site, raw: TreePath) -> str:
    """A warning where the path of `raw` leaves too few characters for the files in it on Windows."""
    room = WINDOWS_PATH - len(windows_path(site, raw)) - 1
    if room >= WINDOWS_ROOM:
        return ""
    return (
        f"On Windows this leaves {max(room, 0)} of {WINDOWS_PATH} characters for the names of files and folders in "
        "raw; a shorter name is safer."
    )
