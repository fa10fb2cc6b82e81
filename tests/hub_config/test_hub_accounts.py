"""From a claim to an account of this system, with the accounts that are really here."""

from __future__ import annotations

import pwd
from typing import Any

import pytest

from hub_config.accounts import AccountRules, account_of, groups_in, login_in, verified_email
from jupyter_modama.core.errors import NotAllowed

RULES = AccountRules(pattern=r"([a-z]+)@example\.org")


def test_the_group_of_the_expression_is_the_login() -> None:
    assert login_in({"preferred_username": "mia@example.org"}, RULES) == "mia"


@pytest.mark.parametrize(
    "claim",
    ["mia", "mia@example.org.evil.org", "x mia@example.org", "Mia@example.org", "mia@example.org\n", "mia@exampleXorg"],
)
def test_the_whole_claim_has_to_match(claim: str) -> None:
    with pytest.raises(NotAllowed, match="not the form that accounts have here"):
        login_in({"preferred_username": claim}, RULES)


@pytest.mark.parametrize("claims", [{}, {"preferred_username": None}, {"preferred_username": ["mia"]}, {"sub": "mia"}])
def test_a_claim_that_is_not_there_is_said(claims: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match="does not say your “preferred_username”"):
        login_in(claims, RULES)


def test_an_expression_whose_group_takes_nothing_lets_nobody_in() -> None:
    with pytest.raises(NotAllowed):
        login_in({"preferred_username": "guest"}, AccountRules(pattern=r"guest|([a-z]+)@example\.org"))


@pytest.mark.parametrize("login", ["root", "daemon", "nobody"])
def test_accounts_of_the_system_are_no_persons(login: str) -> None:
    with pytest.raises(NotAllowed, match="account of the system"):
        account_of(login, RULES)
    with pytest.raises(NotAllowed, match="account of the system"):
        account_of(login, AccountRules(minimum_uid=0, of_system={"daemon"}))


@pytest.mark.parametrize("login", ["nobody-has-this", "a\0b", "../etc", "", "x" * 5000])
def test_who_has_no_account_is_told_so(login: str) -> None:
    with pytest.raises(NotAllowed, match="there is no account"):
        account_of(login, RULES)


def test_a_name_that_the_system_spells_otherwise_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directory services can take Mia for mia: two names at the hub would be one person with two servers."""
    row = pwd.struct_passwd(("mia", "x", 20001, 20001, "", "/home/mia", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda login: row)
    assert account_of("MIA", RULES).pw_name == "mia"


@pytest.mark.parametrize(
    ("said", "groups"),
    [
        (["a", "b"], {"a", "b"}),
        ("a", {"a"}),
        (None, set()),
        ({"a": 1}, set()),
        (["a", 7, "", "b\n", "x" * 300, None], {"a"}),
    ],
)
def test_groups_are_texts(said: Any, groups: set[str]) -> None:
    assert groups_in({"groups": said}, "groups") == groups


@pytest.mark.parametrize(
    ("claims", "address"),
    [
        ({"email": "Mia@Example.org", "email_verified": True}, "mia@example.org"),
        ({"email": "mia@example.org"}, ""),
        ({"email": "mia@example.org", "email_verified": False}, ""),
        ({"email": "mia@example.org", "email_verified": "false"}, ""),
        ({"email": "mia@example.org", "email_verified": "true"}, ""),
        ({"email": ["mia@example.org"], "email_verified": True}, ""),
        ({"email": "a@b@c", "email_verified": True}, ""),
        ({"email_verified": True}, ""),
    ],
)
def test_only_an_address_that_the_provider_has_verified_counts(claims: dict[str, Any], address: str) -> None:
    assert verified_email(claims, "email") == address
