"""What LiberTEM can do with a file: which one to give it, what it needs besides, and what else opens the rest."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Invalid, ParametersNeeded, Unsupported, from_os, printable

HYPERSPY = "HyperSpy reads it: use “Open in notebook”"
# LiberTEM never recognises these, or takes them for something else and shows nonsense
NOT_FOR_LIBERTEM = {
    ("tif", "tiff", "png", "jpg", "jpeg", "bmp", "gif"): f"LiberTEM does not read images of this kind. {HYPERSPY}",
    ("bcf", "spx", "msa", "eds", "wdf", "rto"): f"LiberTEM does not read spectra. {HYPERSPY}",
    ("zspy", "zarr"): f"LiberTEM does not read zarr. {HYPERSPY}",
    ("prz", "elid", "app5", "img", "npz", "sur", "pro", "unf", "rpl"): f"LiberTEM does not read it. {HYPERSPY}",
    ("csv", "txt", "md", "json", "log", "pdf", "ipynb", "py", "zip", "gz"): "it holds no images that LiberTEM reads",
}
REFUSED = {f".{ext}": why for exts, why in NOT_FOR_LIBERTEM.items() for ext in exts}
RAW = {".raw", ".dat", ".bin", ".dump", ""}
HDF5 = {".h5", ".hdf5", ".hspy", ".nxs", ".emd", ".he5", ".nx5"}
OPENABLE = {".dm3", ".dm4", ".mib", ".blo", ".ser", ".mrc", ".seq", ".npy", ".tvips", ".gtg", ".frms6", ".toml", ".raw"}
OPENABLE |= HDF5
HEADERS = (".hdr", ".toml", ".gtg", "_master.h5", "_000.tvips")  # a folder with one of these is one data set
LOOKED_AT = 5000  # entries of a folder
OFFERED = 200  # names in a form


@dataclass(frozen=True, slots=True)
class Source:
    """What is given to LiberTEM: a file, the files whose change means another data set, and parameters if known."""

    path: Path
    parts: tuple[Path, ...]
    params: dict[str, Any] = field(default_factory=dict)  # with a `type` when detection is not to be asked

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    def fingerprint(self) -> tuple[tuple[int, int, int], ...]:
        """Changes when a file has grown, changed or been replaced. Raises: NotFound, NotAllowed."""
        return tuple((found.st_mtime_ns, found.st_size, found.st_ino) for found in map(stat, self.parts))


def stat(path: Path) -> os.stat_result:
    """`path.stat()` in the project's errors."""
    try:
        return path.stat()
    except OSError as error:
        raise from_os(error, f"opening {shown(path)}") from None


def shown(path: Path) -> str:
    """The name of a file as people see it."""
    return printable(path.name)


def source(path: Path, chosen: str = "") -> Source:
    """What to give to LiberTEM for `path`; `chosen` names the file when `path` is a folder.

    Reads the folder and some headers.
    Raises: NotFound, NotAllowed, Unsupported, ParametersNeeded (which file), Invalid.
    """
    if path.is_dir() and path.suffix.lower() not in REFUSED:
        path = _in_folder(path, chosen)
    suffix = path.suffix.lower()
    if suffix in REFUSED:
        raise Unsupported(path=shown(path), why=REFUSED[suffix])
    found = stat(path)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        why = "its name is not UTF-8, and LiberTEM cannot be told such a name; a notebook can open it"
        raise Unsupported(path=shown(path), why=why) from None
    if not os.access(path, os.R_OK):
        raise from_os(PermissionError(13, "Permission denied"), f"reading {shown(path)}")
    if found.st_size == 0:
        why = "it is empty; perhaps the measurement has not started, or was broken off"
        raise Unsupported(path=shown(path), why=why)
    redirect = _REDIRECTS.get(suffix)
    return redirect(path) if redirect else Source(path, (path,))


def _in_folder(folder: Path, chosen: str) -> Path:
    """The one file of a folder that stands for it, else the one that was chosen."""
    if chosen:
        if "/" in chosen or chosen in {".", ".."}:
            raise Invalid(what=f"{chosen!r} is not the name of a file in {shown(folder)}")
        return folder / chosen
    names = sorted(names_in(folder), key=_natural)
    headers = [name for name in names if name.lower().endswith(HEADERS)]
    can = [name for name in names if Path(name).suffix.lower() in OPENABLE]
    for only in (headers, can):
        if len(only) == 1:
            return folder / only[0]
    offered = headers or can
    if not offered:
        raise Unsupported(path=shown(folder), why="there is no file in this folder that LiberTEM reads")
    form = [
        {
            "name": "file",
            "label": "File",
            "type": "choice",
            "default": printable(offered[0]),
            "help": "LiberTEM opens one file at a time; a header file stands for all that belong to it.",
            "choices": [printable(name) for name in offered[:OFFERED]],
        }
    ]
    needed = {"fields": "which of its files to open", "guess": {"file": printable(offered[0])}, "file_size": None}
    raise ParametersNeeded(path=shown(folder), form=form, **needed)


def names_in(folder: Path) -> list[str]:
    """The first names of a folder, hidden ones left out; of a very large folder not all."""
    try:
        with os.scandir(folder) as entries:
            return [e.name for e in islice(entries, LOOKED_AT) if not e.name.startswith(".")]
    except OSError as error:
        raise from_os(error, f"looking into {shown(folder)}") from None


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


# Which file to take ---------------------------------------------------------------------------------------------------


