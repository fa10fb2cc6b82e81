"""From a plan to the settings of each spawner, tried with the spawners' own code."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import kubernetes_validate
import pytest

from hub_config.plan import Mode, Mount, MountKind, MountPlan, Person, make_plan
from hub_config.render import batch, docker, kube, linking, systemd
from hub_config.spawner import with_mounts
from jupyter_modama.core.hub_rules import ExtraMount, HubRules
from jupyter_modama.core.model import Site
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.reachable import Reachable

ALICE = Person("alice", 2001, 2002, (2002, 3000), "/home/alice")
ODD = 'adhoc/ä {username} #&%\' $(id) `id` "q" \\ x'
VIEWS = "/run/modama/views"
SCRATCH = ExtraMount(name="scratch", source="/scratch/{login}", target="/scratch")
CLOUD = ExtraMount(name="cloud", kind="nextcloud", source="https://cloud.example.org/dav", target="{home}/cloud")


def plan_of(*paths: str, mode: str = "plan", sealed: Iterable[str] = (), **rules: Any) -> MountPlan:
    site = Site(root="/storage/er-c", name="er-c", hub=HubRules(mounts=mode, **rules))
    found = [
        Reachable(TreePath(path), tuple(TreePath(raw) for raw in sealed if raw.startswith(path))) for path in paths
    ]
    return make_plan(site, ALICE, found)


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """KubeSpawner looks for a cluster when it is made, though none is asked here."""
    for name in ("load_config", "shared_client"):
        monkeypatch.setattr(f"kubespawner.spawner.{name}", lambda *words, **settings: None)


# Kubernetes ----------------------------------------------------------------------------------------------------------


def pod_of(plan: MountPlan, claim: str = "er-c-data", folder: str = "", **configured: Any) -> dict[str, Any]:
    """The pod that KubeSpawner itself makes of the settings."""
    from kubespawner import KubeSpawner
    from traitlets.config import Config

    config = Config({"KubeSpawner": {"image": "example/singleuser:1", "cmd": ["jupyterhub-singleuser"], **configured}})
    spawner = with_mounts(KubeSpawner, Site(root="/storage/er-c"))(_mock=True, user=_user(), config=config)
    spawner._set(kube.render(plan, VIEWS, claim, folder))
    with patch.object(type(spawner), "get_env", lambda self: {}):
        pod = asyncio.run(spawner.get_pod_manifest())
    found: dict[str, Any] = _plain(pod)
    # The API's own schema, offline: what a cluster would say of a field that it does not know, or of another type.
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    return found


def _plain(thing: Any) -> Any:
    """An object of the client's library as JSON."""
    if isinstance(thing, (list, tuple)):
        return [_plain(one) for one in thing]
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if hasattr(thing, "attribute_map"):
        pairs = ((name, getattr(thing, at)) for at, name in thing.attribute_map.items())
        return {name: _plain(value) for name, value in pairs if value is not None}
    return thing


def _user(name: str = "alice") -> Any:
    """As much of the hub's user as spawners look at."""
    user = MagicMock()
    user.name, user.id, user.url = name, 1, f"/user/{name}/"
    return user


def test_a_pod_has_one_claim_and_a_sub_path_for_each_project() -> None:
    """With the person's ids, without fs_gid, without a way to gain rights."""
    plan = plan_of("adhoc/p", "adhoc/q", sealed=["adhoc/p/s/raw"])
    pod = pod_of(plan, folder="tree")["spec"]
    [container] = pod["containers"]
    assert pod["volumes"] == [{"name": "modama-tree", "persistentVolumeClaim": {"claimName": "er-c-data"}}]
    assert [(m["mountPath"], m["subPath"], m["readOnly"]) for m in container["volumeMounts"]] == [
        ("/storage/er-c/adhoc/p", "tree/adhoc/p", False),
        ("/storage/er-c/adhoc/q", "tree/adhoc/q", False),
        ("/storage/er-c/adhoc/p/s/raw", "tree/adhoc/p/s/raw", True),
    ]
    assert container["securityContext"] == {"runAsUser": 2001, "runAsGroup": 2002, "allowPrivilegeEscalation": False}
    assert pod["securityContext"] == {"supplementalGroups": [3000]}


