"""Numbers to a PNG: contrast for images and diffraction patterns, a plot for spectra."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Signal
from jupyter_modama.readers.frames import Array
from jupyter_modama.readers.model import DIFFRACTION_SCAN, PreviewWish
from jupyter_modama.readers.opening import Refused

LINE, FRAME = (31, 119, 180, 255), (128, 128, 128, 160)  # read on a light and on a dark page
RECIPROCAL = ("1/", "rad", "^-1", "⁻¹")


@frozen
class Picture:
    png: bytes
    width: int
    height: int
    low: float
    high: float


def contrast_of(info: Signal, wish: PreviewWish) -> str:
    """`auto` is log for diffraction patterns, whose central disc hides all else, and percentiles for images."""
    if wish.contrast != "auto":
        return wish.contrast
    units = [axis.unit for axis in info.axes if not axis.navigate]
    reciprocal = any(sign in unit for unit in units for sign in RECIPROCAL)
    return "log" if reciprocal or info.kind == DIFFRACTION_SCAN else "percentile"


def grey(image: Array, wish: PreviewWish, contrast: str) -> Picture:
    """A grey picture; black and white are percentiles, so that hot pixels do not darken it."""
    if image.size == 0:
        raise Refused("it holds no pixels")
    good = np.isfinite(image)
    values = image[good] if not good.all() else image
    if values.size == 0:
        raise Refused("it holds no numbers, only NaN or infinity")
    floor = float(values.min())
    if contrast == "log":
        image, values = np.log1p(image - floor), np.log1p(values - floor)
    low, high = _bounds(values, wish, contrast)
    scaled = np.clip((np.where(good, image, low) - low) / (high - low if high > low else 1.0), 0, 1)
    if wish.gamma != 1.0:
        scaled = scaled**wish.gamma
    pixels = np.asarray(scaled * 255 + 0.5, np.uint8)
    if contrast == "log":
        low, high = float(np.expm1(low)) + floor, float(np.expm1(high)) + floor
    return _encoded(Image.fromarray(pixels), low, high)


def _bounds(values: Array, wish: PreviewWish, contrast: str) -> tuple[float, float]:
    if contrast == "minmax":
        return float(values.min()), float(values.max())
    low, high = np.percentile(values, [wish.low, wish.high])
    # A dark field with a few bright spots has all its percentiles at zero.
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def coloured(image: Array, wish: PreviewWish) -> Picture:
    """A picture of pixels with the fields R, G, B (and A), as RosettaSciIO gives them; shown as they are."""
    picture = Image.fromarray(planes(image, "RGBA"))
    picture.thumbnail((wish.size, wish.size), Image.Resampling.BOX)
    return _encoded(picture, 0.0, 255.0)


def planes(image: Array, wanted: str = "RGB") -> Array:
    """The colours of each pixel as bytes along a last axis."""
    names = [name for name in wanted if name in (image.dtype.names or ())]
    if len(names) < 3:
        raise Refused("its pixels are made of parts that are no colours")
    found = np.stack([image[name] for name in names], axis=-1)
    if found.dtype.itemsize > 1:
        found = found >> (8 * (found.dtype.itemsize - 1))
    return np.ascontiguousarray(found.astype(np.uint8))


def _encoded(picture: Image.Image, low: float, high: float) -> Picture:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=2)
    return Picture(out.getvalue(), picture.width, picture.height, low, high)


def thinned(curve: Array, most: int = 1024) -> tuple[Array, int]:
    """A curve of at most `most` points and how many channels became one; means, as for images."""
    step = -(-curve.size // most)
    if step == 1:
        return curve, 1
    return curve[: curve.size // step * step].reshape(-1, step).mean(1), step


def plot(curve: Array, wish: PreviewWish, contrast: str) -> Picture:
    """A line plot on a transparent ground."""
    good = curve[np.isfinite(curve)]
    if good.size == 0:
        raise Refused("it holds no numbers")
    low, high = float(good.min()), float(good.max())
    shown = np.nan_to_num(curve, nan=low, posinf=high, neginf=low)
    if contrast == "log":
        shown = np.log1p(shown - low)
    bottom, top = float(shown.min()), float(shown.max())
    width, height = wish.size, max(16, wish.size * 5 // 8)
    across = np.linspace(1, 2 * width - 2, shown.size)
    down = 2 * height - 6 - (shown - bottom) / (top - bottom if top > bottom else 1.0) * (2 * height - 12)
    # Drawn twice as large and made smaller: an even line without steps.
    canvas = Image.new("RGBA", (2 * width, 2 * height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, 2 * width - 1, 2 * height - 1), outline=FRAME, width=2)
    points = [(float(x), float(y)) for x, y in zip(across, down, strict=True)]
    if len(points) > 1:
        draw.line(points, fill=LINE, width=3, joint="curve")
    return _encoded(canvas.resize((width, height), Image.Resampling.BOX), low, high)
