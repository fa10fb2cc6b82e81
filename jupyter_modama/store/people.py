"""Uids and the people behind them."""

from __future__ import annotations

import grp
import os
import pwd
import time
from dataclasses import replace
from functools import lru_cache

from jupyter_modama.core.errors import printable
from jupyter_modama.core.model import Person, PersonKind, Site
from jupyter_modama.store.judge import is_in_group

NOBODY = 65534
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


def seen_by(site: Site, found: Person) -> Person:
    """A person as a site sees them: those of its group of externals are external."""
    if not site.externals or found.kind is not PersonKind.INTERNAL or found.uid < site.minimum_uid:
        return found
    when = int(time.monotonic() // BELIEVED_S)
    return replace(found, kind=PersonKind.EXTERNAL) if _is_in_group(found.uid, site.externals, when) else found


@lru_cache(maxsize=4096)
def _is_in_group(uid: int, name: str, when: int) -> bool:
    return is_in_group(uid, name)


def forget() -> None:
    """Ask the directory anew: accounts were made or removed."""
    for remembered in (_person, _group, _everybody, _is_in_group):
        remembered.cache_clear()


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


def named(text: str) -> Person | None:
    """The person of a login, or of a uid written as a number; None where there is none."""
    try:
        found = pwd.getpwnam(text)
    except (KeyError, ValueError):
        pass
    else:
        return person(found.pw_uid)
    if not text.isdigit() or len(text) > 10:
        return None
    numbered = person(int(text))
    return None if numbered.kind is PersonKind.UNKNOWN else numbered


def find(text: str, limit: int, minimum_uid: int) -> tuple[Person, ...]:
    """People whose login, or a word of whose name, begins with a text; no accounts of the system.

    A directory that does not list its people still knows one whose whole login is typed.
    """
    begun = text.casefold()
    whole = uid_of(text)
    found = [] if whole is None else [whole]
    found += [uid for uid, words in _everybody(int(time.monotonic() // BELIEVED_S)) if _begins(words, begun)]
    kept = [uid for uid in dict.fromkeys(found) if uid >= minimum_uid and uid != NOBODY]
    return tuple(person(uid) for uid in kept[:limit])


def _begins(words: tuple[str, ...], begun: str) -> bool:
    return any(word.startswith(begun) for word in words)


@lru_cache(maxsize=1)
def _everybody(when: int) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """All that the directory lists, by login: uid, and login and words of the name in small letters."""
    rows = sorted(pwd.getpwall(), key=lambda row: row.pw_name)
    return tuple(
        (row.pw_uid, (row.pw_name.casefold(), row.pw_gecos.casefold(), *row.pw_gecos.casefold().split()))
        for row in rows
    )
