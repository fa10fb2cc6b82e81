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
from pathlib import Path

from tornado.httpserver import HTTPServer

from jupyter_modama.core.errors import ModamaError, NotAllowed
from jupyter_modama.service.room import Room
from jupyter_modama.service.routes import LARGEST_BODY, application
from jupyter_modama.service.settings import Settings, settings_of

_LOG = logging.getLogger("modama.service")


def main(words: Sequence[str] | None = None) -> int:
    """Run until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
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
    """Serve until a signal comes."""
    room = Room(settings)
    server = HTTPServer(application(room), max_body_size=LARGEST_BODY, xheaders=False)
    server.listen(settings.port, settings.host)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _LOG.info("Serving %s at http://%s:%d%s", settings.site.root, settings.host, settings.port, settings.prefix)
    await stop.wait()
    server.stop()
    await room.close()


if __name__ == "__main__":
    sys.exit(main())
