"""Every operation for everybody: what the service lets through is what the table of operations says."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from jupyter_modama.core.model import Role
from jupyter_modama.core.operations import OPERATIONS, Operation
from jupyter_modama.keeper.verbs import NEVER_DELEGATED, VERBS
from jupyter_modama.service.scopes import ACCESS, CAPABILITIES, FREE, OPENED_BY
from jupyter_modama.testing.place import DELEGATED, EMPTY, PROJECT, SESSION, Place
from jupyter_modama.testing.running_hub import TOKEN_CACHE_S, Answer

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(600)]

IN_PROJECT = {"project": PROJECT}
IN_SESSION = {"project": PROJECT, "session": SESSION}
FILE = f"{PROJECT}/{SESSION}/raw/a.dat"
NO_NAME = {"name": "a/b"}
# Each is such that whoever may ask it changes nothing that another row needs: it is harmless, or refused afterwards.
WANTED: dict[str, dict[str, Any]] = {
    "project.list": {},
    "project.show": IN_PROJECT,
    "project.create": NO_NAME,
    "project.update": IN_PROJECT,
    "project.rename": {**IN_PROJECT, **NO_NAME},
    "project.set_members": {**IN_PROJECT, "add": ["nobody-at-all"]},
    "project.set_visibility": {**IN_PROJECT, "visibility": "private"},
    "project.transfer": {**IN_PROJECT, "to": "nobody-at-all"},
    "project.invite": {**IN_PROJECT, "email": "no address"},
    "project.uninvite": {**IN_PROJECT, "email": "no address"},
    "project.invitations": IN_PROJECT,
    "invitation.accept": {"email": "somebody@example.org"},
    "project.adopt": IN_PROJECT,
    "project.check": IN_PROJECT,
    "project.repair": IN_PROJECT,
    "person.find": {"text": "al"},
    "person.mails": {},
    "person.set_mails": {"off": []},
    "person.export": {},
    "person.forget": {"person": "x"},
    "session.list": IN_PROJECT,
    "session.show": IN_SESSION,
    "session.create": {**IN_PROJECT, **NO_NAME},
    "session.make": IN_SESSION,
    "session.update": IN_SESSION,
    "session.rename": {**IN_SESSION, **NO_NAME},
    "session.remove": IN_SESSION,
    "session.survey": IN_SESSION,
    "session.seal": {**IN_PROJECT, "session": EMPTY},
    "session.undo_seal": IN_SESSION,
    "session.unseal": IN_SESSION,
    "session.request_unseal": IN_SESSION,
    "session.decline_unseal": IN_SESSION,
    "session.requests": {},
    "session.verify": IN_SESSION,
    "folder.list": {"path": PROJECT},
    "folder.sort": {"path": PROJECT},
    "entry.show": {"path": FILE},
    "entry.explain": {"path": FILE},
    "entry.metadata": {"path": FILE},
    "entry.links": {"path": FILE},
    "entry.move": {"path": f"{PROJECT}/{SESSION}/raw", "to": f"{PROJECT}/{EMPTY}"},
    "entry.rename": {"path": f"{PROJECT}/{SESSION}/raw", **NO_NAME},
    "entry.remove": {"path": f"{PROJECT}/{SESSION}/raw"},
    "path.seal": {"path": ""},
    "path.unseal": {"path": FILE},
    "path.verify": {"path": FILE},
    "audit.list": {},
    "job.list": {},
    "site.nightly": {"look_only": True},
    "site.count": {},
    "site.overview": {},
    "doctor.run": {},
}
# Administrators may ask for it, and their own rights show them nothing of a project in which they are no members.
# Whose a project is, and how large, administrators see: it stands in their overview, too.
SEEN_BY_ADMINISTRATORS = ("project.show",)
EMPTY_FOR_STRANGERS = ("session.list", "project.invitations", "project.check", "path.verify")
OF_ONES_OWN = ("job.show", "job.cancel")
LINK = "entry.locate"  # whose id is in the record
BY_SIGNING_IN = "invitation.accept"  # what nobody does by asking for it
ROLES = {
    "alice": Role.OWNER,
    "bob": Role.MEMBER,
    "carol": Role.READER,
    "eve": Role.SIGNED_IN,
    "dora": Role.ADMINISTRATOR,
}


def outcome(answer: Answer) -> str:
    """What became of a request: who may do a thing can still be told that it makes no sense."""
    if answer.status in {200, 202, 409, 415, 422}:
        return "done"
    return {401: "not signed in", 403: "refused", 404: "hidden", 503: "away"}.get(answer.status, str(answer.status))


def expected(operation: Operation, role: Role) -> str:
    """What the table of operations says, and for an administrator who is no member what the kernel says."""
    if operation.name == "invitation.accept":
        return "refused"  # it is for the hub's own sign-in, whoever it is about
    if operation.name in OF_ONES_OWN:
        return "done" if role in {Role.OWNER, Role.ADMINISTRATOR} else "hidden"
    if operation.name == BY_SIGNING_IN:
        return "refused"
    least = Role.READER if operation.name == LINK else operation.least
    if (
        role is Role.ADMINISTRATOR
        and operation.name not in (*VERBS, *SEEN_BY_ADMINISTRATORS)
        and least > Role.SIGNED_IN
    ):
        return "hidden"
    if role >= least:
        return "done"
    return "hidden" if role <= Role.SIGNED_IN and least < Role.ADMINISTRATOR else "refused"


def wanted_for(place: Place, operation: Operation) -> dict[str, Any]:
    if operation.name in OF_ONES_OWN:
        jobs = place.ask("alice", "job.list", {"state": "done"}).json["items"]
        return {"id": next(job["id"] for job in jobs if job["actor"] == place.people["alice"].login)}
    return any_wanted(place, operation)


def uuid_of(place: Place) -> str:
    """Of the project, as its record has it."""
    record = place.facility.root / PROJECT / ".modama/project.json"
    return str(json.loads(record.read_text())["uuid"])


def any_wanted(place: Place, operation: Operation) -> dict[str, Any]:
    """Of a job, one that there is not."""
    if operation.name in OF_ONES_OWN:
        return {"id": "20261121-000000-000000-00000000"}
    if operation.name == LINK:
        return {"uuid": uuid_of(place)}
    return WANTED[operation.name]


def asked(place: Place, who: str, operation: Operation, **more: Any) -> Answer:
    """One question; what it began has ended when this returns, so that it keeps nothing busy."""
    answer: Answer = place.ask(who, operation.name, wanted_for(place, operation), **more)
    if answer.status == 202 and who in place.people:
        job = answer.json["job"]
        while job["state"] in {"queued", "running"}:
            time.sleep(0.05)
            job = place.ask(who, "job.show", {"id": job["id"]}).json
    return answer


def test_every_operation_has_a_row() -> None:
    assert {*WANTED, *OF_ONES_OWN, LINK} == set(OPERATIONS)


def test_every_change_has_one_capability() -> None:
    named = [name for row in CAPABILITIES for name in row.operations]
    assert len(named) == len(set(named))
    assert {*named, *FREE} == {row.name for row in OPERATIONS.values() if row.changes}


@pytest.mark.parametrize("who", ROLES)
def test_role_decides(place: Place, who: str) -> None:
    """For the owner, a member, a reader, a stranger and an administrator of the site."""
    found, wanted = {}, {}
    for operation in OPERATIONS.values():
        answer = asked(place, who, operation)
        found[operation.name] = outcome(answer), answer.body[:300] if answer.status >= 400 else b""
        wanted[operation.name] = expected(operation, ROLES[who])
    if ROLES[who] is Role.ADMINISTRATOR:  # what the kernel does not let them read is not there, refused, or empty
        near = {"hidden", "refused"}
        wanted |= {name: found[name][0] for name in wanted if {wanted[name], found[name][0]} == near}
        wanted |= {name: "done" for name in EMPTY_FOR_STRANGERS}
    wrong = {name: said for name, said in found.items() if said[0] != wanted[name]}
    assert not wrong, "\n".join(f"{name}: {said[0]}, not {wanted[name]}: {said[1]!r}" for name, said in wrong.items())


def test_administrator_reads_nothing_of_a_private_project(place: Place) -> None:
    """Unless the keeper does it, which is audited: what is not refused is empty."""
    for name in ("session.list", "project.invitations"):
        assert place.ask("dora", name, IN_PROJECT).json["items"] == []
    kept = {*VERBS, *OF_ONES_OWN, *SEEN_BY_ADMINISTRATORS}
    for operation in OPERATIONS.values():
        if operation.name not in kept and operation.least > Role.SIGNED_IN:
            answer = place.ask("dora", operation.name, any_wanted(place, operation))
            said = answer.body.decode()
            assert place.people["alice"].login not in said, operation.name
            assert "first" not in said, operation.name


def test_nobody_does_nothing(place: Place) -> None:
    """Without a token, with one that is none, with one that is over, and with a cookie in its place."""
    over = place.hub.token(place.people["alice"], expires_s=1)
    time.sleep(2.5)
    good = place.token("alice")
    for operation in OPERATIONS.values():
        wanted = any_wanted(place, operation)
        for token, headers in (
            ("", {}),
            ("0" * 32, {}),
            (over, {}),
            ("", {"Cookie": f"token={good}; jupyterhub-session-id=x; _xsrf=x"}),
            ("", {"Authorization": f"Basic {good}"}),
        ):
            answer = place.hub.ask(operation.name, wanted, token=token, headers=headers)
            assert answer.code == "not-signed-in", (operation.name, token, headers)
        url = f"{operation.name}?token={good}"
        assert place.hub.ask(url, wanted).code == "not-signed-in", operation.name


@pytest.mark.parametrize("who", ["blind", "other", "prometheus"])
def test_other_services_do_nothing(place: Place, who: str) -> None:
    """Whether they say for whom or not: they are no delegates, and one has no access."""
    for operation in OPERATIONS.values():
        wanted = any_wanted(place, operation)
        for headers in ({}, {"Modama-On-Behalf-Of": place.people["alice"].login}):
            assert place.ask(who, operation.name, wanted, headers=headers).code == "not-allowed", operation.name


def test_delegate_does_what_is_listed_with_the_rights_of_the_person(place: Place) -> None:
    """For the owner as the owner could, for a stranger as a stranger; what is not listed is refused for all."""
    from fnmatch import fnmatchcase

    for who in ("alice", "eve"):
        said = {"Modama-On-Behalf-Of": place.people[who].login}
        wrong = {}
        for operation in OPERATIONS.values():
            listed = any(fnmatchcase(operation.name, row) for row in DELEGATED)
            listed = listed and operation.name not in NEVER_DELEGATED
            answer = asked(place, "nextcloud", operation, headers=said)
            wanted = expected(operation, ROLES[who]) if listed else "refused"
            if outcome(answer) != wanted:
                wrong[operation.name] = outcome(answer), wanted, answer.body[:300]
        assert not wrong


def test_token_without_a_capability_reads_and_does_not_change(place: Place) -> None:
    """The owner's own token, made for reading only."""
    token = place.hub.token(place.people["alice"], [ACCESS])
    for operation in OPERATIONS.values():
        if operation.changes and operation.name not in FREE:
            answer = place.hub.ask(operation.name, WANTED[operation.name], token=token)
            assert answer.code == "not-allowed", operation.name
            assert OPENED_BY[operation.name] in answer.json["detail"]
    assert place.hub.ask("project.show", IN_PROJECT, token=token).status == 200


