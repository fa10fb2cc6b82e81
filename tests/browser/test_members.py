"""Members of a project as its owner manages them, on the plain page and in Lab, with real accounts and lists."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab, Panel, running_lab
from .test_around import violations
from .test_sidebar import CLIPPED

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="accounts can be made by root only")
pytestmark = [pytest.mark.root, needs_root]

MIA, BEN = "mobrowsermia", "mobrowserben"


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[str, str]]:
    """Two people with accounts on this machine, while the tests run."""
    made = []
    try:
        for login, name in ((MIA, "Mia Lund"), (BEN, "Ben Ode")):
            subprocess.run(["useradd", "--no-create-home", "--comment", name, login], check=True)
            made.append(login)
        yield MIA, BEN
    finally:
        for login in made:
            subprocess.run(["userdel", "--force", login], check=True)


@pytest.fixture(scope="module")
def lab(accounts: tuple[str, str]) -> Iterator[Lab]:
    """A server of the system itself, on a tree that other accounts can come to."""
    home = Path(tempfile.mkdtemp(prefix="modama-members-"))
    try:
        home.chmod(0o755)
        with running_lab(home) as running:
            yield running
    finally:
        shutil.rmtree(home)


def can_read(login: str, path: Path) -> bool:
    """What the kernel lets this account do."""
    command = ["setpriv", f"--reuid={login}", f"--regid={login}", "--clear-groups", "test", "-r", str(path)]
    return subprocess.run(command, check=False).returncode == 0


@pytest.fixture
def project(page: Page, lab: Lab) -> Page:
    """The page of a new project with one file in it."""
    page.goto(lab.address("modama/page", "view=projects"))
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog")
    name = f"shared-{len(list((lab.tree / 'adhoc').iterdir()))}"
    dialog.get_by_label("Name", exact=False).first.fill(name)
    dialog.get_by_role("button", name="Create project").click()
    page.get_by_role("heading", name=name).wait_for()
    folder = lab.tree / "adhoc" / name
    (folder / "scan.txt").write_text("counts")
    (folder / "scan.txt").chmod(0o640)
    page.set_default_timeout(15_000)
    return page


def folder_of(page: Page, lab: Lab) -> Path:
    return lab.tree / "adhoc" / page.locator("section.mo-page h2").first.inner_text()


def members_dialog(page: Page) -> Locator:
    page.get_by_role("button", name="Manage members…").click()
    return page.get_by_role("dialog")


def add_mia(page: Page) -> None:
    dialog = members_dialog(page)
    field = dialog.get_by_role("combobox", name="Add somebody")
    field.press_sequentially("mobrowserm")
    dialog.get_by_role("option", name="Mia Lund").wait_for()
    field.press("Enter")
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")


def test_a_member_who_is_added_by_keys_can_read_and_when_removed_cannot(project: Page, lab: Lab) -> None:
    """The dialog changes what the kernel grants, both ways."""
    file = folder_of(project, lab) / "scan.txt"
    assert not can_read(MIA, file)
    add_mia(project)
    members = project.get_by_role("region", name="Members")
    expect(members.get_by_text("Mia Lund")).to_be_visible()
    assert can_read(MIA, file)
    assert not can_read(BEN, file)
    dialog = members_dialog(project)
    dialog.get_by_role("button", name="Remove Mia Lund").click()
    expect(dialog.get_by_text("Mia Lund loses access at once", exact=False)).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    expect(members.get_by_text("Mia Lund")).to_have_count(0)
    assert not can_read(MIA, file)


def test_escape_closes_the_list_of_people_and_then_the_dialog(project: Page) -> None:
    dialog = members_dialog(project)
    dialog.get_by_role("combobox", name="Add somebody").press_sequentially("mobrowser")
    dialog.get_by_role("option", name="Ben Ode").wait_for()
    project.keyboard.press("Escape")
    expect(dialog.get_by_role("option", name="Ben Ode")).to_have_count(0)
    expect(dialog).to_be_visible()
    project.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_file_closed_by_hand_is_found_and_repaired(project: Page, lab: Lab) -> None:
    add_mia(project)
    file = folder_of(project, lab) / "scan.txt"
    file.chmod(0o600)
    assert not can_read(MIA, file)
    project.get_by_role("button", name="Check rights…").click()
    dialog = project.get_by_role("dialog")
    expect(dialog.get_by_text("closed to other members", exact=False)).to_be_visible()
    dialog.get_by_role("button", name="Repair").click()
    expect(dialog.get_by_text("1 entry was mended", exact=False)).to_be_visible()
    assert can_read(MIA, file)


def nothing_is_in_the_way(panel: Panel) -> None:
    """All that is shown can be read, in dark and light, and is not cut off."""
    for is_dark in (True, False):
        panel.dark(is_dark)
        assert violations(panel.page) == []
        for part in panel.page.locator(".mo-root, dialog[open]").all():
            assert part.evaluate(CLIPPED) == []


DIALOGS = ("Manage members…", "Who can read…", "Transfer…", "Check rights…")
# How many rows the buttons stand in.
ROWS = "box => new Set([...box.children].map(child => Math.round(child.getBoundingClientRect().top / 8))).size"


@pytest.mark.slow
@pytest.mark.parametrize("width", [300, 440])
def test_each_dialog_about_members_can_be_read_in_lab(page: Page, lab: Lab, width: int) -> None:
    """The section of members takes little of a narrow panel, and every dialog is whole in light and dark."""
    panel = Panel(page, lab).open()
    name = f"in-the-panel-{width}"
    panel.new_project(name)
    add_mia(page)
    (lab.tree / "adhoc" / name / "scan ä #&%'.txt").touch(0o600)
    (lab.tree / "adhoc" / name / "scan ä #&%'.txt").chmod(0o600)
    panel.wide(width)
    nothing_is_in_the_way(panel)
    members = panel.root.get_by_role("region", name="Members")
    assert members.locator(".mo-toolbar").evaluate(ROWS) == 2
    for button in DIALOGS:
        panel.button(button)
        dialog = page.get_by_role("dialog")
        if button == "Check rights…":
            expect(dialog.get_by_text("scan ä #&%'.txt", exact=True)).to_be_visible()
        nothing_is_in_the_way(panel)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


@pytest.mark.slow
def test_a_project_made_by_hand_is_adopted_in_lab(page: Page, lab: Lab) -> None:
    """What is granted by hand is said, and one button takes the project into the system's care."""
    folder = lab.tree / "adhoc" / "by hand & more"
    folder.mkdir(mode=0o750)
    shutil.chown(folder, MIA)
    panel = Panel(page, lab).open()
    panel.wide(300)
    panel.root.get_by_role("button", name="by hand & more").click()
    members = panel.root.get_by_role("region", name="Members")
    expect(members).to_contain_text("made by hand and is not adopted")
    nothing_is_in_the_way(panel)
    panel.button("Adopt…")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Mia Lund owns it")
    nothing_is_in_the_way(panel)
    dialog.get_by_role("button", name="Adopt").click()
    dialog.wait_for(state="detached")
    expect(members.get_by_role("button", name="Adopt…")).to_have_count(0)
    assert folder.stat().st_uid == os.geteuid()
    assert can_read(MIA, folder)
    assert not can_read(BEN, folder)
