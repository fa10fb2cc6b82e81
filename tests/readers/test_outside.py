"""A file must not make its reader read another one, write, or run anything."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from jupyter_modama.core.errors import Unsupported
from jupyter_modama.readers import Pool, PreviewWish, what_can_be_done
from jupyter_modama.readers.formats import companion_names, format_of
from jupyter_modama.testing.em_files import write_mib


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The folder of the stranger's file."""
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of somebody else, which the worker's user could read."""
    folder = tmp_path / "others"
    folder.mkdir()
    with h5py.File(folder / "secret.h5", "w") as file:
        file["data"] = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    (folder / "secret.raw").write_bytes(bytes(range(256)) * 32)
    return folder


def refused(pool: Pool, path: Path) -> str:
    """The sentence that a file is refused with, the same for picture and metadata."""
    with pytest.raises(Unsupported) as error:
        pool.preview(path)
    found = pool.metadata(path)
    assert not found.readable
    assert not found.signals
    assert found.why in str(error.value)
    return found.why


@pytest.mark.parametrize("extension", ["h5", "hspy", "nxs", "emd", "hdf5"])
def test_external_link_to_another_folder_is_refused(pool: Pool, mine: Path, secret: Path, extension: str) -> None:
    path = mine / f"scan.{extension}"
    with h5py.File(path, "w") as file:
        file["own"] = np.zeros((8, 8))
        file["deep/down/other"] = h5py.ExternalLink(str(secret / "secret.h5"), "/data")
    assert "another file" in refused(pool, path)


@pytest.mark.parametrize("target", ["../others/secret.h5", "./../others/secret.h5", "..", ""])
def test_external_link_by_a_relative_path_is_refused(pool: Pool, mine: Path, secret: Path, target: str) -> None:
    path = mine / "scan.h5"
    with h5py.File(path, "w") as file:
        file["other"] = h5py.ExternalLink(target or "x/../../others/secret.h5", "/data")
    assert "another file" in refused(pool, path)


def test_raw_storage_elsewhere_is_refused(pool: Pool, mine: Path, secret: Path) -> None:
    path = mine / "scan.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("d", (64, 64), "u1", external=[(str(secret / "secret.raw"), 0, 4096)])
    assert "another file" in refused(pool, path)


def test_virtual_data_elsewhere_is_refused(pool: Pool, mine: Path, secret: Path) -> None:
    path = mine / "scan.h5"
    layout = h5py.VirtualLayout((64, 64), "u2")
    layout[:] = h5py.VirtualSource(str(secret / "secret.h5"), "data", (64, 64))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("d", layout)
    assert "another file" in refused(pool, path)


def test_virtual_data_of_the_same_file_is_read(pool: Pool, mine: Path) -> None:
    path = mine / "scan.h5"
    layout = h5py.VirtualLayout((32, 32), "u2")
    layout[:] = h5py.VirtualSource(".", "real", (32, 32))
    with h5py.File(path, "w") as file:
        file["real"] = np.arange(1024, dtype="u2").reshape(32, 32)
        file.create_virtual_dataset("view", layout)
    assert pool.preview(path, PreviewWish(contrast="minmax")).high == 1023


def test_external_link_to_a_file_beside_it_is_followed(pool: Pool, mine: Path) -> None:
    """Detectors write a master file and its data files; those are one data set."""
    with h5py.File(mine / "scan_data_1.h5", "w") as file:
        file["entry/data"] = np.arange(4 * 16 * 16, dtype="u2").reshape(4, 16, 16)
    with h5py.File(mine / "scan_master.h5", "w") as file:
        file["entry/data"] = h5py.ExternalLink("scan_data_1.h5", "/entry/data")
    found = pool.preview(mine / "scan_master.h5", PreviewWish(frame=3, contrast="minmax"))
    assert found.signal.shape == (4, 16, 16)
    assert (found.low, found.high) == (768, 1023)


def test_link_beside_it_that_leads_elsewhere_is_refused(pool: Pool, mine: Path, secret: Path) -> None:
    """A file beside it that is a symbolic link, or that points on, is no way out either."""
    (mine / "data.h5").symlink_to(secret / "secret.h5")
    with h5py.File(mine / "first.h5", "w") as file:
        file["d"] = h5py.ExternalLink("data.h5", "/data")
    assert "not beside it" in refused(pool, mine / "first.h5")
    with h5py.File(mine / "second.h5", "w") as file:
        file["d"] = h5py.ExternalLink(str(secret / "secret.h5"), "/data")
    with h5py.File(mine / "third.h5", "w") as file:
        file["d"] = h5py.ExternalLink("second.h5", "/d")
    assert "further files" in refused(pool, mine / "third.h5")


