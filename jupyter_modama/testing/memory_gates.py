"""Gates of projects in a store in memory: who is let in, and what a pass through a project would mend."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from jupyter_modama.core.errors import NotAllowed
from jupyter_modama.core.gate import Gate, templates
from jupyter_modama.core.layout import RECORDS, place
from jupyter_modama.core.model import EntryKind, Role
from jupyter_modama.core.paths import TreePath

if TYPE_CHECKING:
    from jupyter_modama.testing.memory import MemoryStore


@dataclass
class Passed:
    """What a pass through a project found."""

    files: int = 0
    folders: int = 0
    sealed: int = 0
    mended: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[TreePath]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    mendable: tuple[str, ...] = ("other-names",)


class MemoryGates:
    """Gates in memory: what the folder of a project grants by name, its mode, its owners."""

    most = 100  # people at one gate

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def read(self, project: TreePath) -> Gate:
        node = self.store._node(project)
        owners = self.store.owner_uids(project) or (node.uid,)
        roles = {7: Role.MEMBER, 5: Role.READER}
        people = {uid: roles[bits] for uid, bits in node.named.items() if bits in roles}
        until = (self.store.read_record(project, "project") or {}).get("until", {})
        days = {int(uid): date.fromisoformat(day) for uid, day in until.items() if int(uid) in people}
        return Gate({**people, **dict.fromkeys(owners, Role.OWNER)}, {}, node.mode & 5 == 5, days)

    def fits(self, project: TreePath, gate: Gate) -> bool:
        return len(gate.people) <= self.most

    def write(self, project: TreePath, old: Gate, new: Gate) -> None:
        node = self.store._node(project)
        if self.store.me().uid not in {0, node.uid}:
            raise NotAllowed(what=f"changing the members of “{project.shown}” is not allowed")
        folder = templates(new, place(self.store.site, project).layout).folder
        node.named, node.mode = dict(folder.users), 0o3770 | folder.other
        if node.uid == 0:
            node.owners = new.owners

    def establish(self, project: TreePath, gate: Gate) -> None:
        node = self.store._node(project)
        node.uid, node.mode = 0, 0o3700
        self.write(project, Gate(), gate)

    def dress(self, path: TreePath) -> None:
        node = self.store._node(path)
        node.uid, node.mode = 0, node.mode | 0o3000

    def adopt(self, project: TreePath) -> None:
        node = self.store._node(project)
        node.uid, node.mode = 0, node.mode | 0o3000

    def go_through(
        self, top: TreePath, gate: Gate, spare: Collection[TreePath], *, mend: bool, report: bool
    ) -> Generator[int, None, Passed]:
        lists, found = templates(gate, place(self.store.site, top).layout), Passed()
        todo = [(top, self.store._node(top))]
        while todo:
            path, node = todo.pop()
            if node.immutable or (path != top and TreePath(path[len(top) + 1 :]) in spare):
                found.sealed += 1
                continue
            is_folder = node.kind is EntryKind.FOLDER
            found.folders, found.files = found.folders + is_folder, found.files + (not is_folder)
            wanted = lists.folder if is_folder else lists.of_file(bool(node.mode & 0o100))
            users = dict(wanted.users)
            if mend:
                node.mode = node.mode & ~7 | wanted.other
            if node.named != users:
                found.counts["other-names"] = found.counts.get("other-names", 0) + 1
                found.examples.setdefault("other-names", []).append(TreePath(path[len(top) + 1 :]))
                if mend:
                    node.named, found.mended = users, found.mended + 1
            yield found.files + found.folders
            todo += [(path / name, below) for name, below in node.inner.items() if name != RECORDS]
        return found
