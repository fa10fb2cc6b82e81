"""Files and folders of the tree as objects, and what can be asked of any path."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_modama.core import model
from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.paths import TreePath
from jupyter_modama.notebook import cards, loading
from jupyter_modama.notebook.progress import size
from jupyter_modama.notebook.rows import Rows
from jupyter_modama.notebook.tree import Tree
from jupyter_modama.readers.formats import what_can_be_done

PAGE = 1000
MIME_TYPE = "application/vnd.modama.entry+json"


class Entry:
    """A file or folder of the tree."""

    def __init__(self, tree: Tree, facts: model.Entry) -> None:
        self._tree = tree
        self.facts = facts
        self._path = TreePath.parse(facts.path, facts.path_b64)

    @property
    def path(self) -> str:
        """The path below the root."""
        return self._path

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def size_bytes(self) -> int | None:
        return self.facts.size_bytes

    @property
    def modified(self) -> datetime | None:
        return self.facts.modified

    @property
    def disk(self) -> Path:
        """Where it lies on the disk, for programs that take a file name."""
        return self._tree.disk(self._path)

    def __fspath__(self) -> str:
        return str(self.disk)

    def load(self, with_: str = "", **given: Any) -> Any:
        """The data, lazily: see `jupyter_modama.load`."""
        return loading.load(self._tree, self._path, with_, **given)

    def explain(self) -> Explained:
        """Why this can or cannot be written."""
        return explained(self._tree, self._path)

    def links(self) -> Rows[Address]:
        """Every address of this: to open, to copy from, to mount."""
        return addresses(self._tree, self._path)

    def _repr_mimebundle_(self, **_: object) -> dict[str, dict[str, str]]:
        """The path for the viewer of the sidebar, beside text and HTML for every other program; never pixels."""
        if not what_can_be_done(self.name, self.facts.kind is model.EntryKind.FOLDER).preview:
            return {}
        return {MIME_TYPE: {"path": self.facts.path, "path_b64": self.facts.path_b64}}

    def _row(self) -> tuple[object, ...]:
        state = "sealed" if self.facts.sealed else ""
        return (self.name, size(self.size_bytes), self.modified, state)

    def __repr__(self) -> str:
        return f"<{self.facts.kind} {self._path.shown}  {size(self.size_bytes)}>"

    def _repr_html_(self) -> str:
        facts = (
            ("size", size(self.size_bytes)),
            ("changed", self.modified),
            ("owner", f"{self.facts.owner} {self.facts.mode}"),
            ("sealed", "yes" if self.facts.sealed else ""),
            ("opens with", ", ".join(self.facts.tools)),
        )
        return cards.card(self.path, facts, self.facts.problem)


class Explained:
    """Why something can or cannot be written: prints as the sentence."""

    def __init__(self, facts: model.Explanation) -> None:
        self.facts = facts

    def __bool__(self) -> bool:
        return self.facts.writable

    def __repr__(self) -> str:
        return self.facts.sentence

    def _repr_html_(self) -> str:
        reasons = [
            (reason.code.replace("-", " "), f"{reason.sentence} {reason.next_step}") for reason in self.facts.reasons
        ]
        return cards.card(self.facts.path, reasons if len(reasons) > 1 else (), self.facts.sentence)


class Address:
    """One address of a path."""

    def __init__(self, facts: model.Link) -> None:
        self.facts = facts

    @property
    def name(self) -> str:
        return self.facts.tool

    def __str__(self) -> str:
        return self.facts.value

    def _row(self) -> tuple[object, ...]:
        return (self.facts.tool, self.facts.label, self.facts.value)

    def __repr__(self) -> str:
        return f"<{self.facts.tool}: {self.facts.value}>"


# Asking --------------------------------------------------------------------------------------------------------------


def at(path: TreePath) -> dict[str, str]:
    """A path as the fields that operations take."""
    return {"path": path.shown, "path_b64": path.b64}


def below(top: TreePath, text: str) -> TreePath:
    """A path that is given from a folder on. Raises: PathRefused."""
    for part in TreePath.parse(text).parts:
        top = top / part
    return top


def explained(tree: Tree, path: TreePath) -> Explained:
    return Explained(tree.do("entry.explain", **at(path)))


def addresses(tree: Tree, path: TreePath) -> Rows[Address]:
    found: model.Links = tree.do("entry.links", **at(path))
    return Rows("address", ("tool", "", "address"), (Address(link) for link in found.items), found.advice)


def files_below(tree: Tree, folder: TreePath, pattern: str) -> Iterator[Entry]:
    """The files below a folder whose names pass the filter, folder by folder; links are left out.

    Two listings a folder: of what passes the filter, then of everything as far as the folders go, which come first.
    """
    for facts in _pages(tree, folder, pattern):
        if facts.kind is model.EntryKind.FILE:
            yield Entry(tree, facts)
    for facts in _pages(tree, folder, ""):
        if facts.kind is not model.EntryKind.FOLDER:
            break
        try:
            yield from files_below(tree, TreePath.parse(facts.path, facts.path_b64), pattern)
        except NotFound:
            continue  # removed meanwhile


def _pages(tree: Tree, folder: TreePath, pattern: str) -> Iterator[model.Entry]:
    start, cursor, total = 0, "", 1
    while start < total:
        page: model.FolderPage = tree.do(
            "folder.list", **at(folder), filter=pattern, start=start, cursor=cursor, limit=PAGE
        )
        yield from page.items
        start, cursor, total = start + PAGE, page.cursor, page.total
