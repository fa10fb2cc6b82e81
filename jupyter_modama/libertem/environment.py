"""The virtual environment that LiberTEM runs in: where it is, how it is made, whether it is whole.

    python -m jupyter_modama.libertem.environment install [--venv FOLDER]

LiberTEM is kept apart, so that its pins and Jupyter's never meet and it starts faster. The environment is made with one
exact version, because the launcher uses parts of LiberTEM that are not a public interface.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Conflict, Invalid, ModamaError, StorageError, Unreachable, VersionMismatch
from jupyter_modama.libertem import kernel

LIBERTEM = "0.16.0"
REQUIREMENTS = (
    f"libertem=={LIBERTEM}",
    "hdf5plugin",
    # for the notebook kernel that is offered from here
    "ipykernel>=6.29,<8",
    "hyperspy>=2.3,<3",
    "rosettasciio[blockfile,hdf5,image,mrcz,tiff,zspy]>=0.9,<1",
)
INSTALL = "python -m jupyter_modama.libertem.environment install"
MARKER = "modama-libertem.json"  # written last: an environment without it is half made
LAUNCHER = Path(__file__).with_name("launcher.py")

# What a program needs to find its way on the machine. All else stays out, tokens of the Jupyter server above all.
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def folder() -> Path:
    """The place of the environment: `MODAMA_LIBERTEM_VENV`, else the person's data folder."""
    if named := os.environ.get("MODAMA_LIBERTEM_VENV"):
        return Path(named).expanduser().absolute()
    return _xdg("XDG_DATA_HOME", ".local/share") / f"libertem-{LIBERTEM}"


def state_folder() -> Path:
    """Where logs and remembered parameters of this person are kept."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Compiled code of this person; never shared, since numba runs what it finds there."""
    return _xdg("XDG_CACHE_HOME", ".cache") / f"libertem-{LIBERTEM}"


def _xdg(variable: str, below_home: str) -> Path:
    named = os.environ.get(variable, "")
    base = Path(named) if os.path.isabs(named) else Path.home() / below_home
    return base / "modama"


def find(venv: Path | None = None) -> Path:
    """The python of the environment.

    Raises: Unreachable when it is missing, half made or closed to us, VersionMismatch when it holds another LiberTEM.
    """
    venv = venv or folder()
    python = venv / "bin" / "python"
    marker = _marker(venv).get("libertem")
    try:
        os.stat(python)
    except (FileNotFoundError, NotADirectoryError):
        why = f"it is not installed here yet; please run `{INSTALL}` in a terminal"
        if os.path.islink(python):
            why = "its Python lies where you may not use it, or is gone; please ask whoever made it"
        raise Unreachable(what="LiberTEM", why=why) from None
    except OSError as error:
        why = f"your account cannot use its environment ({error.strerror}); please ask whoever made it"
        raise Unreachable(what="LiberTEM", why=why) from error
    if marker is None:
        raise Unreachable(
            what="LiberTEM", why=f"its installation was not finished; please run `{INSTALL}` in a terminal again"
        )
    if marker != LIBERTEM:
        raise VersionMismatch(
            what="LiberTEM", found=str(marker), wanted=LIBERTEM, next_step=f"please run `{INSTALL}` in a terminal"
        )
    return python


