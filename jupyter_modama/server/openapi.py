"""`openapi.json`, made from the table of operations.

python -m jupyter_modama.server.openapi            prints it
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from functools import cache
from typing import Any

import msgspec

from jupyter_modama.core import errors, model
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation
from jupyter_modama.readers.model import CONTRASTS, PATHS, FrameFacts, FrameWish, PreviewFacts, PreviewWish
from jupyter_modama.server import transfer_types

PROBLEM = {"$ref": "#/components/schemas/Problem"}


@dataclasses.dataclass(frozen=True)
class Problem:
    """An error, as application/problem+json (RFC 9457); further fields hold its facts."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""


@dataclasses.dataclass(frozen=True)
class JobStarted:
    """The answer to the start of a long operation."""

    job: model.Job


@dataclasses.dataclass(frozen=True)
class ServiceStatus:
    """The service that makes the changes in a managed tree, and how it stands; `says` is a sentence about that."""

    address: str
    state: str  # here | away | other-version | refused | none
    says: str


@dataclasses.dataclass(frozen=True)
class Status:
    """What this server is, what it can do, and for whom."""

    version: str
    contract: str
    mode: str  # embedded | managed | no-tree
    site: str
    root: str
    contents_root: str | None  # the tree's root as a path of the Contents API; None where it lies outside
    person: model.Person | None
    areas: list[str]
    previews: bool
    frames: bool  # whether the numbers of frames can be asked for, not only pictures of them
    libertem: bool
    libertem_note: str
    problem: str
    suggested_root: str
    service: ServiceStatus
    missing: list[str]  # what should be mounted in this server and is not, a sentence each


@dataclasses.dataclass(frozen=True)
class OpenInLibertem:
    path: str = ""
    path_b64: str = ""
    parameters: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class OpenedInLibertem:
    """The address of the tab (below the server's base) in which the data set is, and what it is."""

    url: str
    uuid: str
    name: str
    shape: list[int]
    already: bool
    warning: str


@dataclasses.dataclass(frozen=True)
class MakeRoot:
    """Make a data tree in the person's home, for a server that has none yet."""


