"""Builds the leg from prompt to picture, from plain values."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from prompt_queue.dispatch.dispatcher import PROVIDER, Dispatcher, Pictures, Times
from prompt_queue.dispatch.replies import CallRefused
from prompt_queue.dispatch.saving import Outputs, OutputSaver
from prompt_queue.dispatch.wavespeed import WaveSpeedClient
from prompt_queue.guards.callbacks import CALLBACK_PATH, CallbackSigner
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.spool import NO_ROOM
from prompt_queue.guards.urls import read_url
from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.errors import Transient
from prompt_queue.storage.bucket import PublicBucket
from prompt_queue.storage.keyfile import read_or_make_key
from prompt_queue.storage.local import LocalPictures
from prompt_queue.store.database import Database
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.worker.dispatch_station import DispatchStation, PictureLedger
from prompt_queue.worker.ledger import StoreLedger
from prompt_queue.worker.picture_access import LINK_KEY, link_signer, local_pictures

NEVER = 32_503_680_000
"""When the link of an output closes, in Unix seconds: in the year 3000."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A public bucket of Supabase Storage."""

    base: str
    service_key: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureAccount:
    """Where pictures are bought, and where they stay."""

    base: str
    api_key: str
    data_dir: Path
    public_url: str
    times: Times
    hears_callbacks: bool
    bucket: Bucket | None = None


class LocalOutputs:
    """Outputs beside the uploads, under links that do not close."""

    def __init__(self, pictures: LocalPictures, signer: LinkSigner, public_url: str) -> None:
        self._pictures = pictures
        self._signer = signer
        self._public_url = public_url

    async def save(self, file: BinaryIO, sha256: str, media_type: str) -> str:
        """See `dispatch.saving.Outputs`."""
        try:
            name = await asyncio.to_thread(self._pictures.save_file, file, sha256, media_type)
        except OSError as error:
            raise Transient(NO_ROOM) from error
        return f"{self._public_url}/files/{self._signer.sign(name, NEVER)}"


def callback_signer(data_dir: Path) -> CallbackSigner:
    """Signs and reads the names of submits in callback addresses."""
    return CallbackSigner(read_or_make_key(data_dir / LINK_KEY))


@asynccontextmanager
async def dispatch_station(
    account: PictureAccount,
    database: Database,
    pictures: Pictures,
    policy: RetryPolicy,
    *,
    worker: str,
    lease_seconds: float,
    poll_seconds: float,
) -> AsyncIterator[DispatchStation]:
    """The station, ready to be given to a loop."""
    # Outputs may lie beside the API itself; every other host has to be public.
    beside = frozenset({read_url(account.base).authority})
    async with (
        provider_session(account.base) as session,
        guarded_session(beside) as outside,
        _outputs(account) as outputs,
    ):
        store = PictureStore(database)
        dispatcher = Dispatcher(
            WaveSpeedClient(session, outside, account.base, account.api_key),
            pictures,
            OutputSaver(outside, outputs, account.data_dir),
            store,
            policy,
            times=account.times,
            callback=_callbacks(account),
        )
        ledger = StoreLedger(PromptStore(database), worker, PROVIDER, "picture")
        yield DispatchStation(
            store,
            dispatcher,
            PictureLedger(ledger),
            worker=worker,
            lease_seconds=lease_seconds,
            poll_seconds=poll_seconds,
        )


@asynccontextmanager
async def _outputs(account: PictureAccount) -> AsyncIterator[Outputs]:
    if account.bucket is None:
        yield LocalOutputs(
            local_pictures(account.data_dir), link_signer(account.data_dir), account.public_url
        )
        return
    bucket = account.bucket
    async with provider_session(bucket.base) as session:
        yield PublicBucket(session, bucket.base, bucket.service_key, bucket.name)


def secret_source(
    given: str | None, base: str, api_key: str | None
) -> Callable[[], Awaitable[str | None]]:
    """What webhooks are signed with: as given, else as the provider says once; None: not known."""
    known = given

    async def source() -> str | None:
        nonlocal known
        if known is None and api_key is not None:
            known = await _webhook_secret(base, api_key)
        return known

    return source


async def _webhook_secret(base: str, api_key: str) -> str | None:
    async with provider_session(base) as session, guarded_session() as outside:
        try:
            return await WaveSpeedClient(session, outside, base, api_key).webhook_secret()
        except CallRefused:
            return None


def _callbacks(account: PictureAccount) -> Callable[[UUID], str | None]:
    if not account.hears_callbacks:
        return lambda _call: None
    signer = callback_signer(account.data_dir)
    return lambda call: f"{account.public_url}{CALLBACK_PATH}{signer.token(call)}"
