"""Forged tokens: hundreds of ways, none accepted, all refused in the same words."""

import json
import time
from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.guards.jwks import read_keys
from prompt_queue.guards.tokens import (
    LEEWAY_SECONDS,
    Claims,
    SigningKey,
    TokenInvalid,
    key_id_of,
    read_token,
)
from prompt_queue.guards.verifier import KNOWN_SECONDS, TokenVerifier, shared_secret
from prompt_queue.jobs.scopes import OPERATION, OWN, Scope
from tests.api.running import QUEUE, Api, running
from tests.identity.conftest import bearer
from tests.identity.forging import forgeries, with_hmac
from tests.identity.project import LEGACY_SECRET, Project, Signer, claims_of

NOW = 1_800_000_000.0
ISSUER = "https://project.supabase.co/auth/v1"
USER = UUID("00000000-0000-4000-a000-000000000007")
SIGNER = Signer("the-key")
FORGED = dict(forgeries(SIGNER, USER, ISSUER, NOW))
FORGED_LEGACY = dict(forgeries(SIGNER, USER, ISSUER, NOW, legacy=True))
LEGACY_KEY = SigningKey("HS256", LEGACY_SECRET.encode())


def published(token: str) -> Claims:
    """What a project with published keys makes of it."""
    keys = read_keys(json.dumps({"keys": [SIGNER.jwk]}).encode())
    kid = key_id_of(token)
    if kid not in keys:
        raise TokenInvalid("kid")
    return read_token(token, keys[kid], ISSUER, NOW)


def by_hand(**changes: object) -> str:
    """Signed with the legacy secret."""
    return with_hmac({"alg": "HS256", "typ": "JWT"}, claims_of(USER, ISSUER, NOW, **changes),
                     LEGACY_SECRET.encode())  # fmt: skip


def test_there_are_more_than_sixty() -> None:
    """And as many names as tokens for each family."""
    assert min(len(FORGED), len(FORGED_LEGACY)) > 100


@pytest.mark.parametrize("name", FORGED)
def test_no_forgery_is_accepted_with_published_keys(name: str) -> None:
    """Whatever it is, it is no token."""
    with pytest.raises(TokenInvalid):
        published(FORGED[name])


@pytest.mark.parametrize("name", FORGED_LEGACY)
def test_no_forgery_is_accepted_with_the_legacy_secret(name: str) -> None:
    """Whatever it is, it is no token."""
    with pytest.raises(TokenInvalid):
        read_token(FORGED_LEGACY[name], LEGACY_KEY, ISSUER, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["authenticated"]},
        {"aud": ["other", "authenticated"]},
        {"exp": NOW - LEEWAY_SECONDS + 1},
        {"exp": NOW + 0.5},
        {"nbf": NOW + LEEWAY_SECONDS},
        {"iat": NOW + LEEWAY_SECONDS},
        {"iat": None},
        {"app_metadata": None},
        {"app_metadata": "text"},
        {"app_metadata": {"prompt_queue_role": ["operator"]}},
        {"app_metadata": {"prompt_queue_role": "emperor"}},
    ],
    ids=str,
)
def test_a_genuine_token_is_accepted_within_the_leeway(changes: dict[str, object]) -> None:
    """The same checks let in what the project signed, with a user's rights and no more."""
    for claims in (
        published(SIGNER.sign(claims_of(USER, ISSUER, NOW, **changes))),
        read_token(by_hand(**changes), LEGACY_KEY, ISSUER, NOW),
    ):
        assert (claims.user_id, claims.scopes) == (USER, OWN)


def test_only_the_service_can_make_somebody_an_operator() -> None:
    """app_metadata counts; user_metadata, which users write, never does."""
    operator = read_token(
        by_hand(app_metadata={"prompt_queue_role": "operator"}), LEGACY_KEY, ISSUER, NOW
    )
    viewer = read_token(
        by_hand(app_metadata={"prompt_queue_role": "viewer"}), LEGACY_KEY, ISSUER, NOW
    )
    assert operator.scopes == OWN | OPERATION
    assert viewer.scopes == OWN | {Scope.OPS_READ}


async def test_a_known_token_is_not_known_beyond_its_end_or_a_minute() -> None:
    """Within a minute no signature is computed again; after it, and at the end, all is checked."""
    moment, asked = 0.0, 0

    async def find(_token: str) -> SigningKey:
        nonlocal asked
        asked += 1
        return LEGACY_KEY

    verifier = TokenVerifier(find, ISSUER, lambda: moment)
    token = by_hand(exp=NOW + 10)
    for _ in range(3):
        assert (await verifier.verify(token, NOW)).user_id == USER
    assert asked == 1
    with pytest.raises(TokenInvalid):
        await verifier.verify(token, NOW + 10 + LEEWAY_SECONDS)
    moment = KNOWN_SECONDS
    await verifier.verify(token, NOW)
    assert asked == 2
    with pytest.raises(TokenInvalid):
        await TokenVerifier(shared_secret("x" * 40), ISSUER).verify(token, NOW)


async def test_a_server_refuses_them_all_in_the_same_words(
    api: Api, project: Project, user_a: UUID
) -> None:
    """401, one body, and nothing of the reason; the genuine token next to them is let in."""
    now = time.time()  # noqa: TID251 - as the project signs
    forged = forgeries(project.signer, user_a, project.issuer, now)
    said = set()
    for name, token in forged:
        if "past the leeway" in name or not token.isascii():
            continue  # Seconds pass here, and no header carries the other.
        reply = await api.get(QUEUE, headers=bearer(token))
        assert reply.status == 401, name
        said.add(str(reply.body | {"requestId": ""}) + reply.headers["WWW-Authenticate"])
    assert len(said) == 1
    assert project.asked <= 2
    reply = await api.get(QUEUE, headers=bearer(project.token(user_a)))
    assert reply.status == 200


async def test_a_server_with_the_legacy_secret_takes_nothing_else(
    database_url: str, project: Project, user_a: UUID, tmp_path: Path
) -> None:
    """Two families never meet: the keys that the project publishes are not even fetched."""
    async with running(
        database_url, tmp_path, supabase_url=project.url, supabase_jwt_secret=LEGACY_SECRET
    ) as api:
        signed = with_hmac(
            {"alg": "HS256", "typ": "JWT"}, claims_of(user_a, project.issuer),
            LEGACY_SECRET.encode(),
        )  # fmt: skip
        assert (await api.get(QUEUE, headers=bearer(signed))).status == 200
        assert (await api.get(QUEUE, headers=bearer(project.token(user_a)))).status == 401
        assert project.asked == 0


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dTpw", "Token {}", "{}", "Bearer {} {}"]
)
async def test_credentials_come_in_one_form(
    api: Api, project: Project, user_a: UUID, header: str
) -> None:
    """A good token under another scheme, or with something behind it, is none."""
    token = project.token(user_a)
    reply = await api.get(QUEUE, headers={"Authorization": header.format(token, "x")})
    assert (reply.status, reply.body["code"]) == (401, "unauthorized")


async def test_two_headers_are_none(api: Api, project: Project, user_a: UUID) -> None:
    """Which of them is meant is not guessed."""
    token = f"Bearer {project.token(user_a)}"
    reply = await api.get(QUEUE, headers=[("Authorization", token), ("Authorization", token)])
    assert reply.status == 401
