"""What the HTTP application is made of; `asgi` fills it in."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from prompt_queue.api.callers import Identity
from prompt_queue.api.clock import DatabaseClock
from prompt_queue.api.estimates import Estimates
from prompt_queue.api.forecasts import Forecasts
from prompt_queue.api.looks import Looks
from prompt_queue.api.rates import RequestRates
from prompt_queue.api.turnstile import Turnstile
from prompt_queue.api.waiting import JobWatch
from prompt_queue.guards.callbacks import CallbackSigner
from prompt_queue.guards.recognition import Recognition
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.tickets import TicketSigner
from prompt_queue.jobs.tick import TickReport
from prompt_queue.storage.local import LocalPictures
from prompt_queue.store.alert_store import AlertStore
from prompt_queue.store.event_store import EventStore
from prompt_queue.store.feedback_store import FeedbackStore
from prompt_queue.store.intake import Intake
from prompt_queue.store.limit_store import LimitStore
from prompt_queue.store.model_store import ModelStore
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.ops_store import OpsStore
from prompt_queue.store.picture_intake import PictureIntake
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.row_store import RowStore
from prompt_queue.store.wait_store import WaitStore
from prompt_queue.store.webhook_store import WebhookStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.vitals import LoopLag


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """The schema version now, the migrations that were applied, and the living workers."""

    schema_version: str
    applied: Sequence[str]
    workers: int
    demo_seeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that routes use. Sizes are in bytes, durations in seconds.

    `read_sample` blocks and raises PictureMissing. `tick` is None where no provider key is set.
    `pool_use` is how many connections to the database are open, and how many of them idle.
    `pending_migrations` names what the schema lacks, and raises MigrationError or
    DatabaseUnavailable.
    """

    prompt_store: PromptStore
    intake: Intake
    row_store: RowStore
    worker_store: WorkerStore
    event_store: EventStore
    feedback_store: FeedbackStore
    operator_store: OperatorStore
    ops_store: OpsStore
    model_store: ModelStore
    picture_store: PictureStore
    picture_intake: PictureIntake
    picture_watch: JobWatch
    webhook_store: WebhookStore
    trusted_webhook_hosts: frozenset[str]
    callbacks: CallbackSigner
    webhook_secret: Callable[[], Awaitable[str | None]]
    pictures: LocalPictures
    link_signer: LinkSigner
    sample_names: Callable[[], Sequence[str]]
    read_sample: Callable[[str], bytes]
    tick: Callable[[float], Awaitable[TickReport]] | None
    initialise: Callable[[], Awaitable[InitReport]]
    pending_migrations: Callable[[], Coroutine[Any, Any, Sequence[str]]]
    clock: DatabaseClock
    estimates: Estimates
    forecasts: Forecasts
    wait_store: WaitStore
    looks: Looks
    alert_store: AlertStore
    limit_store: LimitStore
    rates: RequestRates
    turnstile: Turnstile
    user_streams: int
    most_streams: int
    most_queued: int | None
    most_waiting_seconds: float | None
    loop_lag: LoopLag
    pool_use: Callable[[], tuple[int, int]]
    alert_thresholds: Mapping[str, float]
    watch: JobWatch
    identity: Identity
    asks_for_tokens: bool
    tickets: TicketSigner
    allowed_origins: Sequence[str]
    allowed_hosts: Sequence[str]
    cron_secret: str | None
    demo_mode: bool
    stand_in: bool
    picture_stand_in: bool
    makes_pictures: bool
    picture_model: str
    require_idempotency_key: bool
    base_url: str
    recognition: Recognition
    max_retries: int
    upload_max_bytes: int
    upload_link_seconds: int
    cron_budget_seconds: float


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    parts: Parts = request.app.state.parts
    return parts
