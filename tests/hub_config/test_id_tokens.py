"""Whose word an id token is: really signed ones, good and forged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hub_config.id_tokens import checked_id_token, is_safe, provider_of
from jupyter_modama.core.errors import NotAllowed, Unreachable

ISSUER, HUB = "https://idp.example.org", "hub"
Make = Callable[..., str]


class Signer:
    """A provider's key, and what it lists of it."""

    def __init__(self, kid: str = "one") -> None:
        self.kid = kid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = self.key.public_key()

    @property
    def keys(self) -> dict[str, Any]:
        row = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.public))
        return {"keys": [{**row, "kid": self.kid, "use": "sig"}]}

    def token(self, *, alg: str = "RS256", key: Any = None, kid: str | None = None, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": ISSUER, "sub": "mia", "aud": HUB, "iat": now, "exp": now + 600}
        body = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(body, self.key if key is None else key, algorithm=alg, headers={"kid": kid or self.kid})


@pytest.fixture(scope="module")
def provider() -> Signer:
    return Signer()


def checked(token: str, provider: Signer) -> dict[str, Any]:
    return checked_id_token(token, provider.keys, issuer=ISSUER, client_id=HUB)


def test_the_providers_word_to_this_hub_is_taken(provider: Signer) -> None:
    assert checked(provider.token(), provider)["sub"] == "mia"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "another-program"}, "meant for another program"),
        ({"aud": ["hub", "another-program"]}, "meant for another program"),
        ({"aud": ["hub", "another-program"], "azp": "another-program"}, "meant for another program"),
        ({"azp": "another-program"}, "meant for another program"),
        ({"aud": None}, "cannot be trusted"),
        ({"iss": "https://idp.example.org.evil.example"}, "comes from another service"),
        ({"iss": None}, "cannot be trusted"),
        ({"exp": 1_600_000_000}, "too old"),
        ({"exp": None}, "cannot be trusted"),
        ({"sub": None}, "cannot be trusted"),
        ({"iat": int(time.time()) + 3600}, "clocks"),
    ],
)
def test_a_word_that_is_not_meant_for_this_hub_now_is_refused(
    provider: Signer, claims: dict[str, Any], why: str
) -> None:
    with pytest.raises(NotAllowed, match=why):
        checked(provider.token(**claims), provider)


def test_two_that_are_meant_are_fine_when_the_hub_is_the_one_who_asked(provider: Signer) -> None:
    assert checked(provider.token(aud=["hub", "api"], azp="hub"), provider)["azp"] == "hub"


def test_nobody_elses_signature_is_taken(provider: Signer) -> None:
    with pytest.raises(NotAllowed, match="its signature is wrong"):
        checked(Signer().token(), provider)
    with pytest.raises(NotAllowed, match="a key that the service does not list"):
        checked(Signer("two").token(), provider)


def test_a_token_without_a_signature_is_refused(provider: Signer) -> None:
    with pytest.raises(NotAllowed, match="of no kind that is taken"):
        checked(provider.token(alg="none", key=""), provider)


def test_the_clients_secret_signs_nothing(provider: Signer) -> None:
    """Whoever reads the hub's secret could sign for anybody."""
    with pytest.raises(NotAllowed, match="of no kind that is taken"):
        checked(provider.token(alg="HS256", key="the secret of the hub at the provider"), provider)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ä.ö.ü", "." * 10])
def test_what_is_no_token_is_refused(provider: Signer, token: str) -> None:
    with pytest.raises(NotAllowed, match="cannot be trusted"):
        checked(token, provider)


@pytest.mark.parametrize("keys", [None, {}, {"keys": []}, [], "x", {"keys": [{"kty": "none"}]}])
def test_keys_that_are_none_open_nothing(provider: Signer, keys: Any) -> None:
    with pytest.raises(NotAllowed, match="cannot be trusted"):
        checked_id_token(provider.token(), keys, issuer=ISSUER, client_id=HUB)


SAID = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/me",
    "jwks_uri": f"{ISSUER}/jwks",
}


def test_a_provider_says_where_its_parts_are() -> None:
    found = provider_of({**SAID, "end_session_endpoint": "javascript:alert(1)"}, ISSUER + "/")
    assert (found.token, found.logout) == (f"{ISSUER}/token", "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer": "https://other.example.org"}, "it says that it is https://other.example.org"),
        ({"token_endpoint": "http://idp.example.org/token"}, "token_endpoint is no https address"),
        ({"jwks_uri": None}, "lacks addresses"),
    ],
)
def test_a_provider_that_is_another_one_or_unsafe_is_not_used(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Unreachable, match=why):
        provider_of({**SAID, **change}, ISSUER)


@pytest.mark.parametrize("said", [None, [], "x", {}])
def test_a_description_that_is_none_is_not_used(said: Any) -> None:
    with pytest.raises(Unreachable):
        provider_of(said, ISSUER)


def test_only_tls_and_this_machine_are_safe() -> None:
    assert [is_safe(a) for a in ("https://x", "http://127.0.0.1:1", "http://localhost", "http://[::1]:1")] == [True] * 4
    assert not any(is_safe(a) for a in ("http://x", "http://127.0.0.1.example.org", "ftp://x", "http://[", ""))
