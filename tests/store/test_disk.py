"""The store on the disk behaves as any store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_modama.testing.store_suite import StoreSuite


def put_into(root: Path) -> Callable[..., Path]:
    """Makes files below a root as any program does."""

    def put(path: str, text: bytes | None = b"") -> Path:
        file = root / path
        if text is None:
            file.mkdir(parents=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        return file

    return put


class TestDisk(StoreSuite):
    @pytest.fixture
    def put(self, root: Path) -> Callable[..., Path]:
        return put_into(root)
