"""A place at work, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("jupyter_modama.testing.place")

from jupyter_modama.testing.accounts import Account, Accounts  # noqa: E402
from jupyter_modama.testing.place import Place, placed  # noqa: E402


@pytest.fixture(scope="module")
def place(people: Accounts, service: Account, admin: Account, admins: str) -> Iterator[Place]:
    with placed(people, service, admin, admins) as made:
        yield made
