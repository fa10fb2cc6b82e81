"""Every address of a path; the commands are run against a real sshd."""

from __future__ import annotations

import codecs
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from running_sshd import running_sshd

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.links import ListLinks, list_links
from jupyter_modama.core.model import Actor, EntryKind, Link, Links, Site, Tool
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.tools import BUILT_IN, opens_with, read_tool
from jupyter_modama.libertem.environment import INSTALL
from jupyter_modama.libertem.kernel import KERNEL, SHOWN
from jupyter_modama.readers.formats import FORMATS
from jupyter_modama.store.disk import DiskStore

SERVICES: dict[str, Any] = {
    "hub": "https://hub.example.org",
    "nextcloud": {"url": "https://cloud.example.org", "mount": "/ER-C-Data"},
    "smb": {"host": "smb.example.org", "share": "er-c-data"},
    "ssh": {"host": "data.example.org", "user": "anna"},
    "eln": {"kind": "sampledb", "url": "https://eln.example.org"},
    "workstation": {"path": "/storage/er-c-data"},
}
# What names can hold that some program between here and the disk would take for its own.
NAMES = [
    b"\xc3\xa4 #&%'",
    b"plain",
    b"-rf",
    b"a[b]",
    b"star*",
    b"what?",
    b"back\\slash",
    b'dq"uote',
    b"$HOME `id`",
    b"~",
    b"semi;colon|pipe",
    b" spaces  two ",
    b"colon:host",
    b"@file",
    b"br{a,b}ce",
    b"tab\there",
    b"not\xff\xfetext",
]
DECOYS = [b"ab", b"star_other", b"whatX", b"backslash", b"bra"]  # what a wildcard or a lost sign would hit
RAW = "adhoc/p ä/s 1/raw"


@pytest.fixture
def tree(root: Path) -> Path:
    """A tree with a session that has files."""
    (root / RAW).mkdir(parents=True)
    return root


Ask = Callable[..., Links]


@pytest.fixture
def links(tree: Path, actor: Actor) -> Iterator[Ask]:
    """Lists the addresses of a path on a site with given services."""
    opened: list[DiskStore] = []

    def ask(
        path: str, services: dict[str, Any] | None = None, *, drive: str = "Z", tools: tuple[Tool, ...] = ()
    ) -> Links:
        site = Site(root=str(tree), services=SERVICES if services is None else services, tools=tools)
        opened.append(DiskStore(site))
        return list_links(opened[-1], actor, ListLinks(path=path, drive=drive))

    yield ask
    for store in opened:
        store.close()


def one(found: Links, tool: str) -> str:
    """The value of the one row of this name."""
    [link] = [link for link in found.items if link.tool == tool]
    return link.value


def names(found: Links) -> set[str]:
    return {link.tool for link in found.items}


# Addresses -----------------------------------------------------------------------------------------------------------


def test_file_has_every_address_of_the_slide(tree: Path, links: Ask) -> None:
    """Hub, Nextcloud, LiberTEM, SampleDB, workstation, SMB of both kinds: all lead to the file, quoted for each."""
    (tree / RAW / "a #&%'b.dm4").touch()
    found = links(f"{RAW}/a #&%'b.dm4")
    quoted = "adhoc/p%20%C3%A4/s%201/raw/a%20%23%26%25%27b.dm4"
    assert one(found, "JupyterHub") == f"https://hub.example.org/hub/user-redirect/modama/open/lab?path={quoted}"
    assert one(found, "LiberTEM") == f"https://hub.example.org/hub/user-redirect/modama/open/libertem?path={quoted}"
    assert one(found, "SampleDB") == f"https://eln.example.org/objects/?q={quoted}"
    folder, _, name = quoted.rpartition("/")
    cloud = f"https://cloud.example.org/apps/files/?dir=/ER-C-Data/{folder}&scrollto={name}"
    assert one(found, "Nextcloud") == cloud
    assert one(found, "Path on the workstations") == f"/storage/er-c-data/{RAW}/a #&%'b.dm4"
    assert one(found, "Windows network path") == "\\\\smb.example.org\\er-c-data\\adhoc\\p ä\\s 1\\raw\\a #&%'b.dm4"
    assert one(found, "macOS and Linux network path") == f"smb://smb.example.org/er-c-data/{quoted}"
    assert one(found, "Markdown").startswith("[a \\#\\&%'b\\.dm4](<https://hub.example.org/")
    assert one(found, "HTML").endswith(">a #&amp;%&#x27;b.dm4</a>")
    assert one(found, "Python") == f'import jupyter_modama as modama\nmodama.load("{RAW}/a #&%\'b.dm4")'


