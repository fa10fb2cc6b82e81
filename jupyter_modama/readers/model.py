"""What readers answer, beside the core's metadata: plain frozen data that travels as JSON between pool and workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Axis, EntryMetadata, MetadataField, Signal

IMAGE, STACK, DIFFRACTION_SCAN = "image", "stack", "diffraction-scan"
SPECTRUM, SPECTRUM_MAP, OTHER = "spectrum", "spectrum-map", "other"
PATHS = ("path", "path_b64")  # how a file is named beside a wish
# What the numbers of a frame can be, and how many bytes one has: the kinds of arrays of browsers, and colours.
ITEM_BYTES = {
    "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "float32": 4, "float64": 8, "rgb": 3,
}  # fmt: skip
CONTRASTS = ("auto", "percentile", "minmax", "log")


@frozen
class PreviewWish:
    """Which picture is wanted; frame -1 is the central one; low and high are percentiles."""

    size: int = 256
    signal: int = 0
    frame: int = -1
    contrast: str = "auto"
    low: float = 0.5
    high: float = 99.8
    gamma: float = 1.0


@frozen
class Preview:
    """A picture of one frame, or a plot; `low` and `high` are the data values shown black and white.

    Spectra also carry their curve, and the start, step, name and unit of its x axis, so that a page can draw it itself.
    """

    png: bytes
    width: int
    height: int
    kind: str
    caption: str
    frame: int
    frames: int
    low: float
    high: float
    signal: Signal
    curve: tuple[float, ...] = ()
    curve_offset: float = 0.0
    curve_scale: float = 1.0
    curve_name: str = ""
    curve_unit: str = ""
    signals: int = 1  # how many data sets the file has; `signal.index` counts them


@dataclass(frozen=True)
class PreviewFacts:
    """What a picture shows; `low` and `high` are the values of the data that are drawn black and white."""

    width: int
    height: int
    kind: str  # image | stack | diffraction-scan | spectrum | spectrum-map | other
    caption: str
    frame: int
    frames: int
    low: float
    high: float
    signal: Signal
    signals: int  # how many data sets the file has
    curve_offset: float
    curve_scale: float
    curve_name: str
    curve_unit: str


@frozen
class FrameWish:
    """Which numbers are wanted: at most `size` a side, of a frame or of a part of it; frame -1 is the central one.

    `left`, `top`, `width` and `height` count pixels of the frame; a width or height of 0 is all that follows.
    """

    size: int = 1024
    signal: int = 0
    frame: int = -1
    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class FrameFacts:
    """What the numbers of a frame are: each is the mean of `step_x` x `step_y` pixels, from `left`, `top` on."""

    kind: str  # as of PreviewFacts
    caption: str
    dtype: str  # a key of ITEM_BYTES; rgb: three bytes a pixel
    columns: int
    rows: int
    frame: int
    frames: int
    low: float  # the smallest and the largest of the numbers
    high: float
    contrast: str  # percentile | log: what suits it
    signal: Signal
    titles: tuple[str, ...]  # of all data sets of the file; `signal.index` counts them
    left: int = 0
    top: int = 0
    step_x: int = 1
    step_y: int = 1


@frozen
class Numbers:
    """The numbers of a frame, little endian, row by row."""

    facts: FrameFacts
    data: bytes


@frozen
class Abilities:
    """What can be done with a file of this name, judged by the name alone."""

    format: str
    preview: bool
    libertem: bool
    hyperspy: bool
    note: str = ""


def kind_of(navigation: int, signal: int) -> str:
    """The kind of a signal by its numbers of navigation and signal axes."""
    if signal == 1:
        return SPECTRUM_MAP if navigation else SPECTRUM
    if signal == 2:
        return (IMAGE, STACK, DIFFRACTION_SCAN)[min(navigation, 2)]
    return OTHER


def preview_facts(preview: Preview) -> dict[str, Any]:
    """All of a preview but its bytes, as JSON."""
    return {key: value for key, value in asdict(preview).items() if key != "png"}


def signal_from(found: Mapping[str, Any]) -> Signal:
    """The signal that `asdict` made this of."""
    axes = tuple(Axis(**axis) for axis in found["axes"])
    return Signal(**{**found, "shape": tuple(int(n) for n in found["shape"]), "axes": axes})


def metadata_from(found: Mapping[str, Any]) -> EntryMetadata:
    """The metadata that `asdict` made this of."""
    signals = tuple(signal_from(signal) for signal in found["signals"])
    return EntryMetadata(
        **{**found, "signals": signals, "fields": tuple(MetadataField(**field) for field in found["fields"])}
    )


def numbers_from(facts: Mapping[str, Any], data: bytes) -> Numbers:
    """The numbers that `asdict` made these facts of. Raises: ValueError where there are more or fewer than it says."""
    found = FrameFacts(**{**facts, "signal": signal_from(facts["signal"]), "titles": tuple(map(str, facts["titles"]))})
    if len(data) != found.columns * found.rows * ITEM_BYTES[found.dtype]:
        raise ValueError("the numbers are not as many as is said")
    return Numbers(found, data)


def preview_from(facts: Mapping[str, Any], png: bytes) -> Preview:
    """The preview that `preview_facts` made this of."""
    curve = tuple(float(value) for value in facts["curve"])
    return Preview(png=png, **{**facts, "signal": signal_from(facts["signal"]), "curve": curve})
