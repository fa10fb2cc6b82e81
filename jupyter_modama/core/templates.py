"""Templates for addresses and commands: `{field}` or `{field:filter}`, each value quoted for where it goes.

    {path}        quoted for the kind of row: an address in `url`, a shell word in `command`, as it is in `text`
    {path:cmd}    quoted for a named place, see FILTERS
    {{ and }}     braces

A value that a place cannot express (a Windows name with a colon, bytes that are no text in a web address) raises
`NotExpressible`, so that no wrong address is ever shown.
"""

from __future__ import annotations

import html
import re
import shlex
import string
import unicodedata
from collections.abc import Callable, Mapping
from urllib.parse import quote

from jupyter_modama.core.names import DEVICES

Value = str | tuple[str, ...]
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class NotExpressible(ValueError):
    """A value cannot be written in that place; the text says why."""


def fields_of(template: str) -> list[tuple[str, str]]:
    """The fields of a template with their filters (an empty one where none is named).

    Raises: ValueError for braces that do not pair or a form that is not `{field:filter}`.
    """
    found = []
    for _, name, filter_, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if conversion or not name.isidentifier() or "{" in (filter_ or ""):
            raise ValueError(f"“{{{name}}}” is no placeholder of the form {{field}} or {{field:filter}}")
        found.append((name, filter_ or ""))
    return found


def filled(template: str, values: Mapping[str, Value], default: str) -> str:
    """The template with its values, each quoted by its filter; `default` is the filter where none is named.

    Raises: NotExpressible.
    """
    parts = []
    for literal, name, filter_, _ in string.Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            parts.append(_quoted(values[name], filter_ or (RAW if name in ADDRESSES and default == "url" else default)))
    return "".join(parts)


def _quoted(value: Value, filter_: str) -> str:
    if isinstance(value, tuple):
        return " ".join(FILTERS[filter_](word) for word in value)
    return FILTERS[filter_](value)


# The filters ---------------------------------------------------------------------------------------------------------


def as_it_is(text: str) -> str:
    return text


def for_text(text: str) -> str:
    """The text for people; bytes that are no text have no form that could be pasted anywhere."""
    return _utf8(text)


def for_url(text: str) -> str:
    """A part of a web address; `/` stays, everything else that has a meaning there is escaped."""
    return quote(_utf8(text), safe="/")


def for_url_of_bytes(text: str) -> str:
    """A part of a web address whose server takes names that are no text, too."""
    return quote(text.encode("utf-8", "surrogateescape"), safe="/")


def for_shell(text: str) -> str:
    """One word of a POSIX shell. What would act on a terminal when it is pasted is written as `$'\\ooo'`."""
    if not any(unicodedata.category(sign) in INVISIBLE for sign in text):
        return shlex.quote(text)
    return "$'" + "".join(_ansi_c(sign) for sign in text) + "'"


def _ansi_c(sign: str) -> str:
    if sign in "\\'":
        return "\\" + sign
    if unicodedata.category(sign) in INVISIBLE:
        return "".join(f"\\{byte:03o}" for byte in sign.encode("utf-8", "surrogateescape"))
    return sign


def for_rsync(text: str) -> str:
    """A remote path of rsync with `-s`: no shell sees it there, but rsync itself expands wildcards."""
    if not re.search(r"[*?\[]", text):
        return for_shell(text)
    return for_shell(re.sub(r"([*?\[\\])", r"\\\1", text))


def for_sftp_file(text: str) -> str:
    """A remote file of sftp, which splits the path into words of its own and expands wildcards."""
    if "\n" in text or "\r" in text:
        raise NotExpressible("sftp takes no line breaks in names")
    escaped = re.sub(r"([\s'\"#])", r"\\\1", re.sub(r"([*?\[\\])", r"\\\1", text))
    return for_shell(escaped)


def for_sftp_folder(text: str) -> str:
    """A remote folder of sftp, which it puts between double quotes without looking."""
    if re.search(r'["\\\n\r]', text):
        raise NotExpressible("sftp takes no quotes, backslashes or line breaks in the names of folders")
    return for_shell(text)


def for_windows(text: str) -> str:
    """A path as Windows writes it; only names that Windows can have."""
    for name in _utf8(text).split("/"):
        stem = name.split(".")[0].strip().upper()
        if re.search(r'[<>:"|?*\\\x00-\x1f]', name) or name.endswith((".", " ")) or stem in DEVICES:
            raise NotExpressible(f"Windows cannot have the name “{name}”")
    return text.replace("/", "\\")


def for_cmd(text: str) -> str:
    """One word at the prompt of cmd.exe, of a Windows path.

    Inside quotes only `%` still acts there: it is put outside, so that the name of the variable that it would begin
    holds a quote, which no variable has.
    """
    return '"' + re.sub(r'(\\*)("%"|$)', r"\1\1\2", for_windows(text).replace("%", '"%"')) + '"'


def for_html(text: str) -> str:
    return html.escape(_utf8(text), quote=True)


def for_markdown(text: str) -> str:
    """Text in Markdown that is shown as it is."""
    return re.sub(r"\s", " ", re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~&$])", r"\\\1", _utf8(text)))


def for_code_span(text: str) -> str:
    """A code span of Markdown, between more backticks than are in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{space}{re.sub(chr(10), ' ', _utf8(text))}{space}{fence}"


def for_python(text: str) -> str:
    """A literal of Python; bytes that are no text are surrogate escapes, as Python's own functions give them."""
    return ascii(text) if any(unicodedata.category(sign) in INVISIBLE for sign in text) else repr(text)


def _utf8(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotExpressible("the name holds bytes that are no text (not UTF-8)") from None
    return text


RAW = "raw"
FILTERS: dict[str, Callable[[str], str]] = {
    RAW: as_it_is,
    "text": for_text,
    "url": for_url,
    "bytes": for_url_of_bytes,
    "sh": for_shell,
    "rsync": for_rsync,
    "sftp": for_sftp_file,
    "sftpdir": for_sftp_folder,
    "win": for_windows,
    "cmd": for_cmd,
    "html": for_html,
    "md": for_markdown,
    "code": for_code_span,
    "py": for_python,
}

# Whole addresses from the site file: not quoted again in an address that begins with them.
ADDRESSES = {"hub", "nextcloud", "eln", "permalink", "address"}
