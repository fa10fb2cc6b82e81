"""The table of tools: what can open a path, and how to get at it from elsewhere.

A row is a `Tool`: a name, what it opens, and a template for an address, a command or a text. The built-in ones are rows
like those in the site file, of an entry point or of a project; of two rows of one name the later counts.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from functools import lru_cache
from typing import Any

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import EntryKind, Site, Tool
from jupyter_modama.core.templates import FILTERS, fields_of

GROUPS = ("open", "transfer", "mount", "copy")
KINDS = ("any", "file", "folder")
# A link that runs something in the page that shows it (javascript:, data:) is none.
ADDRESS = re.compile(
    r"\{(hub|nextcloud|eln|permalink|address)\}|(?!javascript:|data:|vbscript:|file:)[a-z][a-z0-9+.-]*:", re.A
)
HERE = " here"  # ends the name of a row that the sidebar itself acts on

# What a template can say, and the service of the site file without which it cannot.
FIELDS: dict[str, str] = {
    "path": "",
    "name": "",
    "folder": "",  # the folder itself, of a file the one that it lies in
    "parent": "",
    "project": "",
    "session": "",
    "local": "",  # the path on this machine
    "user": "",
    "drive": "",
    "address": "",  # the best web address of the path that the site has, else nothing
    "snippet": "",  # the expression that loads it in Python
    "hub": "hub",
    "hub_tree": "hub",
    "nextcloud": "nextcloud",
    "nextcloud_path": "nextcloud",
    "nextcloud_folder": "nextcloud",
    "eln": "eln",
    "permalink": "permalink",
    "smb_path": "smb",
    "smb_folder": "smb",
    "workstation": "workstation",
    "ssh": "ssh",
    "ssh_options": "ssh",
    "sftp_options": "ssh",
    "sshfs_options": "ssh",
    "ssh_target": "ssh",
    "remote": "ssh",
    "remote_folder": "ssh",
    "mount_name": "ssh",
}
PAGES = "permalink"  # a managed tree has pages without being told so
SERVICES = tuple(dict.fromkeys(service for service in FIELDS.values() if service))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What the table `readers.formats` says, where the core cannot look; a test holds them together.
LIBERTEM = _words("""
    dm3 dm4 mib hdr blo ser mrc ali hspy nxs nx5 h5 hdf5 hdf xml tvips npy raw dat bin gtg seq frms6 toml
""")
NOTEBOOK = _words("""
    dm3 dm4 mib blo ser emi mrc ali map mrcz hspy zspy nxs nx5 emd de5 h5 hdf5 hdf tif tiff png jpg jpeg bmp gif
    bcf spx msa emsa ems mas spd spc lsd pts eds img wdf elid prz app5 sur pro unf tvf dens csv xml tvips rpl npy
