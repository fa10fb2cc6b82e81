"""The main job from end to end, as one scientist does it, beside the projects of the demo."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from .conftest import Lab, Panel, running_lab
from .test_sidebar import HOLOGRAM, put_file

PROJECT, SESSION, SCAN = "boundary-diffusion", "2025-02-05-4dstem", "boundary-4dstem.dm4"
DEMO_SCANS = "adhoc/grain-boundary-4dstem/2025-02-04-4dstem-scan/raw"
# A file of zeros that takes no room on the disk, and long enough to be read.
LONG_BYTES = 20 * 1024**3
PANEL_PX = 440
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TRY_TO_CHANGE = """\
from pathlib import Path

raw = Path("storage/adhoc/{project}/{session}/raw")
try:
    (raw / "{name}").write_bytes(b"changed")
    print("it was changed")
except OSError as error:
    print("refused:", error.strerror)"""

Picture = Callable[..., None]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab on the demo's data."""
    with running_lab(tmp_path_factory.mktemp("story")) as running:
        subprocess.run([sys.executable, "-m", "jupyter_modama.demo", "make", running.tree], check=True)
        yield running


@pytest.fixture
def panel(page: Page, lab: Lab) -> Panel:
    """The panel as wide as the demo shows it, beside a launcher."""
    panel = Panel(page, lab).open()
    page.locator(".jp-LauncherCard").first.wait_for()
    handle = page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").first.bounding_box()
    assert handle is not None
    page.mouse.move(handle["x"] + 1, 500)
    page.mouse.down()
    page.mouse.move(PANEL_PX, 500)
    page.mouse.up()
    return panel


@pytest.mark.slow
@pytest.mark.libertem
@pytest.mark.timeout(560)
@pytest.mark.usefixtures("libertem")
def test_from_a_new_project_to_the_proof_that_nothing_changed(panel: Panel, picture: Picture) -> None:
    """Create, bring files, preview, LiberTEM, seal, try to change one from a notebook, read why not, verify."""
    page, root = panel.page, panel.root
    make_project_and_session(panel, picture)
    session = panel.lab.tree / "adhoc" / PROJECT / SESSION
    files = bring_files(panel, session / "raw")
    picture("04-session", panel)
    look_at_files(panel, picture)
    see_canvas(panel, picture)
    seal(panel, picture, files)

    code = TRY_TO_CHANGE.format(project=PROJECT, session=SESSION, name=SCAN)
    assert run_in_notebook(panel, code).startswith("refused:")
    picture("11-notebook", panel)
    panel.button("Raw files")
    panel.row(SCAN).click()
    root.locator(".mo-file").get_by_role("button", name="Why").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".mo-box")).to_contain_text("sealed")
    picture("12-why-not", panel)
    dialog.get_by_role("button", name="Close").last.click()

    root.get_by_role("button", name=SESSION, exact=True).click()
    panel.button("Verify")
    expect(root.locator(".mo-box-success")).to_contain_text("Verifying", timeout=60_000)
    found = f"{files} files match their checksums"
    expect(root.locator(".mo-box-success")).to_contain_text(found)
    expect(page.locator(".Toastify__toast", has_text="Verifying")).to_contain_text(found, timeout=20_000)
    picture("13-verified", panel)
    assert (session / "manifest-sha256.txt").exists()
    page.goto(panel.lab.address("modama/page", query=""))
    root.get_by_role("button", name=PROJECT).click()
    root.get_by_role("button", name=SESSION).click()
    panel.button("Raw files")
    panel.row(SCAN).click()
    root.locator(".mo-image[aria-busy=false] canvas").wait_for(timeout=60_000)
    picture("14-plain-page")


def make_project_and_session(panel: Panel, picture: Picture) -> None:
    dialog = panel.page.get_by_role("dialog")
    panel.root.get_by_text("skyrmion-holography").first.wait_for()
    picture("01-projects", panel)
    panel.button("New project")
    dialog.get_by_label("Name").first.fill(PROJECT)
    dialog.get_by_label("Title").fill("Diffusion along grain boundaries in Au")
    picture("02-new-project", panel)
    dialog.get_by_role("button", name="Create project").click()
    panel.root.get_by_role("heading", name=PROJECT).wait_for()
    panel.button("New session")
    dialog.get_by_label("Name").first.fill(SESSION)
    picture("03-new-session", panel)
    dialog.get_by_role("button", name="Create session").click()
    panel.root.get_by_role("heading", name=SESSION).wait_for()


def bring_files(panel: Panel, raw: Path) -> int:
    """The demo's scans, and a hologram that was really measured; how many they are."""
    shutil.copytree(panel.lab.tree / DEMO_SCANS, raw, dirs_exist_ok=True)
    put_file(raw)
    panel.button("Raw files")
    expect(panel.row(SCAN)).to_be_visible()
    panel.root.get_by_role("button", name=SESSION, exact=True).click()
    expect(panel.root.locator(".mo-facts")).to_contain_text("Formats", timeout=30_000)
    return sum(len(names) for _, _, names in os.walk(raw))


def look_at_files(panel: Panel, picture: Picture) -> None:
    panel.button("Raw files")
    for name in (HOLOGRAM, SCAN):
        panel.row(name).click()
        expect(panel.root.locator(".mo-file h3")).to_have_text(name)
        image = panel.root.locator(".mo-image[aria-busy=false] canvas")
        image.wait_for(timeout=60_000)
        assert image.evaluate(SPREAD_DRAWN) > 50
    picture("05-preview", panel)
    panel.root.get_by_role("tab", name="Metadata").click()
    expect(panel.root.locator(".mo-metadata table").first).to_be_visible(timeout=60_000)
    picture("06-metadata", panel)
    panel.root.get_by_role("tab", name="Preview").click()


