"""Paths below the root of the data tree, kept apart from paths on the disk by their type."""

from __future__ import annotations

import base64
import binascii

from jupyter_modama.core.errors import PathRefused, printable


class TreePath(str):
    """A path below the root: `/`-separated, no leading `/`, no `.` or `..`; the empty path is the root itself.

    Bytes that are no UTF-8 are held as surrogate escapes, as Python's own file functions do.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, b64: str = "") -> TreePath:
        """The path that a request means; `b64`, where given, counts and not the escaped text.

        Raises: PathRefused.
        """
        if b64:
            text = _decoded(b64)
        text = _canonical(text)
        text = text.rstrip("/") if text != "/" else ""
        if text.startswith("/"):
            raise PathRefused(path=printable(text), rule="paths are given below the root, without a leading /")
        if not text:
            return cls("")
        for part in text.split("/"):
            if part in {"", ".", ".."}:
                raise PathRefused(path=printable(text), rule=f"it holds the part {part!r}")
            if "\0" in part:
                raise PathRefused(path=printable(text).replace("\0", "\\0"), rule="it holds a NUL character")
            if len(part.encode("utf-8", "surrogateescape")) > 255:
                raise PathRefused(path=printable(text)[:80] + "…", rule="one of its names is longer than 255 bytes")
        return cls(text)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.split("/")) if self else ()

    @property
    def name(self) -> str:
        return self.rsplit("/", 1)[-1]

    @property
    def parent(self) -> TreePath:
        return TreePath(self.rpartition("/")[0])

    def __truediv__(self, name: str) -> TreePath:
        return TreePath(f"{self}/{name}" if self else name)

    def below(self, other: TreePath) -> bool:
        """Whether this is `other` or lies somewhere below it."""
        return not other or self == other or self.startswith(other + "/")

    @property
    def shown(self) -> str:
        """The path for people and JSON, undecodable bytes escaped."""
        return printable(self)

    @property
    def b64(self) -> str:
        """The bytes in base64 where `shown` does not say them all, otherwise nothing."""
        return encoded(self) if self.shown != self else ""


def encoded(text: str) -> str:
    """Bytes of a name or path as URL-safe base64."""
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")


def _canonical(text: str) -> str:
    """The text as file functions give it: bytes that are UTF-8 after all are no escapes any more."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise PathRefused(path=printable(text), rule="it holds half of a character") from error


def _decoded(b64: str) -> str:
    try:
        raw = base64.b64decode(b64.encode("ascii"), altchars=b"-_", validate=True)
        return raw.decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError) as error:
        raise PathRefused(path=b64[:80], rule="path_b64 is not base64") from error
