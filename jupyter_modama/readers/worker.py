"""A worker: reads files of strangers within limits, and answers over its standard input and output.

`python -m jupyter_modama.readers.worker <room> <memory bytes> <pixels> <idle seconds>`; started by the pool only.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import select
import sys
import threading
import warnings
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from jupyter_modama.readers import guard, wire

LATE_IMPORTS = (
    "rsciio",
    "dask.array",
    "hdf5plugin",
    "rsciio.digitalmicrograph",
    "rsciio.hspy",
    "rsciio.tia",
    "rsciio.emd",
)
MOST_JOBS = 1000


def main(arguments: list[str]) -> int:
    """Answer until the pool closes our standard input, or until idle or worn."""
    room, memory, pixels, idle = arguments[0], int(arguments[1]), int(arguments[2]), float(arguments[3])
    asks, answers = _take_pipes()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    _warm_up()
    gc.freeze()  # so that looking for lost objects after each file takes no time
    guard.limit(memory)
    guard.Fence(room).put_up()
    threading.Thread(target=_end_with_parent, args=(asks, room), daemon=True).start()
    try:
        wire.send(answers, {"ready": os.getpid()})
        _serve(asks, answers, idle, room, pixels, memory)
    except wire.Broken:  # the pool is gone
        return 0
    finally:
        _leave(room)
    return 0


def _serve(asks: int, answers: int, idle: float, room: str, pixels: int, memory: int) -> None:
    """Raises: wire.Broken."""
    for _ in range(MOST_JOBS):
        if not select.select([asks], [], [], idle)[0]:
            return
        ask, _blob = wire.receive(asks)
        guard.alarm(float(ask["seconds"]) + 1.0)
        answer, blob = _answer(ask, room, pixels, memory)
        guard.alarm(0)
        worn = _worn(memory)
        wire.send(answers, {**answer, "last": worn}, blob)
        if worn:
            return
        gc.collect()  # readers leave files open in cycles of objects


def _take_pipes() -> tuple[int, int]:
    """Our ends of the pipes, out of the way of libraries that print."""
    asks, answers = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    return asks, answers


def _warm_up() -> None:
    """Import what most files need, once; what is not installed is said when a file needs it."""
    import jupyter_modama.readers.numbers
    import jupyter_modama.readers.reading  # noqa: F401

    for name in LATE_IMPORTS:
        with suppress(ImportError):
            __import__(name)
    with suppress(ImportError):
        import dask

        dask.config.set(scheduler="synchronous")


def _leave(room: str) -> None:
    """Remove the room, where the pool cannot do that any more."""
    with guard.lowered(), suppress(OSError):
        for left in os.listdir(room):
            os.unlink(f"{room}/{left}")
        os.rmdir(room)


def _end_with_parent(asks: int, room: str) -> None:
    """End at once when the pool's process is gone, even in the middle of a file."""
    waiting = select.poll()
    waiting.register(asks, 0)  # a hang-up is always reported
    waiting.poll()
    _leave(room)
    os._exit(0)


def _worn(memory: int) -> bool:
    """Whether so much private memory is held between jobs that a fresh worker is better."""
    with guard.lowered(), open("/proc/self/statm", encoding="ascii") as file:
        data_pages = int(file.read().split()[5])
    return data_pages * os.sysconf("SC_PAGE_SIZE") > memory * 2 // 3


def _answer(ask: dict[str, Any], room: str, pixels: int, memory: int) -> tuple[dict[str, Any], bytes]:
    from jupyter_modama.readers.opening import Refused, said

    try:
        return _work(ask, room, pixels)
    except Refused as error:
        return {"error": "unsupported", "why": str(error)}, b""
    except guard.Forbidden:
        return {"error": "unsupported", "why": "it refers to something outside of its own folder"}, b""
    except MemoryError:
        gc.collect()
        size = f"{memory / (1 << 30):.3g} GiB"
        return {"error": "unsupported", "why": f"it needs more memory than the {size} that a preview may take"}, b""
    except OSError as error:
        return {"error": said(error), "why": error.strerror or "it cannot be read"}, b""
    except Exception:  # whatever a damaged file does to a reader ends in a sentence, never in a traceback
        return {"error": "unsupported", "why": "it is damaged, or of a kind that no reader understands"}, b""


def _work(ask: dict[str, Any], room: str, pixels: int) -> tuple[dict[str, Any], bytes]:
    from jupyter_modama.readers import numbers, reading
    from jupyter_modama.readers.model import FrameWish, PreviewWish, preview_facts
    from jupyter_modama.readers.opening import Refused, opened

    with opened(ask["path"], room) as item:
        try:
            if ask["do"] == "metadata":
                return {"ok": asdict(reading.metadata(item, ask["path"], pixels))}, b""
            if ask["do"] == "frame":
                facts, data = numbers.frame(item, FrameWish(**ask["wish"]), pixels)
                return {"ok": asdict(facts)}, data
            found = reading.preview(item, PreviewWish(**ask["wish"]), pixels)
            return {"ok": preview_facts(found)}, found.png
        except guard.Forbidden:
            raise
        except OSError as error:
            # The file itself was opened: what fails now is inside of it, or the disk.
            why = f"the disk says: {error.strerror}" if error.errno in {errno.EIO, errno.ESTALE} else reading.DAMAGED
            raise Refused(why) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
