"""EM files: what they are, what the instrument wrote, and pictures of them; all reading in limited worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_modama.readers.cache import PreviewCache
from jupyter_modama.readers.formats import what_can_be_done
from jupyter_modama.readers.model import Abilities, FrameWish, Numbers, Preview, PreviewWish
from jupyter_modama.readers.pool import Pool

if TYPE_CHECKING:
    from jupyter_modama.readers.tree import Tree, TreeReaders

__all__ = [
    "Abilities",
    "FrameWish",
    "Numbers",
    "Pool",
    "Preview",
    "PreviewCache",
    "PreviewWish",
    "metadata_readers",
    "what_can_be_done",
]


def metadata_readers(tree: Tree) -> TreeReaders:
    """Readers for a store: `store.readers = metadata_readers(store)`."""
    from jupyter_modama.readers.tree import TreeReaders

    return TreeReaders(tree)
