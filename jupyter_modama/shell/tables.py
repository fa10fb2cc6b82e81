"""Answers as people read them in a terminal."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from jupyter_modama.core.audit import AuditPage
from jupyter_modama.core.errors import printable
from jupyter_modama.core.jobs import target_of
from jupyter_modama.core.model import (
    DoctorReport,
    Entry,
    EntryKind,
    EntryMetadata,
    Explanation,
    FolderPage,
    Job,
    JobPage,
    Links,
    Person,
    Project,
    ProjectPage,
    Session,
    SessionPage,
    Severity,
    VerifyReport,
)

SIGNS = {Severity.OK: "ok", Severity.NOTE: "note", Severity.WARNING: "WARNING", Severity.FAILURE: "FAILURE"}
Column = tuple[str, Callable[[Any], object]]
PROJECT: tuple[Column, ...] = (
    ("project", lambda p: p.path),
    ("sessions", lambda p: p.sessions),
    ("owners", lambda p: p.owners),
    ("you are", lambda p: p.role),
    ("changed", lambda p: p.modified),
    ("title", lambda p: p.title),
)
SESSION: tuple[Column, ...] = (
    ("session", lambda s: s.name),
    ("state", lambda s: s.state),
    ("protection", lambda s: s.protection),
    ("files", lambda s: s.files),
    ("size", lambda s: size(s.size_bytes)),
    ("changed", lambda s: s.modified),
    ("title", lambda s: s.title),
)


def _entry_name(entry: Entry) -> str:
    mark = {EntryKind.FOLDER: "/", EntryKind.LINK: f" -> {entry.target}"}.get(entry.kind, "")
    return entry.name + mark + (f"  ({entry.problem})" if entry.problem else "")


ENTRY: tuple[Column, ...] = (
    ("mode", lambda e: e.mode),
    ("owner", lambda e: e.owner),
    ("size", lambda e: size(e.size_bytes)),
    ("changed", lambda e: e.modified),
    ("", lambda e: "sealed" if e.sealed else ""),
    ("name", _entry_name),
)
JOB: tuple[Column, ...] = (
    ("job", lambda j: j.id),
    ("operation", lambda j: j.op),
    ("of", target_of),
    ("state", lambda j: j.state),
    ("done", lambda j: f"{j.done:,} of {j.total:,} {j.unit}" if j.total else ""),
    ("begun", lambda j: j.started),
)


def shown(answer: Any) -> str:
    """An answer as text, with a line break at its end unless it is empty."""
    lines = list(_SHAPES.get(type(answer), details)(answer))
    return "".join(f"{line.rstrip()}\n" for line in lines)


# Shapes --------------------------------------------------------------------------------------------------------------


def table(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    """Rows below the names of their columns; numbers to the right."""
    cells = [[value_text(value(row)) for _, value in columns] for row in rows]
    kept = [i for i in range(len(columns)) if any(row[i] for row in cells)]
    widths = {i: max(width(text) for text in (columns[i][0], *(row[i] for row in cells))) for i in kept}
    right = {
        i
        for i in kept
        if all(row[i][:1].isdigit() or row[i] in {"", "-"} for row in cells) and columns[i][0] in NUMERIC
    }
    for row in ([columns[i][0].upper() for i in range(len(columns))], *cells):
        padded = (_padded(row[i], widths[i], i in right) for i in kept)
        yield "  ".join(padded)


NUMERIC = {"sessions", "files", "size"}


def _padded(text: str, to: int, right: bool) -> str:
    space = " " * (to - width(text))
    return space + text if right else text + space


def width(text: str) -> int:
    """The columns that a text takes in a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def projects(page: ProjectPage) -> Iterator[str]:
    if not page.items:
        yield "No projects that you can see; `modama project create NAME` makes one."
        return
    yield from table(PROJECT, page.items)
    yield from _more(len(page.items), page.total, page.cursor and f"--cursor {page.cursor}")


def sessions(page: SessionPage) -> Iterator[str]:
    if not page.items:
        yield "No sessions yet; `modama session create PROJECT` makes one."
        return
    yield from table(SESSION, page.items)
    yield from _more(len(page.items), page.total, page.cursor and f"--cursor {page.cursor}")


def folder(page: FolderPage) -> Iterator[str]:
    if page.items:
        yield from table(ENTRY, page.items)
    else:
        yield "Nothing is in this folder."
    end = page.start + len(page.items)
    yield from _more(end, page.total, f"--start {end}" if end < page.total else "")
    if page.reason:
        yield ""
        yield text_of(page.reason)


def _more(here: int, total: int, how: str) -> Iterator[str]:
    if how:
        yield f"... {total - here:,} more of {total:,}: {how}"


def audit(page: AuditPage) -> Iterator[str]:
    if not page.items:
        yield "Nothing, as far as you may see it."
    for line in page.items:
        yield f"{value_text(_moment(line.at))}  {line.sentence}"
    if page.cursor:
        yield f"... there may be more: --cursor {page.cursor}"


