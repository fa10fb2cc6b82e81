"""Sessions: folders in a project with a `raw`, mostly one sitting at a microscope."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, Removed, Session, SessionPage
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ListSessions:
    project: str
    search: str = ""
    sort: str = "-name"
    limit: int = 200
    cursor: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class ShowSession:
    project: str
    session: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class CreateSession:
    """An empty name, or one that ends in `-`, is completed to one that is free."""

    project: str
    name: str = ""
    title: str = ""
    description: str = ""
    instrument: str = ""
    operator: str = ""
    sample: str = ""
    technique: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """Fields left out (None) stay as they are; an empty text clears one."""

    project: str
    session: str
    title: str | None = None
    description: str | None = None
    instrument: str | None = None
    operator: str | None = None
    sample: str | None = None
    technique: str | None = None
    proposal: str | None = None
    licence: str | None = None
    embargo: str | None = None
    retain_until: str | None = None
    proprietary: str | None = None
    related: str | None = None
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class RenameSession:
    project: str
    session: str
    name: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class RemoveSession:
    project: str
    session: str
    path_b64: str = ""


def list_sessions(store: Store, actor: Actor, wanted: ListSessions) -> SessionPage:
    """List the sessions of a project with their states."""
    raise NotImplementedError


def show_session(store: Store, actor: Actor, wanted: ShowSession) -> Session:
    """Show one session: its state, its seal, and a summary of what lies in raw."""
    raise NotImplementedError


def create_session(store: Store, actor: Actor, wanted: CreateSession) -> Session:
    """Create a session with its raw folder, the folder for results and a page of notes."""
    raise NotImplementedError


def update_session(store: Store, actor: Actor, wanted: UpdateSession) -> Session:
    """Change what a session says about itself; possible after the seal, too."""
    raise NotImplementedError


def rename_session(store: Store, actor: Actor, wanted: RenameSession) -> Session:
    """Give a session another name."""
    raise NotImplementedError


def remove_session(store: Store, actor: Actor, wanted: RemoveSession) -> Removed:
    """Remove a session that holds no files."""
    raise NotImplementedError
