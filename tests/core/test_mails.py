"""Mails that people do not want: none is kept or sent, and their choice is theirs to see and to have forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.hub_rules import MailRules
from jupyter_modama.core.mails import KINDS
from jupyter_modama.core.model import Actor, Person, Site
from jupyter_modama.core.telling import tell
from jupyter_modama.service.letters import letters_of
from jupyter_modama.testing.doing import Does
from jupyter_modama.testing.memory import MemoryStore

ROOT, ANNA, BERT = (Person(uid, login) for uid, login in ((0, "root"), (1000, "anna"), (1001, "bert")))
MAIL = MailRules(server="mail.example.org", sender="modama@example.org")


@pytest.fixture
def store() -> MemoryStore:
    """Of a keeper whose site has a mail server."""
    made = MemoryStore(Site(root="/x", mail=MAIL), me=ROOT)
    made.people, made.keeps_tree = [ROOT, ANNA, BERT], True
    return made


@pytest.fixture
def anna(store: MemoryStore) -> Does:
    return Does(store, Actor(ANNA))


def wanted(mails: Any) -> set[str]:
    return {kind.name for kind in mails.items if kind.wanted}


def waiting(store: MemoryStore) -> list[tuple[int, str]]:
    return [(row["uid"], row["kind"]) for row in store.notices.waiting(100)]


def test_all_mails_come_until_somebody_says_no(store: MemoryStore, anna: Does) -> None:
    """The last word counts, for its person alone."""
    assert wanted(anna("person.mails")) == set(KINDS)
    assert wanted(anna("person.set_mails", off=("quiet", "seal"))) == {"declined"}
    assert wanted(anna("person.mails")) == {"declined"}
    assert wanted(Does(store, Actor(BERT))("person.mails")) == set(KINDS)
    assert wanted(anna("person.set_mails", off=("seal",))) == {"quiet", "declined"}


def test_what_is_switched_off_is_not_sent(store: MemoryStore, anna: Does) -> None:
    """Of what waits neither; switched on again, old news do not come."""
    tell(store, "1", ANNA.uid, "quiet", {})
    tell(store, "2", BERT.uid, "quiet", {})
    anna("person.set_mails", off=("quiet",))
    tell(store, "3", ANNA.uid, "quiet", {})
    tell(store, "4", ANNA.uid, "seal", {})
    assert waiting(store) == [(BERT.uid, "quiet"), (ANNA.uid, "seal")]
    anna("person.set_mails", off=())
    assert waiting(store) == [(BERT.uid, "quiet"), (ANNA.uid, "seal")]
    tell(store, "5", ANNA.uid, "quiet", {})
    assert (ANNA.uid, "quiet") in waiting(store)


@pytest.mark.parametrize("off", ["invitation", "all", "", "'; DROP TABLE off; --"])
def test_a_kind_that_there_is_not_is_refused(anna: Does, off: str) -> None:
    with pytest.raises(Invalid, match="the kinds are quiet, seal, declined"):
        anna("person.set_mails", off=("quiet", off))
    assert wanted(anna("person.mails")) == set(KINDS)


def test_a_site_without_a_mail_server_says_so(store: MemoryStore, anna: Does) -> None:
    assert anna("person.mails").sent is True
    store.site = replace(store.site, mail=MailRules())
    assert anna("person.mails").sent is False


def test_every_kind_that_is_sent_can_be_switched_off(store: MemoryStore, anna: Does) -> None:
    """A kind that the service knows and nobody could switch off, or the other way, would be a gap."""
    from jupyter_modama.service import letters

    assert set(letters.WORDS) | {"quiet"} == set(KINDS)
    assert list(letters_of(store.site, [])) == []


def test_the_choice_and_what_was_told_are_exported_and_forgotten(store: MemoryStore, anna: Does) -> None:
    tell(store, "1", ANNA.uid, "seal", {"project": "adhoc/p", "detail": "anna"})
    tell(store, "2", BERT.uid, "seal", {})
    anna("person.set_mails", off=("quiet",))
    store.notices.told(["1"])
    hers = anna("person.export")
    assert hers.mails_off == ("quiet",)
    [told] = hers.mails
    assert (told.kind, told.told is None) == ("seal", False)
    Does(store, Actor(ROOT))("person.forget", person="anna", reason="asked for it")
    after = anna("person.export")
    assert (after.mails_off, after.mails) == ((), ())
    assert waiting(store) == [(BERT.uid, "seal")]


def test_what_was_told_keeps_no_words(store: MemoryStore) -> None:
    """Of it the key alone is needed, so that it is not told again."""
    tell(store, "1", ANNA.uid, "declined", {"by": "Bert Ode", "reason": "no"})
    store.notices.told(["1"])
    assert b"Bert Ode" not in store.notices.file.read_bytes()
    tell(store, "1", ANNA.uid, "declined", {"by": "Bert Ode", "reason": "no"})
    assert waiting(store) == []