def test_names_that_look_like_templates_stay_what_they_are() -> None:
    """KubeSpawner fills braces in, and a project's name is anybody's."""
    pod = pod_of(plan_of(ODD, "adhoc/{0.__class__}", "adhoc/{"))
    paths = [m["mountPath"] for m in pod["spec"]["containers"][0]["volumeMounts"]]
    assert paths == [f"/storage/er-c/{path}" for path in sorted((ODD, "adhoc/{0.__class__}", "adhoc/{"))]


def test_what_the_administrator_mounts_stays_in_the_pod() -> None:
    """Given as a list, or as the Helm chart gives it, as an object; a second start adds nothing twice."""
    home = {"name": "home", "mountPath": "/home/alice"}
    volume = {"name": "home", "persistentVolumeClaim": {"claimName": "claim-alice"}}
    for volumes, mounts in (([volume], [home]), ({"00-home": volume}, {"00-home": home})):
        pod = pod_of(plan_of("adhoc/p"), volumes=volumes, volume_mounts=mounts)["spec"]
        assert [v["name"] for v in pod["volumes"]] == ["home", "modama-tree"]
        assert [m["name"] for m in pod["containers"][0]["volumeMounts"]] == ["home", "modama-tree"]


def test_settings_are_made_anew_for_each_start() -> None:
    """A project that was left is gone at the next start."""
    from kubespawner import KubeSpawner

    spawner = with_mounts(KubeSpawner, Site(root="/storage/er-c"))(_mock=True, user=_user())
    spawner.cmd = ["jupyterhub-singleuser"]
    for paths in (("adhoc/p", "adhoc/q"), ("adhoc/p",)):
        spawner._set(kube.render(plan_of(*paths), VIEWS, "claim"))
    assert [m["mountPath"] for m in spawner.volume_mounts] == ["/storage/er-c/adhoc/p"]
    assert spawner.cmd.count("jupyterhub-singleuser") == 1
    assert spawner.cmd.count("/bin/sh") == 1


def test_a_live_view_comes_by_propagation_from_the_node() -> None:
    """One folder of the node, which a process there keeps current."""
    pod = pod_of(plan_of("adhoc/p", mode="live"))["spec"]
    assert pod["volumes"] == [
        {"name": "modama-tree", "hostPath": {"path": f"{VIEWS}/alice", "type": "DirectoryOrCreate"}}
    ]
    assert pod["containers"][0]["volumeMounts"] == [
        {"name": "modama-tree", "mountPath": "/storage/er-c", "mountPropagation": "HostToContainer"}
    ]


def test_the_mode_acl_mounts_the_whole_claim() -> None:
    """One mount, without a sub-path."""
    pod = pod_of(plan_of(mode="acl", target="/data"))["spec"]
    [mount] = pod["containers"][0]["volumeMounts"]
    assert mount == {"name": "modama-tree", "mountPath": "/data", "readOnly": False}


def test_too_many_projects_for_a_pod_show_the_whole_tree_and_say_so() -> None:
    """Rights decide then."""
    rendered = kube.render(plan_of(*(f"adhoc/p{n}" for n in range(kube.MOST + 1))), VIEWS, "claim")
    assert [m["mountPath"] for m in rendered.added["volume_mounts"]] == ["/storage/er-c"]
    assert "too many for a pod" in rendered.plan.skipped[0].why


def test_what_kubernetes_cannot_be_told_is_named() -> None:
    """Bytes that are no UTF-8, colons, another kind of mount."""
    plan = plan_of("adhoc/\udcff", "adhoc/a:b", "adhoc/fine", mount=(CLOUD, SCRATCH))
    rendered = kube.render(plan, VIEWS, "claim")
    assert [m["mountPath"] for m in rendered.added["volume_mounts"]] == ["/storage/er-c/adhoc/fine", "/scratch"]
    assert {one.what for one in rendered.plan.skipped} == {"project adhoc/\udcff", "project adhoc/a:b", "cloud"}


