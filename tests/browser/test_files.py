"""Files in the panel: large folders, menus, notebooks, LiberTEM."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import Lab, Panel

MANY = 1_000_000
LARGEST = 777_777
NAMES_OF_ONE = 50_000  # ext4 allows 65,000


def session_with(panel: Panel, project: str, files: dict[str, bytes]) -> Path:
    """A new session with these raw files, and the panel on them; answers the session's folder."""
    panel.new_project(project).new_session("2024-05-05-files")
    session = panel.lab.tree / "adhoc" / project / "2024-05-05-files"
    assert (session / "raw").is_dir(), sorted(panel.lab.tree.glob("adhoc/*/*/raw"))
    for name, content in files.items():
        (session / "raw" / name).write_bytes(content)
    panel.button("Raw files")
    for name in list(files)[:1]:
        expect(panel.row(name)).to_be_visible()
    return session


@pytest.fixture(scope="module")
def a_million_files(lab: Lab) -> Iterator[str]:
    """The name of a project with a session of that many empty files, but one; removed at once, since that takes time.

    Made aside, since the panel would look at a session again and again while files arrive; and as further names of a
    few files, since a file system gives out names much faster than files.
    """
    project, aside = lab.tree / "adhoc/many", lab.tree.parents[1] / "made-aside"
    raw = aside / "2024-05-06-many/raw"
    raw.mkdir(parents=True)
    folder = os.open(raw, os.O_RDONLY)
    for index in range(MANY):
        if index % NAMES_OF_ONE == 0:
            (raw / frame(index)).touch()
        else:
            first = frame(index - index % NAMES_OF_ONE)
            os.link(first, frame(index), src_dir_fd=folder, dst_dir_fd=folder)
    os.close(folder)
    (raw / frame(LARGEST)).unlink()
    (raw / frame(LARGEST)).write_bytes(b"123")
    aside.rename(project)
    yield project.name
    shutil.rmtree(project)


def show_the_million(panel: Panel, project: str) -> None:
    panel.root.get_by_role("button", name=project).click()
    panel.root.get_by_role("button", name="2024-05-06-many").click()
    panel.button("Raw files")
    expect(panel.row(frame(0))).to_be_visible(timeout=60_000)


def frame(index: int) -> str:
    return f"frame-{index:07}.tif"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_million_files_are_walked_without_waiting(panel: Panel, a_million_files: str) -> None:
    """Only what is in sight is in the page; the end, the middle, and a part of a name are near."""
    rows, files = panel.root.locator(".mo-row"), panel.root.locator(".mo-list")
    show_the_million(panel, a_million_files)
    expect(panel.root.locator(".mo-count")).to_contain_text("1,000,000")

    files.press("End")
    expect(panel.row(frame(MANY - 1))).to_have_attribute("aria-selected", "true")
    expect(panel.row(frame(MANY - 1))).to_have_attribute("aria-posinset", str(MANY))
    expect(panel.row(frame(MANY - 1))).to_be_in_viewport()
    files.press("PageUp")
    expect(panel.root.locator(".mo-row[aria-selected=true]")).to_have_attribute("data-name", re.compile("frame-09999"))

    files.press("Escape")  # beside a file the list is lower, and keeps that file's row in sight
    expect(panel.root.locator(".mo-file")).to_have_count(0)

    files.evaluate("""async list => {
        // The list that has its height again has brought its row into sight before the second of these.
        for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
        list.scrollTop = list.scrollHeight / 2;
    }""")
    expect(panel.row(frame(MANY // 2))).to_have_attribute("aria-posinset", str(MANY // 2 + 1))
    in_sight = rows_in_sight(panel)
    assert min(in_sight) > MANY // 2 - 100, in_sight
    assert max(in_sight) < MANY // 2 + 100, in_sight
    assert rows.count() < 200

    panel.root.get_by_role("combobox", name="Sort by").select_option("-name")
    expect(rows.first).to_have_attribute("data-name", frame(MANY - 1))
    panel.root.get_by_role("searchbox", name="Filter by name").fill("0012345")
    expect(rows).to_have_count(1)
    expect(rows.first).to_have_attribute("data-name", frame(12_345))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_million_files_are_sorted_by_size_when_asked_for(panel: Panel, a_million_files: str) -> None:
    """An order that needs a look at every file says so first, and goes on as a job."""
    show_the_million(panel, a_million_files)
    panel.root.get_by_role("combobox", name="Sort by").select_option("-size")
    expect(panel.root.locator(".mo-box-info")).to_contain_text("each of the 1,000,000 entries")
    panel.root.get_by_role("button", name="Sort", exact=True).click()
    expect(panel.root.locator(".mo-row").first).to_have_attribute("data-name", frame(LARGEST), timeout=400_000)


def rows_in_sight(panel: Panel) -> list[int]:
    """The numbers of the rows that are drawn within the list's frame; each has its own name."""
    found = panel.root.locator(".mo-list").evaluate("""list => {
        const frame = list.getBoundingClientRect();
        const inside = ({ top, bottom }) => bottom > frame.top && top < frame.bottom && bottom - top > 10;
        return [...list.querySelectorAll('.mo-row')].filter(row => inside(row.getBoundingClientRect()))
            .map(row => [Number(row.ariaPosInSet) - 1, row.dataset.name]);
    }""")
    assert len(found) > 5
    assert all(name == frame(index) for index, name in found)
    return [index for index, _ in found]


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
    cards = panel.page.locator(".jp-LauncherCard").filter(has=panel.page.get_by_text("LiberTEM", exact=True))
    expect(cards).to_have_count(1)
    panel.page.evaluate("() => window.jupyterapp.commands.execute('apputils:activate-command-palette')")
    panel.page.locator(".lm-CommandPalette-input, .jp-ModalCommandPalette input").first.fill("MODAMA")
    expect(panel.page.locator(".lm-CommandPalette-item", has_text="New MODAMA Project")).to_be_visible()


@pytest.mark.slow
@pytest.mark.libertem
@pytest.mark.usefixtures("libertem")
def test_scan_opens_in_libertem(panel: Panel) -> None:
    """One click, and LiberTEM shows the data set, in a tab of Lab."""
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
