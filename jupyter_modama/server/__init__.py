"""The Jupyter server extension: operations, previews, events and LiberTEM over HTTP, with its user's own rights."""
