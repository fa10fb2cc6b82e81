"""Between JSON and the dataclasses of the core."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.operations import Operation

LARGEST_BODY = 1 << 20


def wanted_from_json(operation: Operation, body: bytes) -> Any:
    """What a JSON body asks for.

    Raises: Invalid, naming the field and what is expected of it.
    """
    if len(body) > LARGEST_BODY:
        raise Invalid(what=f"the request is larger than {LARGEST_BODY} bytes")
    try:
        fields = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(what=f"the body of the request is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise Invalid(what="the body of the request is no JSON object")
    return _converted(operation, fields, strict=True)


def wanted_from_query(operation: Operation, arguments: Mapping[str, list[bytes]]) -> Any:
    """What the arguments of an address ask for.

    Raises: Invalid.
    """
    return _converted(operation, texts_from_query(arguments), strict=False)


def texts_from_query(arguments: Mapping[str, list[bytes]]) -> dict[str, str]:
    """The arguments of an address as text; each counts once, the last one.

    Raises: Invalid.
    """
    try:
        return {name: values[-1].decode("utf-8") for name, values in arguments.items()}
    except UnicodeDecodeError as error:
        raise Invalid(what="an argument of the address is no UTF-8 text; use path_b64 for such names") from error


def _converted(operation: Operation, fields: dict[str, Any], *, strict: bool) -> Any:
    known = [f.name for f in dataclasses.fields(operation.wanted)]
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; fields are {', '.join(known) or 'none'}"
            raise Invalid(what=f"{operation.name} has no field “{name}”{hint}", field=name)
    try:
        return msgspec.convert(fields, operation.wanted, strict=strict)
    except msgspec.ValidationError as error:
        raise Invalid(what=f"{operation.name}: {_readable(str(error), operation)}") from error


def _readable(text: str, operation: Operation) -> str:
    """A validation message with the values that an enumeration allows."""
    for name, kind in operation.wanted_types.items():
        if isinstance(kind, type) and issubclass(kind, Enum) and f".{name}`" in text:
            return f"{text}; possible are {', '.join(str(v.value) for v in kind)}"
    return text


def to_json(answer: Any) -> bytes:
    """An answer as JSON: times in RFC 3339, enumerations by value."""
    return msgspec.json.encode(answer)
