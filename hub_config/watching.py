"""The hub looks after its services every few seconds.

JupyterHub looks whether a service still runs as often as it looks after people's servers, each half minute, and has no
setting for that: all that changes data would be away for so long after a crash.
"""

from __future__ import annotations

EVERY_S = 2


def look_after_services(every_s: int = EVERY_S) -> None:
    """Have services that ended begun again soon; an ended one is all that is looked for, which costs nothing."""
    from jupyterhub.services import service
    from traitlets import Integer

    base = getattr(service, "_ServiceSpawner", None)
    if base is not None and base.poll_interval.default_value != every_s:
        service._ServiceSpawner = type(base.__name__, (base,), {"poll_interval": Integer(every_s)})
