"""Uploads, their links, and the samples."""

import base64
from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.store.database import Database
from tests.api.running import PHOTO, Api, running
from tests.photographs import photograph, plain


async def test_an_upload_comes_back_as_it_was(api: Api) -> None:
    """A photograph is stored under a signed link that serves the same bytes with its type."""
    photo = photograph("coffee")
    # The type that curl and forms claim does not count; the bytes do.
    reply = await api.post(
        "/api/uploads", data=photo, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert reply.status == 201
    assert reply.body["mediaType"] == "image/jpeg"
    assert (reply.body["bytes"], reply.body["width"]) == (len(photo), 600)
    assert reply.body["expiresAt"].endswith("Z")
    fetched = await api.get(reply.body["url"])
    assert (fetched.status, fetched.content) == (200, photo)
    assert fetched.headers["Content-Type"] == "image/jpeg"
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"
    assert fetched.headers["Content-Disposition"] == "inline"
    assert fetched.headers["Cache-Control"].startswith("private")
    head = await api.call("HEAD", reply.body["url"])
    assert (head.status, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(photo))


async def test_an_upload_can_be_queued(api: Api, demo: UUID) -> None:
    """The link of an upload, and of a sample, is good as a target and as a reference."""
    url = (await api.post("/api/uploads", data=plain("red"))).body["url"]
    reply = await api.enqueue(demo, targetUrl=url, refUrls=[f"{api.url}/samples/cat.jpg", PHOTO])
    assert reply.status == 202


async def test_unknown_samples_and_forged_links_cannot_be_queued(api: Api, demo: UUID) -> None:
    """Addresses here that lead to nothing are refused when the job is posted."""
    url = (await api.post("/api/uploads", data=plain("red"))).body["url"]
    bad = [f"{api.url}/samples/dog.jpg", url[:-1] + ("A" if url[-1] != "A" else "B")]
    reply = await api.enqueue(demo, refUrls=bad)
    assert (reply.status, reply.pointers) == (422, ["#/refUrls/0", "#/refUrls/1"])


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "SVG"),
        (b"<html>", 415, "web page"),
        (b"GIF89a" + b"x" * 50, 415, "GIF"),
        (b'{"a": 1}', 415, "JPEG, PNG or WebP"),
        (b"\xff\xd8\xffgarbage", 422, "damaged"),
        (b"", 422, "empty"),
    ],
    ids=lambda value: str(value)[:16],
)
async def test_what_is_no_picture_is_refused(
    api: Api, data: bytes, status: int, words: str
) -> None:
    """The bytes decide, and the sentence says what they are."""
    reply = await api.post("/api/uploads", data=data, headers={"Content-Type": "image/png"})
    assert reply.status == status
    assert words in reply.body["detail"]


async def test_a_form_is_refused_with_the_way_to_do_it(api: Api) -> None:
    """multipart/form-data is told to send the bytes."""
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = await api.post("/api/uploads", data=b"--x--", headers=boundary)
    assert reply.status == 415
    assert "--data-binary" in reply.body["detail"]


async def test_uploads_are_capped(database_url: str, demo: UUID, tmp_path: Path) -> None:
    """More bytes than the limit are 413 and leave nothing behind."""
    async with running(database_url, tmp_path, upload_max_bytes=4096) as api:
        reply = await api.post("/api/uploads", data=photograph("coffee"))
        assert (reply.status, reply.body["code"]) == (413, "body_too_large")
        assert "4,096" in reply.body["detail"]
    assert list(tmp_path.glob("pictures/*")) == []


async def test_forged_links_open_nothing(api: Api) -> None:
    """Any change of the token, and any name that was not signed, is 404."""
    url = (await api.post("/api/uploads", data=plain("blue"))).body["url"]
    base, _, token = url.rpartition("/")
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[40] ^= 1
    flipped = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    for forged in (flipped, token[:-2], "x", "..%2f..%2fetc%2fpasswd", token + "A"):
        reply = await api.get(f"{base}/{forged}")
        assert reply.status == 404, forged
        assert reply.headers["Content-Type"] == "application/problem+json"


async def test_expired_links_are_gone(api: Api, demo: UUID, database: Database) -> None:
    """After its time a link is 410, and no job is accepted with it."""
    url = (await api.post("/api/uploads", data=plain("green"))).body["url"]
    name = api.parts.link_signer.verify(url.rpartition("/")[2]).name
    old = f"{api.url}/files/{api.parts.link_signer.sign(name, 1_700_000_000)}"
    reply = await api.get(old)
    assert (reply.status, reply.body["code"]) == (410, "link_expired")
    refused = await api.enqueue(demo, targetUrl=old)
    assert (refused.status, refused.pointers) == (422, ["#/targetUrl"])
    assert "upload the picture again" in refused.body["detail"]


async def test_a_link_whose_picture_is_gone_is_404(api: Api, tmp_path: Path) -> None:
    """A signed link to a deleted file is 404, not a crash."""
    url = (await api.post("/api/uploads", data=plain("green"))).body["url"]
    for file in (tmp_path / "pictures").iterdir():
        file.unlink()
    assert (await api.get(url)).status == 404


async def test_samples_are_served(api: Api) -> None:
    """The packaged photographs open without a signature, and only they."""
    reply = await api.get("/samples/astronaut.jpg")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "image/jpeg")
    missing = await api.get("/samples/README.md")
    assert missing.status == 404
    assert "astronaut.jpg" in missing.body["detail"]
