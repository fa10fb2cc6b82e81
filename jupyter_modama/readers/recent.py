"""Numbers of frames that were asked for a moment ago, in memory: whoever moves a slider back sees it at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from jupyter_modama.readers.cache import facts_of

MOST_BYTES = 64 << 20
SETTLED_S = 2.0  # clocks of file systems are coarse: two changes of a file can have the same time


class Recent:
    """Bytes by (file as it is now, wish), the longest unused forgotten first. Safe for many threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._guard = threading.Lock()

    def key(self, path: Path, wish: Hashable) -> Hashable:
        """What the file and those that belong to it are now; None where that may still change unseen."""
        found = facts_of(path)
        if time.time() - max(max(each.st_mtime, each.st_ctime) for each in found) < SETTLED_S:
            return None
        return (tuple((f.st_dev, f.st_ino, f.st_mtime_ns, f.st_size) for f in found), wish)

    def get(self, key: Hashable) -> bytes | None:
        with self._guard:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, content: bytes) -> None:
        if key is None or len(content) > self.most_bytes // 2:
            return
        with self._guard:
            self._bytes += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._bytes > self.most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
