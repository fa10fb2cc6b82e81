"""The store on a disk, with the rights of whoever runs it: the kernel is the judge."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import (
    AlreadyExists,
    Conflict,
    NotAllowed,
    NotEmpty,
    NotFound,
    RecordCorrupt,
    SealingInProgress,
    StorageError,
    from_os,
)
from jupyter_modama.core.layout import RECORDS, is_records, place
from jupyter_modama.core.model import EntryKind, EntryMetadata, Person, Site, Summary
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Access, Check, Listing, Readers, Rule, Stat
from jupyter_modama.store import changes, doctor, gates, leftovers, locks, makers, people, records, rights
from jupyter_modama.store.audit import FileAudit
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.connections import Connections
from jupyter_modama.store.gates import DiskGates
from jupyter_modama.store.ids import IdIndex
from jupyter_modama.store.index import Index
from jupyter_modama.store.ingest import Ingest
from jupyter_modama.store.jobs import JobFolder
from jupyter_modama.store.judge import as_person, is_in_group
from jupyter_modama.store.listing import Asked, Snapshots, sorted_by_stat, stamp_of
from jupyter_modama.store.notices import NoticeBook
from jupyter_modama.store.path_book import DiskPathBook
from jupyter_modama.store.path_seals import DiskPathSeals
from jupyter_modama.store.proof import DiskProof
from jupyter_modama.store.record_trust import DiskRecordTrust
from jupyter_modama.store.sealing import DiskSealing
from jupyter_modama.store.sizes import SizeBook
from jupyter_modama.store.status import may, moment, stat_at
from jupyter_modama.store.written import Written

_PROBLEMS = {errno.ENOENT: "it is gone", errno.EACCES: "you may not look at it", errno.EIO: "the disk cannot read it"}


def state_folder() -> Path:
    """Where jobs and the audit of this person are kept."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "modama"


