"""The command line: `modama <noun> <verb> REQUIRED... --optional value [--json]`, a command per operation.

    modama project list                      modama session seal PROJECT SESSION
    modama doctor                            what is wrong here, and what to do about it
    modama init                              make a data tree in the home folder
    modama login [ADDRESS]                   sign in to the service of a managed tree, with a token of the hub
    modama logout, modama whoami             forget the token; who one is here and there
    modama completion bash|zsh|fish          let the shell complete commands, projects and paths

MODAMA_SITE names the site file; MODAMA_ROOT alone is enough. MODAMA_TOKEN is a token of the hub for one command. Where
a path is expected, a permalink does as well. The exit code comes from the class of the error.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_modama.core.errors import Invalid, ModamaError, StorageError, from_os
from jupyter_modama.core.model import DoctorReport, Severity, Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.shell import arguments, doing
from jupyter_modama.shell.tables import shown, text_of
from jupyter_modama.site import load_site

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

INTERRUPTED = 130
UNHEALTHY = 1


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code."""
    words = list(sys.argv[1:] if words is None else words)
    as_json, debug = "--json" in words, "--debug" in words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name still gets the answer
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `modama folder list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("modama: stopped\n")
        return INTERRUPTED
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _refused(_as_ours(error), as_json)


def _as_ours(error: Exception) -> ModamaError:
    if isinstance(error, ModamaError):
        return error
    if isinstance(error, OSError):
        return from_os(error, f"using {error.filename}" if error.filename else "this command")
    return StorageError(what="this command", why=f"an unexpected {type(error).__name__}; `--debug` shows where")


def _refused(error: ModamaError, as_json: bool) -> int:
    if as_json:
        _print_json(error.problem())
    else:
        sys.stderr.write(f"modama: {text_of(str(error))}\n")
    return error.exit


def _run(words: list[str]) -> int:
    special = {
        "login": _login,
        "logout": _logout,
        "whoami": _whoami,
        "init": _init,
        "completion": _completion,
        "__complete": _complete,
        "--version": _version,
    }
    if not words or words[0] in {"-h", "--help", "help"}:
        sys.stdout.write(overview())
        return 0
    if words[0] in special:
        return special[words[0]](words[1:])
    if arguments.verbs_of(words[0]) and words[0] not in arguments.ALIASES and words[1:] in (["--help"], ["-h"]):
        sys.stdout.write("".join(_usage_lines(words[0])))
        return 0
    operation, rest = arguments.find_operation(words)
    try:
        wanted, switches = arguments.read_words(operation, rest)
    except SystemExit as end:  # --help
        return int(end.code or 0)
    answer = _examined() if operation.name == "doctor.run" else doing.answer(operation, wanted)
    if switches.json:
        from jupyter_modama.runner import plain

        _print_json(plain(answer))
    else:
        sys.stdout.write(shown(answer))
    return UNHEALTHY if isinstance(answer, DoctorReport) and answer.worst is Severity.FAILURE else 0


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


# Operations ----------------------------------------------------------------------------------------------------------


def _examined() -> DoctorReport:
    """The doctor's report; what keeps the tree from being opened is a finding, too."""
    from jupyter_modama import checks

    try:
        store = doing.opened(_site())
    except ModamaError as error:
        return checks.without_tree(error)
    try:
        store.checks += checks.ALL
        operation = OPERATIONS["doctor.run"]
        report: DoctorReport = perform(operation, operation.wanted(), actor=doing.own_actor(), store=store)
        return report
    finally:
        store.close()


def _site() -> Site:
    site = load_site()
    if site is None:
        raise Invalid(what=doing.NO_TREE)
    return site


# The rest ------------------------------------------------------------------------------------------------------------


def _version(words: list[str]) -> int:
    import jupyter_modama

    sys.stdout.write(f"modama {jupyter_modama.__version__}\n")
    return 0


def _init(words: list[str]) -> int:
    from jupyter_modama.site import make_home_root

    parser = arguments.Parser(
        prog="modama init", description="Make a data tree in the home folder, and use it from now on."
    )
    try:
        parser.parse_args(words)
    except SystemExit as end:
        return int(end.code or 0)
    sys.stdout.write(
        f"Your data tree is {text_of(make_home_root().root)}; `modama project create NAME` makes a project in it.\n"
    )
    return 0


def _login(words: list[str]) -> int:
    from jupyter_modama.shell import signing_in

    return _ended(signing_in.login, words)


def _logout(words: list[str]) -> int:
    from jupyter_modama.shell import signing_in

    return _ended(signing_in.logout, words)


def _whoami(words: list[str]) -> int:
    from jupyter_modama.shell import signing_in

    return _ended(signing_in.whoami, words)


def _ended(command: Callable[[list[str]], int], words: list[str]) -> int:
    try:
        return command(words)
    except SystemExit as end:  # --help
        return int(end.code or 0)


def _completion(words: list[str]) -> int:
    from jupyter_modama.shell.completion import script

    sys.stdout.write(script(words[0] if words else ""))
    return 0


def _complete(words: list[str]) -> int:
    from jupyter_modama.shell.completion import candidates

    def store() -> DiskStore:
        return doing.opened(_site())

    sys.stdout.buffer.write(b"".join(os.fsencode(word) + b"\n" for word in candidates(words, store)))
    return 0


def overview() -> str:
    """All commands with what they do."""
    lines = [f"{(__doc__ or '').strip()}\n"]
    for noun in arguments.nouns():
        lines.append("\n")
        lines += _usage_lines(noun)
    return "".join(lines)


def _usage_lines(noun: str) -> list[str]:
    found = []
    for verb in arguments.verbs_of(noun):
        operation = OPERATIONS[f"{noun}.{verb}"]
        needed = " ".join(a.name.upper() for a in arguments.arguments_of(operation) if a.required)
        found.append(f"  modama {f'{noun} {verb} {needed}':42} {operation.says}\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
