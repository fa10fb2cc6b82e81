"""A small DM4 file, as DigitalMicrograph lays it out, without the tag that says how a scan is ordered."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUP, VALUE = 20, 21
UNSIGNED_16, UNSIGNED_32, FLOAT_32, ARRAY = 4, 5, 6, 20
PIXELS_U16 = 10  # DigitalMicrograph's number for the type of the image


def _entry(kind: int, name: str, body: bytes) -> bytes:
    return struct.pack(">BH", kind, len(name)) + name.encode() + struct.pack(">q", len(body)) + body


def _folder(*entries: bytes) -> bytes:
    return struct.pack(">BBq", 1, 0, len(entries)) + b"".join(entries)


def _group(name: str, *entries: bytes) -> bytes:
    return _entry(GROUP, name, _folder(*entries))


def _value(name: str, raw: bytes, *kind: int) -> bytes:
    return _entry(VALUE, name, b"%%%%" + struct.pack(f">{len(kind) + 1}q", len(kind), *kind) + raw)


def _u32(name: str, number: int) -> bytes:
    return _value(name, struct.pack("<I", number), UNSIGNED_32)


def _f32(name: str, number: float) -> bytes:
    return _value(name, struct.pack("<f", number), FLOAT_32)


def write(path: Path, data: NDArray[Any]) -> Path:
    """Write `data` (u2, any number of dimensions) as the only image of the file."""
    dimensions = data.shape[::-1]
    units = _value("Units", "nm".encode("utf-16-le"), ARRAY, UNSIGNED_16, 2)
    axes = [_group("", _f32("Origin", 0), _f32("Scale", 1), units) for _ in dimensions]
    image = _group(
        "ImageData",
        _group("Calibrations", _group("Dimension", *axes)),
        _value("Data", data.astype("<u2").tobytes(), ARRAY, UNSIGNED_16, data.size),
        _u32("DataType", PIXELS_U16),
        _group("Dimensions", *(_u32("", n) for n in dimensions)),
        _u32("PixelDepth", np.dtype("u2").itemsize),
    )
    root = _folder(_group("ImageList", _group("", image, _group("ImageTags"))))
    path.write_bytes(struct.pack(">iqi", 4, len(root), 1) + root + b"\0" * 8)
    return path
