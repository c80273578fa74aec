"""The published keys: asked for seldom, once for all that wait, and used while nobody answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from prompt_queue.guards.egress import provider_session
from prompt_queue.guards.jwks import (
    FAILED_SECONDS,
    FRESH_SECONDS,
    STALE_SECONDS,
    UNKNOWN_SECONDS,
    Jwks,
    JwksRefused,
    KeysUnavailable,
    read_keys,
)
from tests.api.running import QUEUE, Api
from tests.conftest import until
from tests.identity.conftest import bearer
from tests.identity.project import Project, Signer


class Cache:
    """The keys of a project, with a clock that the test moves."""

    def __init__(self, jwks: Jwks) -> None:
        self.jwks = jwks
        self.now = 1000.0


@pytest.fixture
async def cache(project: Project) -> AsyncIterator[Cache]:
    """Nothing has been asked for yet."""
    async with provider_session(project.url) as session:
        made = Cache.__new__(Cache)
        Cache.__init__(made, Jwks(session, project.url, lambda: made.now))
        yield made


async def test_fresh_keys_are_asked_for_once(cache: Cache, project: Project) -> None:
    """Ten minutes long; then a request brings the new ones."""
    kid = project.signer.kid
    for _ in range(50):
        assert await cache.jwks.find(kid) is not None
    assert project.asked == 1
    cache.now += FRESH_SECONDS
    assert await cache.jwks.find(kid) is not None
    assert project.asked == 2


async def test_a_flood_of_unknown_ids_asks_once_a_minute(cache: Cache, project: Project) -> None:
    """Whoever makes up ids of keys does not make us a burden on the project."""
    assert await cache.jwks.find(project.signer.kid) is not None
    for minute in range(1, 4):
        cache.now += UNKNOWN_SECONDS
        for number in range(200):
            assert await cache.jwks.find(f"made-up-{number}") is None
        assert project.asked == 1 + minute


async def test_a_new_key_is_found_when_it_is_needed(cache: Cache, project: Project) -> None:
    """After a rotation the first token of the new key works, as soon as it may be asked again."""
    assert await cache.jwks.find(project.signer.kid) is not None
    new = Signer()
    project.published = [new.jwk, project.signer.jwk]
    assert await cache.jwks.find(new.kid) is None
    cache.now += UNKNOWN_SECONDS
    assert await cache.jwks.find(new.kid) is not None
    project.published = [new.jwk]
    cache.now += FRESH_SECONDS
    assert await cache.jwks.find(project.signer.kid) is None


async def test_all_that_wait_share_one_request(cache: Cache, project: Project) -> None:
    """A hundred first tokens at once are one request, and one that goes stops nobody."""
    project.hold.clear()
    waiting = [asyncio.create_task(cache.jwks.find(project.signer.kid)) for _ in range(100)]
    await until(lambda: _has_asked(project))
    waiting[0].cancel()
    project.hold.set()
    found = await asyncio.gather(*waiting[1:])
    assert all(found)
    assert project.asked == 1


@pytest.mark.parametrize("how", ["500", "garbage", "redirect", "html", "too large", "empty"])
async def test_old_keys_serve_while_new_ones_do_not_come(
    cache: Cache, project: Project, how: str
) -> None:
    """For a day, with pauses between the tries; what is no set of keys changes nothing."""
    kid = project.signer.kid
    assert await cache.jwks.find(kid) is not None
    broken: dict[str, dict[str, Any]] = {
        "500": {"status": 500},
        "garbage": {"text": "{"},
        "redirect": {"status": 302, "headers": {"Location": "/elsewhere"}},
        "html": {"media_type": "text/html"},
        "too large": {"text": json.dumps({"keys": [], "filler": "x" * 70_000})},
        "empty": {"text": '{"keys": []}'},
    }
    for name, value in broken[how].items():
        setattr(project, name, value)
    cache.now += FRESH_SECONDS
    for _ in range(20):
        assert await cache.jwks.find(kid) is not None
    assert project.asked == 2
    cache.now += FAILED_SECONDS
    assert await cache.jwks.find(kid) is not None
    assert project.asked == 3
    cache.now += STALE_SECONDS
    with pytest.raises(KeysUnavailable):
        await cache.jwks.find(kid)


async def test_without_any_keys_the_answer_says_so(
    api: Api, project: Project, user_a: UUID
) -> None:
    """503 and to be repeated, not 401: a client would throw a good token away."""
    project.status = 500
    reply = await api.get(QUEUE, headers=bearer(project.token(user_a)))
    assert (reply.status, reply.body["code"]) == (503, "identity_unavailable")
    assert reply.body["retryable"] is True
    assert int(reply.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct", "k": "c2VjcmV0"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kid": 7},
        {"x": "AAAA"},
        {"y": 7},
        {"d": "c2VjcmV0"},
    ],
    ids=str,
)
def test_keys_that_are_not_for_us_are_left_out(change: dict[str, Any]) -> None:
    """One such key does no harm to the others; a set of nothing else is refused."""
    good = Signer()
    odd = Signer().jwk | change
    assert list(read_keys(json.dumps({"keys": [odd, "text", good.jwk]}).encode())) == [good.kid]
    with pytest.raises(JwksRefused):
        read_keys(json.dumps({"keys": [odd]}).encode())


async def _has_asked(project: Project) -> bool:
    return project.asked > 0
