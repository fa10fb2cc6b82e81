"""What a token may be used for: coarse capabilities as custom scopes of the hub. Standard library only.

A capability opens a kind of change to a token, and nothing more: whether the person may do it to this project is for
the tree to say. Reading needs no capability beyond reaching the service.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICE = "modama"  # the service's name at the hub
ACCESS = f"access:services!service={SERVICE}"


@dataclass(frozen=True, slots=True)
class Capability:
    """A custom scope of the hub, with the operations that it opens."""

    scope: str
    says: str
    operations: tuple[str, ...]


CAPABILITIES = (
    Capability("custom:modama:project:create", "Create MODAMA projects", ("project.create",)),
    Capability(
        "custom:modama:project:manage",
        "Change members, visibility, name and rights of MODAMA projects that are one's own",
        (
            "project.update",
            "project.rename",
            "project.set_members",
            "project.set_visibility",
            "project.transfer",
            "project.invite",
            "project.uninvite",
            "invitation.accept",
            "project.adopt",
            "project.repair",
        ),
    ),
    Capability(
        "custom:modama:session:write",
        "Create and change MODAMA sessions",
        (
            "session.create",
            "session.make",
            "session.update",
            "session.rename",
            "session.remove",
            "entry.move",
            "entry.rename",
            "entry.remove",
        ),
    ),
    Capability(
        "custom:modama:session:seal",
        "Seal MODAMA sessions",
        ("session.seal", "session.undo_seal", "session.request_unseal"),
    ),
    Capability(
        "custom:modama:site:administer",
        "Do what administrators of the MODAMA site may do",
        (
            "session.unseal",
            "session.decline_unseal",
            "path.seal",
            "path.unseal",
            "person.forget",
            "site.nightly",
            "site.count",
        ),
    ),
)
OPENED_BY = {name: row.scope for row in CAPABILITIES for name in row.operations}
# What changes something and needs no capability: it stops what one has begun oneself, or mails to oneself.
FREE = ("job.cancel", "person.set_mails")


def custom_scopes() -> dict[str, dict[str, str]]:
    """The value of `c.JupyterHub.custom_scopes`."""
    return {row.scope: {"description": row.says} for row in CAPABILITIES}


def user_scopes() -> list[str]:
    """What people, and the tokens of their servers, are to have so that they can use the service for everything."""
    return [ACCESS, *(row.scope for row in CAPABILITIES)]
