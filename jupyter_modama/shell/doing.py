"""Where a command is done: here with one's own rights, or at the service of a managed tree.

What reads is done here, where the tree is on this machine; what changes a managed tree, and what the service keeps
(audit, its jobs), is done there. Where the tree is not on this machine, the service does everything.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_modama.core.errors import Invalid, ManagedTree, ModamaError, NotFound
from jupyter_modama.core.model import Actor, Job, JobPage, Located, Site, Via
from jupyter_modama.core.operations import OPERATIONS, Kind, Operation, perform
from jupyter_modama.core.permalinks import LocateEntry, with_paths
from jupyter_modama.shell import arguments
from jupyter_modama.shell.progress import Bar, cancelled_by_ctrl_c
from jupyter_modama.shell.tables import text_of
from jupyter_modama.site import load_site
from jupyter_modama.tokens import client_of, service_of

if TYPE_CHECKING:
    from jupyter_modama.client import ServiceClient
    from jupyter_modama.store.disk import DiskStore

NO_TREE = (
    "no data tree is named yet: set MODAMA_ROOT to its folder or MODAMA_SITE to the site file, sign in to the service "
    "of one with `modama login ADDRESS`, or make one with `modama init`"
)
OF_JOBS = {"job.show", "job.cancel", "job.list"}


def answer(operation: Operation, wanted: Any) -> Any:
    """Do an operation, and answer as it does; long work shows how far it is.

    Raises: what the operation raises; Invalid where no tree is known, ManagedTree where one has to sign in first.
    """
    site = site_here()
    if site is None:
        return _far(operation, wanted)
    store = opened(site)
    try:
        wanted = with_paths(site, lambda asked: _located(store, asked), arguments.below_root(wanted, site.root))
        return _near(store, operation, wanted)
    finally:
        store.close()


def site_here() -> Site | None:
    """The site, where its tree is on this machine; None where a service is known that can be asked instead.

    Raises: Invalid where there is neither.
    """
    site = load_site()
    if site is not None and os.path.isdir(site.root):
        return site
    address = service_of(None)
    if address:
        if site is not None and sys.stderr.isatty():
            sys.stderr.write(f"{text_of(site.root)} is not on this machine; {address} answers.\n")
        return None
    if site is None:
        raise Invalid(what=NO_TREE)
    return site  # opening it says what is wrong


def opened(site: Site) -> DiskStore:
    from jupyter_modama.store.disk import DiskStore

    return DiskStore(site)


def own_actor() -> Actor:
    """The person whose rights this process has."""
    from jupyter_modama.store import people

    return Actor(people.me(), Via.CLI)


def _located(store: DiskStore, wanted: LocateEntry) -> Located:
    found: Located = perform(OPERATIONS["entry.locate"], wanted, actor=own_actor(), store=store)
    return found


# Here, in a tree that may be managed ---------------------------------------------------------------------------------


def _near(store: DiskStore, operation: Operation, wanted: Any) -> Any:
    managed = bool(store.site.managed_by)
    if managed and operation.name in OF_JOBS:
        return _job(store, operation, wanted)
    if managed and operation.kept:
        return _asked(client_of(store.site, Via.CLI), operation, wanted)
    if operation.kind is Kind.LONG:
        return _long(store, operation, wanted)
    if operation.name == "entry.metadata":
        return _metadata(store, operation, wanted)
    return _performed(store, operation, wanted)


def _performed(store: DiskStore, operation: Operation, wanted: Any) -> Any:
    return perform(operation, wanted, actor=own_actor(), store=store)


def _job(store: DiskStore, operation: Operation, wanted: Any) -> Any:
    """Jobs are here (what reads) and at the service; one is looked for here first, lists are of both."""
    if operation.name != "job.list":
        try:
            return _performed(store, operation, wanted)
        except NotFound:
            return client_of(store.site, Via.CLI).do(operation, wanted)
    items: list[Job] = list(_performed(store, operation, wanted).items)
    with suppress(ManagedTree):  # not signed in: those here
        items += client_of(store.site, Via.CLI).do(operation, wanted).items
    items.sort(key=lambda job: job.id, reverse=True)
    return JobPage(tuple(items[: wanted.limit]))


def _long(store: DiskStore, operation: Operation, wanted: Any) -> Any:
    """Do long work as a job, which Lab and notebooks see; the bar keeps out of the way of JSON in a file."""
    from jupyter_modama.runner import Runner

    bar = Bar()
    with cancelled_by_ctrl_c(bar, store.jobs.ask_cancel):
        return Runner(store).run(operation, wanted, own_actor(), on_progress=bar)


def _metadata(store: DiskStore, operation: Operation, wanted: Any) -> Any:
    """Read an EM file in a limited worker, where the packages for that are installed."""
    from jupyter_modama.readers.previews import Previews

    readers = Previews(store)
    store.readers = readers
    try:
        return _performed(store, operation, wanted)
    finally:
        readers.close()


# At the service ------------------------------------------------------------------------------------------------------


def _far(operation: Operation, wanted: Any) -> Any:
    """Everything is done there: paths are from the root of the tree on."""
    client = client_of(None, Via.CLI)
    for name in sorted(arguments.PLACES):
        text = str(getattr(wanted, name, ""))
        if text.startswith(("/", "./", "../")) or text == "..":
            raise Invalid(what=f"{text} is a path on this machine, where the data tree is not; paths begin at its root")
        if text == ".":
            wanted = replace(wanted, **{name: ""})
    locate = OPERATIONS["entry.locate"]
    site = Site(root="", managed_by=client.address)
    return _asked(client, operation, with_paths(site, lambda asked: client.do(locate, asked), wanted))


def _asked(client: ServiceClient, operation: Operation, wanted: Any) -> Any:
    if operation.kind is not Kind.LONG:
        return client.do(operation, wanted)
    bar = Bar()

    def cancel(job_id: str) -> None:
        try:
            client.cancel(job_id)
        except ModamaError as error:
            bar.say(text_of(f"It could not be asked to stop: {error}"))

    try:
        with cancelled_by_ctrl_c(bar, cancel):
            return client.wait(operation, wanted, bar)
    except KeyboardInterrupt:
        if bar.job is not None:
            bar.say(f"The work goes on at the service; `modama job show {bar.job.id}` tells how far it is.")
        raise
