"""Make a machine ready for the hub of a site.

python -m hub_config prepare --site /etc/modama/site.toml     accounts, folders, the notice that the tree is managed
python -m hub_config settings                                 every key of the site file, as a page of the docs
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jupyter_modama.core.errors import ModamaError


def main(words: Sequence[str] | None = None) -> int:
    """The exit code; what is wrong is said in a sentence."""
    parser = argparse.ArgumentParser(prog="python -m hub_config", description="Make a machine ready for a hub.")
    parser.add_argument("command", choices=["prepare", "settings"])
    parser.add_argument("--site", default=os.environ.get("MODAMA_SITE", "/etc/modama/site.toml"), help="the site file")
    asked = parser.parse_args(words)
    try:
        lines = _settings() if asked.command == "settings" else _prepare(Path(os.path.abspath(asked.site)))
        for line in lines:
            sys.stdout.write(line + "\n")
    except ModamaError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit
    return 0


def _settings() -> list[str]:
    from hub_config.settings import page

    return page().splitlines()


def _prepare(file: Path) -> list[str]:
    from hub_config.prepare import next_steps, prepare, prepared_site

    made = list(prepare(file))
    return [*(made or ["everything is there already"]), "", *next_steps(prepared_site(file), file)]


if __name__ == "__main__":
    sys.exit(main())
