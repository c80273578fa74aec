"""Signed URLs of the picture storage: one request for many, renewed before they expire."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from prompt_queue.guards.egress import provider_session
from prompt_queue.jobs.errors import Misconfigured, Transient
from prompt_queue.storage.local import PictureMissing
from prompt_queue.storage.supabase import SupabaseStorage
from tests.storage.fake_storage import KEY, SIGN, FakeStorage, fake_storage

PATH = "pictures/a folder/cat.png"


@asynccontextmanager
async def storage(
    lifetime: float = 3600.0, key: str = KEY
) -> AsyncIterator[tuple[SupabaseStorage, FakeStorage]]:
    with fake_storage() as fake:
        fake.objects[PATH] = b"picture"
        async with provider_session(fake.base) as session:
            yield SupabaseStorage(session, fake.base, key, lifetime), fake


async def test_a_signed_url_is_kept() -> None:
    """The second one who asks costs no request."""
    async with storage() as (signing, fake):
        url = await signing.sign(PATH)
        assert url == f"{fake.base}{SIGN}pictures/a%20folder/cat.png?token=token-1"
        assert await signing.sign(PATH) == url
    assert fake.signed == [(PATH, 3600)]


async def test_many_who_ask_at_once_share_one_request() -> None:
    """Also where one of them gives up."""
    async with storage() as (signing, fake):
        asking = [asyncio.create_task(signing.sign(PATH)) for _ in range(50)]
        await asyncio.sleep(0)
        asking[0].cancel()
        urls = await asyncio.gather(*asking[1:])
    assert len(set(urls)) == 1
    assert len(fake.signed) == 1


async def test_a_url_is_renewed_while_it_still_opens() -> None:
    """With a quarter of its life left: whoever gets it has that long to use it."""
    async with storage(lifetime=0.8) as (signing, _):
        first = await signing.sign(PATH)
        assert await signing.sign(PATH) == first
        await asyncio.sleep(0.65)
        assert await signing.sign(PATH) != first


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        ((400, b'{"statusCode":"404","message":"Object not found"}'), PictureMissing),
        ((404, b"{}"), PictureMissing),
        ((400, b'{"statusCode":"403","message":"signature is invalid"}'), Misconfigured),
        ((401, b"no"), Misconfigured),
        ((500, b"{}"), Transient),
        ((503, b"<html>"), Transient),
        ((429, b"{}"), Transient),
        ((200, b"not json"), Transient),
        ((200, b"[]"), Transient),
        ((200, b'{"signedURL": 7}'), Transient),
        ((200, b'{"signedURL": "https://elsewhere.example.com/"}'), Transient),
        ((302, b""), Transient),
    ],
)
async def test_every_other_reply_has_its_failure(
    reply: tuple[int, bytes], failure: type[Exception]
) -> None:
    """And is not remembered: the next one who asks gets what is true then."""
    async with storage() as (signing, fake):
        fake.reply = reply
        with pytest.raises(failure):
            await signing.sign(PATH)
        fake.reply = None
        assert "token-2" in await signing.sign(PATH)


async def test_a_storage_that_is_away_is_no_fault_of_the_picture() -> None:
    """The job tries again later."""
    async with storage() as (signing, fake):
        signing._base = "http://127.0.0.1:9/storage/v1"
        with pytest.raises(Transient, match="picture storage"):
            await signing.sign(PATH)
    assert fake.signed == []


async def test_the_service_key_is_never_told(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the log nor in the sentence that the job keeps."""
    caplog.set_level(logging.DEBUG)
    secret = "another-secret-key"
    async with storage(key=secret) as (signing, _):
        with pytest.raises(Misconfigured) as raised:
            await signing.sign(PATH)
    assert secret not in str(raised.value) + caplog.text
