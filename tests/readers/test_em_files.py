"""Our writers of EM files: others read the same numbers and scales, and the same input gives the same bytes."""

from __future__ import annotations

import gc
import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_modama.readers import Pool, PreviewWish
from jupyter_modama.testing import em_files, em_physics


@pytest.fixture(scope="module")
def scan() -> Any:
    return em_physics.stem_scan((6, 8), (32, 32))


def read(module: str, path: Path) -> dict[str, Any]:
    """The first signal that RosettaSciIO finds."""
    with warnings.catch_warnings():
        # It leaves files open.
        warnings.simplefilter("ignore", ResourceWarning)
        found: dict[str, Any] = importlib.import_module(f"rsciio.{module}").file_reader(str(path))[0]
        gc.collect()
    return found


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4"])
@pytest.mark.parametrize("shape", [(20, 30), (4, 20, 30), (3, 4, 20, 30)])
def test_dm4_is_read_as_written(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    scales = [(0.5, "nm"), (0.25, "nm"), (0.1, "nm"), (0.2, "nm")][-len(shape) :]
    path = em_files.write_dm4(tmp_path / "a.dm4", shape, dtype, data.reshape(-1, 20, 30), scales=scales)
    found = read("digitalmicrograph", path)
    assert np.array_equal(found["data"], data)
    assert [(round(axis["scale"], 6), axis["units"]) for axis in found["axes"]] == scales


def test_dm4_keeps_its_tags(tmp_path: Path) -> None:
    tags = {"Microscope Info": {"Voltage": 300000.0, "Specimen": "Übung µ", "Channels": 7, "Online": True}}
    path = em_files.write_dm4(tmp_path / "a.dm4", (2, 2), "u2", [np.ones((2, 2))], tags=tags, title="a title")
    found = read("digitalmicrograph", path)["original_metadata"]["ImageList"]["TagGroup0"]
    assert found["ImageTags"]["Microscope Info"] == tags["Microscope Info"]
    assert found["Name"] == "a title"


def test_mrc_is_read_as_written(tmp_path: Path) -> None:
    data = np.arange(600, dtype="f4").reshape(2, 15, 20)
    found = read("mrc", em_files.write_mrc(tmp_path / "a.mrc", data, pixel_nm=0.25))
    assert np.array_equal(found["data"], data)
    assert round(found["axes"][-1]["scale"], 6) == 0.25


def test_merlin_scan_is_read_as_written(tmp_path: Path, scan: Any) -> None:
    """RosettaSciIO finds the shape of the scan by the pauses after its rows, and turns frames upside down."""
    header = em_files.write_mib(tmp_path / "a.mib", scan)
    assert header.name == "a.hdr"
    assert np.array_equal(read("quantumdetector", tmp_path / "a.mib")["data"][..., ::-1, :], scan)


@pytest.mark.parametrize("name", ["a.mib", "a.hdr"])
def test_merlin_scan_is_shown_in_its_shape(tmp_path: Path, scan: Any, pool: Pool, name: str) -> None:
    em_files.write_mib(tmp_path / "a.mib", scan)
    found = pool.preview(tmp_path / name, PreviewWish(frame=9))
    assert found.signal.shape == scan.shape
    assert found.kind == "diffraction-scan"
    assert "1, 1" in found.caption


def test_series_is_named_as_cameras_do(tmp_path: Path) -> None:
    paths = em_files.write_series(tmp_path, em_physics.skyrmions(3, 16))
    assert [path.name for path in paths] == ["frame-00000.dm4", "frame-00001.dm4", "frame-00002.dm4"]


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scan = em_physics.stem_scan((2, 3), (16, 16))
        em_files.write_mib(tmp_path / name / "a.mib", scan)
        em_files.write_dm4(tmp_path / name / "a.dm4", scan.shape, "u2", scan.reshape(-1, 16, 16))
        em_files.write_mrc(tmp_path / name / "a.mrc", em_physics.lattice_image(32))
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]


def test_writer_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "a.dm4").write_text("somebody's")
    with pytest.raises(FileExistsError):
        em_files.write_dm4(tmp_path / "a.dm4", (2, 2), "u2", [np.ones((2, 2))])
    assert (tmp_path / "a.dm4").read_text() == "somebody's"


def test_scan_shows_the_grains_in_a_dark_field(scan: Any) -> None:
    """One reflection is bright in one grain and dark in the other, as orientation contrast is."""
    big = em_physics.stem_scan((16, 16), (64, 64)).astype(float)
    middle = (64 - 1) / 2
    y, x = (round(middle + 0.30 * 64 * f(0.10)) for f in (np.sin, np.cos))
    dark_field = big[:, :, y - 2 : y + 3, x - 2 : x + 3].mean((2, 3))
    assert (
        dark_field[13:, 8:].mean() > 3 * dark_field[:3].mean() or dark_field[:3].mean() > 3 * dark_field[13:, 8:].mean()
    )


@pytest.mark.parametrize("name", ["a.dm4", "a.mrc"])
def test_scale_and_number_type_are_told_as_meant(tmp_path: Path, pool: Pool, name: str) -> None:
    """Files keep scales in single precision and numbers in a byte order; neither is shown to people."""
    image = np.ones((20, 30), "f4")
    if name == "a.dm4":
        em_files.write_dm4(tmp_path / name, image.shape, "f4", [image], scales=[(0.02, "nm")] * 2)
    else:
        em_files.write_mrc(tmp_path / name, image, 0.02)
    found = pool.preview(tmp_path / name).signal
    assert [(axis.scale, axis.unit) for axis in found.axes] == [(0.02, "nm")] * 2
    assert found.dtype == "float32"


def test_axes_of_a_dm4_scan_have_names_and_one_row_each(tmp_path: Path, pool: Pool) -> None:
    """Neither “axis 1” nor rows of a nameless Origin, Scale and Units; what begins elsewhere than at 0 says so."""
    scales = [(2.0, "nm"), (2.0, "nm"), (0.8, "mrad"), (0.8, "mrad")]
    frames = np.zeros((12, 8, 8), "u2")
    path = em_files.write_dm4(tmp_path / "a.dm4", (3, 4, 8, 8), "u2", frames, scales=scales)
    found = pool.metadata(path)
    names = ["scan y", "scan x", "detector ky", "detector kx"]
    assert [axis.name for axis in found.signals[0].axes] == names
    told = [f"{f.name} = {f.value} {f.unit}".strip() for f in found.fields if f.group == "Calibration"]
    assert told[:4] == [
        "step (scan y) = 2 nm", "step (scan x) = 2 nm",
        "pixel size (detector ky) = 0.8 mrad", "pixel size (detector kx) = 0.8 mrad",
    ]  # fmt: skip
    assert "Brightness = 1 e-" in told
    assert not [text for text in told if text.startswith(("Origin", "Scale", "Units", "original"))]
