"""EM files: what they are, what the instrument wrote, and pictures of them; all reading in limited worker processes."""

from jupyter_modama.readers.cache import PreviewCache
from jupyter_modama.readers.formats import what_can_be_done
from jupyter_modama.readers.model import Abilities, Axis, Field, Metadata, Preview, PreviewWish, SignalInfo
from jupyter_modama.readers.pool import Pool

__all__ = [
    "Abilities",
    "Axis",
    "Field",
    "Metadata",
    "Pool",
    "Preview",
    "PreviewCache",
    "PreviewWish",
    "SignalInfo",
    "what_can_be_done",
]
