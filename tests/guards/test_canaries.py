"""A hundred thousand hostile addresses against listeners on loopback: none hears anything."""

import asyncio
import itertools
from collections import Counter
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from prompt_queue.guards.egress import fetch_picture, guarded_session
from prompt_queue.guards.recognition import PublicPicture, Recognition, classify
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.storage_paths import StoragePaths
from prompt_queue.guards.urls import UrlRefused, parse_picture_url
from prompt_queue.jobs.errors import BadInput, Transient
from tests.guards.hostile_urls import OWN_CORPUS, hostile_urls
from tests.guards.rebinding import AskingResolver, rebinding
from tests.guards.test_egress import canary, serving

COUNT = 100_000
OWN = "https://queue.example.org"
BY = Recognition(LinkSigner(b"s" * 32), OWN, storage=StoragePaths(["pictures/{user_id}/"]))
USER = UUID(int=7)
# The public answer comes first, so that a check apart from the connection would be passed.
TURNS = ("93.184.215.14", "127.0.0.1", "169.254.169.254")


@pytest.mark.timeout(170)
async def test_no_hostile_address_reaches_a_canary() -> None:
    """Refused when the job is queued, or at the socket: at the first try and at each retry."""
    met: Counter[str] = Counter()
    async with canary() as (port, seen), rebinding(*TURNS) as (names, server):
        async with guarded_session(resolver=AskingResolver(server, port)) as session:

            async def attempt(text: str) -> None:
                picture = classify(text, USER, BY)
                assert isinstance(picture, PublicPicture)
                try:
                    await fetch_picture(session, picture.url, "target picture", seconds=30)
                except BadInput as refused:
                    met["refused at the socket"] += "private network" in str(refused)
                except Transient:
                    # The public address: the suite lets nobody out.
                    met["not reached"] += 1

            admitted = []
            own = (text.format(port=port) for text in OWN_CORPUS)
            for text in itertools.chain(own, hostile_urls(COUNT, port)):
                try:
                    classify(text, USER, BY)
                except UrlRefused:
                    met["refused at once"] += 1
                else:
                    admitted.append(text)
            for _ in TURNS:
                connector = session.for_url(parse_picture_url("https://example.com/")).connector
                assert isinstance(connector, aiohttp.TCPConnector)
                connector.clear_dns_cache()
                for first in range(0, len(admitted), 100):
                    await asyncio.gather(*map(attempt, admitted[first : first + 100]))
        assert seen == []
        assert max(names.asked.values()) >= len(TURNS)
    assert met["refused at once"] > COUNT / 2
    assert met["not reached"] + met["refused at the socket"] == len(TURNS) * len(admitted)
    # Two of three answers are private; a lookup that takes too long counts with the public ones.
    assert met["refused at the socket"] > met["not reached"] > 1000


HOPS = (
    "https://127.0.0.1:{port}/", "http://n1.pictures.example.com:{port}/",
    "https://n2.pictures.example.com:8443/", "//127.0.0.1:{port}/", "https://2130706433:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
)  # fmt: skip


@pytest.mark.parametrize("hop", HOPS)
async def test_no_redirect_leads_to_a_canary(hop: str) -> None:
    """A server that is trusted itself opens no door: each hop is judged like a first address."""
    async with canary() as (port, seen), rebinding("127.0.0.1") as (_, server):

        async def send_on(_request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": hop.format(port=port)})

        async with serving(send_on) as authority:
            trusted = frozenset({authority})
            async with guarded_session(trusted, resolver=AskingResolver(server, port)) as session:
                url = parse_picture_url(f"http://{authority}/a.jpg", trusted=trusted)
                with pytest.raises(BadInput):
                    await fetch_picture(session, url, "target picture")
        assert seen == []


async def test_the_canary_hears_whoever_is_let_through() -> None:
    """The tests above can fail: the same resolver and trust in the name, and it is connected."""
    async with canary() as (port, seen), rebinding("127.0.0.1") as (_, server):
        trusted = frozenset({"n1.pictures.example.com:443"})
        async with guarded_session(trusted, resolver=AskingResolver(server, port)) as session:
            url = parse_picture_url("https://n1.pictures.example.com/a.jpg", trusted=trusted)
            with pytest.raises(Transient):
                await fetch_picture(session, url, "target picture")
        assert len(seen) == 1
