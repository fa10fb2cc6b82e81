"""What an OpenID provider says of itself, and whether an id token is really its word to this hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from jupyter_modama.core.errors import Invalid, NotAllowed, Unreachable

# Signatures with a secret are not among them: whoever knows the client's secret could sign for anybody.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLOCKS_DIFFER_S = 60
NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
AGAIN = "please sign in again; if it stays so, tell your administrator"


@dataclass(frozen=True, slots=True)
class Provider:
    """The addresses of an OpenID provider."""

    issuer: str
    authorize: str
    token: str
    userinfo: str
    keys: str
    logout: str = ""


def discovery_address(issuer: str) -> str:
    """Where a provider says what it is (OpenID Connect Discovery 1.0, 4.1)."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def provider_of(said: Any, issuer: str) -> Provider:
    """The provider that a discovery document describes.

    Raises: Unreachable, where it is not the one that the site file names, or would send secrets in the clear.
    """
    if not isinstance(said, Mapping) or not all(isinstance(said.get(key), str) for key in NEEDED):
        raise Unreachable(what=f"the sign-in service {issuer}", why="its description lacks addresses that are needed")
    if said["issuer"].rstrip("/") != issuer.rstrip("/"):
        raise Unreachable(what=f"the sign-in service {issuer}", why=f"it says that it is {said['issuer'][:200]}")
    for key in NEEDED[1:]:
        if not is_safe(said[key]):
            raise Unreachable(what=f"the sign-in service {issuer}", why=f"its {key} is no https address")
    logout = said.get("end_session_endpoint")
    return Provider(
        issuer=said["issuer"],
        authorize=said["authorization_endpoint"],
        token=said["token_endpoint"],
        userinfo=said["userinfo_endpoint"],
        keys=said["jwks_uri"],
        logout=logout if isinstance(logout, str) and is_safe(logout) else "",
    )


def is_safe(address: str) -> bool:
    """Whether nobody on the way can read what is sent there: https, or this machine."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    except ValueError:
        return False


def needs_safe_issuer(issuer: str) -> None:
    """Raises: Invalid."""
    if not issuer or not is_safe(issuer):
        raise Invalid(what=f"[hub.sign_in] issuer “{issuer}” is to be the https address of the OpenID provider")


def checked_id_token(token: str, keys: Any, *, issuer: str, client_id: str) -> dict[str, Any]:
    """The claims of an id token (OpenID Connect Core 1.0, 3.1.3.7).

    `keys` is the provider's set of keys, as JSON has it.
    Raises: NotAllowed, where it is not the provider's, not for this hub, or too old.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("its signature is of no kind that is taken here")
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_key(keys, header),
            algorithms=[header["alg"]],
            audience=client_id,
            issuer=issuer,
            leeway=CLOCKS_DIFFER_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAllowed(what=f"the sign-in service's word cannot be trusted ({_why(error)}); {AGAIN}") from error
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != client_id:
        raise NotAllowed(what=f"the sign-in service's word is meant for another program; {AGAIN}")
    return claims


def _key(keys: Any, header: Mapping[str, Any]) -> Any:
    known = jwt.PyJWKSet.from_dict(keys if isinstance(keys, dict) else {})
    fitting = [
        key for key in known.keys if key.public_key_use in {None, "sig"} and header.get("kid") in {None, key.key_id}
    ]
    if not fitting or (len(fitting) > 1 and header.get("kid") is None):
        raise UnknownKey("it is signed with a key that the service does not list")
    return fitting[0].key


class UnknownKey(jwt.PyJWTError):
    """The provider may have changed its keys since they were asked for."""


def _why(error: Exception) -> str:
    words = {
        jwt.InvalidAudienceError: "it is meant for another program",
        jwt.InvalidIssuerError: "it comes from another service",
        jwt.ExpiredSignatureError: "it is too old",
        jwt.InvalidSignatureError: "its signature is wrong",
        jwt.ImmatureSignatureError: "the clocks of the two differ",
    }
    return next((says for kind, says in words.items() if isinstance(error, kind)), str(error)[:200])
