"""The reference page of the docs, made from the table of operations.

python -m jupyter_modama.server.reference            prints docs/operations.md
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

from jupyter_modama.core import errors
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation

HEAD = """# Operations

Made from the table in `jupyter_modama/core/operations.py` by `make types`; do not edit.

Over HTTP an operation is `POST <base>modama/api/<name>` with its fields as JSON; one that only reads also takes a `GET`
with the fields in the address. A long one answers `202` with `{"job": ...}`, and its result is in the job. In the shell
it is `modama <noun> <verb>`, required fields in order, the others as `--options`.

A path is below the root of the tree. Where a name is no UTF-8, `path_b64` (URL-safe base64 of the bytes) counts instead
of the escaped text.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, *(_section(operation) for operation in OPERATIONS.values()), "\n".join(_errors())]
    return "\n".join(parts)


def _section(operation: Operation) -> str:
    kind = {Kind.READ: "reads", Kind.CHANGE: "changes", Kind.LONG: "long"}[operation.kind]
    role = operation.least.name.lower().replace("_", " ")
    answer = getattr(operation.answer, "__name__", str(operation.answer))
    lines = [f"## {operation.name}", "", operation.says, "", f"*{kind} · from {role} on · answers {answer}*", ""]
    rows = list(_fields(operation))
    if rows:
        lines += ["| field | type | without it |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _fields(operation: Operation) -> Iterator[str]:
    types = operation.wanted_types
    for field in dataclasses.fields(operation.wanted):
        if field.default is not dataclasses.MISSING:
            default = f"`{_plain(field.default)}`" if field.default not in ("", None) else "–"
        else:
            default = "required"
        yield f"| `{field.name}` | {_type(types[field.name])} | {default} |"


def _type(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{value.value}`" for value in kind)
    return str(getattr(kind, "__name__", kind)).replace("|", "or")


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _errors() -> Iterator[str]:
    yield "## Errors"
    yield ""
    yield "`application/problem+json`, `type: urn:modama:<code>`; `detail` is a sentence, further fields are its facts."
    yield ""
    yield "| code | HTTP | exit | when |"
    yield "|---|---|---|---|"
    for code, error in sorted(errors.tree().items(), key=lambda item: (item[1].status, item[0])):
        yield f"| `{code}` | {error.status} | {error.exit} | {(error.__doc__ or '').strip().splitlines()[0]} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
