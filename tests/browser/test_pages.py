"""The pages of the service in a browser: start, management, browse, permalinks; who sees what."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.running_hub import Hub, running_hub
from jupyter_modama.testing.running_keeper import Facility

from .test_around import violations

pytestmark = [pytest.mark.root, pytest.mark.network]
SIGN_IN = """
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "a-password-of-the-tests"
"""
EXAMPLE = "https://cloud.example.org"
AWKWARD = "a ä #&%'.dm4"


@pytest.fixture
def site_hub(facility: Facility, people: Accounts) -> Iterator[Hub]:
    """A hub with a form to sign in, on a site that has a Nextcloud and says whom to ask."""
    with facility.site_file.open("a") as file:
        file.write(
            f'\n[services]\nnextcloud = {{ url = "{EXAMPLE}", mount = "/ER-C" }}\n'
            'ssh = { host = "data.example.org" }\n'
            '[pages]\nintro = "Data of the microscopes."\ncontact = "data@example.org"\n'
            'report = "mailto:help@example.org"\nvpn_only = ["transfer"]\n'
        )
    with facility.keeper(), running_hub(facility, people, more=SIGN_IN) as running:
        yield running


@pytest.fixture
def alices(site_hub: Hub, people: Accounts, facility: Facility) -> Path:
    """The raw folder of a session of Alice's with some files in it."""
    token = site_hub.token(people.alice)
    made = site_hub.ask("project.create", {"name": "p ä", "title": "Holograms </script>"}, token=token)
    assert made.status == 200, made.body
    made = site_hub.ask("session.create", {"project": "adhoc/p ä", "name": "s"}, token=token)
    assert made.status == 200, made.body
    raw = facility.root / "adhoc/p ä/s/raw"
    for name in (AWKWARD, "notes.txt"):
        (raw / name).write_bytes(b"measured")
        os.chown(raw / name, people.alice.uid, people.alice.gid)
    return raw


