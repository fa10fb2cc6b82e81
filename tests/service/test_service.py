"""How the service behaves: its own words, what it counts, writes down and lets through."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import jupyter_modama
from jupyter_modama.server.openapi import contract
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.place import PROJECT, SESSION, Place, placed
from jupyter_modama.testing.running_hub import Hub, fetch

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.timeout(600)]
IN_PROJECT = {"project": PROJECT}
IN_SESSION = {**IN_PROJECT, "session": SESSION}


def lines(hub: Hub) -> Iterator[dict[str, Any]]:
    """What the service has written down."""
    for line in hub.said().splitlines():
        if line.startswith('{"at"'):
            yield json.loads(line)


def line_of(hub: Hub, request_id: str) -> dict[str, Any]:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = [line for line in lines(hub) if line.get("request") == request_id]
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(hub.said()[-3000:])


def test_root_is_refused(place: Place) -> None:
    """Also with all that it needs."""
    environment = {"JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api", "JUPYTERHUB_API_TOKEN": "x"}
    words = [sys.executable, "-m", "jupyter_modama.service", "--site", str(place.facility.site_file)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path), **environment},
    )
    assert done.returncode == 3
    assert "not to run as root" in json.loads(done.stderr)["says"]


def test_health_is_for_everybody_and_says_no_more_than_it_must(place: Place) -> None:
    answer = fetch(f"{place.hub.prefix}/health")
    assert (answer.status, answer.json) == (200, {"status": "fine", "hub": "here", "keeper": "here"})


def test_status_is_for_one_person(place: Place) -> None:
    url = f"{place.hub.prefix}/api/status"
    assert fetch(url).status == 401
    answer = fetch(url, headers={"Authorization": f"Bearer {place.token('carol')}"}).json
    assert answer["person"]["login"] == place.people["carol"].login
    assert (answer["version"], answer["contract"]) == (jupyter_modama.__version__, contract())
    assert (answer["administrator"], answer["hub"], answer["keeper"]) == (False, "here", "here")
    assert "custom:modama:session:seal" in answer["capabilities"]
    boss = fetch(url, headers={"Authorization": f"Bearer {place.token('dora')}"}).json
    assert boss["administrator"] is True


def test_numbers_are_for_those_whom_the_hub_lets_see_them(place: Place) -> None:
    url = f"{place.hub.prefix}/metrics"
    assert fetch(url).status == 401
    assert fetch(url, headers={"Authorization": f"token {place.token('alice')}"}).status == 403
    place.ask("alice", "project.show", IN_PROJECT)
    answer = fetch(url, headers={"Authorization": f"token {place.token('prometheus')}"})
    text = answer.body.decode()
    counted = [row for row in text.splitlines() if row.startswith('modama_requests_total{operation="project.show"')]
    assert counted
    assert "modama_keeper_here 1.0" in text
    for account in place.people.values():
        assert account.login not in text


def test_each_request_has_one_line_without_secrets(place: Place) -> None:
    """The number of the request is the one that came with it, and stands in the answer."""
    token = place.token("eve")
    headers = {"X-Request-Id": "Ab.1-2_3", "Modama-Via": "notebook"}
    answer = place.ask("eve", "project.show", IN_PROJECT, headers=headers)
    assert answer.headers["X-Request-Id"] == answer.json["instance"] == "Ab.1-2_3"
    line = line_of(place.hub, "Ab.1-2_3")
    assert (line["op"], line["status"], line["who"]) == ("project.show", 404, place.people["eve"].login)
    assert (line["via"], line["problem"], line["method"]) == ("notebook", "not-found", "POST")
    place.hub.ask(f"project.show?project={PROJECT}&secret=hidden-text", token="0" * 32)
    written = "\n".join(json.dumps(line) for line in lines(place.hub))
    for secret in (token, *place.services.values(), "hidden-text", PROJECT):
        assert secret not in written


@pytest.mark.parametrize("said", ["a b", "x" * 65, "é", "<script>"])
def test_number_of_a_request_that_is_none_is_replaced(place: Place, said: str) -> None:
    answer = fetch(f"{place.hub.prefix}/health", headers={"X-Request-Id": said.encode().decode("latin-1")})
    assert answer.headers["X-Request-Id"] not in {said, ""}


def test_program_of_another_version_is_told_so_where_it_is_not_understood(place: Place) -> None:
    """What is understood is done; the same from a program of this version is an error of that program."""
    other = {"Modama-Contract": "0" * 12, "Modama-Version": "0.0.7"}
    fine = place.ask("alice", "project.show", IN_PROJECT, headers=other)
    assert (fine.status, fine.headers["Modama-Contract"]) == (200, contract())
    for operation, wanted in (("project.show", {**IN_PROJECT, "new_field": 1}), ("project.dream", {})):
        answer = place.ask("alice", operation, wanted, headers=other)
        assert answer.code == "version-mismatch"
        assert "0.0.7" in answer.json["detail"]
        assert "stop your server" in answer.json["detail"]
        same = place.ask("alice", operation, wanted, headers={"Modama-Contract": contract()})
        assert same.code in {"invalid", "not-found"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "no JSON object"),
        (b"\xff", "no JSON"),
        (b'{"project": 1}', "project.show"),
        (b'{"project": "' + b"x" * (1 << 20) + b'"}', "larger than"),
        (b'{"project": "a\\u0000b"}', ""),
        (b'{"project": "../../etc"}', ""),
        (b'{"project": "\\ud800"}', ""),
    ],
)
def test_what_cannot_be_meant_is_answered_in_words(place: Place, body: bytes, words: str) -> None:
    headers = {"Authorization": f"token {place.token('alice')}"}
    answer = fetch(f"{place.hub.prefix}/api/project.show", body, headers)
    assert answer.status in {404, 422}, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert words in answer.json["detail"]


def test_reading_takes_a_get_and_changing_does_not(place: Place) -> None:
    headers = {"Authorization": f"token {place.token('alice')}"}
    base = f"{place.hub.prefix}/api/"
    assert fetch(f"{base}project.show?project={PROJECT}", headers=headers).json["path"] == PROJECT
    answer = fetch(f"{base}project.update?project={PROJECT}", headers=headers)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_person_without_an_account_is_told_so(place: Place) -> None:
    """The hub knows them, the machine of the data does not; and accounts of the system are nobody's."""
    hub = place.hub
    for name, words in (
        ("nobody-here-7", "no account"),
        ("daemon", "account of the system"),
        ("root", "of the system"),
    ):
        assert hub.hub_ask(f"users/{name}", {}).status == 201
        made = hub.hub_ask(f"users/{name}/tokens", {"expires_in": 600})
        answer = hub.ask("project.list", token=made.json["token"])
        assert answer.code == "not-allowed"
        assert words in answer.json["detail"]


