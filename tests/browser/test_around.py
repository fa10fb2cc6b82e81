"""The panel where JupyterLab is not as usual: a plain page, Notebook 7, no server part, dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from .conftest import CONTRAST, ROOT, TOKEN, Lab, Panel, running_lab


def test_plain_page_does_the_same(page: Page, lab: Lab) -> None:
    """The same components make a page without JupyterLab: a project is made, and the place is kept."""
    page.goto(f"{lab.url}modama/page?token={TOKEN}")
    Panel(page, lab).new_project("from-the-page").new_session("2024-06-06-page")
    assert (lab.tree / "adhoc/from-the-page/2024-06-06-page/raw").is_dir()
    page.reload()
    expect(page.get_by_role("heading", name="2024-06-06-page")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plain_page_follows_the_scheme_of_the_browser(page: Page, lab: Lab, scheme: Literal["light", "dark"]) -> None:
    """Who asks the browser for dark gets dark, with a ground of its own and text that can be read on it."""
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{lab.url}modama/page?token={TOKEN}")
    root = page.locator(".mo-root").first
    root.wait_for()
    *channels, opaque = root.evaluate(
        "root => [...getComputedStyle(root).backgroundColor.match(/[\\d.]+/g).map(Number), 1].slice(0, 4)"
    )
    assert opaque == 1
    assert max(channels) < 80 if scheme == "dark" else min(channels) > 200
    assert root.locator(".mo-empty, .mo-card strong").first.evaluate(CONTRAST) >= 4.5
    main = root.get_by_role("button", name="New project")
    assert main.evaluate("button => getComputedStyle(button).backgroundColor") != "rgba(0, 0, 0, 0)"


def test_panel_follows_the_theme_of_lab(panel: Panel) -> None:
    """Text stays readable on its ground in light and dark: a contrast of at least 4.5."""
    for is_dark in (True, False):
        panel.dark(is_dark)
        assert panel.root.locator(".mo-empty, .mo-card strong").first.evaluate(CONTRAST) >= 4.5


def test_notebook_7_is_not_broken(page: Page, lab: Lab) -> None:
    """Without Lab's shell the tree page works, and our commands are there."""
    page.goto(f"{lab.url}tree?token={TOKEN}")
    expect(page.locator(".jp-DirListing-item", has_text="storage")).to_be_visible(timeout=60_000)
    known = page.evaluate("() => window.jupyterapp.commands.hasCommand('modama:new-project')")
    assert known


@pytest.mark.slow
def test_missing_server_part_is_explained(page: Page, tmp_path: Path) -> None:
    """Without the server's half Lab works, and the panel says how to get it."""
    with running_lab(tmp_path / "home", extension=False) as lab:
        panel = Panel(page, lab).open()
        expect(panel.root).to_contain_text("pip install --upgrade jupyter-modama")
        expect(panel.root.get_by_role("button", name="Retry")).to_be_visible()
        page.goto("about:blank")


def test_server_that_stops_is_told(panel: Panel) -> None:
    """When the server does not answer any more the panel says so, with Retry, and recovers."""
    panel.page.route("**/modama/api/**", lambda route: route.abort())
    panel.root.get_by_role("searchbox").fill("x")
    alert = panel.root.get_by_role("alert")
    expect(alert).to_contain_text("does not answer")
    panel.page.unroute("**/modama/api/**")
    alert.get_by_role("button", name="Retry").click()
    expect(alert).to_have_count(0)


def violations(page: Page) -> list[str]:
    """What axe-core finds in our part of the window, of what keeps people out."""
    page.evaluate((ROOT / "labextension/node_modules/axe-core/axe.min.js").read_text())
    result = page.evaluate("() => axe.run('.mo-root, dialog')")
    assert len(result["passes"]) > 5
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in result["violations"]
        for node in rule["nodes"]
        if rule["impact"] in {"serious", "critical"}
    ]


THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark", "contrast": "JupyterLab Dark High Contrast"}
DIALOGS = {
    "project": ("edit-project", "members", "visibility", "transfer", "rights", "new-session"),
    "session": ("edit-session", "seal-session", "session-links"),
}


def each_dialog(panel: Panel, view: str) -> None:
    """Open each dialog of a page, as its command does, and look at it."""
    for name in DIALOGS[view]:
        panel.page.evaluate("id => void window.jupyterapp.commands.execute(id)", f"modama:{name}")
        dialog = panel.page.get_by_role("dialog")
        dialog.get_by_role("button", name="Close").or_(dialog.get_by_role("button", name="Cancel")).first.wait_for()
        assert violations(panel.page) == [], name
        panel.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


@pytest.mark.parametrize("theme", THEMES)
def test_nobody_is_kept_out(panel: Panel, theme: str) -> None:
    """The pages and their dialogs have names, roles and contrasts that assistive programs need."""
    panel.theme(THEMES[theme], light=theme == "light")
    panel.new_project(f"for-all-{theme}")
    each_dialog(panel, "project")
    panel.new_session("2024-07-07-for-all")
    (panel.lab.tree / f"adhoc/for-all-{theme}/2024-07-07-for-all/raw/a.txt").write_text("a")
    assert violations(panel.page) == []
    each_dialog(panel, "session")
    panel.button("Raw files")
    panel.row("a.txt").click()
    panel.root.locator(".mo-file").wait_for()
    assert violations(panel.page) == []
    panel.root.locator(".mo-file").get_by_role("button", name="Why").click()
    panel.page.get_by_role("dialog").locator(".mo-box").wait_for()
    assert violations(panel.page) == []


def test_selection_and_state_are_seen_in_the_systems_own_colours(panel: Panel) -> None:
    """Where the system sets the colours, a selected row stands out by the system's pair, and a state has a line."""
    panel.new_project("forced-colours").new_session("2024-08-08-forced")
    (panel.lab.tree / "adhoc/forced-colours/2024-08-08-forced/raw/a.txt").write_text("a")
    panel.page.emulate_media(forced_colors="active")
    line = "badge => getComputedStyle(badge).borderTopStyle"
    assert panel.root.locator(".mo-badge").first.evaluate(line) == "solid"
    panel.button("Raw files")
    panel.row("a.txt").click()
    grounds = [
        one.evaluate("one => getComputedStyle(one).backgroundColor")
        for one in (panel.root.locator(".mo-row.mo-selected"), panel.root.locator(".mo-list"))
    ]
    assert grounds[0] != grounds[1]
