"""Pictures and metadata for the process that reads for a person: questions and answers as lines of JSON.

Started as that person by `keeper/worker.py`, with the site file in the environment; ends with its standard input.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from jupyter_modama.core.errors import Invalid, ModamaError, StorageError, from_os
from jupyter_modama.core.model import Via
from jupyter_modama.core.operations import OPERATIONS, perform
from jupyter_modama.readers.previews import Previews
from jupyter_modama.runner import local_actor, plain
from jupyter_modama.site import load_site
from jupyter_modama.store.disk import DiskStore

METADATA, PREVIEW = "entry.metadata", "entry.preview"
Message = dict[str, Any]


def main() -> int:
    """Answer until nothing more is asked."""
    site = load_site()
    if site is None:
        raise SystemExit("no site file is named")
    store = DiskStore(site)
    readers = Previews(store)
    store.readers = readers
    try:
        for line in sys.stdin.buffer:
            sys.stdout.buffer.write(json.dumps(_answered(store, readers, line)).encode() + b"\n")
            sys.stdout.buffer.flush()
    finally:
        readers.close()
        store.close()
    return 0


def _answered(store: DiskStore, readers: Previews, line: bytes) -> Message:
    try:
        asked = json.loads(line)
        return {"result": _done(store, readers, asked["verb"], asked["wanted"])}
    except ModamaError as error:
        return {"problem": error.problem()}
    except OSError as error:
        return {"problem": from_os(error, "reading").problem()}
    except Exception as error:  # goes on for the next question
        return {"problem": StorageError(what="reading", why=f"an unexpected {type(error).__name__}").problem()}


def _done(store: DiskStore, readers: Previews, verb: str, wanted: Message) -> Message:
    if verb == PREVIEW:
        if not all(isinstance(value, str) for value in wanted.values()):
            raise Invalid(what="what is asked of a preview is to be text, as in an address")
        shown = readers.preview(wanted)
        return {"png": base64.b64encode(shown.png).decode(), "facts": shown.facts, "etag": shown.etag}
    operation = OPERATIONS[METADATA]
    return plain(perform(operation, operation.wanted(**wanted), actor=local_actor(Via.PAGES), store=store))


if __name__ == "__main__":
    sys.exit(main())
