"""JupyterLab on a data tree of its own, and Debian's Chromium that looks at it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
PICTURE_BYTES = 150_000
TOKEN = "token-of-the-browser-tests"
START_LIMIT_S = 60
# Notebook 7.6 throws the first by itself, with our extension or without it; Lab the second, after its dialog about a
# save that was refused.
NOT_OURS = ("Cannot read properties of undefined (reading 'schema')", "You cannot change this file")
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
# How far a text stands out from its ground, by the rule of WCAG 2.
CONTRAST = """element => {
    const channels = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => channels(color).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    let ground = element;
    while (channels(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const pair = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(light);
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


expect.set_options(timeout=30_000)  # a busy machine is slow, and not wrong


# The event loop of pytest-jupyter and that of Playwright's synchronous interface cannot stand in one thread.
@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    return None


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs, and the data tree that it shows."""

    url: str
    tree: Path
    log: Path

    def address(self, path: str = "lab", query: str = "reset") -> str:
        return f"{self.url}{path}?token={TOKEN}&{query}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_lab(
    home: Path, *, extension: bool = True, app: str = "jupyterlab", language: str = "", options: tuple[str, ...] = ()
) -> Iterator[Lab]:
    """JupyterLab (or Notebook) with nothing of the person who runs the tests; stopped with all that it started."""
    tree = home / "work" / "storage"
    settings = home / "settings"
    news = settings / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    for folder in (tree / "adhoc", news.parent):
        folder.mkdir(parents=True)
    news.write_text(json.dumps(NO_NEWS))
    if language:
        chosen = settings / "@jupyterlab/translation-extension/plugin.jupyterlab-settings"
        chosen.parent.mkdir(parents=True)
        chosen.write_text(json.dumps({"locale": language}))
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "MODAMA_ROOT", "MODAMA_SITE"))},
        "HOME": str(home),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "MODAMA_ROOT": str(tree),
        **{f"XDG_{name}_HOME": str(home / name.lower()) for name in ("STATE", "CACHE", "CONFIG", "DATA")},
    }
    command = [
        *[sys.executable, "-m", app, "--no-browser", "--allow-root", f"--port={port}"],
        *["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={home / 'work'}"],
        f"--IdentityProvider.token={TOKEN}",
        *["--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"],
        f"--ServerApp.jpserver_extensions={{'jupyter_modama': {extension}}}",
        *options,
    ]
    log = home / "jupyter.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=home)
    try:
        lab = Lab(f"http://127.0.0.1:{port}/", tree, log)
        wait_for(lab, server)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def wait_for(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{lab.url}api/status?token={TOKEN}", timeout=5).close()  # noqa: S310  loopback
            return
        if server.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{lab.log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests; each makes projects of its own in it."""
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def libertem() -> None:
    """LiberTEM's environment; without it the main job cannot be done, so it is no reason to skip."""
    try:
        environment.find()
    except ModamaError as error:
        pytest.fail(f"{error}; `make setup` does it, and MODAMA_LIBERTEM_VENV says where")


# No longer than a module: while it lives, Playwright's event loop runs in this thread, and no other test can run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium here; `make setup` gets one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window with nothing in it. An exception in it that nobody caught fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = context.new_page()
    shown.set_default_timeout(30_000)
    errors: list[str] = []
    shown.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    yield shown
    context.close()
    assert [error for error in errors if not error.startswith(NOT_OURS)] == []


class Panel:
    """The panel, as a person uses it."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page, self.lab = page, lab
        self.root = page.locator(".mo-root").first

    def open(self, query: str = "reset") -> Panel:
        """Load JupyterLab and bring the panel to the front."""
        self.page.goto(self.lab.address(query=query))
        self.page.wait_for_function("() => window.jupyterapp?.restored?.then(() => true)")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        tab = self.page.locator(".jp-SideBar li[data-id='modama-panel']")
        if "lm-mod-current" not in (tab.get_attribute("class") or ""):
            tab.click()
        self.root.wait_for()
        return self

    def button(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=False).first.click()

    def new_project(self, name: str) -> Panel:
        self.button("New project")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=False).first.fill(name)
        dialog.get_by_role("button", name="Create project").click()
        self.root.get_by_role("heading", name=name, exact=True).wait_for()
        return self

    def new_session(self, name: str) -> Panel:
        self.button("New session")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=False).first.fill(name)
        dialog.get_by_role("button", name="Create session").click()
        self.root.get_by_role("heading", name=name, exact=True).wait_for()
        return self

    def row(self, name: str):  # type: ignore[no-untyped-def]
        return self.root.locator(f'.mo-row[data-name="{name}"]')

    def wide(self, px: int) -> None:
        """Drag the panel's edge until it has this width."""
        handle = self.page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").first
        for _ in range(3):
            box, edge = self.page.locator("#modama-panel").bounding_box(), handle.bounding_box()
            assert box is not None
            assert edge is not None
            if abs(box["width"] - px) < 2:
                return
            self.page.mouse.move(edge["x"] + 1, 500)
            self.page.mouse.down()
            self.page.mouse.move(edge["x"] + 1 + px - box["width"], 500)
            self.page.mouse.up()
        raise AssertionError(f"the panel cannot be {px} px wide")

    def dark(self, is_dark: bool) -> None:
        self.theme("JupyterLab Dark" if is_dark else "JupyterLab Light", light=not is_dark)

    def theme(self, theme: str, *, light: bool) -> None:
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        self.page.wait_for_function(
            "([name, light]) => [['jpThemeName', name], ['jpThemeLight', light]]"
            ".every(([key, value]) => document.body.dataset[key] === value)",
            arg=[theme, str(light).lower()],
        )


@pytest.fixture
def panel(page: Page, lab: Lab) -> Panel:
    return Panel(page, lab).open()


@pytest.fixture
def picture(page: Page, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Keeps what is seen now as docs/pictures/<name>-light.png and -dark.png, if asked for by --pictures."""

    def keep(name: str, *panels: Panel) -> None:
        if not request.config.getoption("--pictures"):
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)  # what the plain page goes by
            for panel in panels:
                panel.dark(theme == "dark")
            page.wait_for_timeout(400)
            file = PICTURES / f"{name}-{theme}.png"
            page.screenshot(path=file)
            make_smaller(file)

    return keep


def make_smaller(file: Path) -> None:
    """A large picture with 256 colours: they are looked at on a page, and cloned by everybody."""
    if file.stat().st_size > PICTURE_BYTES:
        with Image.open(file) as picture:
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
