"""Completion for bash, zsh and fish: the shell asks `modama __complete WORDS...`, and gets one candidate per line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from jupyter_modama.core.errors import Invalid, ModamaError
from jupyter_modama.core.model import Actor, EntryKind, Via
from jupyter_modama.core.operations import Operation
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import ListProjects, list_projects
from jupyter_modama.core.tools import near
from jupyter_modama.shell.arguments import ALIASES, COMMON, Argument, arguments_of, find_operation, nouns, verbs_of

MANY = 500
SHELLS = ("bash", "zsh", "fish")
OTHERS = ("init", "completion", *ALIASES)

SCRIPTS = {
    "bash": """\
# modama: put this line into ~/.bashrc:  eval "$(modama completion bash)"
_modama() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        [[ ${COMP_WORDS[COMP_CWORD]} == [\\"\\']* ]] || printf -v word %q "$word"
        COMPREPLY+=("$word")
    done < <(modama __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
}
complete -F _modama modama
""",
    "zsh": """\
# modama: put this line into ~/.zshrc, after compinit:  eval "$(modama completion zsh)"
_modama() {
    local -a found folders
    found=("${(@f)$(modama __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    found=(${found:#})
    folders=(${(M)found:#*/})
    found=(${found:#*/})
    compadd -- $found
    compadd -S '' -- $folders
}
compdef _modama modama
""",
    "fish": """\
# modama: put this line into ~/.config/fish/config.fish:  modama completion fish | source
function __modama_complete
    set -l before (commandline -opc)
    modama __complete $before[2..-1] (commandline -ct | string unescape) 2>/dev/null
end
complete -c modama -f -a '(__modama_complete)'
""",
}


def script(shell: str) -> str:
    """The lines that a shell needs.

    Raises: Invalid.
    """
    if shell not in SCRIPTS:
        raise Invalid(what=f"there is no completion for “{shell}”{near(shell, SHELLS)}")
    return SCRIPTS[shell]


def candidates(words: Sequence[str], open_store: Callable[[], Store]) -> list[str]:
    """What the last of the words can become; nothing rather than an error."""
    *before, current = list(words) or [""]
    current = current.lstrip("\"'").replace("\\", "")
    try:
        found = _candidates(before, current, open_store)
        return [word for word in islice(found, MANY) if word.startswith(current) and "\n" not in word]
    except ModamaError:
        return []


def _candidates(before: list[str], current: str, open_store: Callable[[], Store]) -> Iterable[str]:
    if not before:
        return (*nouns(), *OTHERS)
    if before == ["completion"]:
        return SHELLS
    if len(before) == 1 and verbs_of(before[0]) and before[0] not in ALIASES:
        return verbs_of(before[0])
    operation, rest = find_operation(before)
    return _of_operation(operation, rest, current, open_store)


def _of_operation(
    operation: Operation, rest: list[str], current: str, open_store: Callable[[], Store]
) -> Iterable[str]:
    arguments = arguments_of(operation)
    options = {a.option: a for a in arguments if not a.position}
    given, waiting = _given(options, rest)
    if waiting is not None:
        return waiting.choices
    if current.startswith("-"):
        return (*options, *COMMON)
    positions = [a for a in arguments if a.position]
    if len(given) >= len(positions):
        return ()
    return _values(positions[len(given)], given, current, open_store)


def _given(options: dict[str, Argument], rest: list[str]) -> tuple[list[str], Argument | None]:
    """The words that stand by their place so far, and the option that waits for its value."""
    given: list[str] = []
    waiting = None
    for word in rest:
        if waiting is not None:
            waiting = None
        elif word in options and options[word].kind is not bool:
            waiting = options[word]
        elif not word.startswith("-"):
            given.append(word)
    return given, waiting


def _values(argument: Argument, given: list[str], current: str, open_store: Callable[[], Store]) -> Iterable[str]:
    if argument.choices:
        return argument.choices
    if argument.name == "project":
        return _projects(open_store())
    if argument.name == "session" and given:
        return _folders_in(open_store(), TreePath.parse(given[0]))
    if argument.name == "path":
        return _entries(open_store(), current)
    if argument.name == "id":
        return (job.id for job in open_store().jobs.list())
    return ()


def _projects(store: Store) -> list[str]:
    page = list_projects(store, Actor(store.me(), Via.CLI), ListProjects(sort="name", limit=MANY))
    return [project.path for project in page.items]


def _folders_in(store: Store, folder: TreePath) -> Iterator[str]:
    for stat in store.children(folder):
        if stat.kind is EntryKind.FOLDER and not stat.path.name.startswith("."):
            yield stat.path.name


def _entries(store: Store, current: str) -> Iterator[str]:
    """The entries that a half-written path can become; folders end in a slash."""
    top = TreePath.parse(current.rpartition("/")[0])
    for stat in store.children(top):
        if stat.path.startswith(current) and (current.endswith(".") or not stat.path.name.startswith(".")):
            yield stat.path + ("/" if stat.kind is EntryKind.FOLDER else "")
