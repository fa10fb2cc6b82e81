"""People at a whole hub: real sign-in, real accounts, the service, the keeper, mounts that follow membership, links."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from jupyter_modama.libertem import environment
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, account
from jupyter_modama.testing.running_provider import SomebodyThere, why_not
from jupyter_modama.testing.whole_hub import Plan, WholeHub, whole_hub

from .conftest import ROOT
from .visitors import PASSWORD, PATIENCE_MS, Visitor, visitor

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.server,
    pytest.mark.skipif(os.geteuid() != 0, reason="accounts and mounts can be made by root only"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a provider"),
]
PROJECT, OTHER, SESSION = "shared-lamella", "of-ada-alone", "2026-11-21-shared"
SECRET, NIGHT = "kept-to-themselves", "2026-11-20-night"
# Lab in the page, so that what a notebook does can be asked for.
EXPOSED = 'c.Spawner.args = ["--LabApp.expose_app_in_browser=True"]\n'


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
    lise: Account


@pytest.fixture(scope="module")
def place(python: Path) -> Iterator[Place]:
    with ExitStack() as kept:
        folder = kept.enter_context(trees.reachable_folder())
        people = [kept.enter_context(person(name)) for name in ("ada", "grace", "hedy", "lise")]
        service = kept.enter_context(account("modama"))
        known = {one.login: SomebodyThere(PASSWORD, claims_of(one)) for one in people}
        libertem = {"MODAMA_LIBERTEM_VENV": str(environment.folder())}
        plan = Plan(folder, python, known, "er-c-data", service.login, environment=libertem, more=EXPOSED)
        hub = kept.enter_context(whole_hub(plan))
        assert f"JupyterHub version {os.environ.get('MODAMA_HUB_VERSION', '')}" in hub.log
        yield Place(hub, *people)


def claims_of(one: Account) -> dict[str, object]:
    """What the provider says of somebody."""
    return {"name": one.name, "email": f"{one.name}@example.org", "email_verified": True}


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


@dataclass(frozen=True)
class Linked:
    """A project of Ada's with Lise in it, a scan in its session, and the links to both."""

    project: str
    folder: str
    scan: str


@pytest.fixture(scope="module")
def linked(place: Place) -> Linked:
    hub, ada = place.hub, place.ada
    project = hub.make_project(ada.uid, SECRET, [NIGHT], [f"{place.lise.login}:member"])
    scan = project / NIGHT / "raw/scan.npy"
    np.save(scan, np.random.default_rng(0).random((8, 8, 16, 16), dtype=np.float32))
    os.chown(scan, ada.uid, ada.gid)
    way = f"{hub.url}/hub/user-redirect/modama/open"
    return Linked(f"adhoc/{SECRET}", f"{way}/lab?path=adhoc/{SECRET}/{NIGHT}/raw", f"{way}/libertem?path={{}}")


def what_lies_in(tree: Path) -> dict[bytes, bytes]:
    """All files with their contents, but for the sums that the keeper takes whenever it likes."""
    return {path: content for path, content in trees.contents(tree).items() if not path.endswith(b"/totals.json")}


def everybody_can_start(python: Path) -> bool:
    """Whether accounts without rights of their own get through to a program."""
    nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
    try:
        return subprocess.run([python, "-c", ""], check=False, capture_output=True, **nobody).returncode == 0
    except PermissionError:
        return False


@pytest.mark.timeout(900)
def test_a_link_from_outside_starts_the_server_and_shows_the_place(
    browser: Browser, place: Place, linked: Linked
) -> None:
    """Through the sign-in, to a server that did not run; then to a file, beside the open Lab. No data changes."""
    before = what_lies_in(place.hub.tree)
    with visitor(browser, place.hub, place.lise.login) as lise:
        lise.page.goto(linked.folder)
        lise.say_who()
        lise.page.wait_for_url(f"**/user/{place.lise.login}/lab**", timeout=PATIENCE_MS)
        expect(lise.panel.row("scan.npy")).to_be_visible(timeout=PATIENCE_MS)
        assert "modama-path" not in lise.page.url

        beside = lise.page.context.new_page()
        beside.goto(linked.folder + "/scan.npy")
        expect(beside.locator(".mo-root").get_by_role("heading", name="scan.npy").first).to_be_visible(
            timeout=PATIENCE_MS
        )
    assert what_lies_in(place.hub.tree) == before