def see_canvas(panel: Panel, picture: Picture) -> None:
    """Open the scan in LiberTEM, ask what a disk detector saw, and look for pictures with something in them."""
    panel.button("Open in LiberTEM")
    inside = panel.page.frame_locator("iframe[src*='modama-libertem']")
    inside.get_by_text("Add analysis").click(timeout=120_000)
    inside.get_by_text("Disk", exact=True).click()
    inside.get_by_role("button", name="Apply").first.click()
    wait_for_picture(panel, inside)
    inside.locator("body").evaluate("body => body.ownerDocument.defaultView.scrollTo(0, 150)")
    picture("07-libertem", panel)
    inside.get_by_text("Close Dataset").click()
    panel.page.evaluate("() => window.jupyterapp.commands.execute('application:close')")


# How far the darkest and the brightest pixel of a picture are apart, of 255.
SPREAD = """async element => {
    const picture = new Image();
    picture.src = element.src ?? element.href.baseVal;
    await picture.decode();
    const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
    const drawn = canvas.getContext('2d');
    drawn.drawImage(picture, 0, 0);
    const seen = drawn.getImageData(0, 0, canvas.width, canvas.height).data.filter((_, at) => at % 4 === 1);
    return seen.reduce((a, b) => Math.max(a, b), 0) - seen.reduce((a, b) => Math.min(a, b), 255);
}"""

# The same of a canvas, as far as something is drawn on it.
SPREAD_DRAWN = """canvas => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const seen = pixels.filter((_, at) => at % 4 === 1 && pixels[at + 2] === 255);
    return seen.reduce((a, b) => Math.max(a, b), 0) - seen.reduce((a, b) => Math.min(a, b), 255);
}"""


def wait_for_picture(panel: Panel, inside: FrameLocator) -> None:
    """Wait until both pictures of an analysis, the frame that it acts on and what comes out, are more than one grey."""
    pictures = inside.locator("svg image")
    expect(pictures.nth(1)).to_be_visible(timeout=180_000)  # the first one is compiled, slowly when busy
    for _ in range(100):
        if all(one.evaluate(SPREAD) > 50 for one in pictures.all()):
            return
        panel.page.wait_for_timeout(300)
    raise AssertionError("LiberTEM shows a blank picture")


def seal(panel: Panel, picture: Picture, files: int) -> None:
    panel.root.get_by_role("button", name=SESSION, exact=True).click()
    panel.button("Seal…")
    action = panel.page.get_by_role("dialog").get_by_role("button", name=f"Seal {files} files")
    action.wait_for()
    picture("08-seal-dialog", panel)
    action.click()
    expect(panel.root.locator(".mo-heading .mo-badge-sealed")).to_be_visible(timeout=60_000)
    expect(panel.page.locator(".Toastify__toast").last).to_contain_text("done", timeout=20_000)
    picture("10-sealed", panel)


@pytest.mark.slow
def test_sealing_shows_how_far_it_is_and_can_be_cancelled(panel: Panel, picture: Picture) -> None:
    """While much is read there is a bar that goes on; after Cancel it can go on."""
    panel.new_project("in-situ-heating").new_session("2025-02-06-heating-series")
    raw = panel.lab.tree / "adhoc/in-situ-heating/2025-02-06-heating-series/raw"
    with (raw / "detector-stream.raw").open("wb") as stream:
        stream.truncate(LONG_BYTES)
    panel.button("Seal…")
    panel.page.get_by_role("dialog").get_by_role("button", name="Seal 1 file").click()
    job = panel.root.locator(".mo-job")
    panel.page.wait_for_function("() => document.querySelector('.mo-job progress')?.value > 0.02", timeout=60_000)
    expect(panel.root.locator(".mo-heading .mo-badge")).to_contain_text("sealing")
    assert panel.page.locator(".Toastify__toast").count() == 0  # one place tells of it: the panel while it is open
    picture("09-seal-progress", panel)
    tab = panel.page.locator(".jp-SideBar li[data-id='modama-panel']")
    tab.click()
    expect(panel.page.locator(".Toastify__toast")).to_contain_text("hashing", timeout=20_000)
    tab.click()
    expect(panel.page.locator(".Toastify__toast")).to_have_count(0, timeout=20_000)
    job.get_by_role("button", name="Cancel").click()
    expect(job).to_have_count(0, timeout=60_000)
    expect(panel.root.locator(".mo-heading .mo-badge")).to_contain_text("interrupted", timeout=20_000)
    expect(panel.root.get_by_role("button", name="Go on sealing…")).to_be_visible()


def run_in_notebook(panel: Panel, code: str) -> str:
    """Make a notebook with this cell in Lab, run it there, and answer what it printed."""
    folder = panel.lab.tree.parent
    cell: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "id": "one",
        "source": code,
    }
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": KERNEL}, "cells": [cell]}
    (folder / "try.ipynb").write_text(json.dumps(notebook))
    run = "([command, args]) => { window.jupyterapp.commands.execute(command, args); }"
    panel.page.evaluate(run, ["docmanager:open", {"path": "try.ipynb", "factory": "Notebook"}])
    notebook_panel = panel.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    notebook_panel.locator(".jp-CodeCell").wait_for()
    panel.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    panel.page.evaluate(run, ["notebook:run-all-cells", {}])
    output = notebook_panel.locator(".jp-OutputArea-output").first
    output.wait_for(timeout=60_000)
    return output.inner_text()
