"""Files that come from the desktop and go to it, and what sealed ones refuse, in a real JupyterLab."""

from __future__ import annotations

import json
import os
import urllib.request
import zipfile
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from .conftest import TOKEN, Lab, Panel
from .test_files import session_with

NAME = "50% ä #&'.dm4"
BEFORE = 1_500_000_000


def ask(lab: Lab, operation: str, **wanted: object) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310  loopback
        f"{lab.url}modama/api/{operation}",
        json.dumps(wanted).encode(),
        {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  loopback
        found: dict[str, object] = json.load(response)
        return found


def seal(panel: Panel, project: str, session: str) -> None:
    job = ask(panel.lab, "session.seal", project=project, session=session)["job"]
    while job["state"] in {"queued", "running"}:  # type: ignore[index]
        panel.page.wait_for_timeout(200)
        job = ask(panel.lab, "job.show", id=job["id"])  # type: ignore[index]
    assert job["state"] == "done", job  # type: ignore[index]


def test_files_come_from_the_desktop_over_a_reload(panel: Panel, tmp_path: Path, picture) -> None:  # type: ignore[no-untyped-def]
    """What a reload cuts off goes on with the same file; it arrives whole, with its name and its time."""
    page = panel.page
    session = session_with(panel, "brought", {"first.dat": b"1"})
    file = tmp_path / NAME
    file.write_bytes(os.urandom(9 << 20))
    os.utime(file, (BEFORE, BEFORE))
    sent: list[str] = []

    def one_piece_only(route: Route) -> None:
        sent.append(route.request.url)
        route.continue_() if len(sent) == 1 else None

    page.route("**/modama/api/upload?*", one_piece_only)
    panel.root.get_by_label("Files to bring").set_input_files(file)
    expect(panel.root.locator(".mo-uploads")).to_contain_text("4.00 MiB of 9.00 MiB")
    picture("files-on-their-way", panel)
    page.wait_for_timeout(500)  # until Lab has written down what it is to know after a reload
    page.unroute("**/modama/api/upload?*")
    panel.open(query="")
    expect(panel.root.locator(".mo-uploads")).to_contain_text("1 file was cut off")
    panel.root.get_by_label("Files that were cut off").set_input_files(file)
    expect(panel.root.locator(".mo-uploads")).to_contain_text("1 file is here", timeout=60_000)
    expect(panel.row(NAME)).to_be_visible()
    assert (session / "raw" / NAME).read_bytes() == file.read_bytes()
    assert (session / "raw" / NAME).stat().st_mtime == BEFORE
    assert sorted(os.listdir(session / "raw")) == sorted([NAME, "first.dat"])

    # and goes again, as a zip file
    panel.row("first.dat").click()
    panel.row(NAME).click(modifiers=["Control"])
    expect(panel.root.locator(".mo-files-bar")).to_contain_text("2 selected")
    panel.root.get_by_role("button", name="Download what is selected").click()
    link = page.get_by_role("link", name="Download as zip")
    expect(link).to_contain_text("9.00 MiB")
    with page.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as packed:
        assert packed.read(NAME) == file.read_bytes()
        assert b"Everything is here" in packed.read(packed.namelist()[-1])


DRAG = """async (zone, type) => {
    const drag = new DataTransfer();
    drag.items.add(new File(['dropped'], 'dropped.txt'));
    zone.dispatchEvent(new DragEvent(type, {dataTransfer: drag, bubbles: true, cancelable: true}));
}"""


def test_a_sealed_folder_refuses_a_drop_with_its_reason(panel: Panel, picture) -> None:  # type: ignore[no-untyped-def]
    """Above a folder that is open there is an invitation, above a sealed one the reason; nothing comes into it."""
    session = session_with(panel, "dropped", {"first.dat": b"1"})
    zone = panel.root.locator(".mo-drop-zone")
    zone.evaluate(DRAG, "drop")
    expect(panel.row("dropped.txt")).to_be_visible()
    assert (session / "raw/dropped.txt").read_text() == "dropped"
    seal(panel, "adhoc/dropped", session.name)
    panel.root.get_by_role("button", name="Refresh").click()
    expect(panel.row("first.dat").get_by_role("button", name="sealed: why?")).to_be_visible()
    zone.evaluate(DRAG, "dragover")
    expect(panel.root.locator(".mo-drop")).to_contain_text("was sealed by")
    picture("drop-on-sealed", panel)
    zone.evaluate(DRAG, "drop")
    assert not (session / "raw/dropped-again.txt").exists()
    panel.row("first.dat").get_by_role("button", name="sealed: why?").click()
    expect(panel.page.get_by_role("dialog")).to_contain_text("was sealed by")


def in_browser(page: Page, path: str) -> None:
    """Lab's own file browser, in a folder."""
    page.evaluate("path => window.jupyterapp.commands.execute('filebrowser:go-to-path', {path})", path)


def said(page: Page) -> None:
    """Lab's dialog holds the seal's sentence."""
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("was sealed by")
    dialog.get_by_role("button").last.click()
    expect(dialog).to_have_count(0)


def test_labs_own_browser_and_editor_say_why(panel: Panel, picture) -> None:  # type: ignore[no-untyped-def]
    """Delete and rename in Lab's file browser, and save in its editor, end in the sentence of the seal."""
    page = panel.page
    session = session_with(panel, "refused", {"a.txt": b"one", "b.txt": b"two"})
    raw = f"storage/adhoc/refused/{session.name}/raw"
    page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', {path})", f"{raw}/a.txt")
    editor = page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_contain_text("one")
    seal(panel, "adhoc/refused", session.name)
    editor.click()
    page.keyboard.type("more ")
    page.keyboard.press("Control+s")
    said(page)
    page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', {path})", f"{raw}/b.txt")
    page.get_by_role("button", name="Why read-only?").click()
    why = page.get_by_role("dialog", name="Why can’t I write here?")
    expect(why).to_contain_text("was sealed by")
    why.get_by_role("button", name="Close").last.click()

    in_browser(page, raw)
    item = page.locator(".jp-DirListing-item", has_text="b.txt")
    item.click()
    page.keyboard.press("Delete")
    page.locator(".jp-Dialog").get_by_role("button", name="Delete").or_(
        page.locator(".jp-Dialog").get_by_role("button", name="Move to Trash")
    ).click()
    expect(page.locator(".jp-Dialog")).to_contain_text("was sealed by")
    picture("sealed-in-labs-browser", panel)
    said(page)
    item.click()
    page.keyboard.press("F2")
    page.keyboard.type("c")
    page.keyboard.press("Enter")
    said(page)
    assert sorted(os.listdir(session / "raw")) == ["a.txt", "b.txt"]
    assert (session / "raw/a.txt").read_bytes() == b"one"
