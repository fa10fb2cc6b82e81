"""Which mails people get: each kind can be switched off by whoever gets it.

The mail that invites an address has no person who could switch anything: it comes by the will of an owner, whose
name is in it.
"""

from __future__ import annotations

from jupyter_modama.core.errors import Invalid, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Actor
from jupyter_modama.core.ports import Store

# What kinds there are, in the words of "Mails about ...".
KINDS = {
    "quiet": "sessions in your projects in which nothing changes and which are not sealed",
    "seal": "seals of yours that took long, failed, or were cut off",
    "declined": "requests of yours to unseal that were declined",
}


@frozen
class ShowMails:
    pass


@frozen
class SetMails:
    """`off`: the kinds that are not wanted; what is not named is sent."""

    off: tuple[str, ...] = ()


@frozen
class MailKind:
    name: str
    about: str
    wanted: bool


@frozen
class Mails:
    """The kinds of mails that somebody gets or has switched off; `sent`: whether this site sends any."""

    items: tuple[MailKind, ...]
    sent: bool


def show_mails(store: Store, actor: Actor, wanted: ShowMails) -> Mails:
    """Tell which mails one gets."""
    return _mails(store, store.notices.off(actor.person.uid))


def set_mails(store: Store, actor: Actor, wanted: SetMails) -> Mails:
    """Switch kinds of mails to oneself off; all others are on."""
    off = frozenset(wanted.off)
    if strange := sorted(off - KINDS.keys()):
        raise Invalid(what=f"there are no mails “{printable(strange[0])}”; the kinds are {', '.join(KINDS)}")
    store.notices.switch_off(actor.person.uid, off)
    return _mails(store, off)


def _mails(store: Store, off: frozenset[str]) -> Mails:
    rules = store.site.mail
    kinds = tuple(MailKind(name, about, name not in off) for name, about in KINDS.items())
    return Mails(kinds, bool(rules.server and rules.sender))
