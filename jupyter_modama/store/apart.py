"""Work in a thread that has a current folder of its own, so that names can be used without a path.

A name below `/proc/self/fd/…` costs the kernel twice as much as one in the current folder, which all threads of a
process share unless one steps aside. Source: unshare(2) with CLONE_FS, which needs no privilege.
"""

from __future__ import annotations

import ctypes
import os
import queue
import threading
from collections.abc import Callable, Iterator

_CLONE_FS = 0x200
_libc = ctypes.CDLL(None, use_errno=True)
Tell = Callable[[int], None]


class _Stopped(Exception):
    """Nobody waits for the work any more."""


def apart(work: Callable[[Tell], None]) -> Iterator[int]:
    """Do `work(tell)` in such a thread, and yield what it tells.

    Closing the iterator stops the work where it tells something next, and waits for that.
    Raises: what the work raises.
    """
    told: queue.Queue[int | None] = queue.Queue(maxsize=2)
    stopping = threading.Event()
    failed: list[BaseException] = []

    def tell(value: int) -> None:
        if stopping.is_set():
            raise _Stopped
        told.put(value)

    def run() -> None:
        try:
            if _libc.unshare(_CLONE_FS) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "a current folder of its own")
            work(tell)
        except _Stopped:
            pass
        except BaseException as error:
            failed.append(error)
        told.put(None)

    thread = threading.Thread(target=run, name="modama-apart", daemon=True)
    thread.start()
    ended = False
    try:
        while (value := told.get()) is not None:
            yield value
        ended = True
    finally:
        stopping.set()
        while not ended and told.get() is not None:
            pass
        thread.join()
    if failed:
        raise failed[0]
