"""The errors of the project, one small tree.

    ModamaError
    |-- Invalid 422            NameRefused  PathRefused  ReasonMissing
    |-- NotSignedIn 401        TokenRefused
    |-- NotAllowed 403         ManagedTree  UndoExpired
    |-- NotFound 404
    |-- Conflict 409           AlreadyExists AlreadySealed NotSealed SealingInProgress OpenWriters
    |                          NotEmpty NothingToSeal NotAdoptable LastOwner CursorExpired
    |                          ManifestMismatch ChecksumDiffers Cancelled
    |-- Unsupported 415        ParametersNeeded
    |-- TooManyRequests 429
    |-- StorageError 500       DiskFull 507  RecordCorrupt
    `-- Unreachable 503        VersionMismatch  Busy  TimedOut 504

Each class has a `code` (its name on the wire), a `status` for HTTP, an `exit` for the shell and a template `says`;
the facts are keyword arguments. Functions raise them, only the edges catch them, and `from_problem` raises the same
class again on the other side of a wire.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import traceback
from typing import Any, ClassVar


class ModamaError(Exception):
    """What is so, and what to do next, in a sentence."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit: ClassVar[int] = 1
    says: ClassVar[str] = "{what}"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.says.format_map(_Facts(facts)))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    def problem(self, instance: str = "") -> dict[str, Any]:
        """The error as an `application/problem+json` object (RFC 9457), facts as further fields."""
        facts = {k: v for k, v in self.facts.items() if k not in {"type", "status", "detail", "instance", "title"}}
        return {
            "type": f"urn:modama:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "detail": printable(str(self)),
            "instance": instance,
            **{k: _plain(v) for k, v in facts.items()},
        }

    def _render_traceback_(self) -> list[str]:
        """How IPython shows it: the line of the notebook and the sentence, without the calls inside this package."""
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
        calls = traceback.extract_tb(self.__traceback__)
        lines = list(itertools.takewhile(lambda call: not call.filename.startswith(here), calls))
        place = [f"line {lines[-1].lineno}: {lines[-1].line}"] if lines and lines[-1].line else []
        return [*place, f"{type(self).__name__}: {printable(str(self))}"]


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"({key} unknown)"


def printable(text: str) -> str:
    """The text with undecodable file-name bytes written as `\\xNN`, fit for JSON and a terminal."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, as JSON can hold it
        raw = text.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, (int, float, bool, type(None))):
        return value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    return printable(str(value))


# 422 -----------------------------------------------------------------------------------------------------------------


class Invalid(ModamaError):
    """What was asked for cannot be meant; `what` says why."""

    status, exit = 422, 2


class NameRefused(Invalid):
    """A name breaks one of the rules for new names; `rule` says which."""

    says = "the name {name!r} cannot be used: {rule}; please choose another"


class PathRefused(Invalid):
    """A path is not one below the root of the data tree."""

    says = "{path!r} is not a path in the data tree: {rule}"


class ReasonMissing(Invalid):
    """A step that others will want to understand later needs a reason."""

    says = "please give a reason for {what}; it is kept in the audit"


# 401, 403, 404 -------------------------------------------------------------------------------------------------------


class NotSignedIn(ModamaError):
    """Nobody is signed in."""

    status, exit = 401, 3
    says = "please sign in first"


class TokenRefused(NotSignedIn):
    """The service does not know the token that it was sent."""

    says = (
        "the service {service} does not know your token: it may have expired or been revoked; restart your server on "
        "the hub, or sign in with `modama login` in a shell"
    )


class NotAllowed(ModamaError):
    """The person may not do this; `what` says what and who could."""

    status, exit = 403, 3


class ManagedTree(NotAllowed):
    """The tree belongs to a service, which alone makes changes in it."""

    says = "this data is managed by {service}; changes are made there, or after `modama login`"


class UndoExpired(NotAllowed):
    """The time to undo a seal is over, or somebody else sealed."""

    says = "the seal of {session} can be undone no more: {why}; an administrator can unseal it"


class NotFound(ModamaError):
    """There is nothing of that name, or nothing that the person may know of."""

    status, exit = 404, 4
    says = "there is no {what} that you can see; it may have been renamed or removed"


# 409 -----------------------------------------------------------------------------------------------------------------


class Conflict(ModamaError):
    """The state of things does not allow it now."""

    status, exit = 409, 5


class AlreadyExists(Conflict):
    """The name is taken, perhaps in another spelling."""

    says = "there is already {what}; please choose another name"


class AlreadySealed(Conflict):
    """Sealed data does not change."""

    says = "session {session} is sealed already; an administrator can unseal it"


class NotSealed(Conflict):
    """The session is not sealed, so there is nothing to verify or to undo."""

    says = "session {session} is not sealed ({state}), so {consequence}"


class SealingInProgress(Conflict):
    """Somebody else holds the session's lock."""

    says = "session {session} is being worked on right now ({by}); please wait until that is done"


class OpenWriters(Conflict):
    """Programs still write into the session; `writers` lists program, pid and file where known."""

    says = (
        "{count} file(s) in {session} are still open for writing ({first}); close the program or wait until it is "
        "done, then seal again. {consequence}"
    )


