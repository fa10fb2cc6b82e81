"""The one table: what can be done with a file, by the end of its name. Instant, the file is not touched."""

from __future__ import annotations

from dataclasses import dataclass

DIRECT_SHAPE = "the file does not say its own shape; LiberTEM asks for it"


@dataclass(frozen=True, slots=True)
class Abilities:
    """`preview`: image | plot | none; `libertem` and `hyperspy`: yes | maybe | no; `readers` in the order to be tried.

    A reader is a module of RosettaSciIO, or one of our own: =npy =mrc =hdf5 =hdr.
    """

    format: str
    preview: str = "none"
    libertem: str = "no"
    hyperspy: str = "no"
    note: str = ""
    readers: tuple[str, ...] = ()
    folder: bool = False


UNKNOWN = Abilities("", note="this kind of file is not known here")
FOLDER = Abilities("folder", note="a folder")

_DM = Abilities("DigitalMicrograph", "image", "yes", "yes", "LiberTEM opens images and scans, not spectra",
                ("digitalmicrograph",))  # fmt: skip
_MRC = Abilities(
    "MRC", "image", "yes", "yes", "LiberTEM 0.16 does not open MRC files above 2 GiB", ("=mrc", "mrc", "mrcz")
)
_PICTURE = Abilities("picture", "image", "no", "yes", "", ("image",))
_HDF5_READERS = ("=hdf5", "arina", "delmic", "tofwerk", "usid")
_HDF5 = Abilities("HDF5", "image", "yes", "maybe", "the largest data set in the file is shown first", _HDF5_READERS)
_TIFF = Abilities("TIFF", "image", "no", "yes", "", ("tiff",))
_ONLY_LIBERTEM = "not previewed here; LiberTEM opens it"

TABLE: dict[str, Abilities] = {
    "dm3": _DM,
    "dm4": _DM,
    "mib": Abilities("Merlin", "image", "yes", "yes", "open the .hdr beside it, which says the shape of the scan",
                     ("quantumdetector",)),
    "hdr": Abilities("Merlin header", "image", "yes", "no", "the preview is that of the .mib beside it", ("=hdr",)),
    "blo": Abilities("Blockfile", "image", "yes", "yes", "", ("blockfile",)),
    "ser": Abilities("TIA", "image", "yes", "yes", "spectra look like images to LiberTEM", ("tia",)),
    "emi": Abilities("TIA", "image", "no", "yes", "the data lies in the .ser files beside it", ("tia",)),
    "mrc": _MRC,
    "ali": _MRC,
    "map": Abilities("MRC map or JEOL", "image", "no", "yes", "", ("=mrc", "mrc", "jeol")),
    "mrcz": Abilities("MRCZ", "image", "no", "yes", "", ("mrcz",)),
    "h5": _HDF5,
    "hdf5": Abilities("HDF5", "image", "yes", "maybe", "", ("hspy", *_HDF5_READERS)),
    "hspy": Abilities("HyperSpy", "image", "yes", "yes", "LiberTEM does not read axes and units", ("hspy", "=hdf5")),
    "zspy": Abilities("HyperSpy (zarr)", "image", "no", "yes", "a folder that is one data set", ("zspy",), True),
    "nxs": Abilities("NeXus", "image", "yes", "yes", "a file may hold several signals", ("nexus", "=hdf5")),
    "emd": Abilities("EMD", "image", "maybe", "yes", "files written by Velox have another order of axes in LiberTEM",
                     ("emd", "=hdf5")),
    "de5": Abilities("EMD", "image", "maybe", "yes", "", ("emd", "=hdf5")),
    "tif": _TIFF,
    "tiff": _TIFF,
    "bcf": Abilities("Bruker", "image", "no", "yes", "a large map needs much memory", ("bruker",)),
    "spx": Abilities("Bruker spectrum", "plot", "no", "yes", "", ("bruker",)),
    "msa": Abilities("MSA spectrum", "plot", "no", "yes", "", ("msa",)),
    "emsa": Abilities("MSA spectrum", "plot", "no", "yes", "", ("msa",)),
    "ems": Abilities("MSA spectrum", "plot", "no", "yes", "", ("msa",)),
    "mas": Abilities("MSA spectrum", "plot", "no", "yes", "", ("msa",)),
    "eds": Abilities("JEOL spectrum", "plot", "no", "yes", "", ("jeol",)),
    "asw": Abilities("JEOL", "image", "no", "yes", "", ("jeol",)),
    "pts": Abilities("JEOL", "plot", "no", "yes", "", ("jeol",)),
    "img": Abilities("JEOL or Hamamatsu", "image", "no", "yes", "", ("jeol", "hamamatsu")),
    "wdf": Abilities("Renishaw", "plot", "no", "yes", "", ("renishaw",)),
    "elid": Abilities("Phenom", "image", "no", "yes", "", ("phenom",)),
    "csv": Abilities("Protochips or Impulse", "plot", "no", "yes", "", ("protochips", "impulse")),
    "xml": Abilities("EMPAD or Jobin Yvon", "image", "yes", "yes", "", ("empad", "jobinyvon")),
    "tvips": Abilities("TVIPS", "image", "yes", "yes", "open the file whose name ends in _000", ("tvips",)),
    "prz": Abilities("PantaRhei", "image", "no", "yes", "", ("pantarhei",)),
    "app5": Abilities("Topspin", "image", "no", "yes", "", ("topspin",)),
    "dens": Abilities("DENS", "plot", "no", "yes", "", ("dens",)),
    "sur": Abilities("DigitalSurf", "image", "no", "yes", "", ("digitalsurf",)),
    "pro": Abilities("DigitalSurf", "plot", "no", "yes", "", ("digitalsurf",)),
    "tvf": Abilities("TriVista", "plot", "no", "yes", "", ("trivista",)),
    "rpl": Abilities("Ripple", "image", "no", "yes", "the data lies in the .raw beside it", ("ripple",)),
    "unf": Abilities("Semper", "image", "no", "yes", "", ("semper",)),
    "nc": Abilities("netCDF", "image", "no", "yes", "", ("netcdf",)),
    "spd": Abilities("EDAX map", "plot", "no", "yes", "", ("edax",)),
    "spc": Abilities("EDAX spectrum", "plot", "no", "yes", "", ("edax",)),
    "npy": Abilities("NumPy", "image", "yes", "yes", "", ("=npy",)),
    "seq": Abilities("Norpix SEQ", libertem="yes", note=_ONLY_LIBERTEM),
    "gtg": Abilities("K2IS", libertem="yes", note=_ONLY_LIBERTEM),
    "bin": Abilities("K2IS", libertem="maybe", note=_ONLY_LIBERTEM),
    "frms6": Abilities("FRMS6", libertem="yes", note=_ONLY_LIBERTEM),
    "toml": Abilities("raw CSR", libertem="maybe", note="LiberTEM opens it where it describes a sparse data set"),
    "raw": Abilities("raw numbers", libertem="maybe", note=DIRECT_SHAPE),
    "dat": Abilities("raw numbers", libertem="maybe", note=DIRECT_SHAPE),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "bmp"), _PICTURE),
}  # fmt: skip


def what_can_be_done(name: str, is_folder: bool = False) -> Abilities:
    """The row for a name; a folder counts only where the folder is one data set (`.zspy`)."""
    row = TABLE.get(name.rpartition(".")[2].lower(), UNKNOWN) if "." in name.lstrip(".") else UNKNOWN
    if is_folder:
        return row if row.folder else FOLDER
    return row if not row.folder else UNKNOWN
