"""Everything that can be done, as one table, and the only way to do it.

Routes, command line, `openapi.json`, TypeScript types and the reference page are made from `OPERATIONS`; role check and
audit happen in `perform`, so that no edge can forget them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from typing import Any, get_type_hints

from jupyter_modama.core import (
    audit,
    doctor,
    entries,
    explain,
    folders,
    invitations,
    jobs,
    links,
    mails,
    members,
    moving,
    nightly,
    overview,
    path_seals,
    path_verifying,
    permalinks,
    persons,
    projects,
    removal,
    requests,
    sealing,
    sessions,
    sizing,
    spreading,
    surveying,
    tidying,
    unsealing,
    verifying,
)
from jupyter_modama.core.errors import Cancelled, ManagedTree, ModamaError, NotAllowed, NotFound, printable
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.model import Actor, Progress, Role
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.roles import role_at


class Kind(StrEnum):
    READ = "read"
    CHANGE = "change"
    LONG = "long"


class Scope(StrEnum):
    """What the role is looked up for."""

    SITE = "site"
    PROJECT = "project"
    SESSION = "session"
    PATH = "path"


class Where(StrEnum):
    """Where the operation runs: where the person's uid is, or in the service."""

    TREE = "tree"
    SITE = "site"


@frozen
class Operation:
    """One row: `function(store, actor, wanted)`; a LONG one is a generator of Progress whose `check` raises at once.

    Where the check answers something, the function gets it as `judged`: much can happen until a job begins.
    """

    name: str
    function: Callable[..., Any]
    least: Role
    kind: Kind
    scope: Scope
    where: Where = Where.TREE
    check: Callable[..., Any] | None = None
    audited: bool = True
    only_reads: bool = False  # a LONG one that changes nothing
    as_keeper: bool = False  # what it reads is what the keeper of a managed tree can do, not what the person can

    @property
    def changes(self) -> bool:
        return self.kind is not Kind.READ and not self.only_reads

    @property
    def kept(self) -> bool:
        """Whether the service of a managed tree does it, and not the person's own program."""
        return self.changes or self.where is Where.SITE or self.as_keeper

    @property
    def wanted(self) -> type:
        """The dataclass of what is asked for."""
        hint: type = _hints(self.function)["wanted"]
        return hint

    @property
    def wanted_types(self) -> dict[str, Any]:
        """The types of the fields of what is asked for."""
        return get_type_hints(self.wanted)

    @property
    def answer(self) -> Any:
        """The type of the answer (of a LONG operation: of the job's result)."""
        hint = _hints(self.function)["return"]
        return hint.__args__[2] if self.kind is Kind.LONG else hint

    @property
    def says(self) -> str:
        """What it does, in one line."""
        return (self.function.__doc__ or "").strip().split("\n")[0]

    def target(self, wanted: Any) -> TreePath:
        """The path that the role is looked up for."""
        b64 = getattr(wanted, "path_b64", "")
        if self.scope is Scope.SITE:
            return TreePath("")
        if self.scope is Scope.PATH:
            return TreePath.parse(wanted.path, b64)
        text = wanted.project if self.scope is Scope.PROJECT else f"{wanted.project}/{wanted.session}"
        return TreePath.parse(text, b64)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(function)


K, S, R = Kind, Scope, Role

