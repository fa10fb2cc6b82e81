"""What a server says of its own mounts, in `modama doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub_config.plan import Person, make_plan
from hub_config.reports import report_text
from jupyter_modama.checks import check_mounts
from jupyter_modama.core.model import Severity, Site
from jupyter_modama.mounts import VARIABLE, Missing, read_report

SAID = {
    "mode": "plan",
    "target": "/storage/er-c",
    "made": 2,
    "skipped": [{"what": "project adhoc/\udcff", "why": "it is not there any more"}],
}


def test_the_doctor_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next step; bytes that are no UTF-8 are shown by their numbers."""
    file = tmp_path / "report.json"
    file.write_text(json.dumps(SAID))
    monkeypatch.setenv(VARIABLE, str(file))
    [found] = check_mounts()
    assert (found.severity, found.found) == (
        Severity.WARNING,
        "project adhoc/\\xff is not mounted: it is not there any more",
    )
    assert "start it again" in found.next_step


def test_the_doctor_is_content_where_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report itself in the environment, as pods have it; and nothing to say where nobody mounts."""
    plan = make_plan(Site(root="/storage/er-c"), Person("alice", 2001, 2001))
    monkeypatch.setenv(VARIABLE, report_text(plan))
    assert [(f.severity, f.found) for f in check_mounts()] == [(Severity.OK, "the whole tree at /storage/er-c")]
    monkeypatch.delenv(VARIABLE)
    assert list(check_mounts()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"skipped": 1}', "\xff"])
def test_a_damaged_report_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """And so is one that is gone."""
    file = tmp_path / "report.json"
    file.write_text(text)
    monkeypatch.setenv(VARIABLE, str(file))
    assert [f.severity for f in check_mounts()] == [Severity.WARNING]
    file.unlink()
    assert [f.severity for f in check_mounts()] == [Severity.WARNING]


def test_a_report_in_the_environment_stays_short() -> None:
    """An environment has an end; the first fifty are enough to see what is wrong."""
    plan = make_plan(
        Site(root="/t"), Person("a", 2001, 2001), skipped=[Missing(f"project {n}\udcff", "x") for n in range(2000)]
    )
    report = read_report({VARIABLE: report_text(plan)})
    assert report is not None
    assert len(report.skipped) == 50
    assert report.skipped[0] == Missing("project 0\\xff", "x")
