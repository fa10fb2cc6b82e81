"""What a person's Nextcloud is asked with: the token of their own sign-in, or an app password that they have put down.

Given to rclone by its environment only, never as words of a command, which everybody on the machine can read.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from hub_config.plan import Mount, MountPlan

PUT_DOWN = ".config/modama/nextcloud"  # `login:password`, readable for its owner only
LARGEST = 4096


def nextcloud_secrets(plan: MountPlan, mount: Mount, auth_state: Mapping[str, Any] | None) -> dict[str, str]:
    """The environment of rclone for a person's own files; empty where there is no token of theirs."""
    where = {"RCLONE_WEBDAV_URL": mount.source, "RCLONE_WEBDAV_VENDOR": "nextcloud"}
    if (found := _app_password(plan)) is not None:
        login, password = found
        return {**where, "RCLONE_WEBDAV_USER": login, "RCLONE_WEBDAV_PASS": password}
    token = (auth_state or {}).get("access_token")
    return {**where, "RCLONE_WEBDAV_BEARER_TOKEN": token} if isinstance(token, str) and token else {}


def _app_password(plan: MountPlan) -> tuple[str, str] | None:
    """What the person has put down: read by a process with their rights, in the form that rclone wants."""
    if not plan.home:
        return None
    script = 'f=$1; [ -f "$f" ] && [ "$(stat -c %a -- "$f")" = 600 ] && head -c 4096 -- "$f"'
    read = subprocess.run(
        ["/bin/sh", "-c", script, "sh", f"{plan.home}/{PUT_DOWN}"],
        user=plan.uid,
        group=plan.gid,
        extra_groups=plan.groups,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=10,
        check=False,
    )
    login, colon, password = read.stdout[:LARGEST].decode("utf-8", "replace").strip().partition(":")
    if read.returncode or not colon or not login:
        return None
    hidden = subprocess.run(
        ["rclone", "obscure", "-"], input=password.encode(), capture_output=True, timeout=10, check=False
    )
    return None if hidden.returncode else (login, hidden.stdout.decode("ascii", "replace").strip())
