"""Uids and the people behind them."""

from __future__ import annotations

import grp
import os
import pwd
from functools import lru_cache

from jupyter_modama.core.model import Person, PersonKind


@lru_cache(maxsize=4096)
def person(uid: int) -> Person:
    """The person of a uid; a uid that nobody knows is shown as its number."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Person(uid, str(uid), "", PersonKind.UNKNOWN)
    return Person(uid, found.pw_name, found.pw_gecos.split(",")[0], PersonKind.INTERNAL)


@lru_cache(maxsize=4096)
def group(gid: int) -> str:
    """The name of a group, or its number."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def me() -> Person:
    """Whose rights this process has."""
    return person(os.geteuid())


def uid_of(login: str) -> int | None:
    """The uid of an account, None where there is none of that name."""
    try:
        return pwd.getpwnam(login).pw_uid
    except KeyError:
        return None
