"""A notebook in a managed tree: what changes needs the service, what reads does not; permalinks lead to things."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import jupyter_modama as modama
from jupyter_modama.core.errors import Invalid, ManagedTree, NotFound, Unreachable
from jupyter_modama.notebook.things import Session

BASE = "http://127.0.0.1:1/services/modama"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a managed tree is one that root has marked")


@pytest.fixture
def managed(session: Session, root: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The session, found again after root has said that a service has the tree; it does not run."""
    for name in ("MODAMA_TOKEN", "JUPYTERHUB_API_TOKEN", "MODAMA_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    (root / ".modama").mkdir(exist_ok=True)
    (root / ".modama/site.json").write_text(json.dumps({"service": BASE}))
    return modama.session(session.path.rsplit("/", 1)[0], session.name)


@needs_root
def test_reading_needs_no_service_and_a_change_says_how(managed: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are listed and explained; sealing says how one signs in, and with a token that nobody answers."""
    assert len(managed.files()) == 4
    assert managed.explain()
    with pytest.raises(ManagedTree, match="modama login"):
        managed.seal()
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "t")
    with pytest.raises(Unreachable, match="does not answer"):
        managed.seal()
    assert managed.refresh().state == "writable"


@needs_root
def test_a_permalink_leads_to_the_session_the_project_and_the_file(managed: Session) -> None:
    """Made by `links`, taken wherever a path is; one of another site is refused."""
    links = {link.name: str(link) for link in managed.links()}
    link = links["Permalink"]
    assert link == f"{BASE}/at/{managed.facts.uuid}"
    assert modama.session(link).path == managed.path
    assert modama.project(link).path == managed.path.rsplit("/", 1)[0]
    frame = str(managed.files("frame-10*")[0].links()["Permalink"])
    assert modama.session(frame).path == managed.path
    with pytest.raises(NotFound, match="permalink"):
        modama.session(f"{BASE}/at/12345678-1234-1234-1234-1234567890ab")
    with pytest.raises(Invalid, match="no address of data"):
        modama.load("https://example.org/at/x")
    with pytest.raises(Invalid, match="in no session"):
        modama.session(f"{BASE}/path/adhoc")
