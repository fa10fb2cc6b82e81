"""Lists that show themselves as a table and are short to read however long they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar, overload

from jupyter_modama.notebook import cards

SHOWN = 20


class Row(Protocol):
    """What can stand in a table."""

    @property
    def name(self) -> str: ...
    def _row(self) -> tuple[object, ...]: ...


T = TypeVar("T", bound=Row)


class Rows(Sequence[T]):
    """Things in order, found by number or by name."""

    def __init__(self, kind: str, heads: Sequence[str], items: Iterable[T], note: str = "") -> None:
        self._kind, self._heads, self._items, self._note = kind, tuple(heads), tuple(items), note

    @overload
    def __getitem__(self, key: int | str) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Rows[T]: ...
    def __getitem__(self, key: int | str | slice) -> T | Rows[T]:
        if isinstance(key, slice):
            return Rows(self._kind, self._heads, self._items[key])
        if isinstance(key, int):
            return self._items[key]
        for item in self._items:
            if item.name == key:
                return item
        raise KeyError(key)

    def __len__(self) -> int:
        return len(self._items)

    def _ipython_key_completions_(self) -> list[str]:
        return [item.name for item in self._items[:1000]]

    def __repr__(self) -> str:
        rows = ([text for value in item._row() if (text := cards.plain(value))] for item in self._items[:SHOWN])
        return "\n".join([self._head(), *("  " + "  ".join(row) for row in rows)])

    def _head(self) -> str:
        plural = "" if len(self) == 1 else "es" if self._kind.endswith("s") else "s"
        more = f", the first {SHOWN} are shown" if len(self) > SHOWN else ""
        return f"{len(self):,} {self._kind}{plural}{more}" + (f"; {self._note}" if self._note else "")

    def _repr_html_(self) -> str:
        return cards.table(self._heads, (item._row() for item in self._items[:SHOWN]), self._head())
