"""Puts the HTTP process together: store, api, web, and the cron tick from the worker."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import SecretStr

from prompt_queue import __version__
from prompt_queue.api.clock import DatabaseClock
from prompt_queue.api.estimates import Estimates
from prompt_queue.api.forecasts import Forecasts
from prompt_queue.api.identities import open_identity
from prompt_queue.api.looks import Looks
from prompt_queue.api.rates import RequestRates
from prompt_queue.api.transport import Protocol, Server
from prompt_queue.api.turnstile import Turnstile
from prompt_queue.api.waiting import JobWatch
from prompt_queue.guards.tickets import TicketSigner
from prompt_queue.guards.urls import trusted_authorities
from prompt_queue.jobs.alerts import read_thresholds
from prompt_queue.server import InitReport, Parts, create_app
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID, Settings
from prompt_queue.storage.keyfile import read_or_make_key
from prompt_queue.storage.samples import read_sample, sample_names
from prompt_queue.store.alert_store import AlertStore
from prompt_queue.store.database import Database, DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.embedded import default_data_dir
from prompt_queue.store.event_store import EventStore
from prompt_queue.store.feedback_store import FeedbackStore
from prompt_queue.store.intake import Intake
from prompt_queue.store.key_store import KeyStore
from prompt_queue.store.limit_store import LimitStore
from prompt_queue.store.measure_store import MeasureStore
from prompt_queue.store.migrate import MigrationError, migrate, missing_versions, read_migrations
from prompt_queue.store.model_store import ModelStore
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.ops_store import OpsStore
from prompt_queue.store.outlook import Ladder, look_out
from prompt_queue.store.picture_intake import PictureIntake
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.row_store import RowStore
from prompt_queue.store.wait_store import WaitStore
from prompt_queue.store.webhook_store import WebhookStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import Event, log
from prompt_queue.vitals import LoopLag
from prompt_queue.worker.picture_access import LINK_KEY, link_signer, local_pictures
from prompt_queue.worker.picture_crew import callback_signer
from prompt_queue.worker.run import build_tick, configure, recognition, webhook_secret_source

GRACE_SECONDS = 3
_LIVING_SECONDS = 30.0


class CannotServe(Exception):
    """The server cannot start; the message says why and what to do."""


class SchemaCheck:
    """What the database's schema lacks; once it lacks nothing, only that the database answers."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._complete = False

    async def pending(self) -> Sequence[str]:
        """File names of missing migrations; with the last of them the queue gets its settings.

        Raises MigrationError, DatabaseUnavailable.
        """
        if self._complete:
            await WorkerStore(self._database).facts()
            return ()
        missing = await missing_versions(self._database.dsn, read_migrations())
        if not missing:
            await configure(self._settings, self._database)
        self._complete = not missing
        return [f"{m.version}_{m.name}.sql" for m in missing]


async def open_for_serving(settings: Settings, dsn: str) -> tuple[Database, SchemaCheck]:
    """A database that may be away for now, or without its schema: /api/health/ready says so.

    Raises DatabaseRefused.
    """
    try:
        database = await Database.open(dsn)
    except DatabaseUnavailable as error:
        log(Event.DATABASE_AWAY, level="warning", reason=str(error))
        database = await Database.open(dsn, lazy=True)
        return database, SchemaCheck(settings, database)
    schema = SchemaCheck(settings, database)
    with contextlib.suppress(MigrationError, DatabaseRefused, DatabaseUnavailable):
        await schema.pending()
    return database, schema


async def initialise(settings: Settings, database: Database) -> InitReport:
    """Bring the schema to this version, seed the demo where it is wanted, look at the workers.

    May be repeated. Raises MigrationError, DatabaseUnavailable, DatabaseRefused.
    """
    migrations = read_migrations()
    report = await migrate(database.dsn, migrations)
    await configure(settings, database)
    seeding = settings.demo_mode or settings.seed_demo
    if seeding:
        await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
    workers = await WorkerStore(database).workers()
    return InitReport(
        schema_version=migrations[-1].version,
        applied=[f"{m.version}_{m.name}.sql" for m in report.applied],
        workers=sum(1 for worker in workers if worker.silent_seconds < _LIVING_SECONDS),
        demo_seeded=seeding,
    )


