"""Uids and the people behind them."""

from __future__ import annotations

import grp
import os
import pwd
import time
from functools import lru_cache

from jupyter_modama.core.errors import printable
from jupyter_modama.core.model import Person, PersonKind

BELIEVED_S = 600.0  # a new account is known after ten minutes, without a look at the directory for every entry


def person(uid: int) -> Person:
    """The person of a uid; a uid that nobody knows is shown as its number."""
    return _person(uid, int(time.monotonic() // BELIEVED_S))


@lru_cache(maxsize=4096)
def _person(uid: int, when: int) -> Person:
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Person(uid, str(uid), "", PersonKind.UNKNOWN)
    return Person(uid, printable(found.pw_name), printable(found.pw_gecos.split(",")[0]), PersonKind.INTERNAL)


def group(gid: int) -> str:
    """The name of a group, or its number."""
    return _group(gid, int(time.monotonic() // BELIEVED_S))


@lru_cache(maxsize=4096)
def _group(gid: int, when: int) -> str:
    try:
        return printable(grp.getgrgid(gid).gr_name)
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
