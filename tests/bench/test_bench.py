"""The bench itself: what it prints and refuses. Nothing is timed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import ROWS, table
from tests.bench.measure import Line, interleaved, ratio, seconds

ROOT = Path(__file__).parents[2]


def test_the_table_says_what_is_met_and_what_is_not() -> None:
    """Each line with its verdict, each row that was not measured with its reason."""
    lines = [
        Line("a page", "1 ms", "9 ms peer", "1/9", "<= 1/2", True, "twice"),
        Line("a seal", "9 ms", "1 ms peer", "9.00x", "<= 2x", False),
        Line("told only", "9 ms", "-", "", "", None),
    ]
    text = table(lines, {"libertem": "it is not installed"})
    assert [line.rsplit("|", 1)[-1].strip() for line in text.splitlines() if " | " in line][1:] == ["OK", "MISSED", ""]
    assert "a page: twice" in text
    assert "libertem was not measured: it is not installed" in text


def test_each_work_runs_in_each_round_and_the_order_turns() -> None:
    """Load from outside meets all alike."""
    ran: list[str] = []
    found = interleaved(3, {"a": lambda: ran.append("a"), "b": lambda: 7.0 if ran.append("b") is None else 0})
    assert ran == ["a", "b", "b", "a", "a", "b"]
    assert found["b"] == [7.0, 7.0, 7.0]
    assert len(found["a"]) == 3


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0000021, "2 µs"), (0.0123, "12.3 ms"), (0.5, "500 ms"), (2.5, "2.50 s"), (39.2, "39.2 s")]
)
def test_seconds_are_short(value: float, shown: str) -> None:
    assert seconds(value) == shown


def test_ratios_are_short() -> None:
    assert (ratio(1.5), ratio(1 / 400)) == ("1.50x", "1/400")


def test_unknown_rows_are_refused() -> None:
    """With the names that there are."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "listing,speed"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "there is no row speed" in done.stderr


def test_every_row_is_in_the_docs() -> None:
    """The page says how to read each."""
    page = (ROOT / "docs" / "budgets.md").read_text()
    assert [name for name in ROWS if f"`{name}`" not in page] == []
