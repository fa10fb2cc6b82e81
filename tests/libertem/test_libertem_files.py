"""The right file is given to LiberTEM, and what it cannot read is known before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_modama.core.errors import NotAllowed, NotFound, ParametersNeeded, Unsupported
from jupyter_modama.libertem import files, words


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_bytes(b"x")
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("beside", "asked", "given"),
    [
        (["a.mib", "a.hdr"], "a.mib", "a.hdr"),
        (["a_000001.mib", "a.hdr"], "a_000001.mib", "a.hdr"),
        (["a.mib", "b.hdr"], "a.mib", "a.mib"),
        (["a.emi", "a_1.ser"], "a.emi", "a_1.ser"),
        (["a.emi", "a_2.ser"], "a.emi", "a_2.ser"),
        (["a_000.tvips", "a_001.tvips"], "a_001.tvips", "a_000.tvips"),
        (["a_000.tvips"], "a_000.tvips", "a_000.tvips"),
        (["a_master.h5", "a_data_000001.h5"], "a_master.h5", "a_data_000001.h5"),
        (["a_master.h5"], "a_master.h5", "a_master.h5"),
        (["a.NPY"], "a.NPY", "a.NPY"),
    ],
)
def test_the_file_that_knows_most_is_taken(tmp_path: Path, beside: list[str], asked: str, given: str) -> None:
    """People click on any file of a data set."""
    touch(tmp_path, *beside)
    assert files.source(tmp_path / asked).path == tmp_path / given


@pytest.mark.parametrize(
    ("beside", "asked", "sentence"),
    [
        (["a_001.tvips"], "a_001.tvips", "first part"),
        (["a.emi"], "a.emi", r"\.ser"),
        (["a_master.h5", "a_data_1.h5", "a_data_2.h5"], "a_master.h5", "links to 2 files"),
        (["a.TIF"], "a.TIF", "HyperSpy"),
    ],
)
def test_incomplete_data_sets_are_refused(tmp_path: Path, beside: list[str], asked: str, sentence: str) -> None:
    """What is missing is named."""
    touch(tmp_path, *beside)
    with pytest.raises(Unsupported, match=sentence):
        files.source(tmp_path / asked)


def test_growth_of_any_part_changes_the_fingerprint(tmp_path: Path) -> None:
    """A recording in several files is one data set."""
    first, second = touch(tmp_path, "a_000.tvips", "a_001.tvips")
    before = files.source(first).fingerprint()
    second.write_bytes(b"longer")
    assert files.source(first).fingerprint() != before


def test_header_stands_for_the_folder(tmp_path: Path) -> None:
    """A folder with one header file is that data set, whatever else lies in it."""
    touch(tmp_path, "a.hdr", "a_1.mib", "a_2.mib", "notes.txt", ".hidden.npy")
    assert files.source(tmp_path).path.name == "a.hdr"


def test_names_are_offered_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Ten comes after nine."""
    touch(tmp_path, *(f"f{n}.dm4" for n in range(1, 12)))
    with pytest.raises(ParametersNeeded) as asked:
        files.source(tmp_path)
    assert asked.value.facts["form"][0]["choices"][-2:] == ["f10.dm4", "f11.dm4"]


def test_large_folder_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files there are, only the first ones are looked at."""
    monkeypatch.setattr(files, "LOOKED_AT", 10)
    touch(tmp_path, *(f"f{n}.dm4" for n in range(30)))
    assert len(files.names_in(tmp_path)) == 10


def test_unreadable_file_is_not_allowed(tmp_path: Path) -> None:
    """A file that the person may not read is refused before LiberTEM sees it."""
    (path,) = touch(tmp_path, "a.npy")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises(NotAllowed):
        files.source(path)


def test_missing_file(tmp_path: Path) -> None:
    """Gone is gone."""
    with pytest.raises(NotFound):
        files.source(tmp_path / "a.mib")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=1100), st.integers(0, 2**50))
def test_any_mrc_header_is_read_or_refused(header: bytes, size: int) -> None:
    """Random bytes make a sentence or parameters that fit the size."""
    try:
        params = files.mrc_as_raw(header, size, "x.mrc")
    except Unsupported:
        return
    frames, rows, columns = params["nav_shape"][1], *params["sig_shape"]
    assert params["offset"] + frames * rows * columns <= size


def test_big_endian_mrc() -> None:
    """The machine stamp tells the order of the bytes."""
    header = bytearray(1024)
    header[:16] = (8).to_bytes(4, "big") + (4).to_bytes(4, "big") + (3).to_bytes(4, "big") + (2).to_bytes(4, "big")
    header[212:214] = b"\x11\x11"
    params = files.mrc_as_raw(bytes(header), 1024 + 8 * 4 * 3 * 4, "x.mrc")
    assert (params["dtype"], params["sig_shape"], params["nav_shape"]) == (">f4", [4, 8], [1, 3])


@pytest.mark.parametrize(
    ("chunks", "compression", "warned"),
    [
        ((16, 16, 32, 32), "gzip", True),
        ((16, 16, 32, 32), None, False),
        ((1, 1, 256, 256), "gzip", False),
        ((1, 4, 256, 256), "gzip", False),
        (None, None, False),
    ],
)
def test_only_chunks_that_hurt_are_warned_of(chunks: tuple[int, ...] | None, compression: str, warned: bool) -> None:
    """A warning that comes always is read by nobody."""
    info = {"shape": (64, 64, 256, 256), "chunks": chunks, "compression": compression}
    assert bool(files.chunk_warning(info)) is warned


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("either nav_shape needs to be passed, or", "shape of its scan"),
        ("", "not numbers stored this way"),
        ("Failed in nopython mode pipeline (step: x)\nTraceback", "not numbers stored this way"),
        ("[Errno 13] Permission denied: '/a/b/c.mib'", "may not read"),
        ("no answer (HTTP 500)", "want of memory"),
        ("something new in /a/b/c.mib", "LiberTEM says: something new in …/c.mib"),
    ],
)
def test_errors_of_libertem_become_sentences(said: str, sentence: str) -> None:
    """Known ones are explained, unknown ones quoted without paths."""
    why, details = words.load_failed(said, ".mib")
    assert sentence in why
    assert all("/a/b" not in one for one in [why, *details])