@asynccontextmanager
async def build(settings: Settings, dsn: str) -> AsyncIterator[FastAPI]:
    """The application on an open database, which is closed at the end. Raises DatabaseRefused."""
    database, schema = await open_for_serving(settings, dsn)
    store, worker_store = PromptStore(database), WorkerStore(database)
    data_dir = settings.data_dir or default_data_dir()
    signer = link_signer(data_dir)
    watch = JobWatch(store.find_versions)
    picture_store = PictureStore(database)
    loop_lag = LoopLag()
    lag_watch = asyncio.create_task(loop_lag.run())
    picture_watch = JobWatch(picture_store.versions)

    estimates, waits, ladder = Estimates(store.stats), WaitStore(database), Ladder(settings.models)

    async def database_seconds() -> float:
        return (await worker_store.facts()).clock_seconds

    limits = LimitStore(database)
    clock = DatabaseClock(database_seconds)
    resources = contextlib.AsyncExitStack()
    parts = Parts(
        prompt_store=store,
        intake=Intake(database),
        row_store=RowStore(database),
        worker_store=worker_store,
        event_store=EventStore(database),
        feedback_store=FeedbackStore(database),
        operator_store=OperatorStore(database),
        ops_store=OpsStore(database),
        model_store=ModelStore(database),
        picture_store=picture_store,
        picture_intake=PictureIntake(database),
        picture_watch=picture_watch,
        webhook_store=WebhookStore(database),
        trusted_webhook_hosts=trusted_authorities(settings.trusted_webhook_hosts),
        callbacks=callback_signer(data_dir),
        webhook_secret=webhook_secret_source(settings),
        pictures=local_pictures(data_dir),
        link_signer=signer,
        sample_names=sample_names,
        read_sample=read_sample,
        tick=build_tick(settings, database),
        initialise=lambda: initialise(settings, database),
        pending_migrations=schema.pending,
        clock=clock,
        estimates=estimates,
        forecasts=Forecasts(estimates, lambda stats: look_out(waits, stats, ladder)),
        wait_store=waits,
        looks=Looks(MeasureStore(database).measures),
        alert_store=AlertStore(database),
        limit_store=limits,
        rates=RequestRates(limits),
        turnstile=Turnstile(),
        user_streams=settings.user_streams,
        most_streams=settings.most_streams,
        most_queued=settings.most_queued,
        most_waiting_seconds=settings.most_waiting_seconds,
        loop_lag=loop_lag,
        pool_use=database.use,
        alert_thresholds=read_thresholds(settings.alert_thresholds),
        watch=watch,
        identity=await resources.enter_async_context(
            open_identity(
                None if settings.asks_for_tokens else settings.local_user_id,
                demo=settings.demo_mode,
                issuer=settings.issuer,
                secret=_plain(settings.supabase_jwt_secret),
                supabase_url=settings.supabase_url,
                keys=KeyStore(database),
                clock=clock,
            )
        ),
        asks_for_tokens=settings.asks_for_tokens,
        tickets=TicketSigner(read_or_make_key(data_dir / LINK_KEY)),
        allowed_origins=settings.allowed_origins,
        allowed_hosts=settings.allowed_hosts,
        cron_secret=_plain(settings.cron_secret),
        demo_mode=settings.demo_mode,
        stand_in=settings.stand_in,
        picture_stand_in=settings.picture_stand_in,
        makes_pictures=settings.wavespeed_api_key is not None,
        picture_model=settings.picture_model,
        require_idempotency_key=settings.require_idempotency_key,
        base_url=settings.base_url,
        recognition=recognition(settings, signer),
        max_retries=settings.max_retries,
        upload_max_bytes=settings.upload_max_bytes,
        upload_link_seconds=settings.upload_link_seconds,
        cron_budget_seconds=settings.cron_budget_seconds,
    )
    app = create_app(parts, __version__)
    try:
        yield app
    finally:
        await app.state.live.tailer.close()
        lag_watch.cancel()
        await watch.close()
        await picture_watch.close()
        await resources.aclose()
        await database.close()


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def server_for(app: FastAPI) -> Server:
    """An HTTP server for the application; it is given its socket when it starts."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    parts: Parts = app.state.parts

    def let_go() -> None:
        parts.watch.stop()
        parts.picture_watch.stop()
        app.state.live.tailer.stop()

    return Server(config, let_go)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises CannotServe with a sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers without delay only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"port {port} on {host} is not to be had ({error.strerror}); stop what uses it or "
            "choose another with --port"
        ) from None
    return listener


def serve(settings: Settings, dsn: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotServe, DatabaseRefused."""
    with listen(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, dsn, listener))


async def _serve(settings: Settings, dsn: str, listener: socket.socket) -> None:
    async with build(settings, dsn) as app:
        log(
            Event.SERVER_STARTED,
            level="info" if settings.asks_for_tokens else "warning",
            url=settings.base_url,
            stand_in=settings.stand_in,
            identity=settings.identity_sentence,
        )
        # What was built by now stays; looking through it for garbage held up requests for 90 ms.
        gc.collect()
        gc.freeze()
        await server_for(app).serve(sockets=[listener])
