"""The keys in a process of root's, and through the keeper's socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.errors import ManagedTree
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.core.ports import Keys
from jupyter_modama.keeper.inprocess import DirectKeys
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import KeysSuite
from jupyter_modama.testing.running_keeper import Facility, Running

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hold the keys")]


class TestDirect(KeysSuite):
    @pytest.fixture
    def keys(self, facility: Facility) -> Iterator[Keys]:
        store = DiskStore(facility.site, state=facility.folder / "state", keeps_tree=True)
        yield DirectKeys(store)
        store.close()


class TestKeeper(KeysSuite):
    @pytest.fixture
    def keys(self, keeper: Running) -> Keys:
        return keeper.keys


def test_nobody_else_changes_a_managed_tree(facility: Facility, people: Accounts, tmp_path: Path) -> None:
    """Not root either, in a program that is not the keeper."""
    store = DiskStore(facility.site)
    try:
        row = OPERATIONS["project.create"]
        with pytest.raises(ManagedTree):
            perform(row, row.wanted(name="p"), actor=people.alice.actor, store=store)
    finally:
        store.close()
