"""The gate of a project on the disk: the access list and the mode of its folder, and the owners' attribute.

The owners are honoured only while the folder belongs to the system and is sticky: then members cannot write them.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from typing import TYPE_CHECKING, Any

from jupyter_modama.core.errors import Conflict
from jupyter_modama.core.gate import ALL, LOOK, Gate, templates
from jupyter_modama.core.layout import place, project_place
from jupyter_modama.core.model import Area, EntryKind, PersonKind, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.store import acl, locks, records
from jupyter_modama.store.adoption import private_group
from jupyter_modama.store.beneath import FOLDER, PATH_ONLY
from jupyter_modama.store.drift import Found
from jupyter_modama.store.lists import lists_of
from jupyter_modama.store.mending import Pass

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

OWNERS = "user.modama.owners"
ROOM, ROOM_BYTES = "user.modama.room", 192
LOCK = "members.lock"
STICKY_SETGID = 0o3000


class DiskGates:
    """The gates of the projects of one tree.

    Raises (all methods): NotFound, NotAllowed, StorageError.
    """

    def __init__(self, store: DiskStore) -> None:
        self.store = store

    def read(self, project: TreePath) -> Gate:
        record, _ = record_or_warning(self.store, project, "project")
        owners = self.store.owner_uids(project)
        area = project_place(self.store.site, project).layout
        with self.store.opened(project, PATH_ONLY, "looking at") as fd, self.store.translated(project, "looking at"):
            return read_gate(fd, owners, record, area.members == "group")

    def fits(self, project: TreePath, gate: Gate) -> bool:
        area = project_place(self.store.site, project).layout
        with self._records(project) as box, self.store.translated(project, "trying the members of"):
            return fits(box, gate, area)

    def write(self, project: TreePath, old: Gate, new: Gate) -> None:
        area = project_place(self.store.site, project).layout
        with (
            self.store.opened(project, FOLDER, "changing the members of") as fd,
            self.store.translated(project, "changing the members of"),
        ):
            write_gate(fd, old, new, area)

    def establish(self, project: TreePath, gate: Gate) -> None:
        """Make a folder that is empty yet the system's, and the gate of a project."""
        area = project_place(self.store.site, project).layout
        with (
            self.store.opened(project, FOLDER, "making the members of") as fd,
            self.store.translated(project, "making the members of"),
        ):
            if os.fstat(fd).st_uid != self.store.account_uid:
                os.fchown(fd, self.store.account_uid, -1)
            os.fchmod(fd, STICKY_SETGID | 0o700)
            write_gate(fd, Gate({}, {}, gate.is_open), gate, area)

    def dress(self, path: TreePath) -> None:
        """Give a new folder in a project what the folders of the project have, as far as this process may.

        Where the project is the system's and so is this process, the folder becomes the system's, with the lists; else
        it keeps what it inherited, and becomes sticky as the project is.
        """
        where = place(self.store.site, path)
        top = self.store.stat(where.project)
        is_system = self.store.trusted_uid(os.geteuid()) and self.store.trusted_uid(top.uid)
        with self.store.opened(path, FOLDER, "making") as fd, self.store.translated(path, "making"):
            found = os.fstat(fd)
            if not top.mode & 0o1000:
                return
            if is_system and found.st_uid != self.store.account_uid:
                os.fchown(fd, self.store.account_uid, -1)
            os.fchmod(fd, found.st_mode & 0o7777 | STICKY_SETGID)
            if is_system:
                wanted = templates(self.read(where.project), where.layout)
                lists_of(fd).write_folder(fd, wanted.folder, wanted.inherited)

    def adopt(self, project: TreePath) -> None:
        """Take the folder of a project into the system's care: only the system renames or removes it from then on."""
        with self.store.opened(project, FOLDER, "adopting") as fd, self.store.translated(project, "adopting"):
            os.fchmod(fd, os.fstat(fd).st_mode & 0o7777 | STICKY_SETGID)
            os.fchown(fd, self.store.account_uid, -1)

    def go_through(
        self, top: TreePath, gate: Gate, spare: Collection[TreePath], *, mend: bool, report: bool
    ) -> Generator[int, None, Found]:
        """Compare what all folders and files of a project grant with its gate, and mend it where that is wanted.

        `top`: the project, or something in it; `spare`: paths below that.
        """
        where = place(self.store.site, top)
        area, by_group = where.layout, where.layout.members == "group"
        gid = self.store.stat(where.project).gid if by_group else None
        alone = self.store.stat(top).kind is EntryKind.FILE
        above = top.parent if alone else top
        with self.store.opened(above, FOLDER, "going through") as fd, self.store.translated(top, "going through"):
            one = Pass(
                templates(gate, area),
                mend=mend,
                report=report,
                spare=spare,
                system_uid=self.store.account_uid,
                gid=gid,
                known_uid=lambda uid: self.store.person(uid).kind is not PersonKind.UNKNOWN,
            )
            yield from one.run_file(fd, top.name) if alone else one.run(fd)
        return one.found

    @contextmanager
    def locked(self, project: TreePath) -> Iterator[None]:
        """Keep others from changing the members of a project meanwhile.

        Raises: Conflict.
        """
        with self._records(project) as box, ExitStack() as kept:
            with self.store.translated(project, "locking"):
                file = locks.lock_opened(box, LOCK)
                kept.callback(os.close, file)
                try:
                    locks.acquire(file, "changing members")
                except BlockingIOError as error:
                    busy = f"the members of “{project.shown}” are being changed right now; please try again afterwards"
                    raise Conflict(what=busy) from error
            kept.callback(locks.release, file)
            yield

    @contextmanager
    def _records(self, project: TreePath) -> Iterator[int]:
        with self.store.opened(project, FOLDER, "opening the records of") as fd:
            with self.store.translated(project, "opening the records of"):
                box = records.records_folder(fd, project, self.store.trusted_at(project))
            try:
                yield box
            finally:
                os.close(box)


