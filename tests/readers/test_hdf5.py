"""HDF5: what a picture may cost to unpack, and any HDF5 file without a reader of its own."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from jupyter_modama.core.errors import Unsupported
from jupyter_modama.readers import Pool, PreviewWish
from jupyter_modama.readers.hdf5 import ChunkedFrames, price
from jupyter_modama.readers.opening import Refused


def packed(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], fill: int = 7) -> Path:
    """A file whose every stored chunk is the same few bytes, however large it unpacks: made in no time.

    Only the chunks of the central frame are stored; the others are never asked for.
    """
    chunk = zlib.compress(np.full(chunks, fill, "u2").tobytes(), 1)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("entry/data", shape, "u2", chunks=chunks, compression="gzip", compression_opts=1)
        place = [n // 2 // c * c for n, c in zip(shape[:-2], chunks, strict=False)]
        for y in range(0, shape[-2], chunks[-2]):
            for x in range(0, shape[-1], chunks[-1]):
                data.id.write_direct_chunk((*place, y, x), chunk)
    return path


def test_price_counts_whole_chunks(tmp_path: Path) -> None:
    """A region costs all chunks that it touches, as HDF5 unpacks no part of one."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("d", (8, 8, 64, 64), "u2", chunks=(4, 4, 16, 16))
        frame = ((3, 4), (3, 4), (0, 64), (0, 64))
        assert price(data, frame) == 16 * (4 * 4 * 16 * 16) * 2
        assert price(data, ((3, 5), (3, 4), (15, 17), (0, 1))) == 4 * (4 * 4 * 16 * 16) * 2
        flat = file.create_dataset("flat", (8, 8), "u2")
        assert price(flat, ((0, 2), (0, 8))) == 32


def test_well_packed_scan_is_shown_whole(tmp_path: Path, pool: Pool) -> None:
    path = packed(tmp_path / "scan.h5", (16, 16, 256, 256), (1, 1, 256, 256))
    found = pool.preview(path, PreviewWish(contrast="minmax"))
    assert (found.width, found.height, found.low, found.frames) == (256, 256, 7, 256)
    assert "part" not in found.caption


def test_each_data_set_of_a_file_can_be_shown(tmp_path: Path, pool: Pool) -> None:
    """The picture says how many there are, and the wish which one."""
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"] = np.zeros((32, 48), "u2")
        file["b"] = np.ones((5, 24, 16), "u2")
    shown = [pool.preview(tmp_path / "two.h5", PreviewWish(signal=number)) for number in (0, 1)]
    assert [found.signals for found in shown] == [2, 2]
    assert {found.signal.shape for found in shown} == {(32, 48), (5, 24, 16)}
    with pytest.raises(Unsupported, match=r"2 data set\(s\)"):
        pool.preview(tmp_path / "two.h5", PreviewWish(signal=2))


def test_badly_packed_scan_shows_its_middle(tmp_path: Path, pool: Pool) -> None:
    """Where a whole frame costs too much, its middle is shown, and the caption says so."""
    path = packed(tmp_path / "scan.h5", (64, 64, 512, 512), (32, 32, 32, 32))
    found = pool.preview(path, PreviewWish(contrast="minmax"))
    assert "only the central part" in found.caption
    assert 64 <= found.width < 512
    assert found.low == 7
    assert found.signal.shape == (64, 64, 512, 512)


def test_pieces_that_are_too_large_are_not_unpacked(tmp_path: Path, pool: Pool) -> None:
    """One chunk of 288 MB, some kB in the file: metadata only, and the worker lives."""
    path = packed(tmp_path / "bomb.h5", (1, 12_000, 12_000), (1, 12_000, 12_000))
    assert path.stat().st_size < 10 << 20
    with pytest.raises(Unsupported, match="such large pieces"):
        pool.preview(path)
    assert pool.metadata(path).signals[0].shape == (1, 12_000, 12_000)


class Counting:
    """A data set that remembers what was read of it."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.dataset, self.read = dataset, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.dataset, name)

    def __getitem__(self, region: tuple[slice, ...]) -> object:
        bounds = tuple((each.start, each.stop) for each in region)
        self.read += price(self.dataset, bounds)
        return np.zeros([stop - start for start, stop in bounds], self.dataset.dtype)


@pytest.mark.parametrize("chunks", [(1, 1, 512, 512), (8, 8, 64, 64), (32, 32, 32, 32), (64, 64, 8, 8), (64, 64, 1, 1)])
def test_budget_holds_for_any_packing(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    """Never more than the budget is unpacked for one picture, however the file is chunked."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = Counting(file.create_dataset("d", (64, 64, 512, 512), "u2", chunks=chunks))
        try:
            ChunkedFrames(data, 2).frame((32, 32), 256)
        except Refused:
            pytest.fail("each of these can be shown in part")
        assert 0 < data.read <= 192 << 20


def test_largest_images_come_first(tmp_path: Path, pool: Pool) -> None:
    path = tmp_path / "mixed.h5"
    with h5py.File(path, "w") as file:
        file["small"] = np.zeros((4, 4))
        file["curve"] = np.zeros(100_000)
        file["large"] = np.zeros((50, 60), "f4")
        file["text"] = "words"
    found = pool.metadata(path)
    assert [(signal.title, signal.kind) for signal in found.signals] == [
        ("large", "image"),
        ("small", "image"),
        ("curve", "spectrum"),
    ]
    assert pool.preview(path, PreviewWish(signal=2)).curve


def test_file_that_is_open_for_writing_is_read(tmp_path: Path, pool: Pool) -> None:
    """A detector may still hold the file; no lock stops a preview."""
    with h5py.File(tmp_path / "live.h5", "w") as file:
        file["d"] = np.arange(64.0).reshape(8, 8)
        file.flush()
        assert pool.preview(tmp_path / "live.h5", PreviewWish(contrast="minmax")).high == 63
