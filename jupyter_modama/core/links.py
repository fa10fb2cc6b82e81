"""Every address of a path, from one table of tools."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, place
from jupyter_modama.core.model import Actor, Address, EntryKind, Link, LinkKind, Links, SessionState, Tool
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.places import Values, values_of
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.templates import NotExpressible, fields_of, filled
from jupyter_modama.core.tools import HERE, KINDS, RSYNC, all_tools, opens, read_tool, served

LARGE_BYTES = 2 << 30
HUGE_BYTES = 100 << 30
PATIENCE_S = 0.5
FROZEN = {
    SessionState.SEALED,
    SessionState.SEALED_BARE,
    SessionState.SEALING,
    SessionState.PARTIAL,
    SessionState.INTERRUPTED,
}
WEB = re.compile(r"https?://")
TEMPLATES = (("url", LinkKind.URL, "url"), ("command", LinkKind.COMMAND, "sh"), ("text", LinkKind.TEXT, "text"))


@frozen
class ListLinks:
    """`drive` is the letter of the Windows drive in the commands that make one."""

    path: str = ""
    path_b64: str = ""
    drive: str = "Z"


def list_links(store: Store, actor: Actor, wanted: ListLinks) -> Links:
    """List every address of a file or folder: links, commands and snippets to copy."""
    if not re.fullmatch(r"[D-Zd-z]:?", wanted.drive):
        raise Invalid(what=f"“{wanted.drive}” is no letter for a Windows drive; possible are D to Z")
    path = TreePath.parse(wanted.path, wanted.path_b64)
    stat = store.stat(path)
    where = place(store.site, path)
    values = values_of(store, actor, stat, where, wanted.drive[0].upper())
    frozen = _frozen(store, where)
    more, advice = _project_tools(store, where)
    left_out: dict[str, list[str]] = {}
    items = []
    for tool in _without_stand_ins([t for t in all_tools(store.site, more) if _fits(store, t, stat, where)]):
        if frozen and _brings(tool):
            advice.append(f"“{tool.name}” is left out: {frozen}.")
            continue
        try:
            items += _links(tool, values)
        except NotExpressible as why:
            left_out.setdefault(str(why), []).append(tool.name)
    advice += [f"Left out: {', '.join(dict.fromkeys(names))} ({why})." for why, names in left_out.items()]
    return Links(path.shown, _without_doubles(items), " ".join([*_size_advice(store, stat), *advice]))


def addresses_of(store: Store, actor: Actor, stat: Stat) -> tuple[Address, ...]:
    """The tools of the site that open an entry in a browser, each with its web address: the columns of a table."""
    where = place(store.site, stat.path)
    values = values_of(store, actor, stat, where, "Z")
    found: dict[str, Address] = {}
    for tool in all_tools(store.site):
        if tool.group != "open" or not tool.url or not _fits(store, tool, stat, where):
            continue
        with suppress(NotExpressible):
            for link in _links(replace(tool, command="", text=""), values):
                if WEB.match(link.value):
                    found.setdefault(tool.name, Address(tool.name, link.value, tool.icon))
    return tuple(found.values())


def fetch_of_list(store: Store, actor: Actor, folder: TreePath) -> str:
    """The command that fetches what a list beside it names from a folder; nothing where the site has no ssh."""
    where = place(store.site, folder)
    values = values_of(store, actor, store.stat(folder), where, "Z")
    tool = Tool("rsync", command=RSYNC + " --files-from=modama-files.txt -e {ssh} {ssh_target}:{remote:rsync}/ ./")
    if not served(store.site, tool):
        return ""
    with suppress(NotExpressible):
        return "".join(link.value for link in _links(tool, values))
    return ""


def _fits(store: Store, tool: Tool, stat: Stat, where: Place) -> bool:
    """Whether a row is for this entry here; programs for data are not offered for a whole project or session."""
    if not served(store.site, tool) or not opens(tool, stat.path.name, stat.kind):
        return False
    for_data = any(ending not in KINDS for ending in tool.opens)
    in_session = bool(where.session) and where.path.below(where.session) and where.path != where.session
    return not (stat.kind is EntryKind.FOLDER and for_data and not in_session)


def _without_stand_ins(tools: list[Tool]) -> list[Tool]:
    """A row “X here” gives way to a row “X”, which leads there from everywhere."""
    names = {tool.name for tool in tools}
    return [tool for tool in tools if not (tool.name.endswith(HERE) and tool.name.removesuffix(HERE) in names)]


def _brings(tool: Tool) -> bool:
    """Whether a row copies something to here."""
    return "<src_path>" in tool.command


def _links(tool: Tool, values: Values) -> list[Link]:
    found = []
    for key, kind, default in TEMPLATES:
        template: str = getattr(tool, key)
        if not template or any(not values[name] for name, _ in fields_of(template) if name in MUST_BE_THERE):
            continue
        value = filled(template, values, default)
        found.append(Link(tool.name, tool.name, kind, value, tool.icon, tool.group, tool.note, tool.kernel))
    return found


MUST_BE_THERE = {"address", "session", "project", "permalink"}


def _without_doubles(items: list[Link]) -> tuple[Link, ...]:
    seen: dict[tuple[str, str], Link] = {}
    for link in items:
        seen.setdefault((link.group, link.value), link)
    return tuple(seen.values())


def _frozen(store: Store, where: Place) -> str:
    """Why nothing can be brought here, where that is known beforehand."""
    if not where.in_raw or not is_folder(store, where.raw):
        return ""
    try:
        state, _, seal = read_state(store, where.session)
    except (NotFound, NotAllowed):
        return ""
    if state not in FROZEN:
        return ""
    area = where.area
    beside = f"; bring it to {area.derived} beside raw" if area and area.derived else ""
    if state is SessionState.SEALED and seal:
        return f"the session was sealed by {seal.by.login} and takes no more files{beside}"
    return f"the session is {state.replace('-', ' ')} and takes no more files{beside}"


def _project_tools(store: Store, where: Place) -> tuple[tuple[Tool, ...], list[str]]:
    """The rows that a project adds in its record `tools`, never in place of the site's; a damaged one is said."""
    if not where.project:
        return (), []
    found, problems = [], []
    taken = {tool.name for tool in all_tools(store.site)}
    try:
        rows = (store.read_record(where.project, "tools") or {}).get("tools", [])
    except ModamaError as error:
        return (), [f"{error}."]
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        try:
            tool = read_tool(row, f"tool {number} of the project")
        except ModamaError as error:
            problems.append(f"{error}.")
            continue
        if tool.name in taken:
            problems.append(f"Tool {number} of the project is left out: “{tool.name}” is a tool of the site.")
        else:
            found.append(replace(tool, note=tool.note or "added by this project"))
    return tuple(found), problems


def _size_advice(store: Store, stat: Stat) -> list[str]:
    """What is wise for a thing of this size."""
    size, more = _size(store, stat)
    if size < LARGE_BYTES:
        return []
    shown = f"{'more than ' if more else ''}{size / 2**30:,.1f} GiB"
    hours = size / 100e6 / 3600  # of a good gigabit line
    how = "use rsync, sftp or robocopy, which go on where they stopped, and not a browser or a drag of the mouse"
    if size < HUGE_BYTES:
        return [f"This is {shown}: to copy it {how}."]
    return [
        f"This is {shown}, some {max(1, round(hours)):,} hour(s) on a good line: better work on it where it lies "
        f"(LiberTEM, a notebook); to copy it all the same {how}."
    ]


def _size(store: Store, stat: Stat) -> tuple[int, bool]:
    if stat.kind is not EntryKind.FOLDER:
        return stat.size_bytes, False
    try:
        summary = store.summary(stat.path, PATIENCE_S)
    except ModamaError:
        return 0, False
    return summary.bytes, not summary.complete
