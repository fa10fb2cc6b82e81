"""Settings of a JupyterHub, made from one site file:

from hub_config import configure

configure(c)          # MODAMA_SITE, else /etc/modama/site.toml
c.Spawner.mem_limit = "16G"  # what comes afterwards wins
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_modama.core.model import Site


def configure(c: Any, site_file: str | PathLike[str] | None = None) -> Site:
    """Set up a hub as the site file describes it; answers the site.

    Raises: Invalid, naming file, table and key.
    """
    from hub_config.config import configured

    return configured(c, site_file)
