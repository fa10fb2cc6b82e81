"""Opening a file in LiberTEM, so that its data set is there when the page appears.

LiberTEM's own link only fills in a form, and fails without a word on many names. So the server does what the page
would: `detect`, then load by the REST interface; every page of this LiberTEM, open or new, shows the data set at once.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_modama.core.errors import (
    Invalid,
    NotSignedIn,
    TimedOut,
    Unreachable,
    Unsupported,
    VersionMismatch,
    from_problem,
)
from jupyter_modama.libertem import files, parameters, words
from jupyter_modama.libertem.channel import Answer, Channel
from jupyter_modama.libertem.environment import INSTALL, LIBERTEM
from jupyter_modama.libertem.proxy import NAME

START_LIMIT_S = 90.0
DETECT_LIMIT_S = 60.0
LOAD_LIMIT_S = 280.0  # jupyter-server-proxy gives up at 300
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Opened:
    """A data set that is in LiberTEM now; `url_path` (below the Jupyter server's base) shows it."""

    url_path: str
    uuid: str
    name: str
    shape: tuple[int, ...]
    type: str
    already: bool
    loaded_s: float
    warning: str = ""


@dataclass(frozen=True, slots=True)
class _Loaded:
    fingerprint: tuple[tuple[int, int, int], ...]
    given: Mapping[str, Any]
    opened: Opened


class Opener:
    """Opens files in one LiberTEM and knows what it opened; one per Jupyter server, used from one event loop."""

    def __init__(self, channel: Channel | None = None) -> None:
        self._channel = channel
        self._loaded: dict[Path, _Loaded] = {}
        self._locks: dict[Path, asyncio.Lock] = {}

    async def open(
        self, path: Path, parameters: Mapping[str, Any] | None = None, channel: Channel | None = None
    ) -> Opened:
        """Have the file (or the data set in the folder) `path` loaded, once, and again when it has changed.

        `path` is absolute, resolved and judged by the caller; `channel` is the way to LiberTEM as the person who asks.
        Raises: ParametersNeeded when the file does not say enough, Invalid when `parameters` do not fit it,
        Unsupported, NotFound, NotAllowed, Unreachable, VersionMismatch, TimedOut.
        """
        channel = channel or self._channel
        if channel is None:
            raise Unreachable(what="LiberTEM", why="no way to it is known")
        given = dict(parameters or {})
        source = await asyncio.to_thread(files.source, path, str(given.pop("file", "")))
        lock = self._locks.setdefault(source.path, asyncio.Lock())
        async with lock:
            return await self._open(source, given, channel)

    async def _open(self, source: files.Source, given: Mapping[str, Any], channel: Channel) -> Opened:
        fingerprint = await asyncio.to_thread(source.fingerprint)
        there = await ensure_running(channel)
        old = self._loaded.get(source.path)
        if old is not None and old.opened.uuid in there:
            if old.fingerprint == fingerprint and given in ({}, old.given):
                return _again(old.opened)
            await channel.request("DELETE", f"api/datasets/{old.opened.uuid}/")
        began = time.monotonic()
        params, warning = await _parameters(source, given, channel)
        opened = await _load(source, params, warning, channel, began)
        if given and opened.type in {"RAW", "MIB"}:
            await asyncio.to_thread(parameters.remember, source.path, given)
        self._loaded[source.path] = _Loaded(fingerprint, given, opened)
        return opened


def _again(opened: Opened) -> Opened:
    same = {name: getattr(opened, name) for name in opened.__slots__}
    return Opened(**{**same, "already": True, "loaded_s": 0.0})


# LiberTEM itself -----------------------------------------------------------------------------------------------------


async def ensure_running(channel: Channel, limit_s: float = START_LIMIT_S) -> set[str]:
    """Wait until LiberTEM is up with an executor; the data sets that it holds.

    Raises: Unreachable (with the last lines of its log as `details`), VersionMismatch, NotSignedIn, TimedOut.
    """
    end = time.monotonic() + limit_s
    asked = False
    while True:
        answer = await channel.request("GET", "api/modama/loaded/", limit_s=limit_s)
        found = answer.json()
        if answer.status == 200 and "datasets" in found:
            if found.get("version") != LIBERTEM:
                raise _other_version(str(found.get("version")))
            return set(found["datasets"])
        _judge(answer, found, asked)
        if found.get("state") in {"failed", "stopped"}:
            asked = True
            await channel.request("GET", "api/modama/loaded/?again")
        if time.monotonic() > end:
            raise TimedOut(what="the start of LiberTEM", limit_s=round(limit_s))
        await asyncio.sleep(PAUSE_S)


def _judge(answer: Answer, found: Mapping[str, Any], asked: bool) -> None:
    """Raise what waiting will not mend."""
    if answer.status == 404 or answer.location.endswith("/loaded"):  # Jupyter cuts the slash of what it does not know
        why = "this Jupyter server has no way to it (is jupyter-server-proxy installed and enabled?)"
        raise Unreachable(what="LiberTEM", why=why)
    if answer.status in {301, 302, 401, 403}:
        raise NotSignedIn()
    if found.get("state") == "failed" and asked:
        raise from_problem(dict(found))


def _other_version(found: str) -> VersionMismatch:
    step = f"please run `{INSTALL}` in a terminal, then restart your server"
    return VersionMismatch(what="LiberTEM", found=found, wanted=LIBERTEM, next_step=step)


# Parameters ----------------------------------------------------------------------------------------------------------


async def _parameters(source: files.Source, given: Mapping[str, Any], channel: Channel) -> tuple[dict[str, Any], str]:
    """What to load the file with, and a warning. Raises: Unsupported, ParametersNeeded, Invalid."""
    name, size = files.shown(source.path), (await asyncio.to_thread(files.stat, source.path)).st_size
    if source.params:
        return dict(source.params), ""
    if source.suffix in files.RAW and given:
        return {"type": "RAW", **parameters.checked_raw(given, size, name)}, ""
    found, info = await _detect(source, channel)
    if not found:
        if source.suffix not in files.RAW:
            raise Unsupported(path=name, why=words.not_recognised(source.suffix))
        return _raw(source, size, name), ""
    if found.get("type") == "HDF5":
        return _hdf5(found, info, name, source.suffix)
    if source.suffix == ".mib":
        return _mib(source, found, info, given, size), ""
    if len(found.get("sig_shape", (0, 0))) != 2:
        raise Unsupported(path=name, why=words.SPECTRA)
    return found, ""


async def _detect(source: files.Source, channel: Channel) -> tuple[dict[str, Any], dict[str, Any]]:
    query = quote(str(source.path), safe="")
    answer = await channel.request("GET", f"api/datasets/detect/?path={query}", limit_s=DETECT_LIMIT_S)
    if answer.status != 200:
        await asyncio.to_thread(source.fingerprint)  # says so when the file has gone meanwhile
        raise Unsupported(path=files.shown(source.path), why=words.detect_broke(source.suffix, answer.status))
    found = answer.json()
    if found.get("status") != "ok":
        return {}, {}
    return dict(found.get("datasetParams") or {}), dict(found.get("datasetInfo") or {})


def _raw(source: files.Source, size: int, name: str) -> dict[str, Any]:
    """What was told for this folder before, if it fits this file too; else ask."""
    known = parameters.recall(source.path)
    if known is not None:
        try:
            return {"type": "RAW", **parameters.checked_raw(known, size, name)}
        except Invalid:
            known = None
    raise parameters.raw_needed(name, size, known)


def _mib(
    source: files.Source, found: dict[str, Any], info: dict[str, Any], given: Mapping[str, Any], size: int
) -> dict[str, Any]:
    """Without its header file a .mib knows the number of its frames, and not the scan."""
    frames, name = int(info.get("image_count", 0)), files.shown(source.path)
    if frames < 1:
        raise Unsupported(path=name, why="no whole frame is in it; perhaps the measurement was broken off")
    known = given or parameters.recall(source.path)
    if frames == 1:
        return {**found, "nav_shape": [1, 1]}
    if not known:
        guess = {"nav_shape": list(parameters.factor(frames)), "sync_offset": 0}
        raise parameters.scan_needed(name, size, frames, guess)
    try:
        return found | parameters.checked_scan(known, frames, name)
    except Invalid:
        if given:
            raise
        guess = {"nav_shape": list(parameters.factor(frames)), "sync_offset": 0}
        raise parameters.scan_needed(name, size, frames, guess) from None


def _hdf5(found: dict[str, Any], info: dict[str, Any], name: str, suffix: str) -> tuple[dict[str, Any], str]:
    best = next(files.datasets(info), None)
    if best is None:
        raise Unsupported(path=name, why=words.NO_FRAMES)
    if suffix == ".emd" and str(best["path"]).startswith("Data/"):
        raise Unsupported(path=name, why=words.VELOX)
    params = {**found, "ds_path": best["path"], "nav_shape": best["nav_shape"], "sig_shape": best["sig_shape"]}
    return params, files.chunk_warning(best)


def two_dimensional(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with a scan of two dimensions: the REST interface takes nothing else."""
    if "nav_shape" not in params:
        return dict(params)
    nav = [int(n) for n in params["nav_shape"]] or [1]
    rows = 1
    for n in nav[:-1]:
        rows *= n
    return {**params, "nav_shape": [rows, nav[-1]]}


# Loading -------------------------------------------------------------------------------------------------------------


async def _load(source: files.Source, params: dict[str, Any], warning: str, channel: Channel, began: float) -> Opened:
    """Load with `params`; a 4D dm4 that is not marked as such gets a second try."""
    params = {"sync_offset": 0, **two_dimensional(params), "path": str(source.path), "name": files.shown(source.path)}
    key = str(uuid.uuid4())
    said = await _put(key, params, channel)
    if said.get("status") != "ok" and "force_c_order" in str(said.get("msg", "")):
        params["force_c_order"] = True
        said = await _put(key, params, channel)
    if said.get("status") != "ok":
        await asyncio.to_thread(source.fingerprint)
        why, details = words.load_failed(str(said.get("msg", "")), source.suffix)
        raise Unsupported(path=files.shown(source.path), why=why, details=details)
    shape = tuple(int(n) for n in said.get("details", {}).get("params", {}).get("shape", ()))
    took = round(time.monotonic() - began, 3)
    return Opened(f"{NAME}/", key, files.shown(source.path), shape, str(params["type"]), False, took, warning)


async def _put(key: str, params: Mapping[str, Any], channel: Channel) -> dict[str, Any]:
    body = {"dataset": {"id": key, "params": params}}
    answer = await channel.request("PUT", f"api/datasets/{key}/", body, limit_s=LOAD_LIMIT_S)
    return answer.json() or {"status": "error", "msg": f"no answer (HTTP {answer.status})"}
