"""What instruments wrote, as rows that can be told apart."""

from __future__ import annotations

import pytest

from jupyter_modama.core.model import Axis
from jupyter_modama.readers.facts import calibration, fields_of


def test_axis_that_begins_elsewhere_says_where() -> None:
    axes = [Axis("x", 4, 0.5, -32.0, "nm"), Axis("scan x", 4, 2.0, 0.0, "nm", navigate=True), Axis("y", 4)]
    assert [(f.name, f.value, f.unit) for f in calibration(axes)] == [
        ("pixel size (x)", "0.5", "nm"),
        ("begins at (x)", "-32", "nm"),
        ("step (scan x)", "2", "nm"),
    ]


@pytest.mark.parametrize(("origin", "text"), [(0.0, "0.5 e-"), (3.0, "0.5 e-, origin 3")])
def test_scale_is_one_row(origin: float, text: str) -> None:
    """The three facts of a scale have its name together."""
    found = fields_of({}, {"Calibrations": {"Brightness": {"Origin": origin, "Scale": 0.5, "Units": "e-"}}})
    assert [(f.name, f.value, f.source) for f in found] == [("Brightness", text, "Calibrations.Brightness")]


def test_rows_of_one_name_say_what_they_are_in() -> None:
    found = fields_of({}, {"Lens": {"C1": {"Value": 1}, "C2": {"Value": 2}}, "Scale": {"Units": "nm"}})
    assert [f.name for f in found if f.group == "Instrument"] == ["C1 Value", "C2 Value"]
    assert [f.name for f in found if f.group == "Calibration"] == ["Units"]


def test_original_file_name_is_no_calibration() -> None:
    (found,) = fields_of({"General": {"original_filename": "a.dm4"}}, {})
    assert found.group == "File"
