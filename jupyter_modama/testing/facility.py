"""Fixtures of pytest: a facility with a managed tree, its keeper, and a hub with the service; by real accounts."""

from __future__ import annotations

import grp
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, account, group
from jupyter_modama.testing.running_hub import Hub, running_hub
from jupyter_modama.testing.running_keeper import SERVICE, Facility, Running


@pytest.fixture(scope="session")
def service() -> Iterator[Account]:
    with account("modama-service") as made:
        yield made


@pytest.fixture(scope="session")
def admin() -> Iterator[Account]:
    with account("dora") as made:
        yield made


@pytest.fixture(scope="session")
def admins(admin: Account) -> Iterator[str]:
    """The name of the group of administrators."""
    with group("modama-admins", admin) as gid:
        yield grp.getgrgid(gid).gr_name


@pytest.fixture
def facility(root: Path, service: Account, admin: Account, admins: str, people: Accounts) -> Iterator[Facility]:
    with made_facility(root, service, admin, admins) as made:
        yield made


@contextmanager
def made_facility(root: Path, service: Account, admin: Account, admins: str) -> Iterator[Facility]:
    """A managed tree; all keepers that were started for it have ended by themselves, or at the end."""
    with trees.reachable_folder() as folder:
        yield from _facility(root, folder, service, admin, admins)


def _facility(root: Path, folder: Path, service: Account, admin: Account, admins: str) -> Iterator[Facility]:
    root.chmod(0o755)
    records = root / ".modama"
    records.mkdir(mode=0o755)
    (records / "site.json").write_text(json.dumps({"service": SERVICE}))
    site_file = folder / "site.toml"
    site_file.write_text(f'[site]\nname = "here"\nroot = "{root}"\nadministrators = "{admins}"\n\n[areas.adhoc]\n')
    for path in (records, records / "site.json", site_file):
        path.chmod(0o755 if path.is_dir() else 0o644)
    made = Facility(root, site_file, service, admin, folder)
    yield made
    left = [running for running in made.started if running.is_alive]
    for running in made.started:
        running.end()
    trees.clear(root)
    assert not left


@pytest.fixture
def keeper(facility: Facility) -> Iterator[Running]:
    with facility.keeper() as running:
        yield running


@pytest.fixture
def hub(facility: Facility, keeper: Running, people: Accounts) -> Iterator[Hub]:
    """A hub with Alice, Bob, Carol and Dora, who administrates; its service speaks with the keeper."""
    with running_hub(facility, people) as running:
        yield running
