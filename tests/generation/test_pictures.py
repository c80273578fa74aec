"""From the address that a user gave to what Grok gets."""

import base64
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from PIL import Image

from prompt_queue.generation.pictures import PictureSource
from prompt_queue.guards.egress import guarded_session
from prompt_queue.guards.recognition import Recognition
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.urls import PictureUrl
from prompt_queue.jobs.errors import BadInput
from prompt_queue.storage.local import LocalPictures
from prompt_queue.storage.samples import read_sample

OWN = "http://127.0.0.1:9"
SIGNER = LinkSigner(b"s" * 32)
USER = UUID("0b0e7bd5-3a3c-4f1e-8a55-6c1f1b4cf0aa")


def png(colour: str = "red", size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@asynccontextmanager
async def source(folder: Path, *trusted: str, **more: Any) -> AsyncIterator[PictureSource]:
    hosts = frozenset(trusted)
    async with guarded_session(hosts) as session:
        yield PictureSource(session, LocalPictures(folder), Recognition(SIGNER, OWN, hosts), **more)


async def resolved(pictures: PictureSource, url: str, role: str) -> str:
    """What Grok is sent in `pass` mode."""
    picture = await pictures.fetch(url, role, USER)
    return picture.public_url or await pictures.inline(picture)


def inline(uri: str) -> Image.Image:
    kind, _, data = uri.partition(";base64,")
    assert kind == "data:image/jpeg"
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


async def test_our_own_picture_needs_no_http(tmp_path: Path) -> None:
    """No server listens at the link's address: the bytes come from storage."""
    name = LocalPictures(tmp_path).save(png("blue"), "image/png")
    async with source(tmp_path) as pictures:
        uri = await resolved(pictures, f"{OWN}/files/{SIGNER.sign(name, 0)}", "target picture")
    red, green, blue = inline(uri).getpixel((9, 9))
    assert blue > 200
    assert max(red, green) < 60


async def test_a_sample_needs_no_http(tmp_path: Path) -> None:
    """The packaged photograph itself is sent."""
    async with source(tmp_path) as pictures:
        uri = await resolved(pictures, f"{OWN}/samples/cat.jpg", "target picture")
    assert inline(uri).size == Image.open(io.BytesIO(read_sample("cat.jpg"))).size


async def test_a_public_address_is_passed_on_in_its_canonical_spelling(tmp_path: Path) -> None:
    """Fetched by us first: what we looked at is what we tell of."""
    asked: list[str] = []

    async def download(_session: object, url: PictureUrl, _role: str) -> bytes:
        asked.append(url.text)
        return png("red", (640, 480))

    async with source(tmp_path, download=download) as pictures:
        picture = await pictures.fetch("HTTPS://Example.COM:443/a.jpg?b=c", "target picture", USER)
        assert (picture.facts.width, picture.facts.height) == (640, 480)
        assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
        again = await pictures.fetch(
            "HTTPS://Example.COM:443/a.jpg?b=c", "reference picture 1", USER
        )
        assert (again.data, again.role) == (picture.data, "reference picture 1")
        look = await pictures.look_back("HTTPS://Example.COM:443/a.jpg?b=c")
        assert (look.width, look.height, look.colours) == (640, 480, ("red",))
        assert await pictures.look_back("https://example.com/never-fetched.jpg") is None
        assert asked == ["https://example.com/a.jpg?b=c"]
        url = await resolved(pictures, "HTTPS://Example.COM:443/a.jpg?b=c", "target picture")
    assert url == "https://example.com/a.jpg?b=c"


async def test_a_picture_of_a_trusted_server_is_fetched_and_sent_inline(tmp_path: Path) -> None:
    """The provider could never reach a private server."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=png("lime"), content_type="text/html")

    app = web.Application()
    app.router.add_get("/a.png", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    authority = "{}:{}".format(*runner.addresses[0][:2])
    try:
        async with source(tmp_path, authority) as pictures:
            uri = await resolved(pictures, f"http://{authority}/a.png", "target picture")
            assert inline(uri).getpixel((9, 9))[1] > 200
            with pytest.raises(BadInput, match=r"reference picture 3 could not .* answered 404"):
                await resolved(pictures, f"http://{authority}/b.png", "reference picture 3")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:5432/", "private network"),
        ("http://example.com/a.jpg", "https://"),
        ("nonsense", "full URL"),
        (f"{OWN}/files/forged", "incomplete"),
        (f"{OWN}/samples/dog.jpg", "no sample photograph"),
        (f"{OWN}/files/{SIGNER.sign('0' * 64 + '.png', 0)}", "No picture of that name"),
    ],
)
async def test_anything_else_fails_with_a_sentence_that_names_the_picture(
    tmp_path: Path, url: str, words: str
) -> None:
    """The user learns which picture it is and why."""
    async with source(tmp_path) as pictures:
        with pytest.raises(BadInput, match=words) as raised:
            await resolved(pictures, url, "reference picture 2")
    assert str(raised.value).startswith("The reference picture 2 cannot be used. ")


async def test_a_stored_picture_that_is_damaged_fails_with_a_sentence(tmp_path: Path) -> None:
    """A file that no longer decodes is the picture's fault, not a bug."""
    name = LocalPictures(tmp_path).save(png()[:60], "image/png")
    async with source(tmp_path) as pictures:
        with pytest.raises(BadInput, match="damaged"):
            await resolved(pictures, f"{OWN}/files/{SIGNER.sign(name, 0)}", "target picture")
