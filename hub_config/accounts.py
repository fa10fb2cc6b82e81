"""From what a provider says of somebody to an account of the system, or a refusal in words."""

from __future__ import annotations

import pwd
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_modama.core.errors import NotAllowed, printable

NOBODY = 65534
LONGEST_SHOWN = 80
ANY_LOGIN = r"([a-z_][a-z0-9_.-]{0,31})"
ASK = "please ask your administrator"


@dataclass(frozen=True, slots=True)
class AccountRules:
    """Which claim names the system's account, and which accounts are people's."""

    claim: str = "preferred_username"
    pattern: str = ANY_LOGIN
    minimum_uid: int = 1000
    of_system: Collection[str] = ()  # accounts that are never a person's, whatever their number


def login_in(claims: Mapping[str, Any], rules: AccountRules) -> str:
    """The login that the whole claim stands for.

    Raises: NotAllowed, with the claim as the provider says it.
    """
    said = claims.get(rules.claim)
    if not isinstance(said, str) or not said:
        raise NotAllowed(what=f"the sign-in service does not say your “{rules.claim}”; {ASK}")
    found = re.fullmatch(rules.pattern, said)
    login = found.group(1) if found else None
    if not login:
        raise NotAllowed(
            what=f"you are signed in as “{_shown(said)}”, which is not the form that accounts have here; {ASK}"
        )
    return str(login)


def account_of(login: str, rules: AccountRules) -> pwd.struct_passwd:
    """The person's account; its name is the hub's name for them, so that one account is one person.

    Raises: NotAllowed.
    """
    try:
        row = pwd.getpwnam(login)
    except (KeyError, ValueError):  # ValueError: a NUL character
        raise NotAllowed(
            what=f"there is no account “{_shown(login)}” on this system yet; {ASK} to have it made, then sign in again"
        ) from None
    of_system = row.pw_uid < max(rules.minimum_uid, 1) or row.pw_uid == NOBODY or row.pw_name in rules.of_system
    if of_system:
        raise NotAllowed(what=f"“{_shown(login)}” is an account of the system and no person's; {ASK}")
    return row


def groups_in(claims: Mapping[str, Any], claim: str) -> set[str]:
    """The groups that the provider says; what is no text, or no name, is not one."""
    said = claims.get(claim)
    rows = [said] if isinstance(said, str) else said if isinstance(said, (list, tuple)) else []
    return {row for row in rows if isinstance(row, str) and row and row.isprintable() and len(row) <= 255}


def verified_email(claims: Mapping[str, Any], claim: str) -> str:
    """The address that the provider has verified, in small letters; empty where it has not, or does not say."""
    said = claims.get(claim)
    if not isinstance(said, str) or said.count("@") != 1 or not said.isprintable():
        return ""
    return said.strip().lower() if claims.get("email_verified") is True else ""


def _shown(text: str) -> str:
    return printable("".join(c if c.isprintable() else "?" for c in text[:LONGEST_SHOWN]))