def _moment(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def jobs(page: JobPage) -> Iterator[str]:
    if page.items:
        yield from table(JOB, page.items)
    else:
        yield "No long work is known."


def verified(report: VerifyReport) -> Iterator[str]:
    matches = "1 file matches its checksum" if report.files == 1 else f"{report.files:,} files match their checksums"
    yield f"{matches} ({size(report.bytes)})."
    yield from details(report)


def explanation(found: Explanation) -> Iterator[str]:
    yield text_of(found.sentence)
    for reason in found.reasons:
        yield f"  - {text_of(reason.sentence)}"
        if reason.next_step:
            yield f"    -> {text_of(reason.next_step)}"


def links(found: Links) -> Iterator[str]:
    group = ""
    for link in found.items:
        if link.value.startswith("modama:"):  # an action of the sidebar
            continue
        if link.group != group:
            group = link.group
            yield f"{group.upper()}"
        yield f"  {link.label}"
        for line in link.value.split("\n"):
            yield f"    {text_of(line)}"
    if found.advice:
        yield ""
        yield text_of(found.advice)


def doctor(report: DoctorReport) -> Iterator[str]:
    for finding in report.findings:
        yield f"{SIGNS[finding.severity]:8} {finding.check}: {text_of(finding.found)}"
        if finding.next_step:
            yield f"{'':8}   -> {text_of(finding.next_step)}"
    wrong = sum(finding.severity in {Severity.WARNING, Severity.FAILURE} for finding in report.findings)
    yield ""
    yield f"{wrong} of {len(report.findings)} findings need somebody." if wrong else "All is well."


def metadata(found: EntryMetadata) -> Iterator[str]:
    yield f"{text_of(found.path)}: {text_of(found.format or 'unknown format')}"
    if not found.readable:
        yield f"It cannot be read: {text_of(found.why)}"
    for signal in found.signals:
        shape = " x ".join(map(str, signal.shape))
        yield f"  {text_of(signal.title or f'signal {signal.index}')}: {signal.kind}, {shape}, {signal.dtype}"
    group = None
    for item in found.fields:
        if item.group != group:
            group = item.group
            yield text_of(group).upper()
        yield f"  {text_of(item.name)}: {text_of(item.value)} {text_of(item.unit)}"


def details(answer: Any, indent: str = "") -> Iterator[str]:
    """A dataclass as lines `name: value`; what is empty is left out."""
    if not dataclasses.is_dataclass(answer):
        yield indent + value_text(answer)
        return
    for field in dataclasses.fields(answer):
        value = getattr(answer, field.name)
        if value in (None, "", (), {}) or field.name == "path_b64":
            continue
        label = field.name.replace("_", " ")
        if dataclasses.is_dataclass(value) and not isinstance(value, Person):
            yield f"{indent}{label}:"
            yield from details(value, indent + "  ")
        elif isinstance(value, tuple) and dataclasses.is_dataclass(value[0]) and not isinstance(value[0], Person):
            yield f"{indent}{label}:"
            for item in value:
                yield f"{indent}  - {_one_line(item)}"
        else:
            yield f"{indent}{label}: {_sized(field.name, value)}"


def _one_line(item: Any) -> str:
    values = ((f.name, getattr(item, f.name)) for f in dataclasses.fields(item))
    return ", ".join(_sized(name, value) for name, value in values if value not in (None, "", (), {}))


def _sized(name: str, value: Any) -> str:
    if (name in {"bytes", "size_bytes"} or name.endswith("_bytes")) and isinstance(value, int):
        return size(value)
    return value_text(value)


_SHAPES: dict[type, Callable[[Any], Iterator[str]]] = {
    ProjectPage: projects,
    SessionPage: sessions,
    FolderPage: folder,
    JobPage: jobs,
    AuditPage: audit,
    VerifyReport: verified,
    Explanation: explanation,
    Links: links,
    DoctorReport: doctor,
    EntryMetadata: metadata,
    Project: details,
    Session: details,
    Job: details,
}


# Values --------------------------------------------------------------------------------------------------------------


def value_text(value: Any) -> str:
    """A value in words: local times, logins, no control characters."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    if isinstance(value, Enum):
        return text_of(str(value.value))
    if isinstance(value, Person):
        return text_of(value.login)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{text_of(str(k))}: {value_text(v)}" for k, v in value.items())
    if isinstance(value, (tuple, list)):
        return ", ".join(value_text(item) for item in value)
    return text_of(str(value))


def text_of(text: str) -> str:
    """Text that cannot act on the terminal: control characters and bytes that are no text are written out."""
    return "".join(_visible(sign) for sign in printable(text))


def _visible(sign: str) -> str:
    if unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} and sign not in "\u200d\u200c":
        return {"\n": "\\n", "\t": "\\t"}.get(sign, f"\\x{ord(sign):02x}" if ord(sign) < 256 else f"\\u{ord(sign):04x}")
    return sign


def size(number: int | None) -> str:
    """A size in binary units; nothing where it is not known."""
    if number is None:
        return ""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{number} B" if unit == "B" else f"{amount:,.1f} {unit}"