# Docker --------------------------------------------------------------------------------------------------------------


def container_of(plan: MountPlan, report: str = "", **configured: Any) -> dict[str, Any]:
    """What DockerSpawner asks the daemon for."""
    import dockerspawner

    made: dict[str, Any] = {}

    class Tried(dockerspawner.DockerSpawner):  # type: ignore[misc]
        def get_env(self) -> dict[str, str]:
            return {}

        async def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
            made.update(kwargs)
            return {}

    spawner = with_mounts(Tried, Site(root="/storage/er-c"))()
    spawner.user = _user()
    spawner.cmd = ["jupyterhub-singleuser"]
    for name, value in configured.items():
        setattr(spawner, name, value)
    spawner._set(docker.render(plan, VIEWS, report))
    spawner.__class__.client = _client()
    asyncio.run(spawner.create_object())
    return made


def _client() -> Any:
    """docker-py's own host configuration, without a daemon."""
    from docker.api.client import APIClient

    client = APIClient(base_url="http://127.0.0.1:1", version="1.44")
    return client


def test_a_container_has_the_mounts_and_the_persons_ids() -> None:
    """Bind mounts, uid and gid, groups, no way to gain rights; sealed folders after their projects."""
    made = container_of(plan_of("adhoc/p", sealed=["adhoc/p/s/raw"]))
    host = made["host_config"]
    assert [(m["Source"], m["Target"], m["Type"], m["ReadOnly"]) for m in host["Mounts"]] == [
        ("/storage/er-c/adhoc/p", "/storage/er-c/adhoc/p", "bind", False),
        ("/storage/er-c/adhoc/p/s/raw", "/storage/er-c/adhoc/p/s/raw", "bind", True),
    ]
    assert (made["user"], host["GroupAdd"], host["SecurityOpt"]) == ("2001:2002", ["3000"], ["no-new-privileges"])


@pytest.mark.parametrize("name", [ODD, "adhoc/a:b:ro", "adhoc/{raw_username}", "adhoc/{"])
def test_a_container_gets_odd_names_as_they_are(name: str) -> None:
    """Neither colons nor braces mean anything."""
    [mount] = container_of(plan_of(name))["host_config"]["Mounts"]
    assert (mount["Source"], mount["Target"]) == (f"/storage/er-c/{name}", f"/storage/er-c/{name}")


def test_a_container_with_a_live_view_and_a_report() -> None:
    """The view by propagation, read-only at its ground; the report at its place; scratch as ever."""
    plan = plan_of("adhoc/p", mode="live", mount=(SCRATCH,))
    mounts = container_of(plan, "/run/modama/mounts/alice..json")["host_config"]["Mounts"]
    assert [(m["Source"], m["Target"]) for m in mounts] == [
        (f"{VIEWS}/alice", "/storage/er-c"),
        ("/scratch/alice", "/scratch"),
        ("/run/modama/mounts/alice..json", docker.REPORT),
    ]
    assert mounts[0]["BindOptions"] == {"Propagation": "rslave"}


def test_what_the_administrator_sets_for_containers_stays() -> None:
    """Mounts, options of security, the user."""
    own = {"type": "bind", "source": "/srv", "target": "/srv"}
    made = container_of(
        plan_of("adhoc/p"), mounts=[own], extra_host_config={"security_opt": ["seccomp=/x"], "shm_size": "1g"}
    )
    host = made["host_config"]
    assert [m["Source"] for m in host["Mounts"]] == ["/srv", "/storage/er-c/adhoc/p"]
    assert host["SecurityOpt"] == ["seccomp=/x", "no-new-privileges"]
    assert host["ShmSize"] == 1 << 30


