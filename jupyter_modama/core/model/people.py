"""People, and who asks."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from jupyter_modama.core.frozen import frozen


class Role(IntEnum):
    """What a person is to a project; each includes what stands before it."""

    ANYONE = 0
    SIGNED_IN = 1
    READER = 2
    MEMBER = 3
    OWNER = 4
    ADMINISTRATOR = 5


class PersonKind(StrEnum):
    """External: with an account here, from another institution, as the site's group says. Unknown: a number alone."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


@frozen
class Person:
    """Somebody with a uid; a number that nobody knows any more is shown as that number."""

    uid: int
    login: str
    display: str = ""
    kind: PersonKind = PersonKind.INTERNAL


class Via(StrEnum):
    LAB = "lab"
    NOTEBOOK = "notebook"
    CLI = "cli"
    PAGES = "pages"
    NEXTCLOUD = "nextcloud"
    INSTRUMENT = "instrument"


@frozen
class Actor:
    """Who asks now, from where, how that is known, and on whose behalf."""

    person: Person
    via: Via = Via.CLI
    known_by: str = "local-uid"
    on_behalf_of: str = ""
