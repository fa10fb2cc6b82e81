"""A hub with one project and everybody who could ask about it, for tests of the service."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_modama.service.scopes import ACCESS
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts, account
from jupyter_modama.testing.facility import made_facility
from jupyter_modama.testing.running_hub import Hub, running_hub
from jupyter_modama.testing.running_keeper import Facility, Running, until

PROJECT, SESSION, EMPTY = "adhoc/shared", "2026-11-21-one", "2026-11-21-empty"
DELEGATED = ("project.*", "session.create", "session.seal", "session.show", "entry.*", "folder.list", "job.*")


@dataclass
class Place:
    """A facility at work: Alice owns the project, Bob is a member, Carol reads it, Eve is a stranger, Dora the boss."""

    hub: Hub
    facility: Facility
    keeper: Running
    people: dict[str, Account]
    services: dict[str, str] = field(default_factory=dict)  # tokens of other services, by name
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, name: str) -> str:
        """The token of a person, made once, or of a service."""
        if name in self.services:
            return self.services[name]
        if name not in self.tokens:
            self.tokens[name] = self.hub.token(self.people[name])
        return self.tokens[name]

    def ask(self, who: str, operation: str, wanted: dict[str, Any] | None = None, **more: Any) -> Any:
        return self.hub.ask(operation, wanted, token=self.token(who) if who else "", **more)

    def job(self, who: str, operation: str, wanted: dict[str, Any]) -> dict[str, Any]:
        return self.hub.job(operation, wanted, token=self.token(who))

    def restart_keeper(self) -> None:
        """Start a keeper where none runs."""
        self.keeper = self.facility.start()
        until(self.keeper.process, "interrupted job(s) go on")


@contextmanager
def placed(people: Accounts, service: Account, admin: Account, admins: str, **rules: Any) -> Iterator[Place]:
    """A place with its project and sessions."""
    with trees.reachable_folder() as root, account("eve") as eve, made_facility(root, service, admin, admins) as made:
        with made.site_file.open("a") as file:
            file.write(f"[delegates.nextcloud]\noperations = {list(DELEGATED)!r}\n")
        tokens = {name: secrets.token_hex(16) for name in ("nextcloud", "other", "blind", "prometheus")}
        roles = [
            {"name": f"{name}-role", "services": [name], "scopes": scopes}
            for name, scopes in (
                ("nextcloud", [ACCESS]),
                ("other", [ACCESS]),
                ("blind", ["read:users:name"]),
                ("prometheus", [ACCESS, "read:metrics"]),
            )
        ]
        services = [{"name": name, "api_token": token} for name, token in tokens.items()]
        everybody = {"alice": people.alice, "bob": people.bob, "carol": people.carol, "eve": eve, "dora": admin}
        with made.keeper() as keeper:
            with running_hub(made, [*people, eve], services=services, roles=roles, rules=rules) as hub:
                place = Place(hub, made, keeper, everybody, tokens)
                _fill(place)
                yield place
            if place.keeper is not keeper:  # its workers end with the service
                place.keeper.end()


def _fill(place: Place) -> None:
    """The project with its members, a session with a file, and one without."""
    assert place.ask("alice", "project.create", {"name": PROJECT.split("/")[1]}).status == 200
    add = [place.people["bob"].login, f"{place.people['carol'].login}:reader"]
    done = place.job("alice", "project.set_members", {"project": PROJECT, "add": add})
    assert done["state"] == "done", done
    for session in (SESSION, EMPTY):
        made = place.ask("alice", "session.create", {"project": PROJECT, "name": session})
        assert made.status == 200, made.body
    raw = Path(place.facility.root) / PROJECT / SESSION / "raw"
    place.people["alice"].shell(f"printf first > '{raw}/a.dat'", umask=0o002)
