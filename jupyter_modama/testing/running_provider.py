"""A real OpenID provider on the loopback interface, with a login form and people of one's own."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
PACKAGE = "node_modules/oidc-provider/lib/index.js"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Client:
    """A program that signs people in there."""

    id: str
    callbacks: Sequence[str]
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


@dataclass(frozen=True)
class SomebodyThere:
    """Somebody whom the provider knows, and what it says of them."""

    password: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunningProvider:
    issuer: str
    clients: Mapping[str, Client]
    people: Mapping[str, SomebodyThere]


def modules() -> Path | None:
    """The folder with the package oidc-provider, where `make setup` has put it."""
    named = os.environ.get("MODAMA_HUB_TOOLS", "")
    above = [Path(place).parent / "hub" for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    return next((place for place in [Path(named), *above] if (place / PACKAGE).exists()), None)


def why_not() -> str:
    """Why there can be no provider here; empty where there can."""
    if shutil.which("node") is None:
        return "there is no Node.js; `make setup` gets one"
    return "" if modules() else "the npm package oidc-provider is not there; `make setup` gets it"


@contextmanager
def running_provider(
    folder: Path, port: int, clients: Sequence[Client], people: Mapping[str, SomebodyThere]
) -> Iterator[RunningProvider]:
    """A provider that listens on 127.0.0.1, ended with the block; its log is `provider.log` in the folder."""
    where = modules()
    if where is None:
        raise RuntimeError(why_not())
    settings = folder / "provider.json"
    settings.touch(mode=0o600)
    rows = [{"id": one.id, "secret": one.secret, "callbacks": list(one.callbacks)} for one in clients]
    known = {login: {"password": one.password, "claims": dict(one.claims)} for login, one in people.items()}
    settings.write_text(json.dumps({"port": port, "clients": rows, "people": known}), "utf-8")
    with (folder / "provider.log").open("ab") as log:
        process = subprocess.Popen(
            ["node", str(SCRIPT), str(where), str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for whoever started it
        )
    try:
        _wait_for(process, folder / "provider.log")
        yield RunningProvider(f"http://127.0.0.1:{port}", {one.id: one for one in clients}, people)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
    if not ready or b"ready" not in os.read(process.stdout.fileno(), 4096):
        raise RuntimeError(f"the provider did not start:\n{log.read_text(errors='replace')[-4000:]}")
