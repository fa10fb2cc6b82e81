"""What the readers are asked and what they answer. Standard library only: the server imports this."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

RENDERER = 1
"""Counted up whenever the same file would give another picture; part of the key of the cache."""


@dataclass(frozen=True, slots=True)
class Field:
    """One fact of the instrument; `source` is its key in the file."""

    group: str
    name: str
    value: str
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    name: str
    size: int
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    navigate: bool = False


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """One set of numbers in a file; axes in the order of `shape`.

    `kind`: image | stack | diffraction-scan | spectrum | spectrum-map | other.
    """

    index: int
    title: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[Axis, ...] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is in a file; that it cannot be read is a normal answer, and `why` a sentence."""

    path: str
    format: str
    readable: bool
    why: str = ""
    signals: tuple[SignalInfo, ...] = ()
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class PreviewWish:
    """`frame` counts along the navigation axes in C order, -1 is the central one.

    `contrast`: auto | percentile | minmax | log; `low` and `high` are percentiles.
    """

    size: int = 256
    signal: int = 0
    frame: int = -1
    contrast: str = "auto"
    low: float = 0.5
    high: float = 99.8
    gamma: float = 1.0


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture; `low` and `high` are the values shown black and white, `curve` the points (x, y) of a plot."""

    png: bytes
    width: int
    height: int
    kind: str
    caption: str
    frame: int
    frames: int
    low: float
    high: float
    signal: SignalInfo
    curve: tuple[tuple[float, float], ...] = ()


def signal_from(plain: dict[str, Any]) -> SignalInfo:
    """The signal that `dataclasses.asdict` made plain."""
    axes = tuple(Axis(**axis) for axis in plain["axes"])
    return SignalInfo(**{**plain, "shape": tuple(plain["shape"]), "axes": axes})


def metadata_from(plain: dict[str, Any]) -> Metadata:
    signals = tuple(signal_from(signal) for signal in plain["signals"])
    return Metadata(**{**plain, "signals": signals, "fields": tuple(Field(**field) for field in plain["fields"])})


def preview_from(plain: dict[str, Any], png: bytes) -> Preview:
    curve = tuple((float(x), float(y)) for x, y in plain["curve"])
    return Preview(**{**plain, "png": png, "signal": signal_from(plain["signal"]), "curve": curve})


def preview_facts(preview: Preview) -> dict[str, Any]:
    """A preview without its picture, fit for JSON."""
    return {**dataclasses.asdict(dataclasses.replace(preview, png=b"")), "png": None}
