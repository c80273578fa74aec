"""What was made comes into our own storage, without filling the memory."""

import asyncio

from prompt_queue.dispatch.saving import OutputSaver
from prompt_queue.guards.egress import guarded_session
from prompt_queue.guards.urls import read_url
from prompt_queue.testing import PictureServer
from tests.photographs import photograph


class SlowShelf:
    """Notes how many are being kept at the same time."""

    def __init__(self) -> None:
        self.now = self.most = self.kept = 0

    async def save(self, data: bytes, media_type: str) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1
        self.kept += 1
        return f"https://shelf/{self.kept}"


async def test_few_pictures_are_in_the_memory_at_once(picture_server: PictureServer) -> None:
    """However many are ready; all of them are kept."""
    url = picture_server.add("made.jpg", photograph("cat"))
    shelf = SlowShelf()
    async with guarded_session(frozenset({read_url(url).authority})) as session:
        saver = OutputSaver(session, shelf)
        saved = await asyncio.gather(*(saver.save_all([url]) for _ in range(6)))
    assert (shelf.most, shelf.kept) == (2, 12)
    assert {(one[0].width, one[0].height, one[0].media_type) for one in saved} == {
        (451, 300, "image/jpeg")
    }
