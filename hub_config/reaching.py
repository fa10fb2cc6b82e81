"""Which projects somebody reaches, for a hub that is not root: the keeper has processes with people's rights.

The keeper hears one account. A hub that is not root starts its service with its own, so that the two have the same.
"""

from __future__ import annotations

from hub_config.plan import Person
from jupyter_modama.core import model
from jupyter_modama.core.model import Actor, Via
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.store.reachable import Reachable


def reached(socket: str, person: Person, *, sealed: bool) -> list[Reachable]:
    """What the keeper's worker finds with a person's rights, and what of that is sealed where wanted; blocks.

    Raises: Unreachable, NotAllowed, Busy.
    """
    actor = Actor(model.Person(person.uid, person.login), Via.LAB, "hub-token")
    reader = KeeperKeys(socket).read_as(actor)
    try:
        return reader.reach(sealed=sealed)
    finally:
        reader.close()
