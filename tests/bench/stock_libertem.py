"""Start the stock libertem-server and open data sets by its REST interface; prints the seconds as JSON.

    unshare --net --fork --kill-child python stock_libertem.py <bin folder of its environment> <folder of .npy files>

Its Dask executor listens on all addresses without a password, so it must never run outside a network of its own.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

PORT = 9000


def main(binaries: Path, folder: Path) -> None:
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        raise SystemExit("not in a network of its own")
    _loopback_up()
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(binaries / "libertem-server"), "--no-browser", f"--port={PORT}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(process)
        _ask(
            "PUT",
            "/api/config/connection/",
            {"connection": {"type": "LOCAL", "numWorkers": os.cpu_count(), "cudas": {}}},
        )
        files = sorted(folder.glob("*.npy"))
        _open(files[0])
        found = {"cold": [time.perf_counter() - begin], "warm": []}
        for path in files[1:]:
            begin = time.perf_counter()
            _open(path)
            found["warm"].append(time.perf_counter() - begin)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    print(json.dumps(found))


def _loopback_up() -> None:
    """`ip link set lo up` without the program. Source: netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))


def _wait(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            _ask("GET", "/")
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("libertem-server does not start")


def _open(path: Path) -> None:
    found = _ask("GET", f"/api/datasets/detect/?path={quote(str(path), safe='')}")
    key = str(uuid.uuid4())
    params = {**found["datasetParams"], "sync_offset": 0, "name": path.name}
    said = _ask("PUT", f"/api/datasets/{key}/", {"dataset": {"id": key, "params": params}})
    if said.get("status") != "ok":
        raise SystemExit(f"it does not load: {said}")


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 400:
        raise SystemExit(f"{path} answers {answer.status}")
    return json.loads(content) if content.startswith(b"{") else None


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
