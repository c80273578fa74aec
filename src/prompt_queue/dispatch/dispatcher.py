"""The flow from a prompt to a picture: one step at a time, each from a row to a row."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from prompt_queue.dispatch.deciding import FIRST_LOOK_SECONDS, FailedThere, decide, look_again
from prompt_queue.dispatch.ledger import Ledger, Memory
from prompt_queue.dispatch.payload import build_body
from prompt_queue.dispatch.prices import Prices
from prompt_queue.dispatch.reconcile import is_ours
from prompt_queue.dispatch.replies import (
    DECLINED,
    NO_ANSWER,
    CallRefused,
    Prediction,
    Stage,
    failure_of,
)
from prompt_queue.dispatch.saving import OutputSaver
from prompt_queue.dispatch.wavespeed import WaveSpeedClient
from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.errors import (
    BadInput,
    LeaseLost,
    ModelUnusable,
    PromptFailure,
    Refused,
    Transient,
)
from prompt_queue.jobs.generation_models import PictureModel, find_picture_model
from prompt_queue.jobs.outcome import CallEnd, Usage
from prompt_queue.jobs.picture import PictureClaim, PictureOutcome, PictureStatus
from prompt_queue.jobs.policies import Sign, policy_of

PROVIDER = "wavespeed"
"""The name under which gate, breaker and pauses know the account."""

_LATE_SHARE = 1 / 3
"""Of the time for which an unknown submit is looked for: so late it may still be sent."""

logger = logging.getLogger(__name__)


class PictureFacts(Protocol):
    """What is known of a picture that was fetched."""

    @property
    def media_type(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class FetchedPicture(Protocol):
    """A picture that passed the guard; `public_url` None: the provider cannot fetch it itself."""

    @property
    def data(self) -> bytes: ...
    @property
    def facts(self) -> PictureFacts: ...
    @property
    def public_url(self) -> str | None: ...


class Pictures(Protocol):
    """Fetches pictures by the addresses that users gave."""

    async def fetch(self, url: str, role: str, user_id: UUID) -> FetchedPicture:
        """Raises BadInput, Transient."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds: `reconcile`, how long an unknown submit is looked for before it may be sent again;
    `longest`, how long a task may take.
    """

    reconcile: float = 60.0
    longest: float = 1800.0


class Dispatcher:
    """Makes pictures with one account. `callback` gives the address for a submit's webhook."""

    def __init__(
        self,
        client: WaveSpeedClient,
        pictures: Pictures,
        saver: OutputSaver,
        memory: Memory,
        policy: RetryPolicy,
        *,
        times: Times,
        callback: Callable[[UUID], str | None] = lambda _call: None,
    ) -> None:
        self._client = client
        self._prices = Prices(client)
        self._pictures = pictures
        self._saver = saver
        self._memory = memory
        self._policy = policy
        self._times = times
        self._callback = callback

    async def handle(self, claim: PictureClaim, ledger: Ledger, draw: float) -> PictureOutcome:
        """The next step of a picture. Raises LeaseLost; every other failure becomes an outcome."""
        try:
            match claim.status:
                case PictureStatus.SUBMITTING:
                    return await self._submit(claim, ledger)
                case PictureStatus.SUBMISSION_UNKNOWN:
                    return await self._look_for(claim)
                case PictureStatus.SAVING:
                    return await self._save(claim)
                case PictureStatus.CANCELLED:
                    await self._client.withdraw(claim.prediction_id or "")
                    return PictureOutcome(outcome="withdrawn")
                case _:
                    return await self._look(claim)
        except LeaseLost:
            raise
        except CallRefused as refused:
            failure = refused.failure
        except PromptFailure as caught:
            failure = caught
        return decide(claim, failure, self._policy.delay(claim.retry_count, draw), draw)

    async def _submit(self, claim: PictureClaim, ledger: Ledger) -> PictureOutcome:
        model = find_picture_model(claim.generation_model)
        if model is None:
            raise ModelUnusable(f"There is no picture model {claim.generation_model}.")
        body = await self._body(model, claim)
        price = await self._prices.of(model, body)
        latest = asyncio.get_running_loop().time() + self._times.reconcile * _LATE_SHARE
        intent = await ledger.intend(claim, price)
        try:
            await asyncio.sleep(intent.send_in)
            callback = self._callback(intent.call_id)
        except BaseException:
            await ledger.record(_not_sent(intent.call_id))
            raise
        if asyncio.get_running_loop().time() > latest + intent.send_in:
            # Frozen since: others may look for this submit already, and send one in its place.
            await ledger.record(_not_sent(intent.call_id))
            return PictureOutcome(outcome="postponed")
        try:
            bought = await self._client.submit(model.name, body, callback)
        except CallRefused as refused:
            await ledger.record(_end_of_refusal(intent.call_id, model, refused))
            if refused.answered:
                raise
            # Paid for or not: found out before anything is sent again.
            return PictureOutcome(
                outcome="unknown",
                delay=FIRST_LOOK_SECONDS,
                error=NO_ANSWER,
                code=refused.failure.code,
            )
        except BaseException:
            await ledger.record(
                CallEnd(intent.call_id, answered=False, error_code="interrupted", model=model.name)
            )
            raise
        await ledger.record(
            CallEnd(
                intent.call_id, answered=True, http_status=200, model=model.name,
                usage=Usage(cost_usd=price), sign=Sign.GOOD,
            )
        )  # fmt: skip
        return PictureOutcome(outcome="submitted", delay=look_again(0.0), prediction_id=bought.id)

    async def _body(self, model: PictureModel, claim: PictureClaim) -> Mapping[str, Any]:
        wanted = [(url, f"reference picture {n}") for n, url in enumerate(claim.ref_urls, start=1)]
        wanted.append((claim.target_url, "target picture"))
        found = [await self._pictures.fetch(url, role, claim.user_id) for url, role in wanted]
        *references, target = [await self._address(picture) for picture in found]
        facts = found[-1].facts
        size = (claim.width or facts.width, claim.height or facts.height)
        return build_body(model, claim.prompt, references, target, size)

    async def _address(self, picture: FetchedPicture) -> str:
        if picture.public_url:
            return picture.public_url
        ending = picture.facts.media_type.rpartition("/")[2]
        return await self._client.upload(
            picture.data, picture.facts.media_type, f"picture.{ending}"
        )

    async def _look_for(self, claim: PictureClaim) -> PictureOutcome:
        submit = await self._memory.last_submit(claim.job_id)
        if submit is None:
            return PictureOutcome(outcome="again")
        model = find_picture_model(claim.generation_model)
        name = model.name if model else claim.generation_model
        made = await self._client.search(name, submit.started_at - 5)
        mine = [one for one in made if model and is_ours(one, model, claim)]
        known = await self._memory.known([one.id for one in mine])
        free = [one for one in mine if one.id not in known]
        if free:
            await self._memory.resolve_call(claim.job_id, self._price(claim))
            return PictureOutcome(outcome="submitted", prediction_id=free[-1].id)
        if submit.seconds_ago < self._times.reconcile:
            left = self._times.reconcile - submit.seconds_ago
            pause = min(max(submit.seconds_ago, FIRST_LOOK_SECONDS), left + 0.1)
            return PictureOutcome(outcome="unknown", delay=pause)
        if claim.resubmits:
            return PictureOutcome(
                outcome="failed",
                error="The picture service was asked twice and never answered; nothing more was "
                "spent on it.",
                code="outcome_unknown",
            )
        logger.warning("picture %s is sent again: its submit is not to be found", claim.job_id)
        return PictureOutcome(outcome="again")

    def _price(self, claim: PictureClaim) -> Decimal:
        model = find_picture_model(claim.generation_model)
        return self._prices.last(model) if model else Decimal(0)

    async def _look(self, claim: PictureClaim) -> PictureOutcome:
        task = await self._client.result(claim.prediction_id or "")
        if task is None:
            if claim.seconds_there < self._times.reconcile:
                return PictureOutcome(outcome="postponed", delay=FIRST_LOOK_SECONDS)
            return PictureOutcome(
                outcome="failed", code="prediction_lost",
                error="The picture service does not know this picture any more.",
            )  # fmt: skip
        match task.stage:
            case Stage.MADE:
                # A webhook may have come instead of the answer to the submit.
                await self._memory.resolve_call(claim.job_id, self._price(claim))
                return _made(task)
            case Stage.FAILED:
                await self._memory.resolve_call(claim.job_id, Decimal(0))
                raise FailedThere(failure_of(task))
            case Stage.GONE:
                return PictureOutcome(
                    outcome="failed", code="provider_cancelled",
                    error="The picture was stopped at the picture service.",
                )  # fmt: skip
        if claim.seconds_there > self._times.longest:
            return PictureOutcome(
                outcome="failed", code="provider_timeout",
                error="The picture service did not finish in time; it may still be charged.",
            )  # fmt: skip
        outcome = "running" if task.stage is Stage.RUNNING else "waiting"
        return PictureOutcome(outcome=outcome, delay=look_again(claim.seconds_there))

    async def _save(self, claim: PictureClaim) -> PictureOutcome:
        saved = await self._saver.save_all(claim.provider_outputs)
        return PictureOutcome(outcome="succeeded", outputs=[asdict(one) for one in saved])


def _not_sent(call_id: UUID) -> CallEnd:
    return CallEnd(call_id, answered=True, error_code="not_sent")


def _made(task: Prediction) -> PictureOutcome:
    if task.flagged:
        return PictureOutcome(outcome="failed", nsfw=True, error=DECLINED, code=Refused.code)
    if not task.outputs:
        raise FailedThere(Transient("The picture service finished without a picture."))
    return PictureOutcome(outcome="made", provider_outputs=task.outputs, nsfw=False)


def _end_of_refusal(call_id: UUID, model: PictureModel, refused: CallRefused) -> CallEnd:
    failure = refused.failure
    return CallEnd(
        call_id,
        answered=refused.answered,
        http_status=refused.http_status,
        error_code=failure.code,
        model=model.name,
        sign=Sign.NONE if isinstance(failure, BadInput) else policy_of(failure).sign,
        retry_after=getattr(failure, "retry_after", None),
    )
