"""The overview: one look at everything, shared by all who watch."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prompt_queue.api.deadline import within
from prompt_queue.api.ops import alert_views, promise_views
from prompt_queue.api.ops_schemas import (
    Depth,
    DoingView,
    ErrorCount,
    MinuteView,
    ModelSpend,
    OpsModelView,
    Overview,
    PictureDepth,
    PriorityDepth,
    PromptDepth,
    SourceShare,
    Spend,
    SpreadView,
    StatusDepth,
    WorkerView,
)
from prompt_queue.api.ops_views import paused_view
from prompt_queue.api.parts import Parts
from prompt_queue.api.views import model_view
from prompt_queue.jobs.measures import Lane
from prompt_queue.jobs.spread import Spread, spread
from prompt_queue.store.ops_store import Doing, Spent
from prompt_queue.store.worker_store import WorkerSeen

FRESH_SECONDS = 2.0
_LOOK_SECONDS = 8.0
# Looking takes a quarter of the time at most, however long a look takes.
_SHARE_OF_TIME = 0.25
_HOUR, _DAY = 3600.0, 86400.0
_KINDS = {
    "prompt": ("queued", "completed", "failed", "cancelled"),
    "picture": ("picture_created", "picture_succeeded", "picture_failed", "picture_cancelled"),
}
_FAILED = {"failed": "prompt", "picture_failed": "picture"}
_Past = Mapping[tuple[str, str], int]


class OverviewLook:
    """Looks again when the last look is two seconds old; whoever comes meanwhile waits for it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = asyncio.Lock()
        self._began = self._good_until = float("-inf")
        self._overview: Overview | None = None

    async def recent(self) -> Overview:
        """How things stand. Raises DatabaseUnavailable, TimeoutError."""
        async with self._lock:
            began = time.monotonic()
            if self._overview is None or began >= self._good_until:
                self._overview = await within(_LOOK_SECONDS, look(self._parts))
                took = time.monotonic() - began
                self._began = began
                self._good_until = began + max(FRESH_SECONDS, took / _SHARE_OF_TIME)
            age = round(time.monotonic() - self._began, 3)
            return self._overview.model_copy(update={"cached_seconds": age})


async def look(parts: Parts) -> Overview:
    """One look at everything."""
    ops = parts.ops_store
    now = await ops.now()
    paused = await paused_view(parts)
    lanes = await ops.lanes()
    minutes = await ops.minutes(now)
    hour = await ops.past(
        now, _HOUR, ("completed", "failed", "picture_succeeded", "picture_failed", "wait",
                     "processing"),
    )  # fmt: skip
    day = await ops.past(now, _DAY, ("completed",))
    waiting = [lane for lane in lanes if lane.state != "processing"]
    spent, used = await ops.spent_today(), await ops.permits_used()
    stopped = {one.model for one in paused.models}
    return Overview(
        now=now,
        cached_seconds=0.0,
        stand_in=parts.stand_in,
        paused=paused,
        depth=Depth(
            by_status=StatusDepth(
                prompts=_prompt_depth(lanes), pictures=PictureDepth(**await ops.pictures())
            ),
            by_priority=_by_priority(lanes),
        ),
        oldest_age_seconds=max((lane.oldest_seconds for lane in waiting), default=None),
        per_minute=per_minute(now, minutes),
        wait=_times(hour, "wait"),
        processing=_times(hour, "processing"),
        errors=_errors(hour),
        error_rate=_error_rate(hour),
        sources=_sources(day),
        spend=_spend(spent),
        models=[
            OpsModelView(
                **model_view(model).model_dump(),
                paused=model.model in stopped,
                permits_used=used.get(model.model, 0),
                permits_allowed=(
                    None if model.requests_per_second is None else model.requests_per_second * 60
                ),
            )
            for model in await parts.model_store.models()
        ],
        workers=workers(now, await parts.worker_store.workers(), await ops.doing()),
        promises=await promise_views(parts),
        alerts=await alert_views(parts, now),
    )


