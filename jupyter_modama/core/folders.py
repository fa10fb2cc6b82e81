"""Folders, page by page."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, FolderPage
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ListFolder:
    """`start` is the index in the listing that `cursor` pins; without a cursor the folder is looked at anew."""

    path: str = ""
    limit: int = 200
    cursor: str = ""
    start: int = 0
    sort: str = "name"
    filter: str = ""
    path_b64: str = ""


def list_folder(store: Store, actor: Actor, wanted: ListFolder) -> FolderPage:
    """Show one page of a folder, however large it is."""
    raise NotImplementedError
