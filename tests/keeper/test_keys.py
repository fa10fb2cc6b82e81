"""The keys in memory, in a process of root's, and through the keeper's socket."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import ManagedTree
from jupyter_modama.core.model import Site
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Keys
from jupyter_modama.keeper.inprocess import DirectKeys
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import KeysSuite
from jupyter_modama.testing.memory import MemoryStore
from jupyter_modama.testing.memory_people import MemoryAccount, MemoryAccounts, MemoryPath, memory_account
from jupyter_modama.testing.running_keeper import Facility, Running

needs_root = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hold the keys")]


class TestMemory(KeysSuite):
    @pytest.fixture
    def store(self) -> MemoryStore:  # type: ignore[override]
        """A managed tree of the system's, which this process keeps."""
        made = MemoryStore(Site(root="/memory", managed_by="the service", administrators="admins"))
        made.keeps_tree = True
        return made

    @pytest.fixture
    def keys(self, store: MemoryStore) -> Keys:
        return DirectKeys(store)

    @pytest.fixture
    def root(self, store: MemoryStore) -> MemoryPath:
        return MemoryPath(store, TreePath(""))

    @pytest.fixture
    def people(self, store: MemoryStore) -> MemoryAccounts:
        names = ("alice", "bob", "carol")
        return MemoryAccounts(*(memory_account(store, name, 2000 + n) for n, name in enumerate(names)))

    @pytest.fixture
    def admin(self, store: MemoryStore) -> MemoryAccount:
        made = memory_account(store, "dora", 3000)
        store.in_groups.add((made.uid, "admins"))
        return made

    def changeable(self, top: Any) -> list[str]:
        return list(top.changeable())

    def checksums_hold(self, session: Any) -> bool:
        lines = (session / "manifest-sha256.txt").text().splitlines()
        wanted = dict(reversed(line.split(b"  ", 1)) for line in lines)
        return wanted == {
            f"raw/{path}".encode(): hashlib.sha256(text).hexdigest().encode()
            for path, text in (session / "raw").texts().items()
        }

    def written(self, file: Any) -> AbstractContextManager[object]:
        return file.written()  # type: ignore[no-any-return]


class TestDirect(KeysSuite):
    pytestmark = needs_root

    @pytest.fixture
    def keys(self, facility: Facility) -> Iterator[Keys]:
        store = DiskStore(facility.site, state=facility.folder / "state", keeps_tree=True)
        yield DirectKeys(store)
        store.close()


class TestKeeper(KeysSuite):
    pytestmark = needs_root

    @pytest.fixture
    def keys(self, keeper: Running) -> Keys:
        return keeper.keys


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hold the keys")
def test_nobody_else_changes_a_managed_tree(facility: Facility, people: Accounts, tmp_path: Path) -> None:
    """Not root either, in a program that is not the keeper."""
    store = DiskStore(facility.site)
    try:
        row = OPERATIONS["project.create"]
        with pytest.raises(ManagedTree):
            perform(row, row.wanted(name="p"), actor=people.alice.actor, store=store)
    finally:
        store.close()
