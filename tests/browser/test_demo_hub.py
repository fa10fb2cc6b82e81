"""`make demo-hub` as two people see it; by `make test-demo-hub`, since it makes the demo's own accounts.

With `--pictures` it takes the pictures of the README that begin with 20.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from jupyter_modama.testing import trees

from .conftest import PICTURES, ROOT, make_smaller

FOLDER = os.environ.get("MODAMA_TEST_DEMO_HUB", "")
ADA, GRACE = "modama-ada", "modama-grace"
LAST_WORDS = "Ctrl-C here ends everything"
PROJECT, SESSION = "grain-boundary-4dstem", "2025-02-04-4dstem-scan"
SCAN = "boundary-4dstem.dm4"
PATIENCE_S = 400

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.server,
    pytest.mark.skipif(not FOLDER, reason="it makes the accounts of the demo: make test-demo-hub"),
]


@dataclass(frozen=True)
class Said:
    """What the demo prints for those who are to use it."""

    url: str
    passwords: dict[str, str]


@contextmanager
def demo(folder: Path) -> Iterator[Said]:
    """The demo, until Ctrl-C."""
    words = [sys.executable, "-u", ROOT / ".ci/demo_hub.py", folder]
    environment = {**os.environ, "MODAMA_DEMO_PORT": "0"}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        text, end = "", time.monotonic() + PATIENCE_S
        while LAST_WORDS not in text:
            ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
            more = os.read(process.stdout.fileno(), 4096) if ready else b""
            assert more, f"it did not start:\n{text}"
            text += more.decode()
        address = re.search(r"http://127\.0\.0\.1:\d+", text)
        assert address is not None
        yield Said(address[0], dict(re.findall(r"(modama-\w+) +password (\S+)", text)))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 0


def left_of(folder: Path) -> list[str]:
    """Processes of the demo's people, or that were started from its folder, and its mounts."""
    found = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]
    uids = {row.pw_uid for row in pwd.getpwall() if row.pw_name in (ADA, GRACE)}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit():
                words = (process / "cmdline").read_bytes().decode(errors="replace")
                if process.stat().st_uid in uids or (f"{folder}/" in words and int(process.name) != os.getpid()):
                    found.append(words)
        except OSError:
            continue
    return found


def signed_in(browser: Browser, said: Said, login: str) -> BrowserContext:
    """Somebody whose JupyterLab is there, by the button of the hub and the form of the provider."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    page.goto(said.url)
    page.locator("a.btn", has_text="Sign in").click()
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(said.passwords[login])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/user/{login}/lab**")
    page.locator(".mo-root").first.wait_for()
    return context


def picture(page: Page, wanted: bool, name: str) -> None:
    """Light and dark, of a page of the service."""
    for theme in ("light", "dark") if wanted else ():
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.wait_for_timeout(400)
        file = PICTURES / f"{name}-{theme}.png"
        page.screenshot(path=file)
        make_smaller(file)


@pytest.mark.timeout(1800)
def test_two_people_use_the_demo_and_it_leaves_nothing_running(
    browser: Browser, request: pytest.FixtureRequest
) -> None:
    """Both sign in, one shares, LiberTEM opens; Ctrl-C ends all, a second start has it all, cleaning leaves nothing."""
    wanted = bool(request.config.getoption("--pictures"))
    with trees.reachable_folder() as above:
        folder = above / "demo"
        folder.mkdir()
        for name in ("venv", "libertem"):
            (folder / name).symlink_to(Path(FOLDER) / name)
        try:
            with demo(folder) as said:
                assert set(said.passwords) == {ADA, GRACE}
                first_visit(browser, said, wanted)
            assert left_of(folder) == []
            with demo(folder) as again:
                assert again.passwords == said.passwords
                grace = signed_in(browser, again, GRACE).pages[0]
                expect(grace.locator(".mo-root").get_by_role("button", name=PROJECT)).to_be_visible()
            assert left_of(folder) == []
        finally:
            subprocess.run([sys.executable, ROOT / ".ci/demo_hub.py", folder, "--clean"], check=True, cwd=ROOT)
        assert not folder.exists()
        assert not {row.pw_name for row in pwd.getpwall()} & {ADA, GRACE, "modama-demo"}


def first_visit(browser: Browser, said: Said, wanted: bool) -> None:
    ada, grace = (signed_in(browser, said, login) for login in (ADA, GRACE))
    mine, hers = ada.pages[0], grace.pages[0]
    expect(mine.locator(".mo-root").get_by_role("button", name=PROJECT)).to_be_visible()
    expect(hers.locator(".mo-root")).not_to_contain_text(PROJECT)
    page = ada.new_page()
    page.goto(f"{said.url}/services/modama/manage/project/adhoc/{PROJECT}")
    page.get_by_role("button", name="Manage members…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Add somebody").press_sequentially(GRACE)
    dialog.get_by_role("option", name=re.compile("grace")).wait_for()
    dialog.get_by_role("combobox", name="Add somebody").press("Enter")
    picture(page, wanted, "20-hub-members")
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    expect(hers.locator(".mo-root").get_by_role("button", name=PROJECT)).to_be_visible()
    if wanted:
        hers.screenshot(path=PICTURES / "20-hub-shared-light.png")
        make_smaller(PICTURES / "20-hub-shared-light.png")

    raw = f"{said.url}/services/modama/browse/adhoc/{PROJECT}/{SESSION}/raw"
    page.goto(raw)
    page.get_by_role("link", name=SCAN, exact=True).wait_for()
    picture(page, wanted, "20-hub-browse")
    page.goto(f"{said.url}/services/modama/administration")
    page.get_by_role("button", name="Count now").first.click()
    expect(page.get_by_role("row", name=re.compile(PROJECT)).first).to_be_visible()
    picture(page, wanted, "20-hub-administration")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{raw}/{SCAN}")
    page.locator(".mo-image[aria-busy=false] canvas").first.wait_for()
    picture(page, wanted, "20-hub-phone")

    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{said.url}/hub/user-redirect/modama/open/libertem?path=adhoc/{PROJECT}/{SESSION}/raw/{SCAN}")
    page.wait_for_url("**/modama-libertem/**")
    expect(page.get_by_text(SCAN).first).to_be_visible()
    ada.close()
    grace.close()
