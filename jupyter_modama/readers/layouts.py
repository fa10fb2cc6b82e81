"""Formats whose frames lie at fixed places: npy, mrc, mib, and common pictures. Read without RosettaSciIO."""

from __future__ import annotations

import ast
import os
import re
import struct
from typing import Any

import numpy as np
from PIL import Image

from jupyter_modama.core.model import Axis, MetadataField
from jupyter_modama.readers.dm import NotDirect
from jupyter_modama.readers.frames import ArrayFrames, Loaded, RawFrames, described, single
from jupyter_modama.readers.opening import Incomplete, Item, Refused

MRC_MODES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
MIB_TYPES = {"U08": ">u1", "U16": ">u2", "U32": ">u4", "U01": ">u1"}
EARLY = "it ends too early; it may be incomplete, or still being written"


def npy(item: Item) -> list[Loaded]:
    """A numpy array; its header is a Python literal, and objects (pickles) are refused."""
    head = item.head
    if head[:6] != b"\x93NUMPY":
        raise Refused("it is no numpy file" if head else "it is empty")
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(head[8 : 8 + width], "little")
    text = head[8 + width : 8 + width + length]
    if not 0 < length <= 60000 or len(text) < length:
        raise Refused(EARLY)
    facts = ast.literal_eval(text.decode("latin-1").strip())
    dtype, shape = np.dtype(facts["descr"]), tuple(int(n) for n in facts["shape"])
    if dtype.hasobject:
        raise Refused("it holds Python objects, which are not opened because they could run a program")
    return [_array(item, dtype, shape, 8 + width + length, bool(facts["fortran_order"]))]


def _array(item: Item, dtype: Any, shape: tuple[int, ...], offset: int, fortran: bool) -> Loaded:
    signal_axes = min(2, len(shape))
    if signal_axes == 0 or min(shape) < 1:
        raise Refused("it holds no pixels")
    if offset + int(np.prod(shape, dtype=object)) * dtype.itemsize > item.size:
        raise Refused(EARLY)
    info = described(0, item.name, shape, dtype, signal_axes)
    if fortran or dtype.names:
        mapped = np.memmap(item.path, dtype, "r", offset, shape, order="F" if fortran else "C")
        return Loaded(info, ArrayFrames(mapped, signal_axes))
    return Loaded(info, RawFrames(item.fd, dtype, shape[-signal_axes:], shape[:-signal_axes], offset))


def mrc(item: Item) -> list[Loaded]:
    """MRC2014; modes that are packed or compressed are left to others."""
    if len(item.head) < 1024:
        raise Refused(EARLY if item.head else "it is empty")
    order = ">" if item.head[212:213] == b"\x11" else "<"
    nx, ny, nz, mode = struct.unpack(order + "4i", item.head[:16])
    (extended,) = struct.unpack(order + "i", item.head[92:96])
    if item.head[208:211] == b"MAP" and (min(nx, ny, nz) < 1 or extended < 0):
        raise Incomplete("its header is damaged")
    if mode not in MRC_MODES or min(nx, ny, nz) < 1 or extended < 0:
        raise NotDirect
    shape = (nz, ny, nx) if nz > 1 else (ny, nx)
    dtype = np.dtype(order + MRC_MODES[mode])
    if 1024 + extended + nx * ny * nz * dtype.itemsize > item.size:
        raise (Incomplete if item.head[208:211] == b"MAP" else Refused)(EARLY)
    cells, sizes = struct.unpack(order + "3i", item.head[28:40]), struct.unpack(order + "3f", item.head[40:52])
    scales = {
        len(shape) - 1 - i: Axis(("x", "y")[i], (nx, ny)[i], single(sizes[i] / cells[i] / 10), unit="nm")
        for i in range(2)
        if cells[i] > 0 and sizes[i] > 0
    }
    frames = RawFrames(item.fd, dtype, (ny, nx), shape[:-2], 1024 + extended)
    return [Loaded(described(0, item.name, shape, dtype, 2, scales), frames)]


