"""Files in the panel: large folders, menus, notebooks, LiberTEM."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment

from .conftest import Panel

MANY = 100_000


def session_with(panel: Panel, project: str, files: dict[str, bytes]) -> Path:
    """A new session with these raw files, and the panel on them; answers the session's folder."""
    panel.new_project(project).new_session("2024-05-05-files")
    session = panel.lab.tree / "adhoc" / project / "2024-05-05-files"
    for name, content in files.items():
        (session / "raw" / name).write_bytes(content)
    panel.button("Raw files")
    for name in list(files)[:1]:
        expect(panel.row(name)).to_be_visible()
    return session


@pytest.mark.slow
def test_hundred_thousand_files_are_walked_without_waiting(panel: Panel) -> None:
    """Only what is in sight is in the page, and the last entry is one key away."""
    panel.new_project("many").new_session("2024-05-06-many")
    raw = panel.lab.tree / "adhoc/many/2024-05-06-many/raw"
    for index in range(MANY):
        os.close(os.open(raw / f"frame-{index:06}.tif", os.O_CREAT | os.O_WRONLY, 0o644))
    panel.button("Raw files")
    expect(panel.row("frame-000000.tif")).to_be_visible(timeout=60_000)
    expect(panel.root.locator(".mo-count")).to_contain_text("100,000")
    panel.root.locator(".mo-list").press("End")
    expect(panel.row(f"frame-{MANY - 1:06}.tif")).to_have_attribute("aria-selected", "true")
    expect(panel.row(f"frame-{MANY - 1:06}.tif")).to_have_attribute("aria-posinset", str(MANY))
    assert panel.root.locator(".mo-row").count() < 200


def test_names_of_every_kind_are_shown_and_selected(panel: Panel) -> None:
    """What a file may be called can be clicked, also where it is no UTF-8."""
    names = ["ä #&%'.txt", "with  spaces.txt", "<b>bold.txt", "日本語.txt"]
    session = session_with(panel, "odd-names", {name: b"x" for name in names})
    (session / "raw" / os.fsdecode(b"latin-\xe4.txt")).write_bytes(b"x")
    panel.root.get_by_role("button", name="Refresh").click()
    expect(panel.root.locator('.mo-row[data-name^="latin-"]')).to_be_visible()
    for name in names:
        panel.row(name.replace('"', '\\"')).click()
        expect(panel.root.locator(".mo-file h3")).to_have_text(name)
    panel.root.locator('.mo-row[data-name^="latin-"]').click()
    expect(panel.root.locator(".mo-file h3")).to_contain_text("latin-")


def test_filter_and_sort(panel: Panel) -> None:
    """The list shows what one looks for, in the order that one wants."""
    session_with(panel, "sorted", {"a.dm4": b"123", "b.dm4": b"1", "c.mib": b"12"})
    rows = panel.root.locator(".mo-row")
    panel.root.get_by_role("combobox", name="Sort by").select_option("-size")
    expect(rows.first).to_have_attribute("data-name", "a.dm4")
    expect(rows.last).to_have_attribute("data-name", "b.dm4")
    panel.root.get_by_role("searchbox", name="Filter by name").fill("mib")
    expect(rows).to_have_count(1)
    expect(rows.first).to_have_attribute("data-name", "c.mib")


def test_new_files_wait_to_be_shown(panel: Panel) -> None:
    """While an instrument writes, nothing moves under the pointer; one click shows the new files."""
    session = session_with(panel, "arriving", {"b.dm4": b"1"})
    (session / "raw/a.dm4").write_bytes(b"2")
    panel.root.get_by_role("button", name="Show", exact=True).click(timeout=20_000)
    expect(panel.row("a.dm4")).to_be_visible()


