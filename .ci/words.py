"""The texts of the interface in other languages: from the sources into the catalogues, from there into the package.

`words.py` brings the catalogues up to date and compiles them; `words.py --check` says what is not.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog, Message

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "labextension"
CATALOGUES = SOURCES / "words"
SHIPPED = ROOT / "jupyter_modama" / "locale"
# The name of the entry point in `jupyterlab.locale`, by which JupyterLab finds the compiled file.
DOMAIN = "jupyter_modama"
HEADER = "# The texts of the sidebar and of the pages. `make words` keeps this file; only msgstr is written by hand."


def said() -> Catalog:
    """What the sources say."""
    answer = subprocess.run(["node", "words.mjs"], cwd=SOURCES, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(answer.stderr.strip())
    catalog = Catalog(domain=DOMAIN)
    for text in json.loads(answer.stdout):
        ids = (text["one"], text["many"]) if "many" in text else text["one"]
        catalog.add(ids, locations=[(file, 0) for file in text["where"]], context=text["context"] or None)
    return catalog


def brought_up(file: Path, sources: Catalog) -> Catalog:
    """The catalogue with the texts that the sources have now, and its translations of them."""
    language = file.stem
    with file.open("rb") as old:
        catalog = pofile.read_po(old, locale=language, domain=DOMAIN)
    catalog.update(sources, no_fuzzy_matching=True)
    fresh = Catalog(locale=language, domain=DOMAIN, project="jupyter-modama", header_comment=HEADER, fuzzy=False)
    for message in sorted((m for m in catalog if m.id), key=_order):
        fresh.add(message.id, message.string, message.locations, message.flags - {"fuzzy"}, context=message.context)
    return fresh


def written(catalog: Catalog) -> str:
    """The catalogue as a file without what changes from day to day."""
    out = io.BytesIO()
    pofile.write_po(out, catalog, width=110, include_lineno=False)
    lines = out.getvalue().decode().splitlines(keepends=True)
    noise = re.compile(r'"(POT-Creation-Date|PO-Revision-Date|Generated-By|Project-Id-Version|Report-Msgid|Last-Tr)')
    return "".join(line for line in lines if not noise.match(line))


def compiled(catalog: Catalog) -> str:
    """The catalogue as JupyterLab reads it: contexts before the text, forms in a list."""
    head = {
        "domain": DOMAIN,
        "language": str(catalog.locale_identifier).replace("_", "-"),
        "plural_forms": catalog.plural_forms,
        "version": "",
    }
    texts = {"": head} | {_key(m): list(_forms(m)) for m in catalog if m.id and all(_forms(m))}
    return json.dumps(texts, ensure_ascii=False, indent=0) + "\n"


def missing(catalog: Catalog) -> list[str]:
    """What is not translated, or with other places for values than the source has."""
    wrong = []
    for message in (m for m in catalog if m.id):
        if not all(_forms(message)):
            wrong.append(f"no translation: {_one(message)!r}")
            continue
        sources = [_places(text) for text in _texts(message.id)]
        wrong.extend(
            f"other places for values than in the source: {_one(message)!r}: {form!r}"
            for form in _forms(message)
            if _places(form) not in sources
        )
    return wrong


def main(check: bool) -> None:
    sources, complaints = said(), []
    for file in sorted(CATALOGUES.glob("*.po")):
        catalog = brought_up(file, sources)
        shipped = SHIPPED / file.stem / "LC_MESSAGES" / f"{DOMAIN}.json"
        for path, text in ((file, written(catalog)), (shipped, compiled(catalog))):
            if check and (not path.exists() or path.read_text() != text):
                complaints.append(f"{path.relative_to(ROOT)} is not what the sources say: make words")
            elif not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        complaints += [f"{file.relative_to(ROOT)}: {what}" for what in missing(catalog)]
    if complaints:
        sys.exit("\n".join(complaints))


def _texts(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (str(text),)


def _forms(message: Message) -> tuple[str, ...]:
    return _texts(message.string or "")


def _one(message: Message) -> str:
    return _texts(message.id)[0]


def _order(message: Message) -> tuple[str, str]:
    return _one(message), message.context or ""


def _key(message: Message) -> str:
    return f"{message.context}\u0004{_one(message)}" if message.context else _one(message)


def _places(text: str) -> set[str]:
    return set(re.findall(r"%\d", text))


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
