"""The one table: what can be done with a file, by the end of its name. Imports nothing heavy, reads no file."""

from __future__ import annotations

import re

from jupyter_modama.core.frozen import frozen
from jupyter_modama.readers.model import Abilities


@frozen
class Format:
    """A row: extensions, and the readers that are tried in this order.

    A reader is one of our own (`npy`, `mrc`, `mib`, `dm`, `tiff`, `picture`, `hdf5`) or a module of RosettaSciIO
    (`rsciio.tia`). `companions` are names of files beside it that belong to it: `{stem}` is the name without extension,
    `{n}` counts from 1, `{nnn}` continues the three digits at the end of the stem.
    """

    name: str
    extensions: tuple[str, ...]
    readers: tuple[str, ...] = ()
    libertem: bool = False
    hyperspy: bool = True
    companions: tuple[str, ...] = ()
    folder: bool = False
    note: str = ""

    @property
    def preview(self) -> bool:
        return bool(self.readers)


NEEDS_PARAMETERS = "the file does not say its own shape and number type; LiberTEM asks for them"
ONLY_LIBERTEM = "no preview for this format; LiberTEM opens it"
VELOX = "LiberTEM would mix up the axes of a Velox file, so it is not offered"

FORMATS = (
    Format("DigitalMicrograph", ("dm3", "dm4"), ("dm", "rsciio.digitalmicrograph"), libertem=True),
    Format("Merlin (Quantum Detectors)", ("mib",), ("mib", "rsciio.quantumdetector"), True, companions=("{stem}.hdr",)),
    Format(
        "Merlin header",
        ("hdr",),
        ("mib", "rsciio.quantumdetector"),
        True,
        False,
        companions=("{stem}.mib",),
        note="the header of the .mib file of the same name, which the preview shows",
    ),
    Format("NanoMegas block file", ("blo",), ("rsciio.blockfile",), libertem=True),
    Format("TIA series", ("ser",), ("rsciio.tia",), libertem=True),
    Format(
        "TIA (emi)",
        ("emi",),
        ("rsciio.tia",),
        companions=("{stem}_{n}.ser",),
        note="the numbers are in the .ser files of the same name",
    ),
    Format("MRC", ("mrc", "ali"), ("mrc", "rsciio.mrc", "rsciio.mrcz"), libertem=True),
    Format("MRC map", ("map",), ("mrc", "rsciio.jeol")),
    Format("MRCZ", ("mrcz",), ("rsciio.mrcz",)),
    Format("HyperSpy", ("hspy",), ("rsciio.hspy", "hdf5"), libertem=True),
    Format("HyperSpy (zarr)", ("zspy",), ("rsciio.zspy",), folder=True, note="a folder that is one data set"),
    Format("NeXus", ("nxs", "nx5"), ("rsciio.nexus", "hdf5"), libertem=True),
    Format("EMD", ("emd", "de5"), ("rsciio.emd", "hdf5"), note=VELOX),
    Format(
        "HDF5",
        ("h5", "hdf5", "hdf"),
        ("rsciio.arina", "rsciio.delmic", "rsciio.tofwerk", "rsciio.hspy", "rsciio.usid", "hdf5"),
        libertem=True,
    ),
    Format("TIFF", ("tif", "tiff"), ("tiff", "rsciio.tiff", "picture")),
    Format("picture", ("png", "jpg", "jpeg", "bmp", "gif"), ("picture",)),
    Format("Bruker", ("bcf",), ("rsciio.bruker",)),
    Format("Bruker spectrum", ("spx",), ("rsciio.bruker",)),
    Format("MSA spectrum", ("msa", "emsa", "ems", "mas"), ("rsciio.msa",)),
    Format("EDAX", ("spd", "spc", "lsd"), ("rsciio.edax",), companions=("{stem}.spc", "{stem}.ipr", "{stem}.csv")),
    Format("JEOL", ("pts", "eds"), ("rsciio.jeol",)),
    Format("JEOL or Hamamatsu", ("img",), ("rsciio.jeol", "rsciio.hamamatsu")),
    Format("Renishaw", ("wdf",), ("rsciio.renishaw",)),
    Format("Phenom", ("elid",), ("rsciio.phenom",)),
    Format("Panta Rhei", ("prz",), ("rsciio.pantarhei",)),
    Format("Topspin", ("app5",), ("rsciio.topspin",)),
    Format("DigitalSurf", ("sur", "pro"), ("rsciio.digitalsurf",)),
    Format("Semper", ("unf",), ("rsciio.semper",)),
    Format("TriVista", ("tvf",), ("rsciio.trivista",)),
    Format("DENSsolutions log", ("dens",), ("rsciio.dens",)),
    Format("Impulse or Protochips log", ("csv",), ("rsciio.impulse", "rsciio.protochips")),
    Format(
        "EMPAD or JobinYvon",
        ("xml",),
        ("rsciio.empad", "rsciio.jobinyvon"),
        libertem=True,
        companions=("{empad}",),
        note="EMPAD: the numbers are in the .raw file beside it",
    ),
    Format(
        "TVIPS",
        ("tvips",),
        ("rsciio.tvips",),
        libertem=True,
        companions=("{nnn}",),
        note="of a series in several files, open the one that ends in _000.tvips",
    ),
    Format("Ripple", ("rpl",), ("rsciio.ripple",), companions=("{stem}.raw",)),
    Format("numpy", ("npy",), ("npy",), libertem=True),
    Format("raw numbers", ("raw", "dat", "bin"), libertem=True, hyperspy=False, note=NEEDS_PARAMETERS),
    Format("Gatan K2IS", ("gtg",), libertem=True, hyperspy=False, note=ONLY_LIBERTEM),
    Format("StreamPix", ("seq",), libertem=True, hyperspy=False, note=ONLY_LIBERTEM),
    Format("FRMS6", ("frms6",), libertem=True, hyperspy=False, note=ONLY_LIBERTEM),
    Format("sparse counts (toml)", ("toml",), libertem=True, hyperspy=False, note=ONLY_LIBERTEM),
    # RosettaSciIO evaluates a text of such a file as a program, so a stranger's file could run anything.
    Format("netCDF", ("nc",), hyperspy=False, note="not shown, since its reader is not safe for files of others"),
)