def test_site_can_lead_to_the_file_browser_of_its_hub(links: Ask) -> None:
    """A row of the site's own begins with the tree's place below the root of Lab's file browser."""
    row = Tool("JupyterHub", ("any",), url="{hub}/hub/user-redirect/lab/tree/{hub_tree}")
    found = links(RAW, {"hub": {"url": "https://hub.example.org", "tree": "storage/er-c-data"}}, tools=(row,))
    assert one(found, "JupyterHub").endswith("/lab/tree/storage/er-c-data/adhoc/p%20%C3%A4/s%201/raw")


def test_root_of_the_tree_has_addresses_too(links: Ask, tree: Path) -> None:
    """No address ends in a doubled or a stray slash."""
    found = links("")
    assert one(found, "Windows network path") == "\\\\smb.example.org\\er-c-data"
    assert one(found, "Path on the workstations") == "/storage/er-c-data"
    assert one(found, "Path on this computer") == str(tree)
    assert "//" not in one(found, "Nextcloud").removeprefix("https://")


def test_windows_drive_maps_the_folder_of_a_file(tree: Path, links: Ask) -> None:
    """A drive is a folder; the letter is the one that was asked for."""
    (tree / RAW / "50% x.dm4").touch()
    drive = one(links(f"{RAW}/50% x.dm4", drive="Y"), "Windows drive")
    assert drive == 'net use Y: "\\\\smb.example.org\\er-c-data\\adhoc\\p ä\\s 1\\raw" /persistent:no'
    copy = one(links(f"{RAW}/50% x.dm4"), "robocopy (Windows)")
    assert copy.endswith('\\s 1\\raw" . "50"%" x.dm4" /Z /XO /R:2 /W:5')


@pytest.mark.parametrize("drive", ["C", "ZZ", "", "1", "Z: & calc"])
def test_drive_letter_is_a_letter(links: Ask, drive: str) -> None:
    """Nothing but a free drive letter gets into a command."""
    with pytest.raises(Invalid, match="no letter"):
        links(RAW, drive=drive)


def test_without_services_only_what_works_is_shown(tree: Path, links: Ask) -> None:
    """On a laptop there is no address on the web, and no row pretends one."""
    (tree / RAW / "a.dm4").touch()
    found = links(f"{RAW}/a.dm4", {})
    assert names(found) == {
        "LiberTEM here",
        "Notebook here",
        "Path on this computer",
        "Path below the root",
        "Markdown path",
        "Python",
    }
    assert one(found, "LiberTEM here") == "modama:libertem?path=adhoc/p%20%C3%A4/s%201/raw/a.dm4"


def test_project_and_session_are_not_offered_to_programs_for_data(tree: Path, links: Ask) -> None:
    """A whole project is no data set; its Python snippet names the project."""
    for path in ("adhoc/p ä", "adhoc/p ä/s 1"):
        assert "LiberTEM" not in names(links(path))
    assert "LiberTEM" in names(links(RAW))
    assert one(links("adhoc/p ä"), "Python").endswith("modama.project('adhoc/p ä')")
    assert one(links("adhoc/p ä/s 1"), "Python").endswith("modama.project('adhoc/p ä').session('s 1')")


def test_permalink_outlives_a_rename(tree: Path, links: Ask, do: Any) -> None:
    """With a record the address has its id, without one the path."""
    services = {"permalink": "https://hub.example.org/services/modama"}
    assert one(links(RAW, services), "Permalink").endswith("/modama/path/adhoc/p%20%C3%A4/s%201/raw")
    project = do("project.create", name="q")
    (tree / "adhoc/q/a b").touch()
    found = one(links("adhoc/q/a b", services), "Permalink")
    assert found == f"https://hub.example.org/services/modama/at/{project.uuid}/a%20b"