ROWS = (
    Operation("project.list", projects.list_projects, R.SIGNED_IN, K.READ, S.SITE),
    Operation("project.show", projects.show_project, R.READER, K.READ, S.PROJECT),
    Operation("project.create", projects.create_project, R.SIGNED_IN, K.CHANGE, S.SITE),
    Operation("project.update", projects.update_project, R.OWNER, K.CHANGE, S.PROJECT),
    Operation("project.rename", projects.rename_project, R.OWNER, K.CHANGE, S.PROJECT),
    Operation("project.set_members", members.set_members, R.OWNER, K.LONG, S.PROJECT, check=members.check_members),
    Operation(
        "project.set_visibility", members.set_visibility, R.OWNER, K.LONG, S.PROJECT, check=members.check_visibility
    ),
    Operation("project.transfer", members.transfer_project, R.OWNER, K.LONG, S.PROJECT, check=members.check_transfer),
    Operation("project.invite", invitations.invite_to_project, R.OWNER, K.CHANGE, S.PROJECT),
    Operation("project.uninvite", invitations.uninvite_from_project, R.OWNER, K.CHANGE, S.PROJECT),
    Operation("project.invitations", invitations.list_invitations, R.MEMBER, K.READ, S.PROJECT),
    Operation(
        "invitation.accept",
        invitations.accept_invitations,
        R.SIGNED_IN,
        K.LONG,
        S.SITE,
        check=invitations.check_accept,
    ),
    Operation("project.adopt", members.adopt_project, R.MEMBER, K.LONG, S.PROJECT, check=members.check_adopt),
    Operation(
        "project.check",
        spreading.check_project,
        R.READER,
        K.LONG,
        S.PROJECT,
        check=spreading.check_drift,
        only_reads=True,
    ),
    Operation("project.repair", spreading.repair_project, R.MEMBER, K.LONG, S.PROJECT, check=spreading.check_drift),
    Operation("person.find", members.find_people, R.SIGNED_IN, K.READ, S.SITE),
    Operation("person.mails", mails.show_mails, R.SIGNED_IN, K.READ, S.SITE, Where.SITE),
    Operation("person.set_mails", mails.set_mails, R.SIGNED_IN, K.CHANGE, S.SITE, Where.SITE),
    Operation("person.export", persons.export_person, R.SIGNED_IN, K.READ, S.SITE, Where.SITE),
    Operation("person.forget", persons.forget_person, R.ADMINISTRATOR, K.LONG, S.SITE, check=persons.check_forget),
    Operation("session.list", sessions.list_sessions, R.READER, K.READ, S.PROJECT),
    Operation("session.show", sessions.show_session, R.READER, K.READ, S.SESSION),
    Operation("session.create", sessions.create_session, R.MEMBER, K.CHANGE, S.PROJECT),
    Operation("session.make", moving.make_session, R.MEMBER, K.LONG, S.SESSION, check=moving.check_make),
    Operation("session.update", sessions.update_session, R.MEMBER, K.CHANGE, S.SESSION),
    Operation("session.rename", sessions.rename_session, R.MEMBER, K.CHANGE, S.SESSION),
    Operation("session.remove", removal.remove_session, R.MEMBER, K.CHANGE, S.SESSION),
    Operation("session.survey", surveying.survey_session, R.READER, K.READ, S.SESSION, as_keeper=True),
    Operation("session.seal", sealing.seal_session, R.MEMBER, K.LONG, S.SESSION, check=sealing.check_seal),
    Operation("session.undo_seal", unsealing.undo_seal, R.MEMBER, K.LONG, S.SESSION, check=unsealing.check_undo),
    Operation(
        "session.unseal", unsealing.unseal_session, R.ADMINISTRATOR, K.LONG, S.SESSION, check=unsealing.check_unseal
    ),
    Operation("session.request_unseal", requests.request_unseal, R.MEMBER, K.CHANGE, S.SESSION),
    Operation("session.decline_unseal", requests.decline_unseal, R.ADMINISTRATOR, K.CHANGE, S.SESSION),
    Operation("session.requests", requests.list_requests, R.SIGNED_IN, K.READ, S.SITE),
    Operation(
        "session.verify",
        verifying.verify_session,
        R.READER,
        K.LONG,
        S.SESSION,
        check=verifying.check_verify,
        only_reads=True,
    ),
    Operation("folder.list", folders.list_folder, R.READER, K.READ, S.PATH),
    Operation(
        "folder.sort",
        folders.sort_folder,
        R.READER,
        K.LONG,
        S.PATH,
        check=folders.check_sort,
        audited=False,
        only_reads=True,
    ),
    Operation("entry.show", entries.show_entry, R.READER, K.READ, S.PATH),
    Operation("entry.explain", explain.explain_entry, R.SIGNED_IN, K.READ, S.PATH),
    Operation("entry.metadata", entries.read_metadata, R.READER, K.READ, S.PATH),
    Operation("entry.links", links.list_links, R.READER, K.READ, S.PATH),
    Operation("entry.locate", permalinks.locate_entry, R.SIGNED_IN, K.READ, S.SITE),
    Operation("entry.move", moving.move_entry, R.MEMBER, K.LONG, S.PATH, check=moving.check_move),
    Operation("entry.rename", tidying.rename_entry, R.MEMBER, K.CHANGE, S.PATH),
    Operation("entry.remove", tidying.remove_entry, R.MEMBER, K.CHANGE, S.PATH),
    Operation("path.seal", path_seals.seal_path, R.ADMINISTRATOR, K.LONG, S.PATH, check=path_seals.check_seal_path),
    Operation(
        "path.unseal", path_seals.unseal_path, R.ADMINISTRATOR, K.LONG, S.PATH, check=path_seals.check_unseal_path
    ),
    Operation(
        "path.verify",
        path_verifying.verify_path,
        R.READER,
        K.LONG,
        S.PATH,
        check=path_verifying.check_verify_path,
        only_reads=True,
    ),
    Operation("audit.list", audit.list_audit, R.SIGNED_IN, K.READ, S.SITE, Where.SITE),
    Operation("job.list", jobs.list_jobs, R.SIGNED_IN, K.READ, S.SITE, Where.SITE),
    Operation("job.show", jobs.show_job, R.SIGNED_IN, K.READ, S.SITE, Where.SITE),
    Operation("job.cancel", jobs.cancel_job, R.SIGNED_IN, K.CHANGE, S.SITE, Where.SITE),
    Operation("site.nightly", nightly.run_nightly, R.ADMINISTRATOR, K.LONG, S.SITE, check=nightly.check_nightly),
    Operation("site.count", sizing.count_site, R.ADMINISTRATOR, K.LONG, S.SITE, check=sizing.check_count),
    Operation("site.overview", overview.show_overview, R.ADMINISTRATOR, K.READ, S.SITE, Where.SITE),
    Operation("doctor.run", doctor.run_doctor, R.SIGNED_IN, K.READ, S.SITE),
)

