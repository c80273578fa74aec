"""The flow from a claimed job to its prompt."""

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from prompt_queue.generation.generator import Generator
from prompt_queue.generation.grok import GrokClient
from prompt_queue.generation.listing import ModelChain
from prompt_queue.generation.pictures import ImageMode, PictureSource
from prompt_queue.generation.timeouts import CallTimeouts
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.recognition import Recognition
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.urls import PictureUrl
from prompt_queue.jobs.errors import (
    BadInput,
    LeaseLost,
    Misconfigured,
    OurBug,
    OutcomeUnknown,
    OutOfCredit,
    PictureUnfetched,
    PromptFailure,
    RateLimited,
    Refused,
    Transient,
    Unanswered,
)
from prompt_queue.jobs.job import Claim
from prompt_queue.jobs.outcome import CallEnd, Intent
from prompt_queue.jobs.pictures import SeenPicture
from prompt_queue.storage.local import LocalPictures
from prompt_queue.storage.samples import read_sample
from tests.conftest import until_true
from tests.generation.fake_grok import (
    KEY,
    PROMPT,
    FakeGrok,
    Script,
    always,
    completion,
    failing,
    fake_grok,
    hang,
)

OWN = "http://127.0.0.1:9"
PUBLIC = "https://example.com/t.jpg"
MODELS = ("grok-4.7", "grok-4.6", "grok-4.3")


class Book:
    """A ledger in memory that notes the order of things."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ends: list[CallEnd] = []
        self.calls: list[UUID] = []
        self.refuses: Exception | None = None
        self.breaks = False
        self.slow = 0.0
        self.pictures: list[SeenPicture] = []
        self.tokens: list[int] = []
        self.usd: list[Decimal | None] = []
        self.send_in = 0.0
        self.refused = False

    async def intend(
        self,
        claim: Claim,
        model: str,
        pictures: Sequence[SeenPicture],
        tokens: int,
        usd: Decimal | None,
    ) -> Intent:
        if self.refuses:
            raise self.refuses
        self.usd.append(usd)
        self.lines.append(f"intend {model}")
        self.pictures = list(pictures)
        self.tokens.append(tokens)
        self.calls.append(uuid4())
        return Intent(self.calls[-1], send_in=self.send_in)

    def refused_since(self, _intent: Intent, _model: str) -> bool:
        return self.refused

    async def record(self, end: CallEnd) -> None:
        await asyncio.sleep(self.slow)
        if self.breaks:
            raise RuntimeError("the database is gone")
        self.lines.append(f"record {end.error_code or 'ok'}")
        self.ends.append(end)


def claim(retry_count: int = 0, target: str = PUBLIC, refs: Sequence[str] = ()) -> Claim:
    return Claim(
        job_id=uuid4(),
        user_id=uuid4(),
        ref_urls=tuple(refs),
        target_url=target,
        priority=5,
        retry_count=retry_count,
        max_retries=3,
        lease_token=uuid4(),
    )


@asynccontextmanager
async def generating(
    script: Script,
    folder: Path,
    seconds: float = 5.0,
    models: Sequence[str] = MODELS,
    image_mode: ImageMode = "auto",
) -> AsyncIterator[tuple[Generator, FakeGrok]]:
    async with (
        fake_grok(script) as grok,
        provider_session(grok.base) as session,
        guarded_session() as guarded,
    ):
        client = GrokClient(session, grok.base, KEY, "low", CallTimeouts(seconds, seconds))
        known = Recognition(LinkSigner(b"s" * 32), OWN)
        pictures = PictureSource(guarded, LocalPictures(folder), known, download=download)
        yield Generator(client, pictures, ModelChain(models), image_mode), grok


async def download(_session: object, _url: PictureUrl, _role: str) -> bytes:
    """Every public address leads to the same photograph."""
    return read_sample("cat.jpg")


def addresses(grok: FakeGrok, call: int = 0) -> list[str]:
    """How the pictures of a request were sent: by their address, or inline."""
    parts = grok.requests[call]["messages"][1]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [url.partition("/jpeg;base64,")[0] for url in urls]


async def test_pictures_become_a_prompt(tmp_path: Path) -> None:
    """The prompt is Grok's, stamped with the model that answered, and one call is in the book."""
    book = Book()
    async with generating(always(lambda: completion(model="grok-4.7-x")), tmp_path) as (
        maker,
        grok,
    ):
        job = claim(refs=[f"{OWN}/samples/cat.jpg", "https://example.com/r.jpg"])
        prompt = await maker.generate(job, book)
    assert (prompt.text, prompt.model, prompt.source) == (PROMPT, "grok-4.7-x", "model")
    urls = [part["image_url"]["url"] for part in grok.requests[0]["messages"][1]["content"]
            if part["type"] == "image_url"]  # fmt: skip
    assert urls[0].startswith("data:image/jpeg;base64,")
    assert urls[1:] == ["https://example.com/r.jpg", "https://example.com/t.jpg"]
    end = book.ends[0]
    assert (end.call_id, end.answered, end.http_status, end.model) == (
        book.calls[0], True, 200, "grok-4.7-x"
    )  # fmt: skip
    assert end.usage.prompt_tokens == 100


