"""HDF5 from strangers: links out of the file, the price of unpacking, and a plain reader for any HDF5 file."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from jupyter_modama.readers.frames import SUM_BYTES, Array, Loaded, Region, binned, binning, described, reduced
from jupyter_modama.readers.opening import Item, Refused

BUDGET_BYTES = 192 << 20  # to unpack for one picture
MOST_LINKS = 20_000
MOST_SIGNALS = 20
CENTRAL = "only the central part, because the file is packed in an unfavourable way"


class Outside(Refused):
    """The file takes data from other files that it may not take."""


def is_hdf5(item: Item) -> bool:
    return not item.row.folder and item.head[:8] == b"\x89HDF\r\n\x1a\n"


def check(item: Item) -> None:
    """Refuse a file that would make HDF5 read another one, unless that one lies beside it and was invited.

    Raises: Outside.
    """
    targets = _outside(item.path)
    for target in targets:
        if "/" in target or target in {"", ".", ".."}:
            raise Outside(f"it takes its data from another file ({target[:200]!r}) that is not in its own folder")
    item.invite(targets)
    for target in targets:
        if target == item.name:
            continue
        if target not in item.companions:
            raise Outside(f"it takes its data from the file {target[:200]!r}, which is not beside it")
        if _outside(f"{item.room}/{target}") - {target}:
            raise Outside(f"its data file {target[:200]!r} takes data from further files")


def _outside(path: str) -> set[str]:
    """The names of all other files that an HDF5 file points at: external links, raw storage, virtual data sets."""
    found: set[str] = set()
    with h5py.File(path, "r") as file:
        pending, seen, links = [file.id], {_place(file.id)}, 0
        while pending:
            group = pending.pop()
            for name in _names(group):
                links += 1
                if links > MOST_LINKS:
                    raise Outside(f"it has more than {MOST_LINKS} entries, too many to look through for a preview")
                kind = group.links.get_info(name).type
                if kind == h5py.h5l.TYPE_EXTERNAL:
                    found.add(group.links.get_val(name)[0].decode("utf-8", "surrogateescape"))
                elif kind not in {h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT}:
                    raise Outside("it holds a kind of link that nobody knows")
                elif kind == h5py.h5l.TYPE_HARD:
                    thing = h5py.h5o.open(group, name)
                    if isinstance(thing, h5py.h5d.DatasetID):
                        found |= _sources(thing)
                    elif isinstance(thing, h5py.h5g.GroupID) and _place(thing) not in seen:
                        seen.add(_place(thing))
                        pending.append(thing)
    return found


def _names(group: Any) -> list[bytes]:
    group = group if isinstance(group, h5py.h5g.GroupID) else h5py.h5g.open(group, b"/")
    names: list[bytes] = []

    def note(name: bytes) -> bool | None:
        names.append(name)
        return True if len(names) > MOST_LINKS else None

    group.links.iterate(note)
    return names


def _place(thing: Any) -> Any:
    """What makes a thing the same: its address, in its file (links may lead into the files beside it)."""
    facts = h5py.h5g.get_objinfo(thing, b".")
    return facts.fileno, facts.objno


def _sources(dataset: Any) -> set[str]:
    settings = dataset.get_create_plist()
    names = {
        settings.get_external(i)[0].decode("utf-8", "surrogateescape") for i in range(settings.get_external_count())
    }
    if settings.get_layout() == h5py.h5d.VIRTUAL:
        names |= {settings.get_virtual_filename(i) for i in range(min(settings.get_virtual_count(), 10_000))} - {"."}
    return names


def price(dataset: Any, region: tuple[tuple[int, int], ...]) -> int:
    """How many bytes HDF5 unpacks to read a region (start and stop per axis)."""
    if not dataset.chunks:
        return math.prod(stop - start for start, stop in region) * int(dataset.dtype.itemsize)
    touched = math.prod(
        (stop - 1) // c - start // c + 1 for (start, stop), c in zip(region, dataset.chunks, strict=True)
    )
    return int(touched * math.prod(dataset.chunks) * dataset.dtype.itemsize)


class ChunkedFrames:
    """Frames of an HDF5 (or zarr) data set, never unpacking more than a budget for a picture."""

    def __init__(self, dataset: Any, signal_axes: int) -> None:
        self.dataset, self.signal_axes, self.note = dataset, signal_axes, ""

    def frame(self, index: tuple[int, ...], size: int) -> Array:
        shape = self.dataset.shape[len(index) :]
        region = [(i, i + 1) for i in index] + [(0, n) for n in shape]
        if price(self.dataset, tuple(region)) > BUDGET_BYTES:
            region = self._smaller(index, shape)
            self.note = CENTRAL
        found = np.asarray(self.dataset[tuple(slice(*each) for each in region)])
        found = found.reshape(found.shape[len(index) :])
        return binned(found, binning(found.shape, size)) if self.signal_axes == 2 and not found.dtype.names else found

    def part(self, index: tuple[int, ...], region: Region, step: int) -> tuple[Array, Region]:
        height, width = self.dataset.shape[len(index) :]
        here = [(i, i + 1) for i in index]
        wanted = [*here, *((each.start, each.stop) for each in (region.rows, region.columns))]
        if price(self.dataset, tuple(wanted)) > BUDGET_BYTES:
            if (region.width, region.height) != (width, height):
                raise Refused("this part is packed together with too much else to be read for a picture")
            wanted = self._smaller(index, (height, width))
            self.note = CENTRAL
        found = np.asarray(self.dataset[tuple(slice(*each) for each in wanted)]).reshape(
            [stop - start for start, stop in wanted[len(index) :]]
        )
        (top, bottom), (left, right) = wanted[len(index) :]
        return reduced(found, step), Region(left, top, right - left, bottom - top)

    def total(self) -> Array | None:
        whole = tuple((0, n) for n in self.dataset.shape)
        if price(self.dataset, whole) > SUM_BYTES:
            return None
        data = np.asarray(self.dataset[...])
        return np.asarray(data.sum(axis=tuple(range(data.ndim - 1)), dtype=np.float64))

    def _smaller(self, index: tuple[int, ...], shape: tuple[int, ...]) -> list[tuple[int, int]]:
        """The largest middle part of a frame, in whole chunks, that the budget allows."""
        chunks = self.dataset.chunks or self.dataset.shape
        for part in (2, 4, 8, 16, 32, 64, 128, 256):
            region = [(i, i + 1) for i in index]
            for n, c in zip(shape, chunks[len(index) :], strict=True):
                length = min(n, max(c, n // part // c * c))
                start = (n - length) // 2 // c * c
                region.append((start, min(n, start + length)))
            if price(self.dataset, tuple(region)) <= BUDGET_BYTES:
                return region
        raise Refused(
            "it is packed in such large pieces that a preview would take too long; its metadata is shown, and "
            "a notebook can open it"
        )


def read(item: Item) -> list[Loaded]:
    """The data sets of any HDF5 file: those with two and more axes first, the largest first."""
    if not is_hdf5(item):
        raise Refused("it is no HDF5 file" if item.head else "it is empty")
    file = h5py.File(item.path, "r")
    found: list[Any] = []
    seen: set[Any] = set()
    pending: list[Any] = [file]
    while pending:
        group = pending.pop()
        for name in group:
            thing = _opened(group, name)
            if thing is None or _place(thing.id) in seen:
                continue
            seen.add(_place(thing.id))
            if isinstance(thing, h5py.Group):
                pending.append(thing)
            elif isinstance(thing, h5py.Dataset) and _numeric(thing):
                found.append(thing)
    if not found:
        file.close()
        raise Refused("it holds no numbers in a shape that could be shown")
    found.sort(key=lambda each: (each.ndim < 2, -each.size * each.dtype.itemsize, each.name))
    return [_loaded(i, each) for i, each in enumerate(found[:MOST_SIGNALS])]


def _opened(group: Any, name: str) -> Any:
    """What a name stands for; None where it leads nowhere."""
    try:
        return group.get(name)
    except (KeyError, OSError, RuntimeError):
        return None


def _numeric(dataset: Any) -> bool:
    return dataset.dtype.kind in "uifcb" and dataset.ndim > 0 and all(n > 0 for n in dataset.shape) and dataset.size > 1


def _loaded(index: int, dataset: Any) -> Loaded:
    signal_axes = min(2, dataset.ndim)
    title = dataset.name.strip("/")
    return Loaded(
        described(index, title, dataset.shape, dataset.dtype, signal_axes), ChunkedFrames(dataset, signal_axes)
    )
