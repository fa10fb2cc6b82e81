"""From words of a shell to what an operation is asked for: required fields by position, the others as `--options`."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterable, Sequence
from enum import Enum
from types import UnionType
from typing import Any, NoReturn, get_args, get_origin

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.operations import OPERATIONS, Operation
from jupyter_modama.core.tools import near

COMMON = ("--json", "--debug", "--help")
ALIASES = {"doctor": "doctor.run"}
PLACES = {"path", "project"}  # fields that hold a path below the root


class Parser(argparse.ArgumentParser):
    """argparse that raises the project's errors."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            message = f"there is no option {unknown}" if unknown.startswith("-") else self._too_much(unknown)
        raise Invalid(what=f"{message}; `{self.prog} --help` shows what is possible")

    def _too_much(self, words: str) -> str:
        named = [action for action in self._actions if action.option_strings and action.metavar]
        how = f"; what is optional has its name before it, such as {named[0].option_strings[0]} TEXT" if named else ""
        return f"“{words}” is too much{how}"


@dataclasses.dataclass(frozen=True, slots=True)
class Argument:
    """One field of what an operation is asked for, as the shell sees it."""

    name: str
    kind: type
    default: Any
    position: bool  # given by its place, without an option's name
    required: bool
    many: bool = False  # an option that may be given several times

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(str(item.value) for item in self.kind) if issubclass(self.kind, Enum) else ()


def arguments_of(operation: Operation) -> tuple[Argument, ...]:
    """The fields of an operation: those without a default by position, and `path`, whose default is the root."""
    hints = operation.wanted_types
    found = []
    for field in dataclasses.fields(operation.wanted):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        by_place = required or field.name == "path"
        kind, many = _plain_type(hints[field.name]), get_origin(hints[field.name]) is tuple
        found.append(Argument(field.name, kind, field.default, by_place, required, many))
    return tuple(found)


def _plain_type(hint: Any) -> type:
    """The type behind `T | None` and `tuple[T, ...]`."""
    if isinstance(hint, UnionType) or get_origin(hint) is tuple:
        hint = next(arg for arg in get_args(hint) if arg not in {type(None), ...})
    assert isinstance(hint, type), f"no argument can be made of {hint}"  # noqa: S101 - a mistake in the table itself
    return hint


def find_operation(words: Sequence[str]) -> tuple[Operation, list[str]]:
    """The operation that the first words name (`session seal`, `session.seal`, `doctor`), and the words after it.

    Raises: Invalid, with what may have been meant.
    """
    first = ALIASES.get(words[0], words[0])
    if first in OPERATIONS:
        return OPERATIONS[first], list(words[1:])
    verbs = verbs_of(first)
    if not verbs:
        raise Invalid(what=f"there is no command “{first}”{near(first, (*nouns(), *ALIASES, *OPERATIONS))}")
    if len(words) < 2 or words[1].startswith("-"):
        raise Invalid(what=f"`modama {first}` needs one of {', '.join(verbs)}")
    verb = words[1].replace("-", "_")
    if verb not in verbs:
        raise Invalid(what=f"there is no command “{first} {words[1]}”{near(verb, verbs)}")
    return OPERATIONS[f"{first}.{verb}"], list(words[2:])


def nouns() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.split(".")[0] for name in OPERATIONS))


def verbs_of(noun: str) -> tuple[str, ...]:
    return tuple(name.split(".")[1] for name in OPERATIONS if name.split(".")[0] == noun)


def parser_of(operation: Operation) -> Parser:
    """The parser of one operation's words."""
    name = operation.name.replace(".", " ")
    about = (operation.wanted.__doc__ or "").strip()
    if about.startswith(f"{operation.wanted.__name__}("):  # what dataclass writes where nobody wrote anything
        about = ""
    parser = Parser(prog=f"modama {name}", description=operation.says, epilog=about or None, allow_abbrev=False)
    for argument in arguments_of(operation):
        _add(parser, argument)
    parser.add_argument("--json", action="store_true", help="answer as JSON, errors too")
    parser.add_argument("--debug", action="store_true", help="show where in the program an error came up")
    return parser


def _add(parser: Parser, argument: Argument) -> None:
    more: dict[str, Any] = {"choices": argument.choices} if argument.choices else {}
    if argument.position:
        more |= {} if argument.required else {"nargs": "?", "default": argument.default}
        parser.add_argument(argument.name, metavar=argument.name.upper(), type=_reader(argument), **more)
    elif argument.many:
        help = "(may be given several times)"
        parser.add_argument(
            argument.option, action="append", default=[], type=_reader(argument), metavar="TEXT", help=help
        )
    elif argument.kind is bool:
        parser.add_argument(argument.option, action=argparse.BooleanOptionalAction, default=argument.default)
    else:
        default = argument.default.value if isinstance(argument.default, Enum) else argument.default
        shown = f"(otherwise {default})" if default not in {"", None} else None
        if not argument.choices:
            more["metavar"] = "NUMBER" if argument.kind is int else "TEXT"
        parser.add_argument(argument.option, type=_reader(argument), default=default, help=shown, **more)


def _reader(argument: Argument) -> Any:
    return _number if argument.kind is int else str


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is no whole number") from None


def joined_options(arguments: Iterable[Argument], words: Sequence[str]) -> list[str]:
    """The words with each option tied to its value, so that a value may begin with a dash (`--sort -name`)."""
    taking = {a.option for a in arguments if not a.position and a.kind is not bool}
    found, waiting = [], ""
    for at, word in enumerate(words):
        if waiting:
            found.append(f"{waiting}={word}")
            waiting = ""
        elif word == "--":
            return [*found, *words[at:]]
        elif word in taking:
            waiting = word
        else:
            found.append(word)
    return [*found, waiting] if waiting else found


def read_words(operation: Operation, words: Sequence[str]) -> tuple[Any, argparse.Namespace]:
    """What is asked for, and the switches beside it.

    Raises: Invalid. Exits for --help, as argparse does.
    """
    arguments = arguments_of(operation)
    parsed = parser_of(operation).parse_args(joined_options(arguments, words))
    values = {}
    for argument in arguments:
        value = getattr(parsed, argument.name)
        if argument.many:
            value = tuple(value)
        values[argument.name] = argument.kind(value) if argument.choices and value is not None else value
    return operation.wanted(**values), parsed


def below_root(wanted: Any, root: str) -> Any:
    """What is asked for with paths of the disk (`/...`, `./...`, `.`) turned into paths below the root.

    Raises: Invalid for a path elsewhere.
    """
    changed = {}
    for name in PLACES & {field.name for field in dataclasses.fields(wanted)}:
        text = getattr(wanted, name)
        if text.startswith(("/", "./", "../")) or text in {".", ".."}:
            changed[name] = _tree_path(os.path.abspath(text), root)
    return dataclasses.replace(wanted, **changed) if changed else wanted


def _tree_path(path: str, root: str) -> str:
    for top in (root, os.path.realpath(root)):
        if path == top:
            return ""
        if path.startswith(top.rstrip("/") + "/"):
            return path[len(top.rstrip("/")) + 1 :]
    raise Invalid(what=f"{path} does not lie in the data tree {root}")
