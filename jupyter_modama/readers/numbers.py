"""Frames as numbers, for a viewer that chooses contrast and colours by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jupyter_modama.core.model import Signal
from jupyter_modama.readers import picture
from jupyter_modama.readers.frames import Array, Loaded, Region, binned, binning
from jupyter_modama.readers.model import ITEM_BYTES, SPECTRUM, SPECTRUM_MAP, FrameFacts, FrameWish, PreviewWish
from jupyter_modama.readers.opening import Item, Refused
from jupyter_modama.readers.reading import chosen, curve_of, loaded, position, said

WIDER = {"bool": "uint8", "float16": "float32"}
MOST_CHANNELS = 1 << 16


def frame(item: Item, wish: FrameWish, pixels: int) -> tuple[FrameFacts, bytes]:
    """The numbers that are wished for, little endian, row by row. Raises: Refused."""
    found = loaded(item, pixels)
    signal = chosen(found, wish.signal, pixels)
    titles = tuple(each.info.title for each in found)
    if signal.info.kind in {SPECTRUM, SPECTRUM_MAP}:
        return _curve(signal, wish, titles)
    return _image(signal, wish, titles)


def _image(signal: Loaded, wish: FrameWish, titles: tuple[str, ...]) -> tuple[FrameFacts, bytes]:
    number, place, count = position(signal, wish.frame)
    region = _region(wish, *signal.info.shape[-2:])
    step = binning((region.height, region.width), wish.size)
    data, region = signal.frames.part(place, region, step)
    steps = min(step, region.width), min(step, region.height)
    if data.dtype.names:
        data = _colours(data, step)
    data = _plain(data)
    facts = _facts(signal.info, data, said(signal, number, place, count), (number, count), titles)
    return _placed(facts, region, steps), data.tobytes()


def _curve(signal: Loaded, wish: FrameWish, titles: tuple[str, ...]) -> tuple[FrameFacts, bytes]:
    curve, caption, number, count = curve_of(signal, wish.frame)
    thin, step = picture.thinned(curve, MOST_CHANNELS)
    data = _plain(thin)[np.newaxis]
    facts = _facts(signal.info, data, caption, (number, count), titles)
    return _placed(facts, Region(0, 0, curve.size, 1), (step, 1)), data.tobytes()


def _region(wish: FrameWish, height: int, width: int) -> Region:
    """The part that is wished for, as far as it lies in the frame."""
    if wish.left >= width or wish.top >= height:
        raise Refused(f"one frame has {width} x {height} pixels, and a part beside that was asked for")
    right = min(width, wish.left + wish.width) if wish.width else width
    bottom = min(height, wish.top + wish.height) if wish.height else height
    return Region(wish.left, wish.top, right - wish.left, bottom - wish.top)


def _colours(image: Array, step: int) -> Array:
    planes = picture.planes(image)
    if step == 1:
        return planes
    return np.stack([binned(planes[..., i], step) for i in range(3)], axis=-1).round().astype(np.uint8)


def _plain(data: Array) -> Array:
    """The same numbers in a type that a browser has; complex ones by their size."""
    data = np.abs(data) if np.iscomplexobj(data) else data
    name = WIDER.get(data.dtype.name, data.dtype.name)
    kind = np.dtype(name if name in ITEM_BYTES else "float64").newbyteorder("<")
    return np.ascontiguousarray(data, kind)


def _facts(info: Signal, data: Array, caption: str, frame: tuple[int, int], titles: tuple[str, ...]) -> FrameFacts:
    good = data[np.isfinite(data)] if data.dtype.kind == "f" else data
    if good.size == 0:
        raise Refused("it holds no numbers, only NaN or infinity" if data.size else "it holds no pixels")
    return FrameFacts(
        kind=info.kind,
        caption=caption,
        dtype="rgb" if data.ndim == 3 else data.dtype.name,
        columns=data.shape[1],
        rows=data.shape[0],
        frame=frame[0],
        frames=frame[1],
        low=float(good.min()),
        high=float(good.max()),
        contrast=picture.contrast_of(info, PreviewWish()),
        signal=info,
        titles=titles,
    )


def _placed(facts: FrameFacts, region: Region, steps: tuple[int, int]) -> FrameFacts:
    return replace(facts, left=region.left, top=region.top, step_x=steps[0], step_y=steps[1])
