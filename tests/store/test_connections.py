"""From where accounts are connected, as smbstatus tells it, or does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.store import connections
from jupyter_modama.store.connections import Connections

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def answer(*sessions: tuple[int, str, datetime]) -> dict[str, Any]:
    """What smbstatus of Samba 4.17 answers to both questions, as far as it is read."""
    rows = [(str(number), *one) for number, one in enumerate(sessions)]
    return {
        "sessions": {n: {"session_id": n, "uid": uid, "hostname": where} for n, uid, where, _ in rows},
        "tcons": {f"t{n}": {"session_id": n, "connected_at": since.isoformat()} for n, _, _, since in rows},
    }


@pytest.fixture
def says(tmp_path: Path) -> Any:
    """A program in the place of smbstatus, which answers with a text."""

    def write(text: str | dict[str, Any]) -> Connections:
        said = text if isinstance(text, str) else json.dumps(text)
        (tmp_path / "said").write_text(said, errors="surrogateescape")
        program = tmp_path / "smbstatus"
        program.write_text(
            f'#!/bin/sh\n[ "$2" = --shares ] || echo asked >> "{tmp_path}/asked"\ncat "{tmp_path}/said"\n'
        )
        program.chmod(0o755)
        return Connections(program=str(program))

    return write


def test_account_has_the_address_of_its_connection(says: Any) -> None:
    """Not that of another account, and not for what came before it."""
    found = says(answer((1001, "ipv4:10.1.2.3:49152", NOW - HOUR), (1002, "ipv6:fd00::17:445", NOW - HOUR)))
    found.look()
    assert found.addresses(1001, NOW) == ("10.1.2.3",)
    assert found.addresses(1002, NOW) == ("fd00::17",)
    assert found.addresses(1003, NOW) == found.addresses(1001, NOW - 2 * HOUR) == ()
    assert found.addresses(1001, NOW + HOUR) == (), "nobody knows whether it is connected then"


def test_two_connections_of_an_account_are_both_named(says: Any) -> None:
    found = says(answer(*((1001, f"ipv4:10.1.2.{n}:1", NOW - HOUR) for n in (4, 3))))
    found.look()
    assert found.addresses(1001, NOW) == ("10.1.2.3", "10.1.2.4")


def test_connection_is_remembered_after_its_end(says: Any, tmp_path: Path) -> None:
    """For the time in which it was seen."""
    found = says(answer((1001, "ipv4:10.1.2.3:1", NOW - HOUR)))
    found.look()
    (tmp_path / "said").write_text(json.dumps(answer()))
    found._asked -= 2 * connections.AGAIN_S
    found.look()
    assert found.addresses(1001, NOW) == ("10.1.2.3",)


def test_samba_is_asked_once_in_a_while(says: Any, tmp_path: Path) -> None:
    """However many files are closed meanwhile, unless sooner is asked for; one that is silent is left alone."""
    found = says(answer())
    for _ in range(20):
        found.look()
    assert (tmp_path / "asked").read_text().count("asked") == 1
    assert found._pause == 0
    found.look(0.0)
    assert (tmp_path / "asked").read_text().count("asked") == 2
    silent = says("")
    silent.look()
    silent.look(0.0)
    assert silent._pause == 2 * connections.AGAIN_S


@pytest.mark.parametrize(
    "said",
    [
        *("", "{", "[]", "null", "Can't load smb.conf", '{"sessions": []}', '{"sessions": {"1": 7}}', "\udcff"),
        {"sessions": {"1": {"session_id": "1", "uid": "1001", "hostname": "ipv4:10.1.2.3:1"}}},
        *(answer((1001, where, NOW - HOUR)) for where in ("", "ipv4:", "mic1", "ipv4:no.address:1", "unix:/run/x:1")),
        {**answer((1001, "ipv4:10.1.2.3:1", NOW - HOUR)), "tcons": {"1": {"session_id": "0", "connected_at": "then"}}},
        {**answer((1001, "ipv4:10.1.2.3:1", NOW - HOUR)), "tcons": {}},
        {**answer((1001, "ipv4:10.1.2.3:1", NOW - HOUR)), "tcons": {"1": {"session_id": "0"}}},
    ],
)
def test_answer_that_is_none_says_nothing(says: Any, said: str | dict[str, Any]) -> None:
    found = says(said)
    found.look()
    assert found.addresses(1001, NOW) == ()


def test_without_samba_nothing_is_known(tmp_path: Path) -> None:
    found = Connections(program=str(tmp_path / "none"))
    found.look()
    assert found.addresses(0, NOW) == ()


def test_samba_that_hangs_is_not_waited_for_twice(says: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE_S", 0.2)
    found = says("")
    (tmp_path / "smbstatus").write_text(f'#!/bin/sh\necho asked >> "{tmp_path}/asked"\nexec sleep 60\n')
    for _ in range(3):
        found.look()
    assert (tmp_path / "asked").read_text().count("asked") == 1
    assert found._pause > connections.AGAIN_S


def test_what_is_remembered_is_bounded(says: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 3)
    found = says(answer(*((uid, "ipv4:10.1.2.3:1", NOW - HOUR) for uid in range(9))))
    found.look()
    assert len(found._seen) == 3
