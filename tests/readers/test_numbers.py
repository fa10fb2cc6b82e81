"""Frames as numbers: exactly those of the file, or their means, and what part they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jupyter_modama.core.errors import Invalid, Unsupported
from jupyter_modama.readers import FrameWish, Numbers, Pool
from jupyter_modama.testing.em_files import write_dm4, write_mib, write_npy

EMDATA = Path(__file__).parents[2] / ".." / "shared" / "emdata"


def array(found: Numbers) -> np.ndarray:
    facts = found.facts
    if facts.dtype == "rgb":
        return np.frombuffer(found.data, "u1").reshape(facts.rows, facts.columns, 3)
    return np.frombuffer(found.data, np.dtype(facts.dtype).newbyteorder("<")).reshape(facts.rows, facts.columns)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 60_000, (7, 300, 500)).astype("u2")


@pytest.fixture
def stack(tmp_path: Path, noise: np.ndarray) -> Path:
    scales = [(1.0, "s"), (0.25, "nm"), (0.25, "nm")]
    return write_dm4(tmp_path / "stack.dm4", noise.shape, "u2", list(noise), scales=scales)


def test_whole_frame_is_the_file_s_own_numbers(pool: Pool, stack: Path, noise: np.ndarray) -> None:
    """A frame that is small enough comes as it is, in its own type."""
    found = pool.frame(stack, FrameWish(frame=4, size=512))
    assert (found.facts.dtype, found.facts.step_x, found.facts.step_y) == ("uint16", 1, 1)
    assert (found.facts.frame, found.facts.frames) == (4, 7)
    assert (array(found) == noise[4]).all()
    assert (found.facts.low, found.facts.high) == (noise[4].min(), noise[4].max())
    assert [axis.unit for axis in found.facts.signal.axes] == ["s", "nm", "nm"]


def test_large_frame_is_means_of_its_pixels(pool: Pool, stack: Path, noise: np.ndarray) -> None:
    """A frame with more pixels than are wanted comes binned, and says how."""
    found = pool.frame(stack, FrameWish(frame=0, size=128))
    assert (found.facts.columns, found.facts.rows, found.facts.step_x) == (125, 75, 4)
    assert np.allclose(array(found), noise[0].reshape(75, 4, 125, 4).mean((1, 3)))


def test_part_of_a_frame_has_all_its_pixels(pool: Pool, stack: Path, noise: np.ndarray) -> None:
    """Whoever looks closely gets the pixels there, not means; a part that ends beside the frame ends with it."""
    found = pool.frame(stack, FrameWish(frame=2, size=64, left=460, top=100, width=64, height=50))
    assert (array(found) == noise[2, 100:150, 460:]).all()
    assert (found.facts.left, found.facts.top, found.facts.columns, found.facts.rows) == (460, 100, 40, 50)


def written(folder: Path, kind: str, image: np.ndarray) -> Path:
    """The image as a file of this kind, each read in another way."""
    path = folder / f"image.{kind}"
    if kind == "npy":
        write_npy(path, image)
    elif kind == "tif":
        tifffile.imwrite(path, image, compression="zlib")
    elif kind == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=image, chunks=(50, 50), compression="gzip")
    else:
        return write_mib(path, image[np.newaxis, np.newaxis])
    return path


@pytest.mark.parametrize("kind", ["npy", "tif", "h5", "mib"])
def test_all_ways_of_reading_give_the_same_part(pool: Pool, tmp_path: Path, noise: np.ndarray, kind: str) -> None:
    """Whether a file is mapped, unpacked by page or by chunk: the same numbers come out."""
    image = noise[0, :256, :256]
    path = written(tmp_path, kind, image)
    found = pool.frame(path, FrameWish(left=100, top=20, width=90, height=70))
    assert (array(found) == image[20:90, 100:190]).all()
    halved = pool.frame(path, FrameWish(size=128))
    assert np.allclose(array(halved), image.reshape(128, 2, 128, 2).mean((1, 3)))


@pytest.mark.parametrize(
    ("stored", "sent"),
    [("i1", "int8"), ("i4", "int32"), ("u4", "uint32"), ("f2", "float32"), ("f8", "float64"), ("i8", "float64"),
     (">u2", "uint16"), ("?", "uint8"), ("c8", "float32")],
)  # fmt: skip
def test_every_type_of_number_arrives(pool: Pool, tmp_path: Path, stored: str, sent: str) -> None:
    """What a browser has no arrays for travels as the next type that holds it; complex numbers by their size."""
    image = (np.arange(64 * 48).reshape(48, 64) % 100).astype(stored)
    found = pool.frame(write_npy(tmp_path / "image.npy", image))
    assert found.facts.dtype == sent
    assert np.allclose(array(found), np.abs(image) if stored == "c8" else image)


def test_colours_stay_colours(pool: Pool, tmp_path: Path) -> None:
    """A picture of a camera comes as three bytes a pixel."""
    image = np.random.default_rng(1).integers(0, 255, (40, 60, 3)).astype("u1")
    Image.fromarray(image).save(tmp_path / "photo.png")
    found = pool.frame(tmp_path / "photo.png", FrameWish(left=10, width=20))
    assert found.facts.dtype == "rgb"
    assert (array(found) == image[:, 10:30]).all()


def test_real_stack_has_the_numbers_that_rosettasciio_reads(pool: Pool) -> None:
    """Of a real file each frame has the values that another program finds at the same places."""
    path = EMDATA / "rsciio/emd/fei_example_tem_stack.emd"
    if not path.exists():
        pytest.skip("the folder of real files, ../shared/emdata, is not here")
    from rsciio.emd import file_reader

    data = file_reader(str(path), lazy=False)[0]["data"]
    for number in (0, len(data) - 1):
        found = pool.frame(path, FrameWish(frame=number, size=2048))
        assert (array(found) == data[number]).all()


def test_real_spectrum_has_its_energies(pool: Pool) -> None:
    """A spectrum comes as one row with all channels, and its axis says where it begins."""
    path = EMDATA / "rsciio/digitalmicrograph/1D/test-EELS_spectrum.dm3"
    if not path.exists():
        pytest.skip("the folder of real files, ../shared/emdata, is not here")
    from rsciio.digitalmicrograph import file_reader

    signal = file_reader(str(path))[0]
    found = pool.frame(path)
    axis = found.facts.signal.axes[-1]
    assert (array(found)[0] == signal["data"]).all()
    assert (axis.offset, axis.unit) == (signal["axes"][0]["offset"], signal["axes"][0]["units"])


@pytest.mark.parametrize(
    "wish", [FrameWish(size=4), FrameWish(size=4096), FrameWish(frame=-2), FrameWish(left=-1), FrameWish(signal=-1)]
)
def test_wishes_out_of_bounds_are_refused(pool: Pool, stack: Path, wish: FrameWish) -> None:
    """What makes no sense is said before any file is opened."""
    with pytest.raises(Invalid):
        pool.frame(stack, wish)


def test_part_beside_the_frame_is_refused(pool: Pool, stack: Path) -> None:
    """A part that does not touch the frame is no empty answer but a sentence."""
    with pytest.raises(Unsupported, match="500 x 300"):
        pool.frame(stack, FrameWish(left=500))
