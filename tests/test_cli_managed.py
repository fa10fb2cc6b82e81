"""The command line in a managed tree: signing in, changes at the service, reading here, and a tree that is not here."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama import tokens
from jupyter_modama.core.errors import Invalid, ManagedTree, NotAllowed
from jupyter_modama.core.model import Site, Via
from jupyter_modama.testing import trees
from jupyter_modama.testing.serving import TOKEN, Served, served

pytestmark = pytest.mark.skipif("os.geteuid() != 0", reason="a managed tree is one that root has marked")
HERE = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "jupyter_modama.cli"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Served]]:
    """A tree that a server manages: it began before root said so, and stands in for the service."""
    folder = tmp_path_factory.mktemp("managed")
    root = folder / "storage"
    root.mkdir()
    with served(root, folder / "service") as server:
        (root / ".modama").mkdir(exist_ok=True)
        (root / ".modama/site.json").write_text(json.dumps({"service": server.modama}))
        yield root, server
    trees.clear(root)


@pytest.fixture
def root(place: tuple[Path, Served]) -> Path:
    return place[0]


@pytest.fixture
def address(place: tuple[Path, Served]) -> str:
    return place[1].modama


@pytest.fixture
def session(root: Path, request: pytest.FixtureRequest) -> Path:
    """A session of the test's own."""
    return trees.make_session(root, project=f"adhoc/{request.node.name[:60].strip('[]')}")


@pytest.fixture(autouse=True)
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODAMA_ROOT", str(root))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    for name in ("MODAMA_TOKEN", "JUPYTERHUB_API_TOKEN", "MODAMA_SERVICE"):
        monkeypatch.delenv(name, raising=False)


Modama = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def modama() -> Modama:
    """Runs one command."""

    def run(*words: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **environ},
        )

    return run


# Signing in ----------------------------------------------------------------------------------------------------------


def test_without_signing_in_reading_works_and_a_change_says_how(modama: Modama, session: Path) -> None:
    """The sentence names `modama login`, and nothing is changed."""
    assert session.parent.name in modama("project", "list").stdout
    refused = modama("session", "create", f"adhoc/{session.parent.name}", "--name", "x")
    assert refused.returncode == 3
    assert "`modama login`" in refused.stderr
    assert not (session.parent / "x").exists()


def test_login_keeps_a_token_that_counts_for_the_person_alone(modama: Modama, address: str, session: Path) -> None:
    """It is checked, kept with mode 0600, used, and forgotten again; it is shown nowhere."""
    done = modama("login", given=f"{TOKEN}\n")
    assert (done.returncode, done.stdout) == (0, f"Signed in to {address} as root.\n")
    assert f"{address.rsplit('/', 1)[0]}/modama/hub/token" in done.stderr or "/hub/token" in done.stderr
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "modama/tokens.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"to {address}: root (uid 0)" in modama("whoami").stdout
    assert modama("session", "create", f"adhoc/{session.parent.name}", "--name", "x").returncode == 0
    assert (session.parent / "x/raw").is_dir()
    out = modama("logout")
    assert "revoke it" in out.stdout
    assert "nobody; sign in" in modama("whoami").stdout
    assert TOKEN not in done.stdout + done.stderr + out.stdout + file.read_text()


def test_a_token_that_does_not_count_is_not_kept(modama: Modama) -> None:
    """Wrong, empty, and no token at all."""
    assert modama("login", given="wrong\n").returncode == 3
    assert modama("login", given="\n").returncode == 2
    assert modama("login", given="").returncode == 2
    assert modama("login", given="two words\n").returncode == 2
    assert not (Path(os.environ["XDG_CONFIG_HOME"]) / "modama/tokens.json").exists()


def test_a_token_as_an_argument_is_refused_and_not_repeated(modama: Modama) -> None:
    """It stands in the history of the shell then, which is said."""
    done = modama("login", "5ecret0fmine")
    assert done.returncode == 2
    assert "history" in done.stderr
    assert "5ecret0fmine" not in done.stderr


def test_login_does_not_show_what_is_typed(address: str) -> None:
    """On a terminal the token is asked for without an echo."""
    child, end = pty.fork()
    if child == 0:
        os.execve(sys.executable, [*COMMAND, "login"], dict(os.environ))  # noqa: S606
    heard = b""
    until = time.monotonic() + 60
    while b"Token: " not in heard and time.monotonic() < until:
        heard += os.read(end, 1024)
    time.sleep(0.3)
    os.write(end, f"{TOKEN}\n".encode())
    while True:
        try:
            more = os.read(end, 1024)
        except OSError:
            break
        if not more:
            break
        heard += more
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, heard
    os.close(end)
    assert TOKEN.encode() not in heard
    assert b"Signed in" in heard


def test_a_file_of_tokens_that_others_can_read_is_not_used() -> None:
    """Who could read it has the token already: it is to be revoked."""
    tokens.remember("http://127.0.0.1:1/x", "t")
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "modama/tokens.json"
    file.chmod(0o640)
    with pytest.raises(NotAllowed, match="revoke"):
        tokens.token_for("http://127.0.0.1:1/x")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tokens": 3}', '{"tokens": {"a": null}, "last": 7}'])
def test_a_damaged_file_of_tokens_is_nobody_signed_in(text: str) -> None:
    """And signing in makes it anew."""
    tokens.remember("http://127.0.0.1:1/x", "t")
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "modama/tokens.json"
    file.write_text(text)
    assert tokens.token_for("http://127.0.0.1:1/x") == ""
    tokens.remember("http://127.0.0.1:1/x", "new")
    assert tokens.token_for("http://127.0.0.1:1/x") == "new"