def test_name_that_is_no_text_keeps_the_rows_that_can_say_it(tree: Path, links: Ask) -> None:
    """Rows that cannot express the bytes are left out and said; rsync and Python can."""
    name = os.fsdecode(b"\xff.dm4")
    (tree / RAW / name).touch()
    found = links(f"{RAW}/{name}")
    assert {"rsync: fetch", "sftp", "Python", "JupyterHub"} <= names(found)
    assert one(found, "LiberTEM").endswith("/raw/%FF.dm4")
    assert not {"Nextcloud", "Windows network path", "Path below the root"} & names(found)
    assert "Left out: " in found.advice
    assert "not UTF-8" in found.advice


def test_name_that_windows_cannot_have_is_left_out_there(tree: Path, links: Ask) -> None:
    """A colon is fine on Linux; the rows for Windows go, and the advice says why."""
    (tree / RAW / "12:30.dm4").touch()
    found = links(f"{RAW}/12:30.dm4")
    assert "Windows network path" not in names(found)
    assert "Windows cannot have the name “12:30.dm4”" in found.advice
    assert "macOS and Linux network path" in names(found)


def test_large_files_come_with_advice(tree: Path, links: Ask) -> None:
    """Above some GB a transfer that can go on is advised, far above it no transfer at all."""
    (tree / RAW / "small.mib").touch()
    assert links(f"{RAW}/small.mib").advice == ""
    for size, word in ((3 << 30, "go on where they stopped"), (300 << 30, "work on it where it lies")):
        with (tree / RAW / "large.mib").open("wb") as file:
            file.truncate(size)
        assert word in links(f"{RAW}/large.mib").advice


# The table of tools --------------------------------------------------------------------------------------------------


def test_rows_of_the_site_and_of_a_project_join_the_table(tree: Path, links: Ask, do: Any, store: DiskStore) -> None:
    """A row of the same name takes the place of the built-in one; a project's rows show only there."""
    do("project.create", name="q")
    row = {"name": "Viewer", "opens": ["xyz"], "url": "https://view.example.org/?f={path}&p={project}"}
    store.write_record(TreePath("adhoc/q"), "tools", {"tools": [row]})
    (tree / "adhoc/q/a.xyz").touch()
    (tree / RAW / "a.xyz").touch()
    own = read_tool({"name": "SampleDB", "url": "https://other.example.org/{name}"}, "here")
    found = links("adhoc/q/a.xyz", tools=(own,))
    assert one(found, "Viewer") == "https://view.example.org/?f=adhoc/q/a.xyz&p=adhoc/q"
    assert one(found, "SampleDB") == "https://other.example.org/a.xyz"
    assert "Viewer" not in names(links(f"{RAW}/a.xyz"))


def test_damaged_rows_of_a_project_cost_only_themselves(tree: Path, links: Ask, do: Any, store: DiskStore) -> None:
    """The other addresses are there, and the advice says what is wrong."""
    do("project.create", name="q")
    rows = [
        {"name": "x", "url": "https://x/{pth}"},
        {"name": "Y", "text": "y"},
        {"name": "JupyterHub", "url": "https://evil/"},
    ]
    store.write_record(TreePath("adhoc/q"), "tools", {"tools": rows})
    found = links("adhoc/q")
    assert one(found, "Y") == "y"
    assert one(found, "JupyterHub").startswith("https://hub.example.org/")
    assert "“JupyterHub” is a tool of the site" in found.advice
    assert "there is no placeholder “{pth}”; did you mean path?" in found.advice
    assert "JupyterHub" in names(found)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"url": "x"}, "the name is missing"),
        ({"name": "x"}, "one of url, command and text"),
        ({"name": "x", "url": "javascript:alert({path})"}, "is to begin with https://"),
        ({"name": "x", "url": "JavaScript:alert(1)"}, "is to begin with https://"),
        ({"name": "x", "url": "data:text/html,{path}"}, "is to begin with https://"),
        ({"name": "x", "url": "{path}"}, "is to begin with https://"),
        ({"name": "x", "url": "https://x/{path:shell}"}, "there is no filter “shell”"),
        ({"name": "x", "url": "{path"}, "cannot be read"),
        ({"name": "x", "ulr": "y"}, "there is no key “ulr”; did you mean url?"),
        ({"name": "x", "text": "y", "group": "opn"}, "did you mean open?"),
        ({"name": "x", "text": "y", "opens": "dm4"}, "list of texts"),
        ({"name": "x", "text": "y", "needs": ["hubb"]}, "did you mean hub?"),
        ({"name": 3, "url": "y"}, "name is to be a text"),
        ("x", "a table of keys"),
    ],
)
def test_wrong_rows_are_refused_by_key(row: Any, says: str) -> None:
    """Each mistake in a row names its key, and what may have been meant."""
    with pytest.raises(Invalid) as refusal:
        read_tool(row, "site.toml")
    assert says in str(refusal.value)
    assert str(refusal.value).startswith("site.toml")


