"""What a file does not say about itself: the form to ask for it, a guess, a check, and a memory per folder."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Invalid, ParametersNeeded
from jupyter_modama.libertem.environment import state_folder

DTYPES = {
    "uint8": "u1",
    "int8": "i1",
    "uint16": "<u2",
    "int16": "<i2",
    "uint32": "<u4",
    "int32": "<i4",
    "float32": "<f4",
    "float64": "<f8",
    "uint16, big-endian": ">u2",
    "int16, big-endian": ">i2",
    "uint32, big-endian": ">u4",
    "float32, big-endian": ">f4",
}
ITEMSIZE = {code: int(code[-1]) for code in DTYPES.values()}
DETECTORS = tuple((n, n) for n in (256, 512, 128, 1024, 2048, 4096, 515, 264, 64))
GUESSED_DTYPES = ("<u2", "<f4", "u1", "<u4", "<f8")  # likeliest first
GUESSED_OFFSETS = (0, 1024, 512, 256, 4096, 384)
LARGEST = 2**40  # per number, so that products stay sensible
REMEMBERED = 500  # folders


def form(fields: tuple[str, ...], guess: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields to fill in, each with its default from `guess`."""
    known = {
        "dtype": ("Type of the numbers", "choice", "As the program that wrote the file calls it.", list(DTYPES)),
        "nav_shape": ("Scan (rows × columns)", "shape", "For a series of frames: 1 × number of frames.", None),
        "sig_shape": ("Frame (rows × columns)", "shape", "Pixels of the detector.", None),
        "offset": ("Header (bytes)", "integer", "Bytes before the first frame; mostly 0.", None),
        "sync_offset": ("Frames to skip", "integer", "Frames before the scan begins; negative: frames missing.", None),
    }
    return [
        {"name": name, "label": label, "type": kind, "default": guess.get(name), "help": help_, "choices": choices}
        for name, (label, kind, help_, choices) in known.items()
        if name in fields
    ]


RAW_FIELDS = ("dtype", "nav_shape", "sig_shape", "offset", "sync_offset")
SCAN_FIELDS = ("nav_shape", "sync_offset")


def raw_needed(name: str, size: int, remembered: Mapping[str, Any] | None = None) -> ParametersNeeded:
    """The question for a file of plain numbers."""
    guess = {**guess_raw(name, size), **(remembered or {})}
    guess["dtype"] = next((words for words, code in DTYPES.items() if code == guess["dtype"]), guess["dtype"])
    return ParametersNeeded(
        path=name,
        fields="the type of its numbers, the size of the frames and of the scan",
        form=form(RAW_FIELDS, guess),
        guess=guess,
        file_size=size,
    )


def scan_needed(name: str, size: int, frames: int, guess: Mapping[str, Any]) -> ParametersNeeded:
    """The question for a file that knows its frames but not how they were scanned."""
    return ParametersNeeded(
        path=name, fields=f"how its {frames:,} frames were scanned", form=form(SCAN_FIELDS, guess), guess=dict(guess),
        file_size=size, frames=frames,
    )  # fmt: skip


def guess_raw(name: str, size: int) -> dict[str, Any]:
    """The likeliest reading of `size` bytes: a common detector, and a scan that is square if it can be."""
    hint = re.search(r"(?<!\d)([1-9]\d{0,4})\s*[x×]\s*([1-9]\d{0,4})(?!\d)", name, re.IGNORECASE)
    shapes = ((int(hint[1]), int(hint[2])), *DETECTORS) if hint else DETECTORS
    readings = [
        (_unlikely(frames, place, offset, rank), dtype, shape, offset, frames)
        for place, shape in enumerate(shapes)
        for rank, dtype in enumerate(GUESSED_DTYPES)
        for offset in GUESSED_OFFSETS
        for frames, rest in [divmod(size - offset, shape[0] * shape[1] * ITEMSIZE[dtype])]
        if frames > 0 and not rest
    ]
    _, dtype, shape, offset, frames = min(readings, default=(0, "<u2", (256, 256), 0, 1))
    nav = list(factor(frames))
    return {"dtype": dtype, "nav_shape": nav, "sig_shape": list(shape), "offset": offset, "sync_offset": 0}


def _unlikely(frames: int, place: int, offset: int, rank: int) -> float:
    rows, columns = factor(frames)
    return place + rank + (3 if offset else 0) - 10 * rows / columns


def factor(frames: int) -> tuple[int, int]:
    """Rows and columns of the squarest scan of so many frames."""
    rows = math.isqrt(frames)
    while rows > 1 and frames % rows:
        rows -= 1
    return max(rows, 1), frames // max(rows, 1)


# Checking ------------------------------------------------------------------------------------------------------------


