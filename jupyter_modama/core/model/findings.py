"""What was looked at and found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what to do about it."""

    check: str
    severity: Severity
    found: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    findings: tuple[Finding, ...]
    worst: Severity = Severity.OK


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed or moved, by its former path."""

    path: str
