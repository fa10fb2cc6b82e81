"""Which projects somebody can reach: looked up in the tree with their own rights, so that the kernel is the judge.

The hub starts a process for it, which becomes that person for good and prints JSON: so neither a directory of accounts
nor a slow disk holds up the hub. A hub that is not root asks the keeper, which has such processes of its own. The
follower of a live view, a process of one thread, forks for each look.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hub_config.plan import Person
from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, StorageError, printable
from jupyter_modama.site import described
from jupyter_modama.store.reachable import Reachable, from_json, reachable, to_json

# Isolated, so that neither the environment nor the current folder adds modules; the package is named by its folder.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hub_config.discover import main; sys.exit(main())"
PACKAGE = str(Path(__file__).resolve().parents[1])


def person_of(login: str, minimum_uid: int) -> Person:
    """Somebody with an account here.

    Raises: NotFound, NotAllowed for accounts of the system.
    """
    try:
        row = pwd.getpwnam(login)
    except (KeyError, ValueError):
        raise NotFound(what=f"an account “{login}” on this machine") from None
    groups = tuple(os.getgrouplist(row.pw_name, row.pw_gid))
    if row.pw_uid < max(1, minimum_uid) or not row.pw_gid or 0 in groups:
        raise NotAllowed(what=f"“{login}” is an account of the system, which has no server here")
    return Person(login, row.pw_uid, row.pw_gid, groups, row.pw_dir.rstrip("/"), tuple(_names(groups)))


def _names(groups: tuple[int, ...]) -> Iterator[str]:
    for gid in groups:
        try:
            yield grp.getgrgid(gid).gr_name
        except KeyError:
            continue


# As somebody ---------------------------------------------------------------------------------------------------------


def as_person(person: Person, look: Callable[[], list[Reachable]]) -> list[Reachable]:
    """What `look` finds in a process of its own with a person's rights; for processes of one thread, as root.

    Raises: StorageError.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read)
            become(person)
            with os.fdopen(write, "wb") as out:
                out.write(to_json(look()).encode("ascii"))
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        text = told.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise StorageError(
            what=f"looking for the projects of {person.login}", why="the process that looked ended early"
        )
    return from_json(text.decode("ascii"))


def become(person: Person) -> None:
    """Take the ids of a person, for good.

    Raises: OSError.
    """
    os.setgroups(person.groups)
    os.setresgid(person.gid, person.gid, person.gid)
    os.setresuid(person.uid, person.uid, person.uid)


@dataclass(frozen=True, slots=True)
class Discovery:
    """Somebody, and what they reach; `problem` says why that could not be looked up."""

    person: Person
    found: tuple[Reachable, ...] = ()
    problem: str = ""


def command(site_file: str, login: str, *, look: bool, sealed: bool) -> list[str]:
    """What the hub runs; as root where it is root."""
    wanted = "sealed" if look and sealed else "projects" if look else "nothing"
    return [sys.executable, "-I", "-c", START, PACKAGE, site_file, login, wanted]


def main() -> int:
    """Print who somebody is and which projects they reach; everything is imported before root is laid down."""
    file, login, wanted = sys.argv[1:]
    try:
        site = described(Path(file))
        person = person_of(login, site.minimum_uid)
    except ModamaError as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return 1
    found: list[Reachable] = []
    problem = ""
    try:
        if wanted != "nothing":
            if os.geteuid() != person.uid:
                become(person)
            root_fd = os.open(site.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            found = reachable(root_fd, site, sealed=wanted == "sealed")
    except OSError as error:
        problem = f"{site.root} could not be looked at as {login}: {error.strerror}"
    sys.stdout.write(json.dumps({"person": asdict(person), "found": to_json(found), "problem": problem}))
    return 0


def read_discovery(text: str) -> Discovery:
    """What `main` prints. Raises: ValueError, TypeError, KeyError."""
    raw = json.loads(text)
    row = raw["person"]
    person = Person(**{**row, "groups": tuple(row["groups"]), "group_names": tuple(row["group_names"])})
    return Discovery(person, tuple(from_json(raw["found"])), raw["problem"])


if __name__ == "__main__":
    sys.exit(main())