# systemd -------------------------------------------------------------------------------------------------------------


def run_of(plan: MountPlan) -> list[str]:
    """The words with which SystemdSpawner itself starts a unit."""
    import systemdspawner

    words: list[str] = []

    async def running(unit: str) -> bool:
        return bool(words)

    async def execute(*given: str, **kwargs: Any) -> Any:
        words.extend(given)

        class Done:
            returncode = 0

            async def communicate(self) -> tuple[bytes, bytes]:
                return b"", b""

            async def wait(self) -> int:
                return 0

        return Done()

    spawner = with_mounts(systemdspawner.SystemdSpawner, Site(root="/storage/er-c"))(
        user=_user("root")
    )  # has an account everywhere
    spawner.cmd = ["/bin/jupyterhub-singleuser"]
    spawner._set(systemd.render(plan, VIEWS))
    module = "systemdspawner.systemdspawner.systemd"
    with (
        patch(f"{module}.service_running", running),
        patch(f"{module}.service_failed", running),
        patch(f"{module}.asyncio.create_subprocess_exec", execute),
        patch.object(type(spawner), "get_env", lambda self: {}),
        patch.object(type(spawner), "get_args", lambda self: ["--port=1"]),
        patch.object(type(spawner).__mro__[2], "start_timeout", 1, create=True),
    ):
        asyncio.run(systemdspawner.SystemdSpawner.start(spawner))
    return words


def test_a_unit_hides_the_tree_and_binds_the_projects() -> None:
    """As words of systemd-run, one setting each; names that look like templates stay what they are."""
    plan = plan_of(ODD, "adhoc/p", sealed=["adhoc/p/s/raw"])
    words = run_of(plan)
    properties = dict(w.removeprefix("--property=").split("=", 1) for w in words if w.startswith("--property="))
    odd = ODD.replace("\\", "\\\\").replace('"', '\\"')
    assert properties["TemporaryFileSystem"] == '"/storage/er-c:ro"'
    assert properties["BindPaths"] == (
        f'"-/storage/er-c/adhoc/p":"/storage/er-c/adhoc/p" "-/storage/er-c/{odd}":"/storage/er-c/{odd}"'
    )
    assert properties["BindReadOnlyPaths"] == '"-/storage/er-c/adhoc/p/s/raw":"/storage/er-c/adhoc/p/s/raw"'
    assert (properties["NoNewPrivileges"], properties["MountFlags"]) == ("yes", "slave")
    assert words[words.index("/bin/sh") :][-2:] == ["/bin/jupyterhub-singleuser", "--port=1"]