async def test_the_intent_is_in_the_book_before_the_request_arrives(tmp_path: Path) -> None:
    """The server itself looks at the book when the first byte comes in."""
    book = Book()
    async with generating(always(completion), tmp_path) as (maker, grok):
        grok.on_request = lambda: book.lines.append("request")
        await maker.generate(claim(), book)
    assert book.lines == ["intend grok-4.7", "request", "record ok"]


@pytest.mark.parametrize("refusal", [LeaseLost(), OutcomeUnknown()])
async def test_without_an_intent_nothing_is_sent(tmp_path: Path, refusal: Exception) -> None:
    """A lost lease and the bound on open calls stop the job before it costs anything."""
    book = Book()
    book.refuses = refusal
    async with generating(always(completion), tmp_path) as (maker, grok):
        with pytest.raises(type(refusal)):
            await maker.generate(claim(), book)
        assert grok.requests == []


async def test_a_bad_picture_costs_nothing(tmp_path: Path) -> None:
    """No intent and no request are made for pictures that cannot work."""
    book = Book()
    async with generating(always(completion), tmp_path) as (maker, grok):
        with pytest.raises(BadInput, match="reference picture 2"):
            await maker.generate(claim(refs=["https://a.example.com/", "http://127.0.0.1/"]), book)
        assert (grok.requests, book.lines) == ([], [])


UNFETCHED = "Fetching images over plain http:// is not supported."


@pytest.mark.parametrize(
    ("mode", "sent"),
    [("pass", ["data:image", PUBLIC]), ("inline", ["data:image", "data:image"]),
     ("auto", ["data:image", PUBLIC])],
)  # fmt: skip
async def test_the_mode_decides_what_is_sent_of_a_public_picture(
    tmp_path: Path, mode: ImageMode, sent: list[str]
) -> None:
    """Our own go inline always; each was looked at, and the book knows what was seen."""
    book = Book()
    async with generating(always(completion), tmp_path, image_mode=mode) as (maker, grok):
        await maker.generate(claim(refs=[f"{OWN}/samples/cat.jpg"]), book)
        assert addresses(grok) == sent
    digest = hashlib.sha256(read_sample("cat.jpg")).hexdigest()
    assert [(seen.place, seen.sha256, seen.media_type) for seen in book.pictures] == [
        (0, digest, "image/jpeg"), (1, digest, "image/jpeg"),
    ]  # fmt: skip


async def test_what_grok_cannot_fetch_is_sent_inline_once(tmp_path: Path) -> None:
    """A second call of its own in the book, and no third one."""
    book = Book()
    script = always(lambda: failing(400, UNFETCHED), completion)
    async with generating(script, tmp_path) as (maker, grok):
        await maker.generate(claim(), book)
        assert [addresses(grok, 0), addresses(grok, 1)] == [[PUBLIC], ["data:image"]]
    assert book.lines == [
        "intend grok-4.7", "record picture_unfetched", "intend grok-4.7", "record ok",
    ]  # fmt: skip
    async with generating(always(lambda: failing(400, UNFETCHED)), tmp_path) as (maker, grok):
        with pytest.raises(PictureUnfetched, match="could not fetch"):
            await maker.generate(claim(), Book())
        assert len(grok.requests) == 2


