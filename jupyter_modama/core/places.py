"""Where a path is from everywhere: what the templates of tools can say about it."""

from __future__ import annotations

import posixpath
from typing import Any

from jupyter_modama.core.layout import Place
from jupyter_modama.core.model import Actor, EntryKind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.permalinks import permalink
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.templates import NotExpressible, Value, for_python, for_url, for_url_of_bytes

Values = dict[str, Value]
# Fast on any processor with AES; a compressed stream is slower than the line, and no terminal or X11 is wanted.
CIPHER = "aes128-ctr"
FAST_SSH = ("-T", "-c", CIPHER, "-o", "Compression=no", "-x")
FAST_SFTP = ("-c", CIPHER, "-o", "Compression=no")
FAST_SSHFS = ("-o", f"Ciphers={CIPHER}", "-o", "Compression=no", "-o", "reconnect", "-o", "ServerAliveInterval=15")


def values_of(store: Store, actor: Actor, stat: Stat, where: Place, drive: str) -> Values:
    """The values of all placeholders for one entry; those of services that the site has not are empty."""
    path = stat.path
    services = store.site.services
    folder = path if stat.kind is EntryKind.FOLDER else path.parent
    values: Values = {
        "path": path,
        "name": path.name or store.site.name,
        "folder": folder,
        "parent": path.parent,
        "project": where.project,
        "session": where.session.name if where.session else "",
        "local": store.disk_path(path),
        "user": actor.person.login,
        "drive": drive,
        "snippet": _snippet(store, where),
    }
    values |= _web(services, path, folder)
    values["permalink"] = permalink(store, where)
    values["address"] = _address(values, path)
    smb = services.get("smb") or {}
    values |= {f"smb_{n}": _smb(smb, p) for n, p in (("path", path), ("folder", folder))}
    values["workstation"] = _joined((services.get("workstation") or {}).get("path", ""), path)
    values |= _ssh(services.get("ssh") or {}, _far_root(store), actor, path, folder)
    return values


def _web(services: dict[str, Any], path: TreePath, folder: TreePath) -> Values:
    hub = services.get("hub") or {}
    hub = {"url": hub} if isinstance(hub, str) else hub
    cloud = services.get("nextcloud") or {}
    mount = "/" + str(cloud.get("mount", "")).strip("/")
    return {
        "hub": str(hub.get("url", "")).rstrip("/"),
        "hub_tree": _joined(str(hub.get("tree", "")).strip("/"), path),
        "nextcloud": str(cloud.get("url", "")).rstrip("/"),
        "nextcloud_path": _joined(mount, path),
        "nextcloud_folder": _joined(mount, folder),
        "eln": str((services.get("eln") or {}).get("url", "")).rstrip("/"),
    }


def _joined(top: str, path: str) -> str:
    return posixpath.join(top, path) if path else top


def _smb(smb: dict[str, Any], path: TreePath) -> str:
    return "/".join(part for part in (f"//{smb.get('host', '')}", str(smb.get("share", "")).strip("/"), path) if part)


def _far_root(store: Store) -> str:
    """The root as it is on the machine that ssh leads to."""
    services = store.site.services
    ssh, workstation = services.get("ssh") or {}, services.get("workstation") or {}
    return str(ssh.get("path") or workstation.get("path") or store.site.root)


def _ssh(ssh: dict[str, Any], root: str, actor: Actor, path: TreePath, folder: TreePath) -> Values:
    port = str(ssh.get("port", ""))
    extra = tuple(word for option in ssh.get("options", ()) for word in ("-o", str(option)))
    options = (*FAST_SSH, *(("-p", port) if port else ()), *extra)
    return {
        "ssh": " ".join(("ssh", *options)),
        "ssh_options": options,
        "sftp_options": (*FAST_SFTP, *(("-P", port) if port else ()), *extra),
        "sshfs_options": (*FAST_SSHFS, *(("-p", port) if port else ()), *extra),
        "ssh_target": f"{ssh.get('user') or actor.person.login}@{ssh.get('host', '')}",
        "remote": _joined(root, path),
        "remote_folder": _joined(root, folder),
        "mount_name": folder.name or root.rstrip("/").rsplit("/", 1)[-1] or "data",
    }


def _snippet(store: Store, where: Place) -> str:
    """The Python expression that leads to the path."""
    if where.role_in_tree == "project":
        return f"modama.project({for_python(where.project)})"
    if where.role_in_tree == "session" and is_folder(store, where.raw):
        return f"modama.project({for_python(where.project)}).session({for_python(where.session.name)})"
    return f"modama.load({for_python(where.path)})"


def _address(values: Values, path: TreePath) -> str:
    """The best web address that the site has for a path."""
    if values["permalink"]:
        return str(values["permalink"])
    try:
        if values["hub"]:
            return f"{values['hub']}/hub/user-redirect/modama/open/lab?path={for_url_of_bytes(path)}"
        if values["nextcloud"]:
            return f"{values['nextcloud']}/apps/files/?dir={for_url(str(values['nextcloud_folder']))}"
    except NotExpressible:
        pass
    return ""
