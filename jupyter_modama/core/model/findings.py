"""What was looked at and found."""

from __future__ import annotations

from enum import StrEnum

from jupyter_modama.core.frozen import frozen


class Severity(StrEnum):
    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@frozen
class Finding:
    """One thing that was looked at: what was found, and what to do about it."""

    check: str
    severity: Severity
    found: str
    next_step: str = ""


@frozen
class DoctorReport:
    findings: tuple[Finding, ...]
    worst: Severity = Severity.OK


@frozen
class Removed:
    """What was removed or moved, by its former path."""

    path: str
