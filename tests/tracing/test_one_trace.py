"""A request, its prompt, its picture and its webhook are one trace, in the conventions' words."""

import socket
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from prompt_queue import tracing
from prompt_queue.delivery.webhooks import WebhookSender
from prompt_queue.guards.egress import guarded_session
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.conftest import until
from tests.delivery.receiver import Receiver
from tests.generation.fake_grok import always, completion, fake_grok
from tests.generation.test_grok import ask
from tests.photographs import plain
from tests.tracing.conftest import House, Spans, id_of, parent_of, trace_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
CALLED_BY = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
PAINTER = "bytedance/seedream-v4/edit"
SECRETIVE = "canary"


async def ended(house: House, path: str) -> dict[str, Any]:
    async def final() -> dict[str, Any] | None:
        body = (await house.api.get(path)).body
        words = {"succeeded", "completed", "failed", "cancelled"}
        return dict(body) if body["status"] in words else None

    found = await until(final)
    assert isinstance(found, dict)
    return found


async def queue(house: House, url: str, **fields: Any) -> str:
    body = {"rowId": str(house.row), "targetUrl": url} | fields
    reply = await house.api.post("/api/prompt/queue", json=body, headers=CALLED_BY)
    assert reply.status == 202, reply.content
    return str(reply.body["promptJobId"])


def said(span: ReadableSpan, *names: str) -> list[Any]:
    return [(span.attributes or {}).get(name) for name in names]


def everything_said(span: ReadableSpan) -> str:
    events = [(event.name, dict(event.attributes or {})) for event in span.events]
    return str([span.name, dict(span.attributes or {}), events, span.status.description])


