"""Writers of EM files for tests and the demo: DM4, Merlin, MRC, npy. The same input gives the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Scale = tuple[float, str]  # the width of a pixel and its unit

DM_TYPES = {"u1": (6, 8), "u2": (10, 4), "i4": (7, 3), "f4": (2, 6), "c8": (3, 0)}  # of the image, of the tag
MRC_MODES = {"i1": 0, "i2": 1, "f4": 2, "u2": 6}
MIB_TYPES = {"u1": ("U08", 6), "u2": ("U16", 12), "u4": ("U32", 24)}
MIB_HEADER = 384
BEGIN = datetime(2024, 11, 12, 14, 3, 21, tzinfo=UTC)


@dataclass(frozen=True)
class Pixels:
    """The numbers of an image as the value of a tag; the frames are written one by one."""

    frames: Iterable[Array]
    dtype: np.dtype[Any]
    count: int


def write_dm4(
    path: Path, shape: Sequence[int], dtype: str, frames: Iterable[Array], *,
    scales: Sequence[Scale] = (), title: str = "", tags: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Write an image, stack or scan in C order; `scales` in the order of `shape`, `tags` are those of the image.

    A scan is tagged as the newer DigitalMicrograph does it, so that readers know that its order is C.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    image_type, _ = DM_TYPES[kind.str[1:]]
    known = [*scales, *[(1.0, "")] * (len(shape) - len(scales))]
    dimensions = [{"Origin": 0.0, "Scale": float(scale), "Units": unit} for scale, unit in reversed(known)]
    form = {"Meta Data": {"Format": "Image", **({"Data Order Swapped": True} if len(shape) == 4 else {})}}
    image = {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": "e-"},
                "Dimension": dimensions,
                "DisplayCalibratedUnits": True,
            },
            "Data": Pixels(frames, kind, int(np.prod(shape))),
            "DataType": image_type,
            "Dimensions": [int(n) for n in reversed(shape)],
            "PixelDepth": kind.itemsize,
        },
        "ImageTags": {**form, **(tags or {})},
        "Name": title or path.stem,
    }
    _write_tags(path, {"ImageList": [image], "InImageMode": True})
    return path


def _write_tags(path: Path, root: Mapping[str, Any]) -> None:
    pieces = list(_group(root))
    length = sum(_length(piece) for piece in pieces)
    with path.open("xb") as file:
        file.write(struct.pack(">iqi", 4, length, 1))
        for piece in pieces:
            if isinstance(piece, bytes):
                file.write(piece)
                continue
            for frame in piece.frames:
                file.write(np.ascontiguousarray(frame, piece.dtype).tobytes())
        file.write(bytes(8))


def _length(piece: bytes | Pixels) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.count * piece.dtype.itemsize


def _group(tags: Mapping[str, Any] | Sequence[Any]) -> Iterator[bytes | Pixels]:
    """A group of tags; those of a list have no names."""
    named = list(tags.items()) if isinstance(tags, Mapping) else [("", value) for value in tags]
    yield struct.pack(">BBq", 1, 0, len(named))
    for name, value in named:
        is_group = isinstance(value, (Mapping, list))
        pieces = list(_group(value)) if is_group else list(_value(value))
        text = name.encode("latin-1")
        yield struct.pack(">BH", 20 if is_group else 21, len(text)) + text
        yield struct.pack(">q", sum(_length(piece) for piece in pieces))
        yield from pieces


def _value(value: Any) -> Iterator[bytes | Pixels]:
    if isinstance(value, Pixels):
        yield _kind(20, DM_TYPES[value.dtype.str[1:]][1], value.count)
        yield value
    elif isinstance(value, str):
        text = value.encode("utf-16-le")
        yield _kind(20, 4, len(text) // 2) + text
    elif isinstance(value, bool):
        yield _kind(8) + struct.pack("<B", value)
    elif isinstance(value, int):
        yield _kind(5) + struct.pack("<I", value)
    else:
        yield _kind(6) + struct.pack("<f", value)


def _kind(*numbers: int) -> bytes:
    return b"%%%%" + struct.pack(f">{len(numbers) + 1}q", len(numbers), *numbers)


def write_mrc(path: Path, data: Array, pixel_nm: float = 0.1, label: str = "") -> Path:
    """Write an image or stack as MRC2014, with the size of its cell in Å."""
    stack = data if data.ndim == 3 else data[None]
    nz, ny, nx = stack.shape
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, nx, ny, nz, MRC_MODES[stack.dtype.newbyteorder("<").str[1:]])
    struct.pack_into("<3i", head, 28, nx, ny, nz)
    struct.pack_into("<6f", head, 40, nx * pixel_nm * 10, ny * pixel_nm * 10, nz * pixel_nm * 10, 90, 90, 90)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    struct.pack_into("<3f", head, 76, float(stack.min()), float(stack.max()), float(stack.mean()))
    struct.pack_into("<i", head, 108, 20140)
    head[208:216] = b"MAP \x44\x44\x00\x00"
    struct.pack_into("<i", head, 220, 1)
    head[224:304] = label.encode("ascii", "replace")[:80].ljust(80)
    with path.open("xb") as file:
        file.write(head)
        file.write(np.ascontiguousarray(stack, stack.dtype.newbyteorder("<")).tobytes())
    return path


def write_npy(path: Path, data: Array) -> Path:
    with path.open("xb") as file:
        np.save(file, data, allow_pickle=False)
    return path


def write_mib(path: Path, scan: Array, exposure_s: float = 0.001) -> Path:
    """Write a scan (rows, columns, height, width) as Merlin frames, and the .hdr beside it; the path of the .hdr.

    Each row is one trigger, and the detector waits a little after a row, as with a real scan.
    """
    rows, columns, height, width = scan.shape
    code, depth = MIB_TYPES[scan.dtype.newbyteorder("<").str[1:]]
    header = path.with_suffix(".hdr")
    _write_hdr(header, rows * columns, columns, depth)
    with path.open("xb") as file:
        for number, frame in enumerate(scan.reshape(-1, height, width)):
            at = BEGIN + timedelta(seconds=exposure_s * (number + number // columns))
            text = (
                f"MQ1,{number + 1:06d},{MIB_HEADER:05d},01,{width:04d},{height:04d},{code},   1x1,01,"
                f"{at:%Y-%m-%d %H:%M:%S.%f},{exposure_s:.6f},0,0,0,4.000000E+1,5.110000E+2,0.000000E+0,0.000000E+0,"
                f"0.000000E+0,0.000000E+0,0.000000E+0,0.000000E+0,3RX,068,511,MQ1A,{at:%Y-%m-%dT%H:%M:%S.%f}000Z,"
                f"{round(exposure_s * 1e9)}ns,{depth},"
            )
            file.write(text.encode("ascii").ljust(MIB_HEADER, b"\0"))
            file.write(np.ascontiguousarray(frame, frame.dtype.newbyteorder(">")).tobytes())
    return header


def _write_hdr(path: Path, frames: int, per_trigger: int, depth: int) -> None:
    lines = {
        "Time and Date Stamp (day, mnth, yr, hr, min, s)": f"{BEGIN:%d/%m/%Y %H:%M:%S}",
        "Chip ID": "W000_A00, - , - , - ",
        "Chip Type (Medipix 3.0, Medipix 3.1, Medipix 3RX)": "Medipix 3RX",
        "Assembly Size (NX1, 2X2)": "   1x1",
        "Counter Depth (number)": str(depth),
        "Frames in Acquisition (Number)": str(frames),
        "Frames per Trigger (Number)": str(per_trigger),
        "Sensor Bias (V)": "120 V",
        "Readout System": "Merlin Quad",
        "Software Version": "0.76.1.101",
    }
    text = "HDR,\t\r\n" + "".join(f"{name}:\t{value}\r\n" for name, value in lines.items()) + "End\t"
    with path.open("xb") as file:
        file.write(text.encode("ascii").ljust(2048))


def write_series(folder: Path, frames: Iterable[Array], scale: Scale = (1.0, "nm"), **tags: Any) -> list[Path]:
    """Write a time series as cameras do: `frame-00000.dm4` and so on."""
    return [
        write_dm4(
            folder / f"frame-{number:05d}.dm4", frame.shape, frame.dtype.str[1:], [frame], scales=[scale, scale],
            tags={**tags, "Frame": number},
        )
        for number, frame in enumerate(frames)
    ]  # fmt: skip
