"""The pool: what a broken, hostile or vanished file costs (one preview), and the limits of the workers."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound, TimedOut, Unreachable, Unsupported
from jupyter_modama.readers import Pool, PreviewWish
from jupyter_modama.testing.em_files import write_npy


def workers_of(pool: Pool) -> list[int]:
    """The process ids of the idle workers of a pool."""
    return [worker.process.pid for worker in pool._idle]


@pytest.fixture
def own_pool(image: Path):  # type: ignore[no-untyped-def]
    """A pool of one worker, warm, that a test may break."""
    with Pool(workers=1, seconds=30) as opened:
        opened.preview(image)
        yield opened


def test_killed_worker_costs_one_preview(own_pool: Pool, image: Path) -> None:
    """A worker that is killed in the middle of a file ends that preview with a sentence, and the next one works."""
    (pid,) = workers_of(own_pool)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        broken = threads.submit(own_pool.preview, image)
        while not own_pool._busy:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unsupported, match="broke off"):
            broken.result(20)
    assert own_pool.preview(image).width == 150
    assert workers_of(own_pool) != [pid]


def test_idle_worker_that_died_is_replaced_unnoticed(own_pool: Pool, image: Path) -> None:
    """A worker that ended while idle costs nothing at all."""
    (pid,) = workers_of(own_pool)
    os.kill(pid, signal.SIGKILL)
    while own_pool._idle[0].process.poll() is None:
        time.sleep(0.01)
    assert own_pool.preview(image).kind == "image"


def test_worker_that_hangs_is_stopped_at_the_limit(image: Path) -> None:
    """A worker that does not answer in time is killed; the next preview has a fresh one."""
    with Pool(workers=1, seconds=1.0) as pool:
        pool.preview(image)
        (pid,) = workers_of(pool)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(TimedOut, match=r"reading image\.dm4 took longer than 1 s"):
            pool.preview(image)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert pool.preview(image).kind == "image"


def test_slow_file_ends_at_the_time_limit(tmp_path: Path, image: Path) -> None:
    """A file that takes too long to unpack is given up, for pictures and for metadata alike."""
    slow = tmp_path / "slow.h5"
    with h5py.File(slow, "w") as file:
        for number in range(6000):
            file.create_group(f"a/{number}/b").attrs["x"] = np.zeros(400)
    with Pool(workers=1, seconds=0.05) as pool:
        with pytest.raises(TimedOut):
            pool.preview(slow)
        found = pool.metadata(slow)
        assert not found.readable
        assert "took longer" in found.why


@pytest.mark.parametrize("size", [20 << 30])
def test_huge_sparse_array_takes_no_memory(tmp_path: Path, size: int) -> None:
    """A scan of 20 GB is previewed by reading one frame; the worker stays small."""
    path = write_npy(tmp_path / "scan.npy", np.zeros((1, 1), "u2"))
    head = np.lib.format.header_data_from_array_1_0(np.zeros((1,), "u2")) | {
        "shape": (400, 400, 256, size // 40_960_000)
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, head)
        file.truncate(file.tell() + 400 * 400 * 256 * (size // 40_960_000) * 2)
    with Pool(workers=1, seconds=30) as pool:
        found = pool.preview(path)
        (pid,) = workers_of(pool)
        assert found.frames == 160_000
        assert _peak_bytes(pid) < 400 << 20


def test_frame_with_too_many_pixels_is_refused(tmp_path: Path, pool: Pool) -> None:
    """One frame of 20 GB is not read at all."""
    path = tmp_path / "one-frame.npy"
    head = np.lib.format.header_data_from_array_1_0(np.zeros((1,), "u2")) | {"shape": (100_000, 100_000)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, head)
        file.truncate(file.tell() + 2 * 100_000**2)
    with pytest.raises(Unsupported, match="more than a preview unpacks"):
        pool.preview(path)
    assert pool.metadata(path).signals[0].shape == (100_000, 100_000)


def test_memory_limit_ends_in_a_sentence(tmp_path: Path) -> None:
    """What needs more memory than allowed is refused by name, and the worker goes on."""
    path = tmp_path / "picture.png"
    from PIL import Image

    Image.new("L", (20_000, 20_000)).save(path, compress_level=1)
    with Pool(workers=1, seconds=30, memory_bytes=500 << 20, pixels=10**10) as pool:
        with pytest.raises(Unsupported, match=r"more memory than the 0\.488 GiB"):
            pool.preview(path)
        (pid,) = workers_of(pool) or [0]
        assert pid == 0 or _peak_bytes(pid) < 900 << 20


def _peak_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def test_worker_is_limited(own_pool: Pool) -> None:
    """The kernel holds the worker's memory, file sizes and core dumps."""
    (pid,) = workers_of(own_pool)
    assert resource.prlimit(pid, resource.RLIMIT_DATA)[0] == 2 << 30
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