def test_which_token_and_which_service_count() -> None:
    """The token of the environment before that of the server, before the one that is kept; root says whose it is."""
    site = Site(root="/x", managed_by="https://hub.example.org/services/modama")
    with pytest.raises(ManagedTree):
        tokens.client_of(site, Via.CLI, {})
    kept = {"XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
    tokens.remember(site.managed_by, "kept", kept)
    of = [kept, {**kept, "JUPYTERHUB_API_TOKEN": "server"}]
    of.append({**of[1], "MODAMA_TOKEN": "named"})
    clients = [tokens.client_of(site, Via.CLI, environ) for environ in of]
    assert [client.exchange.token for client in clients] == ["kept", "server", "named"]
    assert {client.address for client in clients} == {site.managed_by}
    inside = {**kept, "MODAMA_SERVICE": "http://10.0.0.1:8765/services/modama/"}
    assert tokens.service_of(site, inside) == "http://10.0.0.1:8765/services/modama"
    assert tokens.service_of(Site(root="/x"), inside) == ""
    with pytest.raises(Invalid):
        tokens.service_of(site, {"MODAMA_SERVICE": "no address"})
    assert tokens.token_page("https://h.org/jhub/services/modama") == "https://h.org/jhub/hub/token"


# Doing ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODAMA_TOKEN", TOKEN)


def words_of(session: Path) -> tuple[str, str]:
    return f"adhoc/{session.parent.name}", session.name


def test_long_work_at_the_service_shows_how_far_it_is(modama: Modama, session: Path, signed_in: None) -> None:
    """A seal is done there; verifying here; both jobs are listed; the exit code is that of the error."""
    sealed = modama("session", "seal", *words_of(session))
    assert sealed.returncode == 0, sealed.stderr
    assert sealed.stderr
    assert not trees.checked(session).stdout
    assert modama("session", "verify", *words_of(session)).returncode == 0
    listed = json.loads(modama("job", "list", "--json").stdout)["items"]
    assert [job["op"] for job in listed[:2]] == ["session.verify", "session.seal"]
    again = modama("session", "seal", *words_of(session), "--json")
    assert again.returncode == 5
    assert json.loads(again.stdout)["type"] == "urn:modama:already-sealed"
    assert modama("job", "show", listed[1]["id"]).returncode == 0
    assert modama("job", "show", "nothing-of-that-name").returncode == 4


def test_ctrl_c_cancels_at_the_service(session: Path, signed_in: None) -> None:
    """The first one asks the job there to stop, and the command says how that ended."""
    with (session / "raw/a.dat").open("ab"):
        words = [*COMMAND, "session", "seal", *words_of(session), "--writers", "wait", "--wait-s", "600"]
        command = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert command.stderr is not None
        assert command.stderr.readline()  # it waits there by now
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=120)
    assert command.returncode == 7, said
    assert "cancelled" in said
    assert "Stopping at the next safe step" in said


def test_a_tree_that_is_not_here_is_asked_for_at_the_service(
    modama: Modama, session: Path, signed_in: None, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a laptop: everything is done there, by the address that one signed in to; a path of the disk means nothing."""
    project, name = words_of(session)
    link = json.loads(modama("entry", "show", f"{project}/{name}/raw", "--json").stdout)["permalink"]
    monkeypatch.setenv("MODAMA_ROOT", "/nowhere/at/all")
    assert modama("project", "list").returncode == 10
    assert modama("login", address, given=f"{TOKEN}\n").returncode == 0
    assert project in modama("project", "list").stdout
    listed = json.loads(modama("folder", "list", f"{project}/{name}/raw", "--json").stdout)
    assert {item["name"] for item in listed["items"]} == {"a.dat", "deep"}
    assert json.loads(modama("folder", "list", link, "--json").stdout)["path"] == f"{project}/{name}/raw"
    refused = modama("folder", "list", "/storage/adhoc")
    assert refused.returncode == 2
    assert "begin at its root" in refused.stderr


def test_a_permalink_is_taken_for_a_path(modama: Modama, session: Path, signed_in: None, root: Path) -> None:
    """Also after what it leads to was renamed, for what is read here and what is changed there."""
    project = json.loads(modama("project", "create", "linked", "--json").stdout)
    made = json.loads(modama("session", "create", "adhoc/linked", "--name", "s", "--json").stdout)
    link = json.loads(modama("entry", "show", made["raw"], "--json").stdout)["permalink"]
    assert made["uuid"] in link
    assert modama("project", "rename", link, "renamed").returncode == 0
    shown = json.loads(modama("folder", "list", link, "--json").stdout)
    assert shown["path"] == "adhoc/renamed/s/raw"
    gone = modama("folder", "list", link.replace(made["uuid"], project["uuid"][::-1].replace("-", "0")[:36]))
    assert gone.returncode == 2


def test_a_service_that_is_away_is_said(modama: Modama, session: Path, root: Path, signed_in: None) -> None:
    """Reading works; a change has the exit code of what does not answer."""
    environ: dict[str, Any] = {"MODAMA_SERVICE": "http://127.0.0.1:1/services/modama"}
    done = modama("project", "create", "never", **environ)
    assert done.returncode == 11
    assert "does not answer" in done.stderr
    assert modama("project", "list", **environ).returncode == 0
    assert not (root / "adhoc/never").exists()
