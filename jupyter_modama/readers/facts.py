"""What instruments wrote, as a flat list: well-known facts under one name and unit, the rest with its key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import MetadataField

MOST_FIELDS, LONGEST_VALUE, DEEPEST = 2000, 500, 24
GROUPS = ("Instrument", "Acquisition", "Calibration", "Sample", "File", "Other")


@frozen
class Known:
    """A fact that many formats have; `keys` matches the end of a key in lower case, the first match in a file counts.

    `factor` turns the file's number into `unit`. With `volts`, numbers of 1000 and more are V, not kV.
    """

    group: str
    name: str
    keys: tuple[str, ...]
    unit: str = ""
    factor: float = 1.0
    volts: bool = False


# The alternatives of a row are tried in this order: the first is the most exact.
KNOWN = (
    Known("Instrument", "beam energy", (r"[ts]em\.beam_energy",), "kV"),
    Known(
        "Instrument", "beam energy",
        (r"microscope info\.voltage", r"accelerationvoltage", r"accelerating voltage", r"high[_ ]tension",
         r"beamvoltage", r"accelerat(?:ing|ion)voltage", r"(?:beam_|beam )?energy"), "kV", volts=True,
    ),
    Known(
        "Instrument", "magnification",
        (r"[ts]em\.magnification", r"indicated magnification", r"optics\.nominalmagnification", r"magnification"),
    ),
    Known(
        "Instrument", "camera length", (r"tem\.camera_length", r"stem camera length"), "mm"
    ),
    Known(
        "Instrument", "microscope",
        (r"[ts]em\.microscope", r"microscope info\.name", r"instrument\.instrumentmodel", r"microscope"),
    ),
    Known(
        "Instrument", "camera",
        (r"detector\.camera", r"[ts]em\.camera", r"acquisition\.device\.name", r"detectorname", r"camera_name",
         r"camera", r"assembly size"),
    ),
    Known(
        "Instrument", "acquisition mode",
        (r"[ts]em\.acquisition_mode", r"microscope info\.imaging mode", r"operation mode"),
    ),
    Known(
        "Instrument", "stage tilt α",
        (r"stage\.tilt_alpha", r"stage position\.stage alpha"), "°",
    ),
    Known(
        "Instrument", "stage tilt β", (r"stage\.tilt_beta", r"stage position\.stage beta"), "°"
    ),
    Known(
        "Acquisition", "exposure",
        (r"camera\.exposure", r"parameters\.high level\.exposure \(s\)", r"dwell_time", r"exposure[_ ]time",
         r"exposure \(s\)", r"integration time \(s\)", r"exposure"), "s",
    ),
    Known(
        "Acquisition", "date",
        (r"general\.date", r"acquisition date", r"acquisition_date", r"acquiredate", r"date"),
    ),
    Known("Acquisition", "time", (r"general\.time", r"acquisition time", r"acquisition_time")),
    Known("Acquisition", "operator", (r"general\.authors", r"microscope info\.operator", r"operator")),
    Known(
        "Sample", "sample",
        (r"sample\.description", r"microscope info\.specimen", r"specimen info\.specimen", r"sample_name", r"specimen"),
    ),
)  # fmt: skip
GROUP_WORDS = (
    ("Sample", r"sample|specimen|element"),
    ("Calibration", r"calibration|scale|pixel_?size|origin(?!al)|axes|axis"),
    (
        "Instrument",
        r"instrument|microscope|optic|stage|tem\.|sem\.|lens|gun|beam|vacuum|detector|camera|device|hardware",
    ),
    ("Acquisition", r"acqui|exposure|date|time|dwell|frame|scan"),
    ("File", r"general\.|original_filename|file|version|signal\.|title|format"),
)


def flat(tree: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """All leaves of nested mappings and lists with their dotted keys."""
    if depth > DEEPEST:
        return
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if not str(key).startswith("_"):
                yield from flat(value, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif isinstance(tree, (list, tuple)) and any(isinstance(each, Mapping) for each in tree[:20]):
        for number, value in enumerate(tree[:200]):
            yield from flat(value, f"{prefix}.{number}", depth + 1)
    elif prefix:
        yield prefix, tree


def shown(value: Any) -> str:
    """A leaf as text of bounded length; empty where there is nothing to show."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value[:LONGEST_VALUE].decode("utf-8", "replace")
    if hasattr(value, "shape") and getattr(value, "size", 1) > 16:
        return f"{' x '.join(str(n) for n in value.shape)} numbers ({value.dtype})"
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f" and not value.shape):
        return f"{float(value):.8g}"
    text = str(value[:40] if isinstance(value, (list, tuple)) else value)
    text = "".join(sign if sign.isprintable() else " " for sign in text[: LONGEST_VALUE + 1]).strip()
    # Lone surrogates (of names that are not UTF-8) cannot travel in JSON to every client.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def fields_of(
    mapped: Mapping[str, Any], original: Mapping[str, Any], mapping: Mapping[str, Any] | None = None
) -> tuple[MetadataField, ...]:
    """The fields of one file: HyperSpy's mapped metadata counts before what the instrument called it.

    `mapping` says for keys of `original` what HyperSpy calls them, with a function that makes the units HyperSpy's.
    """
    converted = dict(_converted(original, mapping or {}))
    leaves = [(key, value) for key, (_, value) in converted.items()]
    leaves += [(key, value) for key, value in flat(mapped) if not key.startswith("_HyperSpy")]
    leaves += list(_in_one_row(list(_bounded(flat(original), 20_000))))
    known = [_as_in_file(field, converted) for field in _known(leaves)]
    leaves = [leaf for leaf in leaves if leaf[0] not in converted]
    used = {field.source for field in known}
    rest: list[MetadataField] = []
    for key, value in leaves:
        text = shown(value)
        if text and key not in used and len(known) + len(rest) < MOST_FIELDS:
            rest.append(MetadataField(_group(key), _name(key), text, source=shown(key)))
    return tuple(sorted(known + _told_apart(rest), key=lambda field: GROUPS.index(field.group)))


