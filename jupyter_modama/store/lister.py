"""The loop of a process that reads and sorts the names of large folders, so that the one that asks stays quick.

Run by its file name with the number of a socket; imports nothing of the package, so that it starts at once. A question:
the descriptor of an open folder, and order, name to leave out and pattern, parted by NUL. The answer: its length, then
"+", the names of folders, an empty name, the names of all else, parted by NUL; or "!" and the number of an error. Ends
with the socket, and when nothing is asked for a while.
"""

import os
import re
import socket
import sys

IDLE_S = 120
QUESTION = 1 << 16


def listed(fd: int, order: str, hidden: str, pattern: str) -> bytes:
    """The names of an open folder: those that pass, folders first, plainly sorted."""
    folders: list[str] = []
    others: list[str] = []
    with os.scandir(fd) as entries:
        for entry in entries:
            (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
    if hidden in folders:
        folders.remove(hidden)
    keep = re.compile(pattern, re.IGNORECASE).search if pattern else None
    parts = [[name for name in part if keep(name)] if keep else part for part in (folders, others)]
    for part in parts:
        if order in {"type", "-type"}:
            part.sort(key=by_type, reverse=order == "-type")
        elif order in {"name", "-name"}:
            part.sort(reverse=order == "-name")
    return b"\0\0".join(os.fsencode("\0".join(part)) for part in parts)


def by_type(name: str) -> tuple[str, str]:
    """A sort key: what stands behind the last point, then the name."""
    return (name.rpartition(".")[2].lower() if "." in name else "", name)


def main() -> None:
    """Answer until the socket ends."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    while True:
        channel.settimeout(IDLE_S)
        try:
            question, descriptors, _, _ = socket.recv_fds(channel, QUESTION, 1)
        except TimeoutError:
            return
        if not question:
            return
        channel.settimeout(None)
        try:
            order, hidden, pattern = (os.fsdecode(field) for field in question.split(b"\0"))
            answer = b"+" + listed(descriptors[0], order, hidden, pattern)
        except OSError as error:
            answer = b"!%d" % (error.errno or 5)
        finally:
            for fd in descriptors:
                os.close(fd)
        channel.sendall(len(answer).to_bytes(8, "big") + answer)


if __name__ == "__main__":
    main()