def _marker(venv: Path) -> dict[str, Any]:
    """What was installed, or nothing."""
    try:
        found = json.loads((venv / MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def minimal_environment(cache: Path) -> dict[str, str]:
    """The environment variables that LiberTEM is started with."""
    kept = {k: v for k, v in os.environ.items() if k in PASSED_ON or k.startswith("LC_")}
    return kept | {
        "PYTHONUNBUFFERED": "1",
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "MPLCONFIGDIR": str(cache / "matplotlib"),
        "HDF5_USE_FILE_LOCKING": "BEST_EFFORT",  # read-only storage has no locks
    }


def prepare_cache(venv: Path, cache: Path) -> None:
    """Make the private cache, filled with what the installation compiled, so that the first data set loads fast."""
    seed = venv / "modama-numba"
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    cache.chmod(0o700)
    target = cache / "numba"
    if target.exists() or not seed.is_dir():
        target.mkdir(exist_ok=True, mode=0o700)
        return
    with tempfile.TemporaryDirectory(dir=cache) as beside:
        shutil.copytree(seed, Path(beside) / "numba")
        try:
            (Path(beside) / "numba").rename(target)
        except OSError:
            target.mkdir(exist_ok=True, mode=0o700)  # another server of the same person was faster


# Installing ----------------------------------------------------------------------------------------------------------


def install(venv: Path | None = None, *, requirements: Sequence[str] = REQUIREMENTS, prime: bool = True) -> Path:
    """Make the environment; one that is whole already keeps what it has, and gets what it lacks.

    Disk: the marker is written last; what an interrupted run left is removed and made again. One run at a time.
    Raises: Invalid, Conflict, StorageError.
    """
    venv = (venv or folder()).expanduser().absolute()
    venv.parent.mkdir(parents=True, exist_ok=True)
    with _alone(venv):
        python = venv / "bin" / "python"
        if not _is_whole(venv):
            _clear(venv)
            _run([sys.executable, "-m", "venv", str(venv)], "making the virtual environment")
        elif _marker(venv).get("requirements") == list(requirements):
            kernel.make(venv)
            return python
        pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, *requirements], "installing LiberTEM")
        if prime:
            _prime(python, venv)
        kernel.make(venv)
        _write_marker(venv, requirements)
        return python


def _is_whole(venv: Path) -> bool:
    try:
        find(venv)
    except ModamaError:
        return False
    return True


@contextmanager
def _alone(venv: Path) -> Iterator[None]:
    """Hold the parent folder, so that two installations do not meet."""
    parent = os.open(venv.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(parent, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        busy = f"something is being installed in {venv.parent} right now; please wait until that is done"
        raise Conflict(what=busy) from None
    finally:
        os.close(parent)


def _clear(venv: Path) -> None:
    """Remove a half-made environment, and nothing that could be anything else."""
    if not venv.exists() or not any(venv.iterdir()):
        return
    if not (venv / "pyvenv.cfg").exists() and not _is_begun(venv):
        raise Invalid(what=f"{venv} is not empty and no virtual environment; please name another folder with --venv")
    shutil.rmtree(venv)


def _is_begun(venv: Path) -> bool:
    """Whether `venv` holds only what `python -m venv` makes before it writes pyvenv.cfg."""
    return {p.name for p in venv.iterdir()} <= {"bin", "include", "lib", "lib64"}


def _run(command: list[str], what: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = _quietly(command, env)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip() and "WARNING" not in line]
        raise StorageError(what=what, why=" / ".join(lines[-3:]) or f"it ended with code {done.returncode}")


def _quietly(command: list[str], env: dict[str, str], cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )


def _prime(python: Path, venv: Path) -> None:
    """Compile once what every first data set needs. Without it all works, only later."""
    with tempfile.TemporaryDirectory() as scratch:
        env = minimal_environment(Path(scratch)) | {"NUMBA_CACHE_DIR": str(venv / "modama-numba")}
        command = [str(python), "-I", str(LAUNCHER), "--prime", scratch, "--version", LIBERTEM]
        done = _quietly(command, env, scratch)
    if done.returncode:
        raise StorageError(what="trying LiberTEM", why=(done.stderr.strip().splitlines() or ["no word"])[-1])


def _write_marker(venv: Path, requirements: Sequence[str]) -> None:
    half = venv / f"{MARKER}.part"
    with open(half, "w", encoding="utf-8") as out:
        json.dump({"libertem": LIBERTEM, "requirements": list(requirements)}, out)
        out.flush()
        os.fsync(out.fileno())
    half.rename(venv / MARKER)


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: `install` makes the environment, `find` prints its python."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_modama.libertem.environment", description=__doc__)
    parser.add_argument("what", choices=("install", "find"))
    parser.add_argument("--venv", type=Path, default=None, help="the folder of the environment")
    args = parser.parse_args(arguments)
    try:
        if args.what == "install":
            _tell(f"LiberTEM {LIBERTEM}: this takes some minutes and 1 GB in {args.venv or folder()}")
        sys.stdout.write(f"{install(args.venv) if args.what == 'install' else find(args.venv)}\n")
    except ModamaError as error:
        _tell(str(error))
        return error.exit
    return 0


if __name__ == "__main__":
    sys.exit(main())
