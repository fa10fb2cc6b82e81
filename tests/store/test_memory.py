"""The store in memory behaves as any store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_modama.testing.memory import MemoryStore
from jupyter_modama.testing.store_suite import StoreSuite


class TestMemory(StoreSuite):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def put(self, store: MemoryStore) -> Callable[..., Any]:
        return store.put