class NotEmpty(Conflict):
    """A folder that is to be removed holds something."""

    says = "{what} is not empty ({first} is in it), and only empty sessions are removed"


class NothingToSeal(Conflict):
    """An empty `raw` is not sealed."""

    says = "session {session} has no files in raw yet, so there is nothing to seal"


class NotAdoptable(Conflict):
    """The system cannot take the session into its care, so a seal could be moved away by its users."""

    says = "{folder} can be renamed or removed by {by}, so a seal below it would not hold: {next_step}"


class LastOwner(Conflict):
    """A project keeps at least one owner."""

    says = "{person} is the last owner of {project}; make somebody else owner first"


class CursorExpired(Conflict):
    """The listing that a cursor stands for is kept no more."""

    says = "this listing is too old to go on with; please load the folder again"


class ManifestMismatch(Conflict):
    """The files are not what the manifest says; `missing`, `changed` and `new` name them, `unreadable` the rest."""

    exit = 6
    says = (
        "{session} is NOT as it was sealed: {count_missing} missing, {count_changed} changed, {count_new} new, "
        "{count_unreadable} unreadable file(s)"
    )


class ChecksumDiffers(Conflict):
    """A file that came in pieces is not what was sent."""

    says = "“{name}” did not arrive as it was sent (its SHA-256 differs), so nothing was kept; please send it again"


class Cancelled(Conflict):
    """Somebody cancelled the job; `consequence` says what stands now."""

    exit = 7
    says = "cancelled: {consequence}"


# 415 -----------------------------------------------------------------------------------------------------------------


class Unsupported(ModamaError):
    """A file cannot be opened that way; `why` says why, and what can."""

    status, exit = 415, 8
    says = "{path} cannot be shown: {why}"


class ParametersNeeded(Unsupported):
    """The file does not say its own shape; `form` lists what has to be filled in."""

    status = 422
    says = "{path} does not say how its numbers are to be read; please fill in {fields}"


# 429 -----------------------------------------------------------------------------------------------------------------


class TooManyRequests(ModamaError):
    """Somebody asks more than the site lets one person ask; `retry_after_s` says when there is room again."""

    status, exit = 429, 11
    says = "{what}; please wait {retry_after_s} s. Nothing has been changed by this request"


# 5xx -----------------------------------------------------------------------------------------------------------------


class StorageError(ModamaError):
    """The disk said no; `what` says to what, `why` in the system's words."""

    exit = 10
    says = "{what} did not work: {why}. Nothing is lost; please try again or tell your administrator"


class DiskFull(StorageError):
    """No space, no inodes or no quota left."""

    status = 507
    says = "{what} did not work: {why}. Nothing is lost; free some space or ask your administrator, then try again"


class RecordCorrupt(StorageError):
    """One of our own records cannot be read; what lies on the disk counts, a repair moves the record aside."""

    says = (
        "the record {path} cannot be read ({why}); the data itself is not touched, and an administrator can repair it"
    )


class Unreachable(ModamaError):
    """A part that is needed does not answer."""

    status, exit = 503, 11
    says = "{what} does not answer: {why}"


class VersionMismatch(Unreachable):
    """Two parts are of versions that do not go together."""

    says = "{what} is version {found}, but {wanted} is needed: {next_step}"


class Busy(Unreachable):
    """More is being asked than is done at once."""

    says = "{what} has too much to do right now; please try again in a moment. Nothing has been changed"


class TimedOut(Unreachable):
    """A limit of time was reached, and the work was stopped."""

    status = 504
    says = "{what} took longer than {limit_s} s and was stopped"


def tree(root: type[ModamaError] = ModamaError) -> dict[str, type[ModamaError]]:
    """All error classes by their code."""
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= tree(child)
    return found


def from_problem(problem: dict[str, Any]) -> ModamaError:
    """The error that a problem+json object stands for, of the same class and with the same sentence."""
    code = str(problem.get("type", "")).removeprefix("urn:modama:")
    known = tree().get(code, ModamaError)
    facts = {k: v for k, v in problem.items() if k not in {"type", "title", "status", "detail", "instance"}}
    error = known(**{**facts, **({} if code in tree() else {"what": problem.get("detail", "unknown error")})})
    error.args = (str(problem.get("detail", error)),)
    return error


FULL = {errno.ENOSPC, errno.EDQUOT}


def from_os(error: OSError, what: str) -> ModamaError:
    """The error that an OSError means to a person who asked for `what` (a phrase such as "creating folder x")."""
    why = error.strerror or str(error)
    if error.errno in FULL:
        return DiskFull(what=what, why=why)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound(what=printable(str(error.filename or what)).rsplit("/", 1)[-1])
    if error.errno in {errno.EACCES, errno.EPERM}:
        return NotAllowed(what=f"{what} is not allowed ({why}); see “Why can't I write here?” for the reason")
    if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
        return AlreadyExists(what=printable(str(error.filename or what)).rsplit("/", 1)[-1])
    if error.errno == errno.EROFS:
        return NotAllowed(what=f"{what} is not possible: this file system is mounted read-only")
    if error.errno == errno.ENAMETOOLONG:
        return NameRefused(
            name=printable(str(error.filename or "")).rsplit("/", 1)[-1],
            rule="it is longer than the file system can store",
        )
    return StorageError(what=what, why=why)
