"""The Jupyter server extension: operations, previews, events and LiberTEM over HTTP, with the rights of the server's own user."""
