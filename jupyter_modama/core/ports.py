"""What the core asks of the outside: a store (the disk, or memory in tests), an audit, a book of jobs, readers.

The kernel is the judge: a store answers for the rights of whoever runs it. Every method that looks at a path raises
NotFound, NotAllowed or StorageError, never a bare OSError.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.gate import Gate
from jupyter_modama.core.model import (
    Actor,
    EntryKind,
    EntryMetadata,
    Finding,
    Job,
    Person,
    Progress,
    Protection,
    Site,
    Summary,
)
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows


@frozen
class Stat:
    """What the disk says of one entry without opening it (symlinks are not followed)."""

    path: TreePath
    kind: EntryKind
    size_bytes: int
    modified: datetime
    changed: datetime
    born: datetime | None
    uid: int
    gid: int
    mode: int  # permission bits and setuid, setgid, sticky
    nlink: int
    inode: int
    device: int
    immutable: bool = False
    target: str = ""  # of a symlink
    writable: bool | None = None  # where a listing has asked the kernel


@frozen
class Access:
    """What the kernel lets the running person do at a path."""

    read: bool
    write: bool  # a folder: make entries in it
    enter: bool
    read_only_mount: bool = False


@frozen
class Rule:
    """Which rule of mode and ACL the kernel applies to the running person; bits are 4 read, 2 write, 1 enter."""

    kind: str  # owner | named-user | group | other | superuser
    name: str  # of the person or group
    given: int
    effective: int  # after the mask of the ACL


FOLDER_SORTS = ("name", "-name", "modified", "-modified", "size", "-size", "type", "-type")


@frozen
class Listing:
    """A slice of a pinned snapshot of a folder: the stats of the entries, or why an entry has none."""

    stats: tuple[Stat | tuple[TreePath, str], ...]
    total: int
    start: int
    cursor: str
    changed: bool


class Audit(Protocol):
    """Append-only; a begun line that never got its end is closed as interrupted at the next start."""

    # `facts` are kept beside what is wanted: who by their number, the project by its uuid.
    def begin(
        self, op: str, actor: str, target: str, wanted: dict[str, Any], facts: Mapping[str, Any] | None = None
    ) -> str: ...
    def end(self, line: str, outcome: str, detail: str = "") -> None: ...

    # Entries with position and size in bytes; a position says from where to go on.
    def newest_first(self, before: str = "") -> Iterator[tuple[str, dict[str, Any], int]]: ...
    def entries_at(self, positions: list[str]) -> list[dict[str, Any]]: ...
    # Has lines be others, for good; answers in how many files.
    def rewrite(self, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> int: ...


class JobBook(Protocol):
    """The jobs of this machine, on disk, seen alike by Lab, shell and notebook."""

    def list(self) -> list[Job]: ...
    def get(self, job_id: str) -> Job: ...
    def ask_cancel(self, job_id: str) -> Job: ...


class Readers(Protocol):
    """Reads what instruments write into files; never raises for an unreadable file, answers why."""

    def metadata(self, path: TreePath) -> EntryMetadata: ...


# What the doctor looks at: a name, and what was found. Edges add rows for their own rooms.
Check = tuple[str, Callable[[], Iterable[Finding]]]


class SealTools(Protocol):
    """The mechanics of a seal; what is allowed when is decided in the core.

    Paths that come out lie below the folder that was asked for.
    """

    def strongest(self, session: TreePath) -> Protection: ...
    def survey(self, raw: TreePath, patience_s: float = ...) -> Any: ...  # store.survey.Found
    def adopt(self, raw: TreePath, *, change: bool) -> list[str]: ...
    def protect(self, raw: TreePath, by: Protection, spare: Collection[TreePath]) -> Iterator[int]: ...
    def look(self, folder: TreePath, by: Protection) -> Any: ...  # store.look.Looked
    def unprotect(self, session: TreePath, raw: TreePath) -> Iterator[int]: ...
    def hash(
        self,
        session: TreePath,
        folder: TreePath,
        files: Any,  # store.look.Files
        *,
        remember: bool,
        share: float = 1.0,
    ) -> Generator[tuple[int, int, int], None, Any]: ...  # store.hashing.Hashes
    # An empty list that may become long.
    def rows(self) -> Rows: ...


class ProofTools(Protocol):
    """What a seal writes down of a session, beside raw and in the session's records."""

    # The SHA-256 of the manifest, and of the entries beside it.
    def write_manifest(self, session: TreePath, prefix: str, hashed: Any, looked: Any) -> tuple[str, str]: ...
    # How the entries just written differ from those of the seal before, None where there was none.
    def write_changes(self, session: TreePath) -> Any: ...  # store.differences.Differences
    def write_metadata(self, session: TreePath, rows: Sequence[dict[str, Any]]) -> None: ...
    def read_manifest(self, session: TreePath) -> Any: ...  # store.manifest.Recorded
    def recorded_sha256(self, session: TreePath, path: TreePath) -> str: ...
    def freeze(self, session: TreePath, by: Protection) -> None: ...
    def retire(self, session: TreePath) -> None: ...
    def tidy(self, session: TreePath) -> None: ...
    def thaw(self, session: TreePath, name: str) -> None: ...
    def forget(self, session: TreePath, name: str) -> None: ...


