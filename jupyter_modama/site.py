"""The site file, or what stands in for it: which tree there is, how it is laid out, what is around it.

MODAMA_SITE=/etc/modama/site.toml        the whole description
MODAMA_ROOT=/storage/er-c-data           a root alone; beside MODAMA_SITE it says where that tree lies on this machine
~/.config/modama/site.toml, .../root     what is used when neither is set
MODAMA_SERVICE=https://hub.example.org/services/modama   from a hub, for servers whose mounts need not
                                         show the notice of the tree, which says the same
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jupyter_modama.core.errors import Invalid, from_os
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import Site, Tool
from jupyter_modama.core.tools import read_tool

ENTRY_POINTS = "jupyter_modama.tools"
SERVICE = "MODAMA_SERVICE"
HOME_ROOT = "modama-data"
FIRST_AREA = "adhoc"


def load_site(environ: Mapping[str, str] = os.environ) -> Site | None:
    """The site that this process works on; None where nobody has named or made a tree yet.

    Raises: Invalid, naming file, table and key.
    """
    file, root = _named(environ)
    if file is not None:
        site = described(file)
        site = replace(site, root=str(root)) if root else site
    elif root is not None:
        site = Site(root=str(root), name=root.name or "modama")
    else:
        return None
    managed = managed_by(site.root) or environ.get(SERVICE, "")
    return replace(site, managed_by=managed, tools=(*entry_point_tools()[0], *site.tools))


def _named(environ: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    """The site file and the root that count here."""
    root = _path(environ.get("MODAMA_ROOT", ""))
    if environ.get("MODAMA_SITE"):
        return _path(environ["MODAMA_SITE"]), root
    if root:
        return None, root
    config = config_folder(environ)
    if (config / "site.toml").exists():
        return config / "site.toml", None
    return None, remembered_root(environ)


def _path(text: str) -> Path | None:
    return Path(os.path.abspath(os.path.expanduser(text))) if text else None


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a person's own settings are kept."""
    named = environ.get("XDG_CONFIG_HOME", "")
    return (Path(named) if os.path.isabs(named) else _home(environ) / ".config") / "modama"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if os.path.isabs(environ.get("HOME", "")) else Path.home()


def described(file: Path) -> Site:
    """The site of a site file; what reads it is imported only then."""
    import tomllib

    from jupyter_modama.core.site_file import site_from

    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise Invalid(what=f"the site file {file} cannot be read: {error.strerror or error}", file=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(what=f"the site file {file} is no valid TOML: {error}", file=str(file)) from error
    return site_from(tables, str(file))


# A tree of one's own -------------------------------------------------------------------------------------------------


def remembered_root(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The tree that `make_home_root` made last, as long as it is there."""
    try:
        text = (config_folder(environ) / "root").read_bytes().rstrip(b"\n")
    except OSError:
        return None
    root = Path(os.fsdecode(text))
    return root if text and root.is_absolute() and root.is_dir() else None


def make_home_root(environ: Mapping[str, str] = os.environ) -> Site:
    """Make a data tree in the person's home and remember it; may be repeated, and changes nothing that is there.

    Disk: `~/modama-data/adhoc`, and its path in `~/.config/modama/root`.
    """
    root = _home(environ) / HOME_ROOT
    config = config_folder(environ)
    try:
        (root / FIRST_AREA).mkdir(parents=True, exist_ok=True)
        config.mkdir(parents=True, exist_ok=True)
        fresh = config / f"root.{os.getpid()}"
        fresh.write_bytes(os.fsencode(root) + b"\n")
        fresh.replace(config / "root")
    except OSError as error:
        raise from_os(error, f"making the data folder {root}") from error
    return Site(root=str(root), name=root.name, managed_by=managed_by(str(root)), tools=entry_point_tools()[0])


# What others say -----------------------------------------------------------------------------------------------------


def managed_by(root: str) -> str:
    """The address of the service that a tree belongs to: only root's own word for it counts.

    A notice of root's that cannot be read still counts: the tree is then managed by somebody unknown.
    """
    try:
        box = os.open(os.path.join(root, RECORDS), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fd = os.open("site.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=box)
    except PermissionError:
        return "its service" if _roots_own(box) else ""
    except OSError:
        return ""
    else:
        try:
            return _service(os.read(fd, 1 << 20)) if _roots_own(box) and _roots_own(fd) else ""
        finally:
            os.close(fd)
    finally:
        os.close(box)


def _roots_own(fd: int) -> bool:
    found = os.fstat(fd)
    return found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _service(text: bytes) -> str:
    try:
        notice = json.loads(text)
        service = notice.get("service", "") if isinstance(notice, dict) else ""
    except ValueError:
        service = ""
    return service if isinstance(service, str) and service else "its service"


def entry_point_tools() -> tuple[tuple[Tool, ...], list[str]]:
    """The rows that installed packages add to the table of tools, and sentences about those that could not be had.

    An entry point of the group `jupyter_modama.tools` names a row or a list of rows, as `[[tool]]` in the site file.
    """
    if not _any_entry_points():
        return (), []
    from importlib.metadata import entry_points

    found: list[Tool] = []
    problems = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            rows = point.load()
            rows = rows() if callable(rows) else rows
            for row in [rows] if isinstance(rows, (dict, Tool)) else rows:
                found.append(
                    row if isinstance(row, Tool) else read_tool(row, f"the tool of the package entry {point.name}")
                )
        except Exception as error:  # somebody else's package: whatever it does, the site must open
            problems.append(f"the tools of {point.value} cannot be used: {error}")
    return tuple(found), problems


def _any_entry_points() -> bool:
    """Whether any installed package has such entry points; asked first: to import what reads them takes 30 ms."""
    wanted = f"[{ENTRY_POINTS}]".encode()
    for folder in sys.path:
        with suppress(OSError):
            names = [name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info"))]
            for name in names:
                with suppress(OSError), open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                    if wanted in file.read():
                        return True
    return False
