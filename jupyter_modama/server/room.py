"""What the handlers share: the tree of this server, its runner of jobs, its readers, its events."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jupyter_modama
from jupyter_modama import checks
from jupyter_modama.core.errors import ModamaError, NotFound, Unsupported
from jupyter_modama.core.model import Actor, EntryKind, Located, Site, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, perform
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.permalinks import LocateEntry, holds_link, with_paths
from jupyter_modama.mounts import read_report
from jupyter_modama.readers.previews import Previews
from jupyter_modama.runner import Runner, local_actor
from jupyter_modama.server.events import Events
from jupyter_modama.server.following import wait_for_project
from jupyter_modama.server.openapi import JobStarted, OpenedInLibertem, OpenInLibertem, Status, contract
from jupyter_modama.server.tickets import Tickets
from jupyter_modama.server.upstream import NO_SERVICE, Upstream
from jupyter_modama.server.upstream_jobs import OF_JOBS, jobs_of
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.uploads import Uploads
from jupyter_modama.tokens import client_of, service_of

THREADS = 16
LOOKED_AT_S = 3.0  # for whom asks how it stands while the service does not answer


class Room:
    """One data tree, as this server's user sees it; without a tree it only says so."""

    def __init__(self, contents_root: str, load: Callable[[], Site | None]) -> None:
        self.contents_root = contents_root
        self.actor: Actor = local_actor(Via.LAB)
        self.threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="modama-call")
        self.store: DiskStore | None = None
        self.runner: Runner | None = None
        self.events: Events | None = None
        self.previews: Previews | None = None
        self.uploading: Uploads | None = None
        self.tickets = Tickets()
        self.opener: Any = None
        self.upstream: Upstream | None = None
        self.problem = ""
        self._load = load

    def open(self) -> None:
        """Look for the data tree and open it; a problem is kept to be shown, not raised."""
        self.problem = ""
        try:
            site = self._load()
            if site is not None:
                self._use(site)
        except ModamaError as error:
            self.problem = str(error)

    def _use(self, site: Site) -> None:
        self.store = DiskStore(site)
        self.store.checks += checks.ALL
        self.previews = Previews(self.store)
        self.store.readers = self.previews
        self.runner = Runner(self.store)
        self.uploading = Uploads(self.store, self.actor)
        self.events = Events(asyncio.get_event_loop(), self.store.jobs)
        self.runner.listen(self.events.job_changed)
        self.threads.submit(self.runner.resume_interrupted, self.actor)
        if site.managed_by:
            events = self.events
            self.upstream = Upstream(
                service_of(site) or site.managed_by,
                lambda: client_of(site, Via.LAB),
                events.relay,
                lambda status: events.tell("service", dataclasses.asdict(status)),
            )

    @property
    def tree(self) -> DiskStore:
        """The store.

        Raises: NotFound where this server has no data tree.
        """
        if self.store is None:
            raise self._no_tree()
        return self.store

    def _no_tree(self) -> NotFound:
        return NotFound(what=f"data tree here ({self.problem or 'none has been made or named yet'})")

    @property
    def listening(self) -> Events:
        """The events. Raises: NotFound where this server has no data tree."""
        if self.events is None:
            raise self._no_tree()
        return self.events

    @property
    def pictures(self) -> Previews:
        """The previews. Raises: NotFound where this server has no data tree."""
        if self.previews is None:
            raise self._no_tree()
        return self.previews

    @property
    def uploads(self) -> Uploads:
        """What comes from the browser. Raises: NotFound where this server has no data tree."""
        if self.uploading is None:
            raise self._no_tree()
        return self.uploading

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run what may block on a thread, never on the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *args)

    async def perform(self, operation: Operation, wanted: Any) -> Any:
        """Do an operation, here or at the service: its answer, or for a long one the job that was begun."""
        if holds_link(wanted):
            wanted = await self.call(with_paths, self.tree.site, self._located, wanted)
        if self.upstream is not None and operation.kept:
            if operation.name in OF_JOBS and self.runner is not None:
                return await jobs_of(operation, wanted, self._here, self.upstream)
            answer = await self.upstream.ask(operation, wanted)
            await asyncio.to_thread(wait_for_project, self.tree.site.root, operation.name, answer)
            return answer
        if operation.kind is Kind.LONG and self.runner is not None:
            return JobStarted(await self.call(self.runner.start, operation, wanted, self.actor))
        return await self._here(operation, wanted)

    def _located(self, wanted: LocateEntry) -> Located:
        found: Located = perform(OPERATIONS["entry.locate"], wanted, actor=self.actor, store=self.tree)
        return found

    async def _here(self, operation: Operation, wanted: Any) -> Any:
        store = self.tree
        return await self.call(lambda: perform(operation, wanted, actor=self.actor, store=store))

    async def libertem(self, wanted: OpenInLibertem, handler: Any) -> OpenedInLibertem:
        """Have a file of the tree loaded in this server's LiberTEM.

        Raises: Unsupported, ParametersNeeded, NotFound, Unreachable, ...
        """
        from jupyter_modama.libertem.channel import through_server
        from jupyter_modama.libertem.opener import Opener

        path = TreePath.parse(wanted.path, wanted.path_b64)
        stat = await self.call(self.tree.stat, path)
        if stat.kind not in {EntryKind.FILE, EntryKind.FOLDER}:
            raise Unsupported(path=path.shown, why="it is a link or a device, no ordinary file")
        self.opener = self.opener or Opener()
        file = Path(self.tree.disk_path(path))
        opened = await self.opener.open(file, wanted.parameters, through_server(handler))
        return OpenedInLibertem(
            opened.url_path, opened.uuid, opened.name, list(opened.shape), opened.already, opened.warning
        )

    def status(self) -> Status:
        """What this server is and can do."""
        site = self.store.site if self.store else None
        libertem, note = self._libertem()
        return Status(
            version=jupyter_modama.__version__,
            contract=contract(),
            mode="no-tree" if site is None else "managed" if site.managed_by else "embedded",
            site=site.name if site else "",
            root=site.root if site else "",
            contents_root=self._below_contents(site.root) if site else None,
            person=self.actor.person,
            areas=[area.name for area in site.areas] if site else [],
            previews=bool(self.previews and self.previews.available),
            frames=bool(self.previews and self.previews.available),
            libertem=libertem,
            libertem_note=note,
            problem=self.problem,
            suggested_root=str(Path.home() / "modama-data"),
            service=self.upstream.looked_at(LOOKED_AT_S) if self.upstream else NO_SERVICE,
            missing=_missing(),
        )

    def _libertem(self) -> tuple[bool, str]:
        from jupyter_modama.libertem import environment

        try:
            environment.find()
        except ModamaError as error:
            return False, str(error)
        return True, ""

    def _below_contents(self, root: str) -> str | None:
        """A path on the disk as one of the Contents API, None where that does not reach it."""
        root, top = os.path.realpath(root), os.path.realpath(self.contents_root)
        if root == top:
            return ""
        return os.path.relpath(root, top) if root.startswith(top.rstrip("/") + "/") else None

    async def close(self) -> None:
        """End jobs at their next step (they go on at the next start), and the workers."""
        if self.upstream is not None:
            await asyncio.to_thread(self.upstream.close)
        if self.events is not None:
            self.events.close()
        if self.runner is not None:
            await asyncio.to_thread(self.runner.close)
        if self.previews is not None:
            await asyncio.to_thread(self.previews.close)
        if self.store is not None:
            self.store.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


def _missing() -> list[str]:
    """What should be mounted in this server and is not, a sentence each."""
    try:
        report = read_report()
    except (OSError, ValueError):
        return ["What is mounted in this server cannot be read; please tell your administrator."]
    return [f"{row.what}: {row.why}" for row in report.skipped] if report else []
