"""The loop of a process that hashes many small files: several of these share the work that one interpreter could not.

Run by its file name with the number of the descriptor of a folder; imports nothing of the package, so that it starts at
once. Standard input: paths below the folder, each ended by NUL. Standard output: a line for each, in the same order.
"""

import hashlib
import os
import sys

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
CHUNK = 1 << 18


def opened_folder(top: int, path: bytes) -> int:
    """A descriptor of a folder below another, no part of the way being a link."""
    fd = os.dup(top)
    for name in path.split(b"/") if path else ():
        try:
            inner = os.open(name, FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


def hashed(folder: int, name: bytes) -> str:
    """One line: checksum, bytes read, and what the inode was."""
    fd = os.open(name, FILE, dir_fd=folder)
    try:
        found = os.fstat(fd)
        if found.st_mode & 0o170000 != 0o100000:
            raise OSError(22, "it is no file any more")
        digest, count = hashlib.sha256(), 0
        # As large as the file and a bit: a large buffer for each small file costs more than hashing it does.
        asked = min(CHUNK, found.st_size + 1)
        while content := os.read(fd, asked):
            digest.update(content)
            count += len(content)
            if len(content) < asked:
                break  # the end, without asking once more
    finally:
        os.close(fd)
    return f"{digest.hexdigest()} {count} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}\n"


def main() -> None:
    """Answer until standard input ends."""
    top, kept, folder, rest = int(sys.argv[1]), None, -1, b""
    while piece := os.read(0, 1 << 20):
        *paths, rest = (rest + piece).split(b"\0")
        lines = []
        for path in paths:
            if not path:
                continue
            above, _, name = path.rpartition(b"/")
            try:
                if above != kept:
                    if folder >= 0:
                        os.close(folder)
                    kept, folder = None, -1
                    folder, kept = opened_folder(top, above), above
                lines.append(hashed(folder, name))
            except OSError as error:
                lines.append(f"! {error.strerror or error}\n")
        sys.stdout.write("".join(lines))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