@pytest.mark.parametrize(("mode", "target"), [("pass", PUBLIC), ("auto", f"{OWN}/samples/cat.jpg")])
async def test_inline_is_no_second_try_where_it_changes_nothing(
    tmp_path: Path, mode: ImageMode, target: str
) -> None:
    """In `pass` mode it is forbidden; a picture of our own went inline before."""
    script = always(lambda: failing(400, UNFETCHED))
    async with generating(script, tmp_path, image_mode=mode) as (maker, grok):
        with pytest.raises(PictureUnfetched):
            await maker.generate(claim(target=target), Book())
        assert len(grok.requests) == 1


async def test_the_last_resort_tells_what_was_seen(tmp_path: Path) -> None:
    """Before a look at the pictures the template is about any; afterwards about these."""
    async with generating(always(lambda: failing(500)), tmp_path) as (maker, _):
        job = claim()
        before = await maker.last_resort(job)
        with pytest.raises(Transient):
            await maker.generate(job, Book())
        after = await maker.last_resort(job)
    assert before.text != after.text
    assert re.search(r"Keep its \w+ format of \d+ by \d+ pixels\.$", after.text)


async def test_a_missing_model_leads_to_the_next_one(tmp_path: Path) -> None:
    """Each model has its own line in the book."""
    book = Book()
    script = always(lambda: failing(404, "The model does not exist"), completion)
    async with generating(script, tmp_path) as (maker, grok):
        await maker.generate(claim(), book)
        assert grok.models == ["grok-4.7", "grok-4.6"]
    assert book.lines == [
        "intend grok-4.7", "record model_unusable", "intend grok-4.6", "record ok"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (lambda: failing(500), Transient),
        (lambda: completion("Here is your prompt: make the jacket red."), Transient),
        (lambda: completion(None), Transient),
        (lambda: completion(finish_reason="length"), Transient),
        (lambda: failing(400, "Incorrect API key provided"), Misconfigured),
    ],
)
async def test_before_the_last_attempt_a_fault_is_left_to_the_retry(
    tmp_path: Path, reply: Any, expected: type[PromptFailure]
) -> None:
    """One attempt is one call: the queue waits before it asks again."""
    book = Book()
    async with generating(always(reply), tmp_path) as (maker, grok):
        with pytest.raises(expected) as raised:
            await maker.generate(claim(retry_count=2), book)
        assert grok.models == ["grok-4.7"]
    assert type(raised.value) is expected
    assert [end.answered for end in book.ends] == [True]


@pytest.mark.parametrize(
    "reply", [lambda: failing(500), lambda: completion("Sure! Make the jacket very red now.")]
)
async def test_on_the_last_attempt_a_passing_fault_leads_to_the_next_model(
    tmp_path: Path, reply: Any
) -> None:
    """Before the job fails, every model was asked."""
    async with generating(always(reply, reply, completion), tmp_path) as (maker, grok):
        prompt = await maker.generate(claim(retry_count=3), Book())
        assert grok.models == list(MODELS)
    assert prompt.text == PROMPT


async def test_when_every_model_fails_the_last_failure_counts(tmp_path: Path) -> None:
    """The end of the chain is an ordinary failure."""
    async with generating(always(lambda: failing(503)), tmp_path) as (maker, grok):
        with pytest.raises(Transient):
            await maker.generate(claim(retry_count=3), Book())
        assert len(grok.requests) == 3


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (lambda: failing(403, "Content violates usage guidelines"), Refused),
        (lambda: completion("I'm sorry, but I can't help with that."), Refused),
        (lambda: completion(finish_reason="content_filter"), Refused),
        (lambda: failing(429, "Too many requests"), RateLimited),
        (lambda: failing(403, "used all available credits"), OutOfCredit),
        (lambda: failing(412), BadInput),
    ],
)
async def test_no_other_model_is_asked_where_it_must_not_help(
    tmp_path: Path, reply: Any, expected: type[PromptFailure]
) -> None:
    """Refusals, limits, credit and bad pictures end the attempt, also the last one."""
    book = Book()
    async with generating(always(reply), tmp_path) as (maker, grok):
        with pytest.raises(expected):
            await maker.generate(claim(retry_count=3), book)
        assert len(grok.requests) == 1
    assert [end.error_code for end in book.ends] == [expected.code]