def context_of(browser: Browser, hub: Hub, account: Account | None) -> BrowserContext:
    """A browser of somebody who has signed in; or of a stranger."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    if account is not None:
        page = context.new_page()
        page.goto(f"{hub.prefix}/manage")
        page.fill("#username_input", account.login)
        page.fill("#password_input", "a-password-of-the-tests")
        page.click("#login_submit")
        page.wait_for_url("**/services/modama/manage")
        page.close()
    return context


@pytest.fixture
def alice(browser: Browser, site_hub: Hub, people: Accounts) -> Iterator[BrowserContext]:
    context = context_of(browser, site_hub, people.alice)
    yield context
    context.close()


@pytest.fixture
def bob(browser: Browser, site_hub: Hub, people: Accounts) -> Iterator[BrowserContext]:
    context = context_of(browser, site_hub, people.bob)
    yield context
    context.close()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def test_strangers_see_the_way_in_and_nothing_else(
    stranger: BrowserContext, site_hub: Hub, alices: Path, people: Accounts
) -> None:
    """The first page, and a permalink, say whom to ask; no name of a project, person or file is in them."""
    page = stranger.new_page()
    page.goto(f"{site_hub.prefix}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("here")
    expect(page.get_by_text("data@example.org").first).to_be_visible()
    permalink = _permalink(site_hub, people, f"adhoc/p ä/s/raw/{AWKWARD}")
    for address in (permalink, permalink.replace("/at/", "/at/0")[:-3], f"{site_hub.prefix}/path/adhoc/none"):
        answer = page.goto(address)
        assert answer is not None
        text = answer.text()
        assert answer.status in {401, 404}
        for secret in ("Holograms", "p ä", people.alice.login, "dm4", "data.example.org"):
            # The address that the stranger brought is in the link that signs in, to come back to.
            assert secret not in re.sub(r"sign-in\?next=[^\"]*", "", text), secret


def test_landing_page_has_a_tile_for_each_way(alice: BrowserContext, site_hub: Hub) -> None:
    """Those that the site has; what is for the inside only says so; a page of details can be read."""
    page = alice.new_page()
    page.goto(f"{site_hub.prefix}/")
    tiles = page.locator(".mp-tile")
    names = tiles.evaluate_all("tiles => tiles.map(tile => tile.dataset.tile)")
    assert names == ["management", "nextcloud", "transfer", "ingest", "synchronize", "large", "report"]
    expect(page.locator("[data-tile=transfer]")).to_contain_text("VPN")
    page.locator("[data-tile=transfer] a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("File transfer")
    expect(page.locator("code").first).to_contain_text("rsync -rltv")
    report = page.get_by_role("link", name="Report an issue").get_attribute("href") or ""
    assert report.startswith("mailto:help@example.org?")
    assert "token" not in report


def test_browse_leads_from_the_top_to_a_file(alice: BrowserContext, site_hub: Hub, alices: Path) -> None:
    """Each step has its own address, the way back works, and each file has the tools that open it."""
    page = alice.new_page()
    page.goto(f"{site_hub.prefix}/browse/")
    page.get_by_role("link", name="adhoc", exact=True).click()
    for name in ("p ä", "s", "raw"):
        page.get_by_role("row", name=name, exact=False).get_by_role("link", name=name, exact=True).click()
    row = page.locator(f"tr[data-name={json.dumps(AWKWARD, ensure_ascii=False)}]")
    expect(row).to_be_visible()
    cloud = row.get_by_role("link", name=re.compile("with Nextcloud")).get_attribute("href") or ""
    assert cloud.startswith(EXAMPLE)
    row.get_by_role("link", name=AWKWARD, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(AWKWARD)
    assert page.url.endswith("/browse/adhoc/p%20%C3%A4/s/raw/a%20%C3%A4%20%23%26%25%27.dm4")
    expect(page.get_by_role("complementary")).to_contain_text("Access this file or folder")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(AWKWARD)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("raw")


def test_browse_tells_programs_what_it_shows(alice: BrowserContext, site_hub: Hub, alices: Path) -> None:
    """JSON-LD stands in the page, whatever is in a title; and is the answer where it is asked for."""
    page = alice.new_page()
    page.goto(f"{site_hub.prefix}/browse/{quote('adhoc/p ä')}")
    expect(page.get_by_role("heading", level=1)).to_have_text("p ä")
    described = json.loads(page.locator('script[type="application/ld+json"]').text_content() or "")
    assert described["@type"] == "Dataset"
    assert described["name"] == "Holograms </script>"
    answer = alice.request.get(
        f"{site_hub.prefix}/browse/{quote('adhoc/p ä/s')}", headers={"Accept": "application/ld+json"}
    )
    assert answer.json()["isPartOf"]["name"] == "Holograms </script>"


def test_others_projects_are_not_there(bob: BrowserContext, site_hub: Hub, alices: Path) -> None:
    """Bob sees neither the project nor whether its address leads anywhere."""
    page = bob.new_page()
    found = []
    for path in ("adhoc/p ä/s/raw", "adhoc/none/s/raw"):
        answer = page.goto(f"{site_hub.prefix}/browse/{quote(path)}")
        assert answer is not None
        found.append((answer.status, page.locator(".mp-problem").inner_text().replace(path, "")))
    assert found[0] == found[1]
    assert found[0][0] == 404
    page.goto(f"{site_hub.prefix}/manage")
    expect(page.get_by_text("There are no projects yet")).to_be_visible()


def test_management_makes_a_project_and_a_session_and_seals(
    alice: BrowserContext, site_hub: Hub, facility: Facility, people: Accounts
) -> None:
    """The panel's own dialogs, through the service, with an address for each place."""
    page = alice.new_page()
    page.goto(f"{site_hub.prefix}/manage")
    page.get_by_role("button", name="New project…").click()
    page.get_by_role("dialog").get_by_label("Name").first.fill("made-here")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="made-here")).to_be_visible()
    assert page.url.endswith("/manage/project/adhoc/made-here")
    page.get_by_role("button", name="New session…").click()
    page.get_by_role("dialog").get_by_label("Name").first.fill("sitting")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="sitting")).to_be_visible()
    image = facility.root / "adhoc/made-here/sitting/raw/image.bin"
    image.write_bytes(b"x" * 1000)  # root's: what the keeper can seal counts, not what Alice could
    page.reload()
    page.get_by_role("button", name="Seal…").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Seal")).last.click()
    expect(page.locator(".mo-badge-sealed").first).to_be_visible()
    with pytest.raises(OSError, match="not permitted"):
        image.unlink()
    page.go_back()
    assert "/manage" in page.url


