"""The table of tools: what can open a path."""

from __future__ import annotations

from jupyter_modama.core.model import EntryKind, Site


def opens_with(site: Site, name: str, kind: EntryKind) -> tuple[str, ...]:
    """The names of the tools that can open an entry of this name and kind."""
    return ()
