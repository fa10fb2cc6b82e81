"""Sessions, their seals, and what sealing and verifying answer."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model.people import Person


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


@frozen
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


@frozen
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


@frozen
class FormatCount:
    format: str
    files: int
    bytes: int


@frozen
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


@frozen
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


@frozen
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


@frozen
class Writer:
    """A program that holds a file open for writing, as far as the kernel lets us know."""

    path: str
    program: str = ""
    pid: int = 0
    login: str = ""


@frozen
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


@frozen
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


@frozen
class SessionPage:
    items: tuple[Session, ...]
    total: int
    cursor: str = ""
    proposed_name: str = ""  # what a new session would be called if nobody chose a name