def checked_raw(given: Mapping[str, Any], size: int, name: str) -> dict[str, Any]:
    """What was filled in, as LiberTEM takes it. Raises: Invalid, saying what does not fit the file."""
    dtype = _dtype(given.get("dtype"))
    nav, sig = _shape(given.get("nav_shape"), "the scan"), _shape(given.get("sig_shape"), "the frame")
    offset = _integer(given.get("offset", 0), "the header", least=0)
    skip = _integer(given.get("sync_offset", 0), "the frames to skip", least=-LARGEST)
    frame = sig[0] * sig[1] * ITEMSIZE[dtype]
    frames, rest = divmod(size - offset, frame)
    if frames < 1:
        has = f"{name} has only {size - offset:,} after the header"
        raise Invalid(what=f"one frame of {_by(sig)} needs {frame:,} bytes, but {has}")
    if rest:
        word = f"{name} has {size:,} bytes: {frames:,} frames of {_by(sig)} and {rest:,} bytes more"
        raise Invalid(
            what=f"{word}; is the type or the frame another one, or a header of {offset + rest:,} bytes before them?"
        )
    _check_scan(nav, frames, skip, name)
    return {"dtype": dtype, "nav_shape": nav, "sig_shape": sig, "offset": offset, "sync_offset": skip}


def checked_scan(given: Mapping[str, Any], frames: int, name: str) -> dict[str, Any]:
    """The scan that was filled in. Raises: Invalid when it is not one of `frames` frames."""
    nav = _shape(given.get("nav_shape"), "the scan")
    skip = _integer(given.get("sync_offset", 0), "the frames to skip", least=-LARGEST)
    _check_scan(nav, frames, skip, name)
    return {"nav_shape": nav, "sync_offset": skip}


def _check_scan(nav: list[int], frames: int, skip: int, name: str) -> None:
    points = nav[0] * nav[1]
    if abs(skip) >= frames:
        raise Invalid(what=f"{name} has {frames:,} frames, so {skip:,} of them cannot be skipped")
    if points != frames and not skip:
        likely = _by(list(factor(frames)))
        raise Invalid(
            what=f"a scan of {_by(nav)} has {points:,} points, but {name} has {frames:,} frames (perhaps {likely}?)"
        )
    if points > 4 * frames + 4 * abs(skip):
        raise Invalid(what=f"a scan of {_by(nav)} has {points:,} points, far more than the {frames:,} frames of {name}")


def _by(shape: list[int]) -> str:
    return " × ".join(str(n) for n in shape)


def _dtype(given: Any) -> str:
    code = DTYPES.get(str(given), str(given))
    if code not in ITEMSIZE:
        raise Invalid(what=f"{given!r} is no type of numbers; please choose one of {', '.join(DTYPES)}")
    return code


def _integer(given: Any, what: str, least: int) -> int:
    try:
        number = int(str(given).strip() or "0") if not isinstance(given, bool) else None
    except ValueError:
        number = None
    if number is None or not least <= number <= LARGEST:
        raise Invalid(what=f"{what} should be a whole number{' of 0 or more' if least == 0 else ''}, not {given!r}")
    return number


def _shape(given: Any, what: str) -> list[int]:
    """Two positive numbers, from a list or from text such as `64 x 64`."""
    parts = re.split(r"[\s,;x×*()\[\]]+", given.strip(" ()[]")) if isinstance(given, str) else given
    try:
        shape = [int(str(part)) for part in parts] if isinstance(parts, (list, tuple)) else []
    except ValueError:
        shape = []
    if not 1 <= len(shape) <= 2 or any(not 1 <= n <= LARGEST for n in shape):
        raise Invalid(what=f"{what} should be rows × columns, such as 64 × 64, not {given!r}")
    return shape if len(shape) == 2 else [1, *shape]


# Remembering ---------------------------------------------------------------------------------------------------------


def memory_file() -> Path:
    return state_folder() / "libertem-parameters.json"


def recall(path: Path) -> dict[str, Any] | None:
    """What was filled in last for a file of this kind in this folder."""
    found = _all().get(_key(path))
    return dict(found) if isinstance(found, dict) else None


def remember(path: Path, params: Mapping[str, Any]) -> None:
    """Keep what was filled in. A memory that cannot be written is no reason to fail."""
    known = _all()
    known.pop(_key(path), None)
    known[_key(path)] = dict(params)
    kept = dict(list(known.items())[-REMEMBERED:])
    file = memory_file()
    half = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, half = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        with open(descriptor, "w", encoding="utf-8") as out:
            json.dump(kept, out, indent=1)
        os.replace(half, file)
    except (OSError, UnicodeError):
        if half is not None:
            with contextlib.suppress(OSError):
                os.unlink(half)


def _key(path: Path) -> str:
    return f"{path.parent}|{path.suffix.lower()}"


def _all() -> dict[str, Any]:
    try:
        found = json.loads(memory_file().read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
