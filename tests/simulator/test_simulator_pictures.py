"""How the stand-in gets pictures, and what it says when it cannot."""

import time
from pathlib import Path

import pytest
import skimage
from PIL import Image
from xai_calls import Ask, data_uri, encoded, png

from prompt_queue.testing import PictureServer, StandIn

LIMIT = 10 * 1024 * 1024
NO_PICTURE = "Downloaded response does not contain a valid JPG or PNG image."
PHOTOS = Path(skimage.__file__).parent / "data"


async def test_photographs_are_downloaded_on_every_call(
    ask: Ask, picture_server: PictureServer
) -> None:
    """Two photographs give a prompt about their colours; a second call fetches them again."""
    urls = [
        picture_server.add(name, (PHOTOS / name).read_bytes())
        for name in ("rocket.jpg", "coffee.png")
    ]
    status, first = await ask(*urls)
    _, second = await ask(*urls)
    content = first["choices"][0]["message"]["content"]
    assert status == 200
    assert "rust" in content
    assert "midnight blue" in content
    assert "600 by 400" in content
    assert second["choices"][0]["message"]["content"] == content
    assert sorted(picture_server.hits) == ["coffee.png", "coffee.png", "rocket.jpg", "rocket.jpg"]
    _, swapped = await ask(*reversed(urls))
    assert swapped["choices"][0]["message"]["content"] != content


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")],
)
async def test_inline_pictures_are_read(ask: Ask, kind: str, media_type: str) -> None:
    """Each format is taken as a data URI."""
    status, answer = await ask(data_uri(png((255, 0, 0), kind=kind), media_type))
    assert status == 200
    assert "red" in answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("uri", "code", "text"),
    [
        ("data:image/png;base64,@@@@", "invalid_image", "cannot be decoded"),
        ("data:image/png,rawdata", "invalid_image", "cannot be decoded"),
        ("data:image/png;base64", "invalid_image", "cannot be decoded"),
        (data_uri(b"not a picture"), "invalid_image", "Invalid PNG image."),
        (data_uri(b"no", "image/jpeg"), "invalid_image", "Invalid JPEG image."),
        (data_uri(png((1, 1, 1), (200, 90))[:60]), "invalid_image", "Invalid PNG image."),
        (data_uri(b"GIF89a", "image/gif"), "invalid_image", "Unsupported content-type: image/gif"),
        (data_uri(png((1, 1, 1), (8, 8))), "invalid_image", "too small"),
        (data_uri(bytes(LIMIT + 1)), "invalid_image", "larger than"),
    ],
)
async def test_broken_inline_pictures_are_named(ask: Ask, uri: str, code: str, text: str) -> None:
    """Broken base64, broken pixels, other formats and sizes out of bounds are 400."""
    status, body = await ask(uri)
    assert (status, body["code"]) == (400, code)
    assert text in body["error"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.png", b"<html>no picture</html>"),
        ("moving.png", encoded(Image.new("RGB", (40, 40)), "GIF")),
        ("cut.jpg", encoded(Image.effect_noise((200, 200), 50), "JPEG")[:3_000]),
        ("empty.png", b""),
    ],
)
async def test_a_download_that_is_no_picture_is_412(
    ask: Ask, picture_server: PictureServer, name: str, data: bytes
) -> None:
    """Whatever its name and content type say, unreadable bytes get xAI's own sentence."""
    status, body = await ask(picture_server.add(name, data))
    assert (status, body["error"]) == (412, NO_PICTURE)
    assert body["code"].startswith("The system is not in a state required")


@pytest.mark.parametrize(
    ("status", "phrase"), [(404, "404 Not Found"), (403, "403 Forbidden"), (302, "302 Found")]
)
async def test_the_origins_status_is_passed_on(
    ask: Ask, picture_server: PictureServer, photo: str, status: int, phrase: str
) -> None:
    """A missing, forbidden or moved picture fails with the origin's status; none is followed."""
    url = picture_server.add("gone.png", b"", status=status, headers={"Location": photo})
    got, body = await ask(url)
    assert got == 412
    assert body["error"] == f"Fetching image failed with HTTP status {phrase}"
    assert picture_server.hits == ["gone.png"]


