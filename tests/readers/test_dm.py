"""DigitalMicrograph files by our own reader, beside RosettaSciIO, and damaged ones."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_modama.readers import dm
from jupyter_modama.readers.opening import Refused, opened
from jupyter_modama.testing.em_files import write_dm4

EMDATA = Path(__file__).parents[2].parent / "shared" / "emdata"
REAL = sorted([*EMDATA.rglob("*.dm3"), *EMDATA.rglob("*.dm4")])


@pytest.fixture
def room() -> Path:
    """A worker's private folder."""
    return Path(tempfile.mkdtemp(prefix="room-"))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4"])
@pytest.mark.parametrize("shape", [(20, 30), (5, 20, 30)])
def test_written_file_is_read_back(tmp_path: Path, room: Path, dtype: str, shape: tuple[int, ...]) -> None:
    """Numbers, shape and scale are those that were written; RosettaSciIO agrees."""
    reader = pytest.importorskip("rsciio.digitalmicrograph").file_reader
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = tmp_path / "a.dm4"
    write_dm4(path, shape, dtype, [data], scales=[(1.0, "s"), (0.5, "nm"), (0.25, "nm")][-len(shape) :])
    with opened(str(path), str(room)) as item:
        (found,) = dm.read(item)
        assert found.info.shape == shape
        last = tuple(n - 1 for n in shape[:-2])
        assert np.array_equal(found.frames.frame(last, 4096), data[last].astype("f4"))
        assert (found.info.axes[-1].scale, found.info.axes[-1].unit) == (0.25, "nm")
        assert [axis.navigate for axis in found.info.axes] == [True] * (len(shape) - 2) + [False, False]
    assert np.array_equal(reader(str(path))[0]["data"], data)


@pytest.mark.skipif(not REAL, reason="the folder with real files (../shared/emdata) is not here")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_images_agree_with_rosettasciio(room: Path, path: Path) -> None:
    """What our reader takes on is what RosettaSciIO reads: same shapes, numbers and scales."""
    reader = pytest.importorskip("rsciio.digitalmicrograph").file_reader
    with opened(str(path), str(room)) as item:
        try:
            ours = dm.read(item)
        except dm.NotDirect:
            pytest.skip("left to RosettaSciIO")
        theirs = reader(str(path))
        assert [each.info.shape for each in ours] == [each["data"].shape for each in theirs]
        for each, other in zip(ours, theirs, strict=True):
            place = tuple(0 for _ in each.navigation)
            assert np.allclose(each.frames.frame(place, 10**6), other["data"][place].astype("f4"), equal_nan=True)
            for axis, known in zip(each.info.axes, other["axes"], strict=True):
                assert axis.scale == pytest.approx(known["scale"])
                assert axis.offset == pytest.approx(known["offset"])


def whole_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = write_dm4(Path(folder) / "a.dm4", (8, 9), "u2", [np.arange(72, dtype="u2").reshape(8, 9)])
        return path.read_bytes()


WHOLE = whole_file()
NAMES = itertools.count()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(0, len(WHOLE)),
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8),
)
@example(cut=590, changes=[(589, 18)])  # a text without a length
def test_damaged_file_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, cut: int, changes: list[tuple[int, int]]
) -> None:
    """Any damage ends in a refusal, or in frames of the size that the file then says; in nothing else."""
    content = bytearray(WHOLE)
    for place, value in changes:
        content[place] = value
    folder = tmp_path_factory.mktemp(f"d{next(NAMES)}")
    (folder / "room").mkdir()
    (folder / "a.dm4").write_bytes(content[:cut])
    with opened(str(folder / "a.dm4"), str(folder / "room")) as item:
        try:
            for found in dm.read(item):
                frame = found.frames.frame(tuple(0 for _ in found.navigation), 10**6)
                assert frame.shape == found.info.shape[-2:]
        except (Refused, dm.NotDirect):
            pass
