"""Callers of the stand-in."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from xai_calls import Ask, chat_body, png

from prompt_queue.testing import PictureServer, StandIn


@pytest_asyncio.fixture
async def http(xai_stand_in: StandIn) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that carries the accepted key."""
    headers = {"Authorization": f"Bearer {xai_stand_in.api_key}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield session


@pytest.fixture
def ask(http: aiohttp.ClientSession, xai_stand_in: StandIn) -> Ask:
    """Post a chat call with these images; gives the status and the decoded body."""

    async def call(
        *urls: str, headers: dict[str, str] | None = None, **fields: Any
    ) -> tuple[int, Any]:
        async with http.post(
            f"{xai_stand_in.base_url}/chat/completions",
            data=io.BytesIO(json.dumps(chat_body(*urls, **fields)).encode()),
            headers={"Content-Type": "application/json", **(headers or {})},
        ) as response:
            return response.status, await response.json()

    return call


@pytest.fixture
def photo(picture_server: PictureServer) -> str:
    """The address of a teal picture."""
    return picture_server.add("teal.png", png((0, 128, 128)))
