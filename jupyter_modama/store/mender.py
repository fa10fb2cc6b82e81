"""Has files of a folder grant what they should; and the loop of a process that does so for another one.

Run by its file name with the numbers of a socket and of the process at its other end, and with the words of a task;
imports nothing of the package and next to nothing else, so that it starts at once. A question: its length, descriptors
of open folders, and for each of them names, parted by NUL, an empty one before the next folder. The answer: its length,
and JSON. The process ends with the socket, and changes nothing more once the other process is gone: a pass that comes
after that one is not disturbed.
"""

from __future__ import annotations

import _socket  # all that `socket` adds takes as long to import as this program has to start
import errno
import os
import sys

TYPE_CHECKING = False  # typing takes longer to import than all else here
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
ACCESS = "system.posix_acl_access"
MOST_FOLDERS = 32
HEAD, INT = 8, 4
SURE_AFTER = 20
LONGEST, MOST_KINDS = 4096, 8  # so that an answer never waits for a question to be taken
EXAMPLES = 5
_TYPE, _REGULAR, _OWNER_RUNS, _BITS = 0o170000, 0o100000, 0o100, 0o777


class Task:
    """What each file is held against, and whether it is changed."""

    def __init__(self, words: Sequence[str], parent: int = 0) -> None:
        """`words`: the wanted lists of plain files and of programs as hexadecimal; the number of the device; the group
        that all is to be of, if one; whether files are changed, and whether owners and second names are looked at, too.

        `parent`: for whom the work is done; without it nothing is changed any more.
        """
        plain, program, device, gid, mend, report = words
        self.plain, self.program, self.device = bytes.fromhex(plain), bytes.fromhex(program), int(device)
        self.gid = int(gid) if gid else None
        self.mend, self.report, self.parent = bool(mend), bool(report), parent
        self.in_a_row = 0


class Answer:
    """What became of some files, by their numbers; those that are not mentioned are as they should be.

    How many of each, and the numbers of the first of them. `changed`: by list, nine bits, and whether it is a program,
    as they were before; `owners`: by uid, where that is looked at; `back`: what is left to the one who asks, untouched.
    """

    def __init__(self) -> None:
        self.changed: dict[tuple[bytes, int, bool], list[Any]] = {}
        self.owners: dict[int, list[Any]] = {}
        self.back: list[int] = []

    def as_json(self) -> str:
        """By hand, since the module for it takes as long to import as all else."""
        changed = [
            f'["{mine.hex()}",{mode},{int(program)},{count},{first}]'
            for (mine, mode, program), (count, first) in self.changed.items()
        ]
        owners = [[uid, *told] for uid, told in self.owners.items()]
        return f"[[{','.join(changed)}],{owners},{self.back}]"


def go_through(names: Iterable[str | bytes], first: int, task: Task, answer: Answer) -> None:  # noqa: C901
    """Look at what has these names in the current folder, whatever it is by now; no link is followed.

    `first`: the number of the first name. One call for a file that is as it should be. Where many in a row had to be
    changed the look by name is left out: it is done again with the file open. One long loop, since calls of Python's
    would cost as much as those of the kernel.
    """
    getxattr, lstat, opened, fstat, close = os.getxattr, os.lstat, os.open, os.fstat, os.close
    plain, program, either = task.plain, task.program, (task.plain, task.program)
    device, gid, mend, report, parent = task.device, task.gid, task.mend, task.report, task.parent
    looked_at, back, in_a_row = report or gid is not None, answer.back, task.in_a_row
    for number, name in enumerate(names, first):
        try:
            mine = None
            if in_a_row < SURE_AFTER:
                try:
                    mine = getxattr(name, ACCESS, follow_symlinks=False)
                except OSError as error:
                    mine = _none(error)
                if mine in either:
                    in_a_row = 0
                    if looked_at:
                        status = lstat(name)
                        if status.st_nlink != 1 or (gid is not None and status.st_gid != gid):
                            back.append(number)
                        elif report:
                            _count(answer.owners, status.st_uid, number)
                    continue
            if not mend:
                back.append(number)
                continue
            fd = opened(name, FILE)
            try:
                status = fstat(fd)
                mode = status.st_mode
                is_other = mode & _TYPE != _REGULAR or status.st_nlink != 1 or status.st_dev != device
                if is_other or (gid is not None and status.st_gid != gid):
                    back.append(number)
                    continue
                if mine is None:
                    try:
                        mine = getxattr(fd, ACCESS)
                    except OSError as error:
                        mine = _none(error)
                wanted = program if mode & _OWNER_RUNS else plain
                if mine == wanted:
                    in_a_row = 0
                    continue
                key = (mine, mode & _BITS, wanted is program)
                if key not in answer.changed and (len(mine) > LONGEST or len(answer.changed) >= MOST_KINDS):
                    back.append(number)
                    continue
                if parent and os.getppid() != parent:
                    raise SystemExit(1)
                os.setxattr(fd, ACCESS, wanted)
                in_a_row += not report
                _count(answer.changed, key, number)
                if report:
                    _count(answer.owners, status.st_uid, number)
            finally:
                close(fd)
        except OSError:  # why, the one who asks finds out
            back.append(number)
    task.in_a_row = in_a_row


def _none(error: OSError) -> bytes:
    """The list of what has none. Raises: the error, where it says something else."""
    if error.errno != errno.ENODATA:
        raise error
    return b""


def _count(counted: dict[Any, list[Any]], key: Any, number: int) -> None:
    told = counted.get(key)
    if told is None:
        counted[key] = [1, [number]]
        return
    told[0] += 1
    if told[0] <= EXAMPLES:
        told[1].append(number)


def main() -> None:
    """Answer until the socket ends."""
    channel = _socket.socket(fileno=int(sys.argv[1]))
    task = Task(sys.argv[3:], parent=int(sys.argv[2]))
    room = _socket.CMSG_LEN(MOST_FOLDERS * INT)
    while True:
        head, more, _, _ = channel.recvmsg(HEAD, room, _socket.MSG_WAITALL)
        if len(head) < HEAD:
            return
        folders = [
            int.from_bytes(data[at : at + INT], sys.byteorder)
            for _, _, data in more
            for at in range(0, len(data) - INT + 1, INT)
        ]
        answer, first = Answer(), 0
        for fd, names in zip(folders, received(channel, int.from_bytes(head, "big")).split(b"\0\0"), strict=True):
            os.fchdir(fd)
            os.close(fd)
            each = names.split(b"\0")
            go_through(each, first, task, answer)
            first += len(each)
        told = answer.as_json().encode()
        channel.sendall(len(told).to_bytes(HEAD, "big") + told)


def received(channel: _socket.socket, length: int) -> bytes:
    """So many bytes.

    Raises: OSError where the other end went before.
    """
    content = bytearray(length)
    view, done = memoryview(content), 0
    while done < length:
        count = channel.recv_into(view[done:])
        if not count:
            raise ConnectionResetError(errno.ECONNRESET, "the other end of the socket is gone")
        done += count
    return bytes(content)


if __name__ == "__main__":
    main()
