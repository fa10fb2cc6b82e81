"""What people do through the service, from token to tree."""

from __future__ import annotations

import os

import pytest

from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.running_hub import Hub
from jupyter_modama.testing.running_keeper import Facility

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.timeout(300)]


def test_token_leads_to_the_tree(hub: Hub, facility: Facility, people: Accounts) -> None:
    """A person makes a project and lists it; another one does not see it, and without a token there is nothing."""
    alice, bob = hub.token(people.alice), hub.token(people.bob)
    made = hub.ask("project.create", {"name": "holograms"}, token=alice)
    assert (made.status, made.json["path"]) == (200, "adhoc/holograms"), made.body
    assert hub.ask("project.list", token=alice).json["total"] == 1
    assert hub.ask("project.list", token=bob).json["total"] == 0
    assert hub.ask("project.list").code == "not-signed-in"
    assert os.stat(facility.root / "adhoc/holograms").st_uid == 0
    pid = next(p for p in os.listdir("/proc") if p.isdigit() and _is_service(p, facility))
    assert os.stat(f"/proc/{pid}").st_uid == facility.service.uid


def _is_service(pid: str, facility: Facility) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read()
    except OSError:
        return False
    return b"jupyter_modama.service" in words and os.fsencode(facility.site_file) in words
