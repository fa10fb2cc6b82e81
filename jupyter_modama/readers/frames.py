"""Frames of a signal: how one picture, or one spectrum, is got out of a file without reading the rest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from jupyter_modama.core.model import Axis, MetadataField, Signal
from jupyter_modama.readers.model import SPECTRUM, SPECTRUM_MAP, kind_of
from jupyter_modama.readers.opening import Refused

Array = npt.NDArray[Any]
BLOCK_BYTES = 2 << 20  # stays in the processor's cache between reading and summing
SUM_BYTES = 64 << 20  # a map of spectra up to this size is summed, a larger one shows one spectrum


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a frame, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)


class Frames(Protocol):
    """The data of one signal. `note` says what is special about what was read last, for the caption."""

    note: str

    def frame(self, index: tuple[int, ...], size: int) -> Array:
        """One frame (or spectrum), perhaps already binned to not much below `size` pixels."""
        ...

    def part(self, index: tuple[int, ...], region: Region, step: int) -> tuple[Array, Region]:
        """A part of a frame, and which part it became where all of it would be too dear.

        With a step of 1 the numbers are the file's own, otherwise means of step x step of them.
        """
        ...

    def total(self) -> Array | None:
        """The sum over all positions, where that is cheap."""
        ...


@dataclass(slots=True)
class Loaded:
    """One signal as read by a reader: what it is, its frames, and (of the first) the facts beside it."""

    info: Signal
    frames: Frames
    fields: tuple[MetadataField, ...] = ()

    @property
    def navigation(self) -> tuple[int, ...]:
        """The lengths of the navigation axes, in the order of the data."""
        count = 1 if self.info.kind in {SPECTRUM, SPECTRUM_MAP} else 2
        return self.info.shape[: len(self.info.shape) - count]


POSITIONS = {1: ("frame",), 2: ("scan y", "scan x")}


def described(
    index: int, title: str, shape: tuple[int, ...], dtype: Any, signal_axes: int, scales: dict[int, Axis] | None = None
) -> Signal:
    """The description of an array whose last axes are the signal."""
    navigation = len(shape) - signal_axes
    names = ("y", "x") if signal_axes == 2 else ("channel",)
    places = POSITIONS.get(navigation) or tuple(f"scan {i + 1}" for i in range(navigation))
    axes = [
        *(Axis(name, n, navigate=True) for name, n in zip(places, shape, strict=False)),
        *(Axis(name, n) for name, n in zip(names, shape[navigation:], strict=False)),
    ]
    known = scales or {}
    axes = [known.get(i, axis) for i, axis in enumerate(axes)]
    return Signal(index, title, kind_of(navigation, signal_axes), tuple(shape), _named(dtype), tuple(axes))


def _named(dtype: Any) -> str:
    """The name of a number type without its byte order, which is the file's business."""
    return "rgb" if dtype == "rgb" else str(np.dtype(dtype).name)


def single(value: float) -> float:
    """A number of single precision as it was meant: 0.02, not 0.0199999996."""
    return float(f"{value:.7g}")


