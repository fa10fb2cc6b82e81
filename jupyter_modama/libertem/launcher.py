"""LiberTEM's web application on a private unix socket, with an executor of threads: no TCP port at all.

Run by the python of LiberTEM's own environment and by its path, so it imports nothing of jupyter_modama. LiberTEM as
it comes would listen on all addresses without a password as soon as its Dask cluster starts; therefore there is no way
from here to a Dask cluster, and a LiberTEM other than the one this was written for is not started.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import importlib.util
import logging
import os
import signal
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

REFUSED = 3  # exit code: a sentence for the user is on the error output, marked with SAYS
SAYS = "modama: "
PR_SET_PDEATHSIG = 1


def refuse(sentence: str) -> NoReturn:
    """End with a sentence that the user is to see."""
    sys.stderr.write(f"{SAYS}{sentence}\n")
    sys.exit(REFUSED)


def check_version(wanted: str) -> None:
    """Refuse any other LiberTEM: parts of it that we replace may have moved, and then ports would open."""
    try:
        found = metadata.version("libertem")
    except metadata.PackageNotFoundError:
        refuse("LiberTEM is missing in its environment; please install it again")
    if found != wanted:
        refuse(f"LiberTEM is version {found}, but {wanted} is needed; please install it again")


def end_with(parent: int) -> None:
    """Be killed when the parent ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone already")


def load_parts() -> Any:
    """The module beside this one, by its path; late, because it imports LiberTEM, which takes seconds."""
    spec = importlib.util.spec_from_file_location("modama_parts", Path(__file__).with_name("parts.py"))
    if spec is None or spec.loader is None:
        refuse("the installation of jupyter-modama is not complete; please install it again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def serve(args: argparse.Namespace) -> None:
    """Build the application and take over the socket once everything is ready."""
    import tornado.httpserver
    import tornado.netutil
    from libertem.executor.base import AsyncAdapter
    from libertem.io.dataset import register_dataset_cls
    from libertem.web import server

    loop = asyncio.get_running_loop()
    parts = load_parts()
    register_dataset_cls("raw", parts.RawWithHeader)
    bus, registry = server.EventBus(), server.EventRegistry()
    executors = parts.Executors(event_bus=bus, loop=loop)
    executors.set_local_directory(os.getcwd())
    state = parts.State(executors)
    connection = {"connection": {"type": "LOCAL", "numWorkers": args.threads, "cudas": {}}}
    executor = await executors.make_executor(connection, AsyncAdapter.make_pool())
    await executors.set_executor(executor, connection)

    app = server.make_app(registry, state, None)  # no token: who may open the socket is who may come in
    page = (r"/", parts.Page, {"state": state, "event_registry": registry})
    app.add_handlers(".*", [page, (r"/api/modama/loaded/", parts.loaded_handler(state, args.version))])
    http = tornado.httpserver.HTTPServer(app)
    ready = f"{args.socket}.new"
    http.add_sockets([tornado.netutil.bind_unix_socket(ready, mode=0o600)])
    pump = server.MessagePump(event_bus=bus, event_registry=registry)
    args.pump = asyncio.ensure_future(pump.run())
    loop.add_signal_handler(signal.SIGTERM, stop, loop)
    loop.add_signal_handler(signal.SIGINT, stop, loop)
    os.rename(ready, args.socket)


def stop(loop: asyncio.AbstractEventLoop) -> None:
    """Stop now; an analysis that still runs in a thread is not waited for."""
    timer = threading.Timer(2.0, os._exit, (0,))
    timer.daemon = True
    timer.start()
    loop.stop()


def prime(scratch: str) -> None:
    """Let numba compile what the first load and the first analysis of a data set need."""
    import numpy as np
    from libertem.api import Context
    from libertem.executor.concurrent import ConcurrentJobExecutor
    from libertem.io.dataset import build_extension_map
    from libertem.web.dataset import prime_numba_cache

    build_extension_map()
    parts = load_parts()
    context = Context(executor=ConcurrentJobExecutor.make_local(n_threads=2))
    for dtype in ("<u2", "<f4", "u1", "<i2", "<u4"):
        path = str(Path(scratch) / "prime.npy")
        np.save(path, np.ones((4, 4, 32, 32), dtype))
        prime_numba_cache(context.load("npy", path=path))
    np.ones((16, 32, 32), ">u2").tofile(str(Path(scratch) / "prime.raw"))
    raw = parts.RawWithHeader(str(Path(scratch) / "prime.raw"), dtype=">u2", nav_shape=(4, 4), sig_shape=(32, 32))
    raw = raw.initialize(context.executor)
    raw.set_num_cores(2)
    prime_numba_cache(raw)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True, help="the only version of LiberTEM that is accepted")
    parser.add_argument("--socket", help="the unix socket to take over when ready")
    parser.add_argument("--parent", type=int, help="end when this process ends")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prime", help="only fill the numba cache, with files in this folder")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.socket:
        os.umask(0o077)
    if args.parent:
        end_with(args.parent)
    check_version(args.version)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    from libertem.common.threading import set_num_threads_env

    with set_num_threads_env(1):
        if args.prime:
            prime(args.prime)
            os._exit(0)
        with contextlib.suppress(ImportError):
            import hdf5plugin  # noqa: F401  (compressed HDF5 of other makers)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(args))
        loop.run_forever()
    os._exit(0)  # not sys.exit: that waits for the threads of a running analysis


if __name__ == "__main__":
    main()