async def test_one_bad_picture_fails_the_call(
    ask: Ask, picture_server: PictureServer, photo: str, xai_stand_in: StandIn
) -> None:
    """A good target does not save a call with a missing reference; nothing is charged."""
    status, _ = await ask(picture_server.url("missing.png"), photo)
    assert status == 412
    (call,) = xai_stand_in.calls()
    assert (call["outcome"], call["charged"], call["image_count"]) == ("error", False, 2)


async def test_an_origin_that_refuses_connections_fails_the_call(ask: Ask) -> None:
    """A picture on a port where nobody listens cannot be fetched."""
    with PictureServer() as closed:
        url = closed.url("cat.png")
    status, body = await ask(url)
    assert (status, body["error"]) == (
        412,
        "Fetching image failed: the host could not be reached.",
    )


async def test_a_slow_origin_is_given_five_seconds(ask: Ask, picture_server: PictureServer) -> None:
    """A picture that has not arrived after five seconds fails the call."""
    url = picture_server.add("slow.png", png((1, 1, 1)), delay_seconds=60)
    began = time.monotonic()
    status, body = await ask(url)
    assert 4.9 < time.monotonic() - began < 8
    assert status == 412
    assert "within 5 seconds" in body["error"]


async def test_ten_mebibytes_are_the_limit(ask: Ask, picture_server: PictureServer) -> None:
    """A picture of just 10 MiB is taken, one byte more is not."""
    picture = png((0, 128, 128), kind="JPEG")
    fits = picture_server.add("fits.jpg", picture.ljust(LIMIT, b"\0"))
    over = picture_server.add("over.jpg", picture.ljust(LIMIT + 1, b"\0"))
    assert (await ask(fits))[0] == 200
    status, body = await ask(over)
    assert status == 400
    assert "larger than 10485760 bytes" in body["error"]


async def test_pixels_beyond_the_limit_are_refused_before_decoding(ask: Ask) -> None:
    """A tiny file that unpacks to 179 million pixels and more is refused by its header."""
    bomb = encoded(Image.new("1", (13_400, 13_400)), optimize=False)
    began = time.monotonic()
    status, body = await ask(data_uri(bomb))
    assert status == 400
    assert "178956970" in body["error"]
    assert time.monotonic() - began < 2


async def test_large_pictures_below_the_limit_are_read(
    ask: Ask, picture_server: PictureServer
) -> None:
    """A picture of 100 million pixels is decoded, where a decoder's own limit would warn."""
    large = encoded(Image.new("1", (10_000, 10_000), 1))
    status, answer = await ask(picture_server.add("large.png", large))
    assert status == 200
    assert "10000 by 10000 square" in answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize("url", ["http://example.com/cat.png", "http://10.0.0.1/cat.png"])
async def test_plain_http_is_for_loopback_only(ask: Ask, url: str) -> None:
    """Plain http to anywhere else is refused with xAI's sentence."""
    status, body = await ask(url)
    assert (status, body["code"]) == (400, "invalid_argument")
    assert body["error"] == "Fetching images over plain http:// is not supported."


async def test_image_tokens_follow_size_and_detail(ask: Ask) -> None:
    """A large picture costs more tokens than a small one, and low detail costs least."""
    counts = []
    for size, detail in (((1_000, 1_000), "high"), ((60, 40), "high"), ((1_000, 1_000), "low")):
        image = {"url": data_uri(png((1, 1, 1), size)), "detail": detail}
        content = [{"type": "image_url", "image_url": image}]
        _, answer = await ask(messages=[{"role": "user", "content": content}])
        counts.append(answer["usage"]["prompt_tokens_details"]["image_tokens"])
    assert counts == [1_792, 512, 256]
