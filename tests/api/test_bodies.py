"""Bodies that never become a request."""

import io
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.api.running import PHOTO, QUEUE, Api

JSON = {"Content-Type": "application/json"}


async def test_a_two_megabyte_body_is_refused(api: Api, demo: UUID) -> None:
    """More than 1 MB of JSON is 413, and the connection is still good enough to say so."""
    body = f'{{"rowId": "{demo}", "padding": "{"x" * 2_000_000}"}}'
    reply = await api.post(QUEUE, data=io.BytesIO(body.encode()), headers=JSON)
    assert (reply.status, reply.body["code"]) == (413, "body_too_large")
    assert "1,048,576 bytes" in reply.body["detail"]


async def test_a_body_of_unknown_length_is_measured_on_arrival(api: Api) -> None:
    """A chunked body without Content-Length is cut off at the same size."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield b" " * 65_536

    reply = await api.post(QUEUE, data=chunks(), headers=JSON)
    assert (reply.status, reply.body["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
async def test_another_content_type_is_refused(api: Api, demo: UUID, content_type: str) -> None:
    """What a form of another site could send is not read, even when it is JSON inside."""
    body = f'{{"rowId": "{demo}", "targetUrl": "{PHOTO}"}}'.encode()
    reply = await api.post(QUEUE, data=body, headers={"Content-Type": content_type})
    assert (reply.status, reply.body["code"]) == (415, "unsupported_media_type")
    assert "application/json" in reply.body["detail"]
    assert (await api.get(QUEUE)).body["totalQueued"] == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"{", "line 1, column"),
        (b"{'rowId': 1}", "line 1"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"priority": 1, "priority": 9}', "twice"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
        (b"[" * 200_000, "deeper than 32"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not usable"),
    ],
    ids=lambda value: str(value[:24]),
)
async def test_broken_json_is_refused(api: Api, body: bytes, words: str) -> None:
    """What is not JSON, or not one meaning, is 400 and says where."""
    reply = await api.post(QUEUE, data=body, headers=JSON)
    assert (reply.status, reply.body["code"]) == (400, "malformed_json")
    assert words in reply.body["detail"]


async def test_depth_is_counted_up_to_the_limit(api: Api) -> None:
    """32 levels are read (and then refused for what they say), 33 are not."""
    reply = await api.post(QUEUE, data=b'{"a":' * 32 + b"1" + b"}" * 32, headers=JSON)
    assert (reply.status, reply.body["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"7"])
async def test_a_body_must_be_an_object(api: Api, body: bytes) -> None:
    """Other JSON values are 422, not a crash."""
    reply = await api.post(QUEUE, data=body, headers=JSON)
    assert (reply.status, reply.pointers) == (422, ["#"])


async def test_many_errors_are_cut_short(api: Api, demo: UUID) -> None:
    """A hostile body with thousands of errors gets the first twenty."""
    reply = await api.enqueue(demo, **{f"field{n}": 1 for n in range(4000)})
    assert reply.status == 422
    assert len(reply.body["errors"]) == 20
    assert len(reply.content) < 20_000


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b",".join(b'"k%d":1' % n for n in range(70_000)) + b"}",
        b'{"refUrls":[' + b"1," * 400_000 + b"1]}",
    ],
    ids=["fields", "list"],
)
async def test_a_body_of_very_many_values_is_refused_as_one(
    api: Api, demo: UUID, body: bytes
) -> None:
    """A megabyte of small mistakes is not looked at one by one while everybody waits."""
    reply = await api.post(QUEUE, data=body, headers=JSON)
    assert reply.status == 422
    assert "5,000 values" in reply.body["detail"]


async def test_a_very_long_field_name_is_not_compared_whole(api: Api, demo: UUID) -> None:
    """The answer names its start."""
    reply = await api.post(QUEUE, json={"a" * 900_000: 1})
    assert reply.status == 422
    assert len(reply.content) < 5000
