"""What a site needs on a machine before its hub, service and keeper can start; made as the site file says, by root.

May be repeated: what is there already is left as it is, and only what differs is said.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hub_config.config import public_address, service_address
from hub_config.secret_files import kept_secret
from jupyter_modama.core.errors import Invalid, NotAllowed, StorageError, from_os
from jupyter_modama.core.model import Site
from jupyter_modama.site import described, managed_by

NOBODY_LOGS_IN = "/usr/sbin/nologin"


def prepare(file: Path) -> Iterator[str]:
    """Make what is missing; a sentence for each thing that was made.

    Disk: accounts, the root of the tree with its areas and `.modama/site.json`, the state folders of hub and service.
    Raises: Invalid, NotAllowed, StorageError.
    """
    if os.geteuid() != 0:
        raise NotAllowed(what="preparing a machine is for root")
    site = described(file)
    _check_readable(file)
    try:
        yield from _accounts(site)
        yield from _tree(site)
        yield from _states(site)
    except OSError as error:
        raise from_os(error, "preparing this machine") from error


def next_steps(site: Site, file: Path) -> list[str]:
    """What is left to do by hand."""
    return [
        f"start the keeper:  python -I -m jupyter_modama.keeper --site {file} --socket {site.service.keeper} "
        f"--peer {site.service.account}",
        f"start the hub, which starts the service:  MODAMA_SITE={file} jupyterhub -f jupyterhub_config.py",
        f"people find it at {public_address(site)}",
    ]


def _check_readable(file: Path) -> None:
    """The site file is read by every server of a person, and obeyed by root.

    Raises: Invalid.
    """
    found = file.stat()
    if found.st_uid != 0 or found.st_mode & 0o022:
        raise Invalid(
            what=f"{file} is to belong to root, and nobody else may write it: chown root {file}; chmod 644 {file}"
        )
    if not found.st_mode & 0o004:
        raise Invalid(what=f"everybody has to be able to read {file}, which holds no secrets: chmod 644 {file}")


def _accounts(site: Site) -> Iterator[str]:
    for login in dict.fromkeys(filter(None, (site.service.account, site.account))):
        try:
            row = pwd.getpwnam(login)
        except KeyError:
            words = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
            _run(*words, "--shell", NOBODY_LOGS_IN, login)
            yield f"made the account {login}, with which nobody can log in"
        else:
            if row.pw_uid == 0 and login == site.service.account:
                raise Invalid(what="[service] account is to be one of its own, and not root")


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StorageError(what=" ".join(words), why=done.stderr.strip())


def _tree(site: Site) -> Iterator[str]:
    owner = pwd.getpwnam(site.account).pw_uid if site.account else 0
    root = Path(site.root)
    for folder in (root, *(root / area.name for area in site.areas)):
        if not folder.exists():
            folder.mkdir(mode=0o755, parents=True)
            folder.chmod(0o755)
            os.chown(folder, owner, -1)
            yield f"made the folder {folder}"
    address = service_address(site)
    if managed_by(site.root) != address:
        _write_notice(root, address)
        yield f"wrote {root}/.modama/site.json: the tree is managed by {address}"


def _write_notice(root: Path, address: str) -> None:
    """Root's own word on whose the tree is, whole or not at all."""
    box = root / ".modama"
    box.mkdir(mode=0o755, exist_ok=True)
    found = box.lstat()
    if found.st_uid != 0 or found.st_mode & 0o022:
        raise Invalid(what=f"{box} is to belong to root, and nobody else may write there")
    fresh = box / f"site.json.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        json.dump({"service": address}, out)
        os.fchmod(fd, 0o644)
        os.fsync(fd)
    fresh.replace(box / "site.json")


def _states(site: Site) -> Iterator[str]:
    account = pwd.getpwnam(site.service.account)
    for folder, uid, gid, mode in (
        (Path(site.hub.state), 0, 0, 0o700),
        (Path(site.service.state), account.pw_uid, account.pw_gid, 0o700),
        (Path(site.service.keeper).parent, 0, 0, 0o755),
    ):
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(mode)
            os.chown(folder, uid, gid)
            yield f"made the folder {folder}"
        elif folder.stat().st_uid != uid:
            raise Invalid(what=f"{folder} is to belong to {pwd.getpwuid(uid).pw_name}: chown {uid} {folder}")
    for name in site.delegates:
        file = Path(site.hub.state) / "delegates" / f"{name}.token"
        if not file.exists():
            kept_secret(file)
            yield f"made the token of {name}: {file}"


def prepared_site(file: Path) -> Site:
    """The site of a file, with who manages its tree."""
    site = described(file)
    return replace(site, managed_by=managed_by(site.root))
