"""A real NFS server and client for tests, in user space: nfs-ganesha on loopback, and libnfs in this process.

Neither needs a module of the kernel, a mount, or a service beside them.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_modama.testing.accounts import Account

PATIENCE_S = 30.0
_PLUGIN = "ganesha/libfsalvfs.so"
_CONFIG = """
NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {port}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; }}
NFSv4 {{ RecoveryBackend = fs_ng; RecoveryRoot = {folder}/recovery; Graceless = true; Only_Numeric_Owners = true; }}
MDCACHE {{ Dir_Chunk = 0; Use_Getattr_Directory_Invalidation = true; }}
EXPORT {{
    Attr_Expiration_Time = 0; Export_Id = 1; Path = {root}; Pseudo = /tree; Access_Type = RW; Squash = No_Root_Squash;
    Protocols = 4; Transports = TCP; SecType = sys; FSAL {{ Name = VFS; }}
}}
"""


def missing() -> str:
    """Which part is missing, or nothing."""
    libraries = list(Path("/usr/lib").glob(f"**/{_PLUGIN}"))
    programs = all(shutil.which(name) for name in ("ganesha.nfsd", "nfs-cat"))
    if not programs or not libraries or _library() is None:
        return "nfs-ganesha is not installed (Debian packages nfs-ganesha, nfs-ganesha-vfs and libnfs-utils)"
    return ""


def _library() -> str | None:
    return ctypes.util.find_library("nfs")


@contextmanager
def ganesha(root: Path, folder: Path) -> Iterator[int]:
    """A server that exports a folder to whoever asks on this machine; answers its port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    (folder / "recovery").mkdir()
    config, log = folder / "ganesha.conf", folder / "ganesha.log"
    config.write_text(_CONFIG.format(port=port, folder=folder, root=root), encoding="utf-8")
    words = ["ganesha.nfsd", "-F", "-f", f"{config}", "-L", f"{log}", "-p", f"{folder}/pid", "-N", "NIV_EVENT"]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE_S
        while not (log.exists() and "NFS SERVER INITIALIZED" in log.read_text(errors="replace")):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"nfs-ganesha did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE_S)
        server.kill()
        server.wait()


class Nfs:
    """Somebody's connection; each method does one thing and raises OSError with what the server answered."""

    def __init__(self, port: int, who: Account) -> None:
        self.port, self.who = port, who
        self._lib = ctypes.CDLL(_library())
        self._lib.nfs_init_context.restype = ctypes.c_void_p
        self._lib.nfs_parse_url_dir.restype = ctypes.c_void_p
        self._lib.nfs_get_error.restype = ctypes.c_char_p
        self._nfs = ctypes.c_void_p(self._lib.nfs_init_context())
        url = f"nfs://127.0.0.1/tree?version=4&nfsport={port}&uid={who.uid}&gid={who.gid}".encode()
        parsed = ctypes.c_void_p(self._lib.nfs_parse_url_dir(self._nfs, url))
        self._lib.nfs_destroy_url(parsed)
        self._lib.nfs4_set_client_name(self._nfs, f"{who.login}-{secrets.token_hex(4)}".encode())
        self._ask("mount", b"127.0.0.1", b"/tree")

    def close(self) -> None:
        self._lib.nfs_destroy_context(self._nfs)

    def __enter__(self) -> Nfs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, name: str, *words: object) -> int:
        answer = int(getattr(self._lib, f"nfs_{name}")(self._nfs, *words))
        if answer < 0:
            said = (self._lib.nfs_get_error(self._nfs) or b"").decode(errors="replace")
            raise OSError(-answer, said)
        return answer

    def make(self, path: str, content: bytes, mode: int = 0o660) -> None:
        """Make a file, which must not be there yet."""
        self._written(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, content, mode)

    def append(self, path: str, content: bytes) -> None:
        self._written(path, os.O_WRONLY | os.O_APPEND, content, 0)

    def overwrite(self, path: str, content: bytes) -> None:
        self._written(path, os.O_WRONLY, content, 0)

    def _written(self, path: str, flags: int, content: bytes, mode: int) -> None:
        file = ctypes.c_void_p()
        if flags & os.O_CREAT:
            self._ask("create", path.encode(), flags, mode, ctypes.byref(file))
        else:
            self._ask("open", path.encode(), flags, ctypes.byref(file))
        try:
            self._ask("write", file, ctypes.c_uint64(len(content)), content)
        finally:
            self._ask("close", file)

    def read(self, path: str) -> bytes:
        """What libnfs's own program reads of a file."""
        url = f"nfs://127.0.0.1/tree{path}?version=4&nfsport={self.port}&uid={self.who.uid}&gid={self.who.gid}"
        done = subprocess.run(["nfs-cat", url], capture_output=True, timeout=PATIENCE_S, check=False)
        if done.returncode:
            raise OSError(errno.EACCES if b"ACCES" in done.stderr else errno.EIO, done.stderr.decode(errors="replace"))
        return done.stdout

    def truncate(self, path: str, size: int) -> None:
        self._ask("truncate", path.encode(), ctypes.c_uint64(size))

    def unlink(self, path: str) -> None:
        self._ask("unlink", path.encode())

    def mkdir(self, path: str) -> None:
        self._ask("mkdir", path.encode())

    def rmdir(self, path: str) -> None:
        self._ask("rmdir", path.encode())

    def rename(self, old: str, new: str) -> None:
        self._ask("rename", old.encode(), new.encode())

    def link(self, old: str, new: str) -> None:
        self._ask("link", old.encode(), new.encode())

    def symlink(self, target: str, new: str) -> None:
        self._ask("symlink", target.encode(), new.encode())

    def chmod(self, path: str, mode: int) -> None:
        self._ask("chmod", path.encode(), mode)
