"""The two ways in which a server knows its callers: nobody is asked, or everybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import Request

from prompt_queue.api.callers import Caller, Identity, Kind, forbidden, unauthorized
from prompt_queue.api.clock import DatabaseClock
from prompt_queue.api.problems import Problem
from prompt_queue.api.requests import parse_uuid
from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.guards.egress import provider_session
from prompt_queue.guards.jwks import Jwks, KeysUnavailable
from prompt_queue.guards.tokens import TokenInvalid
from prompt_queue.guards.verifier import TokenVerifier, published_keys, shared_secret
from prompt_queue.jobs.scopes import OPERATION, OWN, Scope
from prompt_queue.store.key_store import KeyStore

ACT_FOR = "X-Act-For"


class LocalIdentity:
    """No identity is configured: whoever reaches the loopback address is the one local user."""

    def __init__(self, user_id: UUID, *, demo: bool) -> None:
        """`demo`: the whole queue is the local user's, the operator's buttons too."""
        rights = OPERATION | {Scope.ADMIN} if demo else frozenset[Scope]()
        self._caller = Caller(kind=Kind.LOCAL, actor="http", scopes=OWN | rights, owner=user_id)

    async def identify(self, request: Request) -> Caller:
        """The local user. Raises Problem for a wish to be somebody else."""
        return _acting(self._caller, request)


class TokenIdentity:
    """Access tokens of users, where there is somebody who verifies them, and API keys."""

    def __init__(
        self, verifier: TokenVerifier | None, keys: KeyStore, clock: DatabaseClock
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._clock = clock

    async def identify(self, request: Request) -> Caller:
        """Who showed a good token or key. Raises Problem, DatabaseUnavailable."""
        shown = request.headers.getlist("authorization")
        if not shown:
            raise unauthorized(shown=False)
        scheme, _, text = shown[0].partition(" ")
        text = text.strip()
        if len(shown) > 1 or scheme.lower() != "bearer" or not text:
            raise unauthorized(shown=True)
        key = ApiKey.read(text)
        caller = await (self._by_token(text) if key is None else self._by_key(key))
        return _acting(caller, request)

    async def _by_token(self, text: str) -> Caller:
        if self._verifier is None:
            raise unauthorized(shown=True)
        try:
            claims = await self._verifier.verify(text, await self._clock.now())
        except TokenInvalid:
            raise unauthorized(shown=True) from None
        except KeysUnavailable:
            raise Problem(
                "identity_unavailable",
                "The keys that access tokens are checked with are not to be had at the moment; "
                "try again shortly.",
                retry_after=5,
            ) from None
        return Caller(
            kind=Kind.TOKEN,
            actor=f"user:{claims.user_id}",
            scopes=claims.scopes,
            owner=claims.user_id,
            expires_at=claims.expires_at,
        )

    async def _by_key(self, key: ApiKey) -> Caller:
        found = await self._keys.find(key.prefix)
        # The same work for a prefix that nobody has, so that time tells nothing about it.
        fits = key.is_one_of(found.digest if found else None, found.old_digest if found else None)
        if found is None or not fits or not found.is_live:
            raise unauthorized(shown=True)
        if found.is_rested:
            await self._keys.touch(found.prefix)
        return Caller(
            kind=Kind.KEY,
            actor=f"key:{found.prefix}",
            scopes=found.scopes,
            owner=found.user_id,
            expires_at=found.expires_at.timestamp() if found.expires_at else None,
        )


@asynccontextmanager
async def open_identity(
    local_user: UUID | None,
    *,
    demo: bool,
    issuer: str | None,
    secret: str | None,
    supabase_url: str | None,
    keys: KeyStore,
    clock: DatabaseClock,
) -> AsyncIterator[Identity]:
    """The way in which this server knows its callers: with a local user, nobody is asked.

    Access tokens of the issuer are verified with the secret alone where there is one, else with
    the keys that the project publishes.
    """
    if local_user is not None:
        yield LocalIdentity(local_user, demo=demo)
    elif issuer is not None and secret is not None:
        yield TokenIdentity(TokenVerifier(shared_secret(secret), issuer), keys, clock)
    elif issuer is not None and supabase_url is not None:
        async with provider_session(supabase_url) as session:
            verifier = TokenVerifier(published_keys(Jwks(session, supabase_url)), issuer)
            yield TokenIdentity(verifier, keys, clock)
    else:
        yield TokenIdentity(None, keys, clock)


def _acting(caller: Caller, request: Request) -> Caller:
    """The caller on behalf of the user whom it names."""
    wanted = request.headers.get(ACT_FOR)
    if wanted is None:
        return caller
    if Scope.ACT_FOR not in caller.scopes:
        raise forbidden([Scope.ACT_FOR])
    user = parse_uuid(wanted)
    if user is None:
        detail = f"{ACT_FOR} is the id of a user, a UUID with hyphens."
        raise Problem("invalid_parameter", detail, errors=[{"header": ACT_FOR, "detail": detail}])
    return Caller(
        kind=caller.kind,
        actor=f"{caller.actor} for {user}",
        scopes=caller.scopes,
        owner=user,
        expires_at=caller.expires_at,
    )
