"""Who may call: the one key on the API routes, this machine alone on the admin routes."""

import hmac
import ipaddress
from collections.abc import Mapping

from prompt_queue.simulator import errors
from prompt_queue.simulator.addresses import is_loopback_name


def authorise(headers: Mapping[str, str], api_key: str) -> None:
    """Pass a request that carries the key.

    Raises `errors.ApiError`: 401 without a bearer token, 400 with another key, as xAI does.
    """
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise errors.missing_authorization()
    if not hmac.compare_digest(key.encode(errors="replace"), api_key.encode()):
        raise errors.wrong_key(key)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return is_loopback_name(address)


def may_administer(remote: str | None, host: str | None, origin: str | None) -> bool:
    """Whether an admin request comes from a program on this machine, and not from a web page."""
    if remote is None or not _is_loopback(remote) or origin is not None:
        return False
    name = (host or "").lower()
    bare = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return _is_loopback(bare)
