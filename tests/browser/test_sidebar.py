"""What a scientist does in the panel, in a real JupyterLab."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Panel

HOLOGRAM = "01_holo_Vbp_130V_0V_bin2_crop.hdf5"


def put_file(folder: Path, name: str = HOLOGRAM) -> Path:
    """A real hologram, from the package holospy."""
    source = files("holospy") / "data" / HOLOGRAM
    with source.open("rb") as old, (folder / name).open("wb") as new:
        shutil.copyfileobj(old, new)
    return folder / name


def wait_until(holds: Callable[[], bool], panel: Panel) -> None:
    """Let the window go on until something holds outside of it."""
    for _ in range(100):
        if holds():
            return
        panel.page.wait_for_timeout(200)
    raise AssertionError("it did not come about in 20 seconds")


def test_project_and_session_are_made_on_the_disk(panel: Panel) -> None:
    """New project and New session make folders that are there for everything else, too."""
    panel.new_project("skyrmion-dynamics").new_session("2024-11-12-biasing-test")
    session = panel.lab.tree / "adhoc/skyrmion-dynamics/2024-11-12-biasing-test"
    assert (session / "raw").is_dir()
    expect(panel.root.locator(".mo-badge")).to_contain_text("writable")


def test_name_that_windows_refuses_is_explained_beside_its_field(panel: Panel) -> None:
    """A refused name keeps the dialog open and says which rule it breaks."""
    panel.button("New project")
    dialog = panel.page.get_by_role("dialog")
    dialog.get_by_label("Name").first.fill("a:b")
    dialog.get_by_role("button", name="Create project").click()
    expect(dialog.locator(".mo-field-problem")).to_contain_text("a:b")
    assert not (panel.lab.tree / "adhoc/a:b").exists()


def test_session_name_is_proposed_with_the_date(panel: Panel) -> None:
    """Who only adds a word to the proposed name gets a folder that sorts by date."""
    panel.new_project("dated-names")
    panel.button("New session")
    name = panel.page.get_by_role("dialog").get_by_label("Name").first
    expect(name).to_have_value(re.compile(r"^\d{4}-\d\d-\d\d-$"))


def test_keyboard_walks_the_list(panel: Panel) -> None:
    """Arrows, Home, End, typed letters, Enter and Esc do what they do in a file manager."""
    panel.new_project("keyboard").new_session("2024-01-01-keys")
    raw = panel.lab.tree / "adhoc/keyboard/2024-01-01-keys/raw"
    for name in ("alpha.txt", "beta.txt", "gamma.txt"):
        (raw / name).write_text(name)
    panel.button("Raw files")
    rows = panel.root.locator(".mo-list")
    expect(panel.row("beta.txt")).to_be_visible()
    rows.focus()
    rows.press("End")
    expect(panel.row("gamma.txt")).to_have_attribute("aria-selected", "true")
    rows.press("Home")
    expect(panel.row("alpha.txt")).to_have_attribute("aria-selected", "true")
    rows.press("b")
    expect(panel.row("beta.txt")).to_have_attribute("aria-selected", "true")
    rows.press("Escape")
    rows.press("Escape")
    expect(panel.root.get_by_role("heading", name="2024-01-01-keys")).to_be_visible()


def test_place_is_kept_over_a_reload(panel: Panel) -> None:
    """After a reload of the page the panel shows what it showed."""
    panel.new_project("comes-back").new_session("2024-02-02-same-place")
    kept = panel.lab.tree.parents[1] / "workspaces"
    wait_until(lambda: any("2024-02-02-same-place" in file.read_text() for file in kept.glob("*")), panel)
    panel.open(query="")
    expect(panel.root.get_by_role("heading", name="2024-02-02-same-place")).to_be_visible()


def test_preview_and_metadata_of_a_hologram(panel: Panel) -> None:
    """A selected file shows its picture, and what the instrument wrote."""
    panel.new_project("holograms").new_session("2024-03-03-vacuum")
    put_file(panel.lab.tree / "adhoc/holograms/2024-03-03-vacuum/raw")
    panel.button("Raw files")
    panel.row(HOLOGRAM).click()
    image = panel.root.locator(".mo-image[aria-busy=false] canvas")
    image.wait_for(timeout=60_000)
    assert image.evaluate("canvas => canvas.width") > 100
    panel.root.get_by_role("tab", name="Metadata").click()
    expect(panel.root.locator(".mo-metadata table").first).to_be_visible(timeout=60_000)
    field = panel.root.locator(".mo-metadata .mo-search").bounding_box()
    assert field is not None
    assert field["height"] < 40


@pytest.mark.slow
def test_seal_and_verify(panel: Panel) -> None:
    """The dialog says what will be frozen; after it the file cannot be changed, and verifying proves it."""
    panel.new_project("sealing").new_session("2024-04-04-sealed")
    raw = panel.lab.tree / "adhoc/sealing/2024-04-04-sealed/raw"
    put_file(raw)
    (raw / "Thumbs.db").write_bytes(b"x")
    panel.button("Seal…")
    dialog = panel.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Thumbs.db")
    dialog.get_by_role("button", name="Seal 2 files").click()
    expect(panel.root.locator(".mo-heading .mo-badge")).to_contain_text("sealed", timeout=60_000)
    expect(panel.root.locator(".mo-heading .mo-badge-sealed")).to_be_visible(timeout=60_000)
    with pytest.raises(PermissionError):
        (raw / HOLOGRAM).write_bytes(b"changed")
    panel.button("Verify")
    expect(panel.root.locator(".mo-box-success")).to_contain_text("2 files match their checksums", timeout=60_000)


WIDTHS = (300, 350, 440)
# What is wider than its box, unless it ends with an ellipsis or is for the ear only.
CLIPPED = """panel => [...panel.querySelectorAll('*')].filter(one => {
    const { overflowX, textOverflow } = getComputedStyle(one);
    const isCut = one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1 && overflowX !== 'visible';
    return isCut && textOverflow !== 'ellipsis' && !one.matches('.mo-compact .mo-label');
}).map(one => one.outerHTML.slice(0, 200))"""
# In how many lines the things in a row stand.
LINES = "box => new Set([...box.children].map(child => Math.round(child.getBoundingClientRect().bottom / 12))).size"


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_in_a_narrow_panel(panel: Panel, width: int) -> None:
    """The way here, the tools of the list and the buttons of a file stand in one line each."""
    name = f"narrow-{width}-with-a-long-name"
    panel.new_project(name).new_session("2024-06-06-and-a-long-name-too")
    put_file(panel.lab.tree / f"adhoc/{name}/2024-06-06-and-a-long-name-too/raw")
    panel.button("Raw files")
    panel.row(HOLOGRAM).click()
    panel.wide(width)
    crumbs = panel.root.locator(".mo-crumbs ol")
    expect(crumbs).to_have_attribute("title", f"Projects / {name} / 2024-06-06-and-a-long-name-too / raw")
    for line in (crumbs, panel.root.locator(".mo-toolbar").first, panel.root.locator(".mo-file .mo-toolbar")):
        assert line.evaluate(LINES) == 1, line.inner_html()
    for row in (".mo-file .mo-heading", ".mo-file .mo-tab-bar"):
        last = panel.root.locator(f"{row} button").last.bounding_box()
        box = panel.root.locator(".mo-file").bounding_box()
        assert last is not None
        assert box is not None
        assert box["x"] + box["width"] - last["x"] - last["width"] < 2
    assert panel.root.evaluate(CLIPPED) == []
    for order in panel.root.get_by_role("combobox", name="Sort by").get_by_role("option").all():
        assert len(order.inner_text()) <= len("largest")