def per_minute(now: datetime, counts: Mapping[tuple[datetime, str], int]) -> list[MinuteView]:
    """The 60 full minutes before `now`, oldest first, with zeros where nothing happened."""
    this = now.replace(second=0, microsecond=0)
    return [
        MinuteView.model_validate(
            {"minute": minute, "kind": kind}
            | {
                name: counts.get((minute, event), 0)
                for name, event in zip(
                    ("arrivals", "completed", "failed", "cancelled"), events, strict=True
                )
            }
        )
        for minute in (this - timedelta(minutes=back) for back in range(60, 0, -1))
        for kind, events in _KINDS.items()
    ]


def workers(now: datetime, seen: Sequence[WorkerSeen], doing: Sequence[Doing]) -> list[WorkerView]:
    """Those that live, and those that hold a job without having said so, each with its jobs."""
    known = {worker.worker: worker for worker in seen}
    hands: dict[str, list[DoingView]] = {name: [] for name in known}
    for one in doing:
        hands.setdefault(one.worker or "?", []).append(
            DoingView(
                job_id=one.job_id,
                kind=one.kind,
                leg=one.kind,
                model=one.model,
                since_seconds=round(max(one.since_seconds, 0.0), 1),
                user_id=one.user_id,
                priority=one.priority,
            )
        )
    return [_worker(name, known.get(name), jobs, now) for name, jobs in hands.items()]


def _worker(name: str, seen: WorkerSeen | None, jobs: list[DoingView], now: datetime) -> WorkerView:
    return WorkerView(
        name=name,
        host=seen.host if seen else None,
        started_seconds=round((now - seen.started_at).total_seconds(), 1) if seen else None,
        silent_seconds=round(seen.silent_seconds, 1) if seen else None,
        slots=seen.concurrency if seen else None,
        busy=len(jobs),
        doing=jobs,
    )


def _prompt_depth(lanes: Sequence[Lane]) -> PromptDepth:
    def jobs(*states: str) -> int:
        return sum(lane.jobs for lane in lanes if lane.state in states)

    return PromptDepth(
        queued=jobs("ready", "delayed", "capped"),
        delayed=jobs("delayed"),
        capped=jobs("capped"),
        processing=jobs("processing"),
    )


def _by_priority(lanes: Sequence[Lane]) -> list[PriorityDepth]:
    found = []
    for priority in range(10, 0, -1):
        own = {lane.state: lane for lane in lanes if lane.priority == priority}
        jobs = {state: lane.jobs for state, lane in own.items()}
        ages = [lane.oldest_seconds for state, lane in own.items() if state != "processing"]
        found.append(
            PriorityDepth(
                priority=priority,
                ready=jobs.get("ready", 0),
                delayed=jobs.get("delayed", 0) + jobs.get("capped", 0),
                processing=jobs.get("processing", 0),
                oldest_seconds=max(ages, default=None),
            )
        )
    return found


def _times(hour: _Past, name: str) -> SpreadView:
    found: Spread = spread({int(label): n for (kind, label), n in hour.items() if kind == name})
    return SpreadView(p50=found.p50, p90=found.p90, p99=found.p99, count=found.count)


def _errors(hour: _Past) -> list[ErrorCount]:
    found = [
        ErrorCount.model_validate({"kind": _FAILED[name], "code": label, "count": n})
        for (name, label), n in hour.items()
        if name in _FAILED
    ]
    return sorted(found, key=lambda one: (-one.count, one.code, one.kind))


def _error_rate(hour: _Past) -> float | None:
    failed = sum(n for (name, _), n in hour.items() if name in _FAILED)
    good = sum(n for (name, _), n in hour.items() if name in {"completed", "picture_succeeded"})
    return round(failed / (failed + good), 4) if failed + good else None


def _sources(day: _Past) -> list[SourceShare]:
    total = sum(day.values())
    found = [
        SourceShare(source=label, count=n, share=round(n / total, 4))
        for (_, label), n in day.items()
    ]
    return sorted(found, key=lambda one: -one.count)


def _spend(spent: Sequence[Spent]) -> Spend:
    return Spend(
        today_usd=float(sum(one.usd for one in spent)),
        by_model=[
            ModelSpend(
                model=one.model,
                provider=one.provider,
                leg=one.leg,
                calls=one.calls,
                unresolved=one.unresolved,
                usd=float(one.usd),
                input_tokens=one.input_tokens,
                output_tokens=one.output_tokens,
            )
            for one in spent
        ],
    )
