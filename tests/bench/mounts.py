"""A plan of 2,000 projects made into mounts by the launcher's calls, beside `mount --bind` for each of them."""

from __future__ import annotations

import json
import os
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hub_config import launcher
from hub_config.plan import Person, make_plan
from jupyter_modama.core.hub_rules import HubRules
from jupyter_modama.core.model import Site
from jupyter_modama.store.reachable import reachable
from tests.bench.measure import Line, Skipped, interleaved, median, seconds
from tests.bench.places import temporary_tree

PROJECTS = 2000
ROUNDS = 3
BUDGET_S = 0.2
NOBODY = 65534


def plan_applied() -> Iterator[Line]:
    """In a mount namespace of its own each time; each project has one session that is not sealed."""
    if os.geteuid() != 0:
        raise Skipped("mounts are made by root; please run this row as root")
    with temporary_tree("mounts") as root:
        root.chmod(0o755)
        for number in range(PROJECTS):
            (root / "adhoc" / f"project-{number:04d}" / "s1" / "raw").mkdir(parents=True)
        site = Site(root=str(root), hub=HubRules(mounts="plan"))
        looked: list[float] = []
        worked: list[float] = []

        def look() -> dict[str, Any]:
            fd, begin = os.open(root, os.O_PATH), time.perf_counter()
            found = reachable(fd, site)
            looked.append(time.perf_counter() - begin)
            os.close(fd)
            plan = make_plan(site, Person("nobody", NOBODY, NOBODY, (NOBODY,)), found)
            made: dict[str, Any] = json.loads(plan.to_json())
            return made

        plan = look()

        def ours() -> float:
            wall, processor = apart(lambda: _ours(plan))
            worked.append(processor)
            return wall

        def mount_each() -> float:
            return apart(lambda: _each(plan))[0]

        found = interleaved(ROUNDS, {"ours": ours, "mount --bind": mount_each}, lambda name: look())
    mine, peer = median(found["ours"]), median(found["mount --bind"])
    yield Line(
        "mount plan of 2,000 projects",
        seconds(mine),
        seconds(peer),
        seconds(mine),
        "<= 0.2 s",
        mine <= BUDGET_S,
        f"{seconds(median(worked))} of it on a processor; "
        f"looking for the projects and their sealed folders before took {seconds(median(looked))}; "
        f"the peer, one program for each mount, {peer / mine:.0f}x as long",
        found,
    )


def _ours(plan: dict[str, Any]) -> None:
    report = launcher.Report(plan)
    root = os.open(plan["root"], os.O_PATH | os.O_DIRECTORY)
    launcher.mount_tree(plan, root, report)
    assert report.made == len(plan["mounts"]) >= PROJECTS, report.skipped[:3]
    assert len(os.listdir(f"{plan['target']}/adhoc")) >= PROJECTS


def _each(plan: dict[str, Any]) -> None:
    view = "/mnt"
    subprocess.run(["mount", "-t", "tmpfs", "modama-bench", view], check=True)
    for mount in plan["mounts"]:
        target = Path(view + mount["target"][len(plan["target"]) :])
        target.mkdir(parents=True)
        subprocess.run(["mount", "--bind", mount["source"], target], check=True)
    assert len(os.listdir(f"{view}/adhoc")) >= PROJECTS


def apart(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of some work in a process with a mount namespace of its own, without its start: all, and working."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            launcher.own_namespace()
            begin, worked = time.perf_counter(), time.process_time()
            work()
            os.write(write, f"{time.perf_counter() - begin} {time.process_time() - worked}".encode("ascii"))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as told:
        answer = told.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the measured process ended early"
    wall, processor = map(float, answer.split())
    return wall, processor