def test_worker_knows_no_secrets(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    """Tokens in the environment of the server do not reach a worker, and it does not stand in our folder."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "not-for-readers")
    with Pool(workers=1) as pool:
        pool.preview(image)
        (pid,) = workers_of(pool)
        assert "not-for-readers" not in Path(f"/proc/{pid}/environ").read_text()
        assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_fifo_does_not_hang(tmp_path: Path, pool: Pool) -> None:
    os.mkfifo(tmp_path / "frames.dm4")
    with pytest.raises(Unsupported, match="no ordinary file"):
        pool.preview(tmp_path / "frames.dm4")


def test_link_is_refused(tmp_path: Path, pool: Pool, image: Path) -> None:
    (tmp_path / "link.dm4").symlink_to(image)
    with pytest.raises(Unsupported, match="it is a link"):
        pool.preview(tmp_path / "link.dm4")


def test_folder_with_the_name_of_a_file_is_refused(tmp_path: Path, pool: Pool) -> None:
    (tmp_path / "folder.dm4").mkdir()
    with pytest.raises(Unsupported):
        pool.preview(tmp_path / "folder.dm4")


def test_vanished_file_is_not_found(tmp_path: Path, pool: Pool) -> None:
    with pytest.raises(NotFound, match=r"gone\.dm4"):
        pool.preview(tmp_path / "gone.dm4")
    with pytest.raises(NotFound):
        pool.metadata(tmp_path / "no-folder" / "gone.dm4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_says_so(image: Path, pool: Pool) -> None:
    image.chmod(0)
    with pytest.raises(NotAllowed, match=r"you may not read image\.dm4"):
        pool.preview(image)


@pytest.mark.parametrize("name", [b"\xc3\xa4 #&%' b.dm4", b"not-utf8-\xff\xfe.dm4", b" .dm4", b"a\nb.dm4", b"-rf.dm4"])
def test_any_name_is_read(tmp_path: Path, pool: Pool, image: Path, name: bytes) -> None:
    """A file is read whatever it is called, and its metadata can travel as JSON."""
    path = tmp_path / os.fsdecode(name)
    image.rename(path)
    assert pool.preview(path).kind == "image"
    found = pool.metadata(path)
    assert found.readable
    found.path.encode("utf-8")


@pytest.mark.parametrize(
    "extension", ["dm4", "dm3", "mib", "hdr", "npy", "mrc", "h5", "hspy", "tif", "blo", "ser", "emi", "bcf"]
)
def test_empty_file_is_a_normal_answer(tmp_path: Path, pool: Pool, extension: str) -> None:
    """An instrument may have made the file and not written yet."""
    path = tmp_path / f"empty.{extension}"
    path.touch()
    found = pool.metadata(path)
    assert not found.readable
    assert "empty" in found.why
    assert found.format


def test_threads_share_the_pool(pool: Pool, image: Path) -> None:
    """Two workers serve many threads, and each gets its own answer."""
    sizes = [16 + 4 * n for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda size: pool.preview(image, PreviewWish(size=size)), sizes))
    assert all(preview.width <= size for preview, size in zip(found, sizes, strict=True))
    assert len({preview.width for preview in found}) > 5
    assert len(pool._idle) <= 2


@pytest.mark.parametrize(
    "wish",
    [
        PreviewWish(contrast="nice"),
        PreviewWish(size=0),
        PreviewWish(size=100_000),
        PreviewWish(low=50, high=50),
        PreviewWish(high=float("nan")),
        PreviewWish(gamma=0),
        PreviewWish(signal=-1),
        PreviewWish(frame=-2),
    ],
)
def test_wish_out_of_bounds_is_invalid(pool: Pool, image: Path, wish: PreviewWish) -> None:
    with pytest.raises(Invalid):
        pool.preview(image, wish)


def test_frame_that_is_not_there_is_refused(pool: Pool, image: Path) -> None:
    with pytest.raises(Unsupported, match=r"1 frame\(s\), and number 6"):
        pool.preview(image, PreviewWish(frame=5))
    with pytest.raises(Unsupported, match=r"1 data set\(s\), and number 3"):
        pool.preview(image, PreviewWish(signal=2))


def test_closed_pool_answers_that_it_is_closed(image: Path) -> None:
    pool = Pool(workers=1)
    pool.close()
    with pytest.raises(Unreachable):
        pool.preview(image)


def test_closing_ends_the_workers_and_their_folders(image: Path) -> None:
    pool = Pool(workers=1)
    pool.preview(image)
    worker = pool._idle[0]
    pool.close()
    assert worker.process.poll() is not None
    assert not Path(worker.room).exists()


def test_worker_ends_with_its_server(image: Path) -> None:
    """A server that is killed leaves no worker behind."""
    program = (
        "import sys, time; from pathlib import Path; from jupyter_modama.readers import Pool\n"
        "pool = Pool(workers=1); pool.preview(Path(sys.argv[1]))\n"
        "print(pool._idle[0].process.pid, pool._idle[0].room, flush=True)\n"
        "time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, image], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout
        pid, room = server.stdout.readline().split()
        server.kill()
        server.wait()
    waiting = threading.Event()
    while Path(f"/proc/{pid}/stat").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        waiting.wait(0.02)
    while Path(room).exists():
        waiting.wait(0.02)


def test_server_that_ends_at_once_leaves_nothing(tmp_path: Path) -> None:
    """A worker that finds its server gone when it has just started removes its folder and ends."""
    program = (
        "from jupyter_modama.readers import Pool; pool = Pool(); print(pool._idle[0].process.pid, pool._idle[0].room)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    room = Path(done.stdout.split()[1])
    assert room.parent == tmp_path
    while room.exists():
        threading.Event().wait(0.02)


def test_thread_that_started_a_worker_may_end(image: Path) -> None:
    """The worker belongs to the process, not to the thread that happened to need it first."""
    with Pool(workers=1) as pool:
        thread = threading.Thread(target=pool.preview, args=(image,))
        thread.start()
        thread.join()
        (pid,) = workers_of(pool)
        assert pool.preview(image).kind == "image"
        assert workers_of(pool) == [pid]
