"""Pictures in a public bucket of Supabase Storage."""

import hashlib
import io
import tempfile

import aiohttp
import pytest

from prompt_queue.guards.egress import provider_session
from prompt_queue.jobs.errors import Misconfigured, PromptFailure, Transient
from prompt_queue.storage.bucket import PublicBucket
from tests.storage.fake_storage import KEY, fake_storage

DATA = b"\xff\xd8\xff picture"
SHA256 = hashlib.sha256(DATA).hexdigest()


def picture() -> io.BytesIO:
    return io.BytesIO(DATA)


async def test_a_picture_is_kept_under_its_content() -> None:
    """At an address that anybody can open, the same for the same bytes."""
    with fake_storage() as fake:
        async with provider_session(fake.base) as session:
            bucket = PublicBucket(session, fake.base, KEY, "made")
            url = await bucket.save(picture(), SHA256, "image/jpeg")
            with tempfile.TemporaryFile() as file:
                file.write(DATA)
                assert await bucket.save(file, SHA256, "image/jpeg") == url
        async with aiohttp.ClientSession() as anybody, anybody.get(url) as response:
            assert await response.read() == DATA
    assert url.endswith(f"/object/public/made/{SHA256}.jpg")


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
            bucket = PublicBucket(session, fake.base, KEY, "made")
            with pytest.raises(kind):
                await bucket.save(picture(), SHA256, "image/jpeg")


async def test_a_storage_that_is_away_is_asked_again() -> None:
    """Nothing is lost by it."""
    async with provider_session("http://127.0.0.1:9") as session:
        bucket = PublicBucket(session, "http://127.0.0.1:9", KEY, "b")
        with pytest.raises(Transient):
            await bucket.save(picture(), SHA256, "image/png")
