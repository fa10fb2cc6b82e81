"""Projects: people with shared data."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, Project, ProjectPage, Visibility
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class ListProjects:
    area: str = ""
    search: str = ""
    sort: str = "-modified"
    limit: int = 200
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class ShowProject:
    project: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class CreateProject:
    name: str
    area: str = ""
    title: str = ""
    description: str = ""
    visibility: Visibility = Visibility.PRIVATE


@dataclass(frozen=True, slots=True)
class UpdateProject:
    """Fields left out (None) stay as they are; an empty text clears one."""

    project: str
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
class RenameProject:
    project: str
    name: str
    path_b64: str = ""


def list_projects(store: Store, actor: Actor, wanted: ListProjects) -> ProjectPage:
    """List the projects that one can see."""
    raise NotImplementedError


def show_project(store: Store, actor: Actor, wanted: ShowProject) -> Project:
    """Show one project: owners, members, size, what it is about."""
    raise NotImplementedError


def create_project(store: Store, actor: Actor, wanted: CreateProject) -> Project:
    """Create a project."""
    raise NotImplementedError


def update_project(store: Store, actor: Actor, wanted: UpdateProject) -> Project:
    """Change what a project says about itself."""
    raise NotImplementedError


def rename_project(store: Store, actor: Actor, wanted: RenameProject) -> Project:
    """Give a project another name."""
    raise NotImplementedError
