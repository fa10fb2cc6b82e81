"""The viewer of microscope files: in the panel, as a document of Lab's, in a cell of a notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Request, expect

from jupyter_modama.testing.em_files import write_dm4, write_npy

from .conftest import Panel
from .test_files import session_with

SIDE, PERIOD, PIXEL_NM = 1500, 10, 0.02


def lattice() -> np.ndarray:
    """Planes across, 10 pixels of 0.02 nm apart, on a ground that says where one is."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return (1000 + 100 * np.cos(2 * np.pi * x / PERIOD) + y // 10).astype("u2")


def files(raw: Path) -> None:
    write_dm4(raw / "lattice.dm4", (SIDE, SIDE), "u2", [lattice()], scales=[(PIXEL_NM, "nm")] * 2)
    stack = [np.full((64, 80), 10 * number, "f4") + np.arange(80, dtype="f4") for number in range(6)]
    write_npy(raw / "edge.npy", np.arange(2000, dtype="f8") ** 2)
    write_dm4(raw / "stack.dm4", (6, 64, 80), "f4", stack, scales=[(0.5, "s"), (2.0, "nm"), (2.0, "nm")])


def shown(panel: Panel, project: str) -> Path:
    """A session with the files; answers its raw folder."""
    raw = session_with(panel, project, {}) / "raw"
    files(raw)
    return raw


def open_in_lab(panel: Panel, folder: str, name: str) -> Locator:
    """Double click on a file in Lab's own file browser; answers the tab's content."""
    page = panel.page
    page.evaluate("path => window.jupyterapp.commands.execute('filebrowser:go-to-path', {path})", folder)
    page.evaluate("() => window.jupyterapp.commands.execute('filebrowser:activate')")
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    tab = page.locator(".jp-Document", has=page.get_by_label(f"File {name}", exact=True))
    tab.wait_for()
    return tab


def read(tab: Locator, x: float, y: float) -> tuple[int, int, float]:
    """The pixel at a place of the canvas (in parts of its width and height) and its value, as the viewer says them."""
    image = tab.locator(".mo-image").first
    box = image.bounding_box()
    assert box is not None
    image.hover(position={"x": box["width"] * x, "y": box["height"] * y})
    said = tab.locator(".mo-viewer-main > .mo-readout").first
    expect(said).to_contain_text("x ")
    found = re.fullmatch(r"x (\d+), y (\d+) · ([\d.,]+)", said.inner_text())
    assert found is not None
    return int(found[1]), int(found[2]), float(found[3].replace(",", ""))


def test_double_click_opens_the_viewer_and_never_fetches_the_file(panel: Panel) -> None:
    """A microscope file opens as a document; Lab asks for its facts only, and values are those of the file."""
    raw = shown(panel, "viewed")
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/contents/" in request.url and ".dm4" in request.url:
            asked.append(f"{request.method} {request.url}")

    panel.page.on("request", note)
    tab = open_in_lab(panel, f"storage/{raw.relative_to(panel.lab.tree)}", "lattice.dm4")
    expect(tab.locator(".mo-image")).to_have_attribute("aria-busy", "false")
    assert asked
    assert [request for request in asked if not request.startswith("GET") or "content=0" not in request] == []
    # And no checkpoint lies beside them.
    assert sorted(file.name for file in raw.iterdir()) == ["edge.npy", "lattice.dm4", "stack.dm4"]


