"""Projects, sessions and sealed data of an electron-microscopy facility, in JupyterLab, notebooks and the shell.

In a notebook:

    import jupyter_modama as modama
    modama.projects()
    modama.project("adhoc/skyrmions").session("2024-11-12-test").files()
    modama.load("adhoc/skyrmions/2024-11-12-test/raw/frame.dm4")
"""

from __future__ import annotations

from typing import Any

try:
    from jupyter_modama._version import __version__ as __version__
except ImportError:  # a source tree that was never built
    __version__ = "0.0.0"

_NOTEBOOK = ("load", "here", "project", "projects", "session")


def __getattr__(name: str) -> Any:
    """The notebook's verbs, imported when first used: the server and the shell need none of them."""
    if name in _NOTEBOOK:
        from jupyter_modama.notebook import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_NOTEBOOK]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "_lab", "dest": "@modama/labextension"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_modama.server.app import ModamaExtension

    return [{"module": "jupyter_modama", "app": ModamaExtension}]
