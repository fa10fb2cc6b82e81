"""The site file, and what stands in for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.model import Area, Site
from jupyter_modama.site import entry_point_tools, load_site, make_home_root, managed_by

FULL = """
[site]
name = "er-c-data"
root = "/storage/er-c-data"
account = "modama"
administrators = "modama-admins"
minimum_uid = 1000
externals = "guests"
instruments = ["mic1", "@microscopes"]

[areas.adhoc]
layout = "{project}/{session}/raw"
delete = "strict"

[areas.visitors]
layout = "{beamline}/{proposal}/{visit}/raw"
levels = [
    { owner = "root", group = "root", mode = "2755" },
    { owner = "svc-{beamline}", group = "{beamline}", mode = "2775" },
    { owner = "svc-{beamline}", group = "{proposal}", mode = "2750" },
    { owner = "svc-{beamline}", group = "{proposal}" },
]
members = "group"

[seal]
undo_minutes = 5
reverify_days = 90

[audit]
keep_days = 400

[services]
hub = "https://hub.example.org/"
nextcloud = { url = "https://cloud.example.org", mount = "/ER-C-Data" }
smb = { host = "smb.example.org", share = "er-c-data" }
ssh = { host = "data.example.org", port = 2222, options = ["ProxyJump=gate.example.org"] }

[[tool]]
name = "LiberTEM"
opens = ["DM4", ".mib", "folder"]
url = "{hub}/open?path={path}"

