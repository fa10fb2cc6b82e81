"""Parts of a whole site are killed at random while people work: nothing is lost, left over, or said wrongly."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter

import pytest

from .afterwards import Afterwards
from .ledger import Ledger
from .people import SHELL_PATIENCE_S, Worker, seeded
from .processes import kill
from .site import ChaosSite, chaos_site

KILLS = int(os.environ.get("MODAMA_CHAOS", "8"))
PEOPLE = ("alice", "bob", "carol") if KILLS > 20 else ("alice", "bob")
SEED = int(os.environ.get("MODAMA_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
AT_ONCE = 2  # things that one person does
pytestmark = [
    pytest.mark.root,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a whole site can be started by root only"),
    pytest.mark.skipif(
        shutil.which("configurable-http-proxy") is None, reason="the hub's proxy is missing: make setup"
    ),
]


class Killer:
    """Kills one part after the other, at moments when something is in flight."""

    def __init__(self, site: ChaosSite, ledger: Ledger, seed: int) -> None:
        self.site, self.ledger, self.random = site, ledger, seeded(seed)
        self.killed: Counter[str] = Counter()
        self.in_flight: list[int] = []

    def strike(self) -> None:
        """Kill one part that runs, while at least one operation is in flight."""
        deadline = time.monotonic() + 90
        part = self._next()
        while True:
            assert time.monotonic() < deadline, f"{part} does not come back\n{self.site.said()}"
            pid = self.site.pid_of(part)
            if pid > 0 and self.ledger.in_flight:
                hit = self.ledger.strike(part)
                if kill(pid):
                    break
            elif part not in {"hub", "service", "keeper"}:
                part = self._next()  # a server is started when its person wants it
            time.sleep(0.02)
        self.killed[part if part in {"hub", "service", "keeper"} else "server"] += 1
        self.in_flight.append(len(hit))
        print(".", end="", flush=True)

    def _next(self) -> str:
        part = self.random.choices(["hub", "service", "keeper", "server"], [2, 3, 5, 3])[0]
        return self.random.choice(self.site.everybody).login if part == "server" else part

    def pause(self) -> None:
        """Half of the time until all is there again and some work is done, else hardly at all."""
        if self.random.random() < 0.5:
            self.site.wait_until(self.site.is_up, "the site comes up again")
        time.sleep(self.random.uniform(0.05, 1.5))


@pytest.mark.timeout(600 + 30 * KILLS)
def test_nothing_is_lost_when_parts_are_killed_while_people_work() -> None:
    """Projects are clean, sessions can be finished, the audit is closed, and what was answered as done is done."""
    print(f"\nMODAMA_CHAOS={KILLS} MODAMA_CHAOS_SEED={SEED}")
    began = time.monotonic()
    with chaos_site(PEOPLE) as site:
        ledger = Ledger()
        killer = Killer(site, ledger, SEED)
        workers = [Worker(site, ledger, who, number, SEED) for who in site.everybody for number in range(AT_ONCE)]
        first_projects(site)
        up = time.monotonic()
        for worker in workers:
            worker.start()
        try:
            for _ in range(KILLS):
                killer.strike()
                killer.pause()
        finally:
            for worker in workers:
                worker.over.set()
        for worker in workers:
            worker.join(SHELL_PATIENCE_S)
        stormed = time.monotonic()
        wrong = [f"{worker.name} stopped: {worker.failure!r}" for worker in workers if worker.failure]
        wrong += [f"{worker.name} hangs" for worker in workers if worker.is_alive()]
        wrong += Afterwards(site, ledger).check()
        told(killer, ledger, up - began, stormed - up, time.monotonic() - stormed)
        site.hub.stop()
        site.keeper.stop()
        wrong += [f"the process {pid} is left: {words}" for pid, words in site.ours()]
        if wrong and (kept := os.environ.get("MODAMA_CHAOS_KEEP")):
            shutil.copytree(site.folder / "log", kept, dirs_exist_ok=True)
            shutil.copytree(site.folder / "keeper", kept, dirs_exist_ok=True)
        assert not wrong, f"MODAMA_CHAOS_SEED={SEED}\n" + "\n".join(wrong) + "\n" + site.said()
    assert killer.killed.total() == KILLS
    assert sum(killer.in_flight) >= KILLS


def first_projects(site: ChaosSite) -> None:
    """What people have before the storm begins: a project each, with two sessions, and their servers."""
    for who in site.people:
        made = site.ask(who, "project.create", {"name": f"first-{who.name}"})
        assert made.status == 200, made.body
        for name in ("one", "two"):
            made = site.ask(who, "session.create", {"project": f"adhoc/first-{who.name}", "name": name})
            assert made.status == 200, made.body
    for who in site.everybody:
        site.hub_ask(f"users/{who.login}/server", {}, method="POST", token=site.tokens[who.login])


def told(killer: Killer, ledger: Ledger, start_s: float, storm_s: float, after_s: float) -> None:
    """The numbers, for whoever reads the run."""
    counts = ledger.counts()
    print(f"start {start_s:.0f} s, storm {storm_s:.0f} s, afterwards {after_s:.0f} s")
    print(f"killed: {dict(killer.killed)}; in flight at each: {killer.in_flight} ({sum(killer.in_flight)} in all)")
    print(f"operations: {len(ledger.all)}, {dict(counts['all'])}; files written: {len(ledger.files)}")
    print(f"of those that a kill hit: {dict(counts['hit'])}")
    print(f"in words: {dict(counts['words'].most_common())}")
