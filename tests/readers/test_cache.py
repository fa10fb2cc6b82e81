"""The cache of previews: right or empty, never in the way, and nobody else's."""

from __future__ import annotations

import dataclasses
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_modama.core.model import Axis, Signal
from jupyter_modama.readers import Preview, PreviewCache, PreviewWish
from jupyter_modama.readers import cache as module

WISH = PreviewWish()
INFO = Signal(0, "ä title", "spectrum", (4,), "uint16", (Axis("x", 4, 0.5, 0.0, "eV"),))
PREVIEW = Preview(
    b"\x89PNG\r\n\x1a\n" + b"x" * 1000, 256, 160, "spectrum", "a caption", 0, 1, 0.5, 9.0, INFO, (1.0, 2.0)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that was written an hour ago, as far as its times say."""
    path = tmp_path / "frame.dm4"
    path.write_bytes(b"counts")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> PreviewCache:
    """A cache that does not wait for files to settle; the time of change of a file cannot be set back."""
    return PreviewCache(tmp_path / "cache", settle_seconds=0)


def kept(cache: PreviewCache) -> list[Path]:
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_kept_preview_comes_back_as_it_was(cache: PreviewCache, file: Path) -> None:
    assert cache.get(file, WISH) is None
    cache.put(file, WISH, PREVIEW)
    assert cache.get(file, WISH) == PREVIEW
    assert PreviewCache(cache.folder).get(file, WISH) == PREVIEW


@pytest.mark.parametrize(
    "change", [{"size": 128}, {"signal": 1}, {"frame": 0}, {"contrast": "log"}, {"low": 1.0}, {"gamma": 2.0}]
)
def test_other_wish_is_another_preview(cache: PreviewCache, file: Path, change: dict[str, float]) -> None:
    cache.put(file, WISH, PREVIEW)
    assert cache.get(file, dataclasses.replace(WISH, **change)) is None  # type: ignore[arg-type]


def test_changed_file_has_no_preview(cache: PreviewCache, file: Path) -> None:
    """A file that grew, was written again in place, or was replaced by another one."""
    cache.put(file, WISH, PREVIEW)
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert cache.get(file, WISH) is None
    file.write_bytes(b"more counts")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.get(file, WISH) is None
    (file.parent / "other").write_bytes(b"counts")
    os.replace(file.parent / "other", file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.get(file, WISH) is None


def test_changed_companion_has_no_preview(cache: PreviewCache, tmp_path: Path) -> None:
    """The header of a Merlin scan stays as it is while the frames beside it come in."""
    header, frames = tmp_path / "scan.hdr", tmp_path / "scan.mib"
    header.write_text("HDR")
    frames.write_bytes(b"one")
    cache.put(header, WISH, PREVIEW)
    assert cache.get(header, WISH) == PREVIEW
    frames.write_bytes(b"one, two")
    assert cache.get(header, WISH) is None


def test_renamed_file_keeps_its_preview(cache: PreviewCache, file: Path) -> None:
    cache.put(file, WISH, PREVIEW)
    renamed = file.rename(file.with_name("ä #&%'.dm4"))
    assert cache.get(renamed, WISH) == PREVIEW


def test_link_has_no_preview(cache: PreviewCache, file: Path) -> None:
    """What readers refuse does not come out of the cache either."""
    cache.put(file, WISH, PREVIEW)
    link = file.with_name("link.dm4")
    link.symlink_to(file)
    assert cache.get(link, WISH) is None


def test_new_renderer_draws_anew(cache: PreviewCache, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(file, WISH, PREVIEW)
    monkeypatch.setattr(module, "RENDERER", module.RENDERER + 1)
    assert cache.get(file, WISH) is None


def test_file_that_changed_just_now_is_not_kept(tmp_path: Path, file: Path) -> None:
    """The picture may be of the file as it was before the change."""
    cache = PreviewCache(tmp_path / "cache")
    cache.put(file, WISH, PREVIEW)
    assert not kept(cache)


@pytest.mark.parametrize("keep", [0, 10, 60, -1])
def test_damaged_preview_is_ignored_and_replaced(cache: PreviewCache, file: Path, keep: int) -> None:
    """A cut or changed file of the cache costs time only."""
    cache.put(file, WISH, PREVIEW)
    (place,) = kept(cache)
    whole = place.read_bytes()
    place.write_bytes(whole[:keep] if keep >= 0 else whole[:-1] + b"?")
    assert cache.get(file, WISH) is None
    cache.put(file, WISH, PREVIEW)
    assert cache.get(file, WISH) == PREVIEW


def test_cache_is_for_its_owner_only(cache: PreviewCache, file: Path) -> None:
    cache.folder.mkdir(mode=0o777)
    cache.folder.chmod(0o777)
    cache.put(file, WISH, PREVIEW)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    (place,) = kept(cache)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_cache_is_bounded(tmp_path: Path, file: Path) -> None:
    """What was not used for longest goes first."""
    cache = PreviewCache(tmp_path / "cache", most_bytes=20_000, settle_seconds=0)
    wishes = [dataclasses.replace(WISH, frame=number) for number in range(60)]
    cache.put(file, wishes[0], PREVIEW)
    for number, wish in enumerate(wishes[1:]):
        cache.put(file, wish, PREVIEW)
        assert cache.get(file, wishes[0]) == PREVIEW, number
    assert sum(path.stat().st_size for path in kept(cache)) <= 22_500
    assert cache.get(file, wishes[1]) is None
    assert cache.get(file, wishes[-1]) == PREVIEW


def test_vanished_file_is_no_error(cache: PreviewCache, file: Path) -> None:
    file.unlink()
    cache.put(file, WISH, PREVIEW)
    assert cache.get(file, WISH) is None


def test_place_that_cannot_be_written_is_no_error(tmp_path: Path, file: Path) -> None:
    """A full or read-only disk never fails a preview."""
    (tmp_path / "file").write_text("")
    cache = PreviewCache(tmp_path / "file" / "cache", settle_seconds=0)
    cache.put(file, WISH, PREVIEW)
    assert cache.get(file, WISH) is None


def test_full_disk_leaves_no_half_of_a_preview(cache: PreviewCache, file: Path) -> None:
    """Writing beyond the limit fails as on a full disk: nothing is kept, nothing is raised, nothing is left over."""
    import resource
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        cache.put(file, WISH, PREVIEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not kept(cache)
    assert cache.get(file, WISH) is None


def test_threads_share_the_folder(cache: PreviewCache, file: Path) -> None:
    def both(number: int) -> bool:
        wish = dataclasses.replace(WISH, frame=number % 3)
        cache.put(file, wish, PREVIEW)
        return cache.get(file, wish) == PREVIEW

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(both, range(100)))
    assert len(kept(cache)) == 3
