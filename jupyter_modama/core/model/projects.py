"""Projects and who belongs to them."""

from __future__ import annotations

from dataclasses import field
from datetime import date, datetime
from enum import StrEnum

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model.people import Person


class Visibility(StrEnum):
    PRIVATE = "private"
    OPEN = "open"


@frozen
class Member:
    person: Person
    role: str
    until: date | None = None  # the last day


@frozen
class Project:
    """People with shared data. `size_bytes` and `files` are as counted at `counted_at`, None before that."""

    path: str
    name: str
    area: str
    title: str = ""
    description: str = ""
    uuid: str = ""
    owners: tuple[Person, ...] = ()
    members: tuple[Member, ...] = ()
    members_version: str = ""  # differs as soon as members, owners or visibility do
    members_from: str = ""  # a sentence, where members are not set here: who fills the group that is let in
    groups: tuple[str, ...] = ()  # groups that the folder lets in beside the members, a sentence each
    rules: tuple[str, ...] = ()  # what members may change and delete, a sentence each
    visibility: Visibility = Visibility.PRIVATE
    created: datetime | None = None
    modified: datetime | None = None
    size_bytes: int | None = None
    files: int | None = None
    counted_at: datetime | None = None
    free_bytes: int | None = None  # room where the project lies
    quota_bytes: int | None = None  # how much the project may hold at most, where its folder has a quota of its own
    quota_left_bytes: int | None = None  # what the quotas of who asks, and of the folder's group, leave
    backed_up: datetime | None = None  # the last backup of the site, where the site file says how to know
    sessions: int | None = None
    unsealed: int | None = None
    role: str = "reader"
    adopted: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    path_b64: str = ""
    warning: str = ""
    mismatches: tuple[str, ...] = ()  # what the last night has found wrong with seals, a sentence each


@frozen
class ProjectPage:
    items: tuple[Project, ...]
    total: int
    cursor: str = ""
