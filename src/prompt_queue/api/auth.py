"""What each route asks of its caller, said in one way: a dependency that names a scope."""

import hashlib
import hmac
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from prompt_queue.api.callers import REALM, Caller, Kind, forbidden, unauthorized
from prompt_queue.api.cors import ANSWER_HEADERS
from prompt_queue.api.parts import Parts, parts_of
from prompt_queue.api.problems import Problem
from prompt_queue.api.rates import AskedTooOften
from prompt_queue.api.requests import parse_uuid
from prompt_queue.jobs.scopes import OPERATION, OWN, Scope, covers


async def _parts(request: Request) -> Parts:
    # What is not a coroutine costs each request a hop to a thread and back.
    return parts_of(request)


PartsOf = Annotated[Parts, Depends(_parts)]
_CRON: Final = Caller(kind=Kind.CRON, actor="cron", scopes=OPERATION)


class Needs:
    """A dependency: the caller, who has one of the scopes. Raises Problem for anybody else.

    CRON_SECRET opens what operators do, beside tokens and keys. `open_locally`: where no identity
    is configured, it needs nothing.
    """

    def __init__(self, *scopes: Scope, open_locally: bool = False) -> None:
        self.scopes = scopes
        self.open_locally = open_locally

    async def __call__(self, request: Request) -> Caller:
        """Find out who is asking, once a request."""
        parts = parts_of(request)
        if OPERATION & {*self.scopes} and _shows_cron_secret(request, parts):
            caller = _CRON
        else:
            caller = await parts.identity.identify(request)
        request.state.caller = caller
        self._check(caller, request, parts)
        if not OPERATION & {*self.scopes}:
            await _count(caller, request, parts)
        return caller

    def _check(self, caller: Caller, request: Request, parts: Parts) -> None:
        if not any(covers(caller.scopes, scope) for scope in self.scopes):
            if caller.kind is Kind.LOCAL and self.open_locally:
                return
            if caller.kind is Kind.LOCAL:
                # Nobody has credentials here, so the secret is what there is to ask for.
                _check_cron_secret(request, parts)
            raise forbidden(self.scopes)
        if {*self.scopes} <= OWN:
            # Raises, where the credentials are nobody's.
            _ = caller.user_id


async def who_is_asking(request: Request, parts: PartsOf) -> Caller:
    """The caller, whatever the credentials allow. Raises Problem."""
    return await parts.identity.identify(request)


class NeedsJob(Needs):
    """As `Needs(Scope.READ)`, or a ticket in the address for the very job that the path names."""

    def __init__(self) -> None:
        super().__init__(Scope.READ)

    async def __call__(
        self,
        request: Request,
        ticket: Annotated[
            str | None,
            Query(description="A ticket for this job, for clients that can set no header."),
        ] = None,
    ) -> Caller:
        """Find out who is asking. A ticket counts alone: no credentials mend one that is over."""
        if ticket is None:
            return await super().__call__(request)
        parts = parts_of(request)
        found = parts.tickets.read(ticket, await parts.clock.now())
        named = request.path_params.get("promptJobId") or request.path_params.get("jobId")
        if found is None or parse_uuid(named) != found.job_id:
            raise unauthorized(shown=True)
        caller = Caller(
            kind=Kind.TICKET,
            actor=f"ticket:{found.user_id}",
            scopes=frozenset({Scope.READ}),
            owner=found.user_id,
            expires_at=found.expires_at,
        )
        request.state.caller = caller
        await _count(caller, request, parts)
        return caller


Anyone = Annotated[Caller, Depends(who_is_asking)]
Reader = Annotated[Caller, Depends(Needs(Scope.READ))]
JobReader = Annotated[Caller, Depends(NeedsJob())]
Enqueuer = Annotated[Caller, Depends(Needs(Scope.ENQUEUE))]
Canceller = Annotated[Caller, Depends(Needs(Scope.CANCEL))]

require_ops_read: Final = Needs(Scope.OPS_READ)
"""Who may look at the whole queue."""

require_ops_write: Final = Needs(Scope.OPS_WRITE)
"""Who may press the operator's buttons."""


async def caller_of(request: Request) -> Caller:
    """The caller of a request whose route named a scope."""
    caller: Caller = request.state.caller
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]
"""Beside a scope among the route's dependencies; without one there is no caller, and no answer."""


def is_bearer_of(secret: str, authorization: str | None) -> bool:
    """Whether the header carries the secret, compared in constant time, whatever the bytes."""
    scheme, _, credentials = (authorization or "").partition(" ")
    given, expected = (
        hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        for text in (credentials.strip(), secret)
    )
    return hmac.compare_digest(given, expected) and scheme.lower() == "bearer"


async def require_cron_secret(request: Request, parts: PartsOf) -> None:
    """Raises Problem unless the request carries CRON_SECRET; without one, nobody gets in."""
    _check_cron_secret(request, parts)


def _check_cron_secret(request: Request, parts: Parts) -> None:
    if not parts.cron_secret:
        raise Problem(
            "cron_disabled",
            "CRON_SECRET is not set; set it and send it as `Authorization: Bearer <secret>`.",
        )
    if not _shows_cron_secret(request, parts):
        raise Problem(
            "unauthorized",
            "Send the value of CRON_SECRET as `Authorization: Bearer <secret>`.",
            headers={"WWW-Authenticate": REALM},
        )


async def _count(caller: Caller, request: Request, parts: Parts) -> None:
    """Raises Problem for who asks too often; programs of no user are not counted."""
    if caller.owner is not None:
        try:
            left = await parts.rates.admit(caller.owner)
        except AskedTooOften as refusal:
            parts.turnstile.shut(request.scope, refusal)
            raise
        if left:
            state = request.scope["state"]
            state[ANSWER_HEADERS] = {**state.get(ANSWER_HEADERS, {}), **left}


def _shows_cron_secret(request: Request, parts: Parts) -> bool:
    header = _utf8(request.headers.get("authorization"))
    return bool(parts.cron_secret) and is_bearer_of(parts.cron_secret or "", header)


def _utf8(header: str | None) -> str | None:
    """Header values are read as Latin-1; a secret with other letters is sent as UTF-8."""
    return None if header is None else header.encode("latin-1").decode("utf-8", "surrogateescape")
