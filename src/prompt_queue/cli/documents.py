"""Jobs, statistics and workers as JSON documents, with the names that the HTTP API uses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prompt_queue.jobs.job import PromptJob, is_stand_in
from prompt_queue.jobs.outlook import Outlook, Told
from prompt_queue.jobs.priority import band
from prompt_queue.jobs.waiting import WaitingReason

if TYPE_CHECKING:
    from prompt_queue.store.prompt_store import Place, QueueStats
    from prompt_queue.store.worker_store import WorkerSeen

JsonObject = dict[str, Any]


def job_document(job: PromptJob) -> JsonObject:
    """What the record says about a job."""
    return {
        "promptJobId": job.id,
        "rowId": job.row_id,
        "modelId": job.model_id,
        "userId": job.user_id,
        "status": job.status,
        "generatedPrompt": job.generated_prompt,
        "partialPrompt": job.partial_prompt,
        "error": job.error,
        "errorCode": job.error_code,
        "priority": job.priority,
        "priorityBand": band(job.priority),
        "retryCount": job.retry_count,
        "maxRetries": job.max_retries,
        "source": job.source,
        "model": job.model,
        "strategy": job.strategy,
        "degraded": job.degraded,
        "minQuality": job.min_quality,
        "operation": job.operation,
        "standIn": is_stand_in(job.model),
        "targetUrl": job.target_url,
        "refUrls": job.ref_urls,
        "createdAt": job.created_at,
        "startedAt": job.started_at,
        "completedAt": job.completed_at,
        "updatedAt": job.updated_at,
    }


def place_document(job: PromptJob, place: "Place | None", outlook: Outlook) -> JsonObject:
    """Where a job stands: `position` jobs come first, times are in seconds from now."""
    from prompt_queue.store.outlook import told_of_prompt, why_prompt_waits

    position, is_exact = None, True
    if place is not None:
        position, is_exact = outlook.position(place.ahead, job.priority, place.share)
    return {
        "position": position,
        "positionExact": is_exact,
        **wait_document(told_of_prompt(job, place, outlook), why_prompt_waits(job, place, outlook)),
        "nextAttemptAt": place.next_attempt_at if place else None,
    }


def wait_document(told: Told | None, reason: WaitingReason | None) -> JsonObject:
    """When a job will be done, in seconds from now, and why it waits."""
    promised = told.forecast if told else None
    return {
        "estimatedWaitTime": told.seconds if told else 0,
        "eta": {
            "startP50": round(promised.start_p50, 1),
            "startP90": round(promised.start_p90, 1),
            "doneP50": round(promised.done_p50, 1),
            "doneP90": round(promised.done_p90, 1),
        } if promised else None,
        "etaReason": told.reason if told else None,
        "waitingReason": {
            "code": reason.code, "until": reason.until, "detail": reason.detail
        } if reason else None,
    }  # fmt: skip


def event_documents(created_at: datetime, events: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
    """What happened to a job; `offsetSeconds` counts from its creation, at which some begin."""
    return [
        {
            "id": event["id"],
            "kind": event["kind"],
            "data": event["data"],
            "createdAt": event["created_at"],
            "offsetSeconds": max(round((event["created_at"] - created_at).total_seconds(), 3), 0.0),
        }
        for event in events
    ]


def call_documents(calls: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
    """The calls that were made for a job, with their cost in USD where the provider told it."""
    return [
        {
            "callId": call["call_id"],
            "model": call["model"],
            "servedModel": call["served_model"],
            "state": call["state"],
            "httpStatus": call["http_status"],
            "errorCode": call["error_code"],
            "costUsd": call["cost_usd"],
            "startedAt": call["started_at"],
            "endedAt": call["ended_at"],
        }
        for call in calls
    ]


def stats_document(
    stats: "QueueStats", workers: Sequence["WorkerSeen"], estimate: int
) -> JsonObject:
    """The queue at a glance, times in seconds; the first six names are those of the HTTP API.

    A job that is queued now is done after `estimate` seconds.
    """
    return {
        "totalQueued": stats.total_queued,
        "totalProcessing": stats.total_processing,
        "totalCompleted": stats.total_completed,
        "totalFailed": stats.total_failed,
        "averageWaitTime": stats.avg_wait_time_seconds,
        "estimatedWaitTime": estimate,
        "totalCancelled": stats.total_cancelled,
        "averageProcessingTime": stats.avg_processing_seconds,
        "oldestQueuedSeconds": stats.oldest_queued_seconds,
        "completedLastMinute": stats.completed_last_minute,
        "completedLastHour": stats.completed_last_hour,
        "failedLastHour": stats.failed_last_hour,
        "unfencedWrites": stats.unfenced_writes,
        "slots": stats.slots,
        "workers": [
            {
                "worker": worker.worker,
                "host": worker.host,
                "pid": worker.pid,
                "concurrency": worker.concurrency,
                "busy": worker.busy,
                "startedAt": worker.started_at,
                "silentSeconds": round(worker.silent_seconds, 1),
            }
            for worker in workers
        ],
    }
