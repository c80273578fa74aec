"""Who is calling, and who may press the operator's buttons."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from prompt_queue.api.parts import Parts, parts_of
from prompt_queue.api.problems import Problem


@dataclass(frozen=True, slots=True)
class Caller:
    """The user on whose behalf a request acts; `actor` is who is named in the audit."""

    user_id: UUID
    actor: str = "http"


class LocalIdentity:
    """No identity provider: whoever reaches the loopback address is the one local user."""

    def __init__(self, user_id: UUID) -> None:
        self._caller = Caller(user_id)

    def identify(self, _request: Request) -> Caller:
        """The local user."""
        return self._caller


def caller_of(request: Request) -> Caller:
    """The caller of a request."""
    identity: LocalIdentity = request.app.state.identity
    return identity.identify(request)


CallerOf = Annotated[Caller, Depends(caller_of)]
PartsOf = Annotated[Parts, Depends(parts_of)]


def is_bearer_of(secret: str, authorization: str | None) -> bool:
    """Whether the header carries the secret, compared in constant time, whatever the bytes."""
    scheme, _, credentials = (authorization or "").partition(" ")
    given, expected = (
        hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        for text in (credentials.strip(), secret)
    )
    return hmac.compare_digest(given, expected) and scheme.lower() == "bearer"


def require_cron_secret(request: Request, parts: PartsOf) -> None:
    """Raises Problem unless the request carries CRON_SECRET; without one, nobody gets in."""
    if not parts.cron_secret:
        raise Problem(
            "cron_disabled",
            "CRON_SECRET is not set; set it and send it as `Authorization: Bearer <secret>`.",
        )
    if not is_bearer_of(parts.cron_secret, _utf8(request.headers.get("authorization"))):
        raise Problem(
            "unauthorized",
            "Send the value of CRON_SECRET as `Authorization: Bearer <secret>`.",
            headers={"WWW-Authenticate": 'Bearer realm="prompt-queue"'},
        )


def require_operator(request: Request, parts: PartsOf) -> None:
    """Raises Problem outside the demo unless the request carries CRON_SECRET."""
    if not parts.demo_mode:
        require_cron_secret(request, parts)


def require_ops_read(request: Request, parts: PartsOf) -> None:
    """Raises Problem for who may not look at the whole queue."""
    require_operator(request, parts)


def require_ops_write(request: Request, parts: PartsOf) -> None:
    """Raises Problem for who may not press the operator's buttons."""
    require_operator(request, parts)


def _utf8(header: str | None) -> str | None:
    """Header values are read as Latin-1; a secret with other letters is sent as UTF-8."""
    return None if header is None else header.encode("latin-1").decode("utf-8", "surrogateescape")