def test_token_for_something_else_opens_nothing(place: Place) -> None:
    token = place.hub.token(place.people["alice"], ["read:users!user"])
    answer = place.hub.ask("project.list", token=token)
    assert answer.code == "not-allowed"
    assert ACCESS in answer.json["detail"]


def test_keeper_down_is_said_in_words_and_over_by_itself(place: Place) -> None:
    place.keeper.process.kill()
    place.keeper.process.wait(30)
    try:
        for operation in OPERATIONS.values():
            wanted = any_wanted(place, operation)
            answer = place.ask("alice", operation.name, wanted)
            allowed = {"away"} if operation.name in VERBS else {"away", "done"}  # workers go on reading
            assert outcome(answer) in allowed, (operation.name, answer.body)
            if answer.status == 503:
                assert "keeper" in answer.json["detail"], operation.name
    finally:
        place.restart_keeper()
    assert place.ask("alice", "project.show", IN_PROJECT).status == 200
    assert place.ask("alice", "project.update", IN_PROJECT).status == 200


def test_hub_down_is_said_in_words_and_over_by_itself(place: Place) -> None:
    """What was asked a moment ago still works; then nothing, until the hub is there again with a new service."""
    hub = place.hub
    old = hub.service_pid()
    token, service = place.token("alice"), hub.service
    assert hub.ask("project.show", IN_PROJECT, token=token, base=service).status == 200
    hub.kill_hub()
    assert hub.ask("project.show", IN_PROJECT, token=token, base=service).status in {200, 503}
    time.sleep(TOKEN_CACHE_S + 1)
    for operation in OPERATIONS.values():
        wanted = any_wanted(place, operation)
        answer = hub.ask(operation.name, wanted, token=token, base=service)
        assert (answer.status, answer.code) == (503, "unreachable"), operation.name
        assert "hub" in answer.json["detail"]
    hub.start()
    until = time.monotonic() + 90  # the old one answered until the new one has taken its port
    while hub.service_pid() == old or os.path.exists(f"/proc/{old}/exe"):
        assert time.monotonic() < until, hub.said()
        time.sleep(0.2)
    place.tokens.clear()  # the hub's database was in memory
    assert place.ask("alice", "project.show", IN_PROJECT).status == 200