async def test_from_the_request_to_the_webhook(
    house: House,
    spans: Spans,
    receiver: Receiver,
    picture_server: PictureServer,
    xai_stand_in: StandIn,
    wavespeed_stand_in: WaveSpeedStandIn,
) -> None:
    """The caller's trace goes on through both processes and reaches the receiver; who asks for the
    parts finds each under its name, and nothing of what people wrote, showed or keep secret."""
    target = picture_server.add(f"{SECRETIVE}.png", plain("teal"))
    body = {
        "rowId": str(house.row), "targetUrl": target, "useAiPrompt": True,
        "userInstructions": f"Mind the {SECRETIVE}.", "metadata": {"my": SECRETIVE},
        "webhookUrl": receiver.url(f"/{SECRETIVE}?token={SECRETIVE}"),
    }  # fmt: skip
    async with house.working():
        path = f"/api/jobs/create?debug={SECRETIVE}"
        reply = await house.api.post(path, json=body, headers=CALLED_BY)
        assert reply.status == 202, reply.content
        job_id, prompt_id = reply.body["jobId"], reply.body["promptJobId"]
        done = await ended(house, f"/api/jobs/{job_id}")
        assert done["status"] == "succeeded"
        await spans.until("settle webhook_messages", 2)
    server = spans.one("POST /api/jobs/create")
    assert (server.kind, trace_of(server), parent_of(server)) == (SpanKind.SERVER, TRACE, CALLER)
    assert said(server, "url.query", "http.route", "http.response.status_code") == [
        "debug=REDACTED", "/api/jobs/create", 202,
    ]  # fmt: skip
    (send,) = spans.children(server)
    assert (send.name, send.kind) == ("send picture_jobs", SpanKind.PRODUCER)
    assert said(send, "messaging.system", "messaging.operation.type", "messaging.operation.name",
                "messaging.destination.name", "messaging.message.id") == [
        "postgresql", "send", "send", "picture_jobs", job_id,
    ]  # fmt: skip
    attempts = spans.children(send)
    assert {span.name for span in attempts} == {
        "process prompt_generation_jobs", "process picture_jobs", "process webhook_messages",
    }  # fmt: skip
    assert {span.kind for span in attempts} == {SpanKind.CONSUMER}
    prompt = spans.one("process prompt_generation_jobs")
    assert said(prompt, "messaging.operation.type", "messaging.message.id", "prompt_queue.attempt",
                "prompt_queue.outcome") == ["process", prompt_id, 1, "done"]  # fmt: skip
    chat, settle = spans.children(prompt)
    assert (chat.name, chat.kind, settle.name) == (
        "chat grok-4.7", SpanKind.CLIENT, "settle prompt_generation_jobs",
    )  # fmt: skip
    assert said(chat, "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
                "gen_ai.response.model", "gen_ai.response.finish_reasons", "server.address",
                "http.response.status_code", "error.type") == [
        "chat", "x_ai", "grok-4.7", "stand-in:grok-4.7", ("stop",), "127.0.0.1", 200, None,
    ]  # fmt: skip
    (paid,) = await house.api.parts.prompt_store.calls(UUID(prompt_id))
    assert paid["state"] == "answered"
    assert all(number > 0 for number in said(
        chat, "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "server.port"
    ))  # fmt: skip
    assert said(chat, "gen_ai.response.id")[0]
    assert said(settle, "messaging.operation.type", "prompt_queue.applied") == ["settle", True]
    steps = [span for span in attempts if span.name == "process picture_jobs"]
    assert {said(span, "prompt_queue.job.id")[0] for span in steps} == {job_id}
    assert [said(s, "prompt_queue.step")[0] for s in (steps[0], steps[-1])] == [
        "submitting", "saving",
    ]  # fmt: skip
    paint = spans.one(f"generate_content {PAINTER}")
    assert parent_of(paint) == id_of(steps[0])
    assert said(paint, "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
                "http.response.status_code") == [
        "generate_content", "wavespeed", PAINTER, 200,
    ]  # fmt: skip
    looks = spans.named("GET /predictions/{id}/result")
    assert looks
    assert {parent_of(look) for look in looks} <= {id_of(step) for step in steps}
    calls = spans.named("POST")
    assert {heard.headers["traceparent"] for heard in receiver.heard} == {
        f"00-{TRACE}-{id_of(call)}-01" for call in calls
    }
    assert {said(call, "http.response.status_code")[0] for call in calls} == {204}
    ours = [span for span in spans.all() if trace_of(span) == TRACE]
    claims = [span for span in spans.all() if span.name.startswith("claim ")]
    assert {link.context.span_id for span in claims for link in span.links} == {
        int(id_of(send), 16)
    }
    assert {trace_of(span) for span in claims}.isdisjoint({TRACE})
    secret = (
        SECRETIVE, done["prompt"], xai_stand_in.api_key, wavespeed_stand_in.api_key,
        receiver.heard[0].headers["webhook-signature"], "Bearer",
    )  # fmt: skip
    assert len(ours) > 10
    for span in spans.all():
        assert not [word for word in secret if word in everything_said(span)], span.name