def test_soft_links_in_a_circle_end(pool: Pool, mine: Path) -> None:
    path = mine / "circle.h5"
    with h5py.File(path, "w") as file:
        file["a/b"] = h5py.SoftLink("/a")
        file["a/c"] = file["a"]
        file["a/d"] = h5py.SoftLink("/nowhere")
        file["a/image"] = np.eye(8)
    assert pool.preview(path).signal.shape == (8, 8)


def test_companion_that_is_a_link_is_not_read(pool: Pool, mine: Path, secret: Path) -> None:
    """The numbers of a Merlin header must lie beside it, as a file."""
    write_mib(secret / "scan.mib", np.ones((2, 2, 16, 16), "u2"))
    (secret / "scan.hdr").rename(mine / "scan.hdr")
    (mine / "scan.mib").symlink_to(secret / "scan.mib")
    assert "not beside it" in refused(pool, mine / "scan.hdr")


@pytest.mark.parametrize("name", ["/etc/passwd.raw", "../others/secret.raw"])
def test_companion_is_a_name_never_a_path(name: str) -> None:
    head = f'<root><raw_file filename="{name}"/></root>'.encode()
    assert all("/" not in found for found in companion_names(format_of("scan.xml"), "scan.xml", head))


def test_empad_header_cannot_name_another_folder(pool: Pool, mine: Path, secret: Path) -> None:
    """The reader of EMPAD files joins the name that the header gives with the folder; the fence holds."""
    name = secret / "scan_x2_y2.raw"
    name.write_bytes(b"\0" * (4 * 130 * 128 * 4))
    path = mine / "scan.xml"
    path.write_text(
        f'<?xml version="1.0"?><root><raw_file filename="{name}"/><pix_x>2</pix_x><pix_y>2</pix_y>'
        '<timestamp isoformat="2020-01-01T00:00:00"/></root>'
    )
    with pytest.raises(Unsupported, match="outside of its own folder"):
        pool.preview(path)


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.path),))


def test_pickles_are_not_opened(pool: Pool, mine: Path) -> None:
    """Neither as a numpy file nor hidden in a container."""
    mark = mine / "bang"
    np.save(mine / "a.npy", np.array([Bomb(mark)], dtype=object), allow_pickle=True)
    assert "objects" in refused(pool, mine / "a.npy")
    with zipfile.ZipFile(mine / "b.prz", "w") as file:
        file.write(mine / "a.npy", "data.npy")
        file.write(mine / "a.npy", "meta_data.npy")
    refused(pool, mine / "b.prz")
    (mine / "c.npy").write_bytes(pickle.dumps(Bomb(mark)))
    refused(pool, mine / "c.npy")
    assert not mark.exists()


def test_zarr_folder_is_one_item_and_stays_in_itself(pool: Pool, mine: Path, secret: Path) -> None:
    """A chunk that is a link to somewhere else is not read."""
    pytest.importorskip("zarr", reason="zarr is not installed")
    from rsciio.zspy import file_writer

    from jupyter_modama.testing import em_physics

    signal = {
        "data": em_physics.lattice_image(64), "attributes": {"_lazy": False}, "original_metadata": {},
        "metadata": {"General": {"title": ""}},
        "axes": [
            {"name": n, "size": 64, "scale": 1.0, "offset": 0.0, "units": "nm", "navigate": False, "index_in_array": i}
            for i, n in enumerate("yx")
        ],
        "learning_results": {}, "models": {}, "package_info": {}, "tmp_parameters": {},
    }  # fmt: skip
    path = mine / "image.zspy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's about itself
        file_writer(str(path), signal)
    assert pool.preview(path).signal.shape == (64, 64)
    (chunk,) = [found for found in path.rglob("data/**/*") if found.is_file() and found.name[0].isdigit()]
    # Elsewhere lies a chunk that fits: only the fence can say no.
    chunk.rename(secret / "chunk")
    chunk.symlink_to(secret / "chunk")
    with pytest.raises(Unsupported, match="outside of its own folder"):
        pool.preview(path)


def test_format_whose_reader_evaluates_text_is_not_offered(pool: Pool, mine: Path) -> None:
    (mine / "a.nc").write_bytes(b"CDF\x01")
    assert not what_can_be_done("a.nc", False).preview
    assert "not safe" in refused(pool, mine / "a.nc")
