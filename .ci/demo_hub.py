"""A whole hub on this machine, for two people: `make demo-hub`, as root.

    python .ci/demo_hub.py /var/lib/modama-demo

Starts an OpenID provider with a login form, the keeper, the hub with its service, and mounts for each person; prints
the address and the two logins. Ctrl-C ends all of it. Accounts and data stay, and the next start goes on with them:
files belong to the numbers of the accounts, which others could get. `make demo-hub-clean` removes both.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from demo import WishToEnd

from jupyter_modama.testing import trees
from jupyter_modama.testing.running_provider import SomebodyThere, why_not
from jupyter_modama.testing.whole_hub import Plan, WholeHub, whole_hub

PEOPLE = {"modama-ada": "Ada Byron", "modama-grace": "Grace Murray"}
MADE_BY = "made by make demo-hub"
SERVICE = "modama-demo"
WORDS = ("birch", "brook", "cedar", "cliff", "coral", "delta", "ember", "fjord")
WORDS += ("glade", "grove", "heath", "maple", "meadow", "pebble", "reed", "ridge")
# Run by the service's account, which alone can ask the keeper.
MAKE_PROJECT = """
import sys
from jupyter_modama.core.model import Actor, Via
from jupyter_modama.core.projects import CreateProject
from jupyter_modama.core.sessions import CreateSession
from jupyter_modama.keeper.client import KeeperKeys
from jupyter_modama.store import people
socket, uid, project, *sessions = sys.argv[1:]
keys, actor = KeeperKeys(socket), Actor(people.person(int(uid)), Via.PAGES, "hub-token")
def done(operation, wanted):
    steps = keys.do(operation, wanted, actor)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value
done("project.create", CreateProject(project, area="adhoc"))
for session in sessions:
    done("session.create", CreateSession(f"adhoc/{project}", session))
"""


def main(folder: Path) -> int:
    """Run until Ctrl-C."""
    if os.geteuid() != 0:
        sys.exit("make demo-hub makes accounts and mounts, so it is for root: sudo make demo-hub")
    if why := why_not():
        sys.exit(why)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for login, name in PEOPLE.items():
        make_account(login, name, folder / "home")
    passwords = {login: password(folder / "passwords" / login) for login in PEOPLE}
    people = {
        login: SomebodyThere(passwords[login], {"name": name, "email": f"{login}@example.org", "email_verified": True})
        for login, name in PEOPLE.items()
    }
    environment = {}
    if (folder / "libertem/bin/python").exists():
        environment["MODAMA_LIBERTEM_VENV"] = str(folder / "libertem")
    port = int(os.environ.get("MODAMA_DEMO_PORT", "8000"))
    python = folder / "venv/bin/python"
    wish = WishToEnd()
    with whole_hub(Plan(folder, python, people, account=SERVICE, port=port, environment=environment)) as hub:
        make_data(hub, folder)
        print(f"\n  The hub is ready. Open this address in a browser:\n\n    {hub.url}\n\n  and sign in as\n")
        for login, name in PEOPLE.items():
            print(f"    {login:14} password {passwords[login]:24} ({name})")
        print("\n  Two windows, one of them private, make two people. What the parts say is in " + str(folder / "log"))
        print(
            "  Ctrl-C here ends everything; accounts and data stay for the next time (make demo-hub-clean).\n",
            flush=True,
        )
        wish.wait(hub.process)
    return 0


def make_account(login: str, name: str, homes: Path) -> None:
    """A real account, which cannot log in to the system itself: its password is the provider's alone."""
    homes.mkdir(mode=0o755, exist_ok=True)
    try:
        row = pwd.getpwnam(login)
    except KeyError:
        words = [
            "--create-home",
            "--home-dir",
            str(homes / login),
            "--shell",
            "/bin/bash",
            "--comment",
            f"{name},{MADE_BY}",
        ]
        subprocess.run(["useradd", *words, login], check=True)
    else:
        if MADE_BY not in row.pw_gecos:
            sys.exit(f"there is an account {login} already, which is not the demo's; nothing was changed")
    (homes / login).chmod(0o700)


def password(file: Path) -> str:
    """Easy to type, made once."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text("-".join(secrets.choice(WORDS) for _ in range(4)))
    return file.read_text()


def make_data(hub: WholeHub, folder: Path) -> None:
    """The first person's projects with real microscopy in them, once."""
    done = folder / ".data-made"
    if done.exists():
        return
    print("making the sample data ...", flush=True)
    made = folder / "sample"
    subprocess.run(
        [hub.plan.python, "-I", "-m", "jupyter_modama.demo", "make", made], check=True, stdout=subprocess.DEVNULL
    )
    first = pwd.getpwnam(next(iter(PEOPLE)))
    for project in sorted((made / "adhoc").iterdir()):
        sessions = sorted(session.name for session in project.iterdir())
        if not (hub.tree / "adhoc" / project.name).exists():
            hub.as_service(MAKE_PROJECT, str(first.pw_uid), project.name, *sessions)
        for session in sessions:
            copy_as(first, made / "adhoc" / project.name / session / "raw", hub.tree / "adhoc" / project.name / session)
    shutil.rmtree(made)
    done.touch()


def copy_as(row: pwd.struct_passwd, source: Path, target: Path) -> None:
    """What the person would have copied."""
    groups = os.getgrouplist(row.pw_name, row.pw_gid)
    words = ["cp", "-r", "--no-preserve=all", f"{source}/.", str(target / "raw")]
    subprocess.run(words, user=row.pw_uid, group=row.pw_gid, extra_groups=groups, cwd="/", umask=0o022, check=True)


def clean(folder: Path) -> int:
    """Remove the demo's accounts and its folder, sealed data as well."""
    for login in PEOPLE:
        try:
            row = pwd.getpwnam(login)
        except KeyError:
            continue
        if MADE_BY in row.pw_gecos:
            subprocess.run(["userdel", login], check=True)
    if (folder / "site.toml").exists():
        trees.clear(folder / "storage")
        trees.clear(folder / "keeper")
        shutil.rmtree(folder)
        subprocess.run(["userdel", SERVICE], check=False)
    return 0


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    sys.exit(clean(place) if "--clean" in sys.argv[2:] else main(place))