[delegates.nextcloud]
operations = ["project.*", "session.seal"]
"""


def load(tmp_path: Path, text: str) -> Site:
    file = tmp_path / "site.toml"
    file.write_text(text)
    site = load_site({"MODAMA_SITE": str(file)})
    assert site is not None
    return site


def test_site_file_says_everything(tmp_path: Path) -> None:
    """Each table comes out as the dataclass that it describes."""
    site = load(tmp_path, FULL)
    assert (site.name, site.root, site.account, site.any_area) == ("er-c-data", "/storage/er-c-data", "modama", False)
    assert site.instruments == ("mic1", "@microscopes")
    assert site.externals == "guests"
    assert site.areas[0] == Area("adhoc", delete="strict")
    assert site.areas[1].levels[2].group == "{proposal}"
    assert site.areas[1].levels[3].mode == "2770"
    assert (site.seal.undo_minutes, site.seal.reverify_days) == (5, 90)
    assert (site.audit.keep_days, site.audit.rotate_mb) == (400, 64)
    assert site.services["hub"] == "https://hub.example.org"
    assert site.services["ssh"]["options"] == ("ProxyJump=gate.example.org",)
    assert site.tools[-1].opens == ("dm4", "mib", "folder")
    assert site.delegates == {
        "sign-in": {"operations": ("invitation.accept",)},
        "nextcloud": {"operations": ("project.*", "session.seal")},
    }


def changed(old: str, new: str) -> str:
    assert FULL.count(old) == 1
    return FULL.replace(old, new)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (changed("[seal]", "[sael]"), "there is no table “sael”; did you mean seal?"),
        (
            changed("undo_minutes = 5", "undo_minuts = 5"),
            "[seal]: there is no key “undo_minuts”; did you mean undo_minutes?",
        ),
        (
            changed("undo_minutes = 5", 'undo_minutes = "5"'),
            "[seal] undo_minutes is to be a whole number, not a text (“5”)",
        ),
        (changed("undo_minutes = 5", "undo_minutes = true"), "undo_minutes is to be a whole number"),
        (changed("undo_minutes = 5", "undo_minutes = -1"), "0 or more"),
        (changed("reverify_days = 90", "reverify_days = -1"), "[seal] reverify_days is to be 0 (never) or more"),
        (changed("keep_days = 400", "keep_days = 0"), "[audit] keep_days is to be 1 or more"),
        (changed("keep_days = 400", "kept_days = 400"), "there is no key “kept_days”; did you mean keep_days?"),
        (changed('"strict"', '"strikt"'), "[areas.adhoc] delete cannot be “strikt”; did you mean strict?"),
        (changed('"{project}/{session}/raw"', '"{project}/raw"'), "[areas.adhoc] layout “{project}/raw” is to be"),
        (changed('"{project}/{session}/raw"', '"{project}/fixed/raw"'), "is to be {names} of folders"),
        (changed('"{project}/{session}/raw"', '"{project}/{project}/raw"'), "is to be {names} of folders"),
        (changed('"{project}/{session}/raw"', '"{project}/{session}/{raw}"'), "is to end in the name of a raw folder"),
        (changed('delete = "strict"', 'session_name = "{time}"'), "session_name “{time}” cannot be filled in"),
        (changed('delete = "strict"', 'session_name = "{date:%H:%M}"'), "which is no name for a folder"),
        (changed('delete = "strict"', 'derived = "a/b"'), "derived “a/b” is no name for a folder"),
        (changed('mode = "2750"', 'mode = "rwx"'), "row 3 mode “rwx” is to be three or four digits"),
        (
            changed('group = "{beamline}"', 'group = "{beam}"'),
            "row 2: there is no folder “{beam}”; did you mean beamline?",
        ),
        (
            changed('{ owner = "root", group = "root", mode = "2755" },', ""),
            "levels has 3 row(s), and the layout needs 4",
        ),
        (changed("hub = ", "hubb = "), "[services]: there is no service “hubb”; did you mean hub?"),
        (
            changed("https://hub.example.org/", "javascript:alert(1)"),
            "hub “javascript:alert(1)” is to be a web address",
        ),
        (
            changed('host = "data.example.org"', 'host = "-oProxyCommand=x"'),
            "ssh.host “-oProxyCommand=x” is to look like",
        ),
        (changed("port = 2222", "port = 99999"), "ssh.port is to be a number from 1 to 65535"),
        (
            changed("ProxyJump=gate.example.org", "ProxyCommand=nc %h %p"),
            "ssh.options is to be a list of options of ssh",
        ),
        (changed('host = "smb.example.org", ', ""), "smb: the key “host” is missing"),
        (
            changed('hub = "https://hub.example.org/"', "hub = 3"),
            "hub is to be a table with url, tree, not a whole number",
        ),
        (changed("{hub}/open?path={path}", "{hubb}"), "number 1 “LiberTEM”: there is no placeholder “{hubb}”"),
        (changed("[[tool]]", "[tool]"), "with two brackets"),
        (changed('"session.seal"', '"session.unseal"'), "nobody unseals on behalf of others"),
        (changed('"session.seal"', '"everything"'), "“everything” is no operation"),
        (
            changed('root = "/storage/er-c-data"', 'root = "storage"'),
            "[site] root is to be the path of a folder from / on",
        ),
        (changed('root = "/storage/er-c-data"\n', ""), "[site] root is to be the path"),
        (changed('"@microscopes"', '"a b"'), "[site] instruments is to be a list of accounts and groups"),
        (changed('["mic1", "@microscopes"]', '"mic1"'), "instruments is to be a list, not a text"),
        (changed("[site]", "[site"), "is no valid TOML"),
        (changed('name = "er-c-data"', "name = 3"), "[site] name is to be a text, not a whole number (“3”)"),
        (changed("[areas.adhoc]", '[areas.".hidden"]'), "“.hidden” is no name for a folder: it begins with a dot"),
        (
            'areas = 3\n[site]\nroot = "/x"\n',
            "areas is to be a table, not a whole number (“3”)",
        ),
    ],
)
def test_every_mistake_names_file_table_and_key(tmp_path: Path, text: str, says: str) -> None:
    """A site file is refused with the place of the mistake and what is expected there."""
    with pytest.raises(Invalid) as refusal:
        load(tmp_path, text)
    assert "site.toml" in str(refusal.value)
    assert says in str(refusal.value)


def test_missing_site_file_is_said(tmp_path: Path) -> None:
    """A site file that was named must be there: no other tree is taken instead."""
    with pytest.raises(Invalid, match="cannot be read: No such file"):
        load_site({"MODAMA_SITE": str(tmp_path / "none.toml"), "HOME": str(tmp_path)})


def test_root_alone_makes_every_folder_an_area(tmp_path: Path) -> None:
    """MODAMA_ROOT is enough."""
    site = load_site({"MODAMA_ROOT": str(tmp_path)})
    assert site is not None
    assert (site.root, site.name, site.any_area, site.areas) == (str(tmp_path), tmp_path.name, True, ())


def test_root_beside_a_site_file_moves_its_tree(tmp_path: Path) -> None:
    """The same tree can be mounted elsewhere; all else stays as the file says."""
    (tmp_path / "site.toml").write_text(FULL)
    site = load_site({"MODAMA_SITE": str(tmp_path / "site.toml"), "MODAMA_ROOT": str(tmp_path)})
    assert site is not None
    assert (site.root, site.name) == (str(tmp_path), "er-c-data")


def test_without_anything_there_is_no_tree(tmp_path: Path) -> None:
    """Nobody's folder is taken for a data tree by itself."""
    assert load_site({"HOME": str(tmp_path)}) is None


