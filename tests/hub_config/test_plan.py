"""Plans: values that are made from what somebody reaches, and say it both ways."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hub_config.plan import EXTRAS, Link, MountKind, MountPlan, Person, make_plan
from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.hub_rules import ExtraMount, HubRules
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.site_file import site_from
from jupyter_modama.store.reachable import MOST_RAW, Reachable

ALICE = Person("alice", 2001, 2001, (2001, 3000), "/home/alice", ("alice", "lab"))
ODD = TreePath("adhoc/\udcff ä {x}")


def site(**rules: Any) -> Site:
    return Site(root="/storage/er-c", name="er-c", hub=HubRules(**rules))


def reached(path: str, *sealed: str) -> Reachable:
    return Reachable(TreePath(path), tuple(map(TreePath, sealed)))


def test_a_plan_is_the_same_after_json() -> None:
    """Also with names that are no UTF-8."""
    plan = make_plan(site(mounts="plan"), ALICE, [Reachable(ODD, (ODD / "s" / "raw",))])
    again = MountPlan.from_json(plan.to_json())
    assert again == plan
    assert again.generation == plan.generation
    assert plan.to_json().isascii()


@pytest.mark.parametrize("change", [{"more": 1}, {"mode": "none"}, {"mounts": [{"source": "/"}]}])
def test_what_is_no_plan_is_refused(change: dict[str, Any]) -> None:
    """Unknown fields, other modes, half mounts."""
    raw = json.loads(make_plan(site(mounts="plan"), ALICE, [reached("adhoc/p")]).to_json())
    with pytest.raises((ValueError, TypeError, KeyError)):
        MountPlan.from_json(json.dumps({**raw, **change}))


def test_the_generation_changes_with_the_plan() -> None:
    """One more project, one more group."""
    plan = make_plan(site(mounts="plan"), ALICE, [reached("adhoc/p")])
    more = make_plan(site(mounts="plan"), ALICE, [reached("adhoc/p"), reached("adhoc/q")])
    assert len({plan.generation, more.generation, replace(plan, groups=(2001,)).generation}) == 3


def test_the_mode_acl_is_one_mount() -> None:
    """The tree, at its place; what somebody reaches is not needed."""
    plan = make_plan(site(mounts="acl"), ALICE, [reached("adhoc/p")])
    assert [(m.source, m.target, m.kind) for m in plan.mounts] == [("/storage/er-c", "/storage/er-c", MountKind.TREE)]


@pytest.mark.parametrize("mode", ["plan", "live"])
def test_projects_at_their_true_paths_and_sealed_ones_read_only(mode: str) -> None:
    """Each sealed folder comes after its project."""
    plan = make_plan(site(mounts=mode), ALICE, [reached("adhoc/q"), reached("adhoc/p", "adhoc/p/s/raw")])
    assert [(m.target, m.read_only) for m in plan.mounts] == [
        ("/storage/er-c/adhoc/p", False),
        ("/storage/er-c/adhoc/q", False),
        ("/storage/er-c/adhoc/p/s/raw", True),
    ]


def test_too_many_sealed_folders_are_left_to_the_flag() -> None:
    """The flag protects; mounts only show."""
    many = [reached(f"adhoc/p{n}", f"adhoc/p{n}/s/raw") for n in range(MOST_RAW + 1)]
    assert not any(m.read_only for m in make_plan(site(mounts="plan"), ALICE, many).mounts)
    assert any(m.read_only for m in make_plan(site(mounts="plan"), ALICE, many[:-1]).mounts)


def test_the_home_has_a_link_with_the_name_of_the_site() -> None:
    """Unless the site does not want it, or there is no home."""
    assert make_plan(site(), ALICE).links == (Link("/home/alice/er-c", "/storage/er-c"),)
    assert make_plan(site(home_link=False), ALICE).links == ()
    assert make_plan(site(), replace(ALICE, home="")).links == ()


def test_further_mounts_are_for_the_groups_that_they_name() -> None:
    """Somebody in none of them has nothing, also not a name."""
    rules = (
        ExtraMount(name="scratch", source="/scratch/{login}", target="/scratch"),
        ExtraMount(name="lab", source="/lab", target="{home}/lab", groups=("other", "lab")),
        ExtraMount(name="closed", source="/closed", target="/closed", groups=("other",), read_only=True),
    )
    plan = make_plan(site(mount=rules), ALICE)
    assert [(m.name, m.source, m.target) for m in plan.mounts[1:]] == [
        ("scratch", "/scratch/alice", "/scratch"),
        ("lab", "/lab", f"{EXTRAS}/lab"),
    ]
    assert plan.links[1:] == (Link("/home/alice/lab", f"{EXTRAS}/lab"),)


def test_a_container_has_the_tree_where_the_site_says() -> None:
    """`target` of the site file."""
    plan = make_plan(site(mounts="plan", target="/data/"), ALICE, [reached("adhoc/p")])
    assert [(m.source, m.target) for m in plan.mounts] == [("/storage/er-c/adhoc/p", "/data/adhoc/p")]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": "a/b", "source": "/s", "target": "/t"}, "name is to be one word"),
        ({"name": "a", "kind": "smb", "source": "/s", "target": "/t"}, "kind cannot be “smb”"),
        ({"name": "a", "source": "scratch", "target": "/t"}, "source “scratch” is to be like"),
        ({"name": "a", "source": "/s/../etc", "target": "/t"}, "source “/s/../etc”"),
        ({"name": "a", "source": "/s", "target": "t"}, "target “t” is to be"),
        ({"name": "a", "source": "/s", "target": "{home}/../x"}, "target “{home}/../x”"),
        ({"name": "a", "source": "/s", "target": "{home}"}, "target “{home}”"),
        ({"name": "a", "kind": "nextcloud", "source": "/s", "target": "{home}/n"}, "source “/s” is to be like http"),
    ],
)
def test_wrong_further_mounts_are_refused_with_the_site_file(row: dict[str, str], words: str) -> None:
    """In the words of the site file, with the number of the table."""
    with pytest.raises(Invalid, match="number 1") as caught:
        site_from({"site": {"root": "/storage"}, "hub": {"mount": [row]}}, "site.toml")
    assert words in str(caught.value)
