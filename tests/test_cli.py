"""The command line, run as people run it: a real process per command."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core import errors
from jupyter_modama.core.model import Job, JobState
from jupyter_modama.core.operations import OPERATIONS, Kind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.shell import arguments
from jupyter_modama.shell.progress import Bar, line_of
from jupyter_modama.shell.tables import shown, size, text_of, width

HERE = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "jupyter_modama.cli"]
ANNA = 12001
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Answer:
    """How a command ended, and what it said."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.raw = done.stdout
        self.out, self.err = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Modama = Callable[..., Answer]


@pytest.fixture
def modama(root: Path, monkeypatch: pytest.MonkeyPatch) -> Modama:
    """Runs one command on the tree of the test."""
    monkeypatch.setenv("MODAMA_ROOT", str(root))
    monkeypatch.setenv("PYTHONPATH", str(HERE))

    def run(*words: str | bytes, **more: Any) -> Answer:
        return Answer(subprocess.run([*COMMAND, *words], capture_output=True, timeout=60, check=False, **more))

    return run


@pytest.fixture
def session(do: Any, root: Path) -> Iterator[Path]:
    """A session with a file in it."""
    do("project.create", name="p", title="A title")
    do("session.create", project="adhoc/p", name="s")
    raw = root / "adhoc/p/s/raw"
    (raw / "a.dat").write_bytes(b"x" * 2048)
    yield raw
    if os.geteuid() == 0:  # so that the folders of the test can be removed
        subprocess.run(["chattr", "-R", "-f", "-i", str(root)], capture_output=True, check=False)


# Every operation -----------------------------------------------------------------------------------------------------

