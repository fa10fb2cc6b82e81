"""How jupyter-server-proxy learns of LiberTEM.

In pyproject, under `[project.entry-points.jupyter_serverproxy_servers]`:
`modama-libertem = "jupyter_modama.libertem.proxy:proxy_entry"`.
The name of the entry point is the path: `<base>/modama-libertem/`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NAME = "modama-libertem"
SOCKET_PATH_LIMIT = 60  # of 107 bytes; the rest is for the names below the temporary folder


def proxy_entry() -> dict[str, Any]:
    """The server process: started on first use, one per Jupyter server, ends with it."""
    program = [sys.executable, "-P", "-m", "jupyter_modama.libertem.start"]
    escaped = [part.replace("{", "{{").replace("}", "}}") for part in program]
    return {
        "command": [*escaped, "--socket", "{unix_socket}", "--parent", str(os.getpid())],
        "unix_socket": _socket(),
        "timeout": 90,
        "new_browser_tab": True,
        # LiberTEM has no use for what opens the Jupyter server
        "request_headers_override": {"Authorization": "", "Cookie": "", "X-XSRFToken": ""},
        "launcher_entry": {
            "enabled": False,  # the sidebar has an entry of its own, which opens it inside Lab
            "title": "LiberTEM",
            "icon_path": str(Path(__file__).with_name("libertem.svg")),
            "path_info": f"{NAME}/",
            "category": "Other",
        },
    }


def _socket() -> bool | str:
    """True lets the proxy make a private folder; a long TMPDIR would exceed what a socket's path may have."""
    if len(os.fsencode(tempfile.gettempdir())) <= SOCKET_PATH_LIMIT:
        return True
    return str(Path(tempfile.mkdtemp(prefix="modama-", dir="/tmp")) / "socket")
