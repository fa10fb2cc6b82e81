"""The landing page: one tile for each way to the data, and a page of details where a way needs words.

The tiles are rows of one table, as the tools are; `[[pages.tile]]` of the site file adds rows, or changes one by its
name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.hub_rules import Tile
from jupyter_modama.core.model import Site

BUILT_IN = (
    Tile(
        "management",
        "Management",
        "Manage projects and sessions: make them, share them with members, seal what was measured.",
        "{pages}manage",
        "Open management",
    ),
    Tile(
        "nextcloud",
        "Nextcloud",
        "See, synchronize and share data in the browser, also with partners outside.",
        "{nextcloud}",
        "Use Nextcloud",
    ),
    Tile(
        "network",
        "Network file system",
        "Open the files with the programs on your own computer, as a network drive.",
        "{pages}help/network",
        "Details",
    ),
    Tile(
        "jupyter",
        "Jupyter",
        "Analyse data where it lies, with notebooks and LiberTEM.",
        "{hub}/hub/home",
        "Use Jupyter",
    ),
    Tile(
        "transfer",
        "File transfer",
        "Copy data in or out with rsync, sftp or sshfs.",
        "{pages}help/transfer",
        "Transfer files",
    ),
    Tile(
        "ingest",
        "Ingest",
        "Bring the data of a session from the microscope to its raw folder.",
        "{pages}help/ingest",
        "Details",
    ),
    Tile(
        "synchronize",
        "Synchronize",
        "Keep a copy of chosen folders on your own computer with a Nextcloud client.",
        "{pages}help/synchronize",
        "Details",
    ),
    Tile("large", "Large datasets", "Move or use hundreds of gigabytes.", "{pages}help/large", "Details"),
    Tile(
        "eln",
        "Electronic lab notebook",
        "Connect samples and measurements with their data.",
        "{eln}",
        "Open the notebook",
    ),
)
# The services without which a tile has nothing to lead to.
NEEDS = {
    "nextcloud": ("nextcloud",),
    "network": ("smb",),
    "jupyter": ("hub",),
    "transfer": ("ssh",),
    "synchronize": ("nextcloud",),
    "eln": ("eln",),
}


def tiles_of(site: Site, pages: str) -> tuple[Tile, ...]:
    """The tiles of a site with their addresses filled in; those that lead nowhere here are left out.

    `pages`: the address of our own pages, with a slash at the end.
    """
    own = {tile.name: tile for tile in site.pages.tile}
    rows = [_merged(tile, own.pop(tile.name, None)) for tile in BUILT_IN]
    found = [tile for tile in (*rows, *own.values()) if _leads(site, tile)]
    return tuple(
        replace(
            tile,
            url=_filled(site, tile.url, pages),
            vpn_only=tile.vpn_only or tile.name in site.pages.vpn_only,
        )
        for tile in found
    )


def _merged(tile: Tile, own: Tile | None) -> Tile:
    if own is None:
        return tile
    said = {key: value for key in ("title", "text", "url", "label") if (value := getattr(own, key))}
    return replace(tile, **said, vpn_only=own.vpn_only)


def _leads(site: Site, tile: Tile) -> bool:
    is_built_in = any(row.name == tile.name and row.url == tile.url for row in BUILT_IN)
    return not is_built_in or all(site.services.get(name) for name in NEEDS.get(tile.name, ()))


def _filled(site: Site, url: str, pages: str) -> str:
    for name in ("hub", "nextcloud", "eln"):
        url = url.replace("{" + name + "}", address_of(site, name))
    return url.replace("{pages}", pages)


def address_of(site: Site, service: str) -> str:
    """The web address of a service of the site, nothing where there is none."""
    said: Any = site.services.get(service) or ""
    return str(said if isinstance(said, str) else said.get("url", "")).rstrip("/")


def report_link(site: Site, path: str, versions: dict[str, str]) -> str:
    """The address that begins a report about a path: the path and the versions are filled in, and nothing else.

    Empty where the site does not say where problems go.
    """
    where = site.pages.report
    if not where:
        return ""
    facts = "\n".join(f"{name}: {version}" for name, version in versions.items())
    body = f"What happened:\n\n\nWhat I expected:\n\n\nPath: {path or '(none)'}\n{facts}\n"
    title = f"Problem with {path}" if path else f"Problem with {site.name}"
    if where.startswith("mailto:"):
        return f"{where}?{urlencode({'subject': title, 'body': body}, quote_via=quote)}"
    return f"{where}{'&' if '?' in where else '?'}{urlencode({'title': title, 'body': body}, quote_via=quote)}"


# The pages of details -------------------------------------------------------------------------------------------------


@frozen
class HelpPage:
    """A page in words; `examples` are (what it is, command), with the names to be replaced between < and >."""

    name: str
    title: str
    text: tuple[str, ...]
    examples: tuple[tuple[str, str], ...] = ()


EACH = (
    "Each file and folder has these lines with its own path: find it under Browse, and look at “Access this file or "
    "folder”."
)


def help_pages(site: Site) -> tuple[HelpPage, ...]:
    """The pages of details that this site can fill."""
    pages = (_network(site), _transfer(site), _ingest(site), _synchronize(site), _large(site))
    return tuple(page for page in pages if page is not None)


def _network(site: Site) -> HelpPage | None:
    smb = site.services.get("smb")
    if not smb:
        return None
    host, share = smb["host"], smb.get("share", "")
    return HelpPage(
        "network",
        "Network file system",
        (
            "The data can be used like a drive of your own computer, from inside the network or through the VPN.",
            "You may see and change there what you may see and change everywhere. A sealed session can be read, and "
            "nobody can change it.",
            EACH,
        ),
        (
            ("Windows, in the address bar of the Explorer", rf"\\{host}\{share}"),
            ("Windows, at the Command Prompt", rf"net use Z: \\{host}\{share} /persistent:no"),
            ("macOS (Finder, Go, Connect to Server) and Linux", f"smb://{host}/{share}"),
        ),
    )


def _far(site: Site) -> tuple[str, str]:
    """Who and where at the machine for transfers, and the root there."""
    ssh = site.services.get("ssh") or {}
    root = ssh.get("path") or (site.services.get("workstation") or {}).get("path") or site.root
    return f"{ssh.get('user') or '<login>'}@{ssh.get('host', '')}", str(root)


def _transfer(site: Site) -> HelpPage | None:
    if not site.services.get("ssh"):
        return None
    who, root = _far(site)
    keep = "rsync -rltv -s --no-p --no-g --chmod=ugo=rwX --partial --info=progress2"
    return HelpPage(
        "transfer",
        "File transfer",
        (
            "Programs that speak ssh copy data in and out. rsync goes on where it stopped when it is started again.",
            "Take the options as they stand here: `rsync -a` would set rights that keep the other members out.",
            EACH,
        ),
        (
            ("fetch", f"{keep} {who}:{root}/<area>/<project>/<session> ./"),
            ("bring", f"{keep} -O <your folder> {who}:{root}/<area>/<project>/<session>/raw/"),
            ("look around", f"sftp {who}:{root}"),
        ),
    )


def _ingest(site: Site) -> HelpPage:
    return HelpPage(
        "ingest",
        "Ingest",
        (
            "Make a session before you measure: no session, no data. Choose your project under Management, then New "
            "session.",
            "Let the microscope's computer write into the session's raw folder. Files that it writes become yours when "
            "they are finished, so that you can delete a bad image.",
            "Seal the session when the measurement is over: from then on nobody can change its raw data, and each file "
            "has a checksum on record. What you derive from it stays writable beside it.",
        ),
    )


def _synchronize(site: Site) -> HelpPage | None:
    cloud = address_of(site, "nextcloud")
    if not cloud:
        return None
    return HelpPage(
        "synchronize",
        "Synchronize",
        (
            "A Nextcloud client keeps a copy of the folders that you choose on your computer. Choose results, not raw "
            "data: a session can be larger than your disk.",
            "Sign in to the client with this address:",
        ),
        (("address of the server", cloud),),
    )


def _large(site: Site) -> HelpPage:
    who, root = _far(site)
    examples = (
        (("fetch, and go on after a break", f"rsync -rltv -s --partial --info=progress2 {who}:{root}/<path> ./"),)
        if site.services.get("ssh")
        else ()
    )
    return HelpPage(
        "large",
        "Large datasets",
        (
            "Work on large data where it lies: LiberTEM and notebooks read it in place, and nothing has to be copied.",
            "To copy more than some gigabytes use a program that goes on after a break (rsync, robocopy), no browser.",
            "A good gigabit line takes about three hours for a terabyte; a line at home takes days.",
        ),
        examples,
    )
