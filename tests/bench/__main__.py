"""Measure the rows that are named (all of them otherwise), print the table, and keep it in bench-results/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import event_loop, libertem, listing, members, mounts, previews, seals, sizes, starting
from tests.bench.measure import Line, Skipped

ROOT = Path(__file__).parents[2]
ROWS: dict[str, Callable[[], Iterator[Line]]] = {
    "listing": listing.first_page,
    "pages": listing.further_pages,
    "seal": seals.flags_only,
    "manifest": seals.manifest,
    "members": members.change,
    "mounts": mounts.plan_applied,
    "sizes": sizes.many_files,
    "preview": previews.frame,
    "libertem": libertem.opening,
    "import": starting.importing,
    "bundle": starting.bundle,
    "loop": event_loop.status,
}
HEADS = ("what", "ours", "peer", "measured", "budget", "")


def main() -> int:
    """0 where every budget that could be measured is met."""
    wanted = _wanted()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that folders and servers are cleared away then, too
    lines: list[Line] = []
    skipped: dict[str, str] = {}
    for name in wanted:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        begin = time.monotonic()
        try:
            lines += ROWS[name]()
        except Skipped as reason:
            skipped[name] = str(reason)
        except Exception as error:  # one row that breaks leaves the others
            traceback.print_exc()
            skipped[name] = f"it broke: {type(error).__name__}: {error}"
        print(f"  {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    print(table(lines, skipped))
    print(f"kept in {_keep(lines, skipped).relative_to(ROOT)}")
    return 1 if any(line.met is False for line in lines) or any("it broke" in why for why in skipped.values()) else 0


def _wanted() -> list[str]:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", help="some of " + ", ".join(ROWS))
    named = [name for text in parser.parse_args().rows for name in text.split(",") if name]
    unknown = [name for name in named if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return named or list(ROWS)


def table(lines: list[Line], skipped: dict[str, str]) -> str:
    """The table, and below it what else is to be said."""
    rows = [HEADS, *((n.what, n.ours, n.peer, n.value, n.budget, verdict(n)) for n in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text.insert(1, "-|-".join("-" * width for width in widths))
    notes = [f"  {line.what}: {line.note}" for line in lines if line.note]
    notes += [f"  {name} was not measured: {why}" for name, why in skipped.items()]
    return "\n".join(["", machine(), "", *text, "", *notes, ""])


def verdict(line: Line) -> str:
    return "" if line.met is None else "OK" if line.met else "MISSED"


def machine() -> str:
    """What was measured on."""
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, load {load}"


def _keep(lines: list[Line], skipped: dict[str, str]) -> Path:
    now = datetime.now(UTC)
    folder = ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    kept = {"at": now.isoformat(), "machine": machine(), "commit": _commit(), "skipped": skipped}
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(
        json.dumps({**kept, "lines": [asdict(line) for line in lines]}, indent=1, ensure_ascii=False) + "\n"
    )
    return path


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
