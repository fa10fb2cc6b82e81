"""Start the service.

    python -m jupyter_modama.service --site /etc/modama/site.toml

A hub that manages it gives the address and the token by environment (JUPYTERHUB_*); under systemd the same variables
come from a file (examples/systemd). SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tornado.httpserver import HTTPServer

from jupyter_modama.core.errors import ModamaError, NotAllowed
from jupyter_modama.service.observing import log_as_json
from jupyter_modama.service.port import make_state, take_port
from jupyter_modama.service.room import Room
from jupyter_modama.service.routes import LARGEST_BODY, application
from jupyter_modama.service.settings import Settings, settings_of

CLOSES_WITHIN_S = 5.0
_LOG = logging.getLogger("modama.service")


def main(words: Sequence[str] | None = None) -> int:
    """Run until SIGTERM."""
    log_as_json()
    parser = argparse.ArgumentParser(prog="modama service", description="Serve a data tree to the people of a hub.")
    parser.add_argument("--site", required=True, help="the site file")
    asked = parser.parse_args(sys.argv[1:] if words is None else words)
    try:
        check_harmless()
        settings = settings_of(Path(os.path.abspath(asked.site)))
        asyncio.run(serve(settings))
    except ModamaError as error:
        _LOG.error("%s", error)
        return error.exit
    return 0


def check_harmless() -> None:
    """Raises: NotAllowed where this process is root."""
    if 0 in {*os.getresuid(), *os.getresgid()}:
        raise NotAllowed(
            what="the service is not to run as root: give it an account of its own (`user` of the service at the hub, "
            "or User= of systemd)"
        )


async def serve(settings: Settings) -> None:
    """Serve until a signal comes.

    Raises: Unreachable where the port is somebody else's, StorageError.
    """
    make_state(settings.state)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = await asyncio.to_thread(take_port, settings.host, settings.port, settings.state)
    room = Room(settings)
    server = HTTPServer(application(room), max_body_size=LARGEST_BODY)
    server.add_socket(listener)
    room.open()
    _LOG.info("Serving %s at http://%s:%d%s", settings.site.root, settings.host, settings.port, settings.prefix)
    await stop.wait()
    server.stop()
    await room.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), CLOSES_WITHIN_S)


if __name__ == "__main__":
    sys.exit(main())
