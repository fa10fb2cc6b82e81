"""The panel and the pages in another language: German, and one whose words are longer than any."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from .conftest import ROOT, TOKEN, Lab, Panel, running_lab
from .test_sidebar import CLIPPED, HOLOGRAM, put_file

CATALOGUE = ROOT / "jupyter_modama/locale/de_DE/LC_MESSAGES/jupyter_modama.json"
# Texts that are in no brackets, so no translation of ours; without what the disk and the server say.
UNTRANSLATED = """([root, theirs]) => {
    const found = [], walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const { textContent, parentElement } = walk.currentNode;
        const said = textContent.trim();
        const isTold = parentElement.closest('[role=row], .mo-crumbs, .mo-caption, dd, pre') || theirs.includes(said);
        if (/\\p{L}{3}/u.test(said) && !parentElement.textContent.includes('⟦') && !isTold) {
            found.push(said);
        }
    }
    return found;
}"""
THEIRS = ["auf-deutsch", "longer-words", "2024-06-06-and-a-long-name-too", HOLOGRAM, getpass.getuser()]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab whose person chose German in its settings."""
    with running_lab(tmp_path_factory.mktemp("german"), language="de_DE") as running:
        yield running


def pseudo(text: str) -> str:
    """A text 40 % longer, in brackets, so that it is seen what is cut, and what is no translation."""
    return f"⟦{text}{'~' * round(0.4 * len(text))}⟧"


def in_longer_words(route: Route) -> None:
    """Answers with the texts as they are in English, only longer."""
    texts = json.loads(CATALOGUE.read_text())
    longer = {key: [pseudo(key.split("\u0004")[-1])] * len(forms) for key, forms in texts.items() if key}
    route.fulfill(json={"data": {"jupyter_modama": {"": texts[""]} | longer}, "message": ""})


def test_lab_in_german_speaks_german(panel: Panel) -> None:
    """A project and a session are made, and a file is looked at, in German; sizes have a decimal comma."""
    panel.root.get_by_role("button", name="Neues Projekt …").click()
    dialog = panel.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Ein Projekt ist ein Ordner")
    dialog.get_by_label("Name").first.fill("auf-deutsch")
    dialog.get_by_role("button", name="Projekt anlegen").click()
    panel.root.get_by_role("button", name="Neue Sitzung …").click()
    dialog.get_by_label("Name").first.fill("2024-11-12-messung")
    dialog.get_by_role("button", name="Sitzung anlegen").click()
    expect(panel.root.locator(".mo-badge")).to_contain_text("beschreibbar")
    raw = panel.lab.tree / "adhoc/auf-deutsch/2024-11-12-messung/raw"
    put_file(raw)
    (raw / "spektrum.txt").write_bytes(b"x" * 2000)
    panel.root.get_by_role("button", name="Rohdateien").click()
    expect(panel.row("spektrum.txt")).to_contain_text("1,95 KiB")
    expect(panel.root.locator(".mo-count")).to_have_text("2 Einträge")
    label = panel.page.evaluate("() => window.jupyterapp.commands.label('modama:new-session')")
    assert label == "Neue MODAMA-Sitzung …"


def test_longer_words_are_not_cut(page: Page, lab: Lab) -> None:
    """At 300 px nothing is cut where each text is 40 % longer; and each text of ours is translated."""
    raw = lab.tree / "adhoc/longer-words/2024-06-06-and-a-long-name-too/raw"
    raw.mkdir(parents=True)
    put_file(raw)
    page.route("**/api/translations/**", in_longer_words)
    panel = Panel(page, lab).open()
    panel.wide(300)
    panel.root.get_by_role("button", name="⟦New project…").wait_for()
    look(panel, "projects")
    panel.root.get_by_text("longer-words", exact=True).first.click()
    panel.root.get_by_role("button", name="⟦New session…").wait_for()
    look(panel, "project")
    panel.root.get_by_text("2024-06-06-and-a-long-name-too").first.click()
    panel.root.get_by_role("button", name="⟦Raw files").wait_for()
    look(panel, "session")
    panel.root.get_by_role("button", name="⟦Seal…").click()
    page.get_by_role("dialog").get_by_role("button", name="⟦Seal").wait_for()
    look(panel, "seal")
    page.keyboard.press("Escape")
    panel.root.get_by_role("button", name="⟦Raw files").click()
    panel.row(HOLOGRAM).click()
    panel.root.locator(".mo-image[aria-busy=false] canvas").first.wait_for(timeout=60_000)
    look(panel, "file")


def look(panel: Panel, name: str) -> None:
    """Nothing in the panel, nor in a dialog over it, is cut or untranslated."""
    for part in [panel.root, *panel.page.locator("dialog[open]").all()]:
        assert part.evaluate(CLIPPED) == [], name
        assert part.evaluate(f"root => ({UNTRANSLATED})([root, {json.dumps(THEIRS)}])") == [], name


def test_plain_page_speaks_as_the_browser_does(browser: Browser, lab: Lab) -> None:
    """A browser that asks for German first gets the page in German, and says so to those who read it aloud."""
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    page.goto(f"{lab.url}modama/page?token={TOKEN}")
    expect(page.get_by_role("button", name="Neues Projekt …").first).to_be_visible()
    assert page.evaluate("() => document.documentElement.lang") == "de-DE"
    context.close()
