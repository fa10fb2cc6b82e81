"""Whether Samba shares a tree so that what arrives by it is what members make on the server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from jupyter_modama.core.model import Finding, Severity, Site
from jupyter_modama.store.connections import PROGRAM

OK, NOTE, WARNING, FAILURE = Severity.OK, Severity.NOTE, Severity.WARNING, Severity.FAILURE
EXAMPLE = "examples/smb.conf"
PATIENCE_S = 20
SWITCHES = {"yes": "yes", "true": "yes", "1": "yes", "no": "no", "false": "no", "0": "no"}

# What the settings of a share are to be, and what comes of other values. Measured with Samba 4.17.
RECIPE: dict[str, tuple[str, str]] = {
    "create mask": ("0660", "members cannot write files that arrive by the network"),
    "force create mode": ("0660", "members cannot write files that arrive by the network"),
    "directory mask": ("3770", "folders that arrive by the network are not sticky, or open to everybody"),
    "force directory mode": ("3770", "members can delete what belongs to others in folders made by the network"),
    "inherit acls": ("no", "folders made by the network are open to everybody, or closed to members"),
    "inherit permissions": ("no", "files that arrive by the network have the bits of their folder"),
    "inherit owner": ("no", "folders made by the network belong to somebody else, and files cannot be put there"),
    "nt acl support": ("no", "a dialog of Windows can change what the project grants"),
    "map archive": ("no", "files that arrive by the network become programs"),
    "map hidden": ("no", "hidden files become programs"),
    "map system": ("no", "system files become programs"),
    "follow symlinks": ("no", "links that users make are followed by the server"),
    "wide links": ("no", "links that users make lead out of the tree"),
}
_NUMBERS = {"create mask", "force create mode", "directory mask", "force directory mode"}
_RECORDS = "veto files"

Sections = dict[str, dict[str, str]]


def check_samba(root_fd: int, site: Site, name: str, config: Path | None = None) -> Iterator[Finding]:
    """Whether the shares of this tree are as the example has them."""
    if shutil.which("testparm") is None:
        if "smb" in site.services:
            yield Finding(name, NOTE, "Samba is not on this machine", "run `modama doctor` where smbd runs")
        return
    found = _configured(config)
    if isinstance(found, str):
        yield Finding(name, WARNING, f"Samba's configuration cannot be read: {found}", "testparm -s shows the mistake")
        return
    shares = {share: own for share, own in found.items() if _shares(own, root_fd)}
    if not shares:
        if "smb" in site.services:
            yield Finding(name, NOTE, "no share of the Samba here leads into this tree", f"see {EXAMPLE}")
        return
    for share, own in shares.items():
        wrong = list(_compared(share, own, found.get("global", {}), name))
        yield from wrong
        if not wrong:
            yield Finding(name, OK, f"the share {share} is as it should be")
    if site.instruments and not os.access(PROGRAM, os.X_OK):
        step = "install it with Samba's programs (Debian: samba); the address is missing in the audit until then"
        yield Finding(name, NOTE, f"{PROGRAM} is missing, so nobody knows from where microscopes write", step)


def _configured(config: Path | None) -> Sections | str:
    """The sections of the live configuration with all defaults, or why there are none."""
    words = ["testparm", "-s", "-v", *([str(config)] if config else [])]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False, errors="replace")
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode:
        return " ".join(done.stderr.split())[-300:] or f"testparm ended with {done.returncode}"
    return sections(done.stdout)


def sections(text: str) -> Sections:
    """What a configuration says, section by section; a later line counts."""
    found: Sections = {}
    current: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1].strip().lower(), {})
        elif line and line[0] not in "#;" and "=" in line:
            key, _, value = line.partition("=")
            current[" ".join(key.lower().split())] = value.strip()
    return found


def _shares(own: Mapping[str, str], root_fd: int) -> bool:
    """Whether a share is the tree, lies in it, or holds it."""
    path = own.get("path", "")
    if not path.startswith("/"):
        return False
    root = os.path.realpath(f"/proc/self/fd/{root_fd}")
    shared = os.path.realpath(path.split("%")[0])
    return shared == root or shared.startswith(root + "/") or root.startswith(shared.rstrip("/") + "/")


def _compared(share: str, own: Mapping[str, str], every: Mapping[str, str], name: str) -> Iterator[Finding]:
    if _value("read only", own, every) == "yes":
        return  # nothing arrives by it
    for key, (wanted, otherwise) in RECIPE.items():
        value = _value(key, own, every)
        if value != wanted:
            step = f"set `{key} = {wanted}` in [{share}], as {EXAMPLE} does"
            bad = FAILURE if key in _NUMBERS or key == "inherit acls" else WARNING
            yield Finding(name, bad, f"[{share}] has `{key} = {value or 'nothing'}`: {otherwise}", step)
    if ".modama" not in _value(_RECORDS, own, every).split("/"):
        step = f"set `{_RECORDS} = /.modama/` in [{share}]"
        yield Finding(name, NOTE, f"[{share}] shows the records of MODAMA to everybody", step)


def _value(key: str, own: Mapping[str, str], every: Mapping[str, str]) -> str:
    value = own.get(key, every.get(key, ""))
    if key in _NUMBERS:
        return f"{int(value, 8):04o}" if value and set(value) <= set("01234567") else value
    return SWITCHES.get(value.lower(), value)
