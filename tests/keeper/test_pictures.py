"""Files are read for people by a process of its own: pictures, metadata, refusals, and a process that dies."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jupyter_modama.core.errors import Invalid, NotFound, Unreachable, Unsupported
from jupyter_modama.keeper.pictures import Pictures
from jupyter_modama.testing.em_files import write_dm4

pytestmark = pytest.mark.timeout(300)
RAW = "adhoc/p/s/raw"
AWKWARD = "a ä #&%'.dm4"


@pytest.fixture
def pictures(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pictures]:
    raw = root / RAW
    raw.mkdir(parents=True)
    write_dm4(raw / AWKWARD, (48, 64), "f4", [np.arange(64 * 48, dtype=np.float32).reshape(48, 64)])
    (raw / "broken.dm4").write_bytes(b"nothing of that kind")
    (root / "outside.txt").symlink_to("/etc/passwd")
    monkeypatch.setenv("MODAMA_ROOT", str(root))
    made = Pictures()
    yield made
    made.close()


def test_file_has_a_picture_and_metadata(pictures: Pictures) -> None:
    """The same answers as the server of a person gives."""
    shown = pictures.ask("entry.preview", {"path": f"{RAW}/{AWKWARD}", "size": "64"})
    assert base64.b64decode(shown["png"]).startswith(b"\x89PNG")
    assert json.loads(shown["facts"])["kind"] == "image"
    assert shown["etag"]
    told = pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})
    assert told["readable"]


@pytest.mark.parametrize(
    ("verb", "wanted", "error"),
    [
        ("entry.preview", {"path": f"{RAW}/none.dm4"}, NotFound),
        ("entry.preview", {"path": "../../etc/passwd"}, Invalid),
        ("entry.preview", {"path": "outside.txt"}, Unsupported),
        ("entry.preview", {"path": f"{RAW}/broken.dm4"}, Unsupported),
        ("entry.preview", {"path": f"{RAW}/{AWKWARD}", "size": "many"}, Invalid),
        ("entry.preview", {"path": f"{RAW}/{AWKWARD}", "size": 64}, Invalid),
        ("entry.preview", {"path": f"{RAW}/{AWKWARD}", "colour": "red"}, Invalid),
        ("entry.metadata", {"path": f"{RAW}/none.dm4"}, NotFound),
        ("entry.preview", ["path"], Invalid),
    ],
)
def test_what_cannot_be_read_is_said_as_always(
    pictures: Pictures, verb: str, wanted: object, error: type[Exception]
) -> None:
    """And the process goes on for the next question."""
    with pytest.raises(error):
        pictures.ask(verb, wanted)
    assert pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})["readable"]


def test_process_that_has_died_is_replaced(pictures: Pictures) -> None:
    """The next question has a new process."""
    pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})
    process = pictures._process
    assert process is not None
    process.kill()
    process.wait(30)
    assert pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})["readable"]


def test_process_that_dies_over_a_question_costs_that_one(pictures: Pictures) -> None:
    """Who asked is told so, in words."""
    pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})
    process = pictures._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(0.5, process.kill).start()
    with pytest.raises(Unreachable, match="please try again"):
        pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})
    assert pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})["readable"]


def test_closing_ends_the_process(pictures: Pictures) -> None:
    """Nothing of it is left."""
    pictures.ask("entry.metadata", {"path": f"{RAW}/{AWKWARD}"})
    process = pictures._process
    assert process is not None
    pictures.close()
    assert process.poll() is not None
