"""What a crash left under names that were to be there for a moment."""

from __future__ import annotations

import os
import time
from pathlib import Path

from jupyter_modama.store.changes import FORGOTTEN_S
from jupyter_modama.store.jobs import JobFolder
from jupyter_modama.testing.doing import Does

MARK = "0123abcd"


def test_what_a_crash_left_is_gone_after_the_night(root: Path, do: Does) -> None:
    """What is less than an hour old can still be in use, and what people named so is theirs."""
    do("project.create", name="p")
    do("session.create", project="adhoc/p", name="s")
    session = root / "adhoc/p/s"
    left = [session.parent / f".modama-new-{MARK}", root / f"adhoc/.modama-new-{MARK}"]
    for folder in left:
        folder.mkdir()
    copies = [session / f".modama/.session.json.{MARK}", session.parent / f".modama/.totals.json.{MARK}"]
    copies += [session / f".manifest-sha256.txt.{MARK}", session / f".modama/.manifest.jsonl.{MARK}"]
    fresh, theirs = session / ".modama/.session.json.89abcdef", session / f".notes.txt.{MARK}"
    for file in (*copies, fresh, theirs):
        file.write_text("{")
    then = time.time() - FORGOTTEN_S - 60
    for path in (*left, *copies, theirs):
        os.utime(path, (then, then))
    do("site.nightly")
    assert [path for path in (*left, *copies) if path.exists()] == []
    assert fresh.exists()
    assert theirs.exists()


def test_half_written_jobs_are_forgotten(tmp_path: Path) -> None:
    """Unless somebody runs the job, who may be writing it at this moment."""
    book = JobFolder(tmp_path)
    for job_id in ("20261121-181354-076353-aaaaaaaa", "20261121-181354-076353-bbbbbbbb"):
        (tmp_path / f".{job_id}.json.{MARK}").write_text("{")
    (tmp_path / "20261121-181354-076353-cccccccc.actor").write_text("{}")
    claim = book.claim("20261121-181354-076353-bbbbbbbb")
    book.forget_old()
    claim.release()
    assert sorted(path.name for path in tmp_path.glob(".*")) == [f".20261121-181354-076353-bbbbbbbb.json.{MARK}"]
    assert list(tmp_path.glob("*.actor")) == []
    assert sorted(path.name for path in tmp_path.glob("*.lock")) == ["20261121-181354-076353-bbbbbbbb.lock"]
