"""Fixtures of the tests around LiberTEM."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for running_libertem, in every import mode of pytest

from running_libertem import Jupyter, jupyter

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment


@pytest.fixture(scope="session")
def libertem() -> Path:
    """The python of LiberTEM's environment; where `MODAMA_LIBERTEM_VENV` is set it has to be there."""
    try:
        return environment.find()
    except ModamaError as missing:
        if os.environ.get("MODAMA_LIBERTEM_VENV"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def server(libertem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter server that the tests of a module share."""
    with jupyter(tmp_path_factory.mktemp("jupyter") / "ä #&%'") as running:
        yield running


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of the person who runs the test, empty."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"
