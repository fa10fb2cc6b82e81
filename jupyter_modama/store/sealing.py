"""The mechanics of sealing on a disk."""

from __future__ import annotations

from typing import Any


class DiskSealing:
    def __init__(self, store: Any) -> None:
        self.store = store

    def recorded_sha256(self, session: str, path: str) -> str:
        return ""
