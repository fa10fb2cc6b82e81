"""A file is opened with one call, once, and again when it has changed; what cannot be opened is explained."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dm4
import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from running_libertem import Jupyter, jupyter, run, shown, start_analysis, tab

from jupyter_modama.core.errors import (
    Invalid,
    ModamaError,
    NotFound,
    NotSignedIn,
    ParametersNeeded,
    Unreachable,
    Unsupported,
)
from jupyter_modama.libertem.channel import Channel
from jupyter_modama.libertem.opener import Opener

pytestmark = [pytest.mark.server, pytest.mark.libertem, pytest.mark.usefixtures("own_state")]

EMDATA = Path(__file__).parents[2] / ".." / "shared" / "emdata"


@pytest.fixture
def opener(server: Jupyter) -> Opener:
    return Opener(server.channel)


def frames(rows: int = 4, columns: int = 4, size: int = 16, dtype: str = "<u2") -> NDArray[Any]:
    return np.arange(rows * columns * size * size).reshape(rows, columns, size, size).astype(dtype)


def npy(path: Path, **kind: Any) -> Path:
    np.save(path, frames(**kind))
    return path


# Once, and again ------------------------------------------------------------------------------------------------------


def test_data_set_is_in_a_new_tab(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """The page that the answer names shows the data set without a click."""
    path = npy(tmp_path / "scan.npy")
    opened = run(opener.open(path))
    found = run(shown(server))[opened.uuid]
    assert found["path"] == str(path)
    assert tuple(found["shape"]) == opened.shape == (4, 4, 16, 16)
    status, page = server.get(opened.url_path)
    assert status == 200
    assert "LiberTEM" in page


def test_same_path_is_opened_once(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """The second call finds what the first one loaded."""
    path = npy(tmp_path / "scan.npy")

    async def work() -> None:
        first, second = await opener.open(path), await opener.open(path)
        assert (first.already, second.already) == (False, True)
        assert first.uuid == second.uuid
        assert [k for k, v in (await shown(server)).items() if v["path"] == str(path)] == [first.uuid]

    run(work())


def test_two_at_the_same_time_load_once(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """Two clicks at once end in one data set."""
    path = npy(tmp_path / "scan.npy")

    async def work() -> None:
        both = await asyncio.gather(opener.open(path), opener.open(path))
        assert sorted(one.already for one in both) == [False, True]
        assert len({one.uuid for one in both}) == 1
        assert len([v for v in (await shown(server)).values() if v["path"] == str(path)]) == 1

    run(work())


def test_grown_file_is_loaded_again(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """During a measurement the new frames are there, and the old data set is gone."""
    path = npy(tmp_path / "scan.npy", rows=2)

    async def work() -> None:
        first = await opener.open(path)
        npy(path, rows=3)
        second = await opener.open(path)
        assert not second.already
        assert second.shape == (3, 4, 16, 16)
        assert [k for k, v in (await shown(server)).items() if v["path"] == str(path)] == [second.uuid]
        assert first.uuid != second.uuid

    run(work())


def test_file_of_same_size_with_other_content_is_loaded_again(opener: Opener, tmp_path: Path) -> None:
    """A replaced file is another data set, even if only its time differs."""
    path = npy(tmp_path / "scan.npy")

    async def work() -> None:
        first = await opener.open(path)
        os.utime(path, ns=(1, 1))
        assert (await opener.open(path)).uuid != first.uuid

    run(work())


def test_data_set_that_was_closed_in_the_page_is_loaded_again(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """What LiberTEM holds counts, not what we remember."""
    path = npy(tmp_path / "scan.npy")

    async def work() -> None:
        first = await opener.open(path)
        await server.channel.request("DELETE", f"api/datasets/{first.uuid}/")
        second = await opener.open(path)
        assert not second.already
        assert second.uuid in await shown(server)

    run(work())


@pytest.mark.parametrize(
    "name", ["ä #&%'", "100% a=b+c?x=1;", 'Übung & Test "1"', "日本 語", "%2F..%2e", "a\\b", "new\nline"]
)
def test_any_name_can_be_opened(opener: Opener, tmp_path: Path, name: str) -> None:
    """Names that LiberTEM's own links cannot express are no matter."""
    folder = tmp_path / name
    folder.mkdir()
    assert run(opener.open(npy(folder / f"{name}.npy"))).shape == (4, 4, 16, 16)


