"""Sealing a session, and proving later that nothing changed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum

from jupyter_modama.core.model import Actor, Progress, SealSurvey, Session, VerifyReport
from jupyter_modama.core.ports import Store


class Writers(StrEnum):
    """What to do about files that programs still hold open for writing."""

    REFUSE = "refuse"
    WAIT = "wait"
    QUIET = "quiet"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class SurveySession:
    project: str
    session: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class SealSession:
    project: str
    session: str
    note: str = ""
    writers: Writers = Writers.REFUSE
    wait_s: int = 600
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class UndoSeal:
    project: str
    session: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class UnsealSession:
    project: str
    session: str
    reason: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class VerifySession:
    project: str
    session: str
    folder: str = ""
    folder_b64: str = ""
    path_b64: str = ""


def survey_session(store: Store, actor: Actor, wanted: SurveySession) -> SealSurvey:
    """Find out what a seal would do, without changing anything."""
    raise NotImplementedError


def check_seal(store: Store, actor: Actor, wanted: SealSession) -> None: ...


def seal_session(store: Store, actor: Actor, wanted: SealSession) -> Generator[Progress, None, Session]:
    """Make the raw files of a session immutable and record their checksums."""
    raise NotImplementedError
    yield


def check_undo(store: Store, actor: Actor, wanted: UndoSeal) -> None: ...


def undo_seal(store: Store, actor: Actor, wanted: UndoSeal) -> Generator[Progress, None, Session]:
    """Take back a seal that one made by mistake, within the time that the site allows."""
    raise NotImplementedError
    yield


def check_unseal(store: Store, actor: Actor, wanted: UnsealSession) -> None: ...


def unseal_session(store: Store, actor: Actor, wanted: UnsealSession) -> Generator[Progress, None, Session]:
    """Make the raw files of a sealed session changeable again; the manifest is kept."""
    raise NotImplementedError
    yield


def check_verify(store: Store, actor: Actor, wanted: VerifySession) -> None: ...


def verify_session(store: Store, actor: Actor, wanted: VerifySession) -> Generator[Progress, None, VerifyReport]:
    """Hash the raw files again and name each one that is missing, changed or new."""
    raise NotImplementedError
    yield