Noted = tuple[str, TreePath]  # a key, and a folder


class PathBook(Protocol):
    """In which folders something may wait: a disposable list, which never lacks one made so through this process."""

    def paths(self, key: str = "") -> tuple[TreePath, ...] | None: ...  # None where it has to be made anew
    def noting(self, path: TreePath, key: str = "") -> AbstractContextManager[None]: ...  # around what makes one
    def follow(self, old: TreePath, new: TreePath) -> None: ...  # before a folder is renamed
    def renew(self, found: Iterator[Noted | None]) -> Iterator[None]: ...  # a step for each None


class PathSealTools(Protocol):
    """The mechanics of a seal on one entry `name` in the folder `top`, or on the folder where the name is empty."""

    def survey(self, top: TreePath, name: str) -> Any: ...  # store.survey.Found
    def look(self, top: TreePath, name: str, by: Protection) -> Any: ...  # store.look.Looked
    def protect(self, home: TreePath, top: TreePath, name: str, by: Protection) -> Iterator[int]: ...
    def unprotect(self, top: TreePath, name: str) -> Iterator[int]: ...
    def write_proof(self, home: TreePath, key: str, prefix: TreePath, hashed: Any, looked: Any) -> tuple[str, str]: ...
    def freeze_proof(self, home: TreePath, key: str, by: Protection) -> None: ...
    def retire_proof(self, home: TreePath, key: str) -> None: ...
    def read_proof(self, home: TreePath, key: str) -> Any: ...  # store.manifest.Recorded


class Gates(Protocol):
    """Who passes the roots of projects, and what is to be granted behind them."""

    def read(self, project: TreePath) -> Gate: ...
    def fits(self, project: TreePath, gate: Gate) -> bool: ...
    def write(self, project: TreePath, old: Gate, new: Gate) -> None: ...
    def adopt(self, project: TreePath) -> None: ...
    def establish(self, project: TreePath, gate: Gate) -> None: ...
    def dress(self, path: TreePath) -> None: ...

    # From a project or a folder in it; paths in `spare` lie below that. Answers what store.mending.Found holds.
    def go_through(
        self, top: TreePath, gate: Gate, spare: Collection[TreePath], *, mend: bool, report: bool
    ) -> Generator[int, None, Any]: ...


class Keys(Protocol):
    """Does the changes that need the system's rights: in this process, or through the keeper's socket.

    `wanted` is the dataclass of the operation. The generator ends with the answer as JSON-able values; a Cancelled that
    is thrown into it asks for the work to stop, and closing it leaves the work to whoever does it. What speaks against
    it is raised as everywhere, with the first step.
    """

    def do(self, operation: str, wanted: Any, actor: Actor) -> Generator[Progress, None, dict[str, Any]]: ...


@frozen
class ProjectIds:
    """The ids that were found in a project, and what is to be as it was for there to be no others."""

    project: TreePath
    found: tuple[tuple[str, TreePath], ...]
    stamps: Mapping[TreePath, str]


class Ids(Protocol):
    """Where the folders of ids were found last: may be lost, and is believed only together with the records."""

    def recall(self, uuid: str) -> tuple[TreePath, ...]: ...
    # Of each project that was read; nothing where it is time to read all of them again.
    def stamps(self) -> Mapping[TreePath, Mapping[TreePath, str]]: ...
    # What was read, and of which projects there are; `whole`: of all of them, instead of what was known.
    def remember(self, read: Iterable[ProjectIds], seen: Collection[TreePath], *, whole: bool) -> None: ...
    # One looks through the tree at a time; answers whether somebody did so, from its beginning, while one waited.
    def turn(self) -> AbstractContextManager[bool]: ...


class RecordTrust(Protocol):
    """Records that others than the system could have written for a while."""

    def doubted(self, folder: TreePath) -> tuple[str, ...]: ...  # their names, “.” for all that there may be
    def renew(self, folder: TreePath, *, aside: bool) -> Any: ...  # store.record_trust.Renewed
    def learn(self, folder: TreePath) -> None: ...  # what those hold that are believed now


class Sizes(Protocol):
    """What was counted of the site last: may be lost, and is counted anew."""

    def looked_at(self) -> dict[TreePath, str]: ...
    def note(
        self, path: TreePath, now: datetime, *, id: str, words: str, quiet: list[dict[str, Any]], **facts: Any
    ) -> None: ...
    def note_disk(self, now: datetime, used: int, total: int) -> None: ...
    def forget_others(self, paths: set[TreePath], now: datetime) -> None: ...
    def page(
        self, search: str, only: str, by: str, downwards: bool, start: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]: ...
    def totals(self) -> tuple[dict[str, int], datetime | None]: ...
    def quiet(self, limit: int) -> list[dict[str, Any]]: ...
    def disk_days(self) -> list[tuple[int, int]]: ...  # the day's number, and bytes used


