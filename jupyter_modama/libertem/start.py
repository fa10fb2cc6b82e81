"""The process between jupyter-server-proxy and LiberTEM: starts it, watches it, and answers while it does not.

    python -P -m jupyter_modama.libertem.start --socket SOCKET --parent PID

jupyter-server-proxy starts a program that ends with an error again and again without a pause, and never again one that
ends well. Neither is of use to a person, so this process stays: it says on the socket what is wrong, starts LiberTEM
again after a crash at once, and after a failure or the page's own "shut down" when somebody asks. It ends with its
parent.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from jupyter_modama.core.errors import ModamaError, Unreachable, VersionMismatch
from jupyter_modama.libertem import environment
from jupyter_modama.libertem.launcher import PR_SET_PDEATHSIG, SAYS
from jupyter_modama.libertem.page import STARTING, Desk, Notice

CRASH_LOOP_S = 10.0  # a LiberTEM that crashes sooner than this is not started again by itself


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    args = parser.parse_args()
    os.umask(0o077)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    if os.getppid() != args.parent:
        return 0
    check_folder(args.socket.parent)
    with working_folder() as folder:
        try:
            watch(args.socket, folder)
        finally:
            args.socket.unlink(missing_ok=True)
            with suppress(OSError):
                args.socket.parent.rmdir()
    return 0


def _leave(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)


def check_folder(folder: Path) -> None:
    """The folder of the socket is the lock: it must be ours and closed to everybody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        sys.exit("the folder of the socket is not private")


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder of this process, for the log and as the working directory; those of dead processes are removed."""
    base = environment.state_folder() / "libertem"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in base.iterdir():
        if old.name.isdigit() and not Path(f"/proc/{old.name}").exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = base / str(os.getpid())
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def watch(socket: Path, folder: Path) -> None:
    """Keep LiberTEM, or else a word about it, on the socket; returns never."""
    desk = Desk(socket)
    while True:
        desk.show(STARTING)
        began = time.monotonic()
        try:
            ended = run(socket, folder)
        except ModamaError as error:
            notice = Notice("failed", str(error), error.code)
        except OSError as error:
            notice = Notice("failed", f"LiberTEM could not be started: {error.strerror or error}")
        else:
            if desk.taken_over() and ended == 0:
                notice = Notice("stopped", "LiberTEM was shut down.")
            elif desk.taken_over() and time.monotonic() - began > CRASH_LOOP_S:
                continue
            else:
                notice = failure(folder / "log", ended)
        desk.show(notice)
        desk.asked_again.wait()


def run(socket: Path, folder: Path) -> int:
    """Run LiberTEM until it ends; its exit code. Raises: Unreachable, VersionMismatch."""
    python = environment.find()
    cache = environment.cache_folder()
    environment.prepare_cache(python.parent.parent, cache)
    command = [str(python), "-I", str(environment.LAUNCHER), "--version", environment.LIBERTEM]
    command += ["--socket", str(socket), "--parent", str(os.getpid()), "--threads", str(threads())]
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen(
            command,
            env=environment.minimal_environment(cache),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(3)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def threads() -> int:
    """As many as this process may use, unless `MODAMA_LIBERTEM_THREADS` says otherwise."""
    wanted = os.environ.get("MODAMA_LIBERTEM_THREADS", "")
    return max(1, int(wanted)) if wanted.isdigit() else len(os.sched_getaffinity(0))


def failure(log: Path, code: int) -> Notice:
    """Why it ended: the sentence that it left, else the last lines of its log."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    said = [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]
    if said:
        return Notice("failed", said[-1], VersionMismatch.code)
    how = f"signal {-code}" if code < 0 else f"code {code}"
    error = Unreachable(
        what="LiberTEM", why=f"it ended by itself ({how}); please try again or tell your administrator what is below"
    )
    return Notice("failed", str(error), error.code, tuple(presentable(lines)))


def presentable(lines: list[str], most: int = 5) -> list[str]:
    """The last lines of a log without code listings, and paths cut to the last part."""
    told = [line for line in lines if line.strip() and not line.startswith((" ", "Traceback"))]
    return [re.sub(r"(?<![\w.])/(?:[^\s/'\"]+/)+", "…/", line)[:300] for line in told[-most:]]


if __name__ == "__main__":
    sys.exit(main())