BY_EXTENSION = {extension: row for row in FORMATS for extension in row.extensions}
UNKNOWN = Format("", (), hyperspy=False)


def format_of(name: str, is_folder: bool = False) -> Format:
    """The row of the table for a name; the empty row for names that are not in it."""
    stem, dot, extension = name.rpartition(".")
    row = BY_EXTENSION.get(extension.lower(), UNKNOWN) if dot and stem else UNKNOWN
    return row if row.folder == is_folder else UNKNOWN


def what_can_be_done(name: str, is_folder: bool) -> Abilities:
    """What to offer for a file or folder of this name; instant, looks at the name only."""
    row = format_of(name, is_folder)
    return Abilities(row.name, row.preview, row.libertem, row.hyperspy, row.note)


def companion_names(row: Format, name: str, head: bytes) -> tuple[str, ...]:
    """Names of the files beside `name` that belong to it; `head` is the start of the file, where a name may be written.

    Names only, never paths, so that a file cannot point at another folder.
    """
    stem = name.rpartition(".")[0]
    found: list[str] = []
    for pattern in row.companions:
        if pattern == "{empad}":
            found += [text.decode("utf-8", "replace") for text in re.findall(rb"([\w .+-]{1,200}\.raw)\b", head)][:4]
        elif pattern == "{nnn}":
            found += _numbered(stem, name.rpartition(".")[2])
        elif "{n}" in pattern:
            found += [pattern.format(stem=stem, n=n) for n in range(1, 10)]
        else:
            same = pattern.format(stem=stem)
            found += [same, same.rpartition(".")[0] + "." + same.rpartition(".")[2].upper()]
    return tuple(text for text in dict.fromkeys(found) if "/" not in text and text not in {name, "", ".", ".."})


def _numbered(stem: str, extension: str, most: int = 64) -> list[str]:
    if not re.search(r"\d{3}$", stem):
        return []
    first = int(stem[-3:])
    return [f"{stem[:-3]}{n:03d}.{extension}" for n in range(first + 1, min(first + most, 1000))]
