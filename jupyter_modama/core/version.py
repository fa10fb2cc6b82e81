"""The version of this installation."""

from __future__ import annotations

try:
    from jupyter_modama._version import __version__ as _built
except ImportError:  # a source tree that was never built
    _built = "0.0.0"

VERSION = _built
