"""The only code that touches the data tree: by descriptors, never through a link, never out of the one root."""