def test_built_in_rows_keep_the_rules_of_rows() -> None:
    """What we ship passes the checks that a site's own rows must pass."""
    for tool in BUILT_IN:
        row = {
            name: getattr(tool, name)
            for name in ("name", "opens", "url", "command", "text", "group", "note", "needs", "kernel")
        }
        assert replace(read_tool(row, "built-in"), icon=tool.icon) == tool


def test_entries_name_the_programs_that_know_their_format(tree: Path) -> None:
    """Listings mark what can be opened; what takes any file is no mark."""
    site = Site(root=str(tree))
    assert opens_with(site, "a.DM4", EntryKind.FILE) == ("LiberTEM", "Notebook")
    assert opens_with(site, "a.bcf", EntryKind.FILE) == ("Notebook",)
    assert opens_with(site, "notes.md", EntryKind.FILE) == ()
    assert opens_with(site, "a.dm4", EntryKind.FOLDER) == ()


def test_table_agrees_with_the_readers(tree: Path) -> None:
    """What LiberTEM and a notebook open is said once, by the table of formats."""
    site = Site(root=str(tree))
    for row in FORMATS:
        for ending in row.extensions:
            known = opens_with(site, f"a.{ending}", EntryKind.FILE)
            assert ("LiberTEM" in known, "Notebook" in known) == (row.libertem, row.hyperspy), ending


def test_line_of_python_names_the_kernel_that_it_needs(tree: Path, links: Ask) -> None:
    """What only LiberTEM reads needs the kernel of its environment; the rest runs everywhere, and no row is doubled."""
    for name, needed in (("scan.raw", KERNEL), ("scan.SEQ", KERNEL), ("scan.mib", ""), ("notes.txt", "")):
        (tree / "adhoc" / name).write_bytes(b"1")
        (python,) = [link for link in links(f"adhoc/{name}").items if link.tool == "Python"]
        assert python.kernel == needed
        assert (f"“{SHOWN}”" in python.note and INSTALL in python.note) == bool(needed)


def test_nothing_is_brought_into_a_sealed_session(tree: Path, links: Ask, do: Any) -> None:
    """The command to push is left out below a seal, with the reason; fetching stays."""
    (tree / RAW / "a").write_bytes(b"x")
    assert "rsync: bring" in names(links(RAW))
    (tree / RAW / "../analysis").mkdir()
    do("session.seal", project="adhoc/p ä", session="s 1")
    try:
        found = links(RAW)
        assert "rsync: bring" not in names(found)
        assert "rsync: fetch" in names(found)
        assert "takes no more files; bring it to analysis beside raw" in found.advice
        assert "rsync: bring" in names(links("adhoc/p ä/s 1/analysis"))
    finally:
        do("session.unseal", project="adhoc/p ä", session="s 1", reason="end of the test")


def test_rsync_never_opens_files_nor_cuts_acls(links: Ask) -> None:
    """No `-a`, no `-p`: the rights of what is brought are those of the folder."""
    for tool in ("rsync: fetch", "rsync: bring"):
        words = shlex.split(one(links(RAW), tool))
        assert {"--no-p", "--no-g", "--chmod=ugo=rwX", "--partial", "-s"} <= set(words)
        short = "".join(
            word[1:] for word in words if word.startswith("-") and not word.startswith("--") and word != "-e"
        )
        assert not set(short) & set("apgoDAX")
        assert "ssh -T -c aes128-ctr -o Compression=no -x" in words


# Against a real sshd -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as service:
        yield service


@pytest.fixture
def odd(tree: Path) -> list[str]:
    """Folders of odd names, each with a file of the same name in it, and decoys beside them."""
    for name in [*NAMES, *DECOYS]:
        folder = os.path.join(os.fsencode(tree / RAW), name)
        os.mkdir(folder)
        content = b"decoy" if name in DECOYS else name
        for inner in {name, *DECOYS}:
            with open(os.path.join(folder, inner), "wb") as file:
                file.write(content if inner == name else b"decoy")
    return [os.fsdecode(name) for name in NAMES]


