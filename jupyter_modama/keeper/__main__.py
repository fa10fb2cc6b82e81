"""Start the keeper.

    python -I -m jupyter_modama.keeper --site /etc/modama/site.toml --socket /run/modama/keeper.sock --peer-uid 990

By systemd (examples/systemd) it gets its socket already open. SIGTERM ends it, SIGUSR1 has it do the nightly pass.
"""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed, from_os
from jupyter_modama.core.model import Site
from jupyter_modama.keeper import capabilities, trust
from jupyter_modama.keeper.server import Keeper
from jupyter_modama.keeper.talk import Limits
from jupyter_modama.keeper.workers import Workers
from jupyter_modama.site import described, managed_by
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.ingest import Ingest
from jupyter_modama.store.totals import Following
from jupyter_modama.store.watching import Watcher

STATE = "/var/lib/modama-keeper"
FIRST_PASSED = 3  # sd_listen_fds(3)
WAITING = 128
WATCHED = "watched"
MARGIN = timedelta(seconds=2)  # what a watcher had heard and not yet looked at
_LOG = logging.getLogger("modama.keeper")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    site: Path
    socket: str
    peer_uid: int
    state: Path
    limits: Limits


def main(words: Sequence[str] | None = None) -> int:
    """Run until SIGTERM; what is being done then goes on when it starts again."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        asked = _asked(sys.argv[1:] if words is None else words)
        _serve(asked)
    except ModamaError as error:
        _LOG.error("%s", error)
        return error.exit
    except PermissionError as error:
        _LOG.error("the keeper does not start: %s", error)
        return NotAllowed.exit
    return 0


def _serve(asked: Asked) -> None:
    if os.geteuid() != 0:
        raise NotAllowed(what="the keeper is to be started by root")
    capabilities.settle()
    if not capabilities.leave_network():
        _LOG.warning("This process has a network, which it does not need: set PrivateNetwork=yes, or start it as root")
    site = _site(asked.site)
    _make_state(asked.state)
    store = DiskStore(site, state=asked.state, cache=asked.state / "cache", keeps_tree=True)
    following = Following(store, asked.state / "cache" / "totals.sqlite")
    watching = _watcher(store, following, asked.state / WATCHED)  # the one thing that needs more than is kept
    capabilities.lay_down()
    listener = _passed() or _bound(asked.socket, asked.peer_uid)
    try:
        trust.check_start(asked.site, site, store.system_uids, asked.state)
        limits = asked.limits
        workers = Workers(
            str(asked.site), most=limits.workers, a_person=limits.workers_a_person, idle_s=limits.worker_idle_s
        )
        keeper = Keeper(store, listener, asked.peer_uid, workers, limits)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: keeper.stop())
        signal.signal(signal.SIGUSR1, lambda *_: keeper.nightly())
        _LOG.info("Keeping %s for uid %d", site.root, asked.peer_uid)
        with _run(watching, following):
            keeper.serve()
    finally:
        store.close()


def _watcher(store: DiskStore, following: Following, stamp: Path) -> Watcher | None:
    """What mends new folders at once, gives microscopes' files to people, and tells of what has to be counted.

    None where this process may not watch. Until when a keeper watched is the time of the file `stamp`.
    """
    ingest = Ingest(store)

    def again() -> None:
        ingest.due()
        if not watcher.is_behind:
            stamp.touch(mode=0o600)

    try:
        watcher = Watcher(store, ingest.closed, again, following)
        with suppress(FileNotFoundError):  # the first keeper here
            following.catch_up(datetime.fromtimestamp(stamp.stat().st_mtime, UTC) - MARGIN, watcher.missed)
        return watcher
    except ModamaError as error:
        _LOG.warning("%s. What people make is mended by the nightly pass only", error)
        following.is_watched = False
        return None


@contextmanager
def _run(watcher: Watcher | None, following: Following) -> Iterator[None]:
    """Watch and count, in a thread each, while the block runs."""
    at_work: list[Following | Watcher] = [following] if watcher is None else [following, watcher]
    threads = [threading.Thread(target=each.run, name=f"modama-{type(each).__name__.lower()}") for each in at_work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in at_work:
            each.stop()
        for thread in threads:
            thread.join()
        if watcher is not None:
            watcher.close()


def _asked(words: Sequence[str]) -> Asked:
    """Raises: Invalid."""
    parser = argparse.ArgumentParser(prog="modama keeper", description="Hold the keys of a data tree for its service.")
    parser.add_argument("--site", required=True, help="the site file")
    parser.add_argument("--socket", default="", help="where to listen, unless systemd has opened the socket")
    peer = parser.add_mutually_exclusive_group(required=True)
    peer.add_argument("--peer-uid", type=int, help="the service's account, by its number")
    peer.add_argument("--peer", help="the service's account, by its name")
    parser.add_argument("--state", default=STATE, help="where jobs and the audit are kept")
    for row in fields(Limits):
        kind = type(row.default)
        parser.add_argument(f"--limit-{row.name.replace('_', '-')}", type=kind, default=row.default, dest=row.name)
    said = parser.parse_args(words)
    uid = said.peer_uid if said.peer is None else _uid_of(said.peer)
    if uid <= 0:
        raise Invalid(what="the service is to have an account of its own, and not root's")
    limits = Limits(**{row.name: getattr(said, row.name) for row in fields(Limits)})
    return Asked(Path(os.path.abspath(said.site)), said.socket, uid, Path(os.path.abspath(said.state)), limits)


def _uid_of(login: str) -> int:
    try:
        return pwd.getpwnam(login).pw_uid
    except KeyError:
        raise Invalid(what=f"there is no account “{login}”") from None


def _site(file: Path) -> Site:
    """The site of a file; without the tools of other packages, whose code is not run here.

    Raises: Invalid.
    """
    site = described(file)
    return replace(site, managed_by=managed_by(site.root))


def _make_state(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise from_os(error, f"making the folder {folder}") from error


# The socket ----------------------------------------------------------------------------------------------------------


def _passed() -> socket.socket | None:
    """The socket that systemd has opened, if it did.

    Raises: Invalid.
    """
    count, pid = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not count or pid != str(os.getpid()):
        return None
    if count != "1":
        raise Invalid(what=f"the keeper listens on one socket, and {count} were opened for it")
    os.set_inheritable(FIRST_PASSED, False)
    passed = socket.socket(fileno=FIRST_PASSED)
    listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if passed.family != socket.AF_UNIX or passed.type != socket.SOCK_STREAM or not listens:
        raise Invalid(what="the socket that was opened for the keeper is no listening unix stream socket")
    return passed


def _bound(path: str, peer_uid: int) -> socket.socket:
    """A listening socket that only the service can connect to.

    Raises: Invalid, NotAllowed and its kind.
    """
    if not path:
        raise Invalid(what="say with --socket where to listen")
    try:
        trust.check_folder(Path(os.path.abspath(path)).parent)
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise Invalid(what=f"{path} is there already, and is no socket")
            os.unlink(path)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(path)
        os.chmod(path, 0o600)
        os.chown(path, peer_uid, -1)
        made.listen(WAITING)
    except OSError as error:
        raise from_os(error, f"listening on {path}") from error
    return made


if __name__ == "__main__":
    sys.exit(main())
