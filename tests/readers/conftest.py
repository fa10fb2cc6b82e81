"""A pool of real workers, shared by the tests of this folder since starting one costs seconds, and files to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jupyter_modama.readers import Pool
from jupyter_modama.testing.em_files import write_dm4

pytest.importorskip("rsciio", reason="the readers' packages are not installed (extra `readers`)")


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """One for all tests that leave its workers alive."""
    with Pool(workers=2, seconds=30) as opened:
        yield opened


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A DM4 file with one image, a ramp from left to right."""
    ramp = np.tile(np.arange(300, dtype="f4"), (200, 1))
    return write_dm4(tmp_path / "image.dm4", ramp.shape, "f4", [ramp], scales=[(0.5, "nm"), (0.5, "nm")])