def _mib(path: Path) -> Source:
    """The header file knows the shape of the scan, the data file does not."""
    header = _beside(path, [f"{path.stem}.hdr", f"{re.sub(r'[_-]?[0-9]+$', '', path.stem)}.hdr"])
    return _hdr(header) if header else Source(path, (path,))


def _hdr(path: Path) -> Source:
    data = [path.with_name(n) for n in names_in(path.parent) if n.startswith(path.stem) and n.lower().endswith(".mib")]
    return Source(path, (path, *sorted(data)))


def _emi(path: Path) -> Source:
    data = _beside(path, [f"{path.stem}_{n}.ser" for n in range(1, 10)])
    if data is None:
        raise Unsupported(path=shown(path), why=f"its data is in a .ser file, and there is none beside it. {HYPERSPY}")
    return Source(data, (data,))


def _tvips(path: Path) -> Source:
    """A recording is split in files `_000`, `_001`, and only the first has the header."""
    first = _beside(path, [re.sub(r"_\d{3}$", "_000", path.stem) + ".tvips"])
    if first is None:
        raise Unsupported(path=shown(path), why="it is a later part of a recording whose first part (_000) is not here")
    stem = first.stem.removesuffix("000")
    rest = (n for n in names_in(path.parent) if n.startswith(stem) and n.lower().endswith(".tvips"))
    return Source(first, tuple(path.parent / n for n in sorted(rest)))


def _raw(path: Path) -> Source:
    """An EMPAD scan says its shape in the file's name or in an XML file beside it."""
    if scan := re.search(r"_x(\d+)_y(\d+)", path.stem):
        x, y = int(scan[1]), int(scan[2])
        if x * y * 130 * 128 * 4 == stat(path).st_size:
            return Source(path, (path,), {"type": "EMPAD", "nav_shape": [y, x], "sig_shape": [128, 128]})
    return Source(path, (path,))


def _mrc(path: Path) -> Source:
    """Goes as raw numbers: LiberTEM's own reader takes a stack for a stack of stacks, and fails above 2 GiB."""
    with open(path, "rb") as file:
        header = file.read(1024)
    return Source(path, (path,), mrc_as_raw(header, stat(path).st_size, shown(path)))


def _h5(path: Path) -> Source:
    """The master file of a DECTRIS detector only links to the data, and LiberTEM does not follow."""
    stem = path.stem.removesuffix("_master")
    if stem == path.stem:
        return Source(path, (path,))
    data = [name for name in names_in(path.parent) if name.startswith(f"{stem}_data_") and name.endswith(path.suffix)]
    if len(data) > 1:
        why = f"it links to {len(data)} files, and LiberTEM does not follow; open them one by one, such as {min(data)}"
        raise Unsupported(path=shown(path), why=printable(why))
    found = path.with_name(data[0]) if data else path
    return Source(found, (found,))


_REDIRECTS = {".mib": _mib, ".hdr": _hdr, ".emi": _emi, ".tvips": _tvips, ".raw": _raw}
_REDIRECTS |= {".mrc": _mrc, ".mrcs": _mrc, ".h5": _h5, ".hdf5": _h5}


def _beside(path: Path, names: Iterable[str]) -> Path | None:
    return next((found for found in map(path.with_name, names) if found.is_file()), None)


# Headers -------------------------------------------------------------------------------------------------------------

MRC_MODES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}


def mrc_as_raw(header: bytes, size: int, name: str) -> dict[str, Any]:
    """The parameters that read an MRC file as raw numbers. Raises: Unsupported.

    Source: MRC2014, https://www.ccpem.ac.uk/mrc_format/mrc2014.php
    """
    if len(header) < 1024:
        raise Unsupported(path=name, why="it is too short for an MRC file")
    order = ">" if header[212:214] == b"\x11\x11" else "<"
    nx, ny, nz, mode = struct.unpack(f"{order}4i", header[:16])
    (extended,) = struct.unpack(f"{order}i", header[92:96])
    kind = MRC_MODES.get(mode)
    if kind is None or min(nx, ny, nz) < 1 or extended < 0:
        raise Unsupported(path=name, why=f"its header makes no sense (mode {mode}, {nx} × {ny} × {nz}). {HYPERSPY}")
    offset = 1024 + extended
    needed = offset + nx * ny * nz * int(kind[1:])
    if needed > size:
        why = f"it should have {needed:,} bytes and has {size:,}; perhaps it is still being written or copied"
        raise Unsupported(path=name, why=why)
    shape = {"nav_shape": [1, nz], "sig_shape": [ny, nx]}
    return {"type": "RAW", "dtype": order + kind, "offset": offset, **shape}


def datasets(info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The arrays of an HDF5 file that LiberTEM can show, largest first."""
    found = [d for d in info.get("datasets", ()) if len(d["shape"]) >= 3 and _count(d["shape"])]
    yield from sorted(found, key=lambda d: _count(d["shape"]), reverse=True)


def _count(shape: Iterable[int]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def chunk_warning(dataset: dict[str, Any]) -> str:
    """A word on an array that is stored such that reading one frame means to unpack hundreds."""
    chunks, shape = dataset.get("chunks"), dataset["shape"]
    if not chunks or not dataset.get("compression"):
        return ""
    frames = _count(chunks[:-2])
    unpacked = frames * _count(-(-n // c) * c for n, c in zip(shape[-2:], chunks[-2:], strict=True))
    if frames < 32 or unpacked < 2**24:
        return ""
    return (
        f"this file is compressed in blocks of {frames} frames, so for each frame {frames} are unpacked: expect it to "
        "be slow, and to need much memory. A copy with one frame per block is much faster"
    )