def test_management_invites_an_address_and_lets_one_choose_mails(
    alice: BrowserContext, site_hub: Hub, people: Accounts, alices: Path
) -> None:
    """An address becomes an invitation that members see until it is withdrawn; all can be read, light and dark."""
    token = site_hub.token(people.alice)

    def waiting() -> list[str]:
        answer = site_hub.ask("project.invitations", {"project": "adhoc/p ä"}, token=token)
        return [f"{row['email']} {row['role']}" for row in answer.json["items"]]

    page = alice.new_page()
    page.goto(f"{site_hub.prefix}/manage/project/adhoc/{quote('p ä')}")
    page.get_by_role("button", name="Manage members…").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_role("combobox", name="Add somebody")
    field.fill("Eva.New@example.org")
    dialog.get_by_role("option", name="Invite by e-mail address: Eva.New@example.org").wait_for()
    field.press("Enter")
    dialog.get_by_role("combobox", name="Role of eva.new@example.org").select_option("reader")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    invited = page.get_by_role("region", name="Members").get_by_role("list", name="Invited, and not here yet")
    expect(invited.get_by_text("invited", exact=True)).to_be_visible()
    expect(invited).to_contain_text("by Alice")
    assert waiting() == ["eva.new@example.org reader"]
    assert violations(page) == []
    page.get_by_role("button", name="Manage members…").click()
    dialog.get_by_role("button", name="Withdraw the invitation of eva.new@example.org").click()
    dialog.get_by_role("button", name="Save").click()
    expect(invited).to_have_count(0)
    assert waiting() == []

    page.get_by_role("link", name="Mails").click()
    expect(dialog.get_by_role("checkbox")).to_have_count(3)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    dialog.get_by_role("checkbox", name=re.compile("^sessions in your projects")).uncheck()
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    kinds = site_hub.ask("person.mails", token=token).json["items"]
    assert [kind["name"] for kind in kinds if not kind["wanted"]] == ["quiet"]


def test_pages_api_wants_the_value_of_the_page_and_its_origin(alice: BrowserContext, site_hub: Hub) -> None:
    """The cookie alone changes nothing, nor does a page of another site; a token is not taken here."""
    api = f"{site_hub.prefix}/pages/api/project.create"
    wanted = {"name": "forged"}
    page = alice.new_page()
    page.goto(f"{site_hub.prefix}/manage")
    value = json.loads(page.locator("#modama-site").text_content() or "")["xsrf"]
    ask = alice.request.post
    assert ask(api, data=wanted).status == 401
    assert ask(api, data=wanted, headers={"X-XSRFToken": value + "x"}).status == 401
    assert ask(api, data=wanted, headers={"X-XSRFToken": value, "Origin": "https://evil.example.org"}).status == 403
    assert ask(api, data=wanted, headers={"X-XSRFToken": value, "Sec-Fetch-Site": "cross-site"}).status == 403
    assert ask(api, data=wanted, headers={"X-XSRFToken": value, "Authorization": "token abc"}).status == 403
    fine = ask(api, data=wanted, headers={"X-XSRFToken": value})
    assert fine.status == 200, fine.text()


def test_signing_in_leads_to_our_own_pages_only(alice: BrowserContext, site_hub: Hub) -> None:
    """An address of another site behind `next` is left alone."""
    page = alice.new_page()
    for wanted in ("https://evil.example.org/", "//evil.example.org/", "/services/modama\\@evil", "/hub/logout"):
        page.goto(f"{site_hub.prefix}/sign-in?next={quote(wanted, safe='')}")
        assert page.url == f"{site_hub.prefix}/"


def test_permalink_survives_a_rename_and_leads_to_lab(
    alice: BrowserContext, site_hub: Hub, alices: Path, people: Accounts, facility: Facility
) -> None:
    """By the project's id: after a rename the old link shows the same file; without `?page` it leads to Lab."""
    permalink = _permalink(site_hub, people, f"adhoc/p ä/s/raw/{AWKWARD}")
    assert "/at/" in permalink
    made = site_hub.ask(
        "project.rename", {"project": "adhoc/p ä", "name": "renamed"}, token=site_hub.token(people.alice)
    )
    assert made.status == 200, made.body
    page = alice.new_page()
    page.goto(f"{permalink}?page")
    expect(page.get_by_role("heading", level=1)).to_have_text(AWKWARD)
    expect(page.get_by_label("You are here")).to_contain_text("renamed")


def _permalink(hub: Hub, people: Accounts, path: str) -> str:
    links = hub.ask("entry.links", {"path": path}, token=hub.token(people.alice)).json["items"]
    return str(next(link["value"] for link in links if link["tool"] == "Permalink"))
