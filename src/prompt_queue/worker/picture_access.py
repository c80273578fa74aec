"""What stands between a worker and the pictures it fetches, in plain values."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prompt_queue.generation.pictures import StorageDoor
from prompt_queue.guards.egress import guarded_session, provider_session
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.urls import read_url
from prompt_queue.storage.keyfile import read_or_make_key
from prompt_queue.storage.local import LocalPictures
from prompt_queue.storage.supabase import SupabaseStorage

LINK_KEY = "link.key"
PICTURES = "pictures"


def link_signer(data_dir: Path) -> LinkSigner:
    """Signs and verifies the links of uploads; one key for all processes of a data directory."""
    return LinkSigner(read_or_make_key(data_dir / LINK_KEY))


def local_pictures(data_dir: Path) -> LocalPictures:
    """Where uploads lie."""
    return LocalPictures(data_dir / PICTURES)


@asynccontextmanager
async def storage_door(
    base: str | None, service_key: str | None, signed_url_seconds: int
) -> AsyncIterator[StorageDoor | None]:
    """The way into Supabase Storage, where its URL and key are set."""
    if base is None or service_key is None:
        yield None
        return
    only_there = frozenset({read_url(base).authority})
    async with provider_session(base) as to_sign, guarded_session(only_there) as to_fetch:
        signed = SupabaseStorage(to_sign, base, service_key, signed_url_seconds)
        yield StorageDoor(signed, to_fetch)