def test_token_that_was_revoked_is_good_for_seconds_only(place: Place) -> None:
    hub, bob = place.hub, place.people["bob"]
    token = hub.token(bob)
    assert hub.ask("project.show", IN_PROJECT, token=token).status == 200
    hub.revoke(bob, token)
    time.sleep(3)
    assert hub.ask("project.show", IN_PROJECT, token=token).code == "not-signed-in"
    place.tokens.pop("bob", None)


def test_audit_has_the_person_and_the_delegate(place: Place) -> None:
    """As well as from where somebody asked who is a person."""
    said = {"Modama-On-Behalf-Of": place.people["alice"].login}
    done = place.ask("nextcloud", "project.update", {**IN_PROJECT, "title": "By Nextcloud"}, headers=said)
    assert done.status == 200, done.body
    place.ask("alice", "project.update", {**IN_PROJECT, "title": "By hand"}, headers={"Modama-Via": "notebook"})
    rows = place.ask("alice", "audit.list", {**IN_PROJECT, "op": "project.update", "limit": 2}).json["items"]
    by_hand, by_delegate = rows
    assert (by_hand["person"], by_hand["via"], by_hand["on_behalf_of"]) == (said["Modama-On-Behalf-Of"], "notebook", "")
    assert (by_delegate["person"], by_delegate["via"]) == (said["Modama-On-Behalf-Of"], "nextcloud")
    assert by_delegate["on_behalf_of"] == "nextcloud"


