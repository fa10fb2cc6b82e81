"""LiberTEM in a notebook, without open ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from jupyter_modama.core.errors import Unreachable, Unsupported
from jupyter_modama.libertem import environment, files, kernel, words

_shared: list[Any] = []


def context(executor: Literal["threads", "inline"] = "threads") -> Any:
    """A LiberTEM `Context` of this process; the same one at each call for "threads".

    LiberTEM's default would start a Dask cluster that listens on all addresses without a password.
    Raises: Unreachable when LiberTEM is not installed where the notebook runs.
    """
    if executor == "threads" and _shared:
        return _shared[0]
    try:
        from libertem.api import Context
    except ImportError:
        raise Unreachable(what="LiberTEM", why=_how_to_get_it()) from None
    made = Context.make_with(executor)
    if executor == "threads":
        _shared.append(made)
    return made


def _how_to_get_it() -> str:
    if kernel.is_made(environment.folder()):
        return f"this kernel has not got it; please choose the kernel “{kernel.SHOWN}” (menu Kernel, Change Kernel…)"
    line = f"%pip install libertem=={environment.LIBERTEM}"
    return f"it is not installed for this notebook; please run `{line}` and restart the kernel"


def load(path: Path, **given: Any) -> Any:
    """The LiberTEM data set of a file: detected, then loaded, with the parameters `given` on top.

    Raises: Unsupported, ParametersNeeded, NotFound, NotAllowed, Unreachable.
    """
    ctx = context()
    from libertem.io.dataset import detect

    source = files.source(Path(path).absolute())
    params = {k: v for k, v in source.params.items() if k != "offset"}
    if "offset" in source.params:
        why = "it is larger than LiberTEM's reader can count; open it in LiberTEM's page, or with HyperSpy"
        raise Unsupported(path=files.shown(source.path), why=why)
    if not params and "dtype" not in given:
        params = _detected(source, ctx, detect)
    kind = str(params.pop("type", "raw")).lower()
    params = {**params, **given, "path": str(source.path)}
    try:
        return ctx.load(kind, **params)
    except Exception as error:
        if "force_c_order" in str(error):
            return ctx.load(kind, **params, force_c_order=True)
        why, details = words.load_failed(str(error), source.suffix)
        raise Unsupported(path=files.shown(source.path), why=why, details=details) from error


def _detected(source: files.Source, ctx: Any, detect: Any) -> dict[str, Any]:
    try:
        found = detect(str(source.path), executor=ctx.executor)
    except Exception as error:
        raise Unsupported(path=files.shown(source.path), why=words.detect_broke(source.suffix, 500)) from error
    if not found and source.suffix in files.RAW:
        why = "it does not say its shape; please give dtype=, nav_shape= and sig_shape="
        raise Unsupported(path=files.shown(source.path), why=why)
    if not found:
        raise Unsupported(path=files.shown(source.path), why=words.not_recognised(source.suffix))
    params = {**found["parameters"], "type": found["type"]}
    if str(found["type"]).lower() == "hdf5" and "ds_path" not in params:
        raise Unsupported(path=files.shown(source.path), why=words.NO_FRAMES)
    return params