@pytest.mark.parametrize("mode", list(Mode))
def test_systemd_knows_the_settings(tmp_path: Path, mode: Mode) -> None:
    """`systemd-analyze verify` says nothing; what it does not know it says on standard error and still ends with 0."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    plan = plan_of("adhoc/p", "adhoc/ä b", mode=mode, sealed=["adhoc/p/s/raw"], mount=(SCRATCH,))
    found = systemd.render(plan, VIEWS).added["unit_extra_properties"]

    def complaints(properties: dict[str, str]) -> str:
        unit = tmp_path / f"jupyter-{mode}.service"
        lines = "".join(f"{name}={value}\n" for name, value in properties.items())
        unit.write_text(f"[Service]\nExecStart=/bin/true\n{lines}")
        words = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit]
        said = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stderr
        return "\n".join(line for line in said.splitlines() if unit.name in line)

    assert complaints(found) == ""
    assert "Unknown key" in complaints({**found, "BindPath": "/x"})
    assert "BindPaths" in complaints({**found, "BindPaths": "x:y"}) or complaints({**found, "BindPaths": "x:y"})


def test_too_many_projects_for_a_unit_show_the_whole_tree_and_say_so() -> None:
    """One word of a command line has an end."""
    rendered = systemd.render(plan_of(*(f"adhoc/{n:0200d}" for n in range(500)), mount=(SCRATCH,)), VIEWS)
    properties = rendered.added["unit_extra_properties"]
    assert properties["BindPaths"] == '"-/scratch/alice":"/scratch"'
    assert "TemporaryFileSystem" not in properties
    assert "too many of them" in rendered.plan.skipped[0].why


# Clusters ------------------------------------------------------------------------------------------------------------


def farm(plan: MountPlan, home: Path, root: Path) -> str:
    """Run the lines that a job begins with."""
    script = batch.render(plan, "export BEFORE=1").traits["req_prologue"]
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return script


def test_a_job_has_a_folder_of_links(tmp_path: Path) -> None:
    """What is there already stays, links of before into the tree go, odd names are links like any other."""
    root, home = tmp_path / "tree", tmp_path / "home"
    site = Site(root=str(root), name="er-c", hub=HubRules(mounts="plan"))
    alice = replace(ALICE, home=str(home))
    names = ["adhoc/p", ODD, "adhoc/\udcff", "adhoc/a\nb", "visitors/b1/prop"]
    for name in (*names, "adhoc/old"):
        os.makedirs(os.fsencode(root / name))
    (home / "er-c" / "adhoc").mkdir(parents=True)
    (home / "er-c" / "adhoc" / "notes").write_text("mine")
    (home / "er-c" / "adhoc" / "own").symlink_to("/etc")
    (home / "er-c" / "adhoc" / "old").symlink_to(root / "adhoc/old")
    plan = make_plan(site, alice, [Reachable(TreePath(name)) for name in names])
    for _ in range(2):
        farm(plan, home, root)
    made = {os.fsdecode(p) for p in os.listdir(os.fsencode(home / "er-c" / "adhoc"))}
    assert made == {"notes", "own", *(name.removeprefix("adhoc/") for name in names[:4])}
    assert all(os.path.samefile(home / "er-c" / name, root / name) for name in names)


def test_a_job_in_the_mode_acl_has_one_link(tmp_path: Path) -> None:
    """To the tree; what has the name already stays."""
    site = Site(root=str(tmp_path), name="it's", hub=HubRules(mounts="acl"))
    plan = make_plan(site, replace(ALICE, home=str(tmp_path)), ())
    farm(plan, tmp_path, tmp_path)
    assert (tmp_path / "it's").readlink() == tmp_path
    farm(plan, tmp_path, tmp_path)
    assert not (tmp_path / "it's" / tmp_path.name).exists()


def test_what_people_choose_cannot_change_the_script_of_a_job() -> None:
    """BatchSpawner fills user options in; ours, and what is no plain word, are left out."""
    wish = {
        "partition": "gpu",
        "runtime": "2:00:00",
        "nprocs": 4,
        "cmd": "id",
        "prologue": "id",
        "memory": "1\nid",
        "options": "--uid=0",
        "account": "a;id",
        "reservation": "$(id)",
        "a b": "x",
        "gres": ["gpu"],
    }
    assert batch.safe_options(wish) == {"partition": "gpu", "runtime": "2:00:00", "nprocs": 4}


def test_links_are_made_before_a_server_starts_in_a_container(tmp_path: Path) -> None:
    """By a line of shell that then becomes the server; what has the name already stays."""
    plan = plan_of(mode="acl")
    link, to = tmp_path / "er c's", tmp_path / "tree"
    words = linking((replace(plan.links[0], path=str(link), to=str(to)),))
    for _ in range(2):
        said = subprocess.run([*words, "printf", "%s|", "a b", "$x"], capture_output=True, text=True, check=True).stdout
        assert said == "a b|$x|"
    assert link.readlink() == to
    assert linking(()) == ()


def test_mount_kinds_are_words_in_json() -> None:
    """Plans travel as JSON."""
    assert json.loads(plan_of("adhoc/p").to_json())["mounts"][0]["kind"] == "project"
    assert Mount("/a", "/b", kind=MountKind.FOLDER, name="x").says == "x"
