"""What the doctor looks at beyond the tree: the parts of this installation and whether they go together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import jupyter_modama
from jupyter_modama.core.doctor import report
from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.model import DoctorReport, Finding, Severity
from jupyter_modama.core.ports import Check

OK, NOTE, WARNING, FAILURE = Severity.OK, Severity.NOTE, Severity.WARNING, Severity.FAILURE
LABEXTENSION = "@modama/labextension"
SERVER_CONFIG = "jupyter_server_config.d/jupyter_modama.json"


def without_tree(error: ModamaError) -> DoctorReport:
    """The report where there is no tree to look at, or where its site file is wrong."""
    finding = Finding("site", FAILURE, str(error), "put this right first; the tree itself could not be looked at")
    return report([("site", lambda: iter([finding])), *ALL])


def check_site() -> Iterator[Finding]:
    """Whether the site file can be read, and what packages add to the table of tools."""
    from jupyter_modama.site import entry_point_tools, load_site

    site = load_site()
    if site is None:
        yield Finding("site", NOTE, "no data tree is named yet", "set MODAMA_ROOT, or `modama init`")
    else:
        source = os.environ.get("MODAMA_SITE") or "a root alone"
        yield Finding("site", OK, f"{site.name} ({source}): {', '.join(site.services) or 'no services'} around it")
    for problem in entry_point_tools()[1]:
        yield Finding("site", WARNING, problem, "update or remove that package")


def check_readers() -> Iterator[Finding]:
    """Whether files of microscopes can be read."""
    try:
        version = metadata.version("rosettasciio")
    except metadata.PackageNotFoundError:
        yield Finding(
            "readers", WARNING, "no readers for microscope files are installed", "pip install 'jupyter-modama[readers]'"
        )
        return
    missing = [name for name in ("h5py", "numpy", "PIL", "hdf5plugin") if find_spec(name) is None]
    if missing:
        step = "pip install 'jupyter-modama[readers]'"
        yield Finding("readers", WARNING, f"RosettaSciIO {version} is there, but not {', '.join(missing)}", step)
    else:
        yield Finding("readers", OK, f"RosettaSciIO {version}")


def check_libertem() -> Iterator[Finding]:
    """Whether LiberTEM has its environment, and the way to it is there."""
    from jupyter_modama.libertem import environment

    try:
        environment.find()
    except ModamaError as error:
        yield Finding("LiberTEM", WARNING, str(error))
    else:
        yield Finding("LiberTEM", OK, f"LiberTEM {environment.LIBERTEM} in {environment.folder()}")
    if find_spec("jupyter_server_proxy") is None:
        yield Finding("LiberTEM", WARNING, "jupyter-server-proxy is missing", "pip install 'jupyter-modama[libertem]'")


def check_server_extension() -> Iterator[Finding]:
    """Whether Jupyter starts our part."""
    if find_spec("jupyter_server") is None:
        yield Finding("server extension", NOTE, "Jupyter is not installed here; the command line works without it")
        return
    from jupyter_core.paths import jupyter_config_path

    switches = [
        found for folder in jupyter_config_path() if (found := _switch(Path(folder) / SERVER_CONFIG)) is not None
    ]
    if False in switches:
        step = "jupyter server extension enable jupyter_modama"
        yield Finding("server extension", WARNING, "it is switched off", step)
    elif not switches:
        step = "install jupyter-modama again, or `jupyter server extension enable jupyter_modama`"
        yield Finding("server extension", WARNING, "Jupyter does not know of it", step)
    else:
        yield Finding("server extension", OK, "Jupyter starts it")


def _switch(file: Path) -> bool | None:
    """Whether a settings file switches the extension on; None where it does not say."""
    try:
        found = json.loads(file.read_text("utf-8"))["ServerApp"]["jpserver_extensions"]["jupyter_modama"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return bool(found)


def check_sidebar() -> Iterator[Finding]:
    """Whether the sidebar is installed and of the same version as this."""
    if find_spec("jupyterlab") is None:
        yield Finding("sidebar", NOTE, "JupyterLab is not installed here")
        return
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("labextensions"):
        package = Path(folder) / LABEXTENSION / "package.json"
        try:
            version = str(json.loads(package.read_text("utf-8"))["version"])
        except (OSError, ValueError, KeyError):
            continue
        yield _versions(version)
        return
    yield Finding(
        "sidebar", WARNING, "the sidebar is not installed", "install jupyter-modama from its wheel, or `make setup`"
    )


def _versions(sidebar: str) -> Finding:
    own = jupyter_modama.__version__
    if _release(sidebar) != _release(own):
        step = "install one version of jupyter-modama, and load the page again"
        return Finding("sidebar", WARNING, f"the sidebar is version {sidebar}, and this is {own}", step)
    return Finding("sidebar", OK, f"version {sidebar}, as this")


def _release(version: str) -> tuple[str, ...]:
    """What has to agree: PyPI and npm write versions before a release differently."""
    return tuple("".join(c if c.isdigit() else " " for c in version).split())


def check_ssh() -> Iterator[Finding]:
    """Whether the ssh here knows the cipher that the commands for transfer name, where the site has such a service."""
    from jupyter_modama.core.places import CIPHER
    from jupyter_modama.site import load_site

    site = load_site()
    if site is None or "ssh" not in site.services:
        return
    try:
        told = subprocess.run(["ssh", "-Q", "cipher"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        yield Finding("ssh", NOTE, "ssh is not installed here, so the commands for transfer were not looked at")
        return
    if CIPHER in told.split():
        yield Finding("ssh", OK, f"ssh knows {CIPHER}")
    else:
        yield Finding("ssh", WARNING, f"this ssh does not know the cipher {CIPHER}", "leave `-c` out of the commands")


def check_mounts() -> Iterator[Finding]:
    """Whether this server has all mounts that it should have."""
    from jupyter_modama.mounts import VARIABLE, read_report

    try:
        report = read_report()
    except (OSError, ValueError) as error:
        step = "stop this server and start it again; if that does not help, please tell your administrator"
        yield Finding("mounts", WARNING, f"what {VARIABLE} names cannot be read: {error}", step)
        return
    if report is None:
        return
    for one in report.skipped:
        step = "stop this server and start it again; if that does not help, please tell your administrator"
        yield Finding("mounts", WARNING, f"{one.what} is not mounted: {one.why}", step)
    if not report.skipped:
        kind = {"acl": "the whole tree", "live": "your projects, as they change"}.get(report.mode, "your projects")
        yield Finding("mounts", OK, f"{kind} at {report.target}")


def check_service() -> Iterator[Finding]:
    """Whether the service of a managed tree is there, and takes this person's token."""
    from jupyter_modama.core.errors import ManagedTree
    from jupyter_modama.core.model import Via
    from jupyter_modama.site import load_site
    from jupyter_modama.tokens import client_of

    site = load_site()
    if site is None or not site.managed_by:
        return
    try:
        client = client_of(site, Via.CLI)
        told = client.status()
    except ManagedTree as error:
        yield Finding("service", NOTE, f"{error}", "modama login")
    except ModamaError as error:
        yield Finding("service", WARNING, str(error), "what reads works meanwhile; `modama whoami` tries again")
    else:
        who = told.person.login if told.person else "somebody"
        if told.keeper == "away":
            step = "on the machine of the data: systemctl status modama-keeper"
            yield Finding("service", WARNING, f"{client.address} is there, but its keeper is not", step)
        else:
            yield Finding("service", OK, f"{client.address} knows you as {who}")


def check_python() -> Iterator[Finding]:
    """Which versions run here."""
    yield Finding("versions", OK, f"jupyter-modama {jupyter_modama.__version__}, Python {sys.version.split()[0]}")


ALL: tuple[Check, ...] = (
    ("versions", check_python),
    ("site", check_site),
    ("readers", check_readers),
    ("LiberTEM", check_libertem),
    ("server extension", check_server_extension),
    ("sidebar", check_sidebar),
    ("ssh", check_ssh),
    ("service", check_service),
    ("mounts", check_mounts),
)
