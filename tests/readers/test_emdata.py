"""Real files of microscopes, some of them broken: what is made of each of them."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest

from jupyter_modama.core.errors import Unsupported
from jupyter_modama.core.model import EntryMetadata
from jupyter_modama.readers import Pool

FOLDER = Path(__file__).parents[2] / ".." / "shared" / "emdata"
ROWS = list(csv.DictReader((FOLDER / "MANIFEST.csv").read_text("utf-8").splitlines())) if FOLDER.exists() else []
EACH = pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
pytestmark = pytest.mark.skipif(not ROWS, reason="the folder of real files, ../shared/emdata, is not here")

# What cannot be shown, with a part of the sentence that says why.
REFUSED = {
    "merlin_mib_unzipped/Merlin_Single_Quad/Single_1_Frame_CounterDepth_1_Rows_256RAW.hdr": "raw counters",
    "merlin_mib_unzipped/Merlin_Single_Quad/Single_1_Frame_CounterDepth_1_Rows_256RAW.mib": "raw counters",
    "rsciio/bruker/Nope.bcf": "does not understand",
    "rsciio/arina/test_00.h5": "no numbers",
}
# Read by a route of our own, in another way than RosettaSciIO reads them.
OTHER_SHAPES = {
    "rsciio/nexus/nexus_dls_example.nxs",  # which of the signals comes first
}


def shapes_of(row: dict[str, str]) -> list[tuple[int, ...]]:
    """The shapes that RosettaSciIO found when the folder was made; empty where it found none or was not tried."""
    found = json.loads(row["rsciio_result"] or "[null, []]")[1]
    return [tuple(shape) for shape in found] if isinstance(found, list) else []


@EACH
def test_real_file_gives_a_picture_or_a_sentence(row: dict[str, str], pool: Pool) -> None:
    """No real file hangs, ends a worker or answers anything but a picture or the known reason."""
    path = FOLDER / row["path"]
    if row["path"] in REFUSED:
        with pytest.raises(Unsupported, match=REFUSED[row["path"]]):
            pool.preview(path)
        return
    found = pool.preview(path)
    assert 1 <= max(found.width, found.height) <= 256
    assert 0 <= found.frame < found.frames
    if found.kind in {"spectrum", "spectrum-map"}:
        assert len(found.curve) > 1


def test_source_is_the_key_in_the_file(pool: Pool) -> None:
    """What the reader has converted is still found in the file under the key that is given."""
    fields = pool.metadata(FOLDER / "rsciio/emd/fei_example_tem_stack.emd").fields
    assert [f.source for f in fields if f.name == "stage tilt α"] == ["Stage.AlphaTilt"]


@EACH
def test_metadata_of_real_file_is_as_recorded(row: dict[str, str], pool: Pool) -> None:
    """The signals have the shapes that were recorded for the file, and every field can be shown."""
    found = pool.metadata(FOLDER / row["path"])
    assert found.readable == (row["path"] not in REFUSED)
    assert found.format
    if not found.readable:
        assert REFUSED[row["path"]] in found.why
        return
    expected = shapes_of(row)
    if expected and row["path"] not in OTHER_SHAPES:
        assert [signal.shape for signal in found.signals][: len(expected)] == expected
    assert_presentable(found)


def assert_presentable(found: EntryMetadata) -> None:
    assert len(found.fields) <= 2100
    for field in found.fields:
        assert field.value
        assert len(field.value) <= 500
        field.value.encode("utf-8")
    for signal in found.signals:
        assert [axis.size for axis in signal.axes] == list(signal.shape)


def test_real_files_are_only_read(pool: Pool) -> None:
    """A preview changes nothing of a file."""
    row = next(row for row in ROWS if row["path"].endswith("test-1.dm4"))
    pool.preview(FOLDER / row["path"])
    assert hashlib.sha256((FOLDER / row["path"]).read_bytes()).hexdigest() == row["sha256"]


@pytest.mark.parametrize(
    ("path", "name", "value", "unit"),
    [
        ("rsciio/digitalmicrograph/2D/multi_signal.dm3", "beam energy", "300", "kV"),
        ("rsciio/digitalmicrograph/1D/test-EELS_spectrum.dm3", "beam energy", "200", "kV"),
        ("rsciio/digitalmicrograph/1D/test-EELS_spectrum.dm3", "camera length", "135", "mm"),
        ("rsciio/emd/fei_example_tem_stack.emd", "beam energy", "300", "kV"),  # written in V
        ("rsciio/emd/fei_example_tem_stack.emd", "camera length", "478", "mm"),  # in m
        ("rsciio/emd/fei_example_tem_stack.emd", "stage tilt α", "-12.586", "°"),  # in radians
        ("rsciio/emd/fei_example_dpc_titles.emd", "magnification", "910000", ""),
        ("rsciio/blockfile/test1.blo", "camera length", "200", "mm"),
        ("rsciio/blockfile/test1.blo", "beam energy", "200", "kV"),
        ("rsciio/bruker/P45_the_default_job.bcf", "beam energy", "20", "kV"),
        ("rsciio/tia/new/128x128x5-diffraction_preview.emi", "camera length", "1100", "mm"),
    ],
)
def test_well_known_facts_have_one_name_and_unit(pool: Pool, path: str, name: str, value: str, unit: str) -> None:
    """A voltage in V and one in kV are both a beam energy in kV, with the key that they have in the file."""
    fields = [field for field in pool.metadata(FOLDER / path).fields if field.name == name]
    assert [(field.value, field.unit) for field in fields] == [(value, unit)]
    assert "." in fields[0].source
