"""Records that others could write for a while: as people see it through a worker, and mended through the keeper."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import NotAllowed
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.runner import wanted_from
from jupyter_modama.testing import trees
from jupyter_modama.testing.accounts import Account, Accounts
from jupyter_modama.testing.keys_suite import PROJECT, done
from jupyter_modama.testing.running_keeper import Running

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start the keeper")]


def read(keeper: Running, who: Account, operation: str, **wanted: Any) -> dict[str, Any]:
    """What a worker that reads for somebody answers."""
    reader = keeper.read_as(who.actor)
    answer: dict[str, Any] = trees.driven(reader.do(operation, wanted_from(OPERATIONS[operation], wanted)))
    return answer


def test_a_member_is_told_and_the_owner_mends_it(keeper: Running, root: Path, people: Accounts) -> None:
    """After an administrator has opened a whole project by hand."""
    alice, bob, keys = people.alice, people.bob, keeper.keys
    done(keys, alice, "project.create", name="p", title="Needles")
    done(keys, alice, "project.set_members", project=PROJECT, add=[bob.login])
    subprocess.run(["setfacl", "-R", "-m", f"u:{bob.uid}:rwX", str(root / PROJECT)], check=True)
    assert "is not believed meanwhile" in read(keeper, bob, "project.show", project=PROJECT)["warning"]
    found = read(keeper, bob, "project.check", project=PROJECT)
    assert "records-open" in [row["code"] for row in found["found"]]
    with pytest.raises(NotAllowed, match="by “repair”"):
        done(keys, alice, "project.update", project=PROJECT, title="Threads")
    report = done(keys, alice, "project.repair", project=PROJECT)
    assert "records-again" in [row["code"] for row in report["found"]]
    shown = read(keeper, bob, "project.show", project=PROJECT)
    assert (shown["title"], shown["warning"]) == ("Needles", "")
    assert not bob.can("sh", "-c", f"echo >> {root / PROJECT}/.modama/project.json")
    done(keys, alice, "project.update", project=PROJECT, title="Threads")