""")
LIBERTEM_ONLY = tuple(ending for ending in LIBERTEM if ending not in NOTEBOOK)
LIBERTEM_KERNEL = "modama-libertem"

# Neither opens files to everybody nor cuts ACLs, as `-a` does; `-s` keeps the far shell away from the name.
RSYNC = "rsync -rltv -s --no-p --no-g --chmod=ugo=rwX --partial --info=progress2"
PYTHON = "import jupyter_modama as modama\n{snippet:raw}"

BUILT_IN: tuple[Tool, ...] = (
    Tool("Permalink", ("any",), url="{permalink}", icon="link"),
    Tool("JupyterHub", ("any",), url="{hub}/hub/user-redirect/modama/open/lab?path={path:bytes}", icon="jupyter"),
    Tool("Nextcloud", ("folder",), url="{nextcloud}/apps/files/?dir={nextcloud_path}", icon="cloud"),
    Tool(
        "Nextcloud",
        ("file",),
        url="{nextcloud}/apps/files/?dir={nextcloud_folder}&scrollto={name}",
        icon="cloud",
        note="shows the folder that the file lies in",
    ),
    Tool(
        "LiberTEM",
        (*LIBERTEM, "folder"),
        url="{hub}/hub/user-redirect/modama/open/libertem?path={path:bytes}",
        icon="libertem",
    ),
    Tool("LiberTEM here", (*LIBERTEM, "folder"), url="modama:libertem?path={path}", icon="libertem"),
    Tool("Notebook here", NOTEBOOK, url="modama:notebook?path={path}", icon="notebook"),
    Tool(
        "SampleDB", ("any",), url="{eln}/objects/?q={path}", icon="search", note="searches the notebook for this path"
    ),
    Tool("Path on this computer", ("any",), text="{local}", group="copy", icon="path"),
    Tool("Path on the workstations", ("any",), text="{workstation}", group="copy", icon="path"),
    Tool("Path below the root", ("any",), text="{path}", group="copy", icon="path"),
    Tool(
        "rsync: fetch",
        ("file", "folder"),
        command=RSYNC + " -e {ssh} {ssh_target}:{remote:rsync} ./",
        group="transfer",
        note="goes on where it stopped when it is started again; needs rsync 3.1 or newer (macOS brings an older one)",
    ),
    Tool(
        "rsync: bring",
        ("folder",),
        command=RSYNC + " -O -e {ssh} '<src_path>' {ssh_target}:{remote:rsync}/",
        group="transfer",
        note="put your file or folder in place of <src_path>; the rights are those of the folder here",
    ),
    Tool(
        "sftp",
        ("folder",),
        command="sftp {sftp_options} {ssh_target}:{remote:sftpdir}",
        group="transfer",
        note="`get -r name` fetches, `reget -r` goes on",
    ),
    Tool("sftp", ("file",), command="sftp {sftp_options} {ssh_target}:{remote:sftp}", group="transfer"),
    Tool(
        "robocopy (Windows)",
        ("folder",),
        command="robocopy {smb_path:cmd} {name:cmd} /E /Z /XO /R:2 /W:5",
        group="transfer",
        note="for the Command Prompt; goes on where it stopped when it is started again",
    ),
    Tool(
        "robocopy (Windows)",
        ("file",),
        command="robocopy {smb_folder:cmd} . {name:cmd} /Z /XO /R:2 /W:5",
        group="transfer",
        note="for the Command Prompt; goes on where it stopped when it is started again",
    ),
    Tool(
        "sshfs",
        ("any",),
        command="mkdir -p ~/{mount_name} && sshfs {sshfs_options} {ssh_target}:{remote_folder} ~/{mount_name}",
        group="mount",
        note="`fusermount3 -u ~/name` ends it (macOS: `umount`)",
    ),
    Tool(
        "Windows network path",
        ("any",),
        text="{smb_path:win}",
        group="mount",
        note="paste it into the Explorer's address bar",
    ),
    Tool(
        "Windows drive",
        ("any",),
        command="net use {drive}: {smb_folder:cmd} /persistent:no",
        group="mount",
        note="for the Command Prompt; `net use /delete` with the letter ends it",
    ),
    Tool(
        "macOS and Linux network path",
        ("any",),
        url="smb:{smb_path}",
        group="mount",
        note="macOS: Finder, Go, Connect to Server; Linux: the file manager's address bar",
    ),
    Tool("Markdown", ("any",), text="[{name:md}](<{address:raw}>)", group="copy", icon="markdown"),
    Tool("Markdown path", ("any",), text="{path:code}", group="copy", icon="markdown"),
    Tool(
        "HTML",
        ("any",),
        text='<a href="{address:html}">{name:html}</a>',
        group="copy",
        icon="html",
    ),
    Tool(
        "Python",
        LIBERTEM_ONLY,
        text=PYTHON,
        group="copy",
        icon="python",
        note="only LiberTEM reads this format, so the notebook needs the kernel “MODAMA: LiberTEM and HyperSpy”, "
        "which `python -m jupyter_modama.libertem.environment install` makes in a terminal",
        kernel=LIBERTEM_KERNEL,
    ),
    Tool("Python", ("any",), text=PYTHON, group="copy", icon="python"),  # of two equal lines the first counts
)


def all_tools(site: Site, more: tuple[Tool, ...] = ()) -> tuple[Tool, ...]:
    """The table: built-in rows, those of the site, those of a project; the later of two names counts."""
    return _merged(site.tools, more)


@lru_cache(maxsize=64)
def _merged(*tables: tuple[Tool, ...]) -> tuple[Tool, ...]:
    rows = list(BUILT_IN)
    for table in tables:
        named = {tool.name for tool in table}
        rows = [tool for tool in rows if tool.name not in named] + list(table)
    return tuple(rows)


def opens(tool: Tool, name: str, kind: EntryKind) -> bool:
    """Whether a tool is for an entry of this name and kind."""
    if "any" in tool.opens or (kind in {EntryKind.FILE, EntryKind.FOLDER} and kind.value in tool.opens):
        return True
    return kind is EntryKind.FILE and knows_format(tool, name)


def knows_format(tool: Tool, name: str) -> bool:
    """Whether a tool names the ending of this file."""
    return name.lower().endswith(_endings(tool.opens))


@lru_cache(maxsize=256)
def _endings(named: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f".{ending}" for ending in named if ending not in KINDS)


def opens_with(site: Site, name: str, kind: EntryKind) -> tuple[str, ...]:
    """The names of the tools that know this kind of file; for those that take anything ask `entry.links`."""
    if kind is not EntryKind.FILE:
        return ()
    return tuple(
        dict.fromkeys(
            tool.name.removesuffix(HERE)
            for tool in all_tools(site)
            if tool.group == "open" and knows_format(tool, name) and served(site, tool)
        )
    )


def served(site: Site, tool: Tool) -> bool:
    """Whether the site has the services that the templates of a row need."""
    return all(site.services.get(name) or (name == PAGES and site.managed_by) for name in _services(tool))


@lru_cache(maxsize=256)
def _services(tool: Tool) -> frozenset[str]:
    used = (name for template in (tool.url, tool.command, tool.text) for name, _ in fields_of(template))
    return frozenset({FIELDS[name] for name in used} | set(tool.needs)) - {""}


# Rows that others write ----------------------------------------------------------------------------------------------


def read_tool(row: Any, where: str) -> Tool:
    """A row of the table from its keys and values; `where` names its place for messages.

    Raises: Invalid, naming the key and what is expected.
    """
    if not isinstance(row, dict):
        raise Invalid(what=f"{where}: a tool is a table of keys such as name, opens and url")
    known = [f.name for f in dataclasses.fields(Tool)]
    for key, value in row.items():
        if key not in known:
            raise Invalid(what=f"{where}: there is no key “{key}”{near(key, known)}")
        _check_type(key, value, where)
    chosen: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    tool = Tool(**{"name": "", **chosen})
    tool = dataclasses.replace(tool, opens=tuple(ending.lower().lstrip(".") for ending in tool.opens))
    _check_tool(tool, f"{where} “{tool.name}”" if tool.name else where)
    return tool


def _check_type(key: str, value: Any, where: str) -> None:
    if key in {"opens", "needs"}:
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item for item in value):
            raise Invalid(what=f'{where}: {key} is to be a list of texts, such as ["dm4", "folder"]')
    elif not isinstance(value, str):
        raise Invalid(what=f"{where}: {key} is to be a text")


def _check_tool(tool: Tool, where: str) -> None:
    if not tool.name.strip():
        raise Invalid(what=f"{where}: the name is missing")
    if not (tool.url or tool.command or tool.text):
        raise Invalid(what=f"{where}: one of url, command and text is needed")
    if tool.group not in GROUPS:
        raise Invalid(what=f"{where}: there is no group “{tool.group}”{near(tool.group, GROUPS)}")
    for service in tool.needs:
        if service not in SERVICES:
            raise Invalid(what=f"{where}: there is no service “{service}”{near(service, SERVICES)}")
    for template in (tool.url, tool.command, tool.text):
        _check_template(template, where)
    if tool.url and not ADDRESS.match(tool.url):
        raise Invalid(what=f"{where}: url “{tool.url}” is to begin with https:// or with a service such as {{hub}}")


def _check_template(template: str, where: str) -> None:
    try:
        used = fields_of(template)
    except ValueError as error:
        raise Invalid(what=f"{where}: the template “{template}” cannot be read: {error}") from error
    for name, filter_ in used:
        if name not in FIELDS:
            raise Invalid(what=f"{where}: there is no placeholder “{{{name}}}”{near(name, tuple(FIELDS))}")
        if filter_ and filter_ not in FILTERS:
            raise Invalid(what=f"{where}: there is no filter “{filter_}”{near(filter_, tuple(FILTERS))}")


def near(word: str, known: list[str] | tuple[str, ...]) -> str:
    """The end of a sentence that names what may have been meant."""
    alike = difflib.get_close_matches(word, known, 3, 0.6)
    return f"; did you mean {' or '.join(alike)}?" if alike else f"; possible are {', '.join(known)}"
