"""A session's own words, and what the file browser offers for it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from .conftest import CONTRAST, Panel

NAME = "2024-08-08-words"


def new_session(panel: Panel, project: str) -> Path:
    """A session with one file, and the panel on its page."""
    panel.new_project(project).new_session(NAME)
    session = panel.lab.tree / "adhoc" / project / NAME
    (session / "raw/a.dm4").write_bytes(b"as measured")
    return session


def test_title_of_a_session_is_edited(panel: Panel) -> None:
    """What is written into the form is on the page, and still there for whoever comes next."""
    new_session(panel, "edited")
    panel.button("Edit…")
    dialog = panel.page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Größe der Poren <i>vorher</i>")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(panel.root.locator(".mo-subtitle")).to_have_text("Größe der Poren <i>vorher</i>")
    panel.open()
    panel.root.get_by_role("button", name="edited").click()
    expect(panel.root).to_contain_text("Größe der Poren <i>vorher</i>")


def test_session_is_renamed(panel: Panel) -> None:
    """A new name moves the folder, and the panel goes along."""
    session = new_session(panel, "renamed")
    panel.button("Edit…")
    dialog = panel.page.get_by_role("dialog")
    dialog.get_by_label("Name").first.fill("2024-08-08-better-words")
    dialog.get_by_role("button", name="Save").click()
    expect(panel.root.get_by_role("heading", name="2024-08-08-better-words")).to_be_visible()
    assert (session.with_name("2024-08-08-better-words") / "raw/a.dm4").exists()
    assert not session.exists()


def offered_in_file_browser(panel: Panel, session: Path) -> tuple[Locator, Locator]:
    """Seal and Verify, where the menu has them that a right click on the session's folder brings."""
    execute = "([command, args]) => window.jupyterapp.commands.execute(command, args)"
    path = str(session.parent.relative_to(panel.lab.tree.parent))
    panel.page.evaluate(execute, ["filebrowser:open-path", {"path": path}])
    panel.page.evaluate(execute, ["filebrowser:activate", {}])
    item = panel.page.locator(".jp-DirListing-item", has_text=session.name)
    item.click()
    item.click(button="right")
    menu = panel.page.locator(".lm-Menu")
    expect(menu.get_by_role("menuitem", name="Show in MODAMA")).to_be_visible()
    expect(menu.get_by_role("menuitem", name=re.compile("Open in (LiberTEM|Notebook)"))).to_have_count(
        0
    )  # a whole session is no measurement
    return menu.get_by_role("menuitem", name="Seal MODAMA"), menu.get_by_role("menuitem", name="Verify MODAMA")


def change_in_spite_of_the_seal(file: Path) -> None:
    """As an administrator could who takes the protection away."""
    subprocess.run(["chattr", "-i", file], check=False, capture_output=True)
    file.chmod(0o644)
    file.write_bytes(b"as wished...")


@pytest.mark.slow
def test_session_is_sealed_and_verified_in_the_file_browser(panel: Panel) -> None:
    """A right click offers what applies, and names the file that was changed after all."""
    session = new_session(panel, "in-the-file-browser")
    seal, verify = offered_in_file_browser(panel, session)
    expect(verify).to_have_count(0)
    seal.click()
    panel.page.get_by_role("dialog").get_by_role("button", name="Seal 1 file").click()
    expect(panel.root.locator(".mo-heading .mo-badge-sealed")).to_be_visible(timeout=60_000)

    seal, verify = offered_in_file_browser(panel, session)
    expect(seal).to_have_count(0)
    verify.click()
    expect(panel.root.locator(".mo-box-success")).to_contain_text("Verifying", timeout=60_000)

    change_in_spite_of_the_seal(session / "raw/a.dm4")
    _, verify = offered_in_file_browser(panel, session)
    verify.click()
    expect(panel.root.locator(".mo-names")).to_contain_text("changed raw/a.dm4", timeout=60_000)
    for is_dark in (True, False):
        panel.dark(is_dark)
        button = panel.root.get_by_role("button", name="Unseal").element_handle()
        panel.page.wait_for_function(f"button => ({CONTRAST})(button) >= 4.5", arg=button)
