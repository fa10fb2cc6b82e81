"""People who work in a tree in memory, and its paths: used as accounts and paths of a real machine are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.model import Actor, EntryKind, Person, Via
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat
from jupyter_modama.testing.memory import ENTER, READ, WRITE, MemoryStore


@dataclass(frozen=True)
class MemoryPath:
    """A path in a tree in memory."""

    store: MemoryStore
    path: TreePath

    def __truediv__(self, name: str) -> MemoryPath:
        found = self
        for part in name.split("/"):
            found = MemoryPath(self.store, found.path / part if found.path else TreePath(part))
        return found

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> MemoryPath:
        return MemoryPath(self.store, self.path.parent)

    def with_name(self, name: str) -> MemoryPath:
        return self.parent / name

    def iterdir(self) -> Iterator[MemoryPath]:
        return (self / stat.path.name for stat in self.store.children(self.path))

    def stat(self) -> _Status:
        return _Status(self.store.stat(self.path))

    @contextmanager
    def written(self) -> Iterator[None]:
        """While a program holds it open for writing."""
        node = self.store._node(self.path)
        node.written_by = "acquire"
        try:
            yield
        finally:
            node.written_by = ""

    def text(self) -> bytes:
        return self.store._node(self.path).text

    def texts(self) -> dict[TreePath, bytes]:
        """What is in each file below."""
        below = self.store.sealing._below(self.path)
        return {path: node.text for path, node in below if node.kind is EntryKind.FILE}

    def changeable(self) -> list[str]:
        """What from here downwards does not carry the immutable flag."""
        below = self.store.sealing._below(self.path)
        return [path for path, node in below if not node.immutable and node.kind is not EntryKind.LINK]


@dataclass(frozen=True)
class _Status:
    """As os.stat_result has it."""

    found: Stat

    @property
    def st_uid(self) -> int:
        return self.found.uid


@dataclass(frozen=True)
class MemoryAccount:
    """Somebody who looks at the tree with their own rights, and changes it as the kernel lets them."""

    name: str
    store: MemoryStore
    person: Person

    @property
    def login(self) -> str:
        return self.person.login

    @property
    def uid(self) -> int:
        return self.person.uid

    @property
    def actor(self) -> Actor:
        return Actor(self.person, Via.CLI, "hub-token")

    @property
    def _seen(self) -> MemoryStore:
        return self.store.seen_by(self.person)

    def fill(self, folder: MemoryPath, files: Mapping[str, str]) -> None:
        """Make files, with the folders above them."""
        for name, text in files.items():
            *above, last = (folder / name).path.parts
            at = TreePath("")
            for part in above:
                at, parent = at / part if at else TreePath(part), at
                if part not in self.store._node(parent).inner:
                    inner = self._seen._folder(parent, WRITE | ENTER)
                    self._seen._made(inner, part, EntryKind.FOLDER, None, 0o2770)
            self._seen._made(
                self._seen._folder(at, WRITE | ENTER), last, EntryKind.FILE, None, 0o660
            ).text = text.encode()

    def _does(self, path: TreePath, wanted: int) -> bool:
        try:
            return self._seen._may(self._seen._node(path), wanted)
        except ModamaError:
            return False

    def reads(self, path: MemoryPath) -> bool:
        return self._does(path.path, READ)

    def appends(self, path: MemoryPath) -> bool:
        if not self._does(path.path, WRITE):
            return False
        self.store._node(path.path).text += b"x"
        return True

    def makes(self, path: MemoryPath) -> bool:
        if not self._does(path.path.parent, WRITE | ENTER) or path.name in self.store._node(path.path.parent).inner:
            return False
        self.fill(path.parent, {path.name: "x"})
        return True

    def removes(self, path: MemoryPath) -> bool:
        try:
            self._seen.remove(self._seen.stat(path.path))
        except ModamaError:
            return False
        return True

    def can(self, program: str, old: MemoryPath, new: MemoryPath) -> bool:
        """Of programs there is `mv`."""
        assert program == "mv"
        try:
            self._seen.move(old.path, new.path)
        except ModamaError:
            return False
        return True


@dataclass
class MemoryAccounts:
    """The people of a test, by the names that it gave them."""

    alice: MemoryAccount
    bob: MemoryAccount
    carol: MemoryAccount

    def __iter__(self) -> Iterator[MemoryAccount]:
        return iter((self.alice, self.bob, self.carol))


def memory_account(store: MemoryStore, name: str, uid: int) -> MemoryAccount:
    """Somebody whom the store knows from now on."""
    person = Person(uid, f"{name}-m", name.capitalize())
    store.people.append(person)
    return MemoryAccount(name, store, person)
