"""The operator's routes: the processing pass, initialisation, health."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Response

from prompt_queue.api.auth import Needs, PartsOf, require_cron_secret, require_ops_write
from prompt_queue.api.deadline import within
from prompt_queue.api.operator_schemas import (
    AlertView,
    DatabaseHealth,
    Health,
    InitView,
    Live,
    PromiseHealth,
    Ready,
    TickSkipped,
    TickView,
    WorkerState,
)
from prompt_queue.api.ops_views import paused_view
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import Problem, database_away, documented
from prompt_queue.api.views import answer, model_view
from prompt_queue.jobs.alerts import firing
from prompt_queue.jobs.priority import in_words
from prompt_queue.jobs.scopes import Scope
from prompt_queue.store.database import DatabaseUnavailable
from prompt_queue.store.migrate import MigrationError
from prompt_queue.store.model_store import ModelHealth
from prompt_queue.store.prompt_store import QueueStats
from prompt_queue.store.wait_store import Coverage

router = APIRouter(tags=["operation"])
SINGLE_FLIGHT = "prompt-processor"
_READY_SECONDS = 1.0
_HEALTH_SECONDS = 3.0
# A pass may end its last jobs after its budget; the right to be alone outlives that.
_GRACE_SECONDS = 90.0
_STALE_QUEUE_SECONDS = 300.0
PROMISE_HOURS = 24
_CRON = documented(
    "unauthorized", "cron_disabled", "no_provider", "database_unavailable", "schema_behind",
    "misdirected_host", "cross_origin", "unsupported_media_type",
)  # fmt: skip


@router.post(
    "/api/cron/prompt-processor",
    summary="One processing pass",
    response_model=TickView | TickSkipped,
    responses=_CRON,
    dependencies=[Depends(require_cron_secret)],
)
async def process(parts: PartsOf) -> Response:
    """Works for a bounded time where no worker runs; safe beside workers and beside itself."""
    if parts.tick is None:
        raise Problem("no_provider", "XAI_API_KEY is not set, so there is nobody to ask.")
    alone = await parts.worker_store.take_singleton(
        SINGLE_FLIGHT, parts.cron_budget_seconds + _GRACE_SECONDS
    )
    if alone is None:
        return answer(TickSkipped())
    try:
        report = await parts.tick(parts.cron_budget_seconds)
    finally:
        await parts.worker_store.release_singleton(SINGLE_FLIGHT, alone)
    return answer(
        TickView(
            claimed=report.claimed,
            completed=report.completed,
            retried=report.retried,
            postponed=report.postponed,
            failed=report.failed,
            released=report.released,
            rescued=report.rescued,
            submitted=report.submitted,
            pictures=report.pictures,
            webhooks=report.webhooks,
            duration_ms=report.duration_ms,
            more_work=report.more_work,
        )
    )


@router.get(
    "/api/cron/prompt-processor",
    summary="One processing pass, for cron services that only GET",
    response_model=TickView | TickSkipped,
    responses=_CRON,
    dependencies=[Depends(require_cron_secret)],
)
async def process_by_get(parts: PartsOf) -> Response:
    """The same as the POST."""
    return await process(parts)


@router.post(
    "/api/dispatch",
    summary="One dispatch pass",
    response_model=TickView | TickSkipped,
    responses=_CRON,
    dependencies=[Depends(require_cron_secret)],
)
async def dispatch(parts: PartsOf) -> Response:
    """The same pass: it advances prompts and pictures alike."""
    return await process(parts)


@router.post(
    "/api/init",
    summary="Initialise",
    response_model=InitView,
    responses=documented(
        "unauthorized",
        "forbidden",
        "identity_unavailable",
        "cron_disabled",
        "database_unavailable",
        "schema_behind",
        "misdirected_host",
        "cross_origin",
        "unsupported_media_type",
    ),
    dependencies=[Depends(require_ops_write)],
)
async def initialise(parts: PartsOf) -> Response:
    """Applies migrations and checks the schema. May be repeated; normal running needs no call."""
    try:
        report = await parts.initialise()
    except MigrationError as error:
        raise Problem("schema_behind", f"The database cannot be migrated: {error}.") from error
    return answer(
        InitView(
            schema_version=report.schema_version,
            applied=list(report.applied),
            worker=WorkerState(running=report.workers > 0, count=report.workers),
            demo_seeded=report.demo_seeded,
        )
    )


@router.get(
    "/api/health/live",
    summary="Does the process live?",
    response_model=Live,
    responses=documented("misdirected_host"),
)
async def live() -> Response:
    """200 as long as the process answers, whatever the state of the database."""
    return answer(Live())


@router.get(
    "/api/health/ready",
    summary="Can requests be served?",
    response_model=Ready,
    responses=documented("database_unavailable", "schema_behind", "misdirected_host"),
)
async def ready(parts: PartsOf) -> Response:
    """200 when the database answers within a second and has the schema of this version."""
    try:
        missing = await within(_READY_SECONDS, parts.pending_migrations())
    except (DatabaseUnavailable, TimeoutError):
        raise database_away() from None
    except MigrationError as error:
        raise Problem("schema_behind", f"The migrations do not fit: {error}.") from error
    if missing:
        raise Problem(
            "schema_behind",
            f"The database lacks {', '.join(missing)}; run `prompt-queue migrate`.",
        )
    return answer(Ready())


@router.get(
    "/api/health",
    summary="How is the queue?",
    response_model=Health,
    responses=documented(
        "unauthorized",
        "forbidden",
        "identity_unavailable",
        "database_unavailable",
        "schema_behind",
        "misdirected_host",
    ),
    dependencies=[Depends(Needs(Scope.OPS_READ, open_locally=True))],
)
async def health(parts: PartsOf) -> Response:
    """Depth, age, rates, workers and the database, for a dashboard or an alert."""
    try:
        return answer(await within(_HEALTH_SECONDS, _health(parts)))
    except TimeoutError:
        raise database_away() from None


async def _health(parts: Parts) -> Health:
    stats = await parts.estimates.stats()
    facts = await parts.worker_store.facts()
    models = await parts.model_store.models()
    reasons = health_complaints(stats, models)
    for one in (await paused_view(parts)).priorities:
        reasons.append(
            f"Jobs of {in_words(one.from_, one.to)} are paused; "
            f"`prompt-queue resume --band {one.from_}-{one.to}` lets them go on."
        )
    now = datetime.fromtimestamp(facts.clock_seconds, UTC)
    finished = stats.failed_last_hour + stats.completed_last_hour
    return Health(
        status="degraded" if reasons else "ok",
        reasons=reasons,
        queue_depth=stats.total_queued,
        processing=stats.total_processing,
        oldest_queued_seconds=stats.oldest_queued_seconds,
        completed_last_minute=stats.completed_last_minute,
        error_rate_last_hour=round(stats.failed_last_hour / finished, 4) if finished else 0.0,
        average_wait_time=stats.avg_wait_time_seconds,
        workers=stats.workers,
        slots=stats.slots,
        stand_in=parts.stand_in,
        models=[model_view(model) for model in models],
        alerts=await alert_views(parts, now),
        database=DatabaseHealth(
            version=facts.version,
            connections=facts.connections,
            max_connections=facts.max_connections,
        ),
        promises=await promise_views(parts),
    )


async def alert_views(parts: Parts, now: datetime) -> list[AlertView]:
    """The rules whose threshold is passed now."""
    measures = await parts.looks.recent()
    alerts = firing(measures, parts.alert_thresholds) if measures else []
    since = await parts.alert_store.since() if alerts else {}
    return [
        AlertView(
            name=alert.name,
            since=since.get((alert.name, alert.about), now),
            value=alert.value,
            threshold=alert.threshold,
            sentence=alert.sentence,
        )
        for alert in alerts
    ]


async def promise_views(parts: Parts) -> list[PromiseHealth]:
    """How the promises of the last day were kept."""
    return [promise_view(kept) for kept in await parts.wait_store.coverage(PROMISE_HOURS)]


def promise_view(kept: Coverage) -> PromiseHealth:
    """How promises of a kind were kept."""
    return PromiseHealth(
        kind=kept.kind,
        kept=kept.kept,
        scored=kept.scored,
        coverage=kept.coverage,
        hours=PROMISE_HOURS,
        sentence=f"p90 promises kept ({kept.kind}), last {PROMISE_HOURS} h: {kept.coverage:.0%}",
    )


def health_complaints(stats: QueueStats, models: Sequence[ModelHealth] = ()) -> list[str]:
    """A sentence for each thing that an operator should look at."""
    complaints = []
    if stats.paused:
        complaints.append("The queue is paused; `prompt-queue resume` lets it go on.")
    if stats.total_queued and not stats.workers:
        complaints.append("Jobs wait and no worker runs; start `prompt-queue work`.")
    if (stats.oldest_queued_seconds or 0) > _STALE_QUEUE_SECONDS:
        complaints.append("The oldest job has waited for more than five minutes.")
    if stats.failed_last_hour > stats.completed_last_hour:
        complaints.append("More jobs failed than completed within the last hour.")
    for model in models:
        if model.state != "closed":
            complaints.append(
                f"Nobody asks {model.model} ({model.cause}); "
                f"`prompt-queue breaker close {model.model}` lets calls through."
            )
        if model.limited_seconds:
            complaints.append(
                f"{model.model} is rate limited by the provider for another "
                f"{model.limited_seconds:.0f} seconds; jobs wait in the queue."
            )
        if model.listed is False:
            complaints.append(
                f"The provider does not list {model.model}, so it is skipped; "
                "look at PROMPT_QUEUE_MODELS."
            )
    return complaints