def test_a_vanished_data_set_does_not_break_the_next_page(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """After a file was removed, new pages still get their state, and other files open."""
    gone, stays = npy(tmp_path / "gone.npy"), npy(tmp_path / "stays.npy")

    async def work() -> None:
        first = await opener.open(gone)
        gone.unlink()
        with pytest.raises(NotFound):
            await opener.open(gone)
        second = await opener.open(stays)
        held = await shown(server)
        assert second.uuid in held
        assert first.uuid not in held

    run(work())


def test_opens_while_an_analysis_runs(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """A new data set does not wait for the end of somebody's long analysis, which can be cancelled meanwhile."""
    long = tmp_path / "long.npy"
    np.lib.format.open_memmap(long, "w+", "<u2", (256, 256, 256, 256))  # a hole of 8 GB

    async def work() -> None:
        opened = await opener.open(long)
        async with tab(server) as hear:
            job = await start_analysis(server, opened.uuid)
            await hear("TASK_RESULT")
            await opener.open(npy(tmp_path / "short.npy"))
            await hear("CREATE_DATASET")
            for _ in range(3):  # still far from its end, where two threads have at most two results to come
                assert (await hear("TASK_RESULT", "FINISH_JOB"))["messageType"] == "TASK_RESULT"
            await server.channel.request("DELETE", f"api/jobs/{job}/")
            await hear("CANCEL_JOB")
        await server.channel.request("DELETE", f"api/datasets/{opened.uuid}/")

    run(work())


@pytest.mark.parametrize("way", ["header", "query", "cookie"])
def test_opens_as_the_one_who_asks(server: Jupyter, tmp_path: Path, way: str) -> None:
    """A handler of the Jupyter server reaches LiberTEM however its caller has shown who he is."""
    path = quote(str(npy(tmp_path / "scan ä.npy")))
    request, cookies = f"test-open?path={path}", urllib.request.HTTPCookieProcessor()
    known = urllib.request.build_opener(cookies)
    if way == "header":
        known.addheaders = [("Authorization", f"token {server.token}")]
    elif way == "query":
        request += f"&token={server.token}"
    else:
        with known.open(f"{server.url}tree?token={server.token}"):
            pass
    with known.open(server.url + request) as answer:
        assert json.load(answer) == {"url_path": "modama-libertem/", "shape": [4, 4, 16, 16]}


def test_server_that_listens_on_one_address_reaches_itself(tmp_path: Path) -> None:
    """A server that is bound to one address of the machine is asked there, and not at the loopback's first."""
    path = npy(tmp_path / "scan.npy")
    with jupyter(tmp_path / "j", ip="127.0.0.2") as server:
        status, answer = server.get(f"test-open?path={quote(str(path))}")
    assert (status, json.loads(answer)["shape"]) == (200, [4, 4, 16, 16])


# Formats --------------------------------------------------------------------------------------------------------------


def mrc(path: Path, shape: tuple[int, int, int], sparse: bool = False, extended: int = 0) -> Path:
    """An MRC2014 stack of u2; `sparse` leaves the frames as a hole."""
    nz, ny, nx = shape
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, nx, ny, nz, 6)
    struct.pack_into("<i", header, 92, extended)
    header[208:216] = b"MAP \x44\x44\x00\x00"
    with open(path, "wb") as out:
        out.write(bytes(header) + b"e" * extended)
        if sparse:
            out.truncate(1024 + extended + nz * ny * nx * 2)
        else:
            out.write(np.arange(nz * ny * nx, dtype="<u2").tobytes())
    return path


def test_mrc_above_2_gib(opener: Opener, tmp_path: Path) -> None:
    """LiberTEM's own reader counts with 32 bits; ours goes around it."""
    opened = run(opener.open(mrc(tmp_path / "big.mrc", (300, 2048, 2048), sparse=True)))
    assert opened.shape == (1, 300, 2048, 2048)


def test_mrc_is_read_behind_its_headers(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """The numbers begin after the extended header."""
    opened = run(opener.open(mrc(tmp_path / "small.mrc", (6, 8, 8), extended=256)))
    params = run(shown(server))[opened.uuid]
    assert opened.shape == (1, 6, 8, 8)
    assert (params["offset"], params["dtype"]) == (1280, "<u2")


def test_mrc_that_is_still_copied_is_said_so(opener: Opener, tmp_path: Path) -> None:
    """A short file is not shown as something else."""
    path = mrc(tmp_path / "short.mrc", (6, 8, 8))
    os.truncate(path, 1500)
    with pytest.raises(Unsupported, match="still being written or copied"):
        run(opener.open(path))


def test_dm4_scan_without_a_word_on_its_order(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """LiberTEM refuses a 4D file that is not marked as such; the second try says that it is in the usual order."""
    opened = run(opener.open(dm4.write(tmp_path / "scan.dm4", frames(3, 5))))
    assert (opened.type, opened.shape) == ("DM", (3, 5, 16, 16))
    assert run(shown(server))[opened.uuid]["force_c_order"] is True


def test_dm4_image_and_stack(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """Other files of DigitalMicrograph need no second try."""
    assert run(opener.open(dm4.write(tmp_path / "image.dm4", frames()[0, 0]))).shape == (1, 1, 16, 16)
    assert run(opener.open(dm4.write(tmp_path / "stack.dm4", frames()[0]))).shape == (1, 4, 16, 16)


def test_hdf5_opens_the_largest_array(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """Of several arrays the largest with frames is taken, and images beside it do not disturb."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["small"] = frames(2, 2)
        file["entry/large"] = frames(5, 6)
        file["image"] = np.zeros((512, 512), "u2")
    opened = run(opener.open(path))
    assert opened.shape == (5, 6, 16, 16)
    assert run(shown(server))[opened.uuid]["ds_path"] == "entry/large"
    assert opened.warning == ""


def test_hdf5_with_five_dimensions(opener: Opener, tmp_path: Path) -> None:
    """The scan is folded to two dimensions, which is all that the page can show."""
    path = tmp_path / "series.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros((2, 3, 4, 8, 8), "u2")
    assert run(opener.open(path)).shape == (6, 4, 8, 8)


def test_badly_chunked_hdf5_is_warned_of(opener: Opener, tmp_path: Path) -> None:
    """Blocks of many frames, compressed: it opens, and says that it will be slow."""
    path = tmp_path / "slow.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", (16, 16, 256, 256), "u1", chunks=(16, 16, 32, 32), compression="gzip")
        data[0, 0] = 1
    assert "blocks of 256 frames" in run(opener.open(path)).warning


def test_hdf5_without_frames_names_the_alternative(opener: Opener, tmp_path: Path) -> None:
    """A single image is nothing for LiberTEM."""
    path = tmp_path / "image.hspy"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros((16, 16))
    with pytest.raises(Unsupported, match="HyperSpy opens single images"):
        run(opener.open(path))


def test_npy_of_one_image_and_of_a_stack(opener: Opener, tmp_path: Path) -> None:
    """Scans of no and of one dimension are brought to two."""
    np.save(tmp_path / "image.npy", np.ones((32, 32), "f4"))
    np.save(tmp_path / "stack.npy", np.ones((5, 32, 32), "f4"))
    assert run(opener.open(tmp_path / "image.npy")).shape == (1, 1, 32, 32)
    assert run(opener.open(tmp_path / "stack.npy")).shape == (1, 5, 32, 32)


def test_empad_scan_says_its_shape_in_its_name(opener: Opener, tmp_path: Path) -> None:
    """The usual name of such a file is enough, nothing is asked."""
    path = tmp_path / "scan_x4_y3.raw"
    np.zeros((3, 4, 130, 128), "<f4").tofile(path)
    opened = run(opener.open(path))
    assert (opened.type, opened.shape) == ("EMPAD", (3, 4, 128, 128))


def mib(path: Path, count: int, size: int = 64) -> Path:
    """A Merlin recording of so many frames of u2."""
    with open(path, "wb") as out:
        for number in range(1, count + 1):
            words = f"MQ1,{number:06d},00384,01,{size:04d},{size:04d},U16,   1x1,01,2020-01-01 00:00:00.000,0.001,0,0,0"
            out.write(words.encode().ljust(384, b" "))
            out.write(np.full((size, size), number, ">u2").tobytes())
    return path


def test_mib_without_header_asks_for_its_scan(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """The frames are counted, a likely scan is proposed, the answer is remembered for the folder."""
    path = mib(tmp_path / "one.mib", 6)

    async def work() -> None:
        with pytest.raises(ParametersNeeded, match="how its 6 frames were scanned") as asked:
            await opener.open(path)
        assert asked.value.facts["guess"]["nav_shape"] == [2, 3]
        with pytest.raises(Invalid, match=r"has 8 points, but one\.mib has 6 frames"):
            await opener.open(path, {"nav_shape": "2 x 4"})
        assert (await opener.open(path, {"nav_shape": "3 x 2"})).shape == (3, 2, 64, 64)
        assert (await Opener(server.channel).open(mib(tmp_path / "two.mib", 6))).shape == (3, 2, 64, 64)

    run(work())


def test_mib_is_opened_by_its_header(opener: Opener, tmp_path: Path) -> None:
    """The header file beside it knows the scan; both names are the same data set; growth of the data counts."""
    path, header = mib(tmp_path / "one.mib", 6), tmp_path / "one.hdr"
    header.write_text("HDR,\nFrames in Acquisition (Number):\t6\nFrames per Trigger (Number):\t3\nEnd\t\n")

    async def work() -> None:
        first = await opener.open(path)
        assert first.shape == (2, 3, 64, 64)
        assert (await opener.open(header)).already
        mib(path, 7)
        assert not (await opener.open(header)).already

    run(work())


# Raw files ------------------------------------------------------------------------------------------------------------


def test_raw_file_is_asked_for_once_per_folder(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """The form comes with a guess that fits; the answer opens this file and the next ones of the folder."""
    first, second = tmp_path / "one.raw", tmp_path / "two.raw"
    for path in (first, second):
        path.write_bytes(b"h" * 100 + frames(4, 4, 64, ">u2").tobytes())
    answer = {"dtype": ">u2", "nav_shape": "4 × 4", "sig_shape": [64, 64], "offset": "100"}

    async def work() -> None:
        with pytest.raises(ParametersNeeded) as asked:
            await opener.open(first)
        assert [field["name"] for field in asked.value.facts["form"]] == [
            "dtype",
            "nav_shape",
            "sig_shape",
            "offset",
            "sync_offset",
        ]
        assert asked.value.facts["file_size"] == first.stat().st_size
        assert (await opener.open(first, answer)).shape == (4, 4, 64, 64)
        assert (await opener.open(first)).already
        assert (await opener.open(first, answer)).already
        assert (await Opener(server.channel).open(second)).shape == (4, 4, 64, 64)

    run(work())


def test_raw_form_takes_its_own_guess(opener: Opener, tmp_path: Path) -> None:
    """What the form proposes can be sent back as it is."""
    path = tmp_path / "one.raw"
    path.write_bytes(frames(4, 4, 256).tobytes())

    async def work() -> None:
        with pytest.raises(ParametersNeeded) as asked:
            await opener.open(path)
        proposed = {field["name"]: field["default"] for field in asked.value.facts["form"]}
        assert (await opener.open(path, proposed)).shape == (4, 4, 256, 256)

    run(work())


def test_other_parameters_load_again(server: Jupyter, opener: Opener, tmp_path: Path) -> None:
    """A second answer replaces the data set of the first one."""
    path = tmp_path / "one.raw"
    path.write_bytes(frames(4, 4, 64).tobytes())
    answer = {"dtype": "uint16", "nav_shape": [4, 4], "sig_shape": [64, 64]}

    async def work() -> None:
        await opener.open(path, answer)
        second = await opener.open(path, {**answer, "nav_shape": [2, 8]})
        assert second.shape == (2, 8, 64, 64)
        assert [k for k, v in (await shown(server)).items() if v["path"] == str(path)] == [second.uuid]

    run(work())


def test_raw_parameters_that_do_not_fit_are_refused_in_words(opener: Opener, tmp_path: Path) -> None:
    """The sentence says what the size of the file would mean."""
    path = tmp_path / "one.raw"
    path.write_bytes(frames(4, 4, 64).tobytes())
    with pytest.raises(Invalid, match=r"has 15 points, but one\.raw has 16 frames"):
        run(opener.open(path, {"dtype": "uint16", "nav_shape": "3 x 5", "sig_shape": [64, 64]}))


# What cannot be opened ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("image.tif", b"II*\0", "HyperSpy"),
        ("map.bcf", b"AAMVHFSS", "HyperSpy"),
        ("picture.png", b"\x89PNG", "HyperSpy"),
        ("notes.txt", b"hello", "no images"),
        ("empty.mib", b"", "it is empty"),
        ("short.mib", b"MQ1,", "cut short|whole frame"),
        ("wrong.dm4", b"not a dm4 at all" * 100, "not complete|cut short"),
        ("wrong.npy", b"\x93NUMPY" + b"\0" * 500, "damaged"),
        ("wrong.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 500, "damaged"),
        ("wrong.tvips_000.tvips", b"\0" * 10, "first part|expects"),
        ("later_003.tvips", b"\0" * 10, "first part"),
        ("lonely.emi", b"IIJ", ".ser file"),
        ("wrong.ser", b"\0" * 64, "spectra, or is cut short"),
        ("wrong.seq", b"\0" * 64, "damaged|cut short"),
        ("wrong.blo", b"\0" * 64, "damaged"),
        ("wrong.hdr", b"\xff" * 64, "header|recognise"),
        ("wrong.mrc", b"\0" * 2048, "makes no sense"),
        ("unknown.xyz", b"\0" * 64, "does not recognise files of the kind .xyz"),
    ],
)
def test_what_cannot_be_opened_is_explained(
    opener: Opener, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    """Each refusal has a sentence, without a path of this machine in it, and LiberTEM lives on."""
    (tmp_path / name).write_bytes(content)

    async def work() -> None:
        with pytest.raises(Unsupported, match=sentence) as refused:
            await opener.open(tmp_path / name)
        assert str(tmp_path) not in str(refused.value.problem())
        assert (await opener.open(npy(tmp_path / "good.npy"))).shape == (4, 4, 16, 16)

    run(work())


def test_vanished_file(opener: Opener, tmp_path: Path) -> None:
    """A file that is not there any more is not found."""
    with pytest.raises(NotFound):
        run(opener.open(tmp_path / "gone.npy"))


def test_name_that_is_not_utf8(opener: Opener, tmp_path: Path) -> None:
    """LiberTEM cannot be told such a name, and the sentence says what can."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npy"))
    npy(path)
    with pytest.raises(Unsupported, match="notebook"):
        run(opener.open(path))


def test_folder_offers_its_files(opener: Opener, tmp_path: Path) -> None:
    """Of several files one is asked for, a single one is opened, and none is a sentence."""
    with pytest.raises(Unsupported, match="no file in this folder"):
        run(opener.open(tmp_path))
    npy(tmp_path / "frame10.npy")
    assert run(opener.open(tmp_path)).name == "frame10.npy"
    npy(tmp_path / "frame9.npy")
    with pytest.raises(ParametersNeeded, match="which of its files") as asked:
        run(opener.open(tmp_path))
    assert asked.value.facts["form"][0]["choices"] == ["frame9.npy", "frame10.npy"]
    assert run(opener.open(tmp_path, {"file": "frame10.npy"})).name == "frame10.npy"
    with pytest.raises(Invalid):
        run(opener.open(tmp_path, {"file": "../frame10.npy"}))


def test_stranger_is_asked_to_sign_in(server: Jupyter, tmp_path: Path) -> None:
    """Without a token the Jupyter server lets nobody through to LiberTEM."""
    with pytest.raises(NotSignedIn):
        run(Opener(Channel(server.channel.base)).open(npy(tmp_path / "a.npy")))


def test_server_without_proxy_is_named(server: Jupyter, tmp_path: Path) -> None:
    """Where the proxy does not know LiberTEM, the sentence says what to look at."""
    elsewhere = Channel(server.url + "not-libertem/", server.channel.headers)
    with pytest.raises(Unreachable, match="jupyter-server-proxy"):
        run(Opener(elsewhere).open(npy(tmp_path / "a.npy")))


@pytest.mark.skipif(not EMDATA.is_dir(), reason="the folder with real files is not here")
def test_every_real_file_opens_or_is_explained(opener: Opener) -> None:
    """48 files of real instruments, some broken: no error but ours, and many that open."""
    found: dict[str, str] = {}

    async def work() -> None:
        for path in sorted(p for p in EMDATA.rglob("*") if p.is_file() and p.parent != EMDATA):
            try:
                opened = await opener.open(path.resolve())
                found[path.name] = opened.type
                assert len(opened.shape) == 4
            except ModamaError as error:
                found[path.name] = str(error)

    run(work())
    opened = {name for name, what in found.items() if what.isupper()}
    assert all(len(sentence) > 30 and "/" not in sentence for name, sentence in found.items() if name not in opened)
    assert len(found) >= 40
    assert len(opened) >= 20
    assert {"test1.blo", "Custom_movie.mrc", "001_4x2_6bit.mib", "Si100_4D.emd", "test_00_master.h5"} <= opened
