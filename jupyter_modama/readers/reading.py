"""From an open file to signals, metadata and pictures: tries the readers of its row in the table in order."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jupyter_modama.core.model import EntryMetadata, MetadataField
from jupyter_modama.readers import dm, facts, hdf5, layouts, picture, rosetta, tiff
from jupyter_modama.readers.frames import Array, Loaded
from jupyter_modama.readers.guard import Forbidden
from jupyter_modama.readers.model import OTHER, SPECTRUM, SPECTRUM_MAP, Preview, PreviewWish
from jupyter_modama.readers.opening import Incomplete, Item, Refused

log = logging.getLogger(__name__)
OWN: dict[str, Callable[[Item], list[Loaded]]] = {
    "dm": dm.read, "mrc": layouts.mrc, "mib": layouts.mib, "npy": layouts.npy, "hdf5": hdf5.read,
}  # fmt: skip
# For pictures it would write a whole stack into a temporary file.
METADATA_ONLY = ("rsciio.tiff",)
DAMAGED = "it is damaged or incomplete, or still being written"


def loaded(item: Item, pixels: int, for_metadata: bool = False) -> list[Loaded]:
    """The signals of a file, by the first reader that understands it.

    For metadata RosettaSciIO comes first, since it knows what tags mean; for pictures our own readers: they are faster.
    Raises: Refused.
    """
    if not item.row.readers:
        raise Refused(item.row.note or "this kind of file is not known here")
    if item.size == 0 and not item.row.folder:
        raise Refused("it is empty")
    if hdf5.is_hdf5(item):
        _try_check(item)
    if "mrc" in item.row.readers:
        _check_mrc(item)
    reasons: list[str] = []
    for name in _ordered(item.row.readers, for_metadata):
        try:
            return _read(item, name, pixels)
        except dm.NotDirect:
            continue
        except (Incomplete, MemoryError, Forbidden):
            raise
        except Refused as error:
            reasons.append(str(error))
        except Exception as error:  # a reader may raise anything at all on a damaged file
            log.info("%s: %r", name, error)
            reasons.append(_reason(error))
    raise Refused(_best(reasons))


def _try_check(item: Item) -> None:
    try:
        hdf5.check(item)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise Refused(DAMAGED) from error


def _check_mrc(item: Item) -> None:
    """Other readers believe any size that stands in the header, and would be busy with it for minutes."""
    try:
        layouts.mrc(item)
    except Incomplete:
        raise
    except (dm.NotDirect, Refused):
        return


def _ordered(readers: tuple[str, ...], for_metadata: bool) -> list[str]:
    if not for_metadata:
        return [name for name in readers if name not in METADATA_ONLY]
    # RosettaSciIO first; but the plain HDF5 reader, which takes anything, stays last, and of Merlin frames it would
    # read all the headers.
    return sorted(readers, key=lambda name: (name == "hdf5", name != "mib", not name.startswith("rsciio.")))


def _read(item: Item, name: str, pixels: int) -> list[Loaded]:
    if name == "picture":
        return layouts.picture(item, pixels)
    if name == "tiff":
        return tiff.read(item, pixels)
    return OWN[name](item) if name in OWN else rosetta.read(item, name)


def _reason(error: Exception) -> str:
    if isinstance(error, (EOFError, IndexError)) or "truncated" in str(error).lower():
        return DAMAGED
    text = " ".join(str(error).split())[:200]
    # Texts that hold a path of ours say nothing to a person.
    return (
        f"its reader does not understand it ({text})"
        if text and "/" not in text
        else "its reader does not understand it"
    )


def _best(reasons: list[str]) -> str:
    """The most telling reason: a sentence of ours before the words of a library."""
    vague = ("its reader", "no data", "reading it needs the Python package")
    ours = [text for text in reasons if not text.startswith(vague)]
    return (ours or reasons or ["no reader understands it"])[0]


def metadata(item: Item, path: str, pixels: int) -> EntryMetadata:
    """What is known of a file; never raises for a file that cannot be read."""
    try:
        found = loaded(item, pixels, for_metadata=True)
    except Refused as error:
        return EntryMetadata(path, item.row.name, False, str(error))
    fields = [*facts.calibration(found[0].info.axes), *found[0].fields][: facts.MOST_FIELDS]
    if not found[0].fields and item.row.name == "DigitalMicrograph":
        fields += facts.fields_of({}, _dm_tags(item))
    if item.companions:
        beside = ", ".join(facts.shown(name) for name in item.companions)
        fields.append(MetadataField("File", "belongs together with", beside))
    fields.sort(key=lambda field: facts.GROUPS.index(field.group))
    return EntryMetadata(path, item.row.name, True, "", tuple(each.info for each in found), tuple(fields))


def _dm_tags(item: Item) -> dict[str, Any]:
    tags = dm.read_tags(item.fd)[0]
    return {key: value for key, value in tags.items() if key != "Thumbnails"}


def preview(item: Item, wish: PreviewWish, pixels: int) -> Preview:
    """The picture that is wished for. Raises: Refused."""
    found = loaded(item, pixels)
    signal = chosen(found, wish.signal, pixels)
    shown = _spectrum(signal, wish) if signal.info.kind in {SPECTRUM, SPECTRUM_MAP} else _image(signal, wish)
    return dataclasses.replace(shown, signals=len(found))


def chosen(found: list[Loaded], number: int, pixels: int) -> Loaded:
    """The data set of this number, if its frames can be shown. Raises: Refused."""
    if not 0 <= number < len(found):
        raise Refused(f"it has {len(found)} data set(s), and number {number + 1} was asked for")
    signal = found[number]
    if signal.info.kind == OTHER:
        raise Refused(f"its data has {len(signal.info.shape)} axes in a form that makes no picture")
    axes = 1 if signal.info.kind in {SPECTRUM, SPECTRUM_MAP} else 2
    if math.prod(signal.info.shape[-axes:]) > pixels:
        sizes = " x ".join(str(n) for n in signal.info.shape[-axes:])
        raise Refused(f"one frame has {sizes} pixels, more than a preview unpacks")
    return signal


def position(signal: Loaded, frame: int) -> tuple[int, tuple[int, ...], int]:
    """The number of a frame, its place on the navigation axes, and how many there are; -1 is the centre of the scan."""
    shape = signal.navigation
    count = math.prod(shape)
    if frame < 0:
        place = tuple(n // 2 for n in shape)
        return int(np.ravel_multi_index(place, shape)) if shape else 0, place, count
    if frame >= count:
        raise Refused(f"it has {count} frame(s), and number {frame + 1} was asked for")
    return frame, tuple(int(i) for i in np.unravel_index(frame, shape)) if shape else (), count


def _image(signal: Loaded, wish: PreviewWish) -> Preview:
    number, place, count = position(signal, wish.frame)
    data = signal.frames.frame(place, wish.size)
    if data.dtype.names:
        made = picture.coloured(data, wish)
    else:
        made = picture.grey(np.asarray(data, np.float32), wish, picture.contrast_of(signal.info, wish))
    caption = said(signal, number, place, count)
    return Preview(
        made.png, made.width, made.height, signal.info.kind, caption, number, count, made.low, made.high, signal.info
    )


def said(signal: Loaded, number: int, place: tuple[int, ...], count: int) -> str:
    """Which frame of what this is."""
    where = f"frame {number + 1} of {count}" if count > 1 else ""
    if len(place) > 1:
        where += f" (scan position {', '.join(str(i) for i in place)})"
    return "; ".join(part for part in (signal.info.title, where, signal.frames.note) if part)


def curve_of(signal: Loaded, frame: int) -> tuple[Array, str, int, int]:
    """One spectrum (-1: the sum of all, where that is cheap), what it is, its number, and how many there are."""
    number, place, count = position(signal, frame)
    curve: Array | None = signal.frames.total() if frame < 0 and count > 1 else None
    where = f"sum of {count} spectra" if curve is not None else f"spectrum {number + 1} of {count}" if count > 1 else ""
    if curve is None:
        curve = signal.frames.frame(place, 0)
    curve = np.asarray(np.abs(curve) if np.iscomplexobj(curve) else curve, np.float64)
    return curve, "; ".join(part for part in (signal.info.title, where, signal.frames.note) if part), number, count


def _spectrum(signal: Loaded, wish: PreviewWish) -> Preview:
    curve, caption, number, count = curve_of(signal, wish.frame)
    thin, step = picture.thinned(curve)
    made = picture.plot(thin, wish, "log" if wish.contrast == "log" else "linear")
    axis = signal.info.axes[-1]
    return dataclasses.replace(
        Preview(
            made.png,
            made.width,
            made.height,
            signal.info.kind,
            caption,
            number,
            count,
            made.low,
            made.high,
            signal.info,
        ),
        curve=tuple(float(value) for value in np.nan_to_num(thin)),
        curve_offset=axis.offset + (step - 1) / 2 * axis.scale,
        curve_scale=axis.scale * step,
        curve_name=axis.name,
        curve_unit=axis.unit,
    )