class RawFrames:
    """Frames at fixed places of an open file: `offset`, then one each `stride` bytes.

    Read with pread in blocks of rows that are summed at once, so that a frame of any size needs a few MB of memory.
    """

    def __init__(
        self,
        fd: int,
        dtype: Any,
        frame_shape: tuple[int, ...],
        navigation: tuple[int, ...],
        offset: int,
        stride: int = 0,
    ) -> None:
        self.fd, self.dtype, self.shape, self.navigation = fd, np.dtype(dtype), frame_shape, navigation
        self.frame_bytes = int(np.prod(frame_shape, dtype=object)) * self.dtype.itemsize
        self.offset, self.stride, self.note = offset, stride or self.frame_bytes, ""

    def frame(self, index: tuple[int, ...], size: int) -> Array:
        if len(self.shape) == 1:
            return np.frombuffer(self._read(self._place(index), self.frame_bytes), self.dtype)
        height, width = self.shape
        return binned(self.part(index, Region(0, 0, width, height), binning(self.shape, size))[0], 1)

    def _place(self, index: tuple[int, ...]) -> int:
        number = 0
        for i, n in zip(index, self.navigation, strict=True):
            number = number * n + i
        return self.offset + number * self.stride

    def total(self) -> Array | None:
        count = int(np.prod(self.navigation, dtype=object))
        if count * self.stride > SUM_BYTES or self.stride != self.frame_bytes:
            return None
        found = np.frombuffer(self._read(self.offset, count * self.stride), self.dtype)
        return np.asarray(found.reshape(count, -1).sum(0, dtype=np.float64))

    def part(self, index: tuple[int, ...], region: Region, step: int) -> tuple[Array, Region]:
        place, row = self._place(index), self.shape[1] * self.dtype.itemsize
        down = min(step, region.height)
        rows = max(down, BLOCK_BYTES // max(row, 1) // down * down)
        if row * down > 8 * BLOCK_BYTES:  # one very long row of bins: read it as it is
            rows = down
        parts = []
        usable = region.height - region.height % down
        for start in range(0, usable, rows):
            count = min(rows, usable - start)
            read = self._read(place + (region.top + start) * row, count * row)
            block = np.frombuffer(read, self.dtype).reshape(count, self.shape[1])[:, region.columns]
            parts.append(reduced(block, step))
        return np.concatenate(parts), region

    def _read(self, place: int, count: int) -> bytearray:
        buffer = bytearray(count)
        view, done = memoryview(buffer), 0
        while done < count:
            got = os.preadv(self.fd, [view[done : done + (1 << 30)]], place + done)
            if got == 0:
                raise Refused("it ends too early; it may be incomplete, or still being written")
            done += got
        return buffer


class ArrayFrames:
    """Frames of an array, numpy's or dask's, whose navigation axes come first."""

    def __init__(self, data: Any, signal_axes: int) -> None:
        self.data, self.signal_axes, self.note = data, signal_axes, ""

    def frame(self, index: tuple[int, ...], size: int) -> Array:
        found = computed(self.data[index])
        if self.signal_axes == 2 and found.dtype.names is None:
            return binned(found, binning(found.shape[:2], size))
        return found

    def part(self, index: tuple[int, ...], region: Region, step: int) -> tuple[Array, Region]:
        return reduced(computed(self.data[index][region.rows, region.columns]), step), region

    def total(self) -> Array | None:
        if self.data.size * self.data.dtype.itemsize > SUM_BYTES:
            return None
        return computed(self.data.sum(axis=tuple(range(self.data.ndim - 1)), dtype=np.float64))


def computed(data: Any) -> Array:
    """A numpy array of perhaps lazy data, computed in this thread.

    By dask's synchronous `get`, not by `compute`, which unpickles classes to name its graph; nothing here may unpickle.
    """
    if not hasattr(data, "__dask_postcompute__"):
        return np.asarray(data)
    from dask.local import get_sync

    keys = data.__dask_keys__()
    graph = data.__dask_optimize__(data.__dask_graph__(), keys)
    finalize, extra = data.__dask_postcompute__()
    return np.asarray(finalize(get_sync(graph, keys), *extra))


def binning(shape: tuple[int, ...], size: int) -> int:
    """How many pixels become one, so that the longer side is at most `size`."""
    return max(1, -(-max(shape) // size)) if shape else 1


def reduced(image: Array, step: int) -> Array:
    """The numbers themselves with a step of 1, else means; pixels made of parts (colours) stay as they are."""
    return image if step == 1 or image.dtype.names else binned(image, step)


def binned(image: Array, step: int) -> Array:
    """Means of `step` x `step` pixels as float32; rows and columns left over at the end are dropped.

    Mean, not every n-th pixel: no aliasing of lattices, and noise goes down as it should. Pixels that are no number
    are left out. A side shorter than a step becomes one pixel.
    """
    if np.iscomplexobj(image):
        image = np.abs(image)
    if image.dtype == bool:
        image = image.view(np.uint8)
    down, across = (min(step, max(n, 1)) for n in image.shape)
    if down == across == 1:
        return np.asarray(image, np.float32)
    cut = image[: image.shape[0] // down * down, : image.shape[1] // across * across]
    found = _summed(cut, down, across) / np.float32(down * across)
    if image.dtype.kind == "f" and not np.isfinite(found).all():
        good = np.isfinite(cut)
        count = _summed(good.astype(np.float32), down, across)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = _summed(np.where(good, cut, 0), down, across) / count
    return np.asarray(found, np.float32)


def _summed(image: Array, down: int, across: int) -> Array:
    """Sums over blocks: rows first, whole lines at a time, which is what memory likes."""
    kind: Any = {"u": np.uint64, "i": np.int64}.get(image.dtype.kind, np.float32)
    if image.dtype.kind in "ui" and image.dtype.itemsize <= 2:
        kind = np.uint32 if image.dtype.kind == "u" else np.int32
    if image.dtype.kind == "f" and image.dtype.itemsize == 8:
        kind = np.float64
    rows = np.add.reduce(image.reshape(-1, down, image.shape[1]), axis=1, dtype=kind)
    return np.asarray(rows.reshape(rows.shape[0], -1, across).sum(2, dtype=np.float64), np.float64)
