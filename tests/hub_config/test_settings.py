"""The page of settings: every key that the site file takes stands in it, with what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_config import settings
from hub_config.__main__ import main
from jupyter_modama.core.site_file import SERVICES, TABLES

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_what_the_classes_say() -> None:
    assert PAGE.read_text("utf-8") == settings.page() + ("" if settings.page().endswith("\n") else "\n")


def test_every_table_of_the_site_file_has_a_heading() -> None:
    shown = settings.page()
    missing = [name for name in TABLES if f"[{name}" not in shown and f"[[{name}" not in shown]
    assert missing == []


def test_every_service_says_what_each_key_is_for() -> None:
    assert {name: set(keys) for name, keys in settings.SERVICE_SAYS.items()} == {n: set(k) for n, k in SERVICES.items()}


def test_a_key_without_words_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass

    @dataclass
    class Mute:
        key: str = ""

    monkeypatch.setattr(settings, "TABLES", (("[mute]", "", Mute),))
    with pytest.raises(LookupError, match=r"Mute\.key does not say"):
        settings.page()


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    assert capsys.readouterr().out == PAGE.read_text("utf-8")
