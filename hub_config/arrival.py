"""Tells the service whose verified address has signed in, so that invitations to it are taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from hub_config.secret_files import read_secret

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """`service`: the service's own address on this machine; `token`: the file with the hub's token for exactly this."""

    service: str
    token: Path

    async def __call__(self, login: str, email: str) -> None:
        """Have the invitations of an address be taken by somebody; the service does the rest by itself.

        Raises: OSError, HTTPClientError, Invalid.
        """
        headers = {
            "Authorization": f"token {read_secret(self.token, 'the hub’s token for sign-ins')}",
            "Modama-On-Behalf-Of": login,
            "Content-Type": "application/json",
        }
        body = json.dumps({"email": email})
        address = f"{self.service}/api/invitation.accept"
        wish = HTTPRequest(address, "POST", headers, body, request_timeout=PATIENCE_S, follow_redirects=False)
        await AsyncHTTPClient().fetch(wish)
