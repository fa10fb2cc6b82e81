"""Which projects somebody can reach: looked up in the tree with their own rights, so that the kernel is the judge.

The hub starts a process for it, which becomes that person for good and prints JSON: so neither a directory of accounts
nor a slow disk holds up the hub. The follower of a live view, a process of one thread, forks for each look.
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

from hub_config.plan import MOST_RAW, Person, Reachable
from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, StorageError, printable
from jupyter_modama.core.layout import area_of, depth
from jupyter_modama.core.model import Area, Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.site import described
from jupyter_modama.store.beneath import PATH_ONLY, open_beneath
from jupyter_modama.store.status import is_immutable_at, may

# Isolated, so that neither the environment nor the current folder adds modules; the package is named by its folder.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hub_config.discover import main; sys.exit(main())"
PACKAGE = str(Path(__file__).resolve().parents[1])
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
RECORDS = ".modama"


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


# Looking -------------------------------------------------------------------------------------------------------------


def reachable(root_fd: int, site: Site, *, sealed: bool = True) -> list[Reachable]:
    """The projects whose gate the running person passes, and where wanted the sealed folders in them.

    Sealed folders are not looked for any more when they are too many to be mounted.
    """
    found: list[Reachable] = []
    raw = 0
    for path, area, fd in _projects(root_fd, site):
        try:
            inner = tuple(_sealed(fd, path, area)) if sealed and raw <= MOST_RAW else ()
        finally:
            os.close(fd)
        raw += len(inner)
        found.append(Reachable(path, inner))
    return found


def _projects(root_fd: int, site: Site) -> Iterator[tuple[TreePath, Area, int]]:
    """Each project with its area and a descriptor, which is the receiver's."""
    for name in _listed(root_fd):
        path = TreePath(name)
        if (area := area_of(site, path)) is not None:
            yield from _below(root_fd, path, area, depth(area))


def _below(above: int, path: TreePath, area: Area, levels: int) -> Iterator[tuple[TreePath, Area, int]]:
    try:
        fd = open_beneath(above, path.name, PATH_ONLY | os.O_DIRECTORY)
    except OSError:  # a file, a link, or closed to them
        return
    if not levels:
        if may(fd, os.R_OK | os.X_OK):
            yield path, area, fd
        else:
            os.close(fd)
        return
    try:
        for name in _listed(fd):
            yield from _below(fd, path / name, area, levels - 1)
    finally:
        os.close(fd)


def _sealed(fd: int, project: TreePath, area: Area) -> Iterator[TreePath]:
    """The raw folders of a project that carry the immutable flag."""
    raw = area.layout.rsplit("/", 1)[-1]
    for name in _listed(fd):
        try:
            inner = open_beneath(fd, f"{name}/{raw}", PATH_ONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            if is_immutable_at(inner):
                yield project / name / raw
        except OSError:
            continue
        finally:
            os.close(inner)


def _listed(fd: int) -> list[str]:
    """The names in a folder (any descriptor of it); none where it cannot be read."""
    try:
        listed = os.open(".", FOLDER, dir_fd=fd)
    except OSError:
        return []
    try:
        return sorted(name for name in os.listdir(listed) if not name.startswith("."))
    except OSError:
        return []
    finally:
        os.close(listed)


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


def to_json(found: list[Reachable]) -> str:
    return json.dumps([[one.path, list(one.sealed)] for one in found])


def from_json(text: str) -> list[Reachable]:
    """Raises: ValueError, TypeError."""
    return [Reachable(TreePath.parse(path), tuple(map(TreePath.parse, sealed))) for path, sealed in json.loads(text)]


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
