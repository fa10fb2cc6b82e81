"""Signals from RosettaSciIO (GPL-3.0, optional; used here, in the worker process, and nowhere else)."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import h5py

from jupyter_modama.core.model import Axis, Signal
from jupyter_modama.readers.facts import fields_of, shown
from jupyter_modama.readers.frames import POSITIONS, ArrayFrames, Frames, Loaded, described
from jupyter_modama.readers.hdf5 import ChunkedFrames
from jupyter_modama.readers.model import OTHER
from jupyter_modama.readers.opening import Item, Refused

WHOLE_BYTES = 256 << 20  # largest file that is read whole where its reader cannot do otherwise
# Read lazily, RosettaSciIO 0.15 shows wrong numbers: it maps the file at a wrong place.
WHOLE = ("rsciio.pantarhei",)
NAMELESS = re.compile(r"axis \d+|z|<?undefined>?", re.IGNORECASE)
RECIPROCAL = re.compile(r"rad$|^1 ?/|\^-1$|⁻¹$")
MISSING = "reading it needs RosettaSciIO, which is not installed here (pip install 'jupyter-modama[readers]')"


def read(item: Item, module: str) -> list[Loaded]:
    """The signals that one reader of RosettaSciIO finds. Raises: Refused, and whatever the reader raises."""
    try:
        reader = importlib.import_module(module).file_reader
    except ModuleNotFoundError as error:
        needed = (error.name or "").partition(".")[0]
        raise Refused(MISSING if needed == "rsciio" else f"reading it needs the Python package {needed}") from error
    if module in WHOLE:
        _check_whole(item)
    try:
        found = reader(item.path, lazy=module not in WHOLE)
    except (NotImplementedError, ValueError, TypeError) as error:
        if not _not_lazy(error):
            raise
        _check_whole(item)
        found = reader(item.path, lazy=False)
    if not found:
        raise Refused("no data was found in it")
    names = [shown(_plain(_plain(each.get("metadata")).get("General")).get("title", "")) for each in found]
    spare = [shown(item.name)] if len(found) == 1 else [f"signal {i + 1}" for i in range(len(found))]
    return [_loaded(i, each, names[i] or spare[i]) for i, each in enumerate(found[:200])]


def _check_whole(item: Item) -> None:
    if item.size > WHOLE_BYTES:
        raise Refused("it can only be read as a whole, and is too large for that")


def _not_lazy(error: Exception) -> bool:
    text = str(error).lower()
    return (isinstance(error, NotImplementedError) and "raw mib" not in text) or "lazy" in text


def _loaded(index: int, signal: Mapping[str, Any], title: str) -> Loaded:
    data, mapped = signal["data"], _plain(signal.get("metadata"))
    shape = tuple(int(n) for n in data.shape)
    axes = [_axis(i, axis, shape) for i, axis in enumerate(signal.get("axes") or [])]
    fields = (
        fields_of(mapped, _plain(signal.get("original_metadata")), _plain(signal.get("mapping"))) if index == 0 else ()
    )
    positions = [i for i, axis in enumerate(axes) if axis.navigate]
    coloured = data.dtype.names is not None
    signal_axes = len(shape) - len(positions) if len(axes) == len(shape) else min(2, len(shape))
    if coloured:
        signal_axes = 2
    if signal_axes == 0 and shape:
        # Only positions and no signal axis, such as a map of one number each: shown as a picture, or a curve.
        signal_axes, positions = min(2, len(shape)), list(range(max(0, len(shape) - 2)))
        axes = [replace(axis, navigate=i in positions) for i, axis in enumerate(axes)]
    if signal_axes > 2 and not coloured:
        # The file does not say which axes are the scan; by custom the picture's come last.
        signal_axes, positions = 2, list(range(len(shape) - 2))
        axes = [replace(axis, navigate=i in positions) for i, axis in enumerate(axes)]
    if data.dtype == object or not 1 <= signal_axes <= 2 or not shape or math.prod(shape) == 0:
        info = Signal(index, title, OTHER, shape, str(data.dtype), tuple(axes))
        return Loaded(info, ArrayFrames(data, len(shape)), fields)
    if positions != list(range(len(positions))):
        order = positions + [i for i in range(len(shape)) if i not in positions]
        data, axes, shape = data.transpose(order), [axes[i] for i in order], tuple(shape[i] for i in order)
    axes = _telling(axes)
    known = dict(enumerate(axes)) if len(axes) == len(shape) else None
    info = described(index, title, shape, "rgb" if coloured else data.dtype, signal_axes, known)
    return Loaded(info, _frames(data, signal_axes), fields)


def _plain(tree: Any) -> dict[str, Any]:
    if hasattr(tree, "as_dictionary"):
        tree = tree.as_dictionary()
    return dict(tree) if isinstance(tree, Mapping) else {}


def _axis(position: int, axis: Any, shape: tuple[int, ...]) -> Axis:
    axis = _plain(axis)
    size = int(axis.get("size") or (shape[position] if position < len(shape) else 0))
    unit = axis.get("units")
    name = shown(axis.get("name")) or f"axis {position + 1}"
    scale, offset = _number(axis.get("scale"), 1.0), _number(axis.get("offset"), 0.0)
    return Axis(
        name, size, scale, offset, shown(unit) if isinstance(unit, str) else "", bool(axis.get("navigate", False))
    )


def _telling(axes: list[Axis]) -> list[Axis]:
    """The axes of a scan of pictures with the names that people give them, where the file's own do not tell.

    RosettaSciIO names the axes of a DigitalMicrograph scan as if it were a volume: nothing, z, y and x.
    """
    names = [axis.name for axis in axes]
    if [axis.navigate for axis in axes] != [True, True, False, False] or not NAMELESS.fullmatch(names[0]):
        return axes
    pixels = [f"detector k{name}" if RECIPROCAL.search(axis.unit) else f"detector {name}"
              for name, axis in zip("yx", axes[2:], strict=True)]  # fmt: skip
    if names[2:] != ["y", "x"] and not all(map(NAMELESS.fullmatch, names[2:])):
        pixels = names[2:]
    return [replace(axis, name=name) for axis, name in zip(axes, [*POSITIONS[2], *pixels], strict=True)]


def _number(value: Any, default: float) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return default
    return found if math.isfinite(found) else default


def _frames(data: Any, signal_axes: int) -> Frames:
    """Frames whose price of unpacking is known, where the lazy array is one HDF5 or zarr data set of the file."""
    source = _behind(data)
    return ArrayFrames(data, signal_axes) if source is None else ChunkedFrames(source, signal_axes)


def _behind(data: Any) -> Any:
    """The data set of a file that a dask array stands for; None where it has been changed on the way."""
    layers = getattr(getattr(data, "dask", None), "layers", None)
    if layers is None or len(layers) > 3:
        return None
    for layer in layers.values():
        if len(layer) > 1_000_000:
            return None
        for value in dict(layer).values() if len(layer) < 5 else ():
            found: Any = getattr(value, "value", value)
            if isinstance(found, h5py.Dataset) or type(found).__module__.startswith("zarr."):
                same = tuple(found.shape) == tuple(data.shape) and found.dtype == data.dtype
                return found if same else None
    return None
