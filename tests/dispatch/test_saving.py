"""What was made comes into our own storage, without filling the memory."""

import asyncio
import hashlib
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from aiohttp import web

from prompt_queue.dispatch import saving
from prompt_queue.dispatch.saving import Outputs, OutputSaver
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.urls import read_url
from prompt_queue.jobs.errors import Transient
from prompt_queue.jobs.picture import SavedPicture
from prompt_queue.storage.bucket import PublicBucket
from prompt_queue.storage.local import LocalPictures
from prompt_queue.testing import PictureServer
from prompt_queue.worker.picture_crew import LocalOutputs
from tests.conftest import until
from tests.guards.test_egress import serving
from tests.photographs import photograph

MEGABYTE = 1024 * 1024
PADDING = bytes(65536)
PIECES = 60 * MEGABYTE // len(PADDING)
SIGNER = LinkSigner(bytes(32))


class SlowShelf:
    """Keeps nothing before it is opened; notes how many wait for that at the same time."""

    def __init__(self) -> None:
        self.now = self.most = self.kept = 0
        self.open = asyncio.Event()

    async def save(self, file: BinaryIO, sha256: str, media_type: str) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.open.wait()
        self.now -= 1
        self.kept += 1
        return f"https://shelf/{self.kept}"


@asynccontextmanager
async def saver_of(url: str, outputs: Outputs, folder: Path) -> AsyncIterator[OutputSaver]:
    async with guarded_session(frozenset({read_url(url).authority})) as session:
        yield OutputSaver(session, outputs, folder)


async def large_picture(request: web.Request) -> web.StreamResponse:
    """A photograph with 60 MB behind it, which the server has at no time in its memory."""
    head = photograph("cat")
    if request.path == "/small.jpg":
        return web.Response(body=photograph("coffee"))
    response = web.StreamResponse()
    response.content_length = len(head) + PIECES * len(PADDING)
    await response.prepare(request)
    await response.write(head)
    for _ in range(PIECES):
        await response.write(PADDING)
    return response


def hash_of_large_picture() -> str:
    digest = hashlib.sha256(photograph("cat"))
    for _ in range(PIECES):
        digest.update(PADDING)
    return digest.hexdigest()


async def save_and_measure(saver: OutputSaver, authority: str) -> tuple[SavedPicture, int]:
    """The large picture, saved, and the most memory that it took, in bytes."""
    # What is imported and kept for the first picture is not the picture's.
    await saver.save_all([f"http://{authority}/small.jpg"])
    tracemalloc.start()
    try:
        (saved,) = await saver.save_all([f"http://{authority}/large.jpg"])
        return saved, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_large_picture_is_kept_in_the_folder_and_not_in_the_memory(tmp_path: Path) -> None:
    """60 MB pass through a few; the file is whole, named by its hash, and no other is left."""
    folder = tmp_path / "pictures"
    outputs = LocalOutputs(LocalPictures(folder), SIGNER, "http://here")
    async with (
        serving(large_picture) as authority,
        saver_of(f"http://{authority}", outputs, tmp_path) as saver,
    ):
        saved, memory = await save_and_measure(saver, authority)
    assert memory < 8 * MEGABYTE
    assert saved.sha256 == hash_of_large_picture()
    assert (saved.width, saved.height, saved.media_type) == (451, 300, "image/jpeg")
    with (folder / f"{saved.sha256}.jpg").open("rb") as kept:
        assert hashlib.file_digest(kept, "sha256").hexdigest() == saved.sha256
        assert kept.tell() == saved.size == len(photograph("cat")) + 60 * MEGABYTE
    assert [file.name for file in tmp_path.iterdir()] == ["pictures"]
    # Two pictures and their thumbnails.
    assert len(list(folder.iterdir())) == 4


async def test_a_large_picture_goes_through_to_the_bucket(tmp_path: Path) -> None:
    """Piece by piece, with its length announced, and nothing of it stays here."""
    got: dict[str, tuple[int | None, int, str]] = {}

    async def storage(request: web.Request) -> web.Response:
        digest, size = hashlib.sha256(), 0
        async for piece in request.content.iter_chunked(65536):
            digest.update(piece)
            size += len(piece)
        got[request.path] = (request.content_length, size, digest.hexdigest())
        return web.json_response({})

    async with serving(large_picture) as authority, serving(storage) as there:
        base = f"http://{there}"
        async with provider_session(base) as session:
            bucket = PublicBucket(session, base, "key", "made")
            async with saver_of(f"http://{authority}", bucket, tmp_path) as saver:
                saved, memory = await save_and_measure(saver, authority)
    assert memory < 8 * MEGABYTE
    path = f"/storage/v1/object/made/{saved.sha256}.jpg"
    assert saved.url == f"{base}/storage/v1/object/public/made/{saved.sha256}.jpg"
    assert got[path] == (saved.size, saved.size, saved.sha256)
    assert saved.sha256 == hash_of_large_picture()
    assert len(got) == 4
    assert not list(tmp_path.iterdir())


async def test_few_pictures_are_saved_at_once(
    picture_server: PictureServer, tmp_path: Path
) -> None:
    """However many are ready; all of them are kept."""
    url = picture_server.add("made.jpg", photograph("cat"))
    shelf = SlowShelf()

    async def eight_wait() -> bool:
        return shelf.now >= 8

    async with saver_of(url, shelf, tmp_path) as saver:
        saving_all = asyncio.gather(*(saver.save_all([url]) for _ in range(12)))
        await until(eight_wait)
        shelf.open.set()
        saved = await saving_all
    assert (shelf.most, shelf.kept) == (8, 24)
    assert {(one[0].width, one[0].height, one[0].media_type) for one in saved} == {
        (451, 300, "image/jpeg")
    }


async def test_two_pictures_are_decoded_at_once(
    picture_server: PictureServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are saved: the decoded ones are the large ones."""
    url = picture_server.add("made.jpg", photograph("cat"))
    lock, now, seen = threading.Lock(), [0], [0]
    really = saving.thumbnail

    def counted(file: Any) -> bytes:
        with lock:
            now[0] += 1
            seen.append(now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        return really(file)

    monkeypatch.setattr(saving, "thumbnail", counted)
    shelf = SlowShelf()
    shelf.open.set()
    async with saver_of(url, shelf, tmp_path) as saver:
        await asyncio.gather(*(saver.save_all([url]) for _ in range(8)))
    assert len(seen) == 9
    assert max(seen) <= 2


async def test_a_folder_without_room_is_a_passing_fault(
    picture_server: PictureServer, tmp_path: Path
) -> None:
    """With the sentence for it; nothing is left behind."""
    url = picture_server.add("made.jpg", photograph("cat"))
    (tmp_path / "pictures").write_text("a file where the folder should be")
    outputs = LocalOutputs(LocalPictures(tmp_path / "pictures"), SIGNER, "http://here")
    async with saver_of(url, outputs, tmp_path) as saver:
        with pytest.raises(Transient, match="There is no room for the picture at present"):
            await saver.save_all([url])
    assert [file.name for file in tmp_path.iterdir()] == ["pictures"]


async def test_what_is_no_picture_is_fetched_again(
    picture_server: PictureServer, tmp_path: Path
) -> None:
    """Half a picture may be whole the next time; nothing of it is kept."""
    url = picture_server.add("half.jpg", photograph("cat")[:5000])
    shelf = SlowShelf()
    async with saver_of(url, shelf, tmp_path) as saver:
        with pytest.raises(Transient, match="could not be read; it is fetched again"):
            await saver.save_all([url])
    assert shelf.most == 0
    assert not list(tmp_path.iterdir())
