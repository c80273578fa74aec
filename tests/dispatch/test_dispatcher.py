"""Single steps from prompt to picture, against the stand-in: what is sent, booked, decided."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

import pytest

from prompt_queue.dispatch.dispatcher import Dispatcher, Times
from prompt_queue.dispatch.prices import Prices
from prompt_queue.dispatch.replies import CallRefused
from prompt_queue.dispatch.saving import OutputSaver
from prompt_queue.dispatch.wavespeed import WaveSpeedClient
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.images import PictureFacts
from prompt_queue.guards.urls import read_url
from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.errors import Transient
from prompt_queue.jobs.generation_models import find_picture_model
from prompt_queue.jobs.outcome import CallEnd, Intent
from prompt_queue.jobs.picture import PictureClaim, PictureOutcome
from prompt_queue.testing import PictureServer, WaveSpeedStandIn
from tests.conftest import until
from tests.dispatch.test_deciding import claim as any_claim
from tests.photographs import photograph

MODEL = "bytedance/seedream-v4/edit"
FOLDER = Path(tempfile.gettempdir())


@dataclass
class Book:
    """A ledger and a memory for one picture; nothing of a database."""

    ends: list[CallEnd] = field(default_factory=list)
    submit: "Submit | None" = None
    owned: set[str] = field(default_factory=set)
    resolved: list[Decimal] = field(default_factory=list)
    expected: list[Decimal] = field(default_factory=list)

    async def intend(self, claim: PictureClaim, usd: Decimal) -> Intent:
        self.expected.append(usd)
        self.submit = Submit(uuid4(), time.time() - 1, 0.5)  # noqa: TID251
        return Intent(self.submit.call_id)

    async def record(self, end: CallEnd) -> None:
        self.ends.append(end)

    async def last_submit(self, picture_id: UUID) -> "Submit | None":
        return self.submit

    async def known(self, prediction_ids: Any) -> set[str]:
        return self.owned & set(prediction_ids)

    async def resolve_call(self, picture_id: UUID, cost_usd: Decimal) -> None:
        self.resolved.append(cost_usd)


@dataclass
class Submit:
    call_id: UUID
    started_at: float
    seconds_ago: float


@dataclass
class Fetched:
    data: bytes
    facts: PictureFacts
    public_url: str | None


class Photos:
    """Every address leads to one photograph, which may be public."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = public_url

    async def fetch(self, url: str, role: str, user_id: UUID) -> Fetched:
        facts = PictureFacts("image/jpeg", 451, 300)
        return Fetched(photograph("cat"), facts, self._public_url)


class Shelf:
    """Keeps what is saved."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, str]] = []

    async def save(self, file: BinaryIO, sha256: str, media_type: str) -> str:
        file.seek(0)
        self.kept.append((len(file.read()), media_type))
        return f"https://shelf/{len(self.kept)}"


@asynccontextmanager
async def dispatching(
    provider: WaveSpeedStandIn,
    book: Book,
    public_url: str | None = None,
    *,
    reconcile: float = 60.0,
    callback: Callable[[UUID], str | None] = lambda _call: None,
) -> AsyncIterator[tuple[Dispatcher, Shelf]]:
    beside = frozenset({read_url(provider.base_url).authority})
    async with provider_session(provider.base_url) as session, guarded_session(beside) as outside:
        client = WaveSpeedClient(session, outside, provider.base_url, provider.api_key)
        shelf = Shelf()
        yield Dispatcher(
            client, Photos(public_url), OutputSaver(outside, shelf, FOLDER), book,
            RetryPolicy(base_delay=1, max_delay=30, multiplier=2, jitter="none"),
            times=Times(reconcile=reconcile), callback=callback,
        ), shelf  # fmt: skip


@pytest.fixture
def prompt() -> str:
    """Its own in each test: the history of the provider is shared."""
    return f"Make it teal. {uuid4()}"


def claim(status: str, prompt: str, **more: Any) -> PictureClaim:
    return replace(any_claim(status), generation_model=MODEL, prompt=prompt, **more)


async def finished(
    dispatcher: Dispatcher, book: Book, prompt: str, bought: PictureOutcome
) -> PictureOutcome:
    """What the provider made of it, having fetched its pictures."""
    mine = claim("submitted", prompt, prediction_id=bought.prediction_id)

    async def over() -> PictureOutcome | None:
        seen = await dispatcher.handle(mine, book, 0.0)
        return None if seen.outcome in {"waiting", "running"} else seen

    seen = await until(over)
    assert isinstance(seen, PictureOutcome)
    return seen


async def test_from_the_submit_to_the_shelf(
    wavespeed_stand_in: WaveSpeedStandIn, picture_server: PictureServer, prompt: str
) -> None:
    """Bought, looked at, saved with its thumbnail; the price is the provider's."""
    book = Book()
    url = picture_server.add("p.jpg", photograph("cat"))
    async with dispatching(wavespeed_stand_in, book, url) as (dispatcher, shelf):
        bought = await dispatcher.handle(claim("submitting", prompt), book, 0.0)
        assert (bought.outcome, book.ends[0].usage.cost_usd) == ("submitted", Decimal("0.027"))
        made = await finished(dispatcher, book, prompt, bought)
        assert made.outcome == "made"
        outputs = tuple(made.provider_outputs or ())
        saved = await dispatcher.handle(
            claim("saving", prompt, provider_outputs=outputs), book, 0.0
        )
    assert saved.outcome == "succeeded"
    ((_, kind), (small, small_kind)) = shelf.kept
    assert (kind, small_kind, small < 60_000) == ("image/jpeg", "image/jpeg", True)
    assert saved.outputs is not None
    assert saved.outputs[0]["url"] == "https://shelf/1"
    (call,) = wavespeed_stand_in.calls()
    assert call["prompt"] == prompt


