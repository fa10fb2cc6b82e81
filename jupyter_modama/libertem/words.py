"""Sentences for what LiberTEM keeps to itself, or says for programmers."""

from __future__ import annotations

import re

HYPERSPY = "HyperSpy may read it: use “Open in notebook”"
NO_FRAMES = (
    "no array of three or more dimensions (a series of frames) is in it, and LiberTEM needs one. "
    "HyperSpy opens single images and spectra: use “Open in notebook”"
)
SPECTRA = "it holds spectra and no images. HyperSpy reads it: use “Open in notebook”"
VELOX = "LiberTEM would take the axes of a Velox file the wrong way. HyperSpy reads it: use “Open in notebook”"
BROKEN = {
    ".mib": "the file is cut short or no recording of a Merlin detector; perhaps the measurement was broken off",
    ".hdr": "the data of this header is not beside it, or is cut short",
    ".tvips": f"its frames do not hold what LiberTEM expects. {HYPERSPY}",
    ".ser": f"it holds spectra, or is cut short. {HYPERSPY}",
    ".seq": "the file is cut short or of a kind that LiberTEM does not know",
}


def detect_broke(suffix: str, status: int) -> str:
    """LiberTEM failed while it looked at a file (it answers with nothing but a number)."""
    if status == 599:
        return "LiberTEM ended while it looked at the file; the file may be damaged. Please try again once"
    return BROKEN.get(suffix, f"LiberTEM fails to read it; the file may be damaged or cut short. {HYPERSPY}")


def not_recognised(suffix: str) -> str:
    kind = f"files of the kind {suffix}" if suffix else "files without an extension"
    if suffix in {".dm3", ".dm4"}:
        return f"no image that LiberTEM reads is in it: perhaps a spectrum, or the copy is not complete. {HYPERSPY}"
    if suffix in {".blo", ".mrc", ".npy", ".seq", ".h5", ".hdf5", ".hspy", ".nxs", ".emd", ".frms6"}:
        return f"its content is not what its name says; the file may be damaged or still being copied. {HYPERSPY}"
    return f"LiberTEM does not recognise {kind}. {HYPERSPY}"


PATTERNS = (
    (r"either nav_shape needs to be passed", "the shape of its scan is not known"),
    (r"2D HDF5", NO_FRAMES),
    (r"no data found|ValidNumberElements", "there is no data in it; perhaps the measurement was broken off"),
    (r"unknown datatype id|datatype", f"it holds no images that LiberTEM reads. {HYPERSPY}"),
    (r"OverflowError|too large to convert", f"it is larger than LiberTEM's reader can count. {HYPERSPY}"),
    (r"Permission denied", "you may not read it"),
    (r"No such file", "a file that belongs to it is missing"),
    (r"(compound|structured|void)", f"its numbers are of a compound type, which LiberTEM cannot show. {HYPERSPY}"),
    (r"can't open|Can't read data|filter returned|required filter", f"its compression is not installed. {HYPERSPY}"),
    (
        r"nopython|C-contiguous|len\(mem\)|^\s*$",
        f"LiberTEM knows the format, but not numbers stored this way. {HYPERSPY}",
    ),
    (r"MemoryError|allocate", "there is not enough memory for it"),
    (r"no answer \(HTTP (500|502|599)\)", "LiberTEM ended while it loaded the file; perhaps for want of memory"),
)


def load_failed(said: str, suffix: str) -> tuple[str, list[str]]:
    """Why loading failed, and LiberTEM's own words without paths."""
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    own = re.sub(r"(?<![\w.])/(?:[^\s/'\"]+/)+", "…/", first)[:300]
    for pattern, why in PATTERNS:
        if re.search(pattern, said, re.IGNORECASE):
            return why, [own] if own else []
    if suffix in {".dm3", ".dm4"}:
        return f"LiberTEM reads images and stacks of them, and this file holds something else. {HYPERSPY}", [own]
    return f"LiberTEM says: {own or 'nothing'}. {HYPERSPY}", [own]