OPERATIONS = {operation.name: operation for operation in ROWS}


def perform(operation: Operation, wanted: Any, *, actor: Actor, store: Store) -> Any:
    """Look up the role, check, run, and write the audit line; the only way in.

    A LONG operation answers with a generator of Progress, begun only when it is first asked for a value; its check has
    been made when this returns. Reading writes no audit line unless it is refused.
    """
    target, function = operation.target(wanted), operation.function
    try:
        _admit(operation, target, actor, store)
        if operation.check is not None and (judged := operation.check(store, actor, wanted)) is not None:
            function = partial(function, judged=judged)
    except ModamaError as refusal:
        with suppress(ModamaError):  # an audit that cannot be written must not hide why this is refused
            line = _begin(operation, wanted, target, actor, store)
            store.audit.end(line, "refused", printable(f"{refusal.code}: {refusal}"))
        raise
    if operation.kind is Kind.READ or not operation.audited:
        return function(store, actor, wanted)
    begin = partial(_begin, operation, wanted, target, actor, store)
    if operation.kind is Kind.LONG:
        return _audited_run(store, operation, begin, lambda: function(store, actor, wanted))
    return _closing(store, begin(), lambda: function(store, actor, wanted))


def _admit(operation: Operation, target: TreePath, actor: Actor, store: Store) -> None:
    if operation.changes and operation.where is Where.TREE and store.site.managed_by and not store.keeps_tree:
        raise ManagedTree(service=store.site.managed_by)
    role = role_at(store, actor, target)
    if role <= Role.SIGNED_IN < operation.least < Role.ADMINISTRATOR:
        raise NotFound(what=f"“{target.shown}”")
    if role < operation.least:
        needed, has = (r.name.lower().replace("_", " ") for r in (operation.least, role))
        raise NotAllowed(
            what=f"{operation.name} needs the role {needed}, and here you are {has}; please ask an owner of the project"
            if operation.least < Role.ADMINISTRATOR
            else f"{operation.name} is for administrators of the site; please ask one"
        )


def _begin(operation: Operation, wanted: Any, target: TreePath, actor: Actor, store: Store) -> str:
    facts = {k: printable(v) if isinstance(v, str) else v for k, v in asdict(wanted).items() if v not in ("", None, ())}
    who = f"{actor.person.login} via {actor.via} ({actor.known_by})"
    if actor.on_behalf_of:
        who += f" for {actor.on_behalf_of}"
    return store.audit.begin(operation.name, who, target.shown, facts, audit.facts_of(store, actor, target))


def _closing(store: Store, line: str, run: Callable[[], Any]) -> Any:
    """Run, and end the audit line whatever happens."""
    try:
        answer = run()
    except BaseException as error:
        store.audit.end(line, *_outcome(error))
        raise
    store.audit.end(line, "done")
    return answer


def _outcome(error: BaseException) -> tuple[str, str]:
    """How something ended that did not come to its end, and the words for that."""
    if isinstance(error, Cancelled):
        return "cancelled", printable(str(error))
    if isinstance(error, (GeneratorExit, KeyboardInterrupt)):
        return "interrupted", "the program was stopped"
    code = error.code if isinstance(error, ModamaError) else type(error).__name__
    return "failed", f"{code}: {printable(str(error))[:500]}"


def _audited_run(
    store: Store, operation: Operation, begin: Callable[[], str], run: Callable[[], Generator[Progress, None, Any]]
) -> Generator[Progress, None, Any]:
    try:
        line = begin()
    except ModamaError:
        if operation.changes:
            raise
        return (yield from run())  # what changes nothing gives its answer, also where nobody can write that down
    try:
        answer = yield from run()
    except BaseException as error:
        store.audit.end(line, *_outcome(error))
        raise
    store.audit.end(line, "done")
    return answer
