"""TIFF by tifffile, page by page; RosettaSciIO would unpack a whole stack for one frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tifffile

from jupyter_modama.readers.dm import NotDirect
from jupyter_modama.readers.frames import (
    Array,
    ArrayFrames,
    Loaded,
    RawFrames,
    Region,
    binned,
    binning,
    described,
    reduced,
)
from jupyter_modama.readers.opening import Item, Refused

MOST_SERIES = 50


class PageFrames:
    """Frames that are pages, each unpacked when asked for."""

    def __init__(self, series: Any, navigation: tuple[int, ...], pixels: int) -> None:
        self.series, self.navigation, self.pixels, self.note = series, navigation, pixels, ""

    def frame(self, index: tuple[int, ...], size: int) -> Array:
        found = self._page(index)
        return binned(found, binning(found.shape, size)) if found.dtype.names is None else found

    def part(self, index: tuple[int, ...], region: Region, step: int) -> tuple[Array, Region]:
        return reduced(self._page(index)[region.rows, region.columns], step), region

    def _page(self, index: tuple[int, ...]) -> Array:
        number = int(np.ravel_multi_index(index, self.navigation)) if index else 0
        page = self.series.pages[number]
        if page is None:
            raise Refused("this frame is not in the file")
        if math.prod(page.shape) > 4 * self.pixels:
            raise Refused("one frame has more pixels than a preview unpacks")
        found = np.asarray(page.asarray(maxworkers=1)).squeeze()
        return found if found.ndim == 2 else _colours(found)

    def total(self) -> Array | None:
        return None


def read(item: Item, pixels: int) -> list[Loaded]:
    """The series of a file. Raises: NotDirect, Refused."""
    file = tifffile.TiffFile(item.path)
    series = [each for each in file.series[:MOST_SERIES] if each.ndim >= 2 and each.size > 0]
    if not series:
        raise NotDirect
    return [_loaded(item, i, each, pixels) for i, each in enumerate(series)]


def _loaded(item: Item, index: int, series: Any, pixels: int) -> Loaded:
    shape, dtype = tuple(int(n) for n in series.shape), series.dtype
    title = str(series.name or "") or f"series {index + 1}"
    if series.axes.endswith("YXS") and shape[-1] in {3, 4}:
        info = described(index, title, shape[:-1], "rgb", 2)
        if len(series.pages) != math.prod(shape[:-3]):
            return Loaded(info, ArrayFrames(_whole(series, pixels), 2))
        return Loaded(info, PageFrames(series, shape[:-3], pixels))
    info = described(index, title, shape, dtype, 2)
    offset = series.dataoffset
    if offset is not None and dtype.kind in "uif":
        stored = dtype.newbyteorder(series.keyframe.parent.byteorder)
        if offset + series.size * dtype.itemsize > item.size:
            raise Refused("it ends too early; it may be incomplete, or still being written")
        return Loaded(info, RawFrames(item.fd, stored, shape[-2:], shape[:-2], offset))
    if len(series.pages) == math.prod(shape[:-2]):
        return Loaded(info, PageFrames(series, shape[:-2], pixels))
    return Loaded(info, ArrayFrames(_whole(series, pixels), 2))


def _whole(series: Any, pixels: int) -> Array:
    if series.size > pixels:
        raise Refused("its pages are packed together, and too large to unpack for a preview")
    found = np.asarray(series.asarray(maxworkers=1))
    return _colours(found) if series.axes.endswith("YXS") and found.shape[-1] in {3, 4} else found


def _colours(image: Array) -> Array:
    """Pixels with the fields R, G and B of an array whose last axis is the colour."""
    if image.ndim < 3 or image.shape[-1] not in {3, 4}:
        raise Refused("its pixels are made of parts that are no colours")
    parts = np.dtype([(name, image.dtype) for name in ("R", "G", "B")])
    return np.ascontiguousarray(image[..., :3]).view(parts)[..., 0]