def run(line: str, cwd: Path, home: Path | None = None, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a line as it would be pasted into a terminal."""
    env = {**os.environ, "HOME": str(home or cwd), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", os.fsencode(line)], cwd=cwd, env=env, capture_output=True, timeout=60, check=False, **more
    )
    assert done.returncode == 0, f"{line!r}: {done.stderr.decode(errors='replace')}"
    return done


@pytest.mark.network
def test_rsync_fetches_files_and_folders_of_any_name(
    links: Ask, ssh: dict[str, Any], odd: list[str], tmp_path: Path
) -> None:
    """The line gets exactly the named file or folder, whatever the name, and goes on working when run again."""
    for number, name in enumerate(odd):
        path, got = (f"{RAW}/{name}", f"{name}/{name}") if number % 2 else (f"{RAW}/{name}/{name}", name)
        here = tmp_path / str(number)
        here.mkdir()
        for _ in range(2 if number < 2 else 1):
            run(one(links(path, {"ssh": ssh}), "rsync: fetch"), here)
        assert os.listdir(here) == [name], name
        assert (here / got).read_bytes() == os.fsencode(name), name


@pytest.mark.network
def test_fetched_copies_of_read_only_files_can_be_changed(
    tree: Path, links: Ask, ssh: dict[str, Any], tmp_path: Path
) -> None:
    """A sealed session has no write permission; the copy at home belongs to who fetched it."""
    (tree / RAW / "a").write_text("x")
    (tree / RAW / "a").chmod(0o444)
    (tree / RAW).chmod(0o555)
    here = tmp_path / "here"
    here.mkdir()
    run("umask 022; " + one(links(RAW, {"ssh": ssh}), "rsync: fetch"), here)
    assert (here / "raw").stat().st_mode & 0o777 == 0o755
    assert (here / "raw/a").stat().st_mode & 0o777 == 0o644
    (tree / RAW).chmod(0o755)


@pytest.mark.network
def test_rsync_brings_files_into_folders_of_any_name(
    tree: Path, links: Ask, ssh: dict[str, Any], odd: list[str], tmp_path: Path
) -> None:
    """The file lands in the folder that the line was made for, and in no other."""
    source = tmp_path / "new ä #&%'.dat"
    source.write_bytes(b"brought")
    for name in odd:
        line = one(links(f"{RAW}/{name}", {"ssh": ssh}), "rsync: bring")
        run(line.replace("'<src_path>'", shlex.quote(str(source))), tmp_path)
        landed = list((tree / RAW).rglob(source.name))
        assert [path.parent.name for path in landed] == [name]
        landed[0].unlink()


@pytest.mark.network
@pytest.mark.root
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="setfacl is not installed")
def test_what_is_brought_has_the_rights_of_the_folder(
    tree: Path, links: Ask, ssh: dict[str, Any], tmp_path: Path
) -> None:
    """The default ACL of the folder decides: nothing is opened to others, and members can write."""
    target = tree / RAW
    acl = "u::rwx,g::---,u:nobody:rwx,m::rwx,o::---"
    subprocess.run(["setfacl", "--set", acl, str(target)], check=True)
    subprocess.run(["setfacl", "-d", "--set", acl, str(target)], check=True)
    before = getfacl(target)
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep/frame").write_bytes(b"x")
    (source / "deep/frame").chmod(0o604)
    (source / "deep").chmod(0o705)
    line = one(links(RAW, {"ssh": ssh}), "rsync: bring").replace("'<src_path>'", str(source))
    run(line, tmp_path)
    assert getfacl(target) == before
    assert getfacl(target / "source/deep") == before
    assert getfacl(target / "source/deep/frame") == [
        "user::rw-",
        "user:nobody:rw-",
        "group::---",
        "mask::rw-",
        "other::---",
    ]


def getfacl(path: Path) -> list[str]:
    """The entries that count, without the bits that a mask takes away."""
    told = subprocess.run(["getfacl", "-cpE", str(path)], capture_output=True, text=True, check=True).stdout
    entries = [line.split()[0] for line in told.splitlines() if line]
    mask = next((entry[6:] for entry in entries if entry.startswith("mask::")), "rwx")
    return [_masked(entry, mask) for entry in entries]


def _masked(entry: str, mask: str) -> str:
    kind, _, bits = entry.rpartition(":")
    if not kind.startswith(("user:", "group:")) or kind == "user:":
        return entry
    return f"{kind}:" + "".join(bit if bit in mask else "-" for bit in bits)


@pytest.mark.network
def test_sftp_fetches_files_of_any_name(links: Ask, ssh: dict[str, Any], odd: list[str], tmp_path: Path) -> None:
    """The line gets exactly the named file, although sftp splits and expands what it is given."""
    for number, name in enumerate(odd):
        here = tmp_path / str(number)
        here.mkdir()
        run(one(links(f"{RAW}/{name}/{name}", {"ssh": ssh}), "sftp"), here, stdin=subprocess.DEVNULL)
        assert os.listdir(here) == [name]
        assert (here / name).read_bytes() == os.fsencode(name)


codecs.register_error("octal", lambda e: ("".join(f"\\{byte:o}" for byte in e.object[e.start : e.end]), e.end))


@pytest.mark.network
def test_sftp_opens_folders_of_any_name_that_it_can_say(
    tree: Path, links: Ask, ssh: dict[str, Any], odd: list[str], tmp_path: Path
) -> None:
    """The line begins in the named folder; for names with quotes or backslashes it is left out and said."""
    for name in odd:
        found = links(f"{RAW}/{name}", {"ssh": ssh})
        if set(name) & set('"\\'):
            assert "sftp" not in names(found)
            assert "sftp takes no quotes" in found.advice
            continue
        told = run(one(found, "sftp"), tmp_path, input=b"pwd\n").stdout
        shown = f"{tree / RAW}/{name}".encode("utf-8", "surrogateescape").decode("utf-8", "octal")
        assert f"Remote working directory: {shown}\n".encode() in told, name


@pytest.mark.network
@pytest.mark.skipif(
    shutil.which("sshfs") is None or not os.access("/dev/fuse", os.R_OK | os.W_OK),
    reason="no sshfs or no FUSE for us here",
)
def test_sshfs_mounts_the_folder(tree: Path, links: Ask, ssh: dict[str, Any], odd: list[str], tmp_path: Path) -> None:
    """The line makes a folder below home and shows the data in it; a file's line shows its folder."""
    for number, name in enumerate(odd):
        home = tmp_path / f"home{number}"
        home.mkdir()
        path = f"{RAW}/{name}" if number % 2 else f"{RAW}/{name}/{name}"
        run(one(links(path, {"ssh": ssh}), "sshfs"), tmp_path, home=home)
        try:
            assert (home / name / name).read_bytes() == os.fsencode(name)
        finally:
            unmount(home / name)


def unmount(folder: Path) -> None:
    """End an sshfs; the kernel may need a moment."""
    program = shutil.which("fusermount3") or "fusermount"
    for _ in range(50):
        if subprocess.run([program, "-u", str(folder)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.fail(f"{folder} is still mounted")


@pytest.mark.network
def test_interrupted_transfer_goes_on(tree: Path, links: Ask, ssh: dict[str, Any], tmp_path: Path) -> None:
    """What has come of a large file is kept, and the same line ends it."""
    content = os.urandom(1 << 20) * 48
    (tree / RAW / "large.mib").write_bytes(content)
    line = one(links(f"{RAW}/large.mib", {"ssh": ssh}), "rsync: fetch")
    slow = line.replace("rsync ", "exec rsync --bwlimit=4m ", 1)
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    first = subprocess.Popen(
        ["bash", "-c", slow], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(200):
        if any(path.stat().st_size > 1 << 20 for path in tmp_path.glob(".large.mib.*")):
            break
        time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    first.wait(20)
    kept = (tmp_path / "large.mib").stat().st_size
    assert 0 < kept < len(content)
    run(line, tmp_path)
    assert (tmp_path / "large.mib").read_bytes() == content


def test_links_are_links(links: Ask) -> None:
    """Every row has a group that the sidebar knows, a value, and a name."""
    for link in links(RAW).items:
        assert isinstance(link, Link)
        assert link.group in {"open", "transfer", "mount", "copy"}
        assert link.value
        assert link.label
