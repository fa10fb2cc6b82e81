"""Files that come from the browser, piece by piece, and a selection that goes to it as one zip file.

    upload.begin, upload, upload.finish, upload.cancel      what comes; see `store.uploads`
    folder.make                                             an empty folder for it
    download.prepare, download.zip                          what goes; see `store.zipping`

All is done with the rights of the person whose server this is, in a managed tree too: as in a terminal, people put
files where the tree lets them, and only projects, sessions and seals are the service's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_modama.core.errors import Invalid, NameRefused
from jupyter_modama.core.links import fetch_of_list
from jupyter_modama.core.names import broken_rule
from jupyter_modama.core.paths import TreePath
from jupyter_modama.server.handlers import ModamaHandler, body_as
from jupyter_modama.server.transfer_types import (
    CancelUpload,
    FinishUpload,
    MadeFolder,
    MakeFolder,
    PreparedDownload,
    PrepareDownload,
    UploadAt,
    UploadChecked,
    UploadPiece,
    WantedUpload,
)
from jupyter_modama.server.wire import texts_from_query
from jupyter_modama.store.packing import count
from jupyter_modama.store.uploads import Coming
from jupyter_modama.store.zipping import zip_of

MOST_PATHS = 10_000
COUNTED_S = 5.0


def coming(wanted: WantedUpload) -> Coming:
    """Raises: PathRefused."""
    return Coming(TreePath.parse(wanted.path, wanted.path_b64), wanted.name, wanted.size_bytes, wanted.modified_ms)


class UploadBegin(ModamaHandler):
    """Begin a file, or go on with it: answers how much of it is here."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wanted = coming(body_as(self.request.body, WantedUpload))
        self.answer(UploadAt(await self.room.call(self.room.uploads.begin, wanted)))


class Upload(ModamaHandler):
    """One piece of a file."""

    @web.authenticated
    @authorized
    async def put(self) -> None:
        try:
            wanted = msgspec.convert(texts_from_query(self.arguments_asked), UploadPiece, strict=False)
        except msgspec.ValidationError as error:
            raise Invalid(what=f"the address of the piece is not as expected: {error}") from error
        offset = await self.room.call(self.room.uploads.write, coming(wanted), wanted.offset, self.request.body)
        self.answer(UploadAt(offset))


class UploadFinish(ModamaHandler):
    """Compare the checksum, a few seconds' work for each request, and give the file its name."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wanted = body_as(self.request.body, FinishUpload)
        checked = await self.room.call(self.room.uploads.finish, coming(wanted), wanted.sha256)
        self.answer(UploadChecked(checked, checked == wanted.size_bytes))


class UploadCancel(ModamaHandler):
    """Remove what has come of a file."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wanted = coming(body_as(self.request.body, CancelUpload))
        await self.room.call(self.room.uploads.cancel, wanted)
        self.answer(UploadAt(0))


class FolderMake(ModamaHandler):
    """Make an empty folder."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wanted = body_as(self.request.body, MakeFolder)
        if rule := broken_rule(wanted.name):
            raise NameRefused(name=wanted.name, rule=rule)
        folder = TreePath.parse(wanted.path, wanted.path_b64)
        made = await self.room.call(self.room.uploads.make_folder, folder, wanted.name)
        self.answer(MadeFolder(made.shown, made.b64))


class DownloadPrepare(ModamaHandler):
    """Count a selection, and keep it for an hour to be fetched."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wanted = body_as(self.request.body, PrepareDownload)
        if not 0 < len(wanted.paths) <= MOST_PATHS:
            raise Invalid(what=f"between one and {MOST_PATHS:,} entries can be fetched at once; or fetch their folder")
        paths = tuple(dict.fromkeys(TreePath.parse(one.path, one.path_b64) for one in wanted.paths))
        if not all(paths):
            raise Invalid(what="the whole tree cannot be fetched at once; please select what is in it")
        above = _folder_above(paths)
        found = await self.room.call(count, self.room.tree, paths, COUNTED_S)
        self.answer(
            PreparedDownload(
                ticket=self.room.tickets.keep(paths),
                name=_name_of(paths),
                files=found.files,
                folders=found.folders,
                bytes=found.bytes,
                complete=found.complete,
                rsync=await self.room.call(fetch_of_list, self.room.tree, self.room.actor, above),
                include="".join(f"{_below(path, above).shown}\n" for path in paths),
            )
        )


def _folder_above(paths: tuple[TreePath, ...]) -> TreePath:
    """The innermost folder that all of them lie in."""
    return TreePath(os.path.commonpath([path.parent for path in paths]))


def _below(path: TreePath, above: TreePath) -> TreePath:
    return TreePath("/".join(path.parts[len(above.parts) :]))


def _name_of(paths: tuple[TreePath, ...]) -> str:
    """What the zip is called: as the one entry, or as the folder that they lie in."""
    first = paths[0] if len(paths) == 1 else paths[0].parent
    return f"{TreePath(first.name).shown or 'data'}.zip".replace("/", "_")


class DownloadZip(ModamaHandler):
    """The zip file, made while it is sent."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        paths = self.room.tickets.paths(self.get_query_argument("ticket", ""))
        pieces = zip_of(self.room.tree, self.room.actor, paths)
        name = _name_of(paths)
        plain = name.encode("ascii", "replace").decode("ascii").replace('"', "'").replace("?", "_").replace("\\", "_")
        self.set_header("Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Type", "application/zip")
        try:
            # An empty piece before the end would end the answer.
            while piece := await self.room.call(_next, pieces):
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return  # whoever asked has gone
        finally:
            with suppress(RuntimeError):  # the threads are gone when the server stops
                await self.room.call(pieces.close)
        self.finish(set_content_type="application/zip")


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