class Notices(Protocol):
    """What people are to be told by mail, by those who can send some; each key once."""

    def add(self, key: str, uid: int, kind: str, facts: dict[str, Any]) -> None: ...
    def off(self, uid: int) -> frozenset[str]: ...  # the kinds that somebody does not want
    def switch_off(self, uid: int, kinds: frozenset[str]) -> None: ...  # these, and no others
    def about(self, uid: int) -> list[tuple[str, float, float | None]]: ...  # kind, since when, when it was told
    def forget(self, uid: int) -> None: ...  # all that is kept about somebody


class Store(Protocol):
    """The tree below one root."""

    site: Site
    checks: list[Check]
    keeps_tree: bool  # whether this is the service's own hand, which alone changes a managed tree

    @property
    def audit(self) -> Audit: ...
    @property
    def jobs(self) -> JobBook: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def sizes(self) -> Sizes: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def readers(self) -> Readers: ...

    @property
    def sealing(self) -> SealTools: ...
    @property
    def gates(self) -> Gates: ...
    @property
    def proof(self) -> ProofTools: ...
    @property
    def path_seals(self) -> PathSealTools: ...
    @property
    def requests(self) -> PathBook: ...  # sessions in which somebody asks for an unseal
    @property
    def invitations(self) -> PathBook: ...  # projects to which an address is invited, by its key
    @property
    def record_trust(self) -> RecordTrust: ...

    # who
    def me(self) -> Person: ...
    def person(self, uid: int) -> Person: ...
    def group(self, gid: int) -> str: ...
    def owner_uids(self, project: TreePath) -> tuple[int, ...]: ...
    def set_owners(self, project: TreePath, uids: tuple[int, ...]) -> bool: ...
    def made_by(self, path: TreePath) -> int: ...  # its owner, or from whom the system took a folder over
    def find_people(self, text: str, limit: int) -> tuple[Person, ...]: ...
    def person_named(self, text: str) -> Person | None: ...
    def trusted_uid(self, uid: int) -> bool: ...
    def in_group(self, uid: int, group: str) -> bool: ...

    # looking
    def stat(self, path: TreePath) -> Stat: ...
    def children(self, path: TreePath) -> Iterator[Stat]: ...
    def listing(self, path: TreePath, *, start: int, limit: int, cursor: str, sort: str, filter: str) -> Listing: ...
    def sort_listing(self, path: TreePath, sort: str, filter: str) -> Iterator[tuple[int, int] | str]: ...
    # Of the running person, or as the kernel would answer somebody else.
    def access(self, path: TreePath, uid: int | None = None) -> Access: ...
    def summary(self, path: TreePath, patience_s: float) -> Summary: ...
    def free_bytes(self, path: TreePath) -> tuple[int, int]: ...  # bytes, inodes; -1 where the file system does not say
    def total_bytes(self, path: TreePath) -> int: ...  # of the file system; -1 where it does not say
    def rule(self, path: TreePath) -> Rule: ...
    def quota_left(self, path: TreePath) -> tuple[int, int]: ...  # bytes, files; -1 without a limit
    def folder_quota(self, folder: TreePath) -> int: ...  # bytes that may lie below a folder; -1 without a limit
    def last_backup(self) -> datetime | None: ...
    def disk_path(self, path: TreePath) -> str: ...

    # changing
    def lock(self, folder: TreePath, purpose: str) -> AbstractContextManager[None]: ...
    def members_locked(self, project: TreePath) -> AbstractContextManager[None]: ...
    def lock_holder(self, folder: TreePath) -> str: ...
    def names_locked(self, folder: TreePath) -> AbstractContextManager[None]: ...
    def make_folder(self, path: TreePath, *, like: str, visibility: str = "") -> Stat: ...
    # Filled under a hidden name, which the block gets, and there under its own at the end, or not at all.
    def new_folder(self, path: TreePath, *, like: str, visibility: str = "") -> AbstractContextManager[TreePath]: ...
    def make_file(self, path: TreePath, text: str, *, owner: int | None = None) -> Stat: ...
    def rename(self, old: TreePath, new: TreePath) -> None: ...
    def move(self, old: TreePath, new: TreePath) -> None: ...  # into another folder of the same file system
    def remove(self, entry: Stat) -> None: ...  # a file, or an empty folder, that is still what was looked at
    # Files of microscopes' accounts become the session owner's, where they are quiet; answers of how many.
    def own_ingest(self, session: TreePath) -> int: ...
    # What a crash left in a folder, and in its records, under names that were to be there for a moment.
    def clear_leftovers(self, folder: TreePath) -> None: ...
    def remove_session_folder(self, path: TreePath, notes: Stat | None) -> None: ...
    def read_record(self, folder: TreePath, name: str) -> dict[str, Any] | None: ...
    def write_record(self, folder: TreePath, name: str, record: dict[str, Any]) -> None: ...
