"""The landing page: which tiles a site has, where they lead, and what a report holds."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.landing import BUILT_IN, help_pages, report_link, tiles_of
from jupyter_modama.core.model import Site
from jupyter_modama.core.site_file import site_from

PAGES = "https://hub.example.org/services/modama/"
SERVICES = {
    "hub": "https://hub.example.org",
    "nextcloud": {"url": "https://cloud.example.org", "mount": "/ER-C-Data"},
    "smb": {"host": "smb.example.org", "share": "er-c-data"},
    "ssh": {"host": "data.example.org"},
    "eln": {"kind": "sampledb", "url": "https://eln.example.org"},
}


def site(**tables: object) -> Site:
    return site_from({"site": {"root": "/storage/data", "name": "er-c-data"}, **tables}, "site.toml")


def test_a_whole_site_has_every_tile_of_the_slides_and_each_leads_somewhere() -> None:
    """No tile leads to an empty address or to a placeholder."""
    tiles = tiles_of(site(services=SERVICES), PAGES)
    assert [tile.name for tile in tiles] == [tile.name for tile in BUILT_IN]
    assert all(re.match(r"https://[^{}]+$", tile.url) for tile in tiles)
    assert all(tile.title and tile.text and tile.label for tile in tiles)


def test_tiles_of_services_that_the_site_has_not_are_left_out() -> None:
    """A small site shows what it has."""
    assert [tile.name for tile in tiles_of(site(), PAGES)] == ["management", "ingest", "large"]


def test_every_page_of_details_that_a_tile_leads_to_is_there() -> None:
    """A link of ours never ends in nothing."""
    for services in ({}, SERVICES, {"smb": SERVICES["smb"]}, {"ssh": SERVICES["ssh"]}):
        one = site(services=services)
        wanted = {tile.url.rsplit("/", 1)[1] for tile in tiles_of(one, PAGES) if "/help/" in tile.url}
        assert wanted <= {page.name for page in help_pages(one)}


def test_a_site_changes_a_tile_and_adds_its_own() -> None:
    """What the site file leaves out of a tile stays as it is built in."""
    rows = [
        {"name": "transfer", "text": "Ask Bob.", "vpn_only": True},
        {"name": "wiki", "title": "Wiki", "text": "How to", "url": "https://wiki.example.org", "label": "Read"},
    ]
    tiles = {t.name: t for t in tiles_of(site(services=SERVICES, pages={"tile": rows, "vpn_only": ["network"]}), PAGES)}
    assert tiles["transfer"].text == "Ask Bob."
    assert tiles["transfer"].url == f"{PAGES}help/transfer"
    assert tiles["transfer"].vpn_only
    assert tiles["network"].vpn_only
    assert not tiles["nextcloud"].vpn_only
    assert list(tiles)[-1] == "wiki"


@pytest.mark.parametrize(
    "pages",
    [
        {"tile": [{"name": "x", "url": "javascript:alert(1)"}]},
        {"tile": [{"title": "no name"}]},
        {"tile": {"name": "x"}},
        {"report": "javascript:alert(1)"},
        {"report": "help@example.org"},
        {"contacts": "x"},
        {"vpn_only": "network"},
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(pages: dict[str, object]) -> None:
    """A wrong row of the site file is named."""
    with pytest.raises(Invalid, match=r"site\.toml"):
        site(pages=pages)


@pytest.mark.parametrize(
    "report", ["mailto:help@example.org", "https://git.example.org/issues/new", "https://h.org/?a=b"]
)
def test_a_report_begins_with_path_and_versions_and_nothing_else(report: str) -> None:
    """Names with any sign in them arrive as they are, and no part of them becomes a field of its own."""
    path = "adhoc/ä #&%'?/2026-11-21\nBcc: x"
    link = report_link(site(pages={"report": report}), path, {"service": "0.2.0"})
    fields = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
    assert f"Path: {path}" in fields["body"]
    assert "service: 0.2.0" in fields["body"]
    assert set(fields) <= {"subject", "title", "body", "a"}
    assert "\n" not in link
    assert "+" not in link.split("?")[1].replace("%2B", "")
    assert unquote(link).startswith(report)


def test_without_an_address_for_reports_there_is_no_link() -> None:
    """A tile that leads nowhere is worse than none."""
    assert report_link(site(), "adhoc", {}) == ""


def test_details_name_the_machines_of_the_site() -> None:
    """The examples can be used as they stand, but for what is between < and >."""
    pages = {page.name: page for page in help_pages(site(services=SERVICES))}
    assert ("Windows, in the address bar of the Explorer", r"\\smb.example.org\er-c-data") in pages["network"].examples
    assert all("<login>@data.example.org:/storage/data" in line for _, line in pages["transfer"].examples)
    assert not any("-av " in line for _, line in pages["transfer"].examples)
