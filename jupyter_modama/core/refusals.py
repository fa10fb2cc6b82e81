"""The reasons why the kernel would refuse to write at an entry, the most telling first."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, printable
from jupyter_modama.core.layout import RECORDS, Place
from jupyter_modama.core.model import Actor, EntryKind, Protection, Reason, Role, Seal, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Rule, Stat, Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.sealed_paths import SealedPath, sealed_path_at

S = SessionState
WRITE = 2
ADMINISTRATOR_UNSEALS = "an administrator can unseal the session"
SealedState = tuple[SessionState, Protection, Seal | None]


def refusals(store: Store, actor: Actor, stat: Stat, where: Place) -> Iterator[Reason]:
    """What makes writing impossible, the most telling first."""
    access = store.access(stat.path)
    seal = sealed_state(store, where)
    sealed = tuple(_sealed(store, stat, where, seal))
    yield from sealed
    if access.read_only_mount:
        yield Reason(
            "read-only-mount",
            "this file system is mounted read-only",
            "nobody can change anything in it here; ask an administrator whether that is meant",
        )
    if stat.kind is EntryKind.OTHER:
        yield Reason("not-a-file", "it is a device, a socket or a pipe and holds no data")
    kept = None if sealed else sealed_path_at(store, stat.path)
    if kept is not None and (stat.immutable or not access.write):
        yield _kept(kept)
    elif stat.immutable and not _frozen(stat, where, seal):
        step = "an administrator can take it away (`chattr -i`)"
        yield Reason("immutable", "it carries the immutable flag, which no session put there", step)
    # What a seal took away is not to be given back by hand.
    if not (sealed or kept or access.write or access.read_only_mount or stat.immutable):
        yield from _no_right(store, actor, stat, where)
    if access.write:
        yield from _full(store, stat)


def sealed_state(store: Store, where: Place) -> SealedState | None:
    """The state of the session that a path lies in, None where it lies in none."""
    if not where.session or not is_folder(store, where.raw):
        return None
    try:
        return read_state(store, where.session)
    except (NotFound, NotAllowed):
        return None


def _frozen(stat: Stat, where: Place, seal: SealedState | None) -> bool:
    """Whether the seal of the session accounts for the protection of an entry: raw and below, its proof and record."""
    return seal is not None and seal[0] is not S.WRITABLE and (where.in_raw or _is_proof(stat, where))


def _is_proof(stat: Stat, where: Place) -> bool:
    return stat.immutable and (stat.path.parent == where.session or RECORDS in stat.path.parts)


def _sealed(store: Store, stat: Stat, where: Place, seal: SealedState | None) -> Iterator[Reason]:
    if seal is None or not _frozen(stat, where, seal):
        return
    state, protection, facts = seal
    name = TreePath(where.session.name).shown
    undo = _undo(facts)
    protected = stat.immutable or not store.access(stat.path).write
    if state is S.SEALING:
        yield Reason("sealing", f"session {name} is being sealed right now", "wait until that is done")
    elif state is S.INTERRUPTED and protected:
        step = "seal the session again, which goes on where it stopped, or ask an administrator to unseal it"
        yield Reason("seal-interrupted", f"sealing session {name} was interrupted, and its protection stays", step)
    elif state is S.PARTIAL and protected:
        yield Reason("sealed-partly", f"this part of session {name} is sealed{_by(facts)}", ADMINISTRATOR_UNSEALS)
    elif state in {S.SEALED, S.SEALED_BARE}:
        means = " (by taking write permission away)" if protection is Protection.READ_ONLY else ""
        yield Reason("sealed", f"session {name} was sealed{_by(facts)}{means}", f"{undo}{ADMINISTRATOR_UNSEALS}")
    elif state is S.SEAL_LOST and protected:
        step = "verify the session, then seal it again to protect it"
        yield Reason(
            "seal-lost", f"session {name} was sealed{_by(facts)}; its protection is lost, perhaps by a move", step
        )


def _by(seal: Seal | None) -> str:
    if seal is None:
        return " before this system was used"
    return f" by {seal.by.display or seal.by.login} on {seal.at.astimezone():%-d %B %Y at %H:%M}"


def _kept(kept: SealedPath) -> Reason:
    """A file or folder that administrators have sealed by itself."""
    when = f" on {kept.at.astimezone():%-d %B %Y}" if kept.at else ""
    who = f" by {kept.by.display or kept.by.login}" if kept.by else ""
    why = f" (“{printable(kept.note)}”)" if kept.note else ""
    return Reason(
        "path-sealed", f"“{kept.path}” was sealed{who}{when}{why}", f"an administrator can unseal {kept.path}"
    )


def _undo(seal: Seal | None) -> str:
    if seal is None or seal.undo_until is None:
        return ""
    return f"{seal.by.login} can undo it until {seal.undo_until.astimezone():%H:%M}; otherwise "


def _no_right(store: Store, actor: Actor, stat: Stat, where: Place) -> Iterator[Reason]:
    """Mode, ACL and membership: what the kernel compares."""
    rule = store.rule(stat.path)
    owner = store.person(stat.uid).login
    if where.project and role_at(store, actor, where.project) <= Role.READER and rule.kind in {"other", "group"}:
        sentence = f"you may read the project “{where.project.shown}” but do not belong to those who write in it"
        yield Reason("reader-only", sentence, ask_owner(store, where.project))
        return
    if not where.project:
        what = "the data tree" if not stat.path else f"the area “{stat.path.shown}”"
        yield Reason("above-projects", f"{what} belongs to {owner}", "create a project, and write in a session of it")
        return
    yield _by_rule(stat, rule, owner)


def _by_rule(stat: Stat, rule: Rule, owner: str) -> Reason:
    """The rule that refuses, in words, with its cure."""
    what = "folder" if stat.kind is EntryKind.FOLDER else "file"
    mode = f"{stat.mode & 0o777:03o}"
    cure = f"its owner {owner} can give the group write permission (`chmod g+w`)"
    if rule.given & WRITE and not rule.effective & WRITE:
        sentence = f"the mask of its ACL takes your write permission away: a program made the {what} with mode {mode}"
        return Reason("acl-mask", sentence, cure)
    if rule.kind == "owner":
        return Reason(
            "own-mode",
            f"the {what} is yours, but its mode ({mode}) has no write permission for you",
            "you can give it back yourself (`chmod u+w`), where the data is not meant to stay as it is",
        )
    if rule.kind == "named-user":
        return Reason("acl", f"its ACL lets you read the {what} but not write it", f"ask its owner {owner}")
    group = f" and your group {rule.name} may not" if rule.kind == "group" else ""
    return Reason("mode", f"the {what} belongs to {owner}{group}, and its mode ({mode}) lets nobody else write", cure)


def _full(store: Store, stat: Stat) -> Iterator[Reason]:
    """Whether there is any room left to write in."""
    try:
        free_bytes, free_files = store.free_bytes(stat.path)
        quota_bytes, quota_files = store.quota_left(stat.path)
    except ModamaError:
        return
    if free_bytes == 0:
        yield Reason("disk-full", "the disk is full", "free some space, or ask an administrator")
    elif quota_bytes == 0:
        yield Reason(
            "quota", "your quota on this disk is used up", "remove what is not needed, or ask an administrator"
        )
    elif stat.kind is EntryKind.FOLDER and 0 in {free_files, quota_files}:
        why = (
            "the disk can hold no more files (its inodes are used up)"
            if free_files == 0
            else "your quota of files is used up"
        )
        yield Reason("no-inodes", why, "remove small files, or ask an administrator")


def ask_owner(store: Store, project: TreePath) -> str:
    """Whom to ask for a place in a project; who is not let in cannot read who its owners are."""
    try:
        uids = store.owner_uids(project) or (store.stat(project).uid,)
    except (NotFound, NotAllowed):
        uids = ()
    names = " or ".join(store.person(uid).login for uid in uids[:3] if not store.trusted_uid(uid))
    return f"ask {names or 'an owner of it, or an administrator,'} to make you a member"
