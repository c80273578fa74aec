"""From database rows to the words of the house, and back to JSON for the batch functions."""

from typing import Any

import asyncpg

from prompt_queue.jobs.job import CacheUse, Claim, MinQuality, Operation, PromptJob, Source, Status
from prompt_queue.jobs.outcome import (
    Attached,
    CallEnd,
    Done,
    Failed,
    GeneratedPrompt,
    Outcome,
    Postponed,
    Released,
    Retry,
)
from prompt_queue.jobs.pictures import SeenPicture
from prompt_queue.jobs.policies import Sign
from prompt_queue.store.feedback_store import feedback_from


def job_from_row(row: asyncpg.Record) -> PromptJob:
    """A row of prompt_generation_jobs; columns that we do not know are left out."""
    return PromptJob(
        id=row["id"],
        row_id=row["row_id"],
        model_id=row["model_id"],
        user_id=row["user_id"],
        ref_urls=tuple(row["ref_urls"] or ()),
        target_url=row["target_url"],
        status=Status(row["status"]),
        generated_prompt=row["generated_prompt"],
        error=row["error"],
        error_code=row["error_code"],
        source=Source(row["source"]) if row["source"] else None,
        model=row["model"],
        strategy=row["strategy"],
        degraded=bool(row["degraded"]),
        min_quality=MinQuality(row["min_quality"] or MinQuality.TEMPLATE_OK),
        operation=Operation(row["operation"] or Operation.GENERATE),
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        priority=row["priority"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        partial_prompt=row.get("partial_prompt"),
        partial_at=row.get("partial_at"),
        feedback=feedback_from(row.get("feedback")),
    )


def claim_from_row(row: asyncpg.Record) -> Claim:
    """A row that claim_prompt_jobs returned."""
    return Claim(
        job_id=row["id"],
        user_id=row["user_id"],
        ref_urls=tuple(row["ref_urls"] or ()),
        target_url=row["target_url"],
        priority=row["priority"],
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        lease_token=row["lease_token"],
        cache=CacheUse(row["cache"] or CacheUse.USE),
        stream=bool(row["stream"]),
        min_quality=MinQuality(row["min_quality"] or MinQuality.TEMPLATE_OK),
        operation=Operation(row["operation"] or Operation.GENERATE),
        existing_prompt=row["existing_prompt"],
        user_instructions=row["user_instructions"],
        trace_context=row["trace_context"],
    )


def outcome_as_json(claim: Claim, outcome: Outcome) -> dict[str, Any]:
    """One element of settle_prompt_jobs' argument."""
    common = {"job_id": str(claim.job_id), "lease_token": str(claim.lease_token)}
    match outcome:
        case Done(prompt=prompt, code=None):
            return common | {"outcome": "completed"} | _prompt_as_json(prompt)
        case Done(prompt=prompt, code=code):
            reason = {"outcome": "completed", "error_code": code}
            return common | reason | _prompt_as_json(prompt)
        case Retry(delay=delay, error=error, code=code, fallback=fallback):
            outcome_word = "retry"
        case Postponed(delay=delay, error=error, code=code, fallback=fallback):
            outcome_word = "postponed"
        case Failed(error=error, code=code):
            outcome_word, delay, fallback = "failed", 0.0, None
        case Released() | Attached():
            return common | {"outcome": "released"}
    return common | {
        "outcome": outcome_word,
        "error": error,
        "error_code": code,
        "delay_seconds": delay,
        "fallback": _prompt_as_json(fallback) if fallback else None,
    }


def _prompt_as_json(prompt: GeneratedPrompt) -> dict[str, Any]:
    values: dict[str, Any] = {
        "prompt": prompt.text,
        "source": prompt.source,
        "model": prompt.model,
        "strategy": prompt.strategy,
    }
    return values | {"degraded": True} if prompt.degraded else values


def call_end_as_json(end: CallEnd) -> dict[str, Any]:
    """One element of end_provider_calls' argument."""
    usage = end.usage
    return {
        "call_id": str(end.call_id),
        "answered": end.answered,
        "http_status": end.http_status,
        "error_code": end.error_code,
        "served_model": end.model,
        "breaker": None if end.sign is Sign.NONE else end.sign.name.lower(),
        "redirected": end.redirected,
        "retry_after": end.retry_after,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "image_tokens": usage.image_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost_usd": None if usage.cost_usd is None else str(usage.cost_usd),
    }


def seen_as_json(picture: SeenPicture) -> dict[str, Any]:
    """A picture as the timeline shows it."""
    return {
        "place": picture.place,
        "sha256": picture.sha256,
        "bytes": picture.size,
        "mediaType": picture.media_type,
        "width": picture.width,
        "height": picture.height,
    }
