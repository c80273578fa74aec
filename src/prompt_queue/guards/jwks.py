"""The public keys of a Supabase project: fetched when they are needed, kept, and used while away.

`GET {SUPABASE_URL}/auth/v1/.well-known/jwks.json`, see Supabase's page on JWT signing keys.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.exceptions import PyJWTError

from prompt_queue.guards.tokens import SigningKey

JWKS_PATH: Final = "/auth/v1/.well-known/jwks.json"
FRESH_SECONDS: Final = 600.0
UNKNOWN_SECONDS: Final = 60.0
"""At most so often are keys fetched because of an id that nobody knows."""

FAILED_SECONDS: Final = 5.0
"""After a failure, the next try has to wait so long."""

STALE_SECONDS: Final = 86_400.0
"""So long old keys serve while new ones are not to be had."""

_PATIENCE_SECONDS: Final = 3.0
_MOST_BYTES: Final = 64 * 1024
_MOST_KEYS: Final = 50
_LEAST_RSA_BITS: Final = 2048
_MEDIA_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})
_ALGORITHMS: Final[Mapping[tuple[Any, Any], str]] = {
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
    ("RSA", None): "RS256",
}

logger = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """No keys are to be had, so that nobody can tell whether a token is good."""


class JwksRefused(Exception):
    """What came is not a set of keys; the message says why."""


class Jwks:
    """The keys of one project. Make it inside the event loop that uses it.

    `session` comes from `guards.egress.provider_session` for `base`, the project's URL, and stays
    the caller's to close. `clock` gives monotonic seconds.
    """

    def __init__(
        self, session: aiohttp.ClientSession, base: str, clock: Callable[[], float] | None = None
    ) -> None:
        self._session = session
        self._url = base.rstrip("/") + JWKS_PATH
        self._clock = clock or asyncio.get_running_loop().time
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> SigningKey | None:
        """The key of that name, None where the project has none. Raises KeysUnavailable."""
        age = self._since(self._fetched_at)
        pause = FAILED_SECONDS
        if age is not None and age < FRESH_SECONDS:
            if key_id in self._keys:
                return self._keys[key_id]
            pause = UNKNOWN_SECONDS
        tried = self._since(self._tried_at)
        if self._fetching is not None or tried is None or tried >= pause:
            await self._fetch_once()
        age = self._since(self._fetched_at)
        if age is None or age > STALE_SECONDS:
            raise KeysUnavailable
        return self._keys.get(key_id)

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None else self._clock() - moment

    async def _fetch_once(self) -> None:
        """One request for all that wait; who stops waiting does not stop the others."""
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        await asyncio.shield(self._fetching)

    def _fetched(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        asked_at = self._clock()
        try:
            keys = await fetch_keys(self._session, self._url)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            logger.warning("the keys of access tokens did not come: %s", type(error).__name__)
        except JwksRefused as error:
            logger.warning("the keys of access tokens cannot be used: %s", error)
        else:
            self._keys, self._fetched_at = keys, asked_at


async def fetch_keys(session: aiohttp.ClientSession, url: str) -> Mapping[str, SigningKey]:
    """The keys that are published there, by their ids; takes at most three seconds.

    Raises JwksRefused, TimeoutError, aiohttp.ClientError, OSError.
    """
    async with (
        asyncio.timeout(_PATIENCE_SECONDS),
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200 or response.content_type not in _MEDIA_TYPES:
            raise JwksRefused(f"it answered {response.status} {response.content_type}")
        return read_keys(await _read(response))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(8192):
        body += piece
        if len(body) > _MOST_BYTES:
            raise JwksRefused(f"it is larger than {_MOST_BYTES} bytes")
    return bytes(body)


def read_keys(text: bytes) -> Mapping[str, SigningKey]:
    """The usable keys of a set, by their ids. Raises JwksRefused where there is none."""
    try:
        listed = json.loads(text)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise JwksRefused("it is not a set of keys") from None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise JwksRefused("it is not a list of keys, or too long a one")
    found: dict[str, SigningKey] = {}
    for one in listed:
        key = _read_key(one) if isinstance(one, dict) else None
        if key is not None and isinstance(one.get("kid"), str):
            found.setdefault(one["kid"], key)
    if not found:
        raise JwksRefused(
            "it has no key for ES256, RS256 or EdDSA; a project that still signs with the legacy "
            "secret needs SUPABASE_JWT_SECRET"
        )
    return found


def _read_key(jwk: Mapping[str, Any]) -> SigningKey | None:
    """None for a key that signs nothing for us; shared secrets are none that one publishes."""
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return None
    algorithm = _ALGORITHMS.get((kind, curve))
    if algorithm is None or jwk.get("alg", algorithm) != algorithm or "d" in jwk:
        return None
    uses = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(uses, list) or "verify" not in uses:
        return None
    try:
        key = jwt.PyJWK(dict(jwk), algorithm).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        return None
    return SigningKey(algorithm, key)