async def test_a_retry_stays_in_the_trace_and_says_what_failed(
    house: House, spans: Spans, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Each attempt is a span of its own, with its number and the class of its failure."""
    xai_stand_in.script({"fault": "status", "status": 503})
    job_id = await queue(house, picture_server.add("t.png", plain("teal")), minQuality="model")
    async with house.working():
        assert (await ended(house, f"/api/prompt/queue/{job_id}"))["status"] == "completed"
        first, second = await spans.until("process prompt_generation_jobs", 2)
    send = spans.one("send prompt_generation_jobs")
    assert {parent_of(first), parent_of(second)} == {id_of(send)}
    names = ("prompt_queue.attempt", "prompt_queue.outcome", "error.type")
    assert said(first, *names) == [1, "retry", "provider_unavailable"]
    assert said(second, *names) == [2, "done", None]
    (failed,) = [span for span in spans.children(first) if span.name.startswith("chat ")]
    assert said(failed, "error.type", "http.response.status_code") == ["provider_unavailable", 503]
    codes = [span.status.status_code for span in (failed, first, second)]
    assert codes == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]


async def test_a_receiver_that_refuses_is_an_error_of_the_call(
    house: House, spans: Spans, picture_server: PictureServer, receiver: Receiver
) -> None:
    """By its status; the attempt has the same class."""
    receiver.answer = lambda _: web.Response(status=500)
    url = picture_server.add("t.png", plain("teal"))
    async with house.working():
        await queue(house, url, webhook={"url": receiver.url()})
        (attempt, *_) = await spans.until("process webhook_messages")
    call = spans.children(attempt)[0]
    assert said(call, "error.type", "http.response.status_code") == ["500", 500]
    assert said(attempt, "error.type", "prompt_queue.outcome") == ["500", "retry"]


async def test_a_receiver_that_is_not_there_has_no_answer(spans: Spans) -> None:
    """The address is not in the span, save for host and port."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        there = f"127.0.0.1:{closed.getsockname()[1]}"
        async with guarded_session(frozenset({there})) as session:
            url = f"http://{there}/{SECRETIVE}?key={SECRETIVE}"
            await WebhookSender(session, 5.0).send(url, {}, b"{}")
    call = spans.one("POST")
    assert said(call, "error.type", "http.response.status_code") == ["no_answer", None]
    assert SECRETIVE not in everything_said(call)


async def test_no_provider_is_told_of_our_traces(spans: Spans) -> None:
    """What nobody there asked for does not leave with a paid call."""
    async with fake_grok(always(completion)) as grok:
        with tracing.span("around"):
            await ask(grok.base)
    assert spans.children(spans.one("around")) == [spans.one("chat grok-4.7")]
    assert not {"traceparent", "tracestate"} & {name.lower() for name in grok.headers[0]}


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_what_the_caller_does_not_sample_is_not_recorded(
    house: House, spans: Spans, picture_server: PictureServer, flags: str
) -> None:
    """His decision reaches the worker by the row."""
    body = {"rowId": str(house.row), "targetUrl": picture_server.add("t.png", plain("teal"))}
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-{flags}"}
    reply = await house.api.post("/api/prompt/queue", json=body, headers=headers)
    async with house.working():
        await ended(house, f"/api/prompt/queue/{reply.body['promptJobId']}")
        await spans.until("claim prompt_generation_jobs")
    assert [trace_of(span) == TRACE for span in spans.named("process prompt_generation_jobs")] == (
        [True] if flags == "01" else []
    )


async def test_a_row_by_plain_sql_begins_a_trace(
    house: House, spans: Spans, picture_server: PictureServer
) -> None:
    """The claim finds no context, and the attempt is the first span of a trace of its own."""
    job_id = uuid4()
    async with house.database.transaction() as transaction:
        await transaction.row(
            "enqueue", house.row, picture_server.add("t.png", plain("teal")), [], 5, None, 3,
            job_id, {},
        )  # fmt: skip
    async with house.working():
        await ended(house, f"/api/prompt/queue/{job_id}")
        (attempt,) = await spans.until("process prompt_generation_jobs")
    assert attempt.parent is None
    assert {span.name for span in spans.children(attempt)} >= {"settle prompt_generation_jobs"}


async def test_paths_that_open_what_they_name_leave_no_span(house: House, spans: Spans) -> None:
    """Nor does what machines ask every few seconds; every other request does."""
    for path in ("/files/signed", "/api/webhooks/wavespeed/signed", "/metrics", "/api/health"):
        await house.api.get(path)
    await house.api.get("/api/prompt/queue?wait=1")
    request = spans.one("GET /api/prompt/queue")
    assert [span for span in spans.all() if span.kind is SpanKind.SERVER] == [request]
    assert said(request, "url.query") == ["wait=REDACTED"]


async def test_a_repeated_request_leaves_the_first_trace_in_the_row(
    house: House, spans: Spans
) -> None:
    """With one key there is one job, and it belongs to the request that made it."""
    body = {"rowId": str(house.row), "targetUrl": "https://images.example.com/p.jpg"}
    for trace in (TRACE, "f" * 32):
        headers = {"traceparent": f"00-{trace}-{CALLER}-01", "Idempotency-Key": "one"}
        assert (await house.api.post("/api/prompt/queue", json=body, headers=headers)).status == 202
    (claim,) = await house.api.parts.prompt_store.claim(1, "tester", 30)
    first, _ = spans.named("send prompt_generation_jobs")
    assert claim.trace_context == f"00-{TRACE}-{id_of(first)}-01"
    assert tracing.traceparent() is None