# A line for each operation, and a word that the answer for people holds.
LINES = {
    "project.list": ("project list", "adhoc/p"),
    "project.show": ("project show adhoc/p", "title: A title"),
    "project.create": ("project create q --visibility open --title T", "visibility: open"),
    "project.update": ("project update adhoc/p --sample gold", "gold"),
    "project.rename": ("project rename adhoc/p r", "path: adhoc/r"),
    "project.set_members": ("project set-members adhoc/p --add {bob}:reader", "{bob}"),
    "project.set_visibility": ("project set-visibility adhoc/p open", "visibility: open"),
    "project.transfer": ("project transfer adhoc/p {bob}", "{bob}"),
    "project.invite": ("project invite adhoc/p carla@example.org", "carla@example.org"),
    "project.uninvite": ("project uninvite adhoc/p carla@example.org", ""),
    "project.invitations": ("project invitations adhoc/p", "carla@example.org"),
    "project.adopt": ("project adopt adhoc/p --owner {bob}", "{bob}"),
    "project.check": ("project check adhoc/p", "nothing to compare"),
    "project.repair": ("project repair adhoc/p", "nothing to compare"),
    "person.find": ("person find {bob}", "{bob}"),
    "person.mails": ("person mails", "quiet"),
    "person.set_mails": ("person set-mails --off quiet", "quiet"),
    "person.export": ("person export", "created_by"),
    "person.forget": ("person forget {bob} --reason asked", "records: 0"),
    "session.list": ("session list adhoc/p --sort -name", "writable"),
    "session.show": ("session show adhoc/p s", "state: writable"),
    "session.create": ("session create adhoc/p --name t", "raw: adhoc/p/t/raw"),
    "session.make": ("session make adhoc/p old", "raw: adhoc/p/old/raw"),
    "session.update": ("session update adhoc/p s --title New", "title: New"),
    "session.rename": ("session rename adhoc/p s u", "name: u"),
    "session.remove": ("session remove adhoc/p empty", "adhoc/p/empty"),
    "session.survey": ("session survey adhoc/p s", "files: 1"),
    "session.seal": ("session seal adhoc/p s --note done", "state: sealed"),
    "session.undo_seal": ("session undo-seal adhoc/p s", "state: writable"),
    "session.unseal": ("session unseal adhoc/p s --reason mistake", "state: writable"),
    "session.request_unseal": ("session request-unseal adhoc/p s --reason crooked", "reason: crooked"),
    "session.decline_unseal": ("session decline-unseal adhoc/p s --reason no", "declined because: no"),
    "session.requests": ("session requests", "crooked"),
    "session.verify": ("session verify adhoc/p s", "files: 1"),
    "folder.list": ("folder list adhoc/p/s/raw --sort -size", "2.0 KiB"),
    "folder.sort": ("folder sort adhoc/p/s/raw --sort -size", "a.dat"),
    "entry.show": ("entry show adhoc/p/s/raw/a.dat", "size bytes: 2.0 KiB"),
    "entry.explain": ("entry explain adhoc/p/s/raw/a.dat", "You can change this file"),
    "entry.metadata": ("entry metadata adhoc/p/s/raw/a.dat", "adhoc/p/s/raw/a.dat"),
    "entry.links": ("entry links adhoc/p/s/raw/a.dat", "modama.load('adhoc/p/s/raw/a.dat')"),
    "entry.locate": ("entry locate {uuid} --rest s/raw", "path: adhoc/p/s/raw"),
    "entry.move": ("entry move adhoc/p/old adhoc/p/s/raw", "adhoc/p/s/raw/old"),
    "entry.rename": ("entry rename adhoc/p/s/raw/a.dat b.dat", "adhoc/p/s/raw/b.dat"),
    "entry.remove": ("entry remove adhoc/p/s/raw/a.dat", "adhoc/p/s/raw/a.dat"),
    "path.seal": ("path seal adhoc/p/s/analysis/out.dat --note published", "state: sealed"),
    "path.unseal": ("path unseal adhoc/p/s/analysis/out.dat --reason mistake", "state: open"),
    "path.verify": ("path verify adhoc/p/s/analysis/out.dat", "files: 1"),
    "audit.list": ("audit list --op project.*", "created project adhoc/p."),
    "job.list": ("job list", "session.seal"),
    "job.show": ("job show 20260101-000000-00000000", "session.seal"),
    "job.cancel": ("job cancel 20260101-000000-00000000", "cancelled"),
    "site.nightly": ("site nightly", "Everything grants what the projects say"),
    "site.count": ("site count", "1 project counted"),
    "site.overview": ("site overview", "projects: 0"),
    "doctor.run": ("doctor", "root: "),
}
NEEDS_ROOT = {
    "project.set_members",
    "project.transfer",
    "project.adopt",
    "person.find",
    "person.forget",
}  # somebody else, or the system
NEEDS_REQUEST = {"session.decline_unseal", "session.requests"}
NEEDS_SEAL = {"session.undo_seal", "session.request_unseal", *NEEDS_REQUEST, "session.unseal", "session.verify"}


def prepare(operation: str, do: Any, store: Any) -> None:
    """What an operation needs beside the session."""
    if operation == "session.remove":
        do("session.create", project="adhoc/p", name="empty")
    if operation in {"session.make", "entry.move"}:
        store.make_folder(TreePath("adhoc/p/old"), like="folder")
    if operation.startswith("job."):
        store.jobs.write(Job("20260101-000000-00000000", "session.seal", {}, "me", JobState.INTERRUPTED))
    if operation in NEEDS_SEAL:
        do("session.seal", project="adhoc/p", session="s")
    if operation.startswith("path."):
        (Path(store.site.root) / "adhoc/p/s/analysis/out.dat").write_bytes(b"result")
    if operation in {"path.unseal", "path.verify"}:
        do("path.seal", path="adhoc/p/s/analysis/out.dat")
    if operation in {"project.uninvite", "project.invitations"}:
        do("project.invite", project="adhoc/p", email="carla@example.org")
    if operation in NEEDS_REQUEST:
        do("session.request_unseal", project="adhoc/p", session="s", reason="crooked")


def test_every_operation_has_a_line() -> None:
    """A new operation cannot be forgotten here; an invitation is accepted by signing in, and by nothing else."""
    assert {*LINES, "invitation.accept"} == set(OPERATIONS)


