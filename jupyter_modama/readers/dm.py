"""DigitalMicrograph files (dm3, dm4): the tag tree, and images and stacks at fixed places in the file.

Spectra, 4D scans and colours are left to RosettaSciIO, which knows their many conventions.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import Any, BinaryIO

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Axis
from jupyter_modama.readers.frames import Loaded, RawFrames, described, single
from jupyter_modama.readers.opening import Item, Refused

SIMPLE = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
PIXELS = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8"}
MOST_TAGS, DEEPEST, LONGEST_TEXT = 200_000, 64, 4096


class NotDirect(Exception):
    """The file is not laid out in the plain way that this reader knows; another reader may know it."""


@frozen
class Block:
    """Numbers that were passed over: where they lie."""

    offset: int
    kind: int
    count: int


class Tags:
    """Reads the tree of tags into nested dicts; unnamed entries get their number as name."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.seen = file, 0
        self.size = os.fstat(file.fileno()).st_size
        version = self._take(">i")
        if version not in {3, 4}:
            raise Refused("it is no DigitalMicrograph file of version 3 or 4")
        self.long = ">q" if version == 4 else ">i"
        self.new = version == 4
        self._take(self.long)
        self.order = "<" if self._take(">i") else ">"

    def _take(self, layout: str) -> int:
        found = self.file.read(struct.calcsize(layout))
        if len(found) < struct.calcsize(layout):
            raise Refused("it ends too early; it may be incomplete, or still being written")
        return int(struct.unpack(layout, found)[0])

    def group(self, depth: int = 0) -> dict[str, Any]:
        if depth > DEEPEST:
            raise Refused("its tags are nested deeper than any instrument writes")
        self.file.read(2)
        found: dict[str, Any] = {}
        for number in range(self._take(self.long)):
            self.seen += 1
            if self.seen > MOST_TAGS:
                raise Refused("it has more tags than any instrument writes")
            kind = self._take(">B")
            if kind == 0:
                break
            name = self.file.read(self._take(">H")).decode("latin-1") or str(number)
            if self.new:
                self._take(">q")
            found[name] = self.group(depth + 1) if kind == 20 else self._value(name)
        return found

    def _value(self, name: str) -> Any:
        if self.file.read(4) != b"%%%%":
            raise Refused("its tags are damaged")
        length = self._take(self.long)
        if not 1 <= length <= 1000:
            raise Refused("its tags are damaged")
        info = [self._take(self.long) for _ in range(length)]
        if info[0] in SIMPLE:
            return self._numbers(info[0], 1)[0]
        if info[0] == 15:
            return tuple(self._numbers(kind, 1)[0] for kind in info[4::2])
        if (info[0] == 18 and length >= 2 and info[1] >= 0) or (info[0] == 20 and length >= 3 and info[-1] >= 0):
            return self._array(info, is_text=name != "Data")
        raise Refused("it holds a kind of tag that nobody knows")

    def _numbers(self, kind: int, count: int) -> tuple[Any, ...]:
        if kind not in SIMPLE:
            raise Refused("it holds a kind of number that nobody knows")
        layout = f"{self.order}{count}{SIMPLE[kind]}"
        found = self.file.read(struct.calcsize(layout))
        if len(found) < struct.calcsize(layout):
            raise Refused("it ends too early; it may be incomplete, or still being written")
        return struct.unpack(layout, found)

    def _array(self, info: list[int], is_text: bool) -> Any:
        kind, count = (4, info[1]) if info[0] == 18 else (info[1], info[-1])
        if kind == 15:
            kinds = info[5:-1:2]
            size = sum(struct.calcsize("=" + SIMPLE.get(each, "b")) for each in kinds)
        else:
            size = struct.calcsize("=" + SIMPLE.get(kind, "b"))
        offset = self.file.tell()
        if is_text and kind == 4 and count <= LONGEST_TEXT:
            return self.file.read(2 * count).decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace")
        if offset + size * count > self.size:
            raise Refused("it ends too early; it may be incomplete, or still being written")
        self.file.seek(offset + size * count)
        return Block(offset, kind, count)


def read_tags(fd: int) -> tuple[dict[str, Any], str]:
    """All tags of an open file, and the byte order of its numbers."""
    with open(os.dup(fd), "rb", buffering=1 << 16) as file:
        file.seek(0)
        tags = Tags(file)
        return tags.group(), tags.order


def read(item: Item) -> list[Loaded]:
    """The images and stacks of a file. Raises: NotDirect, Refused."""
    tags, order = read_tags(item.fd)
    images = list(_group(tags.get("ImageList")).values())
    thumbnails = {_group(t).get("ImageIndex") for t in _group(tags.get("Thumbnails")).values()}
    found = [_loaded(item, i, image, order) for i, image in enumerate(images) if i not in thumbnails]
    if not found:
        raise NotDirect
    return [Loaded(replace(each.info, index=i), each.frames) for i, each in enumerate(found)]


def _group(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _loaded(item: Item, index: int, image: Any, order: str) -> Loaded:
    data = _group(_group(image).get("ImageData"))
    block, kind = data.get("Data"), data.get("DataType")
    sizes = [n for n in _group(data.get("Dimensions")).values() if isinstance(n, int)]
    form = _group(_group(_group(image).get("ImageTags")).get("Meta Data"))
    plain = form.get("Format", "Image") in {"Image", "Diffraction pattern", "Image stack"} and not form.get("Signal")
    if not isinstance(block, Block) or kind not in PIXELS or len(sizes) not in {2, 3} or not plain or min(sizes) < 2:
        raise NotDirect
    shape, dtype = tuple(sizes[::-1]), order + PIXELS[kind]
    if block.count < _product(sizes):
        raise NotDirect
    if block.offset + _product(sizes) * int(PIXELS[kind][1]) > item.size:
        raise Refused("it ends too early; it may be incomplete, or still being written")
    scales = list(_group(_group(data.get("Calibrations")).get("Dimension")).values())
    axes = {len(shape) - 1 - i: _axis(i, n, scales[i] if i < len(scales) else {}) for i, n in enumerate(sizes)}
    info = described(index, str(image.get("Name", "")), shape, dtype, 2, axes)
    return Loaded(info, RawFrames(item.fd, dtype, shape[-2:], shape[:-2], block.offset))


def _product(sizes: list[int]) -> int:
    result = 1
    for n in sizes:
        result *= n
    return result


def _axis(position: int, size: int, scale: Any) -> Axis:
    step, origin = single(_group(scale).get("Scale", 1.0)), float(_group(scale).get("Origin", 0.0))
    name, unit = ("x", "y", "frame")[position], str(_group(scale).get("Units", "")).replace("\u00b5", "µ")
    return Axis(name, size, step, -origin * step, unit, navigate=position == 2)
