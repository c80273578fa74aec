"""One call to WaveSpeed at a time, against its stand-in: nothing is repeated."""

import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from prompt_queue.dispatch.payload import build_body
from prompt_queue.dispatch.replies import CallRefused, Prediction, Stage
from prompt_queue.dispatch.wavespeed import WaveSpeedClient
from prompt_queue.guards.egress import fetch_picture, guarded_session, provider_session
from prompt_queue.guards.images import inspect_picture, thumbnail
from prompt_queue.guards.urls import parse_picture_url, read_url
from prompt_queue.jobs.errors import Misconfigured, OutOfCredit, RateLimited, Transient, Unanswered
from prompt_queue.jobs.generation_models import find_picture_model
from prompt_queue.testing import PictureServer, WaveSpeedStandIn
from tests.conftest import until
from tests.guards.test_egress import serving
from tests.photographs import photograph

MODEL = "bytedance/seedream-v4/edit"
Client = WaveSpeedClient


@pytest.fixture
async def client(wavespeed_stand_in: WaveSpeedStandIn) -> AsyncIterator[Client]:
    base = wavespeed_stand_in.base_url
    beside = frozenset({read_url(base).authority})
    async with provider_session(base) as session, guarded_session(beside) as outside:
        yield WaveSpeedClient(session, outside, base, wavespeed_stand_in.api_key)


@pytest.fixture
def photo(picture_server: PictureServer) -> str:
    return picture_server.add("p.jpg", photograph("cat"))


def body(photo: str) -> dict[str, object]:
    model = find_picture_model(MODEL)
    assert model is not None
    return build_body(model, "Make the cat blue.", [], photo, (640, 480))


async def done(client: Client, prediction_id: str) -> Prediction:
    async def over() -> Prediction | None:
        found = await client.result(prediction_id)
        assert found is not None
        return found if found.stage not in {Stage.WAITING, Stage.RUNNING} else None

    found = await until(over)
    assert isinstance(found, Prediction)
    return found


async def test_a_picture_is_bought_and_made(
    client: Client, photo: str, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """One submit, one charge, and a picture that opens."""
    bought = await client.submit(MODEL, body(photo))
    made = await done(client, bought.id)
    assert (made.stage, made.flagged, len(made.outputs)) == (Stage.MADE, False, 1)
    beside = frozenset({read_url(wavespeed_stand_in.base_url).authority})
    async with guarded_session(beside) as session:
        address = parse_picture_url(made.outputs[0], trusted=beside)
        data = await fetch_picture(session, address, "picture")
    facts = inspect_picture(data)
    assert (facts.width, facts.height) == (1024, 767)
    small = inspect_picture(thumbnail(data, 256))
    assert (small.media_type, small.width, small.height) == ("image/jpeg", 256, 192)
    (call,) = wavespeed_stand_in.calls()
    assert (call["charged"], call["cost_usd"], call["task_id"]) == (True, 0.027, bought.id)


async def test_our_own_pictures_are_given_to_the_provider(
    client: Client, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """By its upload, without our key; it can use them then."""
    there = await client.upload(photograph("coffee"), "image/jpeg", "coffee.jpg")
    bought = await client.submit(MODEL, body(there))
    assert (await done(client, bought.id)).stage is Stage.MADE


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nHost: b"},
        {"x y\n": "a"},
        {"Content-Length": "5", "Transfer-Encoding": "chunked"},
    ],
)
async def test_an_upload_that_cannot_be_asked_for_may_be_tried_again(
    headers: dict[str, str],
) -> None:
    """The provider names the headers of it; what no header can be is the provider's fault."""

    async def ticket(request: web.Request) -> web.Response:
        put = {"url": f"http://{request.host}/there", "headers": headers}
        data = {"download_url": "https://files.example.com/1.jpg", "upload": put}
        return web.json_response({"code": 200, "data": data})

    async with serving(ticket) as authority:
        base = f"http://{authority}"
        beside = frozenset({authority})
        async with provider_session(base) as session, guarded_session(beside) as outside:
            sending = WaveSpeedClient(session, outside, base, "key")
            with pytest.raises(CallRefused) as refused:
                await sending.upload(b"picture", "image/jpeg", "a.jpg")
    assert isinstance(refused.value.failure, Transient)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("rate_limit", RateLimited), ("code_in_200", RateLimited), ("credits", OutOfCredit),
     ("unauthorized", Misconfigured)],
)  # fmt: skip
async def test_a_refusal_is_an_answer(
    client: Client, photo: str, wavespeed_stand_in: WaveSpeedStandIn, fault: str,
    kind: type[Exception],
) -> None:  # fmt: skip
    """Nothing was bought."""
    wavespeed_stand_in.script({"fault": fault})
    with pytest.raises(CallRefused) as raised:
        await client.submit(MODEL, body(photo))
    assert (type(raised.value.failure), raised.value.answered) == (kind, True)
    assert [call["charged"] for call in wavespeed_stand_in.calls()] == [False]


@pytest.mark.parametrize(
    ("fault", "charged"),
    [("drop_request", False), ("drop_reply", True), ("status", False), ("status_after", True),
     ("html_after", True)],
)  # fmt: skip
async def test_a_lost_reply_is_unknown_and_found_in_the_history(
    client: Client, photo: str, wavespeed_stand_in: WaveSpeedStandIn, fault: str, charged: bool
) -> None:
    """Whether it was bought shows there, and it is sent once."""
    since = time.time() - 2  # noqa: TID251
    wavespeed_stand_in.script({"fault": fault})
    with pytest.raises(CallRefused) as raised:
        await client.submit(MODEL, body(photo))
    assert (type(raised.value.failure), raised.value.answered) == (Unanswered, False)
    (call,) = wavespeed_stand_in.calls()
    assert call["charged"] is charged
    found = [one.id for one in await client.search(MODEL, since)]
    assert (call["task_id"] in found) is charged


async def test_what_the_account_says(client: Client, photo: str) -> None:
    """Balance, price, the secret of webhooks; a task that nobody knows; a withdrawal."""
    balance = await client.balance()
    assert balance is not None
    assert 0 < balance <= 100
    assert str(await client.price(MODEL, body(photo))) == "0.027"
    assert (await client.webhook_secret() or "").startswith("whsec_")
    assert await client.result("nobody") is None
    assert not await client.withdraw("nobody")
    bought = await client.submit(MODEL, body(photo))
    assert await client.withdraw(bought.id)


async def test_a_server_that_is_not_there_was_sent_nothing(photo: str) -> None:
    """So it may be tried again."""
    base = "http://127.0.0.1:9"
    async with provider_session(base) as session, guarded_session() as outside:
        client = WaveSpeedClient(session, outside, base, "key")
        with pytest.raises(CallRefused) as raised:
            await client.submit(MODEL, body(photo))
    assert raised.value.answered
    assert raised.value.failure.code == "provider_unavailable"


@pytest.mark.parametrize("key", ["", " ", "ü", "a\nb"])
async def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """At the start, not at the first picture."""
    async with provider_session("http://127.0.0.1:9") as session, guarded_session() as outside:
        with pytest.raises(ValueError, match="WAVESPEED_API_KEY"):
            WaveSpeedClient(session, outside, "http://127.0.0.1:9", key)
