"""What people are told by mail: the keeper, which has no network, leaves it, and the service sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jupyter_modama.core.model import Job, JobState
from jupyter_modama.core.ports import Store

SEALS = ("session.seal", "path.seal")
WORTH_A_MAIL = timedelta(minutes=1)  # whoever waited less was looking


def tell(store: Store, key: str, uid: int, kind: str, facts: dict[str, Any]) -> None:
    """Have somebody told something, each key once, where the tree has a keeper and the site a mail server.

    Raises: StorageError.
    """
    if store.keeps_tree and store.site.mail.server and store.site.mail.sender:
        store.notices.add(key, uid, kind, facts)


def tell_of_seal(store: Store, job: Job, uid: int) -> None:
    """Have the sealer told how a seal ended: where it took long, or failed, or does not go on.

    Raises: StorageError.
    """
    if job.op not in SEALS or not _is_news(job):
        return
    result = job.result or {}
    seal = result.get("seal") or result
    facts = {
        "project": job.project,
        "session": job.session,
        "path": str(job.wanted.get("path", "")),
        "path_b64": str(job.wanted.get("path_b64", "")),
        "state": job.state.value,
        "files": seal.get("files"),
        "size_bytes": seal.get("bytes"),
        "detail": str((job.problem or {}).get("detail", "")),
    }
    tell(store, f"seal {job.id}", uid, "seal", facts)


def _is_news(job: Job) -> bool:
    if job.state in {JobState.FAILED, JobState.INTERRUPTED}:
        return True
    took = job.ended - job.started if job.ended and job.started else timedelta()
    return job.state is JobState.DONE and took > WORTH_A_MAIL
