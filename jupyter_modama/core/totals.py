"""How much a project holds: in a managed tree as the system has counted it, elsewhere as one counts oneself.

Whoever passes the gate of a project can read what was counted, and nobody else; it stands in `.modama/totals.json` of
the project, may be deleted at any time, and is then written anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.records import record_or_warning

RECORD = "totals"
PATIENCE_S = 0.5


@frozen
class Totals:
    """Regular files and their bytes, as many as there were at a time."""

    files: int
    bytes: int
    folders: int
    counted_at: datetime

    def as_record(self) -> dict[str, Any]:
        counted_at = self.counted_at.isoformat()
        return {"files": self.files, "bytes": self.bytes, "folders": self.folders, "counted_at": counted_at}


def totals_of(store: Store, project: TreePath) -> Totals | None:
    """What a project holds, None where nobody has counted yet. A managed tree is never walked for it."""
    if store.site.managed_by:
        return recorded_totals(record_or_warning(store, project, RECORD)[0])
    found = store.summary(project, PATIENCE_S)
    return Totals(found.files, found.bytes, found.folders, found.counted_at) if found.counted_at else None


def recorded_totals(record: dict[str, Any]) -> Totals | None:
    """What a record says, None where it makes no sense: it is only a memory, and is written anew."""
    numbers = [record.get(name) for name in ("files", "bytes", "folders")]
    try:
        counted_at = datetime.fromisoformat(record["counted_at"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    files, size, folders = (number if type(number) is int and number >= 0 else -1 for number in numbers)
    return None if min(files, size, folders) < 0 else Totals(files, size, folders, counted_at)
