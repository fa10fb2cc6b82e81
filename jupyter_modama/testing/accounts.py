"""Real Linux accounts for tests, and programs that run as them; made by root, and gone at the end."""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_modama.core.model import Actor, Person, Via
from jupyter_modama.store import people

FIRST_UID, LAST_UID = 20_000, 59_000
ONE_AT_A_TIME = Path("/tmp/modama-test-accounts.lock")  # noqa: S108 - what is asked for is one file for all test processes
UID_TAKEN, UNKNOWN_ACCOUNT, ACCOUNT_IN_USE = 4, 6, 8
MADE_BY = "made by the test process "
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Account:
    """Somebody with a uid, a group of their own, and perhaps further groups."""

    name: str  # what the test calls them
    login: str
    uid: int
    gid: int
    groups: tuple[int, ...] = field(default=())

    @property
    def person(self) -> Person:
        return people.person(self.uid)

    @property
    def actor(self) -> Actor:
        """As an operation knows them."""
        return Actor(self.person, Via.CLI, "hub-token")

    def run(
        self, *words: str | os.PathLike[str], cwd: Path | str = "/", umask: int = 0o022, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What a program answers that this person runs; it may fail."""
        return subprocess.run(
            [os.fspath(word) for word in words],
            cwd=cwd,
            user=self.uid,
            group=self.gid,
            extra_groups=self.groups,
            umask=umask,
            input=given,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def can(self, *words: str | os.PathLike[str], cwd: Path | str = "/", umask: int = 0o022) -> bool:
        """Whether a program does what this person asks for."""
        return self.run(*words, cwd=cwd, umask=umask).returncode == 0

    def does(self, *words: str | os.PathLike[str], cwd: Path | str = "/", umask: int = 0o022) -> str:
        """What a program prints that has to succeed."""
        done = self.run(*words, cwd=cwd, umask=umask)
        assert done.returncode == 0, f"{self.name}: {words}: {done.stderr or done.stdout}"
        return done.stdout

    def shell(self, script: str, *, cwd: Path | str = "/", umask: int = 0o022) -> str:
        """The same for a line of shell."""
        return self.does("sh", "-ec", script, cwd=cwd, umask=umask)

    def python(self, script: str, *words: str | os.PathLike[str], cwd: Path | str = "/", umask: int = 0o022) -> str:
        """The same for some lines of Python, with arguments."""
        return self.does(_python(), "-I", "-S", "-c", script, *words, cwd=cwd, umask=umask)

    def fill(self, folder: Path, files: Mapping[str, str]) -> None:
        """Make files, with the folders above them."""
        script = (
            'cd "$1"; shift; while [ $# -gt 0 ]; do mkdir -p "$(dirname "$1")"; printf %s "$2" > "$1"; shift 2; done'
        )
        self.does("sh", "-ec", script, "sh", folder, *(word for pair in files.items() for word in pair))

    def reads(self, path: Path) -> bool:
        return self.can("cat", path) if not path.is_dir() else self.can("ls", path)

    def appends(self, path: Path) -> bool:
        """Whether they may write in a file that exists."""
        return self.can("sh", "-c", 'exec printf x >> "$1"', "sh", path)

    def makes(self, path: Path) -> bool:
        """Whether they may make a file."""
        return self.can("sh", "-c", 'set -C; exec printf x > "$1"', "sh", path)

    def removes(self, path: Path) -> bool:
        return self.can("rm", "-rf", path) and not os.path.lexists(path)


@dataclass
class Accounts:
    """The accounts of a test, by the names that it gave them."""

    alice: Account
    bob: Account
    carol: Account

    def __iter__(self) -> Iterator[Account]:
        return iter((self.alice, self.bob, self.carol))


@contextmanager
def accounts() -> Iterator[Accounts]:
    """Alice, Bob and Carol, with logins and uids that nobody else has."""
    _clear_leftovers()
    with ExitStack() as kept:
        made = [kept.enter_context(account(name)) for name in ("alice", "bob", "carol")]
        yield Accounts(*made)


@contextmanager
def account(name: str, *, full_name: str = "") -> Iterator[Account]:
    """One account, without a home, with a group of its own; what it owned is left to whoever made the folder."""
    login = f"{name}-{secrets.token_hex(3)}"
    uid = _added(login, full_name or f"{name.capitalize()} {login[-6:]}")
    people.forget()
    try:
        yield Account(name, login, uid, uid)
    finally:
        _run("userdel", login)
        people.forget()


@contextmanager
def group(name: str, *members: Account) -> Iterator[int]:
    """A group with these accounts in it; answers its gid."""
    full = f"{name}-{secrets.token_hex(3)}"
    for _ in range(20):
        gid = _number()
        if _run("groupadd", "--gid", str(gid), full, known=(UID_TAKEN,)) == 0:
            break
    else:
        raise RuntimeError("no free number for a group was found")
    people.forget()
    try:
        for one in members:
            _run("gpasswd", "--add", one.login, full)
        yield gid
    finally:
        _run("groupdel", full)
        people.forget()


def _clear_leftovers() -> None:
    """Remove the accounts of test processes that were killed; those under which something still runs stay."""
    for row in pwd.getpwall():
        _, found, pid = row.pw_gecos.partition(f",{MADE_BY}")
        if found and pid.isdigit() and row.pw_uid >= FIRST_UID and not Path(f"/proc/{pid}").exists():
            _run("userdel", row.pw_name, known=(UNKNOWN_ACCOUNT, ACCOUNT_IN_USE))


def _added(login: str, full_name: str) -> int:
    for _ in range(20):
        uid = str(_number())
        if _run("groupadd", "--gid", uid, login, known=(UID_TAKEN,)):
            continue
        words = ["--no-create-home", "--no-log-init", "--uid", uid, "--gid", uid, "--shell", "/bin/sh"]
        comment = f"{full_name},{MADE_BY}{os.getpid()}"
        if _run("useradd", *words, "--comment", comment, login, known=(UID_TAKEN,)) == 0:
            return int(uid)
        _run("groupdel", login)
    raise RuntimeError("no free number for an account was found")


def _python() -> str:
    """An interpreter that everybody may start; the one that runs the tests can lie in a closed home."""
    for found in (Path(sys.executable).resolve(), Path("/usr/bin/python3"), Path("/usr/local/bin/python3")):
        if found.exists() and all(above.stat().st_mode & 0o001 for above in (found, *found.parents)):
            return str(found)
    raise RuntimeError("there is no Python that everybody may start; please install Debian's python3")


def _number() -> int:
    return FIRST_UID + secrets.randbelow(LAST_UID - FIRST_UID)


def _run(*words: str, known: Sequence[int] = ()) -> int:
    """Run one of the programs that change the accounts, one at a time: each gives up where another one has the lock."""
    with ONE_AT_A_TIME.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode and done.returncode not in known:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return done.returncode
