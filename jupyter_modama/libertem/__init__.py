"""LiberTEM, started on a private socket behind the Jupyter server, and files opened in it."""

from jupyter_modama.libertem.proxy import proxy_entry

__all__ = ["proxy_entry"]
