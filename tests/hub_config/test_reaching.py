"""A hub under an ordinary account: the keeper tells what people reach, and so what is mounted for them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.accounts import _python as everybodys_python
from jupyter_modama.testing.keys_suite import done
from jupyter_modama.testing.running_hub import PACKAGES
from jupyter_modama.testing.running_keeper import Facility

pytestmark = [pytest.mark.root, pytest.mark.server]
# What the hub does before each start, by its own class of spawners; nothing is started.
HUB = """
import asyncio, json, os, sys
packages, file, login = sys.argv[1:]
sys.path[:0] = packages.split(":")
from pathlib import Path
from unittest.mock import MagicMock
from dockerspawner import DockerSpawner
from hub_config.spawner import with_mounts
from jupyter_modama.site import described
user = MagicMock()
user.name = login
spawner = with_mounts(DockerSpawner, described(Path(file)), file)(user=user)
plan = asyncio.run(spawner.modama_plan())
mounts = spawner._rendered(plan, "").added["mounts"]
print(json.dumps({"uid": os.geteuid(), "plan": json.loads(plan.to_json()), "mounts": mounts}))
"""


@pytest.fixture
def socket(facility: Facility) -> str:
    """Where the keeper listens, of a site that shows everybody their own projects."""
    found = f"{facility.folder}/keeper.sock"
    with facility.site_file.open("a") as file:
        file.write(f'\n[hub]\nspawner = "docker"\nmounts = "plan"\n[service]\nkeeper = "{found}"\n')
    return found


def planned(facility: Facility, hub: Account, who: Account) -> dict[str, Any]:
    """What a hub that runs as somebody would mount for a person."""
    answer = subprocess.run(
        [everybodys_python(), "-I", "-c", HUB, PACKAGES, str(facility.site_file), who.login],
        user=hub.uid,
        group=hub.gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd="/",
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    assert found["uid"] == hub.uid != 0
    return found


def test_the_keeper_tells_what_somebody_reaches(facility: Facility, people: Accounts, socket: str) -> None:
    """Their own projects, also closed ones, sealed folders read-only, and nobody else's."""
    with facility.keeper() as keeper:
        for who, name in ((people.alice, "hers ä"), (people.bob, "his")):
            done(keeper.keys, who, "project.create", name=name)
        done(keeper.keys, people.alice, "session.create", project="adhoc/hers ä", name="s")
        (facility.root / "adhoc/hers ä/s/raw/a.dat").write_bytes(b"x")
        done(keeper.keys, people.alice, "session.seal", project="adhoc/hers ä", session="s")
        found = planned(facility, facility.service, people.alice)
        base = f"{facility.root}/adhoc"
        assert [(m["source"], m["read_only"]) for m in found["mounts"]] == [
            (f"{base}/hers ä", False),
            (f"{base}/hers ä/s/raw", True),
        ]
        assert (found["plan"]["uid"], found["plan"]["skipped"]) == (people.alice.uid, [])
        assert planned(facility, facility.service, people.carol)["mounts"] == []
        done(
            keeper.keys, facility.admin, "session.unseal", project="adhoc/hers ä", session="s", reason="end of the test"
        )


def test_a_hub_that_the_keeper_does_not_hear_says_so(facility: Facility, people: Accounts, socket: str) -> None:
    """Of another account than the service's; and where no keeper runs. Nothing is mounted, and the server starts."""
    with facility.keeper() as keeper:
        done(keeper.keys, people.alice, "project.create", name="hers")
        found = planned(facility, people.bob, people.alice)
    away = planned(facility, facility.service, people.alice)
    for plan in (found["plan"], away["plan"]):
        [missing] = plan["skipped"]
        assert missing["what"] == "projects"
        assert "the keeper cannot be asked" in missing["why"]
    assert found["mounts"] == away["mounts"] == []
