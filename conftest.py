"""Options of the test run; here, since pytest reads them before it looks into `tests/`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures",
        action="store_true",
        help="keep a picture of each step of the browser tests, light and dark, in docs/pictures",
    )
