"""Pictures in a public bucket of Supabase Storage."""

import hashlib

import aiohttp
import pytest

from prompt_queue.guards.egress import provider_session
from prompt_queue.jobs.errors import Misconfigured, PromptFailure, Transient
from prompt_queue.storage.bucket import PublicBucket
from tests.storage.fake_storage import KEY, fake_storage

DATA = b"\xff\xd8\xff picture"


async def test_a_picture_is_kept_under_its_content() -> None:
    """At an address that anybody can open, the same for the same bytes."""
    with fake_storage() as fake:
        async with provider_session(fake.base) as session:
            bucket = PublicBucket(session, fake.base, KEY, "made")
            url = await bucket.save(DATA, "image/jpeg")
            assert await bucket.save(DATA, "image/jpeg") == url
        async with aiohttp.ClientSession() as anybody, anybody.get(url) as response:
            assert await response.read() == DATA
    assert url.endswith(f"/object/public/made/{hashlib.sha256(DATA).hexdigest()}.jpg")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [((500, b"{}"), Transient), ((429, b"{}"), Transient), ((404, b"{}"), Misconfigured),
     ((403, b"{}"), Misconfigured), ((302, b""), Transient)],
)  # fmt: skip
async def test_a_refusal_has_its_class(reply: tuple[int, bytes], kind: type[PromptFailure]) -> None:
    """A bucket that is missing is the operator's; the rest passes."""
    with fake_storage() as fake:
        fake.reply = reply
        async with provider_session(fake.base) as session:
            with pytest.raises(kind):
                await PublicBucket(session, fake.base, KEY, "made").save(DATA, "image/jpeg")


async def test_a_storage_that_is_away_is_asked_again() -> None:
    """Nothing is lost by it."""
    async with provider_session("http://127.0.0.1:9") as session:
        with pytest.raises(Transient):
            await PublicBucket(session, "http://127.0.0.1:9", KEY, "b").save(DATA, "image/png")
