"""Builds the worker's parts from Settings, and the two ways to run them: for ever, or one pass."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from prompt_queue.dispatch.dispatcher import PROVIDER, Times
from prompt_queue.generation.generator import Generator
from prompt_queue.generation.grok import GrokClient
from prompt_queue.generation.listing import ModelChain, listed_models
from prompt_queue.generation.pictures import PictureSource
from prompt_queue.generation.timeouts import CallTimeouts
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.recognition import Recognition
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.storage_paths import StoragePaths
from prompt_queue.guards.urls import trusted_authorities
from prompt_queue.jobs.alerts import read_thresholds
from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.limits import limits_of, picture_limits
from prompt_queue.jobs.tick import TickReport
from prompt_queue.jobs.webhooks import DeliveryPolicy
from prompt_queue.settings import Settings
from prompt_queue.settings.dispatch import read_words
from prompt_queue.store.database import Database
from prompt_queue.store.embedded import default_data_dir
from prompt_queue.store.flight_store import FlightStore
from prompt_queue.store.limit_store import EVERYBODY, LimitStore, UserLimits
from prompt_queue.store.model_store import ModelStore
from prompt_queue.store.operator_store import OperatorStore, Retention
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.wait_store import WaitStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.worker.alert_watch import AlertWatch
from prompt_queue.worker.crew import Crew, both, run_crew, tick
from prompt_queue.worker.delivery_crew import DeliveryTerms, delivery_loop
from prompt_queue.worker.flights import StoreFlights
from prompt_queue.worker.heartbeat import Heartbeat
from prompt_queue.worker.janitor import Janitor
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.ledger import StoreLedger
from prompt_queue.worker.loop import WorkLoop
from prompt_queue.worker.metrics import metrics_of
from prompt_queue.worker.model_watch import ModelWatch
from prompt_queue.worker.partials import StorePartials
from prompt_queue.worker.patience import patiently
from prompt_queue.worker.picture_access import link_signer, local_pictures, storage_door
from prompt_queue.worker.picture_crew import (
    Bucket,
    PictureAccount,
    dispatch_station,
    secret_source,
)
from prompt_queue.worker.stations import GenerationStation, Station

PICTURE_SECONDS = 30.0


class CannotWork(Exception):
    """The worker cannot be built; the message says which setting is missing."""


def recognition(settings: Settings, signer: LinkSigner) -> Recognition:
    """What the addresses of pictures are compared with."""
    with_storage = settings.supabase_url and settings.supabase_service_key
    return Recognition(
        signer,
        settings.base_url,
        trusted_authorities(settings.trusted_image_hosts),
        StoragePaths(settings.storage_paths) if with_storage else None,
    )


@asynccontextmanager
async def crew(settings: Settings, database: Database) -> AsyncIterator[Crew]:
    """Everything that works on jobs, from plain values. Raises CannotWork."""
    if settings.xai_api_key is None:
        raise CannotWork(
            "XAI_API_KEY is not set; set it, or run `prompt-queue up`, which brings a stand-in"
        )
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    data_dir = settings.data_dir or default_data_dir()
    store = PromptStore(database)
    known = recognition(settings, link_signer(data_dir))
    leases = HeldLeases()
    chain = ModelChain(settings.models)
    api_key = settings.xai_api_key.get_secret_value()
    service_key = settings.supabase_service_key
    longest_call = max(settings.attempt_timeout_seconds, settings.attempt_timeout_max_seconds)
    async with (
        provider_session(settings.xai_api_base) as provider,
        guarded_session(known.trusted) as outside,
        storage_door(
            settings.supabase_url,
            service_key.get_secret_value() if service_key else None,
            settings.signed_url_seconds,
        ) as storage,
        AsyncExitStack() as more,
    ):
        client = GrokClient(
            provider,
            settings.xai_api_base,
            api_key,
            settings.reasoning_effort,
            CallTimeouts(settings.attempt_timeout_seconds, longest_call),
        )
        pictures = PictureSource(outside, local_pictures(data_dir), known, storage=storage)
        flights = None
        if settings.cache_seconds:
            flights = StoreFlights(
                FlightStore(database), seconds=settings.cache_seconds, shared=settings.cache_shared
            )
        partials = StorePartials(WorkerStore(database)) if settings.streaming else None
        station = GenerationStation(
            store,
            Generator(client, pictures, chain, settings.image_mode, flights, partials=partials),
            StoreLedger(store, name),
            retry_policy(settings),
            worker=name,
            lease_seconds=settings.lease_seconds,
            attempt_deadline=longest_call * len(settings.models) + PICTURE_SECONDS,
            models=settings.models,
            patience=settings.outage_seconds,
            flights=flights,
        )
        stations: list[Station] = [station]
        if settings.wavespeed_api_key is not None:
            stations.append(
                await more.enter_async_context(
                    dispatch_station(
                        picture_account(settings, settings.wavespeed_api_key.get_secret_value()),
                        database,
                        pictures,
                        retry_policy(settings),
                        worker=name,
                        lease_seconds=settings.lease_seconds,
                        poll_seconds=settings.poll_seconds,
                    )
                )
            )
        loop = WorkLoop(
            stations,
            leases,
            slots=settings.concurrency,
            claim_limit=settings.claim_limit,
            poll_seconds=settings.poll_seconds,
            drain_seconds=settings.drain_seconds,
        )
        deliveries = await more.enter_async_context(
            delivery_loop(database, delivery_terms(settings), name)
        )
        try:
            yield Crew(
                loop,
                deliveries,
                Janitor(
                    WorkerStore(database),
                    OperatorStore(database),
                    WaitStore(database),
                    Retention(
                        jobs_days=settings.jobs_days,
                        events_days=settings.events_days,
                        ledger_days=settings.ledger_days,
                    ),
                    lease_seconds=settings.lease_seconds,
                    on_work=both(loop.wake, deliveries.wake),
                    poll_seconds=settings.poll_seconds,
                    claimed=lambda: loop.tally["claimed"],
                    alerts=AlertWatch.on(
                        database, read_thresholds(settings.alert_thresholds), settings.local_user_id
                    ),
                ),
                leases,
                Heartbeat(database.dsn, name, settings.concurrency, leases, settings.lease_seconds),
                ModelWatch(
                    chain,
                    ModelStore(database),
                    lambda: listed_models(provider, settings.xai_api_base, api_key),
                ),
                name,
            )
        finally:
            if partials:
                partials.stop()


def delivery_terms(settings: Settings) -> DeliveryTerms:
    """How webhooks are sent."""
    return DeliveryTerms(
        policy=DeliveryPolicy(
            base=settings.webhook_base_seconds,
            tries=settings.webhook_tries,
            disable_after_days=settings.webhook_disable_days,
        ),
        trusted=trusted_authorities(settings.trusted_webhook_hosts),
        base_url=settings.base_url,
        call_seconds=settings.webhook_seconds,
        lease_seconds=settings.lease_seconds,
        at_once=settings.webhook_concurrency,
        poll_seconds=settings.poll_seconds,
        drain_seconds=settings.drain_seconds,
    )


def picture_account(settings: Settings, api_key: str) -> PictureAccount:
    """Where pictures are bought; webhooks come where the provider can reach this server."""
    reachable = settings.base_url.startswith("https://") or settings.picture_stand_in
    return PictureAccount(
        base=settings.wavespeed_api_base,
        api_key=api_key,
        data_dir=settings.data_dir or default_data_dir(),
        public_url=settings.base_url,
        times=Times(reconcile=settings.reconcile_seconds, longest=settings.picture_seconds),
        hears_callbacks=reachable,
        bucket=_bucket(settings),
    )


def _bucket(settings: Settings) -> Bucket | None:
    base, key = settings.supabase_url, settings.supabase_service_key
    name = settings.output_bucket
    if name is None:
        return None
    if base is None or key is None:
        raise CannotWork("PROMPT_QUEUE_OUTPUT_BUCKET needs SUPABASE_URL and its service key")
    return Bucket(base, key.get_secret_value(), name)


def webhook_secret_source(settings: Settings) -> Callable[[], Awaitable[str | None]]:
    """What webhooks are signed with: as set, else as the provider says once; None: not known."""
    given, key = settings.wavespeed_webhook_secret, settings.wavespeed_api_key
    return secret_source(
        given.get_secret_value() if given else None,
        settings.wavespeed_api_base,
        key.get_secret_value() if key else None,
    )


def retry_policy(settings: Settings) -> RetryPolicy:
    """The retry settings, in seconds."""
    return RetryPolicy(
        base_delay=settings.retry_base_delay_ms / 1000,
        max_delay=settings.retry_max_delay_ms / 1000,
        multiplier=settings.retry_multiplier,
        jitter=settings.retry_jitter,
    )


async def configure(settings: Settings, database: Database) -> None:
    """Tell the SQL functions what this process was told."""
    a_second, at_once = picture_limits(settings.wavespeed_level)
    await PromptStore(database).configure(
        settings.row_owner_column,
        user_in_flight_cap=settings.user_in_flight_cap,
        ageing_seconds=settings.ageing_seconds,
        job_seconds=settings.job_seconds or None,
        job_words=read_words(settings.job_words),
        row_words=read_words(settings.row_words),
        pictures_at_once=at_once,
    )
    await LimitStore(database).set(EVERYBODY, UserLimits(**settings.user_limits))
    await ModelStore(database).set_limit(PROVIDER, a_second)
    tier = None if settings.rate_tier == "none" else settings.rate_tier
    for model, limit in limits_of(settings.models, tier, settings.rate_limits).items():
        await ModelStore(database).set_limit(model, limit)


async def run_worker(settings: Settings, dsn: str) -> None:
    """Work until SIGTERM or SIGINT; a second signal hurries. Waits for a database that is away.

    Raises CannotWork, DatabaseRefused.
    """
    direct = settings.database_direct_url
    direct_dsn = direct.get_secret_value() if direct else None
    database = await patiently(lambda: Database.open(dsn, direct_dsn=direct_dsn))
    try:
        await patiently(lambda: configure(settings, database))
        async with (
            crew(settings, database) as parts,
            metrics_of(parts, database, settings.metrics_host, settings.metrics_port),
        ):
            await run_crew(parts, database)
    finally:
        await database.close()


def build_tick(
    settings: Settings, database: Database
) -> Callable[[float], Awaitable[TickReport]] | None:
    """One bounded pass for hosts where no worker runs; None where there is no key to work with."""
    if settings.xai_api_key is None:
        return None
    return lambda budget_seconds: tick(crew(settings, database), database, budget_seconds)