@pytest.mark.parametrize("operation", LINES)
def test_operation_answers_people_and_programs(
    modama: Modama, session: Path, do: Any, store: Any, operation: str, request: pytest.FixtureRequest
) -> None:
    """Each operation runs from the shell, with shaped words for people and JSON for programs."""
    prepare(operation, do, store)
    bob = request.getfixturevalue("people").bob.login if operation in NEEDS_ROOT else ""
    uuid = do("project.show", project="adhoc/p").uuid
    line, word = (text.replace("{bob}", bob).replace("{uuid}", uuid) for text in LINES[operation])
    before = operation in {"project.rename", "session.rename", "session.remove", "project.create", "session.create"}
    answers = [modama(*line.split())]
    if not before and OPERATIONS[operation].kind is Kind.READ:
        answers.append(modama(*line.split(), "--json"))
        assert isinstance(answers[1].json, dict)
    for answer in answers:
        assert answer.code == 0, answer.err
    assert word in answers[0].out
    assert not re.search(r"\b[A-Z][a-z]+\(\w+=", answers[0].out), "a repr is nothing for people"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_help(modama: Modama, operation: str) -> None:
    """The dotted name works, too, and the help says what the operation does and takes."""
    answer = modama(operation, "--help")
    assert answer.code == 0
    flat = " ".join(answer.out.split())
    assert OPERATIONS[operation].says in flat
    for argument in arguments.arguments_of(OPERATIONS[operation]):
        assert (argument.name.upper() if argument.position else argument.option) in answer.out


def test_answer_of_a_change_is_json_when_asked(modama: Modama) -> None:
    """The new project comes as an object, umlauts as they are."""
    answer = modama("project", "create", "Höhe", "--json")
    assert answer.json["path"] == "adhoc/Höhe"
    assert "Höhe" in answer.out
    assert answer.err == ""


# Words ---------------------------------------------------------------------------------------------------------------


def test_without_words_everything_is_listed(modama: Modama) -> None:
    """The overview names each command with what it does."""
    answer = modama()
    assert answer.code == 0
    for name, operation in OPERATIONS.items():
        assert f"modama {name.replace('.', ' ')}" in answer.out
        assert operation.says in answer.out


def test_noun_alone_lists_its_verbs(modama: Modama) -> None:
    """`modama session --help` is a list; without --help it is a mistake that names the verbs."""
    assert "modama session seal PROJECT SESSION" in modama("session", "--help").out
    answer = modama("session")
    assert answer.code == errors.Invalid.exit
    assert "needs one of list, show" in answer.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["projct"], "there is no command “projct”; did you mean project"),
        (["session", "seel"], "there is no command “session seel”; did you mean seal"),
        (["project", "show"], "the following arguments are required: PROJECT"),
        (["folder", "list", "--limit", "many"], "“many” is no whole number"),
        (["folder", "list", "--limit"], "expected one argument"),
        (["project", "create", "x", "--visibility", "secret"], "invalid choice: 'secret'"),
        (["project", "list", "--nonsense"], "there is no option --nonsense; `modama project list --help`"),
        (["project", "list", "--sor", "name"], "there is no option --sor"),
        (["completion", "tcsh"], "there is no completion for “tcsh”"),
        (["folder", "list", "/etc"], "/etc does not lie in the data tree"),
        (["init", "x"], "“x” is too much; `modama init --help`"),
        (
            ["session", "create", "adhoc/p", "2024-x"],
            "“2024-x” is too much; what is optional has its name before it, such as --name",
        ),
        (["project", "create", "adhoc/x"], "the name alone, without what it lies in"),
    ],
)
def test_wrong_words_get_a_sentence(modama: Modama, words: list[str], says: str) -> None:
    """No usage dump, no traceback: what is wrong, what is possible, and the code of Invalid."""
    answer = modama(*words)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert answer.err.startswith("modama: ")
    assert answer.err.count("\n") == 1


def test_value_may_begin_with_a_dash(modama: Modama, session: Path) -> None:
    """`--sort -name` means what it says; so does a name after `--`."""
    assert modama("session", "list", "adhoc/p", "--sort", "-name").code == 0
    assert "“adhoc/-x”" in modama("project", "show", "--", "adhoc/-x").err


