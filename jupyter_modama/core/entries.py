"""One file or folder: what the disk says of it, and what the instrument wrote into it."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, EntryDetails, EntryMetadata
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ShowEntry:
    path: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class ReadMetadata:
    path: str = ""
    path_b64: str = ""


def show_entry(store: Store, actor: Actor, wanted: ShowEntry) -> EntryDetails:
    """Show what the disk says of one file or folder."""
    raise NotImplementedError


def read_metadata(store: Store, actor: Actor, wanted: ReadMetadata) -> EntryMetadata:
    """Show what the instrument wrote into a file."""
    raise NotImplementedError
