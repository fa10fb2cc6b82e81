"""The page of administrators in a browser, of a real hub: numbers, requests, owners that are gone, the table as CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from jupyter_modama.testing.accounts import Account, Accounts, account
from jupyter_modama.testing.running_hub import Hub, running_hub
from jupyter_modama.testing.running_keeper import Facility

from .test_pages import SIGN_IN, context_of

pytestmark = [pytest.mark.root, pytest.mark.network]
WIDE = ViewportSize(width=1280, height=1000)
PHONE = ViewportSize(width=390, height=844)
FORMULA = "=1+2 ä"


@pytest.fixture
def site_hub(facility: Facility, people: Accounts) -> Iterator[Hub]:
    """A hub with a form to sign in."""
    with facility.keeper(), running_hub(facility, people, more=SIGN_IN) as running:
        yield running


@pytest.fixture
def projects(site_hub: Hub, people: Accounts, facility: Facility) -> None:
    """One with a sealed session that bob wants unsealed, one of a person who is gone, one with an odd name."""
    alice, bob = site_hub.token(people.alice), site_hub.token(people.bob)
    for name in ("asked", "left", FORMULA):
        made = site_hub.ask("project.create", {"name": name}, token=alice)
        assert made.status == 200, made.body
        made = site_hub.ask("session.create", {"project": f"adhoc/{name}", "name": "s"}, token=alice)
        assert made.status == 200, made.body
    (facility.root / "adhoc/left/s/raw/image.dat").write_bytes(b"x" * 3_000_000)
    (facility.root / "adhoc/asked/s/raw/image.dat").write_bytes(b"x" * 1000)
    add = {"project": "adhoc/asked", "add": [people.bob.login]}
    assert site_hub.job("project.set_members", add, token=alice)["state"] == "done"
    where = {"project": "adhoc/asked", "session": "s"}
    assert site_hub.job("session.seal", where, token=alice)["state"] == "done"
    asked = site_hub.ask("session.request_unseal", {**where, "reason": "the wrong sample"}, token=bob)
    assert asked.status == 200, asked.body
    with account("gone") as gone:
        uid = gone.uid
    os.setxattr(facility.root / "adhoc/left", "user.modama.owners", str(uid).encode())


def signed_in(browser: Browser, hub: Hub, who: Account) -> BrowserContext:
    context = context_of(browser, hub, who)
    context.set_default_timeout(30_000)
    return context


@pytest.fixture
def desk(browser: Browser, site_hub: Hub, facility: Facility) -> Iterator[BrowserContext]:
    context = signed_in(browser, site_hub, facility.admin)
    yield context
    context.close()


def counted(page: Page, hub: Hub) -> None:
    """Open the page, and have it counted for the first time."""
    page.goto(f"{hub.prefix}/administration")
    expect(page.get_by_text("Nothing has been counted yet")).to_be_visible()
    page.get_by_role("button", name="Count now").click()
    expect(page.locator("tr[data-project='adhoc/asked']")).to_be_visible()


def test_administrator_sees_what_wants_a_look_and_acts(
    desk: BrowserContext, site_hub: Hub, projects: None, facility: Facility, tmp_path: Path
) -> None:
    page = desk.new_page()
    page.set_viewport_size(WIDE)
    counted(page, site_hub)
    expect(page.locator(".mp-totals")).to_contain_text("free")
    expect(page.locator("tbody tr[data-project]").first).to_have_attribute("data-project", "adhoc/left")
    left = page.locator("tr[data-project='adhoc/left']")
    expect(left).to_contain_text("2.86 MiB")
    expect(left.locator(".mp-gone")).to_be_visible()
    shoot(page, tmp_path)

    with page.expect_download() as coming:
        page.get_by_role("button", name="Download CSV").click()
    file = tmp_path / "table.csv"
    coming.value.save_as(file)
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    assert [row["project"] for row in rows] == ["adhoc/=1+2 ä", "adhoc/asked", "adhoc/left"]
    assert int(rows[2]["size_bytes"]) >= 3_000_000
    assert rows[2]["owners_gone"] == "1"

    page.get_by_label("Search by project or owner").fill("=1+")
    expect(page.locator("tbody tr[data-project]")).to_have_count(1)
    page.get_by_label("Search by project or owner").fill("")
    page.get_by_role("button", name="Show them").click()
    expect(page.locator("tbody tr[data-project]")).to_have_count(1)
    left.get_by_role("button", name="Transfer…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Transfer project “left”")
    page.keyboard.press("Escape")

    request = page.locator(".mp-attention .mo-box", has_text="the wrong sample")
    request.get_by_role("button", name="Decline…").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("it is published")
    page.get_by_role("dialog").get_by_role("button", name="Decline").click()
    expect(request).to_have_count(0)
    with pytest.raises(OSError, match="not permitted"):
        os.unlink(facility.root / "adhoc/asked/s/raw/image.dat")


def test_administrator_unseals_what_somebody_asks_for(desk: BrowserContext, site_hub: Hub, projects: None) -> None:
    """Without being a member of that project."""
    page = desk.new_page()
    page.goto(f"{site_hub.prefix}/administration")
    page.get_by_role("button", name="Unseal…").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("bob is right")
    page.get_by_role("dialog").get_by_role("button", name="Unseal").click()
    expect(page.get_by_text("the wrong sample")).to_have_count(0)


def test_others_see_nothing_of_it(browser: Browser, site_hub: Hub, people: Accounts) -> None:
    """Neither the page nor its numbers."""
    context = signed_in(browser, site_hub, people.alice)
    try:
        page = context.new_page()
        page.goto(f"{site_hub.prefix}/manage")
        expect(page.get_by_role("link", name="Administration")).to_have_count(0)
        answer = page.goto(f"{site_hub.prefix}/administration")
        assert answer is not None
        assert answer.status in {403, 404}
        expect(page.locator(".mp-totals")).to_have_count(0)
    finally:
        context.close()


def shoot(page: Page, folder: Path) -> None:
    """Wide and on a phone, light and dark; nothing is wider than the window."""
    folder = Path(os.environ.get("MODAMA_TEST_PICTURES") or folder)
    for name, size in (("wide", WIDE), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=str(folder / f"administration-{name}-{scheme}.png"), full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, scheme)
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
