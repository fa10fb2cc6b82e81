"""Guesses fit the file, answers are checked against it, and what was answered is remembered."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_modama.core.errors import Invalid
from jupyter_modama.libertem import parameters

pytestmark = pytest.mark.usefixtures("own_state")

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SIZES = st.sampled_from([(256, 256), (128, 128), (512, 512), (1024, 1024)])


@PATIENT
@given(SIZES, st.sampled_from(["<u2", "<f4", "u1"]), st.integers(1, 200), st.sampled_from([0, 512, 1024]))
def test_guess_fits_the_file(sig: tuple[int, int], dtype: str, count: int, offset: int) -> None:
    """Whatever is guessed for a common detector is a whole number of frames of the file."""
    size = offset + sig[0] * sig[1] * parameters.ITEMSIZE[dtype] * count
    guess = parameters.guess_raw("scan.raw", size)
    assert parameters.checked_raw(guess, size, "scan.raw") == guess


@PATIENT
@given(st.integers(0, 2**45), st.text(max_size=20))
def test_guess_is_always_made(size: int, name: str) -> None:
    """No size and no name is too odd for a proposal."""
    guess = parameters.guess_raw(name, size)
    assert set(guess) == set(parameters.RAW_FIELDS)


@pytest.mark.parametrize(
    ("name", "size", "shapes"),
    [
        ("scan.raw", 64 * 64 * 256 * 256 * 2, ([64, 64], [256, 256])),
        ("scan_96x100.raw", 81 * 96 * 100 * 2, ([9, 9], [96, 100])),
        ("one.raw", 2048 * 2048 * 2, ([8, 8], [256, 256])),
    ],
)
def test_likely_readings_are_guessed(name: str, size: int, shapes: tuple[list[int], list[int]]) -> None:
    """A square scan of a common detector, or the frame that the name tells."""
    guess = parameters.guess_raw(name, size)
    assert (guess["nav_shape"], guess["sig_shape"]) == shapes


GOOD: dict[str, Any] = {"dtype": "uint16", "nav_shape": "3 x 4", "sig_shape": "8, 8", "offset": 10}
SIZE = 10 + 12 * 64 * 2


@pytest.mark.parametrize("text", ["3 x 4", "3×4", "(3, 4)", "[3,4]", "3;4", [3, 4], ("3", "4"), " 3  4 "])
def test_shapes_are_read_as_people_write_them(text: Any) -> None:
    """Rows and columns in any common notation."""
    assert parameters.checked_raw({**GOOD, "nav_shape": text}, SIZE, "f")["nav_shape"] == [3, 4]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dtype": "float33"}, "no type of numbers"),
        ({"dtype": None}, "no type of numbers"),
        ({"nav_shape": "3"}, "a scan of 1 × 3 has 3 points"),
        ({"nav_shape": "3 x"}, "rows × columns"),
        ({"nav_shape": "a x b"}, "rows × columns"),
        ({"nav_shape": [3, 2, 2]}, "rows × columns"),
        ({"nav_shape": [0, 4]}, "rows × columns"),
        ({"nav_shape": [-3, -4]}, "rows × columns"),
        ({"nav_shape": None}, "rows × columns"),
        ({"nav_shape": "3 x 5"}, r"15 points, but f has 12 frames \(perhaps 3 × 4\?\)"),
        ({"sig_shape": "8 x 9"}, "10 frames of 8 × 9 and 96 bytes more"),
        ({"sig_shape": "800 x 900"}, "one frame of 800 × 900 needs 1,440,000 bytes"),
        ({"offset": 9}, "12 frames of 8 × 8 and 1 bytes more; .* header of 10 bytes"),
        ({"offset": -1}, "0 or more"),
        ({"offset": "ten"}, "whole number"),
        ({"offset": True}, "whole number"),
        ({"offset": SIZE}, "only 0 after the header"),
        ({"sync_offset": 12}, "cannot be skipped"),
        ({"sync_offset": 1, "nav_shape": "300 x 400"}, "far more"),
    ],
)
def test_answers_that_do_not_fit_are_refused(change: dict[str, Any], sentence: str) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(Invalid, match=sentence):
        parameters.checked_raw({**GOOD, **change}, SIZE, "f")


def test_skipped_frames_loosen_the_count() -> None:
    """With frames before the scan, the scan need not have as many points as the file has frames."""
    checked = parameters.checked_raw({**GOOD, "nav_shape": "2 x 5", "sync_offset": 2}, SIZE, "f")
    assert (checked["nav_shape"], checked["sync_offset"]) == ([2, 5], 2)


@PATIENT
@given(st.dictionaries(st.sampled_from(parameters.RAW_FIELDS), st.one_of(st.text(), st.integers(), st.none())))
def test_any_answer_is_taken_or_refused(answer: dict[str, Any]) -> None:
    """Nothing that a person or a program sends ends in another error."""
    try:
        checked = parameters.checked_raw(answer, SIZE, "f")
    except Invalid:
        return
    assert set(checked) == set(parameters.RAW_FIELDS)


def test_memory_is_per_folder_and_extension(tmp_path: Path) -> None:
    """Another folder and another extension know nothing of it."""
    parameters.remember(tmp_path / "a" / "x.raw", GOOD)
    assert parameters.recall(tmp_path / "a" / "y.RAW") == GOOD
    assert parameters.recall(tmp_path / "a" / "y.dat") is None
    assert parameters.recall(tmp_path / "b" / "x.raw") is None
    assert parameters.memory_file().stat().st_mode & 0o077 == 0


def test_memory_forgets_the_oldest_folders(tmp_path: Path) -> None:
    """The file does not grow without end."""
    for number in range(parameters.REMEMBERED + 2):
        parameters.remember(tmp_path / str(number) / "x.raw", {"offset": number})
    assert parameters.recall(tmp_path / "1" / "x.raw") is None
    assert parameters.recall(tmp_path / "2" / "x.raw") == {"offset": 2}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"x": 1}', b"[" * 100_000])
def test_corrupt_memory_is_ignored_and_mended(tmp_path: Path, content: bytes) -> None:
    """A broken file costs the remembered answers and nothing else."""
    parameters.memory_file().parent.mkdir(parents=True)
    parameters.memory_file().write_bytes(content)
    assert parameters.recall(tmp_path / "x.raw") is None
    parameters.remember(tmp_path / "x.raw", GOOD)
    assert parameters.recall(tmp_path / "x.raw") == GOOD
    json.loads(parameters.memory_file().read_text())


def test_memory_that_cannot_be_written_is_no_error(tmp_path: Path, own_state: Path) -> None:
    """A full or missing home does not keep anybody from opening a file, and leaves no halves."""
    own_state.write_text("a file where the folder should be")
    parameters.remember(tmp_path / "x.raw", GOOD)
    own_state.unlink()
    parameters.remember(Path(os.fsdecode(b"/tmp/\xff/x.raw")), GOOD)
    assert [p.name for p in parameters.memory_file().parent.iterdir()] in ([], [parameters.memory_file().name])
