"""Small HTML for notebooks: cards and tables in the colours of the page around them, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from jupyter_modama.core.errors import printable

_LEFT = "text-align:left;padding:1px 10px 1px 0"


def card(title: str, facts: Iterable[tuple[str, object]], note: str = "") -> str:
    """A title, a row for each fact that is there, and a sentence below."""
    rows = "".join(
        f'<tr><td style="{_LEFT};opacity:.7">{text(name)}</td><td style="{_LEFT}">{text(value)}</td></tr>'
        for name, value in facts
        if value not in (None, "", ())
    )
    below = f'<div style="opacity:.7">{text(note)}</div>' if note else ""
    return f"<div><strong>{text(title)}</strong><table>{rows}</table>{below}</div>"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """A table, and a sentence below."""
    head = "".join(f'<th style="{_LEFT}">{text(name)}</th>' for name in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_LEFT}">{text(value)}</td>' for value in row) + "</tr>" for row in rows
    )
    below = f'<div style="opacity:.7">{text(note)}</div>' if note else ""
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}</div>"


def text(value: object) -> str:
    """A value for people, safe in HTML."""
    return escape(plain(value))


def plain(value: object) -> str:
    """A value for people; times in the local zone."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    return printable(str(value))
