"""The panel without a mouse: the whole story, the menu of a row, the focus after a dialog."""

from __future__ import annotations

import json
from contextlib import suppress

from playwright.sync_api import TimeoutError, expect

from .conftest import ROOT, Panel
from .test_sidebar import HOLOGRAM, put_file

MOST_TABS = 60
LAUNCHER_MS = 8_000
COMMANDS = "all => all.map(one => one.dataset.command)"


def settled(panel: Panel) -> None:
    """Lab's launcher takes the focus when it is ready, if it has not had it yet: the palette would close then."""
    with suppress(TimeoutError):
        panel.page.wait_for_function("() => document.activeElement.closest('.jp-Launcher')", timeout=LAUNCHER_MS)


def command(panel: Panel, words: str) -> None:
    """Find a command in the palette, as one does who knows what it is called."""
    keys = panel.page.keyboard
    keys.press("Control+Shift+C")
    expect(panel.page.locator("#modal-command-palette input")).to_be_focused()
    keys.type(words)
    expect(panel.page.locator("#modal-command-palette .lm-mod-active")).to_contain_text(words)
    keys.press("Enter")


def tab_to(panel: Panel, condition: str) -> None:
    """Tab on until the focus is where it is wanted."""
    for _ in range(MOST_TABS):
        if panel.page.evaluate(f"() => (at => {condition})(document.activeElement)"):
            return
        panel.page.keyboard.press("Tab")
    raise AssertionError(f"{MOST_TABS} tabs do not lead to it: {condition}")


def test_the_whole_story_by_keyboard(panel: Panel) -> None:
    """A project, a session, a preview, a seal and a copied link, and the mouse is never touched."""
    page, keys = panel.page, panel.page.keyboard
    settled(panel)
    command(panel, "New MODAMA Project")
    expect(page.get_by_role("dialog").get_by_label("Name").first).to_be_focused()
    keys.type("by-keyboard")
    keys.press("Enter")
    expect(panel.root.get_by_role("heading", name="by-keyboard")).to_be_visible()

    command(panel, "New MODAMA Session")
    name = page.get_by_role("dialog").get_by_label("Name").first
    expect(name).to_be_focused()
    name.press("Control+A")
    keys.type("2024-11-12-keys")
    keys.press("Enter")
    expect(panel.root.get_by_role("heading", name="2024-11-12-keys")).to_be_visible()
    put_file(panel.lab.tree / "adhoc/by-keyboard/2024-11-12-keys/raw")

    command(panel, "Raw Files of MODAMA Session")
    expect(panel.row(HOLOGRAM)).to_be_visible()
    tab_to(panel, "at.matches('.mo-list')")
    keys.press("Home")
    panel.root.locator(".mo-image[aria-busy=false] canvas").first.wait_for(timeout=60_000)
    keys.press("Escape")
    expect(panel.root.locator(".mo-file")).to_have_count(0)
    keys.press("Space")
    panel.root.locator(".mo-image[aria-busy=false] canvas").first.wait_for(timeout=60_000)

    keys.press("Shift+F10")
    menu = page.locator(".lm-Menu")
    expect(menu.get_by_text("Copy Path of Data")).to_be_visible()
    for _ in range(20):
        keys.press("ArrowDown")
        if "Copy Path" in menu.locator(".lm-mod-active").first.inner_text():
            break
    keys.press("Enter")
    page.wait_for_function(f"() => navigator.clipboard.readText().then(text => text.endsWith('{HOLOGRAM}'))")

    tab_to(panel, "at.matches('.mo-list')")
    keys.press("Escape")
    keys.press("Escape")
    expect(panel.root.get_by_role("heading", name="2024-11-12-keys")).to_be_visible()
    command(panel, "Seal MODAMA Session")
    expect(page.get_by_role("dialog").get_by_role("button", name="Seal 1 file")).to_be_enabled()
    tab_to(panel, "at.textContent === 'Seal 1 file'")
    keys.press("Enter")
    expect(panel.root.locator(".mo-heading .mo-badge-sealed")).to_be_visible(timeout=60_000)

    command(panel, "Links and Commands for MODAMA Session")
    page.get_by_role("dialog").locator(".mo-link").first.wait_for()
    tab_to(panel, "/^Copy/.test(at.getAttribute('aria-label') ?? at.textContent)")
    keys.press("Enter")
    page.wait_for_function("() => navigator.clipboard.readText().then(text => text.includes('2024-11-12-keys'))")
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_focus_returns_to_where_it_was_after_a_dialog(panel: Panel) -> None:
    """Who closes a dialog, by Esc or by its button, is at the button that opened it."""
    button = panel.root.get_by_role("button", name="New project").first
    for key in ("Escape", "Tab"):
        button.focus()
        panel.page.keyboard.press("Enter")
        dialog = panel.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        if key == "Escape":
            panel.page.keyboard.press(key)
        else:
            dialog.get_by_role("button", name="Cancel").press("Enter")
        expect(dialog).to_have_count(0)
        expect(button).to_be_focused()


def in_menus_of_rows() -> set[str]:
    """The commands of the menus that a row of the panel, or of Lab's own browser, has."""
    menus = json.loads((ROOT / "labextension/schema/commands.json").read_text())["jupyter.lab.menus"]["context"]
    return {item["command"] for item in menus if "command" in item}


def test_each_action_of_a_page_is_in_the_palette_and_in_the_menu(panel: Panel) -> None:
    """All our commands are in the palette, and in the menu or in a context menu."""
    known = panel.page.evaluate(
        """() => {
            const { commands } = window.jupyterapp;
            return commands.listCommands().filter(id => id.startsWith('modama:'));
        }"""
    )
    assert len(known) > 20
    settled(panel)
    panel.page.keyboard.press("Control+Shift+C")
    offered = panel.page.locator("#modal-command-palette [data-command^='modama:']")
    offered.first.wait_for(state="attached")
    assert set(offered.evaluate_all(COMMANDS)) >= set(known) - {"modama:show-in-panel"}
    panel.page.keyboard.press("Escape")
    panel.page.locator("#jp-MainMenu").get_by_text("File", exact=True).click()
    panel.page.locator(".lm-Menu-item").filter(has_text="MODAMA").last.hover()
    menu = panel.page.locator("#jp-mainmenu-file-modama [data-command^='modama:']")
    menu.first.wait_for(state="attached")
    in_menu = set(menu.evaluate_all(COMMANDS))
    assert set(known) <= in_menu | in_menus_of_rows()
