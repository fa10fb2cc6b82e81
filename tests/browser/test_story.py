"""The main job from end to end, as one scientist does it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment

from .conftest import ROOT, Panel
from .test_sidebar import HOLOGRAM, put_file

REAL_SCAN = ROOT.parent / "shared/emdata/merlin_mib_unzipped/Merlin_navigation4x2_ROI"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TRY_TO_CHANGE = """
import pathlib, jupyter_modama
try:
    pathlib.Path("storage/{path}").write_bytes(b"changed")
    print("it was changed")
except OSError as error:
    print("refused:", error.strerror)
"""


@pytest.mark.slow
@pytest.mark.libertem
@pytest.mark.timeout(400)
def test_from_a_new_project_to_the_proof_that_nothing_changed(panel: Panel, picture: Any) -> None:
    """Create, bring a real file, preview, LiberTEM, seal, try to change it from a notebook, read why not, verify."""
    page, root = panel.page, panel.root
    panel.new_project("fe-needle").new_session("2024-11-12-biasing-test")
    picture("10-session", panel)
    session = panel.lab.tree / "adhoc/fe-needle/2024-11-12-biasing-test"
    put_file(session / "raw")
    scan = put_scan(session / "raw")
    files = len(list((session / "raw").iterdir()))

    panel.button("Raw files")
    panel.row(HOLOGRAM).click()
    root.locator(".mo-preview img").wait_for(timeout=60_000)
    picture("11-preview", panel)

    if has_libertem():
        panel.row(scan).click()
        expect(root.locator(".mo-file h3")).to_have_text(scan)
        panel.button("Open in LiberTEM")
        inside = page.frame_locator("iframe[src*='modama-libertem']")
        inside.get_by_text("Add analysis").click(timeout=120_000)
        inside.get_by_text("Disk", exact=True).click()
        inside.get_by_role("button", name="Apply").first.click()
        inside.locator("svg image, canvas").first.wait_for(timeout=60_000)
        inside.locator("body").evaluate("body => body.ownerDocument.defaultView.scrollTo(0, 150)")
        picture("12-libertem", panel)
        inside.get_by_text("Close Dataset").click()

    root.get_by_role("button", name="2024-11-12-biasing-test").click()
    panel.button("Seal…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=f"Seal {files} files").wait_for()
    picture("13-seal-dialog", panel)
    dialog.get_by_role("button", name=f"Seal {files} files").click()
    expect(root.locator(".mo-heading .mo-badge-sealed")).to_be_visible(timeout=60_000)
    picture("14-sealed", panel)

    assert run_in_notebook(
        panel, TRY_TO_CHANGE.format(path=f"adhoc/fe-needle/{session.name}/raw/{HOLOGRAM}")
    ).startswith("refused:")
    picture("15-notebook", panel)
    panel.button("Raw files")
    panel.row(HOLOGRAM).click()
    root.locator(".mo-file").get_by_role("button", name="Why").click()
    expect(dialog.locator(".mo-box")).to_contain_text("sealed")
    picture("16-why-not", panel)
    dialog.get_by_role("button", name="Close").last.click()

    root.get_by_role("button", name="2024-11-12-biasing-test").click()
    panel.button("Verify")
    expect(root.locator(".mo-box-success")).to_contain_text("Verifying", timeout=60_000)
    picture("17-verified", panel)
    assert (session / "manifest-sha256.txt").exists()


def put_scan(folder: Path) -> str:
    """A scan of a Merlin detector where the collection of real files is at hand, else one of our own making."""
    if REAL_SCAN.is_dir():
        for file in REAL_SCAN.iterdir():
            shutil.copy(file, folder)
        return "001_4x2_6bit.mib"
    np.save(folder / "scan.npy", np.random.default_rng(0).random((8, 8, 64, 64), dtype=np.float32))
    return "scan.npy"


def has_libertem() -> bool:
    try:
        environment.find()
    except ModamaError:
        return False
    return True


def run_in_notebook(panel: Panel, code: str) -> str:
    """Make a notebook with this cell in Lab, run it there, and answer what it printed."""
    folder = panel.lab.tree.parent
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": "one", "source": code}
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