def cache_folder() -> Path:
    """Where things are kept that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modama"


def _elsewhere(old: TreePath, new: TreePath) -> str:
    return (
        f"“{old.shown}” lies on another file system than “{new.parent.shown}”, and moving there would be copying; "
        "please copy it with a program such as rsync, compare, and remove the original"
    )


class NoReaders:
    """Stands in where no readers are at hand."""

    def metadata(self, path: TreePath) -> EntryMetadata:
        return EntryMetadata(path.shown, "", False, "no readers for microscope files are installed here")


class DiskStore:
    """The tree below `site.root`; one per process and root.

    Raises (all methods): NotFound, NotAllowed, StorageError, DiskFull instead of OSError.
    """

    def __init__(
        self, site: Site, *, state: Path | None = None, cache: Path | None = None, keeps_tree: bool = False
    ) -> None:
        """`keeps_tree`: this is the service's own hand, which alone changes a managed tree."""
        self.site, self.keeps_tree = site, keeps_tree
        state = state or state_folder()
        try:
            self.root_fd = os.open(site.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(what=f"opening the data tree {site.root}", why=error.strerror or str(error)) from error
        self._names_file = state / "names.lock"
        self.written = Written(state / "written.sqlite")
        self.record_trust = DiskRecordTrust(self)
        self.audit = FileAudit(state / "audit.jsonl", site.audit if keeps_tree else None)
        self.jobs = JobFolder(state / "jobs")
        self.sizes = SizeBook(state / "sizes.sqlite")
        self.notices = NoticeBook(state / "notices.sqlite")
        self.readers: Readers = NoReaders()
        self.index = Index(self.root_fd, site.root, cache or cache_folder(), lambda path: is_records(self.site, path))
        self.ids = IdIndex(self.index.file)
        self.sealing = DiskSealing(self)
        self.gates = DiskGates(self)
        self.proof = DiskProof(self)
        self.path_seals = DiskPathSeals(self)
        self.requests = DiskPathBook(state / "cache" / "requests.json" if keeps_tree else None)
        self.invitations = DiskPathBook(state / "cache" / "invitations.json" if keeps_tree else None)
        self.checks: list[Check] = doctor.checks(self.root_fd, site)
        self.connections = Connections()
        self._snapshots = Snapshots()

    def close(self) -> None:
        self.index.close()
        self.audit.close()
        os.close(self.root_fd)

    # who -----------------------------------------------------------------------------------------------------------

    def me(self) -> Person:
        return people.seen_by(self.site, people.me())

    def person(self, uid: int) -> Person:
        return people.seen_by(self.site, people.person(uid))

    def group(self, gid: int) -> str:
        return people.group(gid)

    @cached_property
    def system_uids(self) -> frozenset[int]:
        """Whose folders count as the system's: root's, and the site's account's."""
        account = people.uid_of(self.site.account) if self.site.account else None
        return frozenset({0} if account is None else {0, account})

    def trusted_uid(self, uid: int) -> bool:
        """Whether records of this uid are believed wherever they lie."""
        return uid in self.system_uids

    def in_group(self, uid: int, group: str) -> bool:
        return is_in_group(uid, group)

    def owner_uids(self, project: TreePath) -> tuple[int, ...]:
        """The owners that the system wrote down; none where users made the folder, since then anybody could have."""
        with self.opened(project, PATH_ONLY) as fd, self.translated(project, "looking at"):
            found = gates.read_owners(fd, self.trusted_uid)
        return self._recorded_owners(project) if found is None else found

    def _recorded_owners(self, project: TreePath) -> tuple[int, ...]:
        """The owners in the record, for file systems without extended attributes."""
        try:
            owners = (self.read_record(project, "project") or {}).get("owners")
        except RecordCorrupt:
            return ()
        return tuple(uid for uid in owners if type(uid) is int) if isinstance(owners, list) else ()

    def set_owners(self, project: TreePath, uids: tuple[int, ...]) -> bool:
        """Write down the owners; answers whether the file system could keep them with the folder."""
        with self.opened(project, FOLDER) as fd:
            try:
                gates.write_owners(fd, uids)
            except OSError as error:
                if error.errno not in {errno.ENOTSUP, errno.ENOSYS, errno.EPERM}:
                    raise
                return False
        return True

    def made_by(self, path: TreePath) -> int:
        """Whose an entry is: its owner, or from whom the system took a folder over."""
        found = self.stat(path)
        if found.kind is not EntryKind.FOLDER or not self.trusted_uid(found.uid):
            return found.uid
        with self.opened(path, FOLDER, "looking at") as fd, self.translated(path, "looking at"):
            return makers.made_by(fd) if self.trusted_uid(os.fstat(fd).st_uid) else found.uid

    @cached_property
    def account_uid(self) -> int:
        """Whom what the system makes belongs to."""
        account = people.uid_of(self.site.account) if self.site.account else None
        return os.geteuid() if account is None else account

    def find_people(self, text: str, limit: int) -> tuple[Person, ...]:
        found = people.find(text, limit, self.site.minimum_uid)
        return tuple(people.seen_by(self.site, one) for one in found)

    def person_named(self, text: str) -> Person | None:
        found = people.named(text)
        return found and people.seen_by(self.site, found)

    def members_locked(self, project: TreePath) -> AbstractContextManager[None]:
        return self.gates.locked(project)

    # looking -------------------------------------------------------------------------------------------------------

    @contextmanager
    def opened(self, path: TreePath, flags: int, doing: str = "opening") -> Iterator[int]:
        """A descriptor of a path, closed at the end."""
        try:
            with opened(self.root_fd, path, flags) as fd:
                yield fd
        except OSError as error:
            raise self._said(error, path, doing) from error

    @contextmanager
    def translated(self, path: TreePath, doing: str) -> Iterator[None]:
        """Have what the disk says in the block said in words about a path."""
        try:
            yield
        except OSError as error:
            raise self._said(error, path, doing) from error

    def _said(self, error: OSError, path: TreePath, doing: str) -> Exception:
        shown = path.shown or "the data tree"
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EXDEV, errno.ELOOP}:
            return NotFound(
                what=f"“{shown}”" + (" (it leads through a symbolic link)" if error.errno == errno.ELOOP else "")
            )
        return from_os(OSError(error.errno, error.strerror, shown), f"{doing} “{shown}”")

    def stat(self, path: TreePath) -> Stat:
        if not path:
            return stat_at(self.root_fd, "", path)
        with self.opened(path.parent, PATH_ONLY, "looking at") as parent:
            try:
                return stat_at(parent, path.name, path)
            except OSError as error:  # of the entry itself, not of the folder that it is in
                raise self._said(error, path, "looking at") from error

    def children(self, path: TreePath) -> Iterator[Stat]:
        with self.opened(path, FOLDER, "listing") as fd:
            for name in os.listdir(fd):
                try:
                    yield stat_at(fd, name, path / name)
                except OSError:
                    continue

    def listing(self, path: TreePath, *, start: int, limit: int, cursor: str, sort: str, filter: str) -> Listing:
        with self.opened(path, FOLDER, "listing") as fd:
            snapshot, changed = self._snapshots.take(fd, Asked(path, sort, filter, self._hidden(path)), cursor)
            start = min(max(start, 0), len(snapshot.names))
            stats = tuple(self._page_stat(fd, path / name) for name in snapshot.names[start : start + limit])
        return Listing(stats, len(snapshot.names), start, snapshot.token, changed)

    def sort_listing(self, path: TreePath, sort: str, filter: str) -> Iterator[tuple[int, int] | str]:
        """Sort a folder of any size by size or time: yields (done, total), at last the cursor of the listing."""
        asked = Asked(path, sort, filter, self._hidden(path))
        with self.opened(path, FOLDER, "listing") as fd:
            stamp = stamp_of(fd)
            for step in sorted_by_stat(fd, asked):
                if isinstance(step, list):
                    yield self._snapshots.keep(asked, stamp, step).token
                else:
                    yield step

    def _hidden(self, path: TreePath) -> str:
        """The name that a listing of a folder leaves out: that of our records, where there can be some."""
        return RECORDS if is_records(self.site, path / RECORDS) else ""

    def _page_stat(self, fd: int, path: TreePath) -> Stat | tuple[TreePath, str]:
        try:
            stat = stat_at(fd, path.name, path)
            writable = os.access(path.name, os.W_OK, dir_fd=fd, effective_ids=True, follow_symlinks=False)
            return replace(stat, writable=writable)
        except OSError as error:
            return path, _PROBLEMS.get(error.errno or 0) or error.strerror or str(error)

    def access(self, path: TreePath, uid: int | None = None) -> Access:
        return self._access(path) if uid is None else as_person(uid, lambda: self._access(path))

    def _access(self, path: TreePath) -> Access:
        with self.opened(path, PATH_ONLY, "looking at") as fd:
            read, write, enter = (may(fd, mode) for mode in (os.R_OK, os.W_OK, os.X_OK))
            mounted_read_only = bool(os.fstatvfs(fd).f_flag & os.ST_RDONLY)
        return Access(read, write, enter, mounted_read_only)

    def summary(self, path: TreePath, patience_s: float) -> Summary:
        try:
            return self.index.summary(path, patience_s)
        except OSError as error:
            raise self._said(error, path, "counting") from error

    def free_bytes(self, path: TreePath) -> tuple[int, int]:
        with self.opened(path, PATH_ONLY, "looking at") as fd:
            found = os.fstatvfs(fd)
        return found.f_bavail * found.f_frsize if found.f_blocks else -1, found.f_favail if found.f_files else -1

    def total_bytes(self, path: TreePath) -> int:
        with self.opened(path, PATH_ONLY, "looking at") as fd:
            found = os.fstatvfs(fd)
        return found.f_blocks * found.f_frsize if found.f_blocks else -1

    def rule(self, path: TreePath) -> Rule:
        """Which rule of mode and ACL the kernel applies to the running person."""
        with self.opened(path, PATH_ONLY, "looking at") as fd:
            return rights.rule_at(fd)

    def quota_left(self, path: TreePath) -> tuple[int, int]:
        """Bytes and files that quotas leave, -1 where there is no limit or where the file system does not say."""
        with self.opened(path, PATH_ONLY, "looking at") as fd:
            return rights.quota_left(fd)

    def folder_quota(self, folder: TreePath) -> int:
        """How many bytes may lie below a folder that has a quota of its own (a project quota), -1 without one."""
        with self.opened(folder, PATH_ONLY, "looking at") as fd:
            return rights.folder_quota(fd, self.root_fd)

    def last_backup(self) -> datetime | None:
        """The date of the file that the site's backup leaves, None where there is none or it cannot be looked at."""
        stamp = self.site.services.get("backup", {}).get("stamp", "")
        try:
            return moment(int(os.stat(stamp).st_mtime)) if stamp else None
        except OSError:
            return None

    def disk_path(self, path: TreePath) -> str:
        """The path on the disk, for messages and for programs that run with the person's own rights."""
        return os.path.join(self.site.root, path) if path else self.site.root

    # changing ------------------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, folder: TreePath, purpose: str) -> Iterator[None]:
        """Hold the lock of a session while the block runs.

        Raises: SealingInProgress.
        """
        with ExitStack() as kept:
            with self.opened(folder, FOLDER, "locking") as fd:
                box = records.records_folder(fd, folder, self.trusted_at(folder))
                kept.callback(os.close, box)
                file = locks.lock_opened(box)
                kept.callback(os.close, file)
            with self.translated(folder, "locking"):
                try:
                    locks.acquire(file, purpose)
                except BlockingIOError as error:
                    by = locks.holder(file) or "another program"
                    raise SealingInProgress(session=folder.shown, by=by) from error
            kept.callback(locks.release, file)
            kept.enter_context(locks.shown(box, purpose))
            yield

    def lock_holder(self, folder: TreePath) -> str:
        """For what the lock of a session is held by another process or thread, nothing where it is free."""
        for name in (locks.LOCK, locks.SIGN):  # who may not open the lock looks at its sign
            with suppress(OSError), opened(self.root_fd, folder / RECORDS / name, FILE) as fd:
                return locks.holder(fd)
        return ""

    @contextmanager
    def names_locked(self, folder: TreePath) -> Iterator[None]:
        """Keep other programs of this person, or of the system, from creating names in a folder meanwhile."""
        with self.opened(folder, FOLDER) as fd, ExitStack() as kept:
            with self.translated(folder, "locking"):
                file = locks.private_file(self._names_file)
                kept.callback(os.close, file)
            try:
                with locks.names_locked(file, fd):
                    yield
            except BlockingIOError as error:  # what the block raises are errors of ours
                raise Conflict(what=f"“{folder.shown}” is busy; please try again in a moment") from error

    def make_folder(self, path: TreePath, *, like: str, visibility: str = "") -> Stat:
        """Make a folder with the mode of its kind (`like`: area, project, session, raw, derived)."""
        with self.opened(path.parent, FOLDER, "making a folder in") as parent:
            mode = changes.folder_mode(parent, like, visibility)
            try:
                changes.make_folder(parent, path.name, mode)
            except FileExistsError as error:
                raise AlreadyExists(what=f"something called “{path.shown}”") from error
            try:
                if like == "area" and self.trusted_uid(os.geteuid()) and self.account_uid != os.geteuid():
                    os.chown(path.name, self.account_uid, -1, dir_fd=parent, follow_symlinks=False)
                if mode is None and place(self.site, path).session:
                    self.gates.dress(path)
            except BaseException:
                changes.discard(parent, path.name)
                raise
            return stat_at(parent, path.name, path)

    @contextmanager
    def new_folder(self, path: TreePath, *, like: str, visibility: str = "") -> Iterator[TreePath]:
        """Make a folder with all that belongs in it: the block fills it under a hidden name.

        Disk: it is there under its own name at the end, or not at all; a crash leaves the hidden one.
        """
        building = path.parent / changes.hidden_name("new")
        with self.opened(path.parent, FOLDER, f"making “{path.name}” in") as parent:
            changes.clear_leftovers(parent)
            self.make_folder(building, like=like, visibility=visibility)
            try:
                yield building
                self.rename(building, path)
            except BaseException:
                changes.discard(parent, building.name)
                raise

    def make_file(self, path: TreePath, text: str, *, owner: int | None = None) -> Stat:
        """Make a small text file that must not exist yet, writable like the folder that it lies in.

        `owner`: whose it is to be, where that is not who runs this.
        """
        with self.opened(path.parent, FOLDER, "making a file in") as parent:
            changes.make_file(parent, path.name, text, owner)
            return stat_at(parent, path.name, path)

    def rename(self, old: TreePath, new: TreePath) -> None:
        """Give an entry another name in the same folder; never over something that is there."""
        with self.opened(old.parent, FOLDER, "renaming in") as parent:
            try:
                changes.rename(parent, old.name, new.name)
            except FileExistsError as error:
                raise AlreadyExists(what=f"something called “{new.shown}”") from error
            os.fsync(parent)

    def move(self, old: TreePath, new: TreePath) -> None:
        """Rename an entry into another folder, never over something that is there, and never by copying.

        Raises: Conflict where that lies on another file system.
        """
        with self.opened(old.parent, FOLDER, "moving from") as source, self.opened(new.parent, FOLDER) as target:
            try:
                changes.move(source, old.name, target, new.name)
            except FileExistsError as error:
                raise AlreadyExists(what=f"something called “{new.shown}”") from error
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise Conflict(what=_elsewhere(old, new)) from error
                raise self._said(error, old, "moving") from error
            os.fsync(source)
            os.fsync(target)

    def remove(self, entry: Stat) -> None:
        """Remove a file, or an empty folder, that is still what was looked at.

        Raises: NotEmpty, Conflict where something else has the name now.
        """
        with self.opened(entry.path.parent, FOLDER, "removing from") as parent, self.translated(entry.path, "removing"):
            if not changes.is_same(stat_at(parent, entry.path.name, entry.path), entry):
                raise Conflict(what=f"“{entry.path.shown}” was replaced meanwhile; please load the folder again")
            try:
                changes.remove(parent, entry.path.name, entry.kind is EntryKind.FOLDER)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                raise NotEmpty(what=f"folder {entry.path.shown}", first="something in it") from error
            os.fsync(parent)

    def remove_session_folder(self, path: TreePath, notes: Stat | None) -> None:
        """Remove a session that holds only folders, its own record and these untouched notes.

        Anything else, and anything that appears meanwhile, stops it and stays. Raises: NotEmpty.
        """
        raw = place(self.site, path).raw.name
        with self.opened(path.parent, FOLDER, "removing from") as parent:
            changes.clear_leftovers(parent)
            try:
                changes.remove_session(parent, path.name, raw, notes)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                first = TreePath(str(error.filename or "something new")).shown
                raise NotEmpty(what=f"session {path.shown}", first=first) from error

    def clear_leftovers(self, folder: TreePath) -> None:
        """Clear away what a crash left in a folder, and in its records, more than an hour ago."""
        with self.opened(folder, FOLDER, "tidying up") as fd, self.translated(folder, "tidying up"):
            leftovers.clear(fd, self.trusted_at(folder))

    def own_ingest(self, session: TreePath) -> int:
        """Give what microscopes' accounts have written in a session, and is quiet, to the session's owner."""
        return Ingest(self).session(session)

    # records -------------------------------------------------------------------------------------------------------

    def trusted_at(self, folder: TreePath) -> Any:
        """Who may write records about a folder: the system.

        In a tree without a service also who owns the project's folder, and who made the session.
        """
        trusted = set(self.system_uids)
        if not self.site.managed_by:
            where = place(self.site, folder)
            for owned in filter(None, (where.project or folder, where.session)):
                with suppress(NotFound, NotAllowed, StorageError):
                    trusted.add(self.stat(owned).uid)
        return trusted.__contains__

    def read_record(self, folder: TreePath, name: str) -> dict[str, Any] | None:
        try:
            return records.read_record(self.root_fd, folder, name, self.trusted_at(folder))
        except OSError as error:
            raise self._said(error, folder, f"reading the record {name} of") from error

    def write_record(self, folder: TreePath, name: str, record: dict[str, Any]) -> None:
        try:
            records.write_record(self.root_fd, folder, name, record, self.trusted_at(folder), self.written)
        except OSError as error:
            raise self._said(error, folder, f"writing the record {name} of") from error
