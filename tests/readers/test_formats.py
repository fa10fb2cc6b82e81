"""The table of formats, and every format that can be written here, read back as a picture with its metadata."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jupyter_modama.core.errors import Unsupported
from jupyter_modama.readers import Pool, PreviewWish, what_can_be_done
from jupyter_modama.readers.formats import FORMATS, companion_names, format_of
from jupyter_modama.testing import em_files

RANDOM = np.random.default_rng(5)
IMAGE = RANDOM.integers(0, 200, (24, 32)).astype("u1")
STACK = RANDOM.integers(0, 200, (5, 24, 32)).astype("u1")
SCAN = RANDOM.integers(0, 200, (3, 4, 16, 16)).astype("u1")
SPECTRUM = RANDOM.random(300).astype("f4")
MAP = RANDOM.integers(0, 9, (3, 4, 100)).astype("u2")


def signal(data: Any, navigation: int, units: tuple[str, str] = ("nm", "nm")) -> dict[str, Any]:
    """What the writers of RosettaSciIO take; all but the last axes of the data are positions."""
    axes = [
        {
            "name": name, "size": size, "index_in_array": i, "scale": 0.5, "offset": 0.0, "navigate": i < navigation,
            "units": units[0] if i < navigation else units[1], "_type": "UniformDataAxis",
        }
        for i, (size, name) in enumerate(zip(data.shape, "abyx"[-data.ndim :], strict=True))
    ]  # fmt: skip
    return {
        "data": data, "axes": axes, "metadata": {"General": {"title": "written"}, "Signal": {"signal_type": ""}},
        "original_metadata": {}, "attributes": {"_lazy": False}, "learning_results": {}, "models": {},
        "package_info": {}, "tmp_parameters": {},
    }  # fmt: skip


WRITTEN = [
    ("hspy", "hspy", IMAGE, 0, "image"),
    ("hspy", "hspy", SCAN, 2, "diffraction-scan"),
    ("hspy", "hspy", SPECTRUM, 0, "spectrum"),
    ("hspy", "hspy", MAP, 2, "spectrum-map"),
    ("zspy", "zspy", STACK, 1, "stack"),
    ("nexus", "nxs", SCAN, 2, "diffraction-scan"),
    ("emd", "emd", STACK, 1, "stack"),
    ("blockfile", "blo", SCAN, 2, "diffraction-scan"),
    ("tiff", "tif", IMAGE, 0, "image"),
    ("tiff", "tif", STACK, 1, "stack"),
    ("msa", "msa", SPECTRUM, 0, "spectrum"),
    ("mrcz", "mrcz", STACK.astype("i2"), 1, "stack"),
    ("pantarhei", "prz", IMAGE, 0, "image"),
    ("semper", "unf", IMAGE.astype("f4"), 0, "image"),
    ("ripple", "rpl", STACK, 1, "stack"),
    ("image", "png", IMAGE, 0, "image"),
    ("numpy", "npy", STACK, 1, "stack"),
]


@pytest.mark.parametrize(
    ("module", "extension", "data", "navigation", "kind"),
    WRITTEN,
    ids=[f"{row[1]}-{row[4]}" for row in WRITTEN],
)
def test_written_format_is_shown(
    tmp_path: Path, pool: Pool, module: str, extension: str, data: Any, navigation: int, kind: str
) -> None:
    """What RosettaSciIO writes is recognised, shown with its own numbers, and described."""
    if extension == "zspy":
        pytest.importorskip("zarr", reason="zarr is not installed")
    if extension == "mrcz":
        pytest.importorskip("mrcz", reason="mrcz is not installed")
    path = tmp_path / f"written.{extension}"
    units = ("nm", "cm") if extension == "blo" else ("nm", "nm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the writers' remarks about units
        importlib.import_module(f"rsciio.{module}").file_writer(str(path), signal(data, navigation, units))
    found = pool.preview(path, PreviewWish(contrast="minmax"))
    assert found.kind == kind
    assert found.signal.shape == data.shape
    centre = data[tuple(n // 2 for n in data.shape[:navigation])]
    if kind == "spectrum-map":
        centre = data.sum((0, 1))
    assert (found.low, found.high) == (
        pytest.approx(centre.min(), abs=1e-5),
        pytest.approx(centre.max(), rel=1e-5),
    )
    described = pool.metadata(path)
    assert described.readable
    assert described.format == what_can_be_done(path.name, path.is_dir()).format
    assert described.signals[0].shape == data.shape


@pytest.mark.parametrize("dtype", ["i1", "i2", "f4", "u2"])
@pytest.mark.parametrize("shape", [(24, 32), (5, 24, 32)])
def test_mrc_is_shown(tmp_path: Path, pool: Pool, dtype: str, shape: tuple[int, ...]) -> None:
    data = RANDOM.integers(0, 100, shape).astype(dtype)
    path = em_files.write_mrc(tmp_path / "a.mrc", data, pixel_nm=0.2)
    found = pool.preview(path, PreviewWish(contrast="minmax", frame=0))
    first = data if data.ndim == 2 else data[0]
    assert (found.low, found.high) == (first.min(), first.max())
    assert [(axis.scale, axis.unit) for axis in found.signal.axes[-2:]] == [(pytest.approx(0.2), "nm")] * 2
    assert pool.metadata(path).signals[0].shape == shape


@pytest.mark.parametrize("name", ["scan.mib", "scan.hdr"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_merlin_scan_is_shown_from_either_file(tmp_path: Path, pool: Pool, name: str, dtype: str) -> None:
    scan = RANDOM.integers(0, 60, (3, 5, 16, 16)).astype(dtype)
    em_files.write_mib(tmp_path / "scan.mib", scan)
    found = pool.preview(tmp_path / name, PreviewWish(contrast="minmax", frame=7))
    assert found.signal.shape == (3, 5, 16, 16)
    assert (found.low, found.high) == (scan[1, 2].min(), scan[1, 2].max())


def test_merlin_file_that_still_grows_shows_its_whole_frames(tmp_path: Path, pool: Pool) -> None:
    em_files.write_mib(tmp_path / "scan.mib", np.ones((3, 5, 16, 16), "u2"))
    content = (tmp_path / "scan.mib").read_bytes()
    (tmp_path / "scan.mib").write_bytes(content[: len(content) * 7 // 15 - 100])
    assert pool.preview(tmp_path / "scan.mib").frames <= 6


@pytest.mark.parametrize(
    "data",
    [
        np.arange(64, dtype="<c16").reshape(8, 8) * 1j,
        np.asfortranarray(np.arange(64.0).reshape(8, 8)),
        np.arange(64, dtype=">i4").reshape(8, 8),
        np.arange(64).reshape(8, 8) > 10,
        np.arange(64, dtype="f2").reshape(8, 8),
        np.arange(64, dtype="u8").reshape(8, 8),
    ],
    ids=["complex", "fortran", "big-endian", "bool", "half", "u8"],
)
def test_any_kind_of_number_is_shown(tmp_path: Path, pool: Pool, data: Any) -> None:
    """Complex numbers as their magnitude, all others as they are."""
    np.save(tmp_path / "a.npy", data)
    found = pool.preview(tmp_path / "a.npy", PreviewWish(contrast="minmax"))
    expected = np.abs(data) if np.iscomplexobj(data) else data
    assert (found.low, found.high) == (float(expected.min()), float(expected.max()))


def test_nan_and_hot_pixels_do_not_spoil_the_picture(tmp_path: Path, pool: Pool) -> None:
    """Numbers that are none are left out, and one hot pixel does not darken the rest."""
    data = RANDOM.normal(100, 5, (512, 512)).astype("f4")
    data[3, 3], data[100, :200], data[7, 9] = np.nan, np.nan, np.inf
    data[200, 200] = 1e9
    np.save(tmp_path / "a.npy", data)
    found = pool.preview(tmp_path / "a.npy")
    assert 80 < found.low < found.high < 120
    np.save(tmp_path / "b.npy", np.full((8, 8), np.nan))
    with pytest.raises(Unsupported, match="no numbers"):
        pool.preview(tmp_path / "b.npy")


def test_coloured_picture_keeps_its_colours(tmp_path: Path, pool: Pool) -> None:
    import io

    Image.new("RGB", (40, 30), (200, 100, 50)).save(tmp_path / "a.png")
    shown = Image.open(io.BytesIO(pool.preview(tmp_path / "a.png").png))
    assert shown.getpixel((5, 5)) == (200, 100, 50)


def test_extension_stands_once_in_the_table() -> None:
    extensions = [extension for row in FORMATS for extension in row.extensions]
    assert len(extensions) == len(set(extensions))
    assert all(extension == extension.lower() for extension in extensions)


def test_case_of_the_extension_does_not_matter() -> None:
    assert what_can_be_done("A.DM4", False) == what_can_be_done("a.dm4", False)


@pytest.mark.parametrize("name", ["dm4", ".dm4", "README", "a.dm4.part", "a.", ""])
def test_other_names_promise_nothing(name: str) -> None:
    found = what_can_be_done(name, False)
    assert (found.preview, found.libertem, found.hyperspy) == (False, False, False)


def test_folder_is_a_data_set_only_where_the_format_is_one() -> None:
    assert what_can_be_done("a.zspy", True).preview
    assert not what_can_be_done("a.zspy", False).preview
    assert not what_can_be_done("a.dm4", True).preview


def test_velox_is_not_offered_to_libertem() -> None:
    found = what_can_be_done("a.emd", False)
    assert found.preview
    assert not found.libertem
    assert "Velox" in found.note


def test_companions_are_few_and_by_name() -> None:
    """Neighbours are asked for by name; a folder with a million entries is never listed."""
    assert companion_names(format_of("a.emi"), "a.emi", b"")[:2] == ("a_1.ser", "a_2.ser")
    assert companion_names(format_of("x_000.tvips"), "x_000.tvips", b"")[:2] == ("x_001.tvips", "x_002.tvips")
    assert all(len(companion_names(row, f"a_000.{row.extensions[0]}", b"")) <= 64 for row in FORMATS)


def test_table_needs_no_heavy_library() -> None:
    """The server asks the table for each row of a listing; numpy and the like are for the workers."""
    program = (
        "import sys; from jupyter_modama.readers import what_can_be_done, Pool; what_can_be_done('a.dm4', False)\n"
        "print([name for name in ('numpy', 'h5py', 'PIL', 'rsciio', 'hyperspy', 'tifffile') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_lab_s_viewer_is_for_files_that_can_be_shown() -> None:
    """Each type of file that JupyterLab opens in the viewer by itself is one of the table, with a preview."""
    source = (Path(__file__).parents[2] / "labextension/src/lab/filetypes.ts").read_text("utf-8")
    rows = re.findall(r"name: '(.+)', extensions: \[(.+)\]", source)
    assert len(rows) > 10
    for name, extensions in rows:
        for extension in re.findall(r"'(\w+)'", extensions):
            assert what_can_be_done(f"a.{extension}", False).preview, extension
            assert what_can_be_done(f"a.{extension}", False).format == name
