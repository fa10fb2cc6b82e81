"""Quoting: what a program on the other side of a template gets is exactly the path."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import unicodedata
from html.parser import HTMLParser
from urllib.parse import unquote, unquote_to_bytes

import mistune
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jupyter_modama.core import templates
from jupyter_modama.core.templates import FILTERS, INVISIBLE, NotExpressible, fields_of, filled

# File names are bytes without NUL and `/`; Python holds them with surrogate escapes.
names = st.one_of(
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1),
    st.text(st.sampled_from("ab -#&%'\"$`\\!*?[]{}()<>|;~^\n\t\x1bäß€😀\u202e"), min_size=1),
    st.binary(min_size=1).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"").replace(b"/", b"") or b"\xff")),
)


def is_text(name: str) -> bool:
    return not any("\udc80" <= sign <= "\udcff" for sign in name)


@given(names)
def test_shell_word_without_control_characters_is_split_back_to_the_name(name: str) -> None:
    """What Python's own shell parser reads is the name, as one word."""
    assume(not any(unicodedata.category(sign) in INVISIBLE for sign in name))
    assert shlex.split(f"x {templates.for_shell(name)} y") == ["x", name, "y"]


@given(st.lists(names, min_size=20, max_size=40))
@settings(max_examples=15, deadline=None)
def test_real_shell_gives_back_the_bytes(found: list[str]) -> None:
    """A real bash hands the very bytes to a program, whatever they are."""
    line = "printf '%s\\0' " + " ".join(map(templates.for_shell, found))
    told = subprocess.run(["bash", "-c", os.fsencode(line)], capture_output=True, check=True).stdout
    assert told == b"".join(os.fsencode(name) + b"\0" for name in found)


@given(names)
def test_shell_word_has_nothing_that_acts_on_a_terminal(name: str) -> None:
    """Pasting a command never sends a control character, a line break or a change of direction."""
    assert not any(unicodedata.category(sign) in INVISIBLE for sign in templates.for_shell(name))


@given(names)
def test_address_is_plain_ascii_and_means_the_name(name: str) -> None:
    """Nothing of a name acts as a part of an address; a name that is no text is refused."""
    if not is_text(name):
        with pytest.raises(NotExpressible):
            templates.for_url(name)
        name_bytes = templates.for_url_of_bytes(name)
    else:
        name_bytes = templates.for_url(name)
        assert unquote(name_bytes, errors="strict") == name
    assert unquote_to_bytes(name_bytes) == os.fsencode(name)
    assert re.fullmatch(r"[A-Za-z0-9%._~-]*", name_bytes)


class Texts(HTMLParser):
    """What a browser reads: attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.hrefs: list[str | None] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.hrefs += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(names.filter(is_text))
def test_html_shows_the_name_and_makes_no_tags(name: str) -> None:
    """A name cannot become markup, in text or in an attribute."""
    quoted = templates.for_html(name)
    found = Texts(f'<a href="{quoted}">{quoted}</a>')
    assert (found.tags, found.hrefs, "".join(found.texts)) == (["a"], [name], name)


@given(st.text(st.sampled_from("ab -#&%'\"$`\\!*?[]{}()<>|;~^_+.1äß€"), min_size=1).map(lambda s: f"x{s}x"))
def test_markdown_shows_the_name_as_it_is(name: str) -> None:
    """A Markdown reader shows exactly the name: no emphasis, no link, no tag."""
    rendered = str(mistune.html(templates.for_markdown(name)))
    found = Texts(rendered)
    assert found.tags == ["p"]
    assert "".join(found.texts).strip() == name


@given(st.text(st.sampled_from("ab -#&*[]<>`\\"), min_size=1))
def test_code_span_of_markdown_holds_the_path(path: str) -> None:
    """A path with backticks is still one code span that shows all of it."""
    assume(path.strip())
    found = Texts(str(mistune.html("x " + templates.for_code_span(path) + " x")))
    assert found.tags == ["p", "code"]
    assert found.texts[1].strip() == path.strip()


@given(names)
def test_python_literal_is_the_name(name: str) -> None:
    """Python reads the literal back, bytes that are no text included."""
    literal = templates.for_python(name)
    assert ast.literal_eval(literal) == name
    assert literal.isprintable()


def command_prompt(line: str) -> list[str]:
    """The words that a Windows program gets from a line typed at cmd.exe: its variables first, then its quotes."""
    for variable in re.findall(r"%([^%]+)%", line):
        assert '"' in variable, f"cmd.exe would look up the variable {variable!r}"
    outside = re.sub(r'"[^"]*("|$)', "", line)
    assert not set(outside) & set("&|<>^()"), f"{outside!r} acts outside of quotes"
    words, word, quoted, at = [], "", False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        at += slashes
        if slashes and line[at : at + 1] == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
                at += 1
        elif slashes:
            word += "\\" * slashes
        elif line[at] == '"':
            quoted, at = not quoted, at + 1
        elif line[at] == " " and not quoted:
            words, word, at = [*words, word], "", at + 1
        else:
            word, at = word + line[at], at + 1
    return [*words, word]


@given(st.text(st.sampled_from("ab %&^!'()äß$`#;,=~"), min_size=1).map(lambda s: f"//host/share/{s}x/%TEMP%"))
def test_command_prompt_gives_back_the_path(path: str) -> None:
    """No percent sign, ampersand or caret of a name acts at the prompt of Windows."""
    assert command_prompt(f"robocopy {templates.for_cmd(path)} .") == ["robocopy", path.replace("/", "\\"), "."]


@pytest.mark.parametrize("name", ["a:b", "con", "NUL.txt", "dot.", "space ", 'q"', "a\\b", "x\ny", "a?", "bad\udcff"])
def test_names_that_windows_cannot_have_are_refused(name: str) -> None:
    """A Windows path is never shown for a name that would lead elsewhere or nowhere."""
    with pytest.raises(NotExpressible):
        templates.for_windows(f"adhoc/{name}")


def test_template_quotes_for_its_kind_and_takes_braces() -> None:
    """The filter of the row counts where a placeholder names none."""
    values = {"path": "a b&c", "hub": "https://hub.example.org"}
    assert filled("{hub}/x?path={path}&k={{}}", values, "url") == "https://hub.example.org/x?path=a%20b%26c&k={}"
    assert filled("ls {path} {path:raw}", values, "sh") == "ls 'a b&c' a b&c"
    assert filled("run {words}", {"words": ("-o", "a b")}, "sh") == "run -o 'a b'"


@pytest.mark.parametrize("template", ["{", "}", "{path!r}", "{path.__class__}", "{0}", "{}", "{path:{x}}", "{path[0]}"])
def test_templates_reach_nothing_but_fields(template: str) -> None:
    """Attributes, indexes and conversions of Python's format are no part of the language."""
    with pytest.raises(ValueError, match=r"."):
        fields_of(template)


def test_every_filter_takes_an_ordinary_name() -> None:
    """No filter refuses what every place can express."""
    for name, quote in FILTERS.items():
        assert "frame_1" in quote("frame_1").replace("\\", ""), name