def test_paths_of_the_disk_are_understood(modama: Modama, session: Path) -> None:
    """Who stands in a folder can say `.`; whole paths work, and come to the same."""
    for words, cwd in (
        ((str(session),), HERE),
        ((".",), session),
        (("./raw",), session.parent),
        (("..",), session / ".."),
    ):
        if words == ("..",):
            continue
        answer = modama("folder", "list", *words, cwd=cwd)
        assert "a.dat" in answer.out, (words, answer.err)
    assert "adhoc/p" in modama("project", "show", ".", cwd=session.parents[1]).out


def test_version_is_that_of_the_package(modama: Modama) -> None:
    """One line that a script can read."""
    import jupyter_modama

    assert modama("--version").out == f"modama {jupyter_modama.__version__}\n"


# Errors --------------------------------------------------------------------------------------------------------------


def test_exit_code_is_that_of_the_error(modama: Modama, session: Path) -> None:
    """Scripts tell errors apart by the code, as the table of errors has it."""
    assert modama("project", "show", "adhoc/none").code == errors.NotFound.exit
    assert modama("project", "create", "p").code == errors.AlreadyExists.exit
    assert modama("project", "create", "CON").code == errors.NameRefused.exit
    assert modama("session", "remove", "adhoc/p", "s").code == errors.NotEmpty.exit


def test_error_as_json_is_the_problem(modama: Modama) -> None:
    """With --json standard output is JSON whatever happens, and standard error is quiet."""
    for words in (("project", "show", "adhoc/none"), ("project", "shw"), ("folder", "list", "--limit", "x")):
        answer = modama(*words, "--json")
        assert answer.json["type"].startswith("urn:modama:")
        assert answer.json["detail"]
        assert answer.code != 0
        assert answer.err == ""


