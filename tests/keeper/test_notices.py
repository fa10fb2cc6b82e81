"""What the keeper leaves for the service to be mailed."""

from __future__ import annotations

import os
import signal

import pytest

from jupyter_modama.core.errors import Invalid, ModamaError
from jupyter_modama.testing.accounts import Accounts
from jupyter_modama.testing.keys_suite import done
from jupyter_modama.testing.running_keeper import Facility

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]
MAIL = '\n[mail]\nserver = "mail.example.org"\nsender = "modama@example.org"\ndomain = "example.org"\nquiet_days = 14\n'
NAMED = {"project": "adhoc/p", "session": "s"}


def test_notice_waits_until_it_was_told_over_a_kill(facility: Facility, people: Accounts) -> None:
    """A seal, a request, the no of an administrator: whoever asked is to be told, whatever happens to the keeper."""
    with facility.site_file.open("a") as file:
        file.write(MAIL)
    with facility.keeper() as keeper:
        keys = keeper.keys
        done(keys, people.alice, "project.create", name="p")
        done(keys, people.alice, "session.create", project="adhoc/p", name="s")
        (facility.root / "adhoc/p/s/raw/a.dat").write_bytes(b"x")
        done(keys, people.alice, "session.seal", **NAMED)
        done(keys, people.alice, "session.request_unseal", **NAMED, reason="wrong file")
        assert keys.notices() == []  # a seal that took no minute is no news
        done(keys, facility.admin, "session.decline_unseal", **NAMED, reason="it is published")
        keeper.end(signal.SIGKILL)
    with facility.keeper() as keeper:
        (told,) = keeper.keys.notices()
        assert (told["uid"], told["kind"]) == (people.alice.uid, "declined")
        assert told["facts"]["reason"] == "it is published"
        with pytest.raises(Invalid, match="list of their keys"):
            keeper.keys.told("all")  # type: ignore[arg-type]
        keeper.keys.told([told["key"], "'; DROP TABLE notice; --"])
        assert keeper.keys.notices() == []
        done(keeper.keys, facility.admin, "site.count")
        shown = done(keeper.keys, facility.admin, "site.overview")
        assert [row["project"] for row in shown["items"]] == ["adhoc/p"]
        assert shown["disk"]["free_bytes"] > 0
        with pytest.raises(ModamaError, match="administrators"):
            done(keeper.keys, people.alice, "site.overview")
        done(keeper.keys, facility.admin, "session.unseal", **NAMED, reason="end of the test")
