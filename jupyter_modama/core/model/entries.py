"""Files and folders: what is known of one, how it is reached, why it can or cannot be written."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model.people import Person
from jupyter_modama.core.model.sessions import SessionState


class EntryKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@frozen
class Located:
    """Where what a permalink names lies now, and the project or session that it names."""

    path: str
    path_b64: str = ""
    folder: str = ""
    folder_b64: str = ""


@frozen
class Address:
    """Where a tool shows an entry."""

    tool: str
    url: str
    icon: str = ""


@frozen
class Entry:
    """A file or folder as listed. `mode` is as `ls` writes it; `tools` names what can open it."""

    path: str
    name: str
    kind: EntryKind
    size_bytes: int | None = None
    modified: datetime | None = None
    owner: str = ""
    mode: str = ""
    writable: bool = False
    sealed: bool = False
    tools: tuple[str, ...] = ()
    target: str = ""
    path_b64: str = ""
    role_in_tree: str = ""  # area | project | session | raw | derived | "" : what the layout makes of this folder
    problem: str = ""  # why the entry cannot be looked at, where that is so
    addresses: tuple[Address, ...] = ()  # where it was asked for: the tools that open it in a browser


@frozen
class FolderPage:
    """One page of the snapshot of a folder that `cursor` stands for; `start` is the index of its first item."""

    path: str
    items: tuple[Entry, ...]
    total: int
    start: int = 0
    cursor: str = ""
    changed: bool = False
    writable: bool = False
    sealed: bool = False
    reason: str = ""
    path_b64: str = ""
    project: str = ""
    session: str = ""
    sort: str = "name"


@frozen
class EntryDetails:
    """One entry with everything about it that does not need its content."""

    entry: Entry
    created: datetime | None = None
    changed: datetime | None = None
    owner: Person | None = None
    group: str = ""
    links: int = 1
    entries: int | None = None
    project: str = ""
    session: str = ""
    session_state: SessionState | None = None
    in_raw: bool = False
    sha256: str = ""  # from the manifest of a sealed session
    permalink: str = ""  # the address that outlives a rename, where the site has such


@frozen
class Reason:
    """One reason why something can or cannot be written: a code for programs, a sentence for people, the next step."""

    code: str
    sentence: str
    next_step: str = ""


@frozen
class Explanation:
    path: str
    writable: bool
    sentence: str
    reasons: tuple[Reason, ...] = ()


class LinkKind(StrEnum):
    URL = "url"
    COMMAND = "command"
    TEXT = "text"


@frozen
class Link:
    """One address of a path: something to open (`url`), to run (`command`) or to paste (`text`)."""

    tool: str
    label: str
    kind: LinkKind
    value: str
    icon: str = ""
    group: str = ""  # open | transfer | mount | copy
    note: str = ""
    kernel: str = ""  # of a line of Python: the notebook kernel that can run it, where not every one can


@frozen
class Links:
    path: str
    items: tuple[Link, ...]
    advice: str = ""


@frozen
class MetadataField:
    """One fact that the instrument wrote; `source` is its key in the file, e.g. a DM tag."""

    group: str
    name: str
    value: str
    unit: str = ""
    source: str = ""


@frozen
class Axis:
    """One axis; `navigate` is true for scan positions and frame numbers."""

    name: str
    size: int
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    navigate: bool = False


@frozen
class Signal:
    """One data set of a file; `kind` is image, stack, diffraction-scan, spectrum, spectrum-map or other."""

    index: int
    title: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[Axis, ...] = ()


@frozen
class EntryMetadata:
    """What the instrument wrote into a file; that it cannot be read is a normal answer, with the reason in `why`."""

    path: str
    format: str
    readable: bool
    why: str = ""
    signals: tuple[Signal, ...] = ()
    fields: tuple[MetadataField, ...] = ()
