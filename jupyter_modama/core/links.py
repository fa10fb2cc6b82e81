"""Every address of a path, from one table of tools."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, Links
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ListLinks:
    path: str = ""
    path_b64: str = ""
    drive: str = "Z"


def list_links(store: Store, actor: Actor, wanted: ListLinks) -> Links:
    """List every address of a file or folder: links, commands and snippets to copy."""
    raise NotImplementedError