async def test_a_call_without_an_answer_is_not_repeated_at_once(tmp_path: Path) -> None:
    """It may have been charged, so not even the last attempt asks another model."""
    book = Book()
    async with generating(hang, tmp_path, seconds=0.3) as (maker, grok):
        with pytest.raises(Unanswered):
            await maker.generate(claim(retry_count=3), book)
        assert len(grok.requests) == 1
    assert [(end.answered, end.error_code) for end in book.ends] == [(False, "provider_timeout")]


async def test_a_worthless_answer_is_booked_with_its_cost(tmp_path: Path) -> None:
    """What was paid for nothing is visible."""
    book = Book()
    async with generating(always(lambda: completion("No.")), tmp_path) as (maker, _):
        with pytest.raises(Transient):
            await maker.generate(claim(), book)
    assert book.ends[0].usage.completion_tokens == 50
    assert book.ends[0].error_code == "provider_unavailable"


async def test_cancellation_closes_the_call_and_books_it_as_open(tmp_path: Path) -> None:
    """A shutdown leaves no connection and no intent without an end."""
    book = Book()
    book.slow = 0.05
    async with generating(hang, tmp_path) as (maker, grok):
        task = asyncio.create_task(maker.generate(claim(), book))
        async with asyncio.timeout(5):
            await until_true(lambda: grok.requests)
            task.cancel()
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(book.ends) == 1
            await grok.gone.wait()
    assert [(end.answered, end.call_id) for end in book.ends] == [(False, book.calls[0])]


async def test_a_broken_ledger_does_not_take_a_paid_answer_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The prompt is returned and the operator is told."""
    book = Book()
    book.breaks = True
    async with generating(always(completion), tmp_path) as (maker, _):
        with caplog.at_level(logging.ERROR):
            prompt = await maker.generate(claim(), book)
    assert prompt.text == PROMPT
    assert "could not be recorded" in caplog.text


async def test_a_bug_of_ours_is_called_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The user gets a sentence, the log the traceback, and neither gets the key."""
    book = Book()
    book.refuses = KeyError("surprise")
    async with generating(always(completion), tmp_path) as (maker, _):
        with caplog.at_level(logging.ERROR), pytest.raises(OurBug) as raised:
            await maker.generate(claim(), book)
    assert "surprise" not in str(raised.value)
    assert "surprise" in caplog.text
    assert KEY not in caplog.text


async def test_another_model_than_asked_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A redirect at the provider changes the price; the stand-in says what it is by itself."""
    replies = always(
        lambda: completion(model="grok-4.3"), lambda: completion(model="stand-in:grok-4.7")
    )
    async with generating(replies, tmp_path) as (maker, _):
        with caplog.at_level(logging.WARNING):
            assert (await maker.generate(claim(), Book())).model == "grok-4.3"
            assert "grok-4.3 answered" in caplog.text
            caplog.clear()
            assert (await maker.generate(claim(), Book())).model == "stand-in:grok-4.7"
            assert caplog.text == ""


async def test_neither_failures_nor_cache_names_give_users_away(tmp_path: Path) -> None:
    """The provider sees a stable name for a user, and not the user's id."""
    job = claim()

    async def answer(request: web.Request, body: dict[str, Any]) -> web.Response:
        return completion()

    async with generating(answer, tmp_path) as (maker, grok):
        await maker.generate(job, Book())
        await maker.generate(job, Book())
        names = [headers["x-grok-conv-id"] for headers in grok.headers]
    assert names[0] == names[1]
    assert str(job.user_id) not in str(grok.headers)


async def test_a_generator_needs_a_model() -> None:
    """An empty chain is refused at the start."""
    with pytest.raises(ValueError, match="model"):
        ModelChain(())


async def test_a_call_that_waits_for_its_time_can_still_be_stopped(tmp_path: Path) -> None:
    """By a refusal that came meanwhile, and by a cancel: nothing was sent, nothing is owed."""
    book = Book()
    book.send_in, book.refused = 0.01, True
    async with generating(always(completion), tmp_path) as (maker, grok):
        with pytest.raises(RateLimited):
            await maker.generate(claim(), book)
        book.send_in, book.refused = 30.0, False
        waiting = asyncio.create_task(maker.generate(claim(), book))
        await until_true(lambda: len(book.calls) >= 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert [(end.answered, end.error_code) for end in book.ends] == [(True, "not_sent")] * 2
    assert grok.requests == []
