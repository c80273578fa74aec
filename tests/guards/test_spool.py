"""A large picture on its way into a file: whole or not at all, and never in the way."""

import asyncio
import hashlib
import io
import os
import resource
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from prompt_queue.guards.egress import guarded_session
from prompt_queue.guards.spool import SpooledPicture, spooled_picture
from prompt_queue.guards.urls import parse_picture_url
from prompt_queue.jobs.errors import BadInput, Transient
from tests.conftest import until_true
from tests.guards.test_egress import Handler, serving

PIECE = b"x" * 65536


@asynccontextmanager
async def spooled(
    handler: Handler, folder: Path, max_bytes: int = 4 * 1024 * 1024, seconds: float = 60.0
) -> AsyncIterator[SpooledPicture]:
    """What a trusted server with this handler sends, in a file of the folder."""
    async with serving(handler) as authority:
        trusted = frozenset({authority})
        url = parse_picture_url(f"http://{authority}/a.jpg", trusted=trusted)
        async with (
            guarded_session(trusted) as session,
            spooled_picture(
                session, url, "picture that was made", folder, max_bytes=max_bytes, seconds=seconds
            ) as picture,
        ):
            yield picture


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The temporary files that were opened."""
    files: list[Any] = []
    really = tempfile.TemporaryFile

    def noted(**options: Any) -> Any:
        files.append(really(**options))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    return files


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_picture_comes_into_a_file_without_a_name(tmp_path: Path) -> None:
    """Whole, with its size and hash, for this user alone; the folder is made where it is not."""
    body = os.urandom(3_000_001)
    folder = tmp_path / "a" / "b"

    async def whole(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with spooled(whole, folder, max_bytes=len(body)) as picture:
        picture.file.seek(0)
        assert picture.file.read() == body
        assert (picture.size, picture.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        state = os.fstat(picture.file.fileno())
        assert (stat.S_IMODE(state.st_mode), state.st_nlink) == (0o600, 0)
        assert is_empty(folder)
    assert picture.file.closed


async def test_an_endless_picture_ends_at_the_limit(tmp_path: Path, opened: list[Any]) -> None:
    """Without an announced length, too; nothing of it stays."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PIECE)

    with pytest.raises(BadInput, match="larger than 2 MiB"):
        async with spooled(endless, tmp_path, max_bytes=2 * 1024 * 1024):
            pass
    assert is_empty(tmp_path)
    assert [file.closed for file in opened] == [True]


async def test_an_announced_size_over_the_limit_is_not_even_begun(tmp_path: Path) -> None:
    """The limit of the streamed way is that of the other one."""

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=PIECE)

    with pytest.raises(BadInput, match="larger than"):
        async with spooled(large, tmp_path, max_bytes=len(PIECE) - 1):
            pass


async def test_a_broken_connection_leaves_no_file_behind(tmp_path: Path, opened: list[Any]) -> None:
    """Half a picture is nothing, and is fetched again."""

    async def breaks(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "3000000"})
        await response.prepare(request)
        for _ in range(30):
            await response.write(PIECE)
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(Transient, match="connection broke"):
        async with spooled(breaks, tmp_path):
            pass
    assert is_empty(tmp_path)
    assert [file.closed for file in opened] == [True]


async def test_a_slow_picture_leaves_no_file_behind(tmp_path: Path, opened: list[Any]) -> None:
    """The time limit is that of the other way."""

    async def stalls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(PIECE)
        await asyncio.sleep(60)
        return response

    with pytest.raises(Transient, match=r"longer than 0\.3 seconds"):
        async with spooled(stalls, tmp_path, seconds=0.3):
            pass
    assert is_empty(tmp_path)
    assert [file.closed for file in opened] == [True]


async def test_a_redirect_inside_is_not_followed(tmp_path: Path) -> None:
    """The guard of the streamed way is that of the other one."""

    async def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    with pytest.raises(BadInput, match="redirected to an address that is not allowed"):
        async with spooled(away, tmp_path):
            pass


async def test_a_full_disk_is_not_called_a_broken_connection(
    tmp_path: Path, opened: list[Any]
) -> None:
    """It has a sentence of its own, and passes."""

    async def whole(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 3_000_000)

    with room_for(2_000_000), pytest.raises(Transient, match="no room for the picture"):
        async with spooled(whole, tmp_path):
            pass
    assert is_empty(tmp_path)
    assert [file.closed for file in opened] == [True]


async def test_a_folder_that_cannot_be_made_is_no_room(tmp_path: Path) -> None:
    """Nothing is asked of the server then."""
    asked = []

    async def noted(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=PIECE)

    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Transient, match="no room for the picture"):
        async with spooled(noted, tmp_path / "taken"):
            pass
    assert asked == []


async def test_a_slow_disk_does_not_stop_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it writes, everything else goes on: here, what the disk waits for."""
    writing, go_on = threading.Event(), threading.Event()

    class SlowDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            writing.set()
            assert go_on.wait(30), "the loop stands still"
            return super().write(data)

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: SlowDisk())

    async def whole(request: web.Request) -> web.Response:
        return web.Response(body=PIECE)

    async def release() -> None:
        await until_true(writing.is_set)
        go_on.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(release())
        async with spooled(whole, tmp_path) as picture:
            assert picture.size == len(PIECE)