def test_values_and_scale_are_those_of_the_file(panel: Panel, picture) -> None:  # type: ignore[no-untyped-def]
    """Seen as a whole a pixel is a mean and says so; seen closely it is the file's own number."""
    raw = shown(panel, "looked-at")
    tab = open_in_lab(panel, f"storage/{raw.relative_to(panel.lab.tree)}", "lattice.dm4")
    image = tab.locator(".mo-image")
    expect(image).to_have_attribute("data-step", "2")
    expect(tab.locator(".mo-caption")).to_contain_text("1500 × 1500 px · 2 × 2 → 1 · uint16")
    x, y, value = read(tab, 0.5, 0.4)
    assert value == pytest.approx(lattice()[y // 2 * 2 :, x // 2 * 2 :][:2, :2].mean(), rel=1e-5)
    picture("15-viewer", panel)
    image.press("1")
    expect(image).to_have_attribute("data-step", "1")
    x, y, value = read(tab, 0.3, 0.6)
    assert value == lattice()[y, x]
    bar = tab.locator(".mo-scale-bar")
    expect(bar).to_have_attribute("aria-label", re.compile("Scale bar: [125]0* nm"))
    nanometres = float((bar.inner_text() or "0").split()[0])
    length = bar.locator(".mo-bar").bounding_box()
    assert length is not None
    assert length["width"] == pytest.approx(nanometres / PIXEL_NM, abs=1)


def test_frames_of_a_stack_are_chosen_by_the_slider(panel: Panel) -> None:
    """The slider and its keys go through the frames; the numbers are those of the frame that is shown."""
    raw = shown(panel, "stacked")
    tab = open_in_lab(panel, f"storage/{raw.relative_to(panel.lab.tree)}", "stack.dm4")
    slider = tab.get_by_role("slider", name=re.compile("^frame:"))
    expect(slider).to_have_value("3")
    slider.press("Home")
    expect(tab.locator(".mo-caption")).to_contain_text("frame 1 of 6")
    assert [read(tab, 0.5, 0.5)[2] - read(tab, 0.5, 0.5)[0]] == [0]
    slider.press("End")
    expect(tab.locator(".mo-caption")).to_contain_text("frame 6 of 6")
    x, _, value = read(tab, 0.5, 0.5)
    assert value == 50 + x


def place(image: Locator, dx: float, dy: float, frame: int) -> dict[str, float]:
    """Where on the screen a pixel of a square frame is that is seen as a whole; counted from the frame's middle."""
    box = image.bounding_box()
    assert box is not None
    scale = min(box["width"], box["height"]) / frame
    return {"x": box["width"] / 2 + dx * scale, "y": box["height"] / 2 + dy * scale}


def test_lattice_is_measured_transformed_and_saved(panel: Panel, picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Length, angle and distance of planes are those of the calibration; saved pictures have the scale bar in them."""
    raw = shown(panel, "measured")
    tab = open_in_lab(panel, f"storage/{raw.relative_to(panel.lab.tree)}", "lattice.dm4")
    tab.get_by_role("button", name="Measure and profile").click()
    expect(tab.locator(".mo-measured .mo-readout").first).to_have_text("Length 15 nm · 750 px · Angle 0°")
    end = tab.get_by_role("button", name=re.compile("^End of the line"))
    for _ in range(3):
        end.press("Shift+ArrowLeft")
    expect(tab.locator(".mo-measured .mo-readout").first).to_contain_text("Length 14.4 nm · 720 px")
    expect(tab.get_by_role("application", name="Values along the line").locator(".mo-curve")).to_be_visible()

    tab.get_by_role("button", name="Fourier transform", exact=True).click()
    spectrum = tab.get_by_role("application", name="Fourier transform of lattice.dm4")
    expect(tab.locator(".mo-caption").last).to_contain_text("512 × 512 px")
    # 10 pixels of 0.02 nm are one period: in a transform of 512 pixels of 0.04 nm the 102nd from the middle.
    spectrum.hover(position=place(spectrum, 512 * 0.04 / 0.2 + 0.5, 0.5, 512))
    said = tab.locator(".mo-file-pane .mo-readout")
    expect(said).to_contain_text("d = ")
    found = re.search(r"d = ([\d.]+) nm", said.inner_text())
    assert found is not None
    assert float(found[1]) == pytest.approx(PERIOD * PIXEL_NM, rel=0.02)

    tab.get_by_role("button", name="Another file beside it").click()
    tab.get_by_role("combobox", name="Beside it").select_option("stack.dm4")
    expect(tab.get_by_role("application", name="Image stack.dm4")).to_be_visible()
    picture("16-measuring", panel)

    for kind, word in (("png", "PNG"), ("tif", "TIFF")):
        with panel.page.expect_download() as saved:
            tab.get_by_role("button", name=f"Save as {word} with the scale bar").click()
        assert saved.value.suggested_filename == f"lattice.{kind}"
        saved.value.save_as(tmp_path / f"saved.{kind}")
    with Image.open(tmp_path / "saved.png") as png, Image.open(tmp_path / "saved.tif") as tif:
        assert png.size == tif.size == (SIDE / 2, SIDE / 2)
        assert (np.asarray(png.convert("RGB")) == np.asarray(tif)).all()
        assert float(tif.info["dpi"][0]) == pytest.approx(2.54 / (2 * PIXEL_NM * 1e-7), rel=1e-6)
        white = (np.asarray(tif)[600:, :300] == 255).all(-1)
        assert white.any(1).sum() > 5  # rows with letters or the bar; it is 5 nm long
        assert white.sum(1).max() == pytest.approx(5 / (2 * PIXEL_NM), abs=1)


def test_spectrum_has_a_cursor(panel: Panel) -> None:
    """Of a curve the keys tell each number, and a part of it can be magnified and left again."""
    raw = shown(panel, "spectral")
    panel.button("Refresh")
    panel.row("edge.npy").click()
    plot = panel.root.get_by_role("application", name="Spectrum edge.npy")
    plot.press("Home")
    said = panel.root.locator(".mo-plot .mo-readout")
    expect(said).to_have_text("channel 0 · 0")
    plot.press("Shift+ArrowRight")
    plot.press("ArrowRight")
    expect(said).to_have_text("channel 11 · 121")
    whole = plot.locator(".mo-curve").get_attribute("d")
    plot.press("+")
    expect(plot.locator(".mo-curve")).not_to_have_attribute("d", whole or "")
    plot.press("0")
    expect(plot.locator(".mo-curve")).to_have_attribute("d", whole or "")
    assert raw.exists()


def test_cell_shows_a_file_by_its_path(panel: Panel) -> None:
    """A notebook that holds a path shows the viewer; one whose file is gone says so, and Lab's HTML is not needed."""
    raw = shown(panel, "in-cells")
    path = str((raw / "lattice.dm4").relative_to(panel.lab.tree))
    outputs = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"application/vnd.modama.entry+json": {"path": each}, "text/plain": ["<file>"]},
        }
        for each in (path, path.replace("lattice", "gone"))
    ]
    cell = {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {}, "source": "file", "outputs": outputs}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (panel.lab.tree.parent / "shown.ipynb").write_text(json.dumps(notebook))
    panel.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:open', {path: 'shown.ipynb'})")
    shown_there = panel.page.locator(".jp-OutputArea .mo-cell")
    expect(shown_there.first.locator(".mo-image[aria-busy=false] canvas")).to_be_visible()
    expect(shown_there.last.get_by_role("alert")).to_contain_text("gone.dm4")


def test_contact_sheet_shows_a_folder(panel: Panel, picture) -> None:  # type: ignore[no-untyped-def]
    """All files of a folder are seen as pictures; the keyboard goes through them and opens one."""
    shown(panel, "sheet")
    panel.button("Contact sheet")
    sheet = panel.page.get_by_role("region", name=re.compile("^Contact sheet of"))
    expect(sheet.locator(".mo-tile img")).to_have_count(3)
    picture("17-contact-sheet", panel)
    files = sheet.get_by_role("listbox")
    files.press("End")
    expect(sheet.locator(".mo-tile[data-name='stack.dm4']")).to_have_attribute("aria-selected", "true")
    files.press("Enter")
    expect(panel.page.get_by_role("region", name="File stack.dm4").locator(".mo-image")).to_be_visible()
