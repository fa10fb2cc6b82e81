"""What all tests share: state, cache and configuration in a folder of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_modama.core.model import Actor, Site, Via
from jupyter_modama.runner import local_actor
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, accounts
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.trees import reachable_folder

pytest.register_assert_rewrite(
    *(f"jupyter_modama.testing.{name}" for name in ("store_suite", "keys_suite", "running_keeper", "running_hub"))
)

from jupyter_modama.testing.facility import admin, admins, facility, hub, keeper, service  # noqa: E402, F401 - fixtures


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read or written."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in ("MODAMA_SITE", "MODAMA_ROOT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def removable_audit(request: pytest.FixtureRequest) -> Iterator[None]:
    """The system's audit in a test's folder carries flags, with which the folder could not be removed."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None and any(folder.glob("state/audit*.jsonl")):
        trees.clear(folder / "state")


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The root of a data tree; one that other users can reach where there are some."""
    if "people" in request.fixturenames:
        with reachable_folder() as folder:
            yield folder
        return
    folder = tmp_path / "storage"
    folder.mkdir()
    yield folder


@pytest.fixture
def store(root: Path) -> Iterator[DiskStore]:
    """A store on the disk, of whoever runs the tests."""
    opened = DiskStore(Site(root=str(root)))
    yield opened
    opened.close()


@pytest.fixture
def actor() -> Actor:
    return local_actor(Via.CLI)


@pytest.fixture
def do(store: DiskStore, actor: Actor) -> Does:
    return Does(store, actor)


@pytest.fixture(scope="session")
def people() -> Iterator[Accounts]:
    """Alice, Bob and Carol, with real accounts."""
    if not as_root():
        pytest.skip("needs root to make accounts")
    with accounts() as made:
        yield made


@pytest.fixture
def by(store: DiskStore, root: Path, people: Accounts) -> Callable[[Account], Does]:
    """What the system does for one of the people, in a tree that is the system's."""
    return lambda who: Does(store, who.actor)


def as_root() -> bool:
    return os.geteuid() == 0
