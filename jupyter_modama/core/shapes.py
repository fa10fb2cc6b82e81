"""From JSON back to the dataclasses of the core, with the standard library only.

Fields that are not known are left out, and those that are missing have their default: the other side may be newer or
older. A value of another shape raises `Misshapen`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

Shape = Callable[[Any], Any]


class Misshapen(ValueError):
    """A value is not of the shape that was expected."""


def shaped(kind: Any, value: Any) -> Any:
    """The value of a type that a JSON value stands for.

    Raises: Misshapen.
    """
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return _of_union(get_args(kind), value)
    if origin is tuple:
        return tuple(shaped(get_args(kind)[0], item) for item in _checked(value, list))
    if origin is dict:
        of = get_args(kind)[1]
        return {str(name): shaped(of, item) for name, item in _checked(value, dict).items()}
    if dataclasses.is_dataclass(kind):
        return _of_fields(kind, _checked(value, dict))
    return _plain(kind, value)


def _of_union(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and NoneType in kinds:
        return None
    for kind in kinds:
        if kind is not NoneType:
            try:
                return shaped(kind, value)
            except Misshapen:
                continue
    raise Misshapen(f"{type(value).__name__} is none of {kinds}")


def _of_fields(kind: Any, value: dict[str, Any]) -> Any:
    try:
        return kind(**{name: shaped(of, value[name]) for name, of in _fields(kind) if name in value})
    except TypeError as error:  # a field without a default is missing
        raise Misshapen(str(error)) from error


@lru_cache(maxsize=256)
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(kind).items())


def _plain(kind: Any, value: Any) -> Any:
    try:
        if kind in {datetime, date}:
            return kind.fromisoformat(_checked(value, str))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(value)
    except ValueError as error:
        raise Misshapen(str(error)) from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _checked(value, kind)


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Misshapen(f"{type(value).__name__} where {kind.__name__} is expected")
    return value
