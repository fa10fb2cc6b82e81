"""The server extension: opens the tree when the server starts, and closes everything with it."""

from __future__ import annotations

from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode


class ModamaExtension(ExtensionApp):
    """Projects, sessions and sealed data in this Jupyter server."""

    name = "jupyter_modama"
    extension_url = "/modama/page"
    load_other_extensions = True

    root = Unicode("", help="Folder of the data tree; MODAMA_SITE or MODAMA_ROOT are used where this is empty.").tag(
        config=True
    )

    def initialize_handlers(self) -> None:
        from jupyter_modama.libertem import environment, kernel
        from jupyter_modama.server import contents
        from jupyter_modama.server.room import Room
        from jupyter_modama.server.routes import routes

        self.room = Room(self.serverapp.root_dir if self.serverapp else ".", self._site)
        self.room.open()
        if self.room.problem:
            self.log.warning("modama: %s", self.room.problem)
        self.handlers.extend(routes(self.room))
        if self.serverapp:
            kernel.offer(self.serverapp.kernel_spec_manager, environment.folder())
            contents.explain_refusals(self.serverapp.contents_manager, self.room)
            contents.keep_checkpoints_out_of_raw(self.serverapp.contents_manager, self.room)

    def _site(self) -> Any:
        import os

        from jupyter_modama.site import load_site

        return load_site({**os.environ, "MODAMA_ROOT": self.root} if self.root else os.environ)

    async def stop_extension(self) -> None:
        if hasattr(self, "room"):
            await self.room.close()