def test_refused_changes_are_in_the_audit_and_refused_reads_in_the_log(place: Place) -> None:
    """What somebody's own process was refused to read would be worth their own word in the audit."""
    for operation, number in (("session.list", "read.1"), ("session.create", "change.1")):
        assert place.ask("eve", operation, IN_PROJECT, headers={"X-Request-Id": number}).status == 404
        line = line_of(place.hub, number)
        assert (line["who"], line["op"], line["problem"]) == (place.people["eve"].login, operation, "not-found")
    told = place.ask("dora", "audit.list", {"person": place.people["eve"].login}).json["items"]
    assert {(row["op"], row["outcome"]) for row in told} >= {("session.create", "refused")}
    assert not {row["op"] for row in told} & {"session.list", "project.show"}


def test_people_do_nothing_on_behalf_of_others(place: Place) -> None:
    """Whatever header they send; and a delegate says for whom, and for nobody of the system."""
    alice = place.people["alice"].login
    assert place.ask("bob", "project.show", IN_PROJECT, headers={"Modama-On-Behalf-Of": alice}).code == "not-allowed"
    assert place.ask("nextcloud", "project.show", IN_PROJECT).code == "not-allowed"
    for login in ("root", "daemon", place.facility.service.login, "nobody", "no-such-person", "0", alice + "\0"):
        with_header = {"Modama-On-Behalf-Of": login.replace("\0", " x")}
        assert place.ask("nextcloud", "project.show", IN_PROJECT, headers=with_header).code == "not-allowed", login


def test_administrator_sees_all_requests_to_unseal(place: Place) -> None:
    """Also of projects in which they are no members; members see those of theirs, and others none."""
    sealed = "2026-11-21-asked"
    assert place.ask("alice", "session.create", {**IN_PROJECT, "name": sealed}).status == 200
    raw = place.facility.root / PROJECT / sealed / "raw"
    place.people["alice"].shell(f"printf x > '{raw}/a'", umask=0o002)
    assert place.job("alice", "session.seal", {**IN_PROJECT, "session": sealed})["state"] == "done"
    asked = place.ask("bob", "session.request_unseal", {**IN_PROJECT, "session": sealed, "reason": "a wrong file"})
    assert asked.status == 200, asked.body
    rows = place.ask("dora", "session.requests").json["items"]
    assert [(row["session"], row["reason"]) for row in rows] == [(sealed, "a wrong file")]
    assert [row["session"] for row in place.ask("alice", "session.requests").json["items"]] == [sealed]
    assert place.ask("eve", "session.requests").json["items"] == []


def test_one_person_asks_too_much_and_the_others_go_on(
    people: Accounts, service: Account, admin: Account, admins: str
) -> None:
    """And is told when to go on."""
    with placed(people, service, admin, admins, requests_a_minute=40) as place:
        answers = [place.ask("eve", "job.list") for _ in range(60)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert refused[0].code == "too-many-requests"
        assert 1 <= int(refused[0].headers["Retry-After"]) <= 3
        assert f"wait {refused[0].headers['Retry-After']} s" in refused[0].json["detail"]
        assert place.ask("carol", "job.list").status == 200
        time.sleep(int(refused[-1].headers["Retry-After"]) + 0.5)
        assert place.ask("eve", "job.list").status == 200


def test_person_who_asks_for_much_at_once_keeps_nobody_waiting(place: Place) -> None:
    """Who does is told so, each time in words; and what another person asks meanwhile is answered."""
    for who in ("carol", "eve"):
        place.token(who)
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(place.ask, "eve", "doctor.run") for _ in range(60)]
        assert place.ask("carol", "project.show", IN_PROJECT).status == 200
        answers = [future.result() for future in asked]
    assert {answer.status for answer in answers} <= {200, 429, 503}
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert "for you at this moment" in refused[0].json["detail"]
    assert [answer for answer in answers if answer.status == 200]
