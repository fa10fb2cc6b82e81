"""What is published: one wheel with the sidebar in it, and an sdist that installs where there is no Node.js."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ("jupyter_modama/_lab", "jupyter_modama/_page")
LAB = "share/jupyter/labextensions/@modama/labextension"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist of what is committed, made in a copy, with the sidebar as it was built."""
    if not (ROOT / BUILT[0] / "static/style.js").exists():
        pytest.skip("the sidebar is not built; `make setup` builds it")
    copy = tmp_path_factory.mktemp("source") / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    for name in BUILT:
        # An editable install leaves install.json there, by way of the link in the environment.
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("install.json"))
    subprocess.run([sys.executable, "-m", "build", "--no-isolation"], cwd=copy, check=True, capture_output=True)
    return copy / "dist"


def test_wheel_holds_sidebar_page_and_server_part_once(dist: Path) -> None:
    """Each built file is in one place, for use and not for debugging."""
    names = zipfile.ZipFile(next(dist.glob("*.whl"))).namelist()
    data = [name.split(".data/data/")[1] for name in names if ".data/data/" in name]
    assert f"{LAB}/package.json" in data
    assert f"{LAB}/install.json" in data
    assert "etc/jupyter/jupyter_server_config.d/jupyter_modama.json" in data
    assert "share/jupyter-modama/examples/systemd/modama-hub.service" in data
    assert "jupyter_modama/_page/page.js" in names
    assert "jupyter_modama/locale/de_DE/LC_MESSAGES/jupyter_modama.json" in names
    assert "jupyter_modama/libertem/libertem.svg" in names
    assert not [name for name in names if name.startswith("jupyter_modama/_lab") or name.endswith(".map")]
    assert not [name for name in names if "node_modules" in name or name.startswith("tests")]


def test_plain_install_is_small(dist: Path) -> None:
    """Without extras only the server and msgspec come along."""
    wheel = zipfile.ZipFile(next(dist.glob("*.whl")))
    metadata = wheel.read(next(n for n in wheel.namelist() if n.endswith("METADATA"))).decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert {line.split()[1].split("<")[0].split(">")[0].rstrip() for line in needed} == {"jupyter-server", "msgspec"}


def test_sdist_leaves_out_what_only_developers_need(dist: Path) -> None:
    """No packages of others, no pictures."""
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = sdist.getnames()
    assert any(name.endswith("jupyter_modama/_lab/package.json") for name in names)
    assert any(name.endswith("labextension/src/index.ts") for name in names)
    assert not [name for name in names if "node_modules" in name or "docs/pictures" in name]


def test_sdist_installs_without_node(dist: Path, tmp_path: Path) -> None:
    """Who has pip and no Node.js gets the sidebar, the server's half and an import that works."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    path = str(tmp_path / "venv/bin")
    assert shutil.which("node", path=path) is None
    pip = [f"{path}/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    from_environment = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "HOME"))}
    done = subprocess.run(
        [*pip, str(next(dist.glob("*.tar.gz")))],
        env={**from_environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    installed = json.loads((tmp_path / "venv" / LAB / "package.json").read_text())
    said = subprocess.run(
        [f"{path}/python", "-c", "import jupyter_modama; print(jupyter_modama.__version__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert said.stdout.strip() == installed["version"]
    assert (tmp_path / "venv/etc/jupyter/jupyter_server_config.d/jupyter_modama.json").exists()
