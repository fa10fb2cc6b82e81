"""What a seal says of how raw differs from what the seal before had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import printable
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import ChangesSince
from jupyter_modama.core.paths import TreePath

LIST = f"{RECORDS}/changes.jsonl"
MOST_NAMED = 10


def since_record(found: Any) -> dict[str, Any]:
    """What the record of a seal keeps of the differences that were found; nothing for a first seal."""
    if found is None:
        return {}
    if found.unknown:
        return {"since": {"sealed_at": found.sealed_at, "unknown": found.unknown}}
    named = {f"first_{kind}": [path.shown for path in paths] for kind, paths in found.first.items()}
    return {"since": {"sealed_at": found.sealed_at, **found.counts, **named}}


def changes_since(record: dict[str, Any], session: TreePath) -> ChangesSince | None:
    """What the record of a seal says of the seal before; None for a first seal, or where it cannot be read."""
    said = record.get("since")
    if not isinstance(said, dict):
        return None
    try:
        at = datetime.fromisoformat(said["sealed_at"])
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if said.get("unknown"):
            return ChangesSince(at, _unknown(at, printable(str(said["unknown"]))))
        new, changed, missing = (int(said[kind]) for kind in ("new", "changed", "missing"))
        return ChangesSince(
            sealed_at=at,
            sentence=_sentence(at, new, changed, missing),
            new=new,
            changed=changed,
            missing=missing,
            first_new=_names(said.get("first_new")),
            first_changed=_names(said.get("first_changed")),
            first_missing=_names(said.get("first_missing")),
            full_list=(session / LIST).shown,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _names(said: Any) -> tuple[str, ...]:
    return tuple(printable(str(name)) for name in said[:MOST_NAMED]) if isinstance(said, list) else ()


def _sentence(at: datetime, new: int, changed: int, missing: int) -> str:
    said = [
        _counted(new, "new file"),
        _counted(changed, "changed file"),
        _counted(missing, "missing file"),
    ]
    what = ", ".join(filter(None, said)) or "no file is new, changed or missing"
    return f"since the seal of {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {what}"


def _unknown(at: datetime, why: str) -> str:
    return f"what changed since the seal of {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC is not known: {why}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}" if count else ""