def test_menus_of_panel_and_file_browser_act_on_the_file(panel: Panel) -> None:
    """A right click on a file offers the same things in both places."""
    session_with(panel, "menus", {"a.dm4": b"1"})
    panel.row("a.dm4").click(button="right")
    menu = panel.page.locator(".lm-Menu")
    expect(menu).to_contain_text("Open in LiberTEM")
    menu.get_by_text("Copy Path of Data").click()
    path = "adhoc/menus/2024-05-05-files/raw/a.dm4"
    panel.page.wait_for_function("path => navigator.clipboard.readText().then(text => text === path)", arg=path)

    folder = f"storage/{Path(path).parent}"
    panel.page.evaluate(
        "path => window.jupyterapp.commands.execute('filebrowser:open-path', {path})",
        folder,
    )
    panel.page.evaluate("() => window.jupyterapp.commands.execute('filebrowser:activate')")
    panel.page.locator(".jp-DirListing-item", has_text="a.dm4").click(button="right")
    menu.get_by_text("Why Can’t I Write Here?").click()
    dialog = panel.page.get_by_role("dialog")
    expect(dialog).to_contain_text(path)
    expect(dialog.locator(".mo-box")).not_to_be_empty()


def test_notebook_is_made_beside_the_raw_data(panel: Panel) -> None:
    """Open in notebook makes two lines that load the file, in the session's folder for results."""
    session = session_with(panel, "notebooks", {"a.dm4": b"1"})
    panel.row("a.dm4").click()
    panel.button("Open in notebook")
    expect(panel.page.locator(".jp-NotebookPanel")).to_be_visible()
    (made,) = (session / "analysis").glob("*.ipynb")
    cells = [cell["source"] for cell in json.loads(made.read_text())["cells"]]
    assert "".join(cells[0]).splitlines()[1] == "data = modama.load('adhoc/notebooks/2024-05-05-files/raw/a.dm4')"


def test_links_are_shown_and_copied(panel: Panel) -> None:
    """Addresses and commands come from the server, each with a button to copy it."""
    session_with(panel, "links", {"a b.dm4": b"1"})
    panel.row("a b.dm4").click()
    panel.root.locator(".mo-file").get_by_role("button", name="Links and commands").click()
    dialog = panel.page.get_by_role("dialog")
    value = dialog.locator(".mo-link code").first
    value.wait_for()
    dialog.get_by_role("button", name="Copy:").first.click()
    panel.page.wait_for_function(
        "wanted => navigator.clipboard.readText().then(text => text === wanted)", arg=value.inner_text()
    )


def test_launcher_and_palette_know_us(panel: Panel) -> None:
    """LiberTEM is in the launcher once, and every command in the palette."""
    cards = panel.page.locator(".jp-LauncherCard", has_text="LiberTEM")
    expect(cards).to_have_count(1)
    panel.page.evaluate("() => window.jupyterapp.commands.execute('apputils:activate-command-palette')")
    panel.page.locator(".lm-CommandPalette-input, .jp-ModalCommandPalette input").first.fill("MODAMA")
    expect(panel.page.locator(".lm-CommandPalette-item", has_text="New MODAMA Project")).to_be_visible()


@pytest.mark.slow
@pytest.mark.libertem
def test_scan_opens_in_libertem(panel: Panel) -> None:
    """One click, and LiberTEM shows the data set, in a tab of Lab."""
    try:
        environment.find()
    except ModamaError as error:
        pytest.skip(str(error))
    session = session_with(panel, "libertem", {})
    scan = np.random.default_rng(0).random((16, 16, 32, 32), dtype=np.float32)
    np.save(session / "raw/scan.npy", scan)
    panel.root.get_by_role("button", name="Refresh").click()
    panel.row("scan.npy").click()
    panel.button("Open in LiberTEM")
    inside = panel.page.frame_locator("iframe[src*='modama-libertem']")
    expect(inside.get_by_text("scan.npy")).to_be_visible(timeout=120_000)
    # All tests share one LiberTEM: this one leaves as it came.
    inside.get_by_text("Close Dataset").first.click()
    expect(inside.get_by_text("scan.npy")).to_have_count(0)
