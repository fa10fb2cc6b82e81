"""What goes over the wire for uploads and downloads, and how `openapi.json` describes these routes."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class WantedUpload:
    """A file that is to come into the folder `path`; `name` may hold folders. Their bytes, and when it was changed."""

    path: str = ""
    path_b64: str = ""
    name: str
    size_bytes: int
    modified_ms: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class UploadPiece(WantedUpload):
    """Where in the file a piece begins; the piece is the body."""

    offset: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishUpload(WantedUpload):
    """The SHA-256 of what was sent, in hexadecimal digits."""

    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CancelUpload(WantedUpload):
    """The file of which nothing is to stay."""


@dataclasses.dataclass(frozen=True)
class UploadAt:
    """How much of the file is here."""

    offset: int


@dataclasses.dataclass(frozen=True)
class UploadChecked:
    """How many bytes were compared; when `done`, the file has its name."""

    checked: int
    done: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class MakeFolder:
    path: str = ""
    path_b64: str = ""
    name: str


@dataclasses.dataclass(frozen=True)
class MadeFolder:
    path: str
    path_b64: str = ""


@dataclasses.dataclass(frozen=True)
class Chosen:
    path: str = ""
    path_b64: str = ""


@dataclasses.dataclass(frozen=True)
class PrepareDownload:
    paths: list[Chosen]


@dataclasses.dataclass(frozen=True)
class PreparedDownload:
    """How much a download holds; where `complete` is not so, it is at least that much.

    `rsync` fetches what the list `include` names, a line each; it is empty where the site names no computer for ssh.
    """

    ticket: str
    name: str
    files: int
    folders: int
    bytes: int
    complete: bool
    rsync: str
    include: str


POSTS = (
    ("upload.begin", "Begin to send a file, or go on with it.", WantedUpload, UploadAt),
    (
        "upload.finish",
        "Compare the checksum of a file that was sent, and give it its name.",
        FinishUpload,
        UploadChecked,
    ),
    ("upload.cancel", "Remove what has come of a file.", CancelUpload, UploadAt),
    ("folder.make", "Make an empty folder for files.", MakeFolder, MadeFolder),
    ("download.prepare", "Count a selection that is to be fetched.", PrepareDownload, PreparedDownload),
)
TYPES = (*dict.fromkeys(kind for _, _, *kinds in POSTS for kind in kinds), Chosen)


def parameters(kind: type) -> list[dict[str, Any]]:
    """The fields of a dataclass as arguments of an address."""
    return [
        {
            "name": f.name,
            "in": "query",
            "required": f.default is dataclasses.MISSING,
            "schema": {"type": "integer" if str(f.type) == "int" else "string"},
        }
        for f in dataclasses.fields(kind)
    ]
