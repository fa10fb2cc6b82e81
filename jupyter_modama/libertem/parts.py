"""The parts of LiberTEM that the launcher puts others in place of.

Loaded by launcher.py, by its path, in LiberTEM's own environment; nothing of jupyter_modama is there to import.
"""

from __future__ import annotations

import concurrent.futures
import os
import uuid
from typing import Any, ClassVar

import tornado.web
from libertem.executor.base import AsyncAdapter
from libertem.executor.concurrent import ConcurrentJobExecutor
from libertem.io.dataset.base import DataSetException
from libertem.io.dataset.raw import RAWDatasetParams, RawFile, RawFileDataSet, RawFileSet
from libertem.web.server import ExecutorState, IndexHandler, SharedState
from libertem.web.state import DatasetState

MOST_THREADS = 256
# The page's style sheet would fetch a font from elsewhere: nobody's business, and a wait where the network is closed.
ONLY_FROM_HERE = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss:; frame-ancestors 'self'"
)


class Threads(ConcurrentJobExecutor):  # type: ignore[misc]
    """Small questions (detect, load, diagnostics) do not queue behind the tasks of a running analysis."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._aside = concurrent.futures.ThreadPoolExecutor(4)

    def run_function(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return self._aside.submit(fn, *args, **kwargs).result()

    def run_each_host(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return {"localhost": self.run_function(fn, *args, **kwargs)}

    def close(self) -> None:
        self._aside.shutdown(wait=False)
        super().close()


class Executors(ExecutorState):  # type: ignore[misc]
    """Whatever connection the page asks for, it gets threads; a foreign scheduler is refused."""

    async def make_executor(self, params: Any, pool: Any) -> Any:
        connection = params["connection"]
        if str(connection.get("type", "")).lower() != "local":
            raise ValueError("only the local executor is available here")
        threads = min(max(int(connection.get("numWorkers") or 1), 1), MOST_THREADS)
        return AsyncAdapter(wrapped=Threads.make_local(n_threads=threads), pool=pool)


class Datasets(DatasetState):  # type: ignore[misc]
    """A data set whose file is gone is forgotten. (0.16.0 calls a missing method here, and no page loads any more.)"""

    async def verify(self) -> None:
        executor = await self.executor_state.get_executor()
        for key, info in list(self.datasets.items()):
            try:
                await executor.run_function(info["dataset"].check_valid)
            except (DataSetException, OSError, ValueError):
                await self.remove(key)


class State(SharedState):  # type: ignore[misc]
    """The state of the server, with our `Datasets`."""

    def __init__(self, executor_state: Any) -> None:
        super().__init__(executor_state)
        self.dataset_state = Datasets(
            executor_state,
            analysis_state=self.analysis_state,
            compound_analysis_state=self.compound_analysis_state,
        )


class RawParams(RAWDatasetParams):  # type: ignore[misc]
    SCHEMA: ClassVar[dict[str, Any]] = {
        **RAWDatasetParams.SCHEMA,
        "properties": {**RAWDatasetParams.SCHEMA["properties"], "offset": {"type": "number", "minimum": 0}},
    }

    def convert_to_python(self, raw_data: Any) -> Any:
        return super().convert_to_python(raw_data) | {"offset": int(raw_data.get("offset", 0))}


class RawWithHeader(RawFileDataSet):  # type: ignore[misc]
    """Raw data behind a header of `offset` bytes."""

    def __init__(self, *args: Any, offset: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offset = offset

    def _get_filesize(self) -> int:
        return max(os.stat(self._path).st_size - self._offset, 0)

    def _get_fileset(self) -> Any:
        whole = RawFile(
            path=self._path,
            start_idx=0,
            end_idx=self._image_count,
            sig_shape=self.shape.sig,
            native_dtype=self._meta.raw_dtype,
            file_header=self._offset,
        )
        return RawFileSet([whole])

    @classmethod
    def get_msg_converter(cls) -> Any:
        return RawParams


class Page(IndexHandler):  # type: ignore[misc]
    """LiberTEM's page, which loads nothing from other hosts and is shown in no foreign frame."""

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", ONLY_FROM_HERE)


def loaded_handler(state: Any, version: str) -> type[tornado.web.RequestHandler]:
    """A route that tells what is loaded. (LiberTEM tells it only by a websocket, and then to all open tabs again.)"""
    instance = uuid.uuid4().hex

    class LoadedHandler(tornado.web.RequestHandler):
        def get(self) -> None:
            held = state.dataset_state.datasets
            params = {key: info["params"]["params"] for key, info in held.items()}
            self.write({"instance": instance, "version": version, "datasets": params})

    return LoadedHandler
