"""What the records of projects and sessions say beyond the file system, and how they are changed."""

from __future__ import annotations

import uuid
from typing import Any

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound, RecordCorrupt, printable
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store

ABOUT = ("title", "description")
OPTIONAL = (
    "instrument",
    "operator",
    "sample",
    "technique",
    "proposal",
    "licence",
    "embargo",
    "retain_until",
    "proprietary",
    "related",
)
FIELDS = ABOUT + OPTIONAL
LONGEST = 20_000
MISMATCHES = "mismatches"
MOST_MISMATCHES = 100


def record_or_warning(store: Store, folder: TreePath, name: str) -> tuple[dict[str, Any], str]:
    """The record of a folder, empty where there is none, and a sentence where it is damaged or not believed.

    The folder itself still works.
    """
    try:
        record = store.read_record(folder, name)
    except RecordCorrupt as error:
        return {}, str(error)
    return (record, "") if record is not None else ({}, _doubt(store, folder))


def _doubt(store: Store, folder: TreePath) -> str:
    """A sentence where others could have written what stands about a folder."""
    if not store.record_trust.doubted(folder):
        return ""
    return (
        f"what is written down about “{folder.shown}” could be changed by others than the system, as after “chmod -R” "
        "or “setfacl -R”, and is not believed meanwhile; an owner or an administrator can mend that by “repair”"
    )


def recorded_text(record: dict[str, Any], name: str) -> str:
    """What a record says of something, fit to be shown: nobody knows who wrote it."""
    return printable(str(record.get(name) or ""))


def shown_fields(record: dict[str, Any]) -> dict[str, str]:
    """The optional fields that say something."""
    return {name: text for name in OPTIONAL if (text := recorded_text(record, name))}


def changed_record(record: dict[str, Any], chosen: dict[str, str | None]) -> dict[str, Any]:
    """The record with the chosen fields; None leaves one as it is, an empty text clears it.

    Raises: Invalid for a text that is too long for a record.
    """
    for name, text in chosen.items():
        if text is not None and len(text) > LONGEST:
            raise Invalid(
                what=f"the {name} is {len(text):,} characters long, and a record takes {LONGEST:,}; use notes.md"
            )
    new = {**record, **{name: text for name, text in chosen.items() if text is not None}}
    new.setdefault("uuid", str(uuid.uuid4()))
    return new


def mismatches_of(store: Store, project: TreePath) -> tuple[str, ...]:
    """A sentence for each sealed session of a project that is not right, as the last nights have found."""
    try:
        found = record_or_warning(store, project, MISMATCHES)[0].get("sessions")
    except (NotFound, NotAllowed):
        return ()
    rows = found.values() if isinstance(found, dict) else ()
    said = [
        f"{recorded_text(row, 'at')[:10]}: {recorded_text(row, 'sentence')}" for row in rows if isinstance(row, dict)
    ]
    return tuple(said[:MOST_MISMATCHES])