def test_home_tree_is_made_once_and_remembered(tmp_path: Path) -> None:
    """The next start finds it; making it again changes nothing in it."""
    environ = {"HOME": str(tmp_path)}
    site = make_home_root(environ)
    assert site.root == str(tmp_path / "modama-data")
    (tmp_path / "modama-data/adhoc/mine").mkdir()
    make_home_root(environ)
    assert load_site(environ) == site
    assert os.listdir(tmp_path / "modama-data/adhoc") == ["mine"]


def test_home_tree_that_was_removed_is_forgotten(tmp_path: Path) -> None:
    """Then there is no tree, and one can be made again."""
    environ = {"HOME": str(tmp_path)}
    make_home_root(environ)
    (tmp_path / "modama-data").rename(tmp_path / "elsewhere")
    assert load_site(environ) is None


def test_own_site_file_counts_before_a_remembered_tree(tmp_path: Path) -> None:
    """Who writes a site file means it."""
    environ = {"HOME": str(tmp_path)}
    make_home_root(environ)
    (tmp_path / ".config/modama/site.toml").write_text(f'[site]\nname = "own"\nroot = "{tmp_path}"\n')
    site = load_site(environ)
    assert site is not None
    assert site.name == "own"


@pytest.fixture
def notice(tmp_path: Path) -> Path:
    """The notice of a managed tree."""
    (tmp_path / ".modama").mkdir(mode=0o755)
    file = tmp_path / ".modama/site.json"
    file.write_text(json.dumps({"service": "https://hub.example.org/services/modama"}))
    file.chmod(0o644)
    return file


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_managed_tree_names_its_service(notice: Path) -> None:
    """Root's notice in the tree says who makes changes there."""
    site = load_site({"MODAMA_ROOT": str(notice.parents[1])})
    assert site is not None
    assert site.managed_by == "https://hub.example.org/services/modama"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("spoil", ["owner", "writable", "folder", "link"])
def test_notice_that_others_could_have_written_does_not_count(notice: Path, spoil: str) -> None:
    """Nobody can lock a tree by a forged notice."""
    if spoil == "owner":
        os.chown(notice, 12345, 12345)
    elif spoil == "writable":
        notice.chmod(0o666)
    elif spoil == "folder":
        os.chown(notice.parent, 12345, 12345)
    else:
        notice.rename(notice.with_name("other"))
        notice.symlink_to("other")
    assert managed_by(str(notice.parents[1])) == ""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("text", ["{", "[]", '{"service": 3}', "{}"])
def test_damaged_notice_of_root_still_counts(notice: Path, text: str) -> None:
    """A half-written notice must not open a second, weaker way in."""
    notice.write_text(text)
    assert managed_by(str(notice.parents[1])) == "its service"


ENTRY = """\
[jupyter_modama.tools]
viewer = own_tools:ROWS
broken = own_tools:missing
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that adds a row to the table of tools, and has a broken entry."""
    info = tmp_path / "own_tools-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY)
    (tmp_path / "own_tools.py").write_text('ROWS = [{"name": "Viewer", "url": "https://v.example.org/{path}"}]\n')
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("package")
def test_packages_add_rows_and_broken_ones_cost_nothing_else(tmp_path: Path) -> None:
    """The site opens whatever a package does; the doctor can say which one fails."""
    site = load_site({"MODAMA_ROOT": str(tmp_path)})
    assert site is not None
    assert [tool.name for tool in site.tools] == ["Viewer"]
    [problem] = entry_point_tools()[1]
    assert "own_tools:missing" in problem


def test_example_of_the_design_is_read(tmp_path: Path) -> None:
    """The site file that the design shows is a valid one."""
    design = Path(__file__).parents[1] / ".." / "shared" / "DESIGN.md"
    if not design.exists():
        pytest.skip("the design document is not beside this checkout")
    text = design.read_text().split("```toml")[1].split("```")[0]
    assert load(tmp_path, text).areas[1].name == "visitors"


def test_loading_a_site_imports_nothing_heavy(tmp_path: Path) -> None:
    """Jupyter, numpy and the reader of installed packages' metadata stay out."""
    code = (
        "import sys; from jupyter_modama.site import load_site; load_site(); "
        "heavy = {'tornado', 'jupyter_server', 'numpy', 'email', 'msgspec'}; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in heavy))"
    )
    env: dict[str, Any] = {**os.environ, "MODAMA_ROOT": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_hub_says_to_its_servers_who_manages_the_tree(tmp_path: Path) -> None:
    """The mounts of a server can hide the notice; root's own word in the tree wins where it is seen."""
    address = "https://hub.example.org/services/modama"
    site = load_site({"MODAMA_ROOT": str(tmp_path), "MODAMA_SERVICE": address})
    assert site is not None
    assert site.managed_by == address
