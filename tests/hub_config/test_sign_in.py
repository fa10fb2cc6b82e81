"""Who is let in by OpenID: a real hub, a real certified provider with its login form, a real browser, real accounts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from running_sign_in import Hub, free_port, running_hub

from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, account
from jupyter_modama.testing.running_provider import Client, SomebodyThere, running_provider, why_not

pytestmark = [
    pytest.mark.root,
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="accounts can be made by root only"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a provider"),
]
PASSWORD = "pass & <word>"
SIGN_IN = """
kind = "oidc"
issuer = "{issuer}"
client_id = "hub"
client_secret_file = "{secret}"
scopes = ["openid", "profile", "email", "groups"]
groups_claim = "groups"
login_pattern = "([a-z][a-z0-9-]*)(@example\\\\.org)?"
allowed_groups = ["facility", "staff"]
administrator_groups = ["staff"]
title = "the test's provider"
"""


# The event loop of pytest-jupyter and that of Playwright's synchronous interface cannot stand in one thread.
@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    return None


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    return None


@dataclass(frozen=True)
class Facility:
    """The hub with its provider, and who is known there."""

    hub: Hub
    mia: Account
    dora: Account
    ben: Account


@pytest.fixture(scope="module")
def facility() -> Iterator[Facility]:
    with ExitStack() as kept:
        folder = kept.enter_context(trees.reachable_folder())
        mia, dora, ben = (kept.enter_context(account(name)) for name in ("mia", "dora", "ben"))
        port, provider_port = free_port(), free_port()
        hub = Client("hub", [f"http://127.0.0.1:{port}/hub/oauth_callback"])
        people = {
            "mia": {"preferred_username": f"{mia.login}@example.org", "groups": ["facility"]},
            "dora": {"preferred_username": dora.login, "groups": ["staff"]},
            "ben": {"preferred_username": ben.login, "groups": ["others"]},
            "shouting": {"preferred_username": f"X{mia.login}", "groups": ["facility"]},
            "script": {"preferred_username": "<img src=x onerror=alert(1)>", "groups": ["facility"]},
            "daemon": {"preferred_username": "daemon", "groups": ["facility"]},
            "root": {"preferred_username": "root", "groups": ["staff"]},
            "new": {"preferred_username": "nobody-has-this", "groups": ["facility"]},
            "numbers": {"preferred_username": 7, "groups": ["facility"]},
        }
        known = {login: SomebodyThere(PASSWORD, claims) for login, claims in people.items()}
        provider = kept.enter_context(running_provider(folder, provider_port, [hub], known))
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(hub.secret)
        sign_in = SIGN_IN.format(issuer=provider.issuer, secret=secret)
        yield Facility(kept.enter_context(running_hub(folder, port, sign_in)), mia, dora, ben)


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
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, facility: Facility, who: str, password: str = PASSWORD) -> Page:
    """Through the hub's button and the provider's form."""
    page.goto(f"{facility.hub.url}/hub/login")
    page.get_by_role("link", name="the test's provider").or_(
        page.get_by_role("button", name="the test's provider")
    ).first.click()
    page.get_by_label("Login").fill(who)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_a_person_of_the_facility_is_let_in_under_the_name_of_the_account(page: Page, facility: Facility) -> None:
    """The claim is an address; the hub's name is the login in it, and the groups are the provider's."""
    sign_in(page, facility, "mia")
    page.wait_for_url("**/hub/home")
    model = facility.hub.ask(f"users/{facility.mia.login}")
    assert isinstance(model, dict)
    assert model["groups"] == ["facility"]
    assert not model["admin"]


def test_a_member_of_the_administrators_group_administers_the_hub(page: Page, facility: Facility) -> None:
    sign_in(page, facility, "dora")
    page.wait_for_url("**/hub/home")
    model = facility.hub.ask(f"users/{facility.dora.login}")
    assert isinstance(model, dict)
    assert model["admin"]


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("ben", "only members of “facility”, “staff” are let in here"),
        ("shouting", "which is not the form that accounts have here"),
        ("script", "<img src=x onerror=alert(1)>”, which is not the form"),
        ("daemon", "“daemon” is an account of the system and no person's"),
        ("root", "“root” is an account of the system and no person's"),
        ("new", "there is no account “nobody-has-this” on this system yet"),
        ("numbers", "does not say your “preferred_username”"),
    ],
)
def test_others_are_refused_in_words(page: Page, facility: Facility, who: str, says: str) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    sign_in(page, facility, who)
    page.wait_for_url("**/hub/oauth_callback**")
    expect(page.locator("div.error")).to_contain_text(says, ignore_case=True)
    expect(page.get_by_role("link", name="Sign out at the sign-in service")).to_be_visible()
    assert alerts == []
    users = facility.hub.ask("users")
    assert isinstance(users, list)
    assert {user["name"] for user in users} <= {facility.mia.login, facility.dora.login}
    page.goto(f"{facility.hub.url}/hub/home")
    expect(page).to_have_url(f"{facility.hub.url}/hub/login?next=%2Fhub%2Fhome")


def test_a_wrong_password_stays_at_the_provider(page: Page, facility: Facility) -> None:
    sign_in(page, facility, "mia", "guessed")
    expect(page.get_by_role("alert")).to_have_text("Login or password is wrong.")


def held_callback(page: Page, facility: Facility, who: str) -> str:
    """The address that the provider sends the browser back to, which is not opened."""
    page.goto(f"{facility.hub.url}/hub/oauth_login")
    address, asked = page.url, page.context.request
    answer = asked.post(address, form={"login": who, "password": PASSWORD}, max_redirects=0)
    for _ in range(5):
        address = urljoin(address, answer.headers["location"])
        if "/hub/oauth_callback" in address:
            return address
        answer = asked.get(address, max_redirects=0)
    raise AssertionError(f"the provider went to {address}")


def test_a_callback_with_a_made_up_state_is_refused(page: Page, facility: Facility) -> None:
    address = held_callback(page, facility, "mia")
    forged = re.sub("state=[^&]*", "state=eyJzdGF0ZV9pZCI6ICJtYWRlIHVwIn0", address)
    answer = page.goto(forged)
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("div.error")).to_contain_text("begun in another window, or too long ago")
    page.goto(f"{facility.hub.url}/hub/home")
    expect(page).to_have_url(f"{facility.hub.url}/hub/login?next=%2Fhub%2Fhome")


def test_a_callback_that_was_begun_in_another_browser_is_refused(
    page: Page, browser: Browser, facility: Facility
) -> None:
    """Who sends somebody the end of an own sign-in does not have them work in the wrong account."""
    address = held_callback(page, facility, "mia")
    victim = browser.new_context()
    try:
        shown = victim.new_page()
        answer = shown.goto(address)
        assert answer is not None
        assert answer.status == 400
        assert not [cookie for cookie in victim.cookies() if cookie["name"] == "jupyterhub-hub-login"]
    finally:
        victim.close()


def test_a_code_is_good_once(context: BrowserContext, page: Page, facility: Facility) -> None:
    """Who reads a callback's address in a log, and has the browser's cookies even, signs nobody in with it."""
    address = held_callback(page, facility, "mia")
    cookies = context.cookies()
    page.goto(address)
    page.wait_for_url("**/hub/home")
    context.clear_cookies()
    context.add_cookies([{k: v for k, v in cookie.items() if k != "partitionKey"} for cookie in cookies])  # type: ignore[misc]
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("div.error")).to_contain_text("please sign in again")


def test_a_sign_in_that_is_broken_off_at_the_provider_says_so(page: Page, facility: Facility) -> None:
    answer = page.goto(f"{facility.hub.url}/hub/oauth_callback?error=access_denied&error_description=<b>no</b>")
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("div.error")).to_contain_text("the sign-in was broken off there")


def test_no_secret_stands_in_the_log(page: Page, facility: Facility) -> None:
    sign_in(page, facility, "mia")
    page.wait_for_url("**/hub/home")
    secret = Path(facility.hub.folder / "secret").read_text()
    assert secret not in facility.hub.log
    assert PASSWORD not in facility.hub.log