def read_gate(fd: int, owners: tuple[int, ...], record: Mapping[str, Any], by_group: bool) -> Gate:
    """Who passes at the folder of a project (any descriptor of it).

    `owners`: as the system wrote them down, or none; then who owns the folder does. `by_group`: the group of the folder
    counts, as where a user office fills it; elsewhere it does where people other than the owner are in it.
    Raises: OSError.
    """
    found = os.fstat(fd)
    listed = lists_of(fd).read(fd, found.st_mode)
    people = {uid: role for uid, bits in listed.users.items() if (role := _role(bits & listed.upper))}
    groups = {gid: role for gid, bits in listed.groups.items() if (role := _role(bits & listed.upper))}
    if (role := _role(listed.group & listed.upper)) and (by_group or not private_group(found.st_uid, found.st_gid)):
        groups[found.st_gid] = role
    people.update(dict.fromkeys(owners or (found.st_uid,), Role.OWNER))
    return Gate(people, groups, listed.other & LOOK == LOOK, _until(record, people))


def _role(bits: int) -> Role | None:
    if bits == ALL:
        return Role.MEMBER
    return Role.READER if bits & LOOK == LOOK else None


def _until(record: Mapping[str, Any], people: Mapping[int, Role]) -> dict[int, date]:
    """The last days of memberships, of those that there are."""
    written = record.get("until")
    found: dict[int, date] = {}
    for uid, day in written.items() if isinstance(written, dict) else ():
        with suppress(ValueError, TypeError):
            if int(uid) in people:
                found[int(uid)] = date.fromisoformat(day)
    return found


def read_owners(fd: int, is_system: Callable[[int], bool]) -> tuple[int, ...] | None:
    """The owners in the attribute; none where users made the folder, None where the file system keeps no attribute.

    Raises: OSError.
    """
    found = os.fstat(fd)
    if not is_system(found.st_uid) or not found.st_mode & 0o1000:
        return ()
    try:
        text = os.getxattr(f"/proc/self/fd/{fd}", OWNERS).decode("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return tuple(int(uid) for uid in text.split(",") if uid.isdigit())


def write_gate(fd: int, old: Gate, new: Gate, area: Area) -> None:
    """Set who passes at the open folder of a project.

    Disk: who stops being owner loses that first, then the list changes in one step, then new owners are written down; a
    crash between them leaves nobody with more than before or after.
    Raises: OSError.
    """
    wanted = templates(new, area)
    found = os.fstat(fd)
    by_attribute = old.owners != (found.st_uid,) or new.owners != old.owners
    if by_attribute and set(old.owners) - set(new.owners):
        write_owners(fd, tuple(uid for uid in old.owners if uid in new.owners) or new.owners)
    if found.st_mode & STICKY_SETGID != STICKY_SETGID:
        os.fchmod(fd, found.st_mode & 0o7777 | STICKY_SETGID)
    lists = lists_of(fd)
    before = lists.kept(fd)
    try:
        lists.write_folder(fd, wanted.folder, wanted.inherited)
        if by_attribute:
            write_owners(fd, new.owners)
    except OSError:
        lists.put_back(fd, before, found.st_mode)
        if by_attribute:
            write_owners(fd, old.owners)
        raise


def fits(records: int, new: Gate, area: Area) -> bool:
    """Whether the file system holds the lists of a gate: tried on a folder in the open folder of the records.

    How many names fit is known to nobody beforehand: ext4 keeps all attributes of an inode in one block, unless they
    are small and came first. So some room is taken before, for what the project's folder has there already.
    Raises: OSError.
    """
    name = f".fits-{secrets.token_hex(4)}"
    os.mkdir(name, 0o700, dir_fd=records)
    try:
        fd = os.open(name, FOLDER, dir_fd=records)
        try:
            _take_room(fd)
            write_gate(fd, Gate(), new, area)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in acl.TOO_LONG:
            return False
        raise
    finally:
        os.rmdir(name, dir_fd=records)
    return True


def _take_room(fd: int) -> None:
    try:
        os.setxattr(fd, ROOM, b"-" * ROOM_BYTES)
    except OSError as error:
        if error.errno not in {errno.ENOTSUP, errno.EPERM}:
            raise


def write_owners(fd: int, uids: tuple[int, ...]) -> None:
    """Write down the owners of a project with its open folder; where that keeps no attributes the record has to do.

    Raises: OSError.
    """
    try:
        os.setxattr(fd, OWNERS, ",".join(map(str, uids)).encode("ascii"))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
