"""Options of the test run; here, since pytest reads them before it looks into `tests/`."""

from __future__ import annotations

import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell without job control starts what is in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests of Ctrl-C, and the programs that they start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures",
        action="store_true",
        help="keep a picture of each step of the browser tests, light and dark, in docs/pictures",
    )
