"""Somebody in a browser of their own, at a whole hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from jupyter_modama.testing.whole_hub import WholeHub

from .conftest import NOT_OURS, Panel

PASSWORD = "birch-cedar-delta"
PATIENCE_MS = 240_000
RUN = """async code => {
    const kernels = window.jupyterapp.serviceManager.kernels;
    const { id } = await kernels.startNew({ name: 'python3' });
    // A list of kernels that was asked for before this one began would end the connection when it comes.
    while (![...kernels.running()].some(model => model.id === id)) await kernels.refreshRunning();
    const kernel = kernels.connectTo({ model: { id, name: 'python3' } });
    let said = '';
    const future = kernel.requestExecute({ code });
    future.onIOPub = message => {
        const content = message.content;
        said += content.text ?? (content.ename ? `${content.ename}: ${content.evalue}` : '');
    };
    await future.done;
    await kernel.shutdown();
    return said.trim();
}"""
TRY = """
import errno, os
try:
    {line}
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    print("done")
"""


class Visitor:
    """Somebody in a browser of their own, and their panel in JupyterLab."""

    def __init__(self, page: Page, hub: WholeHub, login: str) -> None:
        self.page, self.hub, self.login = page, hub, login
        self.url = f"{hub.url}/user/{login}/"
        self.panel = Panel(page, self)  # type: ignore[arg-type]

    def address(self, path: str = "lab", query: str = "reset") -> str:
        return f"{self.url}{path}?{query}"

    def sign_in(self, password: str = PASSWORD) -> Visitor:
        """Through the hub's button and the provider's form, to a server that starts."""
        self.page.goto(f"{self.hub.url}/hub/login")
        self.say_who(password)
        self.page.wait_for_url(f"**/user/{self.login}/lab**", timeout=PATIENCE_MS)
        self.panel.open()
        return self

    def say_who(self, password: str = PASSWORD) -> None:
        """What is done where the hub asks for it."""
        page = self.page
        page.locator("a.btn", has_text="Sign in").click()
        page.get_by_label("Login").fill(self.login)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()

    def run(self, code: str) -> str:
        """What a cell prints that this person runs in a kernel."""
        said: str = self.page.evaluate(RUN, code)
        return said

    def sees(self, tree: Path) -> list[str]:
        """The projects that lie there for this person's programs."""
        area = f"os.path.expanduser('{tree}/adhoc')"
        return self.run(f"import os; print(*(os.listdir({area}) if os.path.isdir({area}) else []))").split()

    def tries(self, line: str) -> str:
        """The name of the error of a line of Python, or `done`."""
        return self.run(TRY.format(line=line))

    def modama(self, *words: str) -> str:
        """What the command line says in this person's server."""
        program = "import subprocess, sys; print(subprocess.run([sys.prefix + '/bin/modama', *{words}], "
        program += "stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout)"
        return self.run(program.format(words=list(words)))


@contextmanager
def visitor(browser: Browser, hub: WholeHub, login: str) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(120_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    yield Visitor(page, hub, login)
    context.close()
    assert [error for error in errors if not error.startswith(NOT_OURS)] == []
