"""Projects and sessions as objects: thin, each method one operation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jupyter_modama.core import model
from jupyter_modama.core.layout import session_place
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.sealing import Writers
from jupyter_modama.notebook import cards
from jupyter_modama.notebook.entries import (
    PAGE,
    Address,
    Entry,
    Explained,
    addresses,
    below,
    explained,
    files_below,
)
from jupyter_modama.notebook.progress import size
from jupyter_modama.notebook.rows import Rows
from jupyter_modama.notebook.tree import Tree

WriterRule = Literal["refuse", "wait", "quiet", "override"]
S = model.SessionState
STATES = {
    S.WRITABLE: "open: raw can be written",
    S.SEALING: "is being sealed",
    S.INTERRUPTED: "sealing was interrupted; seal() goes on from there",
    S.PARTIAL: "sealed in part; seal() seals the rest",
    S.SEALED: "sealed",
    S.SEALED_BARE: "protected, without checksums; seal() adds them",
    S.SEAL_LOST: "was sealed and is protected no more; verify(), then seal() again",
}


class Session:
    """A session: a folder of a project with a `raw` folder in it."""

    def __init__(self, tree: Tree, facts: model.Session) -> None:
        self._tree = tree
        self.facts = facts

    @property
    def name(self) -> str:
        return TreePath(self._path.name)

    @property
    def path(self) -> str:
        """The path below the root."""
        return self._path

    @property
    def project(self) -> Project:
        return find_project(self._tree, self._path.parent)

    @property
    def state(self) -> model.SessionState:
        return self.facts.state

    @property
    def raw(self) -> Path:
        """The folder of the raw data, on the disk."""
        return self._tree.disk(self._raw)

    @property
    def derived(self) -> Path:
        """The folder beside `raw` for what is made from it, on the disk; always writable for members."""
        area = session_place(self._tree.store.site, self._path).area
        return self._tree.disk(self._path / (area.derived if area else "analysis"))

    @property
    def notes(self) -> Path | None:
        """The page of notes, on the disk."""
        return self._tree.disk(self._path / "notes.md") if self.facts.notes else None

    @property
    def _path(self) -> TreePath:
        return TreePath.parse(self.facts.path, self.facts.path_b64)

    @property
    def _raw(self) -> TreePath:
        return self._path / TreePath(self.facts.raw).name

    def _wanted(self) -> dict[str, str]:
        return {"project": self.facts.project, "session": self.facts.name, "path_b64": self.facts.path_b64}

    def files(self, pattern: str = "", folder: str = "") -> Rows[Entry]:
        """The files of `raw`, those in folders below it too.

        `pattern`: a pattern with * ? [] for the whole name, or a part of the name, in any case; `folder`: only below
        this folder of `raw`.
        Raises: NotFound, NotAllowed.
        """
        top = below(self._raw, folder)
        return Rows("file", ("file", "size", "changed", ""), files_below(self._tree, top, pattern), f"in {top.shown}")

    def refresh(self) -> Session:
        """Look again: state, counts, seal."""
        self.facts = self._tree.do("session.show", **self._wanted())
        return self

    def survey(self) -> model.SealSurvey:
        """What a seal would do, without changing anything: files, bytes, who still writes, what is junk."""
        found: model.SealSurvey = self._tree.do("session.survey", **self._wanted())
        return found

    def seal(self, note: str = "", writers: WriterRule = "refuse", wait_s: int = 600) -> Session:
        """Make the raw files immutable and record their checksums; shows how far it is.

        `writers`: what to do about files that programs hold open for writing: refuse to seal, wait for them, seal the
        quiet ones only, or override.
        Raises: OpenWriters, AlreadySealed, NothingToSeal, NotAllowed, ...
        """
        wanted = {**self._wanted(), "note": note, "writers": Writers(writers), "wait_s": wait_s}
        self._tree.do("session.seal", **wanted)
        return self.refresh()

    def undo_seal(self) -> Session:
        """Take back a seal that one made by mistake, within the time that the site allows. Raises: UndoExpired."""
        self._tree.do("session.undo_seal", **self._wanted())
        return self.refresh()

    def unseal(self, reason: str) -> Session:
        """Make the raw files changeable again; for administrators of the site. Raises: NotAllowed."""
        self._tree.do("session.unseal", **self._wanted(), reason=reason)
        return self.refresh()

    def verify(self, folder: str = "") -> Verified:
        """Read everything again (or a folder of `raw`), and compare with the checksums of the seal.

        Raises: ManifestMismatch, which names each file that is missing, changed or new; NotSealed.
        """
        return Verified(self._tree.do("session.verify", **self._wanted(), folder=folder))

    def explain(self, path: str = "") -> Explained:
        """Why `raw`, or something in the session, can or cannot be written."""
        return explained(self._tree, below(self._path, path) if path else self._raw)

    def links(self) -> Rows[Address]:
        """Every address of the session: to open, to copy from, to mount."""
        return addresses(self._tree, self._path)

    def _row(self) -> tuple[object, ...]:
        facts = self.facts
        return (facts.name, facts.state, _count(facts.files), size(facts.size_bytes), facts.title)

    def __repr__(self) -> str:
        return f"<session {self.facts.path}: {STATES[self.state]}>"

    def _repr_html_(self) -> str:
        seal, summary = self.facts.seal, self.facts.summary
        facts = [
            ("state", STATES[self.state]),
            ("protection", self.facts.protection if self.facts.protection is not model.Protection.NONE else ""),
            ("files", f"{_count(self.facts.files)}  {size(self.facts.size_bytes)}".strip()),
            ("formats", ", ".join(f"{f.format} ({f.files:,})" for f in summary.formats[:6]) if summary else ""),
            ("sealed by", f"{seal.by.display or seal.by.login}, {cards.plain(seal.at)}" if seal else ""),
            ("note", seal.note if seal else ""),
            *self.facts.fields.items(),
        ]
        return cards.card(
            self.facts.title or self.path, facts, self.facts.warning or (self.path if self.facts.title else "")
        )


class Project:
    """A project: people with shared data."""

    def __init__(self, tree: Tree, facts: model.Project) -> None:
        self._tree = tree
        self.facts = facts

    @property
    def path(self) -> str:
        """The path below the root, which is also what `jupyter_modama.project` takes."""
        return self._path

    @property
    def name(self) -> str:
        return TreePath(self._path.name)

    @property
    def _path(self) -> TreePath:
        return TreePath.parse(self.facts.path, self.facts.path_b64)

    def _wanted(self) -> dict[str, str]:
        return {"project": self._path.shown, "path_b64": self._path.b64}

    def sessions(self, search: str = "") -> Rows[Session]:
        """The sessions, the newest first."""
        found: list[Session] = []
        cursor = "0"
        while cursor:
            page: model.SessionPage = self._tree.do(
                "session.list", **self._wanted(), search=search, cursor=cursor, limit=PAGE
            )
            found += [Session(self._tree, facts) for facts in page.items]
            cursor = page.cursor
        return Rows("session", ("session", "state", "files", "size", ""), found, f"in {self._path.shown}")

    def session(self, name: str) -> Session:
        """One session by its folder's name. Raises: NotFound."""
        return find_session(self._tree, self._path, name)

    def create_session(self, name: str = "", **fields: str) -> Session:
        """Create a session; a name that is empty or ends in `-` is completed to one that is free.

        `fields`: title, description, instrument, operator, sample, technique.
        Raises: NameRefused, AlreadyExists, NotAllowed.
        """
        return Session(self._tree, self._tree.do("session.create", **self._wanted(), name=name, **fields)).refresh()

    def _row(self) -> tuple[object, ...]:
        return (
            self.facts.path,
            _count(self.facts.sessions),
            self.facts.role,
            cards.plain(self.facts.modified),
            self.facts.title,
        )

    def __repr__(self) -> str:
        return f"<project {self.facts.path}: {_count(self.facts.sessions)} sessions, you are {self.facts.role}>"

    def _repr_html_(self) -> str:
        facts = (
            ("owners", ", ".join(person.display or person.login for person in self.facts.owners)),
            ("you are", self.facts.role),
            ("sessions", _count(self.facts.sessions)),
            ("files", f"{_count(self.facts.files)}  {size(self.facts.size_bytes)}".strip()),
            ("changed", self.facts.modified),
            ("about", self.facts.description),
        )
        return cards.card(
            self.facts.title or self.path, facts, self.facts.warning or (self.path if self.facts.title else "")
        )


class Verified:
    """What a verification found: that the checksums match, or it would have been raised."""

    def __init__(self, facts: model.VerifyReport) -> None:
        self.facts = facts

    def __repr__(self) -> str:
        facts = self.facts
        since = f" since {cards.plain(facts.sealed_at)}" if facts.sealed_at else ""
        return f"checksums match: nothing changed{since} in {_count(facts.files)} file(s), {size(facts.bytes)}"

    def _repr_html_(self) -> str:
        facts = self.facts
        rows = (
            ("protection", facts.protection),
            ("manifest", facts.manifest_sha256),
            ("note", " ".join(facts.warnings)),
        )
        return cards.card(repr(self), rows)


# Finding -------------------------------------------------------------------------------------------------------------


def find_project(tree: Tree, path: TreePath) -> Project:
    return Project(tree, tree.do("project.show", project=path.shown, path_b64=path.b64))


def find_session(tree: Tree, project: TreePath, name: str) -> Session:
    path = project / TreePath.parse(name)
    wanted = {"project": project.shown, "session": TreePath(path.name).shown, "path_b64": path.b64}
    return Session(tree, tree.do("session.show", **wanted))


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