async def test_a_private_picture_is_given_to_the_provider(
    wavespeed_stand_in: WaveSpeedStandIn, prompt: str
) -> None:
    """It has no address that the provider could open."""
    book = Book()
    async with dispatching(wavespeed_stand_in, book) as (dispatcher, _):
        bought = await dispatcher.handle(claim("submitting", prompt), book, 0.0)
        assert (await finished(dispatcher, book, prompt, bought)).outcome == "made"


async def test_a_worker_that_stood_still_sends_nothing(
    wavespeed_stand_in: WaveSpeedStandIn, prompt: str
) -> None:
    """Others may be looking for its submit already, and send one in its place."""
    book = Book()

    def frozen(_call: UUID) -> None:
        time.sleep(0.5)

    async with dispatching(wavespeed_stand_in, book, reconcile=0.6, callback=frozen) as (
        dispatcher,
        _,
    ):
        outcome = await dispatcher.handle(claim("submitting", prompt), book, 0.0)
    assert outcome.outcome == "postponed"
    assert [(end.answered, end.error_code) for end in book.ends] == [(True, "not_sent")]
    assert wavespeed_stand_in.calls() == []


async def lost(
    provider: WaveSpeedStandIn, book: Book, fault: str, prompt: str, **more: Any
) -> tuple[PictureOutcome, PictureOutcome]:
    """What becomes of a submit whose reply is lost, and of the search for it."""
    provider.script({"fault": fault})
    async with dispatching(provider, book) as (dispatcher, _):
        first = await dispatcher.handle(claim("submitting", prompt), book, 0.0)
        if book.submit is not None:
            book.submit.seconds_ago = more.pop("seconds_ago", 0.5)
        unknown = claim("submission_unknown", prompt, **more)
        return first, await dispatcher.handle(unknown, book, 0.0)


async def test_what_was_bought_is_found_in_the_history(
    wavespeed_stand_in: WaveSpeedStandIn, prompt: str
) -> None:
    """And booked; not what another picture owns already."""
    book = Book()
    first, found = await lost(wavespeed_stand_in, book, "drop_reply", prompt)
    assert (first.outcome, book.ends[0].answered) == ("unknown", False)
    (call,) = wavespeed_stand_in.calls()
    assert (found.outcome, found.prediction_id) == ("submitted", call["task_id"])
    assert book.resolved == [Decimal("0.027")]
    owned = Book(owned={call["task_id"]}, submit=book.submit)
    async with dispatching(wavespeed_stand_in, owned) as (dispatcher, _):
        other = await dispatcher.handle(claim("submission_unknown", prompt), owned, 0.0)
    assert other.outcome == "unknown"


@pytest.mark.parametrize(
    ("seconds_ago", "resubmits", "outcome"),
    [(0.5, 0, "unknown"), (59.0, 0, "unknown"), (61.0, 0, "again"), (61.0, 1, "failed")],
)
async def test_what_is_not_to_be_found_is_waited_for_and_sent_again_once(
    wavespeed_stand_in: WaveSpeedStandIn,
    prompt: str,
    seconds_ago: float,
    resubmits: int,
    outcome: str,
) -> None:
    """Not a moment before the window is over."""
    book = Book()
    _, found = await lost(
        wavespeed_stand_in,
        book,
        "drop_request",
        prompt,
        seconds_ago=seconds_ago,
        resubmits=resubmits,
    )
    assert found.outcome == outcome


async def test_a_cancelled_picture_is_withdrawn(
    wavespeed_stand_in: WaveSpeedStandIn, prompt: str
) -> None:
    """The provider is told; whether it stops is its own affair."""
    book = Book()
    async with dispatching(wavespeed_stand_in, book) as (dispatcher, _):
        bought = await dispatcher.handle(claim("submitting", prompt), book, 0.0)
        gone = claim("cancelled", prompt, prediction_id=bought.prediction_id)
        assert (await dispatcher.handle(gone, book, 0.0)).outcome == "withdrawn"


class Quotes:
    """Prices as told; None or a refusal where the provider does not say."""

    def __init__(self, *answers: Decimal | CallRefused | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def price(self, model: str, inputs: Mapping[str, Any]) -> Decimal | None:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, CallRefused):
            raise answer
        return answer


async def test_a_price_is_asked_for_once_an_hour() -> None:
    """Where nobody says, that of the model's page is booked, and nobody is asked again."""
    model = find_picture_model(MODEL)
    assert model is not None
    quotes = Quotes(Decimal("0.0243"))
    prices = Prices(quotes)
    assert prices.last(model) == Decimal("0.027")
    assert [await prices.of(model, {}) for _ in range(3)] == [Decimal("0.0243")] * 3
    assert (quotes.asked, prices.last(model)) == (1, Decimal("0.0243"))
    for silent in (None, CallRefused(Transient())):
        quotes = Quotes(silent)
        prices = Prices(quotes)
        assert [await prices.of(model, {}) for _ in range(2)] == [Decimal("0.027")] * 2
        assert quotes.asked == 1
