"""A server whose mounts follow memberships waits for them, before it shows what was just changed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_modama.core.model import Event
from jupyter_modama.mounts import VARIABLE
from jupyter_modama.server import following
from jupyter_modama.server.following import wait_for_mounts, wait_for_project


def test_a_new_project_is_waited_for(tmp_path: Path) -> None:
    """It comes a moment after the service has made it, and is there when this returns."""
    project = tmp_path / "adhoc" / "löchrig #7"
    later = threading.Timer(0.3, project.mkdir, kwargs={"parents": True})
    later.start()
    wait_for_project(str(tmp_path), "project.create", {"path": "adhoc/löchrig #7"})
    assert project.is_dir()
    later.join()


def test_a_project_that_does_not_come_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 0.2)
    wait_for_project(str(tmp_path), "project.rename", {"path": "adhoc/gone"})


def test_other_answers_are_handed_on_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following.time, "sleep", lambda _: pytest.fail("waited"))
    wait_for_project(str(tmp_path), "project.update", {"path": "adhoc/p"})
    wait_for_project(str(tmp_path), "project.create", {"job": {"id": "1"}})


@pytest.mark.parametrize(
    ("mode", "type_", "waits"), [("live", "members", True), ("live", "job", False), ("acl", "members", False)]
)
def test_news_of_members_wait_for_mounts_that_follow(
    monkeypatch: pytest.MonkeyPatch, mode: str, type_: str, waits: bool
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(following.time, "sleep", slept.append)
    monkeypatch.setenv(VARIABLE, f'{{"mode": "{mode}"}}')
    wait_for_mounts(Event(1, type_, "adhoc/p", "", datetime.now(UTC)))
    assert bool(slept) is waits


def test_a_server_without_mounts_of_its_own_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("", "{", "/nowhere/at/all"):
        monkeypatch.setenv(VARIABLE, said)
        assert not following.mounts_follow()
