"""Access tokens of Supabase: whether one is good, and whose it is. Pure: keys and time are given.

Nothing in a token decides how it is checked. Each key has one algorithm, which the configuration or
the published key fixed before the token came.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from uuid import UUID

import jwt
from jwt.exceptions import PyJWTError

from prompt_queue.jobs.scopes import OWN, ROLES, Scope

LEEWAY_SECONDS: Final = 30.0
"""How far the clock of whoever signs may be off, in seconds."""

AUDIENCE: Final = "authenticated"
"""Of every user's access token, and its role too; anonymous and service keys have others."""

LONGEST_TOKEN: Final = 8192
_LATEST: Final = 253402300799  # The last second that a date can say.
_LONGEST_KID: Final = 200
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_USER: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# They would bring a key along, or change how the rest is read; Supabase uses none of them.
_STRANGE: Final = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc"})
_SIGNATURES: Final = jwt.PyJWS()


class TokenInvalid(Exception):
    """The token is not good; the message is for tests and never leaves the process."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and the only algorithm that it is for: a public key, or the bytes of a secret."""

    algorithm: str
    key: Any


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified token: whose it is, what it allows, and when it ends, in Unix seconds."""

    user_id: UUID
    scopes: frozenset[Scope]
    expires_at: float

    def has_expired(self, now: float) -> bool:
        """True once `now`, in Unix seconds, is past the end and the leeway."""
        return now >= self.expires_at + LEEWAY_SECONDS


def key_id_of(token: str) -> str | None:
    """The id of the key that a token names. Raises TokenInvalid for what is no token."""
    header = _header(token)
    found = header.get("kid")
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_KID:
        _refuse("kid is no short text")
    return str(found)


def read_token(token: str, key: SigningKey, issuer: str, now: float) -> Claims:
    """What a token of this issuer says, at `now` in Unix seconds. Raises TokenInvalid."""
    header = _header(token)
    if header.get("alg") != key.algorithm:
        _refuse("another algorithm than that of the key")
    try:
        signed = _SIGNATURES.decode_complete(token, key.key, algorithms=[key.algorithm])
    except (PyJWTError, ValueError, TypeError) as error:
        raise TokenInvalid(f"signature: {type(error).__name__}") from None
    return _claims(_object(signed["payload"]), issuer, now)


def _claims(said: Mapping[str, Any], issuer: str, now: float) -> Claims:
    if said.get("iss") != issuer:
        _refuse("iss")
    if not _is_for_us(said.get("aud")):
        _refuse("aud")
    if said.get("role") != AUDIENCE:
        _refuse("role")
    expires_at = _moment(said, "exp")
    if expires_at is None or now >= expires_at + LEEWAY_SECONDS:
        _refuse("exp")
    for name in ("nbf", "iat"):
        begins_at = _moment(said, name)
        if begins_at is not None and now < begins_at - LEEWAY_SECONDS:
            _refuse(name)
    user = said.get("sub")
    if not isinstance(user, str) or not _USER.fullmatch(user):
        _refuse("sub")
    # user_metadata is what users write about themselves; app_metadata only the service can.
    about = said.get("app_metadata")
    role = about.get("prompt_queue_role") if isinstance(about, dict) else None
    rights = ROLES.get(role, frozenset()) if isinstance(role, str) else frozenset()
    return Claims(UUID(user), OWN | rights, expires_at)


def _is_for_us(audience: object) -> bool:
    if isinstance(audience, list):
        return all(isinstance(one, str) for one in audience) and AUDIENCE in audience
    return audience == AUDIENCE


def _moment(said: Mapping[str, Any], name: str) -> float | None:
    if name not in said:
        return None
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(f"{name} is no number")
    if not 0 <= value <= _LATEST:
        _refuse(f"{name} is no date")
    return float(value)


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > LONGEST_TOKEN or not _SHAPE.fullmatch(token):
        _refuse("not the shape of a token")
    text = token.split(".", 1)[0]
    try:
        header = _object(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        _refuse("the header is not base64")
    if _STRANGE & header.keys():
        _refuse("the header asks for what we do not do")
    if header.get("typ", "JWT") != "JWT":
        _refuse("typ")
    return header


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        _refuse("not JSON")
    if not isinstance(found, dict):
        _refuse("not a JSON object")
    return dict(found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("a name stands there twice")
    return found


def _refuse(why: str) -> NoReturn:
    raise TokenInvalid(why)
