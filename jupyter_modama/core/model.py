"""The nouns of the project, as frozen dataclasses of plain values: what operations answer with.

Times are aware UTC. Sizes are bytes. A path is below the root of the tree, `/`-separated, without a leading `/`; where
it holds bytes that are no UTF-8, `path` is escaped for reading and `path_b64` holds the bytes (base64, URL-safe), which
every operation accepts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any

from jupyter_modama.core.hub_rules import HubRules, MailRules, PagesRules, ServiceRules, setting


class Role(IntEnum):
    """What a person is to a project; each includes what stands before it."""

    ANYONE = 0
    SIGNED_IN = 1
    READER = 2
    MEMBER = 3
    OWNER = 4
    ADMINISTRATOR = 5


class PersonKind(StrEnum):
    """External: with an account here, from another institution, as the site's group says. Unknown: a number alone."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a uid; a number that nobody knows any more is shown as that number."""

    uid: int
    login: str
    display: str = ""
    kind: PersonKind = PersonKind.INTERNAL


class Via(StrEnum):
    LAB = "lab"
    NOTEBOOK = "notebook"
    CLI = "cli"
    PAGES = "pages"
    NEXTCLOUD = "nextcloud"
    INSTRUMENT = "instrument"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks now, from where, how that is known, and on whose behalf."""

    person: Person
    via: Via = Via.CLI
    known_by: str = "local-uid"
    on_behalf_of: str = ""


# Projects and sessions -----------------------------------------------------------------------------------------------


class Visibility(StrEnum):
    PRIVATE = "private"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Member:
    person: Person
    role: str
    until: date | None = None  # the last day


@dataclass(frozen=True, slots=True)
class Project:
    """People with shared data. `size_bytes` and `files` are as counted at `counted_at`, None before that."""

    path: str
    name: str
    area: str
    title: str = ""
    description: str = ""
    uuid: str = ""
    owners: tuple[Person, ...] = ()
    members: tuple[Member, ...] = ()
    members_version: str = ""  # differs as soon as members, owners or visibility do
    members_from: str = ""  # a sentence, where members are not set here: who fills the group that is let in
    groups: tuple[str, ...] = ()  # groups that the folder lets in beside the members, a sentence each
    rules: tuple[str, ...] = ()  # what members may change and delete, a sentence each
    visibility: Visibility = Visibility.PRIVATE
    created: datetime | None = None
    modified: datetime | None = None
    size_bytes: int | None = None
    files: int | None = None
    counted_at: datetime | None = None
    free_bytes: int | None = None  # room where the project lies
    quota_bytes: int | None = None  # how much the project may hold at most, where its folder has a quota of its own
    quota_left_bytes: int | None = None  # what the quotas of who asks, and of the folder's group, leave
    backed_up: datetime | None = None  # the last backup of the site, where the site file says how to know
    sessions: int | None = None
    unsealed: int | None = None
    role: str = "reader"
    adopted: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    path_b64: str = ""
    warning: str = ""
    mismatches: tuple[str, ...] = ()  # what the last night has found wrong with seals, a sentence each


class SessionState(StrEnum):
    """Where a session stands, derivable from the disk alone (and the session's lock)."""

    WRITABLE = "writable"
    SEALING = "sealing"
    INTERRUPTED = "interrupted"
    PARTIAL = "partial"
    SEALED = "sealed"
    SEALED_BARE = "sealed-bare"
    SEAL_LOST = "seal-lost"


class Protection(StrEnum):
    """How `raw` is protected: by the immutable flag, or by write permission taken away (its owner can give it back)."""

    NONE = "none"
    READ_ONLY = "read-only"
    IMMUTABLE = "immutable"


@dataclass(frozen=True, slots=True)
class ChangesSince:
    """How files and links in raw differ from those of the seal before: in a sentence, counts, the first names of each.

    `full_list`: the file that names all, empty where that could not be found out.
    """

    sealed_at: datetime
    sentence: str
    new: int = 0
    changed: int = 0
    missing: int = 0
    first_new: tuple[str, ...] = ()
    first_changed: tuple[str, ...] = ()
    first_missing: tuple[str, ...] = ()
    full_list: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """Who sealed, when, what; until when the sealer can undo it."""

    by: Person
    at: datetime
    files: int
    bytes: int
    note: str = ""
    undo_until: datetime | None = None
    writers: str = "none"
    manifest_sha256: str = ""
    since: ChangesSince | None = None  # where it was sealed before


@dataclass(frozen=True, slots=True)
class FormatCount:
    format: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What lies in `raw`: arrival is by the server's clock (birth and change time), never by the microscope's."""

    files: int
    bytes: int
    folders: int
    first_file: str = ""
    first_arrival: datetime | None = None
    last_file: str = ""
    last_arrival: datetime | None = None
    duration_s: float = 0.0
    formats: tuple[FormatCount, ...] = ()
    complete: bool = True
    counted_at: datetime | None = None
    instrument: str = ""  # this and the next two as the record says, else as the first file does
    technique: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class UnsealRequest:
    """Who asks for which session to be unsealed, and why; where it was declined, by whom, when and why."""

    project: str
    session: str
    by: Person
    at: datetime
    reason: str
    path_b64: str = ""
    declined_by: Person | None = None
    declined_at: datetime | None = None
    declined_because: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    project: str
    name: str
    path: str
    raw: str
    derived: str
    uuid: str = ""
    title: str = ""
    description: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    state: SessionState = SessionState.WRITABLE
    protection: Protection = Protection.NONE
    seal: Seal | None = None
    size_bytes: int | None = None
    files: int | None = None
    fields: dict[str, str] = field(default_factory=dict)
    summary: Summary | None = None
    notes: str = ""
    role: str = "reader"
    actions: tuple[str, ...] = ()
    request: UnsealRequest | None = None  # the latest of this seal; shown to members
    path_b64: str = ""
    warning: str = ""


# Entries -------------------------------------------------------------------------------------------------------------


class EntryKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Located:
    """Where what a permalink names lies now, and the project or session that it names."""

    path: str
    path_b64: str = ""
    folder: str = ""
    folder_b64: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a tool shows an entry."""

    tool: str
    url: str
    icon: str = ""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why something can or cannot be written: a code for programs, a sentence for people, the next step."""

    code: str
    sentence: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    path: str
    writable: bool
    sentence: str
    reasons: tuple[Reason, ...] = ()


class LinkKind(StrEnum):
    URL = "url"
    COMMAND = "command"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Links:
    path: str
    items: tuple[Link, ...]
    advice: str = ""


@dataclass(frozen=True, slots=True)
class MetadataField:
    """One fact that the instrument wrote; `source` is its key in the file, e.g. a DM tag."""

    group: str
    name: str
    value: str
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis; `navigate` is true for scan positions and frame numbers."""

    name: str
    size: int
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    navigate: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """One data set of a file; `kind` is image, stack, diffraction-scan, spectrum, spectrum-map or other."""

    index: int
    title: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[Axis, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryMetadata:
    """What the instrument wrote into a file; that it cannot be read is a normal answer, with the reason in `why`."""

    path: str
    format: str
    readable: bool
    why: str = ""
    signals: tuple[Signal, ...] = ()
    fields: tuple[MetadataField, ...] = ()


# Sealing and verifying -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Writer:
    """A program that holds a file open for writing, as far as the kernel lets us know."""

    path: str
    program: str = ""
    pid: int = 0
    login: str = ""


@dataclass(frozen=True, slots=True)
class SealSurvey:
    """What a seal would do, found without changing anything: the facts of the dialog."""

    project: str
    session: str
    state: SessionState
    protection: Protection  # the strongest that can be set here and now
    files: int
    bytes: int
    folders: int
    links: int
    writers: tuple[Writer, ...] = ()
    writer_count: int = 0
    writers_checked: str = "checked"  # checked | not-checkable | partly
    junk: tuple[str, ...] = ()
    junk_count: int = 0
    junk_bytes: int = 0
    empty_files: int = 0
    hard_links: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    undo_minutes: int = 15
    can_undo: str = ""
    can_unseal: str = ""
    adoptable: bool = True
    problem: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found; a mismatch is raised as ManifestMismatch with the same facts."""

    project: str
    session: str
    folder: str
    files: int
    bytes: int
    protection: Protection
    sealed_at: datetime | None = None
    verified_at: datetime | None = None
    manifest_sha256: str = ""
    warnings: tuple[str, ...] = ()
    remark: str = ""  # where it is not written down for others


# Jobs and events -----------------------------------------------------------------------------------------------------


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long operation is; `total` is 0 while it is not known."""

    phase: str
    done: int = 0
    total: int = 0
    unit: str = "files"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A long operation, running or ended; `result` and `problem` are the JSON forms of its answer or error."""

    id: str
    op: str
    wanted: dict[str, Any]
    actor: str
    state: JobState
    project: str = ""
    session: str = ""
    phase: str = ""
    done: int = 0
    total: int = 0
    unit: str = "files"
    message: str = ""
    result: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    started: datetime | None = None
    ended: datetime | None = None
    changed: datetime | None = None
    cancellable: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    type: str  # job | seal | arrival | members | service
    project: str
    path: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


# Pages of things -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProjectPage:
    items: tuple[Project, ...]
    total: int
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class SessionPage:
    items: tuple[Session, ...]
    total: int
    cursor: str = ""
    proposed_name: str = ""  # what a new session would be called if nobody chose a name


@dataclass(frozen=True, slots=True)
class JobPage:
    items: tuple[Job, ...]


class Severity(StrEnum):
    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what to do about it."""

    check: str
    severity: Severity
    found: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    findings: tuple[Finding, ...]
    worst: Severity = Severity.OK


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed or moved, by its former path."""

    path: str


# The site ------------------------------------------------------------------------------------------------------------


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
