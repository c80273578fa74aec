"""The flow from a claimed job to its prompt: pictures, messages, one paid call after another."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import NAMESPACE_OID, uuid5

from prompt_queue.generation.answer import CallFailed
from prompt_queue.generation.cache import Cache, request_key
from prompt_queue.generation.grok import GrokClient, OnText
from prompt_queue.generation.ledger import Ledger, end_of_answer, end_of_failure, record
from prompt_queue.generation.listing import ModelChain
from prompt_queue.generation.messages import (
    Message,
    build_enhancement,
    build_messages,
    strategy_of,
    text_characters,
)
from prompt_queue.generation.partials import Partials
from prompt_queue.generation.pictures import ImageMode, Picture, PictureSource
from prompt_queue.generation.templates import last_resort
from prompt_queue.generation.tokens import TokenEstimates
from prompt_queue.generation.validation import validate_prompt
from prompt_queue.jobs.errors import (
    BreakerOpen,
    Following,
    LeaseLost,
    OurBug,
    PictureUnfetched,
    PromptFailure,
    RateLimited,
)
from prompt_queue.jobs.job import CacheUse, Claim, MinQuality, Operation, Source
from prompt_queue.jobs.outcome import CallEnd, GeneratedPrompt
from prompt_queue.jobs.pictures import SeenPicture
from prompt_queue.jobs.policies import may_ask_next_model

logger = logging.getLogger(__name__)


class _NoPrompt(Exception):
    """One model brought no prompt. `may_ask_next`: another model may be asked at once."""

    def __init__(self, failure: PromptFailure, *, may_ask_next: bool) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.may_ask_next = may_ask_next


@dataclass(frozen=True, slots=True)
class _Request:
    """What a model is asked, what of, and how many tokens go in, before anything was learned."""

    messages: Sequence[Message]
    seen: Sequence[SeenPicture]
    prompt_tokens: float


class Generator:
    """Makes prompts with the models of the chain, in its order."""

    def __init__(
        self,
        client: GrokClient,
        pictures: PictureSource,
        chain: ModelChain,
        image_mode: ImageMode = "auto",
        cache: Cache | None = None,
        *,
        partials: Partials | None = None,
    ) -> None:
        self._client = client
        self._pictures = pictures
        self._chain = chain
        self._image_mode = image_mode
        self._cache = cache
        self._partials = partials
        self._estimates = TokenEstimates()

    async def generate(self, claim: Claim, ledger: Ledger) -> GeneratedPrompt:
        """The prompt for a claimed job. Raises PromptFailure, LeaseLost or Following.

        Every call is in the ledger before its first byte leaves, and its end after, also when this
        is cancelled. The next model is asked when one is set up wrongly, and on the job's last
        attempt also after a passing fault that was answered.
        """
        try:
            return await self._generate(claim, ledger)
        except (PromptFailure, LeaseLost, Following):
            raise
        except Exception as error:
            logger.exception("job %s stopped by a bug of ours", claim.job_id)
            raise OurBug from error
        finally:
            if self._partials and claim.stream:
                self._partials.forget(claim)

    async def last_resort(self, claim: Claim) -> GeneratedPrompt | None:
        """The prompt without a model, about what was seen of the pictures; see `templates`."""
        plain = last_resort(claim)
        if plain is None or plain.source is not Source.TEMPLATE:
            return plain
        target = await self._pictures.look_back(claim.target_url)
        seen = [await self._pictures.look_back(url) for url in claim.ref_urls]
        return last_resort(claim, target, seen)

    async def _generate(self, claim: Claim, ledger: Ledger) -> GeneratedPrompt:
        pictures = await self._fetch(claim)
        if self._cache is None or claim.cache is CacheUse.OFF:
            return await self._write(pictures, claim, ledger)
        key = request_key(claim, pictures, self._chain_of(claim))
        known = await self._cache.join(claim, key)
        if known is not None:
            return GeneratedPrompt(
                text=known.text, model=known.model, source=Source.CACHE, strategy=known.strategy
            )
        prompt = await self._write(pictures, claim, ledger)
        # What an outage brought is not what tomorrow's request should get.
        return prompt if prompt.degraded else replace(prompt, cache_key=key)

    def _chain_of(self, claim: Claim) -> Sequence[str]:
        chain = self._chain.names
        return chain[:1] if claim.min_quality is MinQuality.MODEL else chain

    async def _write(
        self, pictures: Sequence[Picture], claim: Claim, ledger: Ledger
    ) -> GeneratedPrompt:
        inline = self._image_mode == "inline"
        try:
            return await self._ask_chain(pictures, claim, ledger, inline=inline)
        except PictureUnfetched:
            passed_on = any(picture.public_url for picture in pictures)
            if self._image_mode != "auto" or not passed_on:
                raise
        return await self._ask_chain(pictures, claim, ledger, inline=True)

    async def _ask_chain(
        self, pictures: Sequence[Picture], claim: Claim, ledger: Ledger, *, inline: bool
    ) -> GeneratedPrompt:
        messages = await self._messages(claim, pictures, inline=inline)
        request = _Request(
            messages,
            _seen(pictures),
            self._estimates.prompt(
                text_characters(messages), [picture.facts for picture in pictures]
            ),
        )
        *others, last = self._chain_of(claim)
        closed_to_us: list[BreakerOpen] = []
        for model in others:
            try:
                return await self._ask(model, request, claim, ledger)
            except _NoPrompt as none:
                if not none.may_ask_next:
                    raise none.failure from None
                if isinstance(none.failure, BreakerOpen):
                    closed_to_us.append(none.failure)
                logger.info("job %s goes on from %s: %s", claim.job_id, model, none.failure)
        try:
            return await self._ask(last, request, claim, ledger)
        except _NoPrompt as none:
            if isinstance(none.failure, BreakerOpen):
                raise _shortest([*closed_to_us, none.failure]) from None
            raise none.failure from None

    def _show(self, claim: Claim) -> OnText | None:
        """Where the text goes while it is written, from its beginning on."""
        if self._partials is None or not claim.stream:
            return None
        self._partials.show(claim, "")
        return partial(self._partials.show, claim)

    async def _fetch(self, claim: Claim) -> list[Picture]:
        """The references in their order, and last the target."""
        wanted = [(url, f"reference picture {n}") for n, url in enumerate(claim.ref_urls, start=1)]
        wanted.append((claim.target_url, "target picture"))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._pictures.fetch(url, role, claim.user_id))
                    for url, role in wanted
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _messages(
        self, claim: Claim, pictures: Sequence[Picture], *, inline: bool
    ) -> list[Message]:
        addresses = [
            picture.public_url
            if picture.public_url and not inline
            else await self._pictures.inline(picture)
            for picture in pictures
        ]
        *references, target = addresses
        if claim.operation is Operation.ENHANCE:
            return build_enhancement(
                references, target, claim.existing_prompt or "", claim.user_instructions
            )
        return build_messages(references, target, claim.user_instructions)

    async def _ask(
        self, model: str, request: "_Request", claim: Claim, ledger: Ledger
    ) -> GeneratedPrompt:
        tokens = self._estimates.total(model, request.prompt_tokens)
        usd = self._estimates.usd(model, request.prompt_tokens)
        try:
            intent = await ledger.intend(claim, model, request.seen, tokens, usd)
        except RateLimited as closed:
            may_ask_next = may_ask_next_model(closed, retries_left=True)
            raise _NoPrompt(closed, may_ask_next=may_ask_next) from closed
        call_id = intent.call_id
        retries_left = claim.retry_count < claim.max_retries
        try:
            await asyncio.sleep(intent.send_in)
            if ledger.refused_since(intent, model):
                # Its time was given out before the gate closed.
                raise _NoPrompt(RateLimited(), may_ask_next=False)
        except BaseException:
            # Nothing left yet, so nothing can be charged.
            await record(ledger, CallEnd(call_id, answered=True, error_code="not_sent"))
            raise
        try:
            answer = await self._client.complete(
                model,
                request.messages,
                _conversation(claim),
                claim.retry_count,
                self._show(claim),
            )
        except CallFailed as failed:
            await record(ledger, end_of_failure(call_id, failed))
            failed.failure.outage_seconds = intent.outage_seconds
            may_ask_next = may_ask_next_model(failed.failure, retries_left=retries_left)
            raise _NoPrompt(failed.failure, may_ask_next=may_ask_next) from failed
        except BaseException:
            await record(ledger, CallEnd(call_id, answered=False, error_code="interrupted"))
            raise
        self._estimates.learn(model, request.prompt_tokens, answer.usage)
        try:
            prompt = validate_prompt(answer.text)
        except PromptFailure as failure:
            await record(ledger, end_of_answer(call_id, model, answer, failure))
            failure.outage_seconds = intent.outage_seconds
            may_ask_next = may_ask_next_model(failure, retries_left=retries_left)
            raise _NoPrompt(failure, may_ask_next=may_ask_next) from failure
        await record(ledger, end_of_answer(call_id, model, answer, None))
        return GeneratedPrompt(
            text=prompt,
            model=answer.model,
            strategy=strategy_of(claim.operation),
            degraded=model != self._chain.names[0],
        )


def _shortest(outages: Sequence[BreakerOpen]) -> BreakerOpen:
    """When the first of the models may be asked again, and how long all have been out of order."""
    waits = [outage.retry_after for outage in outages if outage.retry_after is not None]
    ages = [outage.outage_seconds for outage in outages if outage.outage_seconds is not None]
    return BreakerOpen(retry_after=min(waits, default=None), outage_seconds=min(ages, default=None))


def _seen(pictures: Sequence[Picture]) -> list[SeenPicture]:
    """The target has place 0, the references count from 1."""
    *references, target = pictures
    return [
        SeenPicture(
            place=place,
            sha256=picture.sha256,
            size=len(picture.data),
            media_type=picture.facts.media_type,
            width=picture.facts.width,
            height=picture.facts.height,
        )
        for place, picture in enumerate([target, *references])
    ]


def _conversation(claim: Claim) -> str:
    """One prompt cache for each user; the provider does not learn our user ids."""
    return str(uuid5(NAMESPACE_OID, f"prompt-queue:{claim.user_id}"))
