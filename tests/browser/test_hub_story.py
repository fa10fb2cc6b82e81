"""Two people at a whole hub: real sign-in, real accounts, the service, the keeper, mounts that follow membership."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, account
from jupyter_modama.testing.running_provider import SomebodyThere, why_not
from jupyter_modama.testing.whole_hub import Plan, WholeHub, whole_hub

from .conftest import NOT_OURS, ROOT, Panel

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.server,
    pytest.mark.skipif(os.geteuid() != 0, reason="accounts and mounts can be made by root only"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a provider"),
]
PASSWORD = "birch-cedar-delta"
PROJECT, OTHER, SESSION = "shared-lamella", "of-ada-alone", "2026-11-21-shared"
PATIENCE_MS = 240_000
# Lab in the page, so that what a notebook does can be asked for.
EXPOSED = 'c.Spawner.args = ["--LabApp.expose_app_in_browser=True"]\n'
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


@pytest.fixture(scope="module")
def python() -> Path:
    """An environment that everybody may start, with this project as it is now."""
    folder = Path(os.environ.get("MODAMA_PEOPLE_VENV", "/var/lib/modama-demo/venv"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run([ROOT / ".ci/people-python", folder], check=True, env=environment)
    return folder / "bin/python"


@contextmanager
def person(name: str) -> Iterator[Account]:
    """An account with a home, as whoever works in JupyterLab has one."""
    with account(name) as made:
        home = Path("/home") / made.login
        home.mkdir(mode=0o700)
        os.chown(home, made.uid, made.gid)
        try:
            yield made
        finally:
            subprocess.run(["pkill", "-KILL", "-u", str(made.uid)], check=False)  # a kernel that outlived its server
            shutil.rmtree(home)


@dataclass(frozen=True)
class Place:
    hub: WholeHub
    ada: Account
    grace: Account
    hedy: Account


@pytest.fixture(scope="module")
def place(python: Path) -> Iterator[Place]:
    with ExitStack() as kept:
        folder = kept.enter_context(trees.reachable_folder())
        ada, grace, hedy = (kept.enter_context(person(name)) for name in ("ada", "grace", "hedy"))
        service = kept.enter_context(account("modama"))
        known = {one.login: SomebodyThere(PASSWORD, claims_of(one)) for one in (ada, grace, hedy)}
        plan = Plan(folder, python, known, name="er-c-data", account=service.login, more=EXPOSED)
        yield Place(kept.enter_context(whole_hub(plan)), ada, grace, hedy)


def claims_of(one: Account) -> dict[str, object]:
    """What the provider says of somebody."""
    return {"name": one.name, "email": f"{one.name}@example.org", "email_verified": True}


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
        page = self.page
        page.goto(f"{self.hub.url}/hub/login")
        page.locator("a.btn", has_text="Sign in").click()
        page.get_by_label("Login").fill(self.login)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/user/{self.login}/lab**", timeout=PATIENCE_MS)
        self.panel.open()
        return self

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


def add_member(owner: Visitor, login: str) -> None:
    owner.panel.button("Manage members…")
    dialog = owner.page.get_by_role("dialog")
    field = dialog.get_by_role("combobox", name="Add somebody")
    field.press_sequentially(login)
    dialog.get_by_role("option", name=re.compile(login[-6:])).wait_for()
    field.press("Enter")
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")


@pytest.mark.timeout(1500)
def test_two_people_work_in_one_project_and_seal_it(browser: Browser, place: Place) -> None:
    """One creates, adds and seals; the other sees it come, works in it, and is told why nothing can be changed."""
    tree = place.hub.tree
    with (
        visitor(browser, place.hub, place.ada.login) as ada,
        visitor(browser, place.hub, place.grace.login) as grace,
    ):
        ada.sign_in()
        grace.sign_in()
        expect(grace.panel.root).not_to_contain_text(PROJECT)
        assert grace.sees(tree) == []

        ada.panel.new_project(OTHER)
        ada.panel.open()
        ada.panel.new_project(PROJECT)
        add_member(ada, place.grace.login)
        ada.panel.new_session(SESSION)

        # She sees it appear, in the server that she has.
        expect(grace.panel.row(PROJECT).or_(grace.panel.root.get_by_role("button", name=PROJECT))).to_be_visible(
            timeout=PATIENCE_MS
        )
        assert grace.sees(tree) == [PROJECT]
        assert grace.sees(Path("~/er-c-data")) == [PROJECT]

        # She works in it, and cannot delete what is the other one's.
        session = f"{tree}/adhoc/{PROJECT}/{SESSION}"
        assert ada.tries(f"open('{session}/raw/of-ada.dat', 'w').write('as measured')") == "done"
        assert grace.tries(f"open('{session}/raw/of-grace.dat', 'w').write('and more')") == "done"
        assert grace.tries(f"open('{session}/analysis/result.txt', 'w').write('42')") == "done"
        assert grace.tries(f"os.remove('{session}/raw/of-ada.dat')") in {"EPERM", "EACCES"}
        assert grace.run(f"print(open('{session}/raw/of-ada.dat').read())") == "as measured"

        # The third project is nowhere for her.
        assert OTHER not in grace.run("print(open('/proc/self/mountinfo').read())")
        assert grace.tries(f"os.listdir('{tree}/adhoc/{OTHER}')") in {"ENOENT", "EACCES"}
        expect(grace.panel.root).not_to_contain_text(OTHER)
        assert OTHER not in what_pages_say(grace)

        seal(ada)
        for line in (
            f"open('{session}/raw/of-grace.dat', 'a').write('later')",
            f"open('{session}/raw/new.dat', 'w')",
            f"os.remove('{session}/raw/of-grace.dat')",
            f"os.rename('{session}/raw', '{session}/raw2')",
        ):
            assert grace.tries(line) in {"EROFS", "EPERM", "EACCES"}, line
        assert grace.tries(f"open('{session}/raw/of-grace.dat', 'a')") in {"EROFS", "EPERM"}
        assert grace.tries(f"open('{session}/analysis/result.txt', 'a').write('!')") == "done"
        sidebar_says_why(grace, place.ada.login)


@pytest.mark.timeout(900)
def test_who_was_invited_by_address_is_a_member_at_the_first_sign_in(browser: Browser, place: Place) -> None:
    """The invitation waits in the project; the hub tells the service whose verified address has come."""
    with (
        visitor(browser, place.hub, place.ada.login) as ada,
        visitor(browser, place.hub, place.hedy.login) as hedy,
    ):
        ada.sign_in()
        ada.modama("project", "create", "lab-course")
        invited = ada.modama("project", "invite", "adhoc/lab-course", "Hedy@example.org")
        assert "hedy@example.org" in invited
        assert "hedy@example.org" in ada.modama("project", "invitations", "adhoc/lab-course")
        hedy.sign_in()
        expect(hedy.panel.root).to_contain_text("lab-course", timeout=PATIENCE_MS)
        assert hedy.tries(f"open('{place.hub.tree}/adhoc/lab-course/hello.txt', 'w').write('hello')") == "done"
        assert "hedy@example.org" not in ada.modama("project", "invitations", "adhoc/lab-course")


def seal(who: Visitor) -> None:
    who.panel.button("Seal…")
    who.page.get_by_role("dialog").get_by_role("button", name="Seal 2 files").click()
    expect(who.panel.root.locator(".mo-heading .mo-badge-sealed")).to_be_visible(timeout=PATIENCE_MS)


def what_pages_say(who: Visitor) -> str:
    """The page of projects, as the service serves it to this person."""
    page = who.page.context.new_page()
    try:
        page.goto(f"{who.hub.url}/services/modama/manage")
        page.get_by_text(PROJECT).first.wait_for()
        return page.content()
    finally:
        page.close()


def sidebar_says_why(who: Visitor, sealer: str) -> None:
    panel = who.panel.open()
    panel.root.get_by_role("button", name=PROJECT).click()
    panel.root.get_by_role("button", name=SESSION).click()
    panel.button("Raw files")
    panel.row("of-grace.dat").click()
    panel.root.locator(".mo-file").get_by_role("button", name="Why").click()
    dialog = who.page.get_by_role("dialog")
    expect(dialog.locator(".mo-box")).to_contain_text("sealed")
    expect(dialog).to_contain_text(sealer.partition("-")[0], ignore_case=True)
