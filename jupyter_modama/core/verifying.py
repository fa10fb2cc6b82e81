"""Files as they are, held against a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_modama.core.errors import ManifestMismatch
from jupyter_modama.core.paths import TreePath

NAMED = 1000


@dataclass(slots=True)
class Comparison:
    """Paths from the session's folder; `moved` says which new file has the content of which missing one."""

    files: int = 0
    bytes: int = 0
    manifest_sha256: str = ""
    missing: list[TreePath] = field(default_factory=list)
    changed: list[TreePath] = field(default_factory=list)
    new: list[TreePath] = field(default_factory=list)
    unreadable: list[TreePath] = field(default_factory=list)
    moved: dict[TreePath, TreePath] = field(default_factory=dict)
    bare: list[TreePath] = field(default_factory=list)  # unchanged, yet not protected any more

    @property
    def differs(self) -> bool:
        return bool(self.missing or self.changed or self.new or self.unreadable)


def compare(
    recorded: Mapping[TreePath, Any], hashed: Iterable[Any], prefix: TreePath, manifest_sha256: str
) -> Comparison:
    """Hold hashed files (paths below `prefix`) against the manifest's lines below it."""
    found = Comparison(manifest_sha256=manifest_sha256)
    expected = {path: line for path, line in recorded.items() if path.below(prefix)}
    contents: dict[str, TreePath] = {}
    for file in hashed:
        path = TreePath(f"{prefix}/{file.path}")
        found.files += 1
        found.bytes += file.size_bytes
        line = expected.pop(path, None)
        if file.error:
            found.unreadable.append(path)
        elif line is None:
            found.new.append(path)
            contents[file.sha256] = path
        elif line.sha256 != file.sha256:
            found.changed.append(path)
    found.missing = sorted(expected)
    found.moved = {path: contents[line.sha256] for path, line in expected.items() if line.sha256 in contents}
    for paths in (found.changed, found.new, found.unreadable):
        paths.sort()
    return found


def compare_links(
    found: Comparison, recorded: Mapping[TreePath, str], now: Mapping[TreePath, str], prefix: TreePath
) -> None:
    """Add to a comparison what became of symbolic links: they have no checksum, and where they point to counts."""
    there = {prefix / path: target for path, target in now.items()}
    then = {path: target for path, target in recorded.items() if path.below(prefix)}
    found.missing += sorted(then.keys() - there.keys())
    found.new += sorted(there.keys() - then.keys())
    found.changed += sorted(path for path in then.keys() & there.keys() if then[path] != there[path])


def mismatch(what: str, found: Comparison) -> ManifestMismatch:
    """The error that names every difference, up to a thousand of each kind."""
    named = {
        kind: [p.shown for p in getattr(found, kind)[:NAMED]] for kind in ("missing", "changed", "new", "unreadable")
    }
    counts = {f"count_{kind}": len(getattr(found, kind)) for kind in named}
    moved = [{"from": old.shown, "to": new.shown} for old, new in list(found.moved.items())[:NAMED]]
    return ManifestMismatch(session=what, files=found.files, moved=moved, **named, **counts)