def test_no_tree_is_said_with_what_to_do(modama: Modama, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fresh machine names the variables and the command; after that command it works."""
    monkeypatch.delenv("MODAMA_ROOT")
    answer = modama("project", "list")
    assert answer.code == errors.Invalid.exit
    assert "MODAMA_ROOT" in answer.err
    assert "modama init" in answer.err
    made = modama("init")
    assert made.code == 0
    assert "modama-data" in made.out
    assert modama("project", "create", "first").code == 0
    assert "adhoc/first" in modama("project", "list").out


def test_wrong_site_file_is_said(modama: Modama, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sentence of the site file comes through, for the doctor as a finding."""
    (tmp_path / "site.toml").write_text("[sit]\n")
    monkeypatch.setenv("MODAMA_SITE", str(tmp_path / "site.toml"))
    assert "did you mean site?" in modama("project", "list").err
    answer = modama("doctor")
    assert answer.code == 1
    assert "FAILURE  site: " in answer.out


def test_missing_root_is_said(modama: Modama, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that is not mounted is an error of the storage."""
    monkeypatch.setenv("MODAMA_ROOT", "/nowhere/at/all")
    answer = modama("project", "list")
    assert answer.code == errors.StorageError.exit
    assert "/nowhere/at/all" in answer.err


@needs_root
@pytest.mark.root
def test_state_that_cannot_be_written_is_a_sentence(anna: tuple[Path, Modama]) -> None:
    """A home without room for jobs and the audit stops a change with the place that is meant."""
    root, run = anna
    os.chown(root / "adhoc", ANNA, ANNA)
    os.chown(root.parent / "home", 0, 0)
    (root.parent / "home").chmod(0o755)
    answer = run("project", "create", "p")
    assert answer.code != 0
    assert "Traceback" not in answer.err
    assert answer.err.startswith("modama: ")


BROKEN = """\
import sys
from jupyter_modama import cli
from jupyter_modama.shell import doing
def broken(*args): raise ZeroDivisionError("oh")
doing.answer = broken
sys.exit(cli.main())
"""


def test_bug_is_a_sentence_unless_debugged(modama: Modama) -> None:
    """Nobody sees a traceback who did not ask for one."""

    def run(*words: str) -> Answer:
        return Answer(subprocess.run([sys.executable, "-c", BROKEN, *words], capture_output=True, check=False))

    answer = run("project", "list")
    assert answer.code == errors.StorageError.exit
    assert "Traceback" not in answer.err
    assert "ZeroDivisionError" in answer.err
    assert "Traceback" in run("project", "list", "--debug").err
    assert "ZeroDivisionError" in json.loads(run("project", "list", "--json").out)["detail"]


@pytest.mark.parametrize("words", [("project", "list"), ("folder", "list", "adhoc/p/s/raw", "--json"), ()])
def test_reader_that_goes_away_is_no_error(modama: Modama, session: Path, words: tuple[str, ...]) -> None:
    """`modama ... | head` ends quietly, even if nobody reads at all."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


# Odd names -----------------------------------------------------------------------------------------------------------


def test_name_that_is_no_text_can_be_given_and_is_shown_escaped(modama: Modama, session: Path) -> None:
    """Bytes go in as they are, and come out as something that a terminal can show."""
    with open(os.path.join(os.fsencode(session), b"\xff.dat"), "wb"):
        pass
    assert "\\xff.dat" in modama("folder", "list", "adhoc/p/s/raw").out
    answer = modama("entry", "show", b"adhoc/p/s/raw/\xff.dat")
    assert answer.code == 0, answer.err
    assert "path: adhoc/p/s/raw/\\xff.dat" in answer.out
    found = modama("entry", "show", b"adhoc/p/s/raw/\xff.dat", "--json").json["entry"]
    assert modama("entry", "show", "--path-b64", found["path_b64"]).code == 0


def test_names_cannot_act_on_the_terminal(modama: Modama, session: Path) -> None:
    """Escape sequences in a name are shown, not obeyed."""
    (session / "\x1b[2J\x07evil\nname").touch()
    for answer in (
        modama("folder", "list", "adhoc/p/s/raw"),
        modama("entry", "show", "adhoc/p/s/raw/\x1b[2J\x07evil\nname"),
        modama("entry", "explain", "adhoc/p/s/raw/\x1b[31m"),
    ):
        assert b"\x1b" not in answer.raw
        assert "\x1b" not in answer.err
    assert "\\x1b[2J\\x07evil\\nname" in modama("folder", "list", "adhoc/p/s/raw").out


def test_terminal_of_another_language_breaks_nothing(modama: Modama, session: Path) -> None:
    """In the C locale names with umlauts are still found and shown."""
    (session / "größe").touch()
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    answer = modama("folder", "list", "adhoc/p/s/raw", env=env)
    assert answer.code == 0, answer.err
    assert "a.dat" in answer.out


# An ordinary user ----------------------------------------------------------------------------------------------------


def user_python() -> str:
    """A Python that ordinary users can start."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        probe = ["-c", "import sys, dataclasses, importlib.metadata; sys.exit(sys.version_info < (3, 11))"]
        try:
            if (
                subprocess.run([candidate, *probe], user=ANNA, cwd="/", capture_output=True, check=False).returncode
                == 0
            ):
                return candidate
        except OSError:
            continue
    pytest.skip("no Python here that an ordinary user can start")


@pytest.fixture
def anna(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Modama]]:
    """A tree of root's with Anna's command line on it; its source is a copy that she can read."""
    python = user_python()
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        top = Path(name)
        top.chmod(0o755)
        (top / "root/adhoc").mkdir(parents=True)
        (top / "home").mkdir()
        os.chown(top / "home", ANNA, ANNA)
        ignored = shutil.ignore_patterns("_lab", "_page", "__pycache__")
        shutil.copytree(HERE / "jupyter_modama", top / "code/jupyter_modama", ignore=ignored)
        subprocess.run(["chmod", "-R", "a+rX", str(top / "code")], check=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(top / "home"), "PYTHONPATH": str(top / "code")}
        env |= {"MODAMA_ROOT": str(top / "root"), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}

        def run(*words: str) -> Answer:
            command = [python, "-m", "jupyter_modama.cli", *words]
            return Answer(
                subprocess.run(
                    command, user=ANNA, group=ANNA, extra_groups=[], env=env, cwd="/", capture_output=True, check=False
                )
            )

        yield top / "root", run


@needs_root
@pytest.mark.root
def test_ordinary_user_works_with_the_standard_library_alone(anna: tuple[Path, Modama]) -> None:
    """Refusals have their code and their reason; where one may write, one can work."""
    root, run = anna
    answer = run("project", "create", "p")
    assert answer.code == errors.NotAllowed.exit, answer.err
    assert "Traceback" not in answer.err
    assert "belongs to root" in run("entry", "explain", "adhoc").out
    os.chown(root / "adhoc", ANNA, ANNA)
    assert run("project", "create", "p").code == 0
    assert run("session", "create", "adhoc/p", "--name", "s").code == 0
    assert (root / "adhoc/p/s/raw").stat().st_uid == ANNA
    assert "You can write in this folder." in run("entry", "explain", "adhoc/p/s/raw").out
    report = run("doctor", "--json")
    assert "not looked at" in report.out


@needs_root
@pytest.mark.root
def test_ordinary_user_cannot_see_into_a_closed_project(anna: tuple[Path, Modama]) -> None:
    """What one may not enter answers as if it were not there; explain says whom to ask."""
    root, run = anna
    (root / "adhoc/closed").mkdir(mode=0o700)
    assert run("folder", "list", "adhoc/closed").code == errors.NotFound.exit
    assert "adhoc/closed" not in run("project", "list").out
    assert "you do not belong to the project" in run("entry", "explain", "adhoc/closed/x").out


# Long work -----------------------------------------------------------------------------------------------------------


def test_long_work_is_a_job_with_plain_lines(modama: Modama, session: Path, store: Any) -> None:
    """Without a terminal progress is lines on standard error; Lab sees the job."""
    for number in range(50):
        (session / f"{number}").touch()
    answer = modama("folder", "sort", "adhoc/p/s/raw", "--sort", "-size")
    assert answer.code == 0, answer.err
    assert "\r" not in answer.err
    [job] = store.jobs.list()
    assert (job.op, job.state) == ("folder.sort", JobState.DONE)


def in_terminal(*words: str) -> tuple[int, str]:
    """Run a command in a terminal: its exit code, and all that was shown."""
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen([*COMMAND, *words], env={**os.environ, "TERM": "xterm"}, **streams)
    os.close(theirs)
    told = b""
    try:
        while chunk := os.read(ours, 65536):
            told += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    return process.wait(30), told.decode()


def test_terminal_gets_a_bar_that_goes_away(modama: Modama, session: Path) -> None:
    """The bar is drawn over itself, and its line is empty when the answer comes."""
    for number in range(5100):
        (session / f"{number}").touch()
    code, told = in_terminal("folder", "sort", "adhoc/p/s/raw", "--sort", "-size")
    assert code == 0
    assert re.search(r"\rsorting  \[[#.]{24}\]", told)
    last = told[: told.index("MODE")].rsplit("\r", 1)
    assert last[0].endswith(" ")
    assert last[1] == ""


def test_ctrl_c_cancels_with_a_sentence(modama: Modama, session: Path, do: Any, store: Any) -> None:
    """The first Ctrl-C stops at a safe step; the job is cancelled, nothing is sealed."""
    with (session / "open.dat").open("wb") as writing:
        writing.write(b"x")
        command = [*COMMAND, "session", "seal", "adhoc/p", "s", "--writers", "wait"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        said = b""
        while b"wait" not in said:
            ready, _, _ = select.select([process.stderr], [], [], 30)
            assert ready, said
            chunk = os.read(process.stderr.fileno(), 4096)
            assert chunk, said
            said += chunk
        process.send_signal(signal.SIGINT)
        _, more = process.communicate(timeout=30)
    assert process.returncode == errors.Cancelled.exit, more
    assert b"Stopping at the next safe step" in said + more
    assert b"modama: cancelled: " in more
    [job] = store.jobs.list()
    assert job.state is JobState.CANCELLED
    assert do("session.show", project="adhoc/p", session="s").state == "writable"


def test_mismatch_has_an_exit_code_of_its_own(modama: Modama, session: Path, do: Any, store: Any) -> None:
    """A script that verifies can tell a changed file from an error."""
    prepare("session.verify", do, store)
    subprocess.run(["chattr", "-R", "-f", "-i", str(session)], capture_output=True, check=False)
    (session / "a.dat").chmod(0o644)
    (session / "a.dat").write_bytes(b"y" * 2048)
    answer = modama("session", "verify", "adhoc/p", "s")
    assert answer.code == errors.ManifestMismatch.exit == 6
    assert "NOT as it was sealed" in answer.err
    problem = modama("session", "verify", "adhoc/p", "s", "--json").json
    assert problem["type"] == "urn:modama:manifest-mismatch"
    assert any("a.dat" in str(name) for name in problem["changed"])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_says_phase_share_and_amount() -> None:
    """Bytes have units, counts have separators, an unknown total has no share."""
    job = Job("x", "session.seal", {}, "me", JobState.RUNNING, phase="hashing", done=512, total=2048, unit="bytes")
    assert line_of(job, bar=True) == "hashing  [######..................]   25%  512 B of 2.0 KiB"
    job = Job("x", "session.seal", {}, "me", JobState.RUNNING, phase="looking", done=1200, unit="files")
    assert line_of(job, bar=True) == "looking  1,200 files"


def test_bar_leaves_no_rest_of_a_longer_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shorter line covers the one before, and clearing leaves nothing."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    bar = Bar(stream)
    for phase in ("a long phase", "short"):
        bar(Job("x", "op", {}, "me", JobState.RUNNING, phase=phase))
    bar.clear()
    assert stream.getvalue() == "\ra long phase\rshort       \r     \r"


# Tables --------------------------------------------------------------------------------------------------------------


def test_tables_line_up_for_wide_and_combining_characters(do: Any) -> None:
    """Columns stand below each other for names of any script."""
    for name in ("plain", "日本語", "ångström"):
        do("project.create", name=name)
    lines = shown(do("project.list", sort="name")).splitlines()
    places = {width(line[: line.index(word)]) for line, word in zip(lines, ("OWNERS", *["root"] * 3), strict=True)}
    assert len(places) == 1


def test_empty_answers_say_what_to_do(do: Any) -> None:
    """An empty list is no empty screen."""
    assert "modama project create" in shown(do("project.list"))
    do("project.create", name="p")
    assert "modama session create" in shown(do("session.list", project="adhoc/p"))
    assert "No long work" in shown(do("job.list"))


def test_verification_begins_with_what_it_found(modama: Modama, session: Path) -> None:
    """Who reads the first line only knows that all is well."""
    assert modama("session", "seal", "adhoc/p", "s").code == 0
    assert modama("session", "verify", "adhoc/p", "s").out.startswith("1 file matches its checksum (")


def test_jobs_name_what_they_are_about(modama: Modama, session: Path) -> None:
    """A session by its folder, a project and a path by themselves, each once."""
    assert modama("session", "seal", "adhoc/p", "s").code == 0
    assert modama("project", "check", "adhoc/p").code == 0
    assert modama("folder", "sort", "adhoc/p/s/raw").code == 0
    rows = [line.split() for line in modama("job", "list").out.splitlines()[1:]]
    assert sorted(row[2] for row in rows) == ["adhoc/p", "adhoc/p/s", "adhoc/p/s/raw"]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 40, "3.0 TiB"), (None, "")]
)
def test_sizes_have_binary_units(number: int | None, text: str) -> None:
    """As `ls -h` has them, with their right names."""
    assert size(number) == text


def test_control_characters_are_written_out() -> None:
    """Tabs and line breaks by their letters, the rest by their numbers; joiners of scripts stay."""
    assert text_of("a\tb\nc\x1b\x85\u202e\udcff") == "a\\tb\\nc\\x1b\\x85\\u202e\\xff"
    assert text_of("क\u200dष") == "क\u200dष"


# Completion ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def path_with_modama(tmp_path: Path, modama: Modama, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `modama` that shells find."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "modama"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m jupyter_modama.cli "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def complete(modama: Modama, *words: str) -> list[str]:
    return modama("__complete", *words).out.splitlines()


def test_completion_knows_commands_options_and_choices(modama: Modama) -> None:
    """Nouns, verbs, options of the operation, and the values of an option that has choices."""
    assert complete(modama, "pro") == ["project"]
    assert complete(modama, "session", "un") == ["undo_seal", "unseal"]
    assert "--visibility" in complete(modama, "project", "create", "x", "--")
    assert complete(modama, "project", "create", "x", "--visibility", "") == ["private", "open"]
    assert complete(modama, "completion", "") == ["bash", "zsh", "fish"]
    assert complete(modama, "nonsense", "x") == []


def test_completion_knows_the_tree(modama: Modama, session: Path) -> None:
    """Projects, sessions of that project, and paths step by step."""
    assert complete(modama, "project", "show", "") == ["adhoc/p"]
    assert complete(modama, "session", "seal", "adhoc/p", "") == ["s"]
    assert complete(modama, "folder", "list", "ad") == ["adhoc/"]
    assert complete(modama, "entry", "show", "adhoc/p/s/raw/") == ["adhoc/p/s/raw/a.dat"]
    assert complete(modama, "entry", "show", "--json", "adhoc/p/s/r") == ["adhoc/p/s/raw/"]


def test_completion_without_a_tree_is_silent(modama: Modama, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Tab key never prints an error."""
    monkeypatch.delenv("MODAMA_ROOT")
    answer = modama("__complete", "project", "show", "")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


@pytest.mark.usefixtures("path_with_modama")
def test_bash_completes(session: Path) -> None:
    """The function that bash calls gives candidates, quoted for a name with a space."""
    (session / "a b").touch()
    code = (
        'eval "$(modama completion bash)"; complete -p modama; COMP_WORDS=(modama entry show adhoc/p/s/raw/a); '
        'COMP_CWORD=3; _modama; printf "%s\\n" "${COMPREPLY[@]}" | sort'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    candidates = ["adhoc/p/s/raw/a.dat", "adhoc/p/s/raw/a\\ b"]
    assert done.stdout.splitlines() == ["complete -F _modama modama", *sorted(candidates)]
    assert done.stderr == ""


@pytest.mark.usefixtures("path_with_modama")
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(session: Path) -> None:
    """What fish offers for a half-written line."""
    code = 'modama completion fish | source; complete -C "modama session li"; complete -C "modama project show "'
    done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["list", "adhoc/p"]


@pytest.mark.usefixtures("path_with_modama")
@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes(session: Path) -> None:
    """What our function hands to zsh: words, and folders that no space follows."""
    code = (
        'compdef() { :; }; compadd() { print -rl -- "$@"; }; eval "$(modama completion zsh)"; '
        "words=(modama folder list adhoc/p/s/); CURRENT=4; _modama; words=(modama session li); CURRENT=3; _modama"
    )
    done = subprocess.run(["zsh", "-fc", code], capture_output=True, text=True, check=True)
    offered = [line for line in done.stdout.splitlines() if line not in {"--", "-S", ""}]
    assert sorted(offered) == ["adhoc/p/s/analysis/", "adhoc/p/s/notes.md", "adhoc/p/s/raw/", "list"]


def test_start_needs_no_web_framework(modama: Modama, root: Path) -> None:
    """The command line starts without Jupyter, numpy or a reader of packages' metadata."""
    code = (
        "import sys; from jupyter_modama.cli import main; main(['project', 'list']); "
        "heavy = {'tornado', 'jupyter_server', 'traitlets', 'numpy', 'email', 'msgspec', 'rsciio', 'asyncio'}; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & heavy))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"
