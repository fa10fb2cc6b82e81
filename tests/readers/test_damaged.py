"""Files that are cut off, damaged or made up: a sentence each time, and the worker goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from jupyter_modama.core.errors import TimedOut, Unsupported
from jupyter_modama.readers import Pool
from jupyter_modama.testing import em_files, em_physics

COUNTS = np.random.default_rng(7).poisson(50, (3, 40, 50)).astype("u2")


def write_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("scan/data", data=COUNTS, chunks=(1, 40, 50), compression="gzip")


WRITERS: dict[str, Callable[[Path], object]] = {
    "dm4": lambda path: em_files.write_dm4(path, COUNTS.shape, "u2", COUNTS),
    "mrc": lambda path: em_files.write_mrc(path, COUNTS),
    "npy": lambda path: em_files.write_npy(path, COUNTS),
    "mib": lambda path: em_files.write_mib(path, em_physics.stem_scan((2, 3), (16, 16))),
    "h5": write_h5,
    "tif": lambda path: Image.fromarray(COUNTS[0]).save(path),
}
SAMPLES: dict[str, bytes] = {}


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A good file of each format."""
    if not SAMPLES:
        folder = tmp_path_factory.mktemp("samples")
        for extension, write in WRITERS.items():
            write(folder / f"a.{extension}")
            SAMPLES[extension] = (folder / f"a.{extension}").read_bytes()
    return SAMPLES


@pytest.fixture(scope="module")
def hasty_pool() -> Iterator[Pool]:
    """For files of chance, some of which make a reader work for ever."""
    with Pool(workers=1, seconds=2) as opened:
        yield opened


def answer(pool: Pool, path: Path) -> str:
    """What a person is told of a file: "shown", or why not. Anything else fails the test."""
    found = pool.metadata(path)
    assert found.readable or found.why
    try:
        shown = pool.preview(path)
    except (TimedOut, Unsupported) as error:
        text = str(error)
        assert text.startswith((f"{path.name} cannot be shown: ", f"reading {path.name} took longer"))
        assert "Traceback" not in text
        assert str(path.parent) not in text
        return text
    assert shown.png.startswith(b"\x89PNG")
    return "shown"


def pids(pool: Pool) -> set[int]:
    return {worker.process.pid for worker in pool._idle}


@pytest.mark.parametrize("extension", WRITERS)
def test_good_file_is_shown(pool: Pool, samples: dict[str, bytes], tmp_path: Path, extension: str) -> None:
    (tmp_path / f"a.{extension}").write_bytes(samples[extension])
    assert answer(pool, tmp_path / f"a.{extension}") == "shown"


@pytest.mark.parametrize("extension", [name for name in WRITERS if name != "mib"])
def test_file_without_its_end_says_that_it_is_incomplete(
    pool: Pool, samples: dict[str, bytes], tmp_path: Path, extension: str
) -> None:
    """As while it is copied: the most common damage of all."""
    path = tmp_path / f"a.{extension}"
    path.write_bytes(samples[extension][: len(samples[extension]) // 2])
    assert "incomplete" in answer(pool, path)
    found = pool.metadata(path)
    assert found.readable or "incomplete" in found.why


def test_growing_scan_shows_the_frames_that_are_there(pool: Pool, samples: dict[str, bytes], tmp_path: Path) -> None:
    """A detector writes frame after frame; a part of the last one is left out."""
    path = tmp_path / "a.mib"
    path.write_bytes(samples["mib"][: len(samples["mib"]) * 3 // 4])
    assert pool.preview(path).frames == 4


@pytest.mark.parametrize("extension", WRITERS)
@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.3, 0.9, 0.999])
def test_file_cut_anywhere_is_a_normal_answer(
    pool: Pool, samples: dict[str, bytes], tmp_path: Path, extension: str, part: float
) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(samples[extension][: max(1, int(len(samples[extension]) * part))])
    before = pids(pool)
    answer(pool, path)
    assert pids(pool) & before or not before


@pytest.mark.parametrize("extension", WRITERS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_are_a_normal_answer(
    hasty_pool: Pool, samples: dict[str, bytes], tmp_path: Path, extension: str, data: st.DataObject
) -> None:
    """Bytes changed anywhere, mostly in the header, never end in anything but a picture or a sentence."""
    content = bytearray(samples[extension])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), data.draw(st.sampled_from([64, 1100, 10**9]))) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / f"a.{extension}"
    path.write_bytes(content)
    answer(hasty_pool, path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    extension=st.sampled_from(
        ["dm3", "dm4", "mrc", "npy", "mib", "hdr", "blo", "ser", "emi", "bcf", "msa", "tvips", "xml"]
    ),
    content=st.binary(min_size=1, max_size=3000),
)
def test_noise_is_a_normal_answer(hasty_pool: Pool, tmp_path: Path, extension: str, content: bytes) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(content)
    answer(hasty_pool, path)


@pytest.mark.parametrize("place", [3, 7, 11, 95])
def test_mrc_header_with_impossible_sizes_is_refused_at_once(
    pool: Pool, samples: dict[str, bytes], tmp_path: Path, place: int
) -> None:
    """A negative length is no reason to look for four billion frames."""
    content = bytearray(samples["mrc"])
    content[place] = 255
    (tmp_path / "a.mrc").write_bytes(content)
    assert "header is damaged" in answer(pool, tmp_path / "a.mrc")
    assert "header is damaged" in pool.metadata(tmp_path / "a.mrc").why


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<u2', 'fortran_order': False, 'shape': (-5, 5), }",
        b"{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (5, 5), }",
        b"{'descr': '<u2', 'fortran_order': False, 'shape': (), }",
        b"__import__('os').system('true')",
        b"[" * 5000,
    ],
)
def test_made_up_numpy_header_is_refused(pool: Pool, tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100))
    assert answer(pool, path) != "shown"


def test_numbers_that_are_no_pixels_are_left_out(pool: Pool, tmp_path: Path) -> None:
    """NaN and infinity in a float image darken or whiten nothing else."""
    image = np.tile(np.linspace(0, 100, 300, dtype="f4"), (300, 1))
    image[::7, ::5], image[3, 3] = np.nan, np.inf
    found = pool.preview(em_files.write_npy(tmp_path / "a.npy", image))
    assert 0 <= found.low < 2
    assert 98 < found.high <= 100


@pytest.mark.parametrize("value", [0, 7])
def test_even_image_is_shown(pool: Pool, tmp_path: Path, value: int) -> None:
    """An image without any contrast is no reason to fail."""
    assert pool.preview(em_files.write_npy(tmp_path / "a.npy", np.full((30, 30), value, "u2"))).width == 30


def test_image_of_nothing_but_nan_says_so(pool: Pool, tmp_path: Path) -> None:
    path = em_files.write_npy(tmp_path / "a.npy", np.full((30, 30), np.nan, "f4"))
    assert "only NaN" in answer(pool, path)