@pytest.mark.libertem
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("libertem")
def test_a_link_to_a_data_set_opens_it_in_libertem(browser: Browser, place: Place, linked: Linked) -> None:
    """The address becomes that of LiberTEM with the data set in it, and no data changes."""
    if not everybody_can_start(environment.folder() / "bin/python"):
        pytest.skip("LiberTEM's environment lies where other accounts cannot enter; MODAMA_LIBERTEM_VENV names another")
    before = what_lies_in(place.hub.tree)
    with visitor(browser, place.hub, place.lise.login) as lise:
        lise.page.goto(linked.scan.format(f"{linked.project}/{NIGHT}/raw/scan.npy"))
        lise.say_who()
        lise.page.wait_for_url("**/modama-libertem/**", timeout=PATIENCE_MS)
        expect(lise.page.get_by_text("scan.npy").first).to_be_visible(timeout=PATIENCE_MS)
    assert what_lies_in(place.hub.tree) == before


@pytest.mark.timeout(900)
def test_a_link_tells_others_nothing(browser: Browser, place: Place, linked: Linked) -> None:
    """Who has not signed in sees the way in; who may not see the project reads the same as of one that is not there."""
    ways = (linked.folder, linked.scan.format(f"{linked.project}/{NIGHT}/raw/scan.npy"))
    with visitor(browser, place.hub, place.hedy.login) as hedy:
        for way in ways:
            hedy.page.goto(way)
            assert "/hub/login?next=" in hedy.page.url
            shown = re.sub(r"next=[^\"&]*", "", hedy.page.content())  # what the stranger brought, to come back to
            for secret in (SECRET, "scan", place.ada.login, place.lise.login):
                assert secret not in shown, secret
        hedy.say_who()
        hedy.page.wait_for_url("**/modama/open/libertem**", timeout=PATIENCE_MS)
        for name in (SECRET, "there-is-none"):
            for way in ways:
                hedy.page.goto(way.replace(SECRET, name))
                says = hedy.page.get_by_text("that you can see; it may have been renamed or removed").first
                expect(says).to_contain_text(name, timeout=PATIENCE_MS)
                for word in (place.ada.login, place.lise.login):
                    expect(hedy.page.locator("body")).not_to_contain_text(word)


@pytest.mark.timeout(900)
def test_while_the_service_is_away_people_go_on_looking(browser: Browser, place: Place, linked: Linked) -> None:
    """The sidebar says what does not work and what does; when the hub has it back, all is as before, by itself."""
    with visitor(browser, place.hub, place.lise.login) as lise:
        root = lise.sign_in().panel.root
        create, banner = (
            root.get_by_role("button", name="New project"),
            root.get_by_text("does not answer at the moment"),
        )
        expect(create).to_be_enabled()
        with without_service(place.hub):
            expect(banner).to_be_visible(timeout=PATIENCE_MS)
            expect(root).to_contain_text("Browsing, previews, LiberTEM and notebooks work")
            expect(create).to_be_disabled()
            for step in (SECRET, NIGHT):
                root.get_by_role("button", name=step).click()
            lise.panel.button("Raw files")
            lise.panel.row("scan.npy").click()
            root.locator(".mo-image[aria-busy=false] canvas").first.wait_for()
        expect(banner).to_be_hidden(timeout=PATIENCE_MS)
        lise.panel.open()
        expect(create).to_be_enabled()


@contextmanager
def without_service(hub: WholeHub) -> Iterator[None]:
    """The service was killed, and what the hub starts in its place finds its port taken by something mute."""
    port = json.loads((hub.plan.folder / "ports.json").read_text())["service"]
    noted = hub.plan.folder / "service/service.json"
    with ExitStack() as kept:
        while True:
            with suppress(ProcessLookupError):
                os.kill(json.loads(noted.read_text())["pid"], signal.SIGKILL)
            try:
                kept.enter_context(socket.create_server(("127.0.0.1", port)))
                break
            except OSError:  # it is dying, or the hub was quicker
                time.sleep(0.05)
        yield


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