def mib(item: Item) -> list[Loaded]:
    """Merlin frames, each behind a header; the scan's shape stands in the .hdr beside it.

    Rows as they lie in the file, which is how LiberTEM shows them; HyperSpy turns them upside down.
    """
    stem = item.name.rpartition(".")[0]
    beside = {name.lower(): fd for name, fd in item.companions.items()}
    own, text = item.fd, b""
    if item.name.lower().endswith(".hdr"):
        if f"{stem.lower()}.mib" not in beside:
            raise Refused("the .mib file of the same name is not beside it")
        own, text = beside[f"{stem.lower()}.mib"], item.head
    elif f"{stem.lower()}.hdr" in beside:
        text = os.pread(beside[f"{stem.lower()}.hdr"], 65536, 0)
    size = os.fstat(own).st_size
    parts = os.pread(own, 384, 0).decode("latin-1").split(",")
    if size == 0:
        raise Refused("it is empty")
    if len(parts) < 8 or not parts[0].startswith("MQ"):
        raise Refused("it does not begin with a Merlin header")
    if parts[6].startswith("R"):
        raise Refused("it holds raw counters of the Merlin detector, which only the maker's software can put in order")
    if parts[6] not in MIB_TYPES or not all(parts[i].strip().isdigit() for i in (2, 4, 5)):
        raise NotDirect
    header, width, height, dtype = int(parts[2]), int(parts[4]), int(parts[5]), np.dtype(MIB_TYPES[parts[6]])
    stride = header + width * height * dtype.itemsize
    count = size // stride
    if count < 1 or min(width, height) < 1:
        raise Refused(EARLY)
    navigation = _scan(own, header, stride, count, text)
    info = described(0, stem, (*navigation, height, width), dtype, 2)
    fields = _mib_fields(parts, text)
    return [Loaded(info, RawFrames(own, dtype, (height, width), navigation, header, stride), fields)]


def _scan(fd: int, header: int, stride: int, count: int, text: bytes) -> tuple[int, ...]:
    """Rows and columns of a scan: one trigger a row, or a longer pause after each row."""
    per_line = re.search(rb"Frames per Trigger \(Number\):\s*(\d+)", text)
    columns = int(per_line[1]) if per_line else 0
    if columns <= 1 and count > 3:
        columns = _first_pause(fd, header, stride, min(count, 2100))
    if columns > 1 and count // columns > 1:
        return (count // columns, columns)
    return (count,) if count > 1 else ()


def _first_pause(fd: int, header: int, stride: int, count: int) -> int:
    """The number of frames before the first gap that is clearly longer than the usual one; 0 where there is none."""
    times = []
    for number in range(count):
        clock = re.search(rb"(\d+):(\d+):(\d+(?:\.\d+)?)", os.pread(fd, header, number * stride))
        if not clock:
            return 0
        times.append(int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]))
    gaps = np.diff(times)
    long = np.flatnonzero(gaps > gaps.mean() + 1e-6)
    columns = int(long[0]) + 1 if long.size else 0
    # Only a pause after every row is a scan; anything else is jitter.
    regular = columns > 1 and long.tolist() == list(range(columns - 1, len(gaps), columns))
    return columns if regular else 0


def _mib_fields(parts: list[str], text: bytes) -> tuple[MetadataField, ...]:
    fields = [
        MetadataField("File", "number type", parts[6], source="mib header 7"),
        MetadataField("Instrument", "chips", parts[7].strip(), source="mib header 8"),
    ]
    for line in text.decode("latin-1").splitlines()[:200]:
        name, colon, value = line.partition(":\t")
        if colon and value.strip():
            group = "Acquisition" if "Frames" in name or "Time" in name else "Instrument"
            fields.append(MetadataField(group, name.strip(), value.strip()[:500], source=f"hdr: {name.strip()}"))
    return tuple(fields)


def picture(item: Item, pixels: int) -> list[Loaded]:
    """A common picture; its size is looked at before it is unpacked."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(item.path) as image:
        if image.width * image.height > pixels:
            raise Refused(f"it has {image.width} x {image.height} pixels, more than a preview unpacks")
        wanted = image.convert("RGB") if image.mode in {"RGB", "RGBA", "P", "CMYK", "YCbCr", "LA"} else image
        data = np.asarray(wanted)
    if data.ndim == 3:
        parts = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
        data = np.ascontiguousarray(data[..., :3]).view(parts)[..., 0]
    return [Loaded(described(0, item.name, data.shape, data.dtype, 2), ArrayFrames(data, 2))]
