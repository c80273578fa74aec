"""Access tokens as they come in: found good once, and known for a minute."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from prompt_queue.guards.jwks import Jwks
from prompt_queue.guards.tokens import (
    Claims,
    SigningKey,
    TokenInvalid,
    key_id_of,
    read_token,
)

KNOWN_SECONDS: Final = 60.0
_MOST_KNOWN: Final = 10_000

_FindKey = Callable[[str], Awaitable[SigningKey]]


class TokenVerifier:
    """Verifies the tokens of one issuer with keys of one family, published or shared, never both.

    `clock` gives monotonic seconds.
    """

    def __init__(
        self, find_key: _FindKey, issuer: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find_key = find_key
        self._issuer = issuer
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Claims]] = OrderedDict()

    async def verify(self, token: str, now: float) -> Claims:
        """Whose it is, at `now` in Unix seconds. Raises TokenInvalid, KeysUnavailable."""
        name = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known_at, claims = self._known.get(name, (0.0, None))
        if claims is not None and self._clock() - known_at < KNOWN_SECONDS:
            if claims.has_expired(now):
                raise TokenInvalid("exp")
            return claims
        claims = read_token(token, await self._find_key(token), self._issuer, now)
        self._known[name] = (self._clock(), claims)
        self._known.move_to_end(name)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return claims


def published_keys(jwks: Jwks) -> _FindKey:
    """Keys that the project publishes; a token names its own. Tokens without a name are refused."""

    async def find(token: str) -> SigningKey:
        key_id = key_id_of(token)
        key = None if key_id is None else await jwks.find(key_id)
        if key is None:
            raise TokenInvalid("kid")
        return key

    return find


def shared_secret(secret: str) -> _FindKey:
    """The legacy secret of a project, which signs with HS256; ids of keys mean nothing to it."""
    key = SigningKey("HS256", secret.encode())

    async def find(_token: str) -> SigningKey:
        return key

    return find
