"""The only code that touches the data tree: by descriptors, never through a link, within one file system below one root."""
