"""What a page says about its data to programs: schema.org as JSON-LD.

Source: https://schema.org (Dataset, MediaObject, Person, DataDownload).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Answer = Mapping[str, Any]
CONTEXT = "https://schema.org"
KEYWORDS = ("technique", "instrument", "sample")


def of_project(project: Answer, address: str, site: str) -> dict[str, Any]:
    """A project as a collection of data sets; `project` is the answer of project.show."""
    return _without_nothing(
        {
            **_head("Dataset", project, address, site),
            "creator": [_person(owner) for owner in project.get("owners", ())],
            **_size(project),
        }
    )


def of_session(session: Answer, project: Answer | None, address: str, site: str) -> dict[str, Any]:
    """A session as a data set; a sealed one says when it was fixed and where its checksums are."""
    seal: Answer = session.get("seal") or {}
    said: Answer = session.get("fields") or {}
    return _without_nothing(
        {
            **_head("Dataset", session, address, site),
            "creator": said.get("operator") and {"@type": "Person", "name": said["operator"]},
            "isPartOf": project and _without_nothing({"@type": "Dataset", "name": _title(project)}),
            "version": seal.get("at"),
            "creativeWorkStatus": session.get("state"),
            "sha256": seal.get("manifest_sha256"),
            **_size(session),
        }
    )


def of_entry(details: Answer, address: str, site: str) -> dict[str, Any]:
    """A file, or a folder that is neither project nor session; `details` is the answer of entry.show."""
    entry: Answer = details["entry"]
    is_file = entry.get("kind") == "file"
    size = entry.get("size_bytes")
    return _without_nothing(
        {
            "@context": CONTEXT,
            "@type": "MediaObject" if is_file else "Dataset",
            "@id": address,
            "url": address,
            "name": entry.get("name") or site,
            "dateCreated": details.get("created"),
            "dateModified": entry.get("modified"),
            "contentSize": f"{size} B" if is_file and size is not None else None,
            "sha256": details.get("sha256"),
            "isAccessibleForFree": False,
            "includedInDataCatalog": {"@type": "DataCatalog", "name": site},
        }
    )


def _head(kind: str, answer: Answer, address: str, site: str) -> dict[str, Any]:
    said: Answer = answer.get("fields") or {}
    return {
        "@context": CONTEXT,
        "@type": kind,
        "@id": address,
        "url": address,
        "identifier": answer.get("uuid"),
        "name": _title(answer),
        "description": answer.get("description"),
        "dateCreated": answer.get("created"),
        "dateModified": answer.get("modified"),
        "license": said.get("licence"),
        "keywords": [said[name] for name in KEYWORDS if said.get(name)],
        "isAccessibleForFree": False,
        "includedInDataCatalog": {"@type": "DataCatalog", "name": site},
    }


def _title(answer: Answer) -> str:
    return str(answer.get("title") or answer.get("name") or "")


def _person(owner: Answer) -> dict[str, Any]:
    return {"@type": "Person", "name": owner.get("display") or owner.get("login")}


def _size(answer: Answer) -> dict[str, Any]:
    size = answer.get("size_bytes")
    return {"contentSize": None if size is None else f"{size} B"}


def _without_nothing(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value not in (None, "", [], {})}


def in_a_page(described: Mapping[str, Any]) -> str:
    """The text of a script element: nothing in it ends that element, whatever a title holds."""
    text = json.dumps(described, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
