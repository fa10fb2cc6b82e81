"""A whole hub on this machine, for two people: `make demo-hub`, as root.

    python .ci/demo_hub.py /var/lib/modama-demo

Starts an OpenID provider with a login form, the keeper, the hub with its service, and mounts for each person; prints
the address and the two logins. Ctrl-C ends all of it. Accounts and data stay, and the next start goes on with them:
files belong to the numbers of the accounts, which others could get. `make demo-hub-clean` removes both.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from demo import NO_NEWS, WORKSPACE, WishToEnd

from jupyter_modama.testing import trees
from jupyter_modama.testing.running_provider import SomebodyThere, why_not
from jupyter_modama.testing.whole_hub import Plan, WholeHub, whole_hub

PEOPLE = {"modama-ada": "Ada Byron", "modama-grace": "Grace Murray"}
MADE_BY = "made by make demo-hub"
SERVICE, ADMINISTRATORS = "modama-demo", "modama-demo-admins"
WORDS = ("birch", "brook", "cedar", "cliff", "coral", "delta", "ember", "fjord")
WORDS += ("glade", "grove", "heath", "maple", "meadow", "pebble", "reed", "ridge")


def main(folder: Path) -> int:
    """Run until Ctrl-C."""
    if os.geteuid() != 0:
        sys.exit("make demo-hub makes accounts and mounts, so it is for root: sudo make demo-hub")
    if why := why_not():
        sys.exit(why)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with alone(folder):
        return run(folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else starts or removes this demo meanwhile."""
    with (folder / ".in-use").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"the demo in {folder} is running; Ctrl-C where it was started ends it")
        yield


def run(folder: Path) -> int:
    """Everything, until Ctrl-C."""
    check_free(folder)
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
    make_administrator(next(iter(PEOPLE)))
    plan = Plan(folder, python, people, "modama-demo", SERVICE, ADMINISTRATORS, port=port, environment=environment)
    with whole_hub(plan) as hub:
        make_data(hub, folder)
        print(f"\n  The hub is ready. Open this address in a browser:\n\n    {hub.url}\n\n  and sign in as\n")
        for login, name in PEOPLE.items():
            print(f"    {login:14} password {passwords[login]:24} ({name})")
        print(f"\n  {next(iter(PEOPLE))} administrates the data as well: {hub.url}/services/modama/administration")
        print("  Two windows, one of them private, make two people. What the parts say is in " + str(folder / "log"))
        print(
            "  Ctrl-C here ends everything; accounts and data stay for the next time (make demo-hub-clean).\n",
            flush=True,
        )
        wish.wait(hub.process)
    end_what_people_left()
    print("  Everything has ended.", flush=True)
    return 0


def accounts() -> dict[str, pwd.struct_passwd]:
    """The people's accounts, as far as they are there."""
    return {row.pw_name: row for row in pwd.getpwall() if row.pw_name in PEOPLE}


def check_free(folder: Path) -> None:
    """End where an account of these names is somebody else's, or another demo's: files belong to its number."""
    for login, row in accounts().items():
        if MADE_BY not in row.pw_gecos:
            sys.exit(f"there is an account {login} already, which is not the demo's; nothing was changed")
        if Path(row.pw_dir).parent != folder / "home":
            other = Path(row.pw_dir).parents[1]
            sys.exit(
                f"the account {login} belongs to the demo in {other}; "
                f"`make demo-hub-clean DEMO_HUB={other}` removes that one; nothing was changed"
            )


def end_what_people_left() -> None:
    """What somebody has started in a terminal to outlive their server ends with the demo, too."""
    uids = {row.pw_uid for row in accounts().values()}
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + 10
        while (left := processes_of(uids)) and time.monotonic() < until:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(0.2)


def processes_of(uids: set[int]) -> list[int]:
    """The processes of some accounts."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid in uids:
                found.append(int(name))
    return found


def make_account(login: str, name: str, homes: Path) -> None:
    """A real account, which cannot log in to the system itself: its password is the provider's alone."""
    homes.mkdir(mode=0o755, exist_ok=True)
    if login not in accounts():
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
        furnish(homes / login, pwd.getpwnam(login))
    (homes / login).chmod(0o700)


def make_administrator(login: str) -> None:
    """Somebody who may unseal, and sees the page of administrators."""
    subprocess.run(["groupadd", "--force", "--system", ADMINISTRATORS], check=True)
    subprocess.run(["usermod", "--append", "--groups", ADMINISTRATORS, login], check=True)


def furnish(home: Path, row: pwd.struct_passwd) -> None:
    """Their first JupyterLab has the sidebar open, and asks nothing."""
    lab = home / ".jupyter/lab"
    files = {
        lab / "workspaces/default-37a8.jupyterlab-workspace": WORKSPACE,
        lab / "user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings": NO_NEWS,
    }
    for file, content in files.items():
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    for path in (home / ".jupyter", *(home / ".jupyter").rglob("*")):
        os.chown(path, row.pw_uid, row.pw_gid)


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
            hub.make_project(first.pw_uid, project.name, sessions)
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
    if not ((folder / "site.toml").exists() or (folder / "venv/.as-of").exists()):
        sys.exit(f"there is no demo of a hub in {folder}; nothing was changed")
    with alone(folder):
        check_free(folder)
        for login in accounts():
            subprocess.run(["userdel", login], check=True)
        if (folder / "site.toml").exists():
            trees.clear(folder / "storage")
            trees.clear(folder / "keeper")
            if SERVICE in {row.pw_name for row in pwd.getpwall()}:
                subprocess.run(["userdel", SERVICE], check=True)
            subprocess.run(["groupdel", "--force", ADMINISTRATORS], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder)
    print(f"removed {folder} and the accounts {', '.join(PEOPLE)}")
    return 0


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    sys.exit(clean(place) if "--clean" in sys.argv[2:] else main(place))