SERVER_TYPES = (
    Problem, JobStarted, Status, OpenInLibertem, OpenedInLibertem, MakeRoot, PreviewFacts, FrameFacts, model.Event,
)  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the server extension."""
    answers = [op.answer for op in OPERATIONS.values()]
    wanted = [op.wanted for op in OPERATIONS.values()]
    types = list(dict.fromkeys((*wanted, *answers, *SERVER_TYPES, *transfer_types.TYPES)))
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    refs = dict(zip(types, schemas, strict=True))
    paths = {f"/modama/api/{op.name}": _path(op, refs) for op in OPERATIONS.values()}
    paths |= _server_paths(refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter-modama",
            "version": "1",
            "description": "Operations on projects, sessions, folders and entries; made from the table of operations.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items()))},
        "x-errors": {code: cls.status for code, cls in sorted(errors.tree().items())},
    }


def _path(operation: Operation, refs: dict[Any, Any]) -> dict[str, Any]:
    long = operation.kind is Kind.LONG
    answer = refs[JobStarted] if long else refs[operation.answer]
    post = {
        "operationId": operation.name,
        "summary": operation.says,
        "x-kind": operation.kind.value,
        "x-role": operation.least.name.lower(),
        "requestBody": {"required": True, "content": {"application/json": {"schema": refs[operation.wanted]}}},
        "responses": _responses("202" if long else "200", answer),
    }
    if long:
        post["x-result"] = refs[operation.answer]
    if operation.kind is not Kind.READ:
        return {"post": post}
    parameters = [
        {"name": f.name, "in": "query", "required": _required(f), "schema": {"type": _simple(f)}}
        for f in dataclasses.fields(operation.wanted)
    ]
    get = {k: v for k, v in post.items() if k != "requestBody"} | {
        "operationId": f"{operation.name}.get",
        "parameters": parameters,
    }
    return {"post": post, "get": get}


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _simple(field: dataclasses.Field[Any]) -> str:
    return {"int": "integer", "bool": "boolean", "float": "number"}.get(str(field.type), "string")


def _responses(status: str, schema: Any) -> dict[str, Any]:
    return {
        status: {"description": "the answer", "content": {"application/json": {"schema": schema}}},
        "default": {"description": "an error", "content": {"application/problem+json": {"schema": PROBLEM}}},
    }


def _server_paths(refs: dict[Any, Any]) -> dict[str, Any]:
    def post(name: str, says: str, wanted: Any, answer: Any) -> dict[str, Any]:
        return {
            "post": {
                "operationId": name,
                "summary": says,
                "requestBody": {"required": True, "content": {"application/json": {"schema": refs[wanted]}}},
                "responses": _responses("200", refs[answer]),
            }
        }

    return {
        "/modama/api/status": _get("status", "What this server is and can do.", _json(refs[Status])),
        "/modama/api/openapi.json": _get("openapi", "This document.", _json({"type": "object"})),
        "/modama/api/preview": _get(
            "preview",
            "A picture of a file.",
            _picture(refs[PreviewFacts]),
            _parameters(PreviewWish),
            {"304": NOT_CHANGED},
        ),
        "/modama/api/frame": _get(
            "frame",
            "The numbers of a frame, or of a part of it.",
            _numbers(refs[FrameFacts]),
            _parameters(FrameWish),
            {"304": NOT_CHANGED},
        ),
        "/modama/api/events": _get("events", "News, as they come.", _stream(refs[model.Event]), [LAST_EVENT]),
        "/modama/api/libertem.open": post(
            "libertem.open", "Open a file in LiberTEM.", OpenInLibertem, OpenedInLibertem
        ),
        "/modama/api/root.make": post("root.make", "Make a data tree in the home folder.", MakeRoot, Status),
        **{f"/modama/api/{row[0]}": post(*row) for row in transfer_types.POSTS},
        "/modama/api/upload": _piece(refs[transfer_types.UploadAt]),
        "/modama/api/download.zip": _get("download.zip", "A selection, as a zip file.", ZIP, [TICKET]),
    }


NOT_CHANGED = {"description": "the picture is the one of the request's `If-None-Match`"}
LAST_EVENT = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "integer"},
    "description": "go on after this event, as far as events are kept",
}


TICKET = {"name": "ticket", "in": "query", "required": True, "schema": {"type": "string"}}
ZIP = {
    "description": "the zip file, made while it is sent; its last entry says what is not as it was",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
}


def _piece(answer: Any) -> dict[str, Any]:
    """The route that takes a piece of a file."""
    return {
        "put": {
            "operationId": "upload",
            "summary": "Append a piece to a file.",
            "parameters": transfer_types.parameters(transfer_types.UploadPiece),
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            "responses": _responses("200", answer),
        }
    }


def _get(
    name: str, says: str, answer: dict[str, Any], parameters: list[dict[str, Any]] | None = None, more: Any = None
) -> dict[str, Any]:
    """A route of the server's own that only reads."""
    responses = {"200": answer, **(more or {}), "default": _responses("200", None)["default"]}
    described = {"operationId": name, "summary": says, "responses": responses}
    return {"get": described | ({"parameters": parameters} if parameters else {})}


def _json(schema: Any) -> dict[str, Any]:
    return {"description": "the answer", "content": {"application/json": {"schema": schema}}}


def _picture(facts: Any) -> dict[str, Any]:
    return {
        "description": "the picture, with what it shows in a header",
        "headers": {
            "X-Modama-Preview": {"content": {"application/json": {"schema": facts}}},
            "ETag": {"schema": {"type": "string"}},
        },
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    }


def _numbers(facts: Any) -> dict[str, Any]:
    return {
        "description": "how long the facts are (4 bytes, little endian), the facts as JSON, filled up with spaces to "
        "a multiple of 8 bytes, then the numbers, little endian, row by row",
        "headers": {"ETag": {"schema": {"type": "string"}}},
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "x-facts": facts}},
    }


def _stream(event: Any) -> dict[str, Any]:
    return {
        "description": "events without end: `id`, `event` (its type) and `data` (it as JSON); comments in between",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "x-data": event}},
    }


def _parameters(wish: type[PreviewWish | FrameWish]) -> list[dict[str, Any]]:
    """The path and the fields of a wish, with what they are without one."""
    path = [{"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in PATHS]
    return path + [
        {
            "name": f.name,
            "in": "query",
            "required": False,
            "schema": {"type": _simple(f), "default": f.default}
            | ({"enum": list(CONTRASTS)} if f.name == "contrast" else {}),
        }
        for f in dataclasses.fields(wish)
    ]


def text() -> str:
    """The document as it is kept in the tree."""
    return json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


@cache
def contract() -> str:
    """A short name of this version of the interface; front end and server compare it."""
    return hashlib.sha256(text().encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.stdout.write(text())