# What DigitalMicrograph says of each axis is in the rows of `calibration`, under the name of the axis.
AXES = re.compile(r"\.ImageData\.Calibrations\.Dimension\.(?:TagGroup)?\d+$")


def _in_one_row(leaves: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The leaves, with the three of a scale (Origin, Scale, Units) as one that has the scale's own name."""
    values = dict(leaves)
    for key, value in leaves:
        scale, _, part = key.rpartition(".")
        if part not in {"Origin", "Scale", "Units"} or not {f"{scale}.Scale", f"{scale}.Units"} <= values.keys():
            yield key, value
        elif part == "Scale" and not AXES.search(scale):
            origin = shown(values.get(f"{scale}.Origin"))
            text = f"{shown(value)} {shown(values[f'{scale}.Units'])}".strip()
            yield scale, text if origin in {"", "0", "-0"} else f"{text}, origin {origin}"


def _told_apart(fields: list[MetadataField]) -> list[MetadataField]:
    """Fields of one name in one group get the name of what they are in before it."""
    count = Counter((field.group, field.name) for field in fields)
    return [
        replace(field, name=_name(field.source, parts=2)) if count[field.group, field.name] > 1 else field
        for field in fields
    ]


def _converted(original: Mapping[str, Any], mapping: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Of each mapped key that the file has: HyperSpy's key, then the file's own and the converted value."""
    for key, target in mapping.items():
        value: Any = original
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None or not isinstance(target, (tuple, list)) or not isinstance(target[0], str):
            continue
        try:
            value = target[1](value) if target[1] else value
        except Exception:  # noqa: S112 - a function of a reader's; a value that it does not take is shown as it stands
            continue
        if value is not None:
            yield target[0], (key, value)


def _as_in_file(field: MetadataField, converted: Mapping[str, tuple[str, Any]]) -> MetadataField:
    return replace(field, source=shown(converted[field.source][0])) if field.source in converted else field


def _bounded(leaves: Iterator[tuple[str, Any]], most: int) -> Iterator[tuple[str, Any]]:
    for number, leaf in enumerate(leaves):
        if number >= most:
            return
        yield leaf


def _known(leaves: list[tuple[str, Any]]) -> list[MetadataField]:
    lowered = [(key, key.lower(), value) for key, value in leaves if _worth(value)]
    found: dict[str, MetadataField] = {}
    for row in KNOWN:
        for pattern in row.keys:
            ends = re.compile(rf"(?:^|\.){pattern}$")
            match = next((leaf for leaf in lowered if ends.search(leaf[1]) and _means(row, leaf[2])), None)
            if match and row.name not in found:
                found[row.name] = _field(row, match[0], match[2])
    return list(found.values())


def _worth(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple)) and shown(value) not in {"", "nan"}


def _means(row: Known, value: Any) -> bool:
    """Whether a number is one at all; instruments write 0 for what they do not know."""
    return row.name not in {"beam energy", "magnification", "camera length"} or shown(value) not in {"0", "0.0"}


def _field(row: Known, key: str, value: Any) -> MetadataField:
    unit = row.unit
    if unit:
        try:
            number = float(value) * row.factor
        except (TypeError, ValueError):
            return MetadataField(row.group, row.name, shown(value), "", shown(key))
        value = number / 1000 if row.volts and abs(number) >= 1000 else number
        # The reader of block files gives m where others give mm, and no microscope has less than 5 mm.
        value = number * 1000 if row.name == "camera length" and 0 < number < 5 else value
    return MetadataField(row.group, row.name, shown(value), unit, shown(key))


def _group(key: str) -> str:
    lowered = key.lower()
    return next((group for group, words in GROUP_WORDS if re.search(words, lowered)), "Other")


def _name(key: str, parts: int = 1) -> str:
    """The last parts of a key; a number is no name without what it counts."""
    words = [part for part in key.split(".") if part] or [key]
    most = parts + 1 if words[-parts:][0].isdigit() else parts
    return shown(" ".join(words[-most:]).replace("_", " "))


PIXELS = re.compile(r"x|y|width|height|detector k?[xy]")


def calibration(axes: Any) -> tuple[MetadataField, ...]:
    """Pixel size and scan step of a signal's axes, and where an axis begins if that is not at 0."""
    found = []
    for axis in axes:
        if axis.unit and axis.scale > 0:
            name = "pixel size" if not axis.navigate and PIXELS.fullmatch(axis.name) else "step"
            found.append(_of_axis(name, axis, axis.scale))
            if axis.offset:
                found.append(_of_axis("begins at", axis, axis.offset))
    return tuple(found)


def _of_axis(what: str, axis: Any, value: float) -> MetadataField:
    return MetadataField("Calibration", f"{what} ({axis.name})", f"{value:.6g}", axis.unit, f"axes.{axis.name}")
