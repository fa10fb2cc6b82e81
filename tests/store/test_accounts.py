"""The accounts that tests work with are real, and gone afterwards."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_modama.testing.accounts import FIRST_UID, Accounts, account, accounts, group

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make accounts")]


def test_programs_run_as_the_person(people: Accounts, root: Path) -> None:
    """With the person's ids and no others, and with the umask that is asked for."""
    root.chmod(0o1777)
    alice, bob, _ = people
    assert alice.does("id", "-u").strip() == str(alice.uid) != str(bob.uid)
    assert alice.does("id", "-G").split() == [str(alice.gid)]
    assert min(one.uid for one in people) >= FIRST_UID
    alice.python("import sys; open(sys.argv[1], 'w').write('x')", root / "a", umask=0o077)
    assert (root / "a").stat().st_mode & 0o777 == 0o600
    assert alice.reads(root / "a")
    assert not bob.reads(root / "a")


def test_accounts_are_gone_afterwards() -> None:
    """Also where the test failed."""
    with pytest.raises(KeyError, match="mine"), account("dora", full_name="Dora of the Test") as dora:  # noqa: PT012
        assert dora.person.display == "Dora of the Test"
        with group("proposal", dora) as gid:
            assert gid in os.getgrouplist(dora.login, dora.gid)
        raise KeyError("mine")
    with pytest.raises(KeyError):
        pwd.getpwnam(dora.login)
    assert dora.person.login == str(dora.uid)


def test_accounts_of_a_killed_process_are_cleared_away() -> None:
    """By the next one that makes some; those of processes that go on stay."""
    script = """if True:
        import os
        from jupyter_modama.testing.accounts import account
        kept = account("ella")
        print(kept.__enter__().login, flush=True)
        os._exit(1)"""
    login = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stdout.strip()
    assert pwd.getpwnam(login).pw_gecos.startswith("Ella")
    with account("dora") as dora, accounts():
        assert pwd.getpwnam(dora.login)
        with pytest.raises(KeyError):
            pwd.getpwnam(login)
